//! A window over a background that plays a model by script: every number is made by a formula, so that a test knows it.
//!
//! Each test file uses its own part of this.
#![allow(dead_code)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{
    Event as Input, Modifiers, MouseWheelSource, MouseWheelUnit, Pos2, Rect, TouchPhase, vec2,
};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use whyfinder::window::background::Scripted;
use whyfinder::window::dialogs::{self, Answer};
use whyfinder::window::{Application, State};
use whyfinder_experiment::outcome::{Distribution, Summary};
use whyfinder_experiment::{Experiment, ImageMethod, InstrumentSettings, Outcome, Provenance};
use whyfinder_instrument::{Progress, Report};
use whyfinder_worker::protocol::Estimate;
use whyfinder_worker::{Event, JobId, Request};

#[path = "image_answers.rs"]
pub(crate) mod image_answers;
#[path = "language_answers.rs"]
mod language_answers;
#[path = "pictures.rs"]
pub(crate) mod pictures;

#[allow(unused_imports, reason = "each test file uses its own part of this")]
pub(crate) use language_answers::{
    CLEAN, CORRUPTED, HEADS, LAYERS, WEAK, noise, trace_outcome, value,
};
use language_answers::{
    ids, kinds_of, measured, next_tokens, opened, pattern, tokenized, tokens_of, trace_started,
};

/// The window with what plays its worker.
pub(crate) struct Stage {
    pub(crate) window: Harness<'static, Application>,
    pub(crate) worker: Scripted,
    /// Traces that wait for their cells.
    pub(crate) traces: Vec<(JobId, Experiment)>,
    /// Runs that are left waiting, if `hold_runs` is set.
    pub(crate) runs: Vec<(JobId, Experiment)>,
    pub(crate) hold_runs: bool,
    /// Maps of pictures that wait for their cells.
    pub(crate) maps: Vec<(JobId, Experiment)>,
    /// Passes over pictures end with this sentence, if it is set.
    pub(crate) refuse_pictures: Option<String>,
    /// What reads attention is left waiting.
    pub(crate) hold_attention: bool,
    held_attention: Vec<(JobId, Experiment)>,
}

impl Stage {
    /// A fresh window on a network; dialogs give others to compare with it.
    pub(crate) fn comparing(
        width: f32,
        height: f32,
        scale: f32,
        network: &str,
        others: &[&str],
    ) -> Self {
        let answers = others.iter().map(|path| Answer::Picked(path.into()));
        Self::opening(width, height, scale, answers.collect(), &[network])
    }

    /// A fresh window of this size in points.
    pub(crate) fn new(width: f32, height: f32, scale: f32, answers: Vec<Answer>) -> Self {
        Self::opening(width, height, scale, answers, &[])
    }

    /// A fresh window that opens these at once.
    pub(crate) fn opening(
        width: f32,
        height: f32,
        scale: f32,
        answers: Vec<Answer>,
        open: &[&str],
    ) -> Self {
        Self::keeping(width, height, scale, answers, open, None)
    }

    /// The same with a history that is kept in a folder.
    pub(crate) fn keeping(
        width: f32,
        height: f32,
        scale: f32,
        answers: Vec<Answer>,
        open: &[&str],
        history: Option<std::path::PathBuf>,
    ) -> Self {
        let open: Vec<String> = open.iter().map(ToString::to_string).collect();
        let worker = Scripted::default();
        let background = worker.clone();
        let window = Harness::builder()
            .with_size(egui::vec2(width, height))
            .with_pixels_per_point(scale)
            .wgpu()
            .build_eframe(move |creation| {
                let application = Application::new(
                    creation,
                    Box::new(background),
                    Box::new(dialogs::Scripted::new(answers)),
                    open,
                );
                match history {
                    Some(folder) => application.keeping_history_in(&creation.egui_ctx, folder),
                    None => application,
                }
            });
        let mut stage = Self {
            window,
            worker,
            traces: Vec::new(),
            runs: Vec::new(),
            hold_runs: false,
            maps: Vec::new(),
            refuse_pictures: None,
            hold_attention: false,
            held_attention: Vec::new(),
        };
        stage.settle();
        stage
    }

    /// A fresh window in which a figure is opened and its experiments are answered.
    pub(crate) fn of_figure(path: &Path) -> Self {
        let path = path.display().to_string();
        let mut stage = Self::opening(1280.0, 800.0, 1.0, Vec::new(), &[&path]);
        stage.until(|state| {
            let q = &state.question;
            !q.prompt.is_empty() || !q.images.networks.is_empty() || state.imported.is_some()
        });
        // What is measured may be the ground of what is asked next.
        for _ in 0..3 {
            stage.settle();
            stage.finish();
            stage.finish_maps();
        }
        stage
    }

    /// Lets time pass until it is so.
    pub(crate) fn until(&mut self, so: impl Fn(&State) -> bool) {
        let began = Instant::now();
        while !so(self.window.state().state()) {
            assert!(began.elapsed() < Duration::from_secs(60), "it never came");
            std::thread::sleep(Duration::from_millis(10));
            self.settle();
        }
        self.window.run_steps(2);
    }

    /// Where the largest of what has this in its label lies.
    pub(crate) fn largest(&self, label: &str) -> Rect {
        let found = self.window.get_all_by_label_contains(label);
        found
            .map(|node| node.rect())
            .max_by(|a, b| a.area().total_cmp(&b.area()))
            .expect("it is there")
    }

    /// Turns the wheel at a place.
    pub(crate) fn wheel(&mut self, at: Pos2, notches: f32) {
        self.window.hover_at(at);
        self.window.run_steps(1);
        self.window.event(Input::MouseWheel {
            source: MouseWheelSource::Unknown,
            unit: MouseWheelUnit::Point,
            delta: vec2(0.0, 50.0 * notches),
            phase: TouchPhase::Move,
            modifiers: Modifiers::NONE,
        });
        // The wheel's way is spread over frames.
        self.window.run_steps(30);
    }

    /// Lets the window and its worker talk until neither has anything more to say.
    pub(crate) fn settle(&mut self) {
        for _ in 0..12 {
            self.window.run_steps(2);
            if !self.serve() {
                break;
            }
        }
        self.window.run_steps(2);
    }

    fn serve(&mut self) -> bool {
        let requests = self.worker.take_requests();
        let mut busy = !requests.is_empty();
        for request in requests {
            match request {
                Request::Open { model } => self.open(&model),
                Request::Tokenize {
                    model,
                    text,
                    ticket,
                } => self
                    .worker
                    .answer(Event::Tokenized(tokenized(model, text, ticket))),
                Request::Start { job, experiment } => self.start(job, experiment),
                Request::Tiles(_) => {}
                Request::Estimate { job, .. } => self.worker.answer(Event::Estimated {
                    job,
                    estimate: Estimate {
                        bytes: 310_000_000,
                        budget_bytes: 8_000_000_000,
                        result_bytes: 0,
                        passes: 31.0,
                        passes_plain: 961.0,
                        seconds: 0.7,
                    },
                }),
            }
        }
        for job in self.worker.take_cancelled() {
            busy = true;
            self.traces.retain(|(id, _)| *id != job);
            self.runs.retain(|(id, _)| *id != job);
            self.maps.retain(|(id, _)| *id != job);
            self.held_attention.retain(|(id, _)| *id != job);
            self.worker.answer(Event::Cancelled { job });
        }
        busy
    }

    fn open(&mut self, model: &str) {
        self.worker.answer(Event::Opening {
            model: model.to_string(),
        });
        if model.contains("broken") {
            self.worker.answer(Event::OpenFailed {
                model: model.to_string(),
                message: format!(
                    "The folder has no config.json, so its architecture is unknown. Choose a folder as `transformers` \
                     saves it. Path: {model}"
                ),
            });
        } else if image_answers::is_image(model) {
            let opened = image_answers::opened(model);
            self.worker.answer(Event::Opened(Arc::new(opened)));
        } else {
            self.worker.answer(Event::Opened(Arc::new(opened(model))));
        }
    }

    fn start(&mut self, job: JobId, experiment: Experiment) {
        self.worker.answer(Event::Queued { job });
        match &experiment.instrument {
            InstrumentSettings::Import { .. } => panic!("another program's numbers are not run"),
            InstrumentSettings::Run { .. } if self.hold_runs => {
                self.worker.answer(Event::Started { job });
                self.runs.push((job, experiment));
            }
            InstrumentSettings::Run { .. } => {
                self.worker.answer(Event::Started { job });
                self.answer_run(job, experiment);
            }
            InstrumentSettings::Image {
                method: ImageMethod::Restore,
                ..
            } => match &self.refuse_pictures {
                Some(message) => self.worker.answer(Event::Failed {
                    job,
                    message: message.clone(),
                }),
                None => {
                    let outcome = image_answers::restored_outcome(experiment);
                    self.finish_at_once(job, outcome);
                }
            },
            InstrumentSettings::Image {
                method: ImageMethod::Faithfulness(_),
                ..
            } => {
                let outcome = image_answers::curves(experiment);
                self.finish_at_once(job, outcome);
            }
            InstrumentSettings::Image {
                method: ImageMethod::WindowAttention(_),
                ..
            } if self.hold_attention => self.held_attention.push((job, experiment)),
            InstrumentSettings::Image {
                method: ImageMethod::WindowAttention(_),
                ..
            } => {
                let outcome = image_answers::attention(experiment);
                self.finish_at_once(job, outcome);
            }
            InstrumentSettings::Image { .. } if image_answers::is_of_one_block(&experiment) => {
                let outcome = image_answers::tried(experiment);
                self.finish_at_once(job, outcome);
            }
            InstrumentSettings::Image { .. } => {
                self.worker.answer(Event::Started { job });
                let report = image_answers::started(&experiment);
                self.worker.answer(Event::Report { job, report });
                self.maps.push((job, experiment));
            }
            InstrumentSettings::CausalTrace { .. } => {
                self.worker.answer(Event::Started { job });
                let started = trace_started(&experiment);
                self.worker.answer(Event::Report {
                    job,
                    report: started,
                });
                self.traces.push((job, experiment));
            }
        }
    }

    /// Reads the attention that was left waiting.
    pub(crate) fn answer_attention(&mut self) {
        for (job, experiment) in std::mem::take(&mut self.held_attention) {
            self.finish_at_once(job, image_answers::attention(experiment));
        }
        self.settle();
    }

    fn finish_at_once(&self, job: JobId, outcome: Outcome) {
        self.worker.answer(Event::Started { job });
        self.worker.answer(Event::Finished {
            job,
            outcome: Arc::new(outcome),
            cached: false,
        });
    }

    pub(crate) fn answer_run(&mut self, job: JobId, experiment: Experiment) {
        let tokens = tokens_of(&experiment);
        let summary = Summary {
            tokens: tokens.clone(),
            token_ids: ids(&tokens),
            ..Summary::default()
        };
        let distributions = vec![Distribution {
            name: "clean".into(),
            top: next_tokens(&experiment),
        }];
        self.worker.answer(Event::Report {
            job,
            report: Report::Started {
                fields: Vec::new(),
                summary: summary.clone(),
                distributions: distributions.clone(),
            },
        });
        for layer in 0..LAYERS {
            self.worker.answer(Event::Report {
                job,
                report: Report::Field(pattern(layer, tokens.len())),
            });
        }
        self.worker.answer(Event::Finished {
            job,
            outcome: Arc::new(Outcome {
                experiment,
                fields: (0..LAYERS)
                    .map(|layer| pattern(layer, tokens.len()))
                    .collect(),
                summary,
                provenance: Provenance::default(),
                distributions,
                attention: Vec::new(),
            }),
            cached: false,
        });
    }

    /// Measures the first `part` (0 to 1) of the waiting traces' cells.
    pub(crate) fn measure(&mut self, part: f32) {
        for (job, experiment) in self.traces.clone() {
            let tokens = tokens_of(&experiment);
            let cells = tokens.len() * LAYERS;
            let kinds = kinds_of(&experiment);
            let total = cells * kinds.len();
            let wanted = (part * total as f32).round() as usize;
            for (k, kind) in kinds.iter().enumerate() {
                let upto = wanted.saturating_sub(k * cells).min(cells);
                self.worker.answer(Event::Report {
                    job,
                    report: Report::Cells {
                        field: kind.name().into(),
                        cells: (0..upto)
                            .map(|cell| measured(*kind, cell, tokens.len()))
                            .collect(),
                    },
                });
            }
            self.worker.answer(Event::Report {
                job,
                report: Report::Progress(Progress {
                    done: wanted,
                    total,
                    seconds_left: Some(0.8),
                }),
            });
        }
        self.window.run_steps(3);
    }

    /// Measures the first `part` (0 to 1) of the waiting maps' blocks.
    pub(crate) fn measure_maps(&mut self, part: f32) {
        for (job, experiment) in self.maps.clone() {
            let total = image_answers::cells(&experiment);
            let done = (part * total as f32).round() as usize;
            let cells = (0..done)
                .map(|cell| image_answers::measured(&experiment, cell))
                .collect();
            self.worker.answer(Event::Report {
                job,
                report: Report::Cells {
                    field: "effect".into(),
                    cells,
                },
            });
            self.worker.answer(Event::Report {
                job,
                report: Report::Progress(Progress {
                    done,
                    total,
                    seconds_left: Some(0.2),
                }),
            });
        }
        self.window.run_steps(3);
    }

    /// Measures everything and finishes the waiting maps.
    pub(crate) fn finish_maps(&mut self) {
        for (job, experiment) in std::mem::take(&mut self.maps) {
            let outcome = Arc::new(image_answers::outcome(experiment));
            self.worker.answer(Event::Finished {
                job,
                outcome,
                cached: false,
            });
        }
        self.settle();
    }

    /// Ends the waiting traces with a sentence.
    pub(crate) fn fail(&mut self, message: &str) {
        for (job, _) in std::mem::take(&mut self.traces) {
            self.worker.answer(Event::Failed {
                job,
                message: message.into(),
            });
        }
        self.settle();
    }

    /// Measures everything and finishes the waiting traces.
    pub(crate) fn finish(&mut self) {
        self.measure(1.0);
        for (job, experiment) in std::mem::take(&mut self.traces) {
            let outcome = trace_outcome(experiment);
            self.worker.answer(Event::Finished {
                job,
                outcome: Arc::new(outcome),
                cached: false,
            });
        }
        self.settle();
    }

    /// Saves what the window shows, if `WHYFINDER_PICTURES` names a folder for it.
    pub(crate) fn picture(&mut self, name: &str) {
        let image = self.window.render().expect("the window can be drawn");
        if let Some(folder) = std::env::var_os("WHYFINDER_PICTURES") {
            let path = std::path::PathBuf::from(folder).join(format!("{name}.png"));
            image.save(&path).expect("the picture can be saved");
        }
    }
}
