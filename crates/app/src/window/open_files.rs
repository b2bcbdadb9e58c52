//! Files that a person opens or drops: a model's folder, an experiment, a result, a figure.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::Receiver;
use egui::Context;
use whyfinder_experiment::{
    Experiment, ImageMethod, ImportSettings, InstrumentSettings, Outcome, OutsideFile,
    read_experiment, read_result,
};

use whyfinder_figure::{Origin, may_hold_origin, open_origin};
use whyfinder_import::{
    Asked, Import, ImportError, import, import_contents, is_foreign, plan, read_contents,
};
use whyfinder_model::network::is_network;

use super::application::Application;
use super::images::{ImageCommand, is_picture};
use super::imports::AxesQuestion;
use super::question::Question;
use super::results::{Results, RunResult, TraceResult};
use super::saving::note_recent_file;
use super::selection::Selection;
use super::state::{Notice, NoticeAction};

/// A file that is being read away from the window's thread.
#[derive(Debug)]
pub(crate) struct Reading {
    path: PathBuf,
    /// Networks that are asked the same, if it is an experiment.
    beside: Vec<PathBuf>,
    content: Receiver<Result<Content, String>>,
}

#[derive(Debug)]
enum Content {
    Experiment(Box<Experiment>),
    Result(Box<Outcome>),
    Figure(Box<Origin>),
    Foreign(Box<Import>),
    /// A file of another program that does not say what it holds.
    Unclear(Box<AxesQuestion>),
}

type Reader = fn(&Path) -> Result<Content, String>;

/// What a path is, by its ending; `None` for what belongs to a model.
fn reader(path: &Path) -> Option<Reader> {
    let part_of_a_model = path
        .parent()
        .is_some_and(|folder| folder.join("config.json").is_file());
    match path.extension().and_then(|e| e.to_str()) {
        Some("npz") => Some(|path| {
            let outcome = read_result(path).map_err(|e| e.to_string())?;
            Ok(Content::Result(Box::new(outcome)))
        }),
        Some("svg" | "pdf" | "png") => Some(|path| {
            let origin = open_origin(path).map_err(|e| e.to_string())?;
            Ok(Content::Figure(Box::new(origin)))
        }),
        Some("toml" | "json") if !part_of_a_model => Some(|path| {
            let experiment = read_experiment(path, &[]).map_err(|e| e.to_string())?;
            Ok(Content::Experiment(Box::new(experiment)))
        }),
        _ => None,
    }
}

/// Whether a picture is a figure of this program, told from its first bytes.
pub(super) fn is_figure(path: &Path) -> bool {
    let mut head = Vec::new();
    let read =
        OutsideFile::open(path).and_then(|file| file.file().take(4096).read_to_end(&mut head));
    read.is_ok() && may_hold_origin(&head)
}

/// Whether a file holds the weights of a network by itself, not as a part of a language model's folder; or the name of
/// a bundled network.
fn is_weights(path: &Path) -> bool {
    if is_foreign(path) {
        return false;
    }
    let of_a_folder = path
        .file_stem()
        .and_then(|s| s.to_str())
        .is_some_and(|stem| stem == "model" || stem.starts_with("model-0"));
    let reference = path.display().to_string();
    let there = path.is_file() || reference.starts_with("demo:");
    there && !of_a_folder && is_network(&reference)
}

/// A file's name without its folder.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// What files that are dropped together are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// Networks that are compared, if there is more than one.
    pub(crate) networks: Vec<PathBuf>,
    /// The input, and what the output should be.
    pub(crate) pictures: Vec<PathBuf>,
    /// Anything else.
    pub(crate) others: Vec<PathBuf>,
}

impl Dropped {
    pub(crate) fn of(paths: &[PathBuf]) -> Self {
        let mut dropped = Self::default();
        for path in paths {
            let kind = if is_picture(path) && !is_figure(path) {
                &mut dropped.pictures
            } else if is_weights(path) {
                &mut dropped.networks
            } else {
                &mut dropped.others
            };
            kind.push(path.clone());
        }
        dropped
    }

    /// What is opened of the others: the first one, if nothing else came with it, or only networks that an experiment's
    /// question is put to as well.
    fn other(&self) -> Option<&Path> {
        let other = self.others.first()?;
        let asks = other
            .extension()
            .is_some_and(|e| e == "toml" || e == "json");
        (self.pictures.is_empty() && (self.networks.is_empty() || asks)).then_some(other)
    }

    /// Files that are not opened.
    fn left_out(&self) -> Vec<String> {
        let others = self.others.iter().skip(usize::from(self.other().is_some()));
        let pictures = self.pictures.iter().skip(2);
        others.chain(pictures).map(|p| file_name(p)).collect()
    }
}

impl Application {
    /// Opens what was dropped, or named on the command line, together: networks beside each other, of pictures the first
    /// as the input.
    pub(super) fn open_dropped(&mut self, ctx: &Context, paths: &[PathBuf]) {
        match paths {
            [] => return,
            [path] => return self.open_path(ctx, path),
            _ => {}
        }
        let dropped = Dropped::of(paths);
        if let Some(other) = dropped.other() {
            self.open_path(ctx, other);
            if let Some(reading) = &mut self.reading {
                reading.beside.clone_from(&dropped.networks);
            }
            self.say_left_out(&dropped);
            return;
        }
        match dropped.networks.as_slice() {
            [] => {}
            [network] => self.open_model(network.display().to_string()),
            networks => {
                let references = networks.iter().map(|n| n.display().to_string());
                self.compare_networks(references.collect());
            }
        }
        match dropped.pictures.as_slice() {
            [] => {}
            [picture] => self.open_path(ctx, picture),
            [input, truth, ..] => {
                self.apply_image(ctx, ImageCommand::OpenInput(input.clone()));
                self.state.notice = Some(Notice {
                    title: "Two pictures were dropped".into(),
                    message: format!(
                        "{} is the input now. If {} is what the output should be, it can be compared with.",
                        file_name(input),
                        file_name(truth)
                    ),
                    action: NoticeAction::UseTruth(truth.clone()),
                });
            }
        }
        self.say_left_out(&dropped);
    }

    fn say_left_out(&mut self, dropped: &Dropped) {
        let left_out = dropped.left_out();
        if !left_out.is_empty() {
            let sentence = format!("Not opened: {}.", left_out.join(", "));
            match &mut self.state.notice {
                Some(notice) => notice.message = format!("{} {sentence}", notice.message),
                None => {
                    self.state.notice = Some(Notice {
                        title: "Not all files were opened".into(),
                        message: sentence,
                        action: NoticeAction::None,
                    });
                }
            }
        }
    }

    /// Opens a folder or a file; a file of a model means the folder around it, and what is no path a model's name.
    pub(super) fn open_path(&mut self, ctx: &Context, path: &Path) {
        if is_picture(path) && path.is_file() && !is_figure(path) {
            self.close_import();
            self.apply_image(ctx, ImageCommand::OpenPicture(path.to_path_buf()));
            return;
        }
        if is_foreign(path) {
            let asked = self.asked_first.clone();
            self.read_foreign(ctx, path, asked, false);
            return;
        }
        if is_weights(path) {
            self.open_model(path.display().to_string());
            return;
        }
        let Some(read) = reader(path).filter(|_| path.is_file()) else {
            let folder = if path.is_file() { path.parent() } else { None };
            self.open_model(folder.unwrap_or(path).display().to_string());
            return;
        };
        let file = path.to_path_buf();
        self.read_aside(ctx, path, move || read(&file));
    }

    /// Reads away from the window's thread; [`Application::take_read_file`] takes what comes.
    fn read_aside(
        &mut self,
        ctx: &Context,
        path: &Path,
        read: impl FnOnce() -> Result<Content, String> + Send + 'static,
    ) {
        let (send, content) = crossbeam_channel::bounded(1);
        let wake = ctx.clone();
        let spawned = std::thread::Builder::new()
            .name("open file".into())
            .spawn(move || {
                // Fails only if the window is gone.
                send.send(read()).ok();
                wake.request_repaint();
            });
        if spawned.is_ok() {
            self.reading = Some(Reading {
                path: path.to_path_buf(),
                beside: Vec::new(),
                content,
            });
        }
    }

    /// Reads another program's file, and asks what it means where it does not say, or where `ask` wants it.
    pub(super) fn read_foreign(&mut self, ctx: &Context, path: &Path, asked: Asked, ask: bool) {
        let file = path.to_path_buf();
        self.read_aside(ctx, path, move || {
            if !ask {
                match import(&file, &asked) {
                    Ok(read) => return Ok(Content::Foreign(Box::new(read))),
                    Err(ImportError::Unclear { .. }) => {}
                    Err(error) => return Err(error.to_string()),
                }
            }
            let contents = read_contents(&file, asked.limits).map_err(|e| e.to_string())?;
            let guess = plan(&contents, &asked).map_err(|e| e.to_string())?;
            let question = AxesQuestion::new(file, Arc::new(contents), asked, guess);
            Ok(Content::Unclear(Box::new(question)))
        });
    }

    /// Reads a file as the person says.
    pub(super) fn read_as_said(&mut self, ctx: &Context, question: AxesQuestion) {
        let path = question.path.clone();
        self.read_aside(ctx, &path, move || {
            let mut asked = question.asked;
            asked.axes.clone_from(&question.plan.axes);
            if let [only] = question.plan.arrays.as_slice() {
                asked.array = Some(only.clone());
            }
            import_contents(&question.contents, &question.path, &question.plan, &asked)
                .map(|read| Content::Foreign(Box::new(read)))
                .map_err(|e| e.to_string())
        });
    }

    /// Takes a file that has been read.
    pub(super) fn take_read_file(&mut self, ctx: &Context) {
        let Some(reading) = self.reading.take() else {
            return;
        };
        let Ok(content) = reading.content.try_recv() else {
            self.reading = Some(reading);
            return;
        };
        let name = file_name(&reading.path);
        let path = reading.path.clone();
        if content.is_ok() {
            self.begin_anew();
        }
        match content {
            Ok(Content::Experiment(experiment)) => {
                let about_pictures =
                    matches!(experiment.instrument, InstrumentSettings::Image { .. });
                let beside = if about_pictures {
                    reading.beside
                } else {
                    Vec::new()
                };
                if !beside.is_empty() {
                    let mut question = self.state.question.clone();
                    question.images.networks.clear();
                    self.change(question, false);
                }
                self.put(ctx, &experiment, true);
                for network in beside {
                    let network = network.display().to_string();
                    self.apply_image(ctx, ImageCommand::AddNetwork(network));
                }
                self.came_from(&path, true);
            }
            Ok(Content::Figure(origin)) => {
                self.open_figure(ctx, origin);
                self.came_from(&path, false);
            }
            Ok(Content::Foreign(read)) => {
                self.show_import(*read);
                note_recent_file(&mut self.state.recent_files, &path);
            }
            Ok(Content::Unclear(question)) => {
                self.state.notice = None;
                self.state.axes = Some(*question);
            }
            Ok(Content::Result(outcome))
                if matches!(
                    outcome.experiment.instrument,
                    InstrumentSettings::Import { .. }
                ) =>
            {
                self.show_import(Import {
                    outcome: *outcome,
                    arrays: Vec::new(),
                });
            }
            Ok(Content::Result(outcome)) => {
                self.state.finished.keep(&Arc::new((*outcome).clone()));
                self.put(ctx, &outcome.experiment, false);
                self.show_outcome(&outcome);
                self.came_from(&path, false);
                self.note_finished(&Arc::new(*outcome));
            }
            Err(message) => self.could_not_import(&name, message),
        }
    }

    /// Puts the question of an experiment to its model.
    pub(super) fn put(&mut self, ctx: &Context, experiment: &Experiment, run: bool) {
        if let InstrumentSettings::Import { import } = &experiment.instrument {
            self.read_again(ctx, import);
            return;
        }
        self.close_import();
        if let InstrumentSettings::Image { input, method } = &experiment.instrument {
            let mut question = self.state.question.clone();
            question.seed = experiment.seed;
            question.images.take(&experiment.model, input, method);
            self.change(question, false);
            self.undo_steps.pause();
            self.open_model(experiment.model.clone());
            if run && *method != ImageMethod::Restore {
                self.run_image();
            }
            return;
        }
        let question = Question::of_experiment(experiment);
        let tokens = experiment.input.subject_tokens;
        self.subject_at = tokens.map(|at| (question.prompt.clone(), at));
        self.change(question, false);
        self.undo_steps.pause();
        if self.state.model_reference() != Some(&experiment.model) {
            self.open_model(experiment.model.clone());
        }
        self.tokenize_soon(ctx);
        if run {
            self.ask();
        }
    }

    /// Reads numbers of another program once more, from the file that they came from.
    fn read_again(&mut self, ctx: &Context, settings: &ImportSettings) {
        let (Some(file), Ok(asked)) = (settings.files.first(), Asked::again(settings)) else {
            self.could_not_import(
                "the numbers",
                "They came from a running program, and no file holds them.".into(),
            );
            return;
        };
        if file.path.is_file() {
            self.read_foreign(ctx, &file.path.clone(), asked, false);
        } else {
            let message = format!(
                "Another program computed these numbers, and their file is not here: {} (BLAKE3 {}).",
                file.path.display(),
                file.digest
            );
            self.could_not_import(&file_name(&file.path), message);
        }
    }

    /// Shows a result as if it had just been measured.
    fn show_outcome(&mut self, outcome: &Outcome) {
        self.last_job += 1;
        let version = self.last_job << 24;
        self.state.gallery_open = false;
        if let InstrumentSettings::Image { .. } = &outcome.experiment.instrument {
            self.show_image_outcome(outcome, version);
            return;
        }
        self.state.results = Results::default();
        self.state.selection = Selection::default();
        match &outcome.experiment.instrument {
            InstrumentSettings::Run { .. } => {
                let mut run = RunResult::waiting(outcome.experiment.clone(), version);
                run.finish(outcome, 0);
                self.state.results.run = Some(run);
                self.select_something_in_the_run();
            }
            InstrumentSettings::CausalTrace { .. } => {
                let mut trace = TraceResult::waiting(outcome.experiment.clone(), version);
                trace.finish(outcome);
                self.state.results.trace = Some(trace);
                self.select_something_in_the_trace();
            }
            InstrumentSettings::Image { .. } | InstrumentSettings::Import { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_dropped_together_are_sorted_by_what_they_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, "").expect("a file");
            path
        };
        let paths = [
            "a.png",
            "x.pth",
            "b.PNG",
            "c.png",
            "y.safetensors",
            "e.toml",
        ]
        .map(at);
        let dropped = Dropped::of(&paths);
        let names = |paths: &[PathBuf]| paths.iter().map(|p| file_name(p)).collect::<Vec<_>>();
        assert_eq!(names(&dropped.networks), ["x.pth", "y.safetensors"]);
        assert_eq!(names(&dropped.pictures), ["a.png", "b.PNG", "c.png"]);
        assert_eq!(dropped.left_out(), ["e.toml", "c.png"]);
        let asked = Dropped::of(&["x.pth", "e.toml", "f.toml"].map(at));
        assert_eq!(asked.other(), Some(folder.path().join("e.toml").as_path()));
        assert_eq!(asked.left_out(), ["f.toml"]);
    }
}
