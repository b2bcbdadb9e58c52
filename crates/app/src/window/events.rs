//! What each event of the worker changes.

use egui::Context;
use whyfinder_instrument::Report;
use whyfinder_worker::protocol::{OpenedModel, Tokenized};
use whyfinder_worker::{Event, JobId};

use super::application::{Application, BUNDLED};
use super::question::Subject;
use super::remembered::note_recent;
use super::results::Results;
use super::selection::Selection;
use super::state::{Notice, NoticeAction, Phase};

impl Application {
    pub(super) fn receive(&mut self, ctx: &Context, event: Event) {
        match event {
            // A network of the list opens beside what is read out.
            Event::Opening { model } if self.state.question.images.networks.contains(&model) => {}
            Event::Opening { model } => self.state.model.opening = Some(model),
            Event::Opened(model) if model.image.is_some() => self.opened_image_network(model),
            Event::Opened(model) => self.opened(model),
            Event::OpenFailed { model, message } => {
                self.network_failed_to_open(&model);
                if self.state.model.opening.as_ref() == Some(&model) {
                    self.state.model.opening = None;
                }
                if self.state.model.open.is_none() && model != BUNDLED {
                    // A window without any model has nothing to offer.
                    self.open_model(BUNDLED.to_string());
                }
                let message = self.missing_for_figure(&model, message);
                self.state.notice = Some(Notice {
                    title: format!("Could not open {model}"),
                    message,
                    action: NoticeAction::OpenAnother,
                });
            }
            Event::Tokenized(tokens) => self.tokenized(tokens),
            Event::Queued { .. } => {}
            Event::Estimated { job, estimate } => self.estimated(job, estimate),
            Event::Started { job } => {
                if let Some(job) = self.job_mut(job)
                    && job.phase == Phase::Queued
                {
                    job.phase = Phase::Running;
                }
            }
            Event::Report { job, report } => self.report(job, report),
            Event::Finished { job, outcome, .. } => {
                let layers = self.layers();
                self.state.finished.keep(&outcome);
                if self.finish_image(job, &outcome) {
                    // It was about a picture.
                } else if self.is_run(job) {
                    self.show_pending_run();
                    self.state.jobs.run = None;
                    if let Some(run) = &mut self.state.results.run {
                        run.finish(&outcome, layers);
                    }
                    self.select_something_in_the_run();
                } else if self.is_trace(job) {
                    self.show_pending_trace();
                    self.state.jobs.trace = None;
                    if let Some(trace) = &mut self.state.results.trace {
                        trace.finish(&outcome);
                    }
                    self.select_something_in_the_trace();
                } else {
                    return;
                }
                self.note_finished(&outcome);
                self.settle_opened_figure(&outcome.experiment);
            }
            Event::Tile(tile) => self.maps.tiles.put(tile),
            // The window's runs are kept in its history, once they are done.
            Event::Kept { .. } => {}
            Event::Cancelled { job } => self.ended_early(ctx, job, None),
            Event::Failed { job, message } => self.ended_early(ctx, job, Some(message)),
        }
    }

    fn opened(&mut self, model: std::sync::Arc<OpenedModel>) {
        let reference = model.reference.clone();
        if self.state.model.opening.as_ref() == Some(&reference) {
            self.state.model.opening = None;
        }
        let results = &self.state.results;
        let run = results.run.as_ref().map(|r| &r.experiment.model);
        let trace = results.trace.as_ref().map(|t| &t.experiment.model);
        let imported = self.state.imported.is_some();
        if !imported && run.or(trace).is_some_and(|model| *model != reference) {
            // Numbers of another network must not stand under this one's name.
            self.state.results = Results::default();
            self.state.selection = Selection::default();
            self.fit_maps();
        }
        let before = self.state.model.open.as_ref().map(|m| &m.reference);
        if before.is_some_and(|model| *model != reference) {
            self.state.tokens = None;
        }
        note_recent(&mut self.state, &reference);
        self.state.model.open = Some(model);
        self.tokenize_now();
    }

    fn tokenized(&mut self, tokens: Tokenized) {
        let mine = self
            .state
            .model
            .open
            .as_ref()
            .is_some_and(|m| m.reference == tokens.model);
        if mine && tokens.ticket == self.last_ticket {
            self.state.tokens = Some(tokens);
            self.find_subject();
        }
    }

    /// A subject that an experiment names by its tokens has words once the prompt is split.
    fn find_subject(&mut self) {
        let Some(tokens) = self.state.current_tokens() else {
            return;
        };
        let Some((prompt, [from, to])) = &self.subject_at else {
            return;
        };
        if *prompt == tokens.text {
            let subject = Subject::of_tokens(tokens, *from, *to);
            self.subject_at = None;
            if self.state.question.subject.is_none() && subject.is_some() {
                self.state.question.subject = subject;
                self.trace_again();
            }
        }
    }

    fn report(&mut self, job: JobId, report: Report) {
        let layers = self.layers();
        if let Report::Progress(progress) = report {
            if let Some(job) = self.job_mut(job) {
                job.progress = Some(progress);
            }
        } else if self.is_about_a_picture(job) {
            self.report_image(job, report);
        } else if self.is_run(job) {
            self.show_pending_run();
            if let Some(run) = &mut self.state.results.run {
                run.receive(report, layers);
            }
        } else if self.is_trace(job) {
            self.show_pending_trace();
            if let Some(trace) = &mut self.state.results.trace {
                trace.receive(report);
            }
        }
    }

    /// What was measured before the end stays on screen.
    fn ended_early(&mut self, ctx: &Context, job: JobId, message: Option<String>) {
        if self.end_image_early(job, message.as_ref()) {
            // What was measured of the map stays.
        } else if self.is_run(job) {
            self.state.jobs.run = None;
            self.pending_run = None;
            self.state.jobs.run_failure = message.clone();
        } else if self.is_trace(job) {
            self.state.jobs.trace = None;
            self.pending_trace = None;
            self.state.jobs.trace_failure = message.clone();
        } else {
            return;
        }
        if message.is_none() && !self.state.jobs.busy() {
            self.say(ctx, "Cancelled; what was measured stays");
        }
    }

    /// Blocks of the open model.
    fn layers(&self) -> usize {
        self.state.model.open.as_ref().map_or(0, |m| m.layers)
    }

    fn is_about_a_picture(&self, job: JobId) -> bool {
        self.state.jobs.images.iter().any(|j| j.job.id == job)
    }

    fn is_run(&self, job: JobId) -> bool {
        self.state.jobs.run.is_some_and(|j| j.id == job)
    }

    fn is_trace(&self, job: JobId) -> bool {
        self.state.jobs.trace.is_some_and(|j| j.id == job)
    }

    fn job_mut(&mut self, job: JobId) -> Option<&mut super::state::Job> {
        [&mut self.state.jobs.run, &mut self.state.jobs.trace]
            .into_iter()
            .flatten()
            .chain(self.state.jobs.images.iter_mut().map(|j| &mut j.job))
            .find(|j| j.id == job)
    }

    fn show_pending_run(&mut self) {
        if let Some(run) = self.pending_run.take() {
            let same_prompt = self
                .state
                .results
                .run
                .as_ref()
                .is_some_and(|r| r.prompt() == run.prompt());
            if !same_prompt {
                self.chosen_by_hand = false;
                self.state.selection = Selection {
                    layer: self.state.selection.layer,
                    head: self.state.selection.head,
                    kind: self.state.selection.kind,
                    ..Selection::default()
                };
                self.fit_maps();
            }
            self.state.results.run = Some(run);
        }
    }

    fn show_pending_trace(&mut self) {
        if let Some(trace) = self.pending_trace.take() {
            self.state.results.trace = Some(trace);
        }
    }

    /// The head that looks most at the subject, or else away from itself, so that the head view is not empty.
    pub(super) fn select_something_in_the_run(&mut self) {
        let Some(run) = &self.state.results.run else {
            return;
        };
        let (layers, heads) = run
            .attention
            .as_ref()
            .map_or((0, 0), |a| (a.layers, a.heads));
        let tokens = run.summary.tokens.len();
        self.state.selection = self.state.selection.within(layers, heads, tokens);
        if self.state.selection.head.is_none() || self.state.selection.layer.is_none() {
            let subject = self.state.subject_tokens();
            if let Some((layer, head)) = run.most_telling_head(subject) {
                self.state.selection = self.state.selection.with_head(layer, head);
                let untraced =
                    self.state.jobs.trace.is_none() && self.state.results.trace.is_none();
                if untraced && let Some((query, key)) = run.last_edge(layer, head) {
                    self.state.selection = self.state.selection.with_edge(query, key);
                }
            }
        }
    }

    pub(super) fn select_something_in_the_trace(&mut self) {
        let Some(trace) = &self.state.results.trace else {
            return;
        };
        let free = self.state.selection.token.is_none() || !self.chosen_by_hand;
        if free && let Some((kind, token, layer)) = trace.strongest() {
            let head = self.state.selection.head;
            self.state.selection = self.state.selection.with_cell(kind, token, layer);
            self.state.selection.head = head;
        }
    }

    pub(super) fn select(&mut self, selection: Selection) {
        self.state.selection = selection;
        self.chosen_by_hand = true;
        self.state.gallery_open &= self.state.results.run.is_none();
    }
}
