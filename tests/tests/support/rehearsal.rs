//! A laboratory whose instruments do as the prompt says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use whyfinder_experiment::outcome::Summary;
use whyfinder_experiment::{Axis, Experiment, Field, Outcome, Provenance};
use whyfinder_instrument::{CellTokens, MeasuredCell, Observer, Progress, Report};
use whyfinder_worker::{Estimate, Failure, ImageNetwork, Laboratory, OpenedModel, TokenizedText};

pub(crate) const MIB: u64 = 1 << 20;

/// Prompts are instructions: `panic`, `slow`, `large`, `wrong`, anything else is measured at once.
#[derive(Clone, Default)]
pub(crate) struct Rehearsal {
    pub(crate) opened: Arc<AtomicUsize>,
    pub(crate) measured: Arc<AtomicUsize>,
    /// How often the model's files were written.
    pub(crate) saved: Arc<AtomicUsize>,
}

impl Laboratory for Rehearsal {
    type Model = String;

    fn fingerprint(&self, _reference: &str) -> String {
        self.saved.load(Ordering::Relaxed).to_string()
    }

    fn size(&self, reference: &str) -> Option<u64> {
        Some(if reference == "huge" {
            200 * MIB
        } else {
            10 * MIB
        })
    }

    fn open(&self, reference: &str) -> Result<(String, OpenedModel), Failure> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        if reference == "broken" {
            return Err(Failure::because("The folder has no config.json."));
        }
        let opened = OpenedModel {
            reference: reference.to_string(),
            name: reference.to_string(),
            family: "GPT-2".to_string(),
            architecture: "GPT2LMHeadModel".to_string(),
            layers: 2,
            heads: 2,
            kv_heads: 2,
            d_model: 8,
            vocab: 16,
            max_positions: 32,
            parameters: 1,
            bytes: 10 * MIB,
            dtype: "f32".to_string(),
            device: "cpu".to_string(),
            parity: None,
            image: (reference == "windowed").then(|| ImageNetwork {
                window: Some(8),
                ..ImageNetwork::default()
            }),
        };
        Ok((reference.to_string(), opened))
    }

    fn tokenize(&self, _model: &String, text: &str) -> Result<TokenizedText, Failure> {
        let mut split = TokenizedText::default();
        for (at, c) in text.char_indices() {
            split.ids.push(c as u32);
            split.tokens.push(c.to_string());
            split.spans.push((at, at + c.len_utf8()));
        }
        Ok(split)
    }

    fn estimate(
        &self,
        _model: &String,
        experiment: &Experiment,
        budget: u64,
    ) -> Result<Estimate, Failure> {
        let large = prompt(experiment) == "large";
        Ok(Estimate {
            bytes: if large { 1 << 40 } else { 20 * MIB },
            budget_bytes: budget,
            result_bytes: 0,
            passes: 1.0,
            passes_plain: 2.0,
            seconds: 0.5,
        })
    }

    fn measure(
        &self,
        _model: &String,
        experiment: &Experiment,
        budget: u64,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, Failure> {
        self.measured.fetch_add(1, Ordering::Relaxed);
        let cells = match prompt(experiment) {
            "large" if budget < 95 * MIB => {
                return Err(Failure::TooLarge(format!(
                    "95 MiB are needed and {} MiB are there.",
                    budget / MIB
                )));
            }
            "panic" => panic!("index 7 of 5"),
            "wrong" => return Err(Failure::because("The subject is not in the prompt.")),
            "slow" => 2000,
            _ => 20,
        };
        let mut field = Field::sampled("residual", vec![Axis::numbered("token", cells)], 1);
        observer.report(Report::Started {
            fields: vec![field.clone()],
            summary: Summary::default(),
            distributions: Vec::new(),
        });
        for cell in 0..cells {
            if observer.cancelled() {
                return Err(Failure::Cancelled);
            }
            if prompt(experiment) == "slow" {
                std::thread::sleep(Duration::from_millis(5));
            }
            let samples = vec![cell as f32];
            field.set_samples(cell, &samples);
            observer.report(Report::Cells {
                field: "residual".to_string(),
                cells: vec![MeasuredCell {
                    cell,
                    samples,
                    tokens: CellTokens::default(),
                }],
            });
            observer.report(Report::Progress(Progress {
                done: cell + 1,
                total: cells,
                seconds_left: None,
            }));
        }
        Ok(Outcome {
            experiment: experiment.clone(),
            fields: vec![field],
            summary: Summary::default(),
            provenance: Provenance::default(),
            distributions: Vec::new(),
            attention: Vec::new(),
        })
    }
}

pub(crate) fn prompt(experiment: &Experiment) -> &str {
    experiment.input.prompt.as_deref().unwrap_or_default()
}
