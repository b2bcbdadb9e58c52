//! What the top of a script says.

use whyfinder_experiment::Experiment;

use crate::answered::Answered;
use crate::literal::{escaped, number32};

const PROGRAM: &str = concat!("whyfinder ", env!("CARGO_PKG_VERSION"));

/// Lines for the docstring: the experiment, the model, and what Whyfinder measured.
pub(crate) fn facts(experiment: &Experiment, answered: Option<&Answered>) -> Vec<String> {
    let mut lines = vec![
        format!("Model      {}", escaped(&experiment.model)),
        format!("Seed       {}", experiment.seed),
        format!("Written by {PROGRAM}"),
    ];
    let Some(answered) = answered else {
        return lines;
    };
    let from = &answered.provenance;
    let mut origin = |name: &str, value: &str| {
        if !value.is_empty() {
            lines.push(format!("{name:<10} {}", escaped(value)));
        }
    };
    origin("Network", &from.architecture);
    origin("Weights", &blake3(&from.model_digest));
    origin("Tokenizer", &blake3(&from.tokenizer_digest));
    let run = format!(
        "{}, on {} in {}, {}",
        from.program, from.device, from.dtype, from.date
    );
    origin("Measured", &run);
    if !answered.said.is_empty() || !answered.references.is_empty() {
        lines.push(String::new());
        lines.push("Whyfinder's numbers:".into());
        for (name, value) in &answered.references {
            lines.push(format!("  {} {}", escaped(name), number32(*value)));
        }
        lines.extend(
            answered
                .said
                .iter()
                .map(|said| format!("  {}", escaped(said))),
        );
    }
    lines
}

fn blake3(digest: &str) -> String {
    if digest.is_empty() {
        return String::new();
    }
    format!("BLAKE3 {digest}")
}
