//! The causal trace against PyTorch's numbers, and the laws that it must obey on every family.

use std::path::PathBuf;

use whyfinder_experiment::{Experiment, Field, Outcome, TraceKind, parse_experiment};
use whyfinder_instrument::{Budget, Observer, Report, measure};
use whyfinder_model::{LanguageModel, OpenOptions, open};

mod conduct;
mod engines;
mod estimates;
mod laws;
mod parity;
mod random;
mod stopping;

const FAMILIES: [&str; 3] = ["gpt2", "llama", "neox"];

fn folder(family: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/trace")
        .join(family)
}

fn model(family: &str) -> LanguageModel {
    let folder = folder(family);
    open(&folder.display().to_string(), &OpenOptions::default()).expect("the fixture opens")
}

/// Keeps all that it hears; cancels after a number of questions.
#[derive(Default)]
struct Listener {
    reports: Vec<Report>,
    asked: std::cell::Cell<usize>,
    cancel_after: Option<usize>,
}

impl Observer for Listener {
    fn report(&mut self, report: Report) {
        self.reports.push(report);
    }

    fn cancelled(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        self.cancel_after.is_some_and(|n| self.asked.get() > n)
    }
}

fn run(model: &LanguageModel, experiment: &Experiment) -> Outcome {
    measure(
        model,
        experiment,
        &mut Listener::default(),
        &Budget::UNLIMITED,
    )
    .expect("the trace runs")
}

fn experiment(text: &str, overrides: &[&str]) -> Experiment {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    parse_experiment(text, &overrides).expect("a good experiment")
}

const TRACE: &str = r#"
instrument = "causal-trace"
model = "fixture"
seed = 1
[input]
prompt = "The tower of Varn stands in the old city of"
subject = "tower of Varn"
[corruption]
samples = 3
"#;

fn grid(outcome: &Outcome, kind: TraceKind) -> &Field {
    outcome.field(kind.name()).expect("the kind was traced")
}

fn close(ours: f32, theirs: f64, tolerance: f64, what: &str) {
    let difference = (f64::from(ours) - theirs).abs();
    assert!(difference <= tolerance, "{what}: {ours} against {theirs}");
}
