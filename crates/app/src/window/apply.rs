//! What each command does: the only place, with the events of the worker, where the state changes.

use egui::Context;
use whyfinder_experiment::{InstrumentSettings, Metric};
use whyfinder_worker::{JobId, Request};

use super::application::Application;
use super::command::Command;
use super::dialogs::Wanted;
use super::images::ImageCommand;
use super::layout::{Kind, Layout};
use super::prompt_bar;
use super::question::{Question, Subject};
use super::results::{RunResult, TraceResult};
use super::saving::FileCommand;
use super::selection::Selection;
use super::state::{Job, Notice, NoticeAction, Phase};

impl Application {
    pub(super) fn apply(&mut self, ctx: &Context, command: Command) {
        let asks_otherwise = matches!(
            command,
            Command::OpenModel(_) | Command::SetPrompt(_) | Command::Edit(_) | Command::RunScene(_)
        );
        // Of another question the figure says nothing.
        self.figure_awaited &= !asks_otherwise;
        match command {
            Command::OpenModel(reference) => self.open_model(reference),
            Command::ChooseModel => self.ask_for(ctx, Wanted::ModelFolder),
            Command::ChooseWeights => self.ask_for(ctx, Wanted::Weights),
            Command::Import(command) => self.apply_import(ctx, command),
            Command::Image(command) => self.apply_image(ctx, command),
            Command::SetPrompt(prompt) => {
                let mut q = self.state.question.clone();
                q.prompt = prompt;
                q.forget_what_left_the_prompt();
                self.change(q, true);
                self.state.scene = None;
                self.tokenize_soon(ctx);
            }
            Command::Edit(question) => {
                // A value that is being dragged is one step, and is traced where it is let go.
                let dragging = ctx.input(|i| i.pointer.any_down());
                self.change(*question, dragging);
                if self.state.is_about_images() {
                    self.ask_when_released = true;
                } else if dragging {
                    self.trace_when_released = true;
                } else {
                    self.trace_again();
                }
            }
            Command::Ask if self.state.imported.is_some() => {
                self.say(
                    ctx,
                    "Another program computed these numbers; there is nothing to run",
                );
            }
            Command::Ask if self.state.is_about_images() => self.run_image(),
            Command::Ask => self.ask(),
            Command::MarkSubject(from, to) => self.mark_subject(from, to),
            Command::ClearSubject => self.edit(|q| q.subject = None),
            Command::SetAnswer(answer) => self.edit(|q| q.answer = answer),
            Command::SetFoil(foil) => self.edit(|q| {
                q.foil = foil;
                if q.foil.is_none() && q.trace.metric.needs_foil() {
                    q.trace.metric = Metric::Logit;
                }
            }),
            Command::RunScene(index) => self.run_scene(ctx, index),
            Command::Cancel => self.cancel_jobs(),
            Command::Select(selection) => self.select(selection),
            Command::ShowGallery(open) => self.state.gallery_open = open,
            Command::ShowPalette(open) => self.state.palette_open = open,
            Command::ToggleAppearance => {
                self.state.appearance = self.state.appearance.other();
                self.wear_theme(ctx);
            }
            Command::ResetLayout => {
                self.layout = Layout::of(Kind::Language);
                self.pictures_layout = Layout::of(Kind::Pictures);
                self.import_layouts = Layout::of_imports();
            }
            Command::Undo => self.step(ctx, true),
            Command::Redo => self.step(ctx, false),
            Command::CopyPicture => self.copy_picture(ctx),
            Command::CopyNumbers => self.copy_numbers(ctx),
            Command::Export(command) => self.apply_export(ctx, command),
            Command::File(command) => self.apply_file(ctx, command),
            Command::RunHistory(command) => self.apply_run_history(ctx, command),
            Command::DismissNotice => self.state.notice = None,
            Command::Act(action) => self.act(ctx, action),
            Command::FocusPrompt => ctx.memory_mut(|m| m.request_focus(prompt_bar::prompt_id())),
            Command::ZoomIn => self.zoom(ctx, 1.1),
            Command::ZoomOut => self.zoom(ctx, 1.0 / 1.1),
            Command::ZoomReset => ctx.set_zoom_factor(1.0),
        }
    }

    fn zoom(&mut self, ctx: &Context, factor: f32) {
        ctx.set_zoom_factor((ctx.zoom_factor() * factor).clamp(0.5, 3.0));
    }

    fn act(&mut self, ctx: &Context, action: NoticeAction) {
        self.state.notice = None;
        match action {
            NoticeAction::OpenAnother if self.state.is_about_images() => {
                self.apply(ctx, Command::ChooseWeights);
            }
            NoticeAction::OpenAnother => self.apply(ctx, Command::ChooseModel),
            NoticeAction::ChoosePicture => {
                self.apply(ctx, Command::Image(ImageCommand::ChoosePicture));
            }
            NoticeAction::ChooseTruth => {
                self.apply(ctx, Command::Image(ImageCommand::ChooseTruth));
            }
            NoticeAction::UseTruth(path) => {
                self.apply(ctx, Command::Image(ImageCommand::OpenTruth(path)));
            }
            NoticeAction::SaveElsewhere => self.apply_file(ctx, FileCommand::SaveAs),
            NoticeAction::None => {}
        }
    }

    /// Asks for a folder or a file; the answer comes in a later frame.
    pub(super) fn ask_for(&mut self, ctx: &Context, wanted: Wanted) {
        self.wanted = wanted;
        let wake = ctx.clone();
        self.dialogs
            .ask(wanted, Box::new(move || wake.request_repaint()));
    }

    /// Opens a model; the one that is open stays until the new one is there.
    pub(super) fn open_model(&mut self, reference: String) {
        self.close_import();
        self.state.notice = None;
        self.state.model.opening = Some(reference.clone());
        self.background.send(Request::Open { model: reference });
    }

    /// Puts a changed question in place, keeping the old one for undo.
    pub(super) fn change(&mut self, question: Question, typing: bool) {
        if question != self.state.question {
            self.undo_steps.note(&self.state.question, typing);
            self.state.question = question;
        }
    }

    fn edit(&mut self, change: impl FnOnce(&mut Question)) {
        let mut q = self.state.question.clone();
        change(&mut q);
        self.change(q, false);
        self.trace_again();
    }

    fn mark_subject(&mut self, from: usize, to: usize) {
        let subject = self
            .state
            .current_tokens()
            .and_then(|t| Subject::of_tokens(t, from, to));
        if subject.is_some() {
            self.edit(|q| q.subject = subject);
        }
    }

    fn step(&mut self, ctx: &Context, back: bool) {
        let now = self.state.question.clone();
        let question = if back {
            self.undo_steps.undo(&now)
        } else {
            self.undo_steps.redo(&now)
        };
        match question {
            Some(question) => {
                let prompt_changed = question.prompt != now.prompt;
                self.state.question = question;
                if self.state.is_about_images() {
                    self.follow_active_network();
                    self.ask_image_again();
                } else if prompt_changed {
                    self.tokenize_soon(ctx);
                } else {
                    self.trace_again();
                }
            }
            None => {
                let words = if back {
                    "Nothing to undo"
                } else {
                    "Nothing to redo"
                };
                self.say(ctx, words);
            }
        }
    }

    /// What comes next came from no run, and from no file.
    pub(super) fn begin_anew(&mut self) {
        self.remember_view();
        self.state.run_history.current = None;
        self.state.run_history.compared = None;
        self.state.file = None;
    }

    fn run_scene(&mut self, ctx: &Context, index: usize) {
        let Some(scene) = self.scenes.get(index) else {
            return;
        };
        let (experiment, beside) = (scene.experiment.clone(), scene.beside.clone());
        self.state.scene = Some(index);
        self.begin_anew();
        // A scene opens at what it shows, not at what was looked at before.
        self.state.selection = Selection::default();
        self.chosen_by_hand = false;
        if let InstrumentSettings::Image { .. } = &experiment.instrument {
            // A scene shows its own networks, and no others that were compared before.
            let mut question = self.state.question.clone();
            question.images.networks.clear();
            self.change(question, false);
        }
        self.put(ctx, &experiment, true);
        for network in beside {
            self.apply_image(ctx, ImageCommand::AddNetwork(network));
        }
    }

    /// Runs the prompt, and the trace behind it where there is a cause to trace. A run under way is cancelled.
    pub(super) fn ask(&mut self) {
        self.undo_steps.pause();
        let Some(model) = self.state.model_reference().map(str::to_string) else {
            self.state.notice = Some(Notice {
                title: "No model is open".into(),
                message: "Open a model folder, or choose a scene, and run the prompt again.".into(),
                action: NoticeAction::OpenAnother,
            });
            return;
        };
        if self.state.question.prompt.trim().is_empty() {
            return;
        }
        self.state.gallery_open = false;
        self.state.notice = None;
        self.state.run_history.compared = None;
        let experiment = self.state.question.run_experiment(&model);
        let known = self
            .state
            .results
            .run
            .as_ref()
            .is_some_and(|r| r.complete && r.answers(&experiment));
        if !known {
            self.cancel_jobs();
            if self.state.results.run.as_ref().map(RunResult::prompt)
                != experiment.input.prompt.as_deref()
            {
                // Maps of another prompt would be read as this one's.
                self.state.results.trace = None;
            }
            let job = self.next_job();
            self.state.jobs.run = Some(Job::queued(job));
            self.state.jobs.run_failure = None;
            self.pending_run = Some(RunResult::waiting(experiment.clone(), job.0 << 24));
            self.background.send(Request::Start { job, experiment });
        }
        self.start_trace(&model);
    }

    /// Traces again after the cause, the answer or a setting changed, if this prompt has been run.
    pub(super) fn trace_again(&mut self) {
        let Some(model) = self.state.model_reference().map(str::to_string) else {
            return;
        };
        let wanted = self.state.question.run_experiment(&model);
        let run = self.state.results.run.as_ref();
        let coming = self.pending_run.as_ref();
        if [run, coming]
            .into_iter()
            .flatten()
            .any(|r| r.answers(&wanted))
        {
            self.start_trace(&model);
        } else if run.is_some_and(|r| r.experiment.input.prompt == wanted.input.prompt) {
            // The same prompt with another seed: the pattern does not depend on it.
            if let Some(r) = &mut self.state.results.run {
                r.experiment = wanted;
            }
            self.start_trace(&model);
        }
    }

    fn start_trace(&mut self, model: &str) {
        if self.state.trace_is_current() && self.state.jobs.trace.is_none() {
            return;
        }
        if let Some(job) = self.state.jobs.trace.take() {
            self.background.cancel(job.id);
        }
        self.state.jobs.trace_failure = None;
        self.pending_trace = None;
        let tokens = self.state.tokens.as_ref();
        let Some(experiment) = self.state.question.trace_experiment(model, tokens) else {
            if self.state.question.subject.is_none() {
                self.state.results.trace = None;
            }
            return;
        };
        let job = self.next_job();
        self.state.jobs.trace = Some(Job::queued(job));
        self.pending_trace = Some(TraceResult::waiting(experiment.clone(), job.0 << 24));
        self.background.send(Request::Start { job, experiment });
    }

    pub(super) fn cancel_jobs(&mut self) {
        for job in [&mut self.state.jobs.run, &mut self.state.jobs.trace]
            .into_iter()
            .flatten()
        {
            if job.phase != Phase::Cancelling {
                self.background.cancel(job.id);
                job.phase = Phase::Cancelling;
            }
        }
        for image in &mut self.state.jobs.images {
            if image.job.phase != Phase::Cancelling {
                self.background.cancel(image.job.id);
                image.job.phase = Phase::Cancelling;
            }
        }
    }

    pub(super) fn next_job(&mut self) -> JobId {
        self.last_job += 1;
        JobId(self.last_job)
    }
}
