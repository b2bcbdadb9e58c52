//! Everything that the window shows, as plain data. Only the application changes it, by applying commands and events.

use std::path::PathBuf;
use std::sync::Arc;

use whyfinder_instrument::Progress;
use whyfinder_worker::JobId;
use whyfinder_worker::protocol::{OpenedModel, Tokenized};

use super::export::{Export, Finished};
use super::images::Images;
use super::images::state::{ImageJob, Part};
use super::imports::{AxesQuestion, Imported};
use super::question::Question;
use super::results::Results;
use super::run_history::RunHistory;
use super::saving::{OpenFile, RecentFile};
use super::selection::Selection;
use super::theme::Appearance;

/// What is shown, what is selected and what is under way.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub model: ModelState,
    pub question: Question,
    /// The prompt as the model reads it; may lag behind the prompt by a moment.
    pub tokens: Option<Tokenized>,
    pub jobs: Jobs,
    pub results: Results,
    pub selection: Selection,
    /// Networks that turn pictures into pictures, and their answers.
    pub images: Images,
    pub appearance: Appearance,
    /// References of models opened before, the latest first.
    pub recent: Vec<String>,
    /// The gallery covers the three columns.
    pub gallery_open: bool,
    pub palette_open: bool,
    /// What could not be done, until it is dismissed or something succeeds.
    pub notice: Option<Notice>,
    /// A short confirmation at the foot, with the time it was said (seconds of the context's clock).
    pub said: Option<(String, f64)>,
    /// The figure that is being made, while its dialog is open.
    pub export: Option<Export>,
    /// The last whole answers: what figures are made of.
    pub finished: Finished,
    /// Numbers of another program, in place of a model's answers.
    pub imported: Option<Imported>,
    /// A file whose meaning is being asked for.
    pub axes: Option<AxesQuestion>,
    /// Scene that the question came from.
    pub scene: Option<usize>,
    /// The runs so far, and what each came from.
    pub run_history: RunHistory,
    /// The file that the question came from or was saved to.
    pub file: Option<OpenFile>,
    /// Files opened or saved before, the latest first.
    pub recent_files: Vec<RecentFile>,
}

/// The model on screen and the one on its way.
#[derive(Clone, Debug, Default)]
pub struct ModelState {
    pub open: Option<Arc<OpenedModel>>,
    /// Reference of a model that is being opened.
    pub opening: Option<String>,
}

/// A message that stays until it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub title: String,
    /// A whole sentence: what failed, on what, what to do.
    pub message: String,
    pub action: NoticeAction,
}

/// What a notice offers to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoticeAction {
    OpenAnother,
    ChoosePicture,
    ChooseTruth,
    /// Takes a file that was dropped with the input for what the output should be.
    UseTruth(PathBuf),
    /// Asks under what other name the question is saved.
    SaveElsewhere,
    None,
}

/// What the worker is doing for the window.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    pub run: Option<Job>,
    pub trace: Option<Job>,
    /// Work on pictures, in the order in which it was asked for.
    pub images: Vec<ImageJob>,
    /// Why the last run and the last trace stopped short.
    pub run_failure: Option<String>,
    pub trace_failure: Option<String>,
}

/// Work that was asked for and has not ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job {
    pub id: JobId,
    pub phase: Phase,
    pub progress: Option<Progress>,
}

/// How far the worker has got with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Queued,
    Running,
    Cancelling,
}

impl Job {
    /// A job that has just been asked for.
    pub fn queued(id: JobId) -> Self {
        Self {
            id,
            phase: Phase::Queued,
            progress: None,
        }
    }
}

impl Jobs {
    /// The job that the foot speaks of: the one at work, else the one waiting.
    pub fn current(&self) -> Option<(&'static str, &Job)> {
        // The attention follows the pointer: a bar that comes and goes with it would tell nothing.
        let mut spoken_of = self.images.iter().filter(|j| j.part != Part::Attention);
        let first = spoken_of.clone().next();
        let image = spoken_of.find(|j| j.job.phase != Phase::Queued).or(first);
        if let Some(image) = image {
            return Some((image.part.words(), &image.job));
        }
        let run = self.run.as_ref().map(|j| ("Reading the prompt", j));
        let trace = self.trace.as_ref().map(|j| ("Tracing", j));
        match (run, trace) {
            (Some(r), Some(t)) if t.1.phase == Phase::Running && r.1.phase != Phase::Running => {
                Some(t)
            }
            (Some(r), _) => Some(r),
            (None, t) => t,
        }
    }

    /// Whether anything is under way.
    pub fn busy(&self) -> bool {
        self.run.is_some() || self.trace.is_some() || !self.images.is_empty()
    }
}

impl State {
    /// Whether the open model turns pictures into pictures.
    pub fn is_about_images(&self) -> bool {
        self.imported.is_none() && self.model.open.as_ref().is_some_and(|m| m.image.is_some())
    }

    /// The reference that experiments name: the open model, or the one being opened.
    pub fn model_reference(&self) -> Option<&str> {
        match (&self.model.opening, &self.model.open) {
            (Some(opening), _) => Some(opening),
            (None, Some(open)) => Some(&open.reference),
            (None, None) => None,
        }
    }

    /// The tokens of the prompt as it stands now.
    pub fn current_tokens(&self) -> Option<&Tokenized> {
        self.tokens
            .as_ref()
            .filter(|t| t.text == self.question.prompt && t.error.is_none())
    }

    /// The subject's tokens, half-open.
    pub fn subject_tokens(&self) -> Option<[usize; 2]> {
        if let Some(imported) = &self.imported {
            return imported.outcome.summary.subject;
        }
        self.question
            .subject
            .as_ref()?
            .tokens(self.tokens.as_ref()?)
    }

    /// Whether the run on screen answers the question as it stands, or will once it is done.
    pub fn run_is_current(&self) -> bool {
        let Some(model) = self.model_reference() else {
            return false;
        };
        self.results.run.as_ref().is_some_and(|r| {
            (r.complete || self.jobs.run.is_some())
                && r.answers(&self.question.run_experiment(model))
        })
    }

    /// Whether the trace on screen answers the question as it stands, or will once it is done.
    pub fn trace_is_current(&self) -> bool {
        let wanted = self
            .model_reference()
            .and_then(|m| self.question.trace_experiment(m, self.tokens.as_ref()));
        match (&self.results.trace, wanted) {
            (Some(trace), Some(wanted)) => {
                let mut asked = trace.experiment.clone();
                // The words of a subject and its tokens name the same cause.
                if let (Some(_), Some(found)) = (&asked.input.subject, trace.summary.subject) {
                    asked.input.subject = None;
                    asked.input.subject_tokens = Some(found);
                }
                (trace.complete || self.jobs.trace.is_some()) && asked == wanted
            }
            (None, None) => true,
            _ => false,
        }
    }
}
