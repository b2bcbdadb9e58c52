//! Experiments and results as files: what is read, what is refused, what comes back.

use whyfinder_experiment::{Experiment, parse_experiment};

mod experiments;
mod image_experiments;
#[path = "../support/interpreter.rs"]
mod interpreter;
mod results;
mod schema;

const TRACE: &str = r#"
instrument = "causal-trace"
model = "demo:isles"
seed = 1

[input]
prompt = "The tower of Varn stands in"
subject = "tower of Varn"
answer = " Lund"
foil = " Mora"

[corruption]
kind = "noise"
scale = 2.7
samples = 10
sd = 0.13

[trace]
kinds = ["residual", "mlp"]
window = 5
metric = "logit-difference"
severed = ["attention"]
engine = "plain"
"#;

const RUN: &str = r#"
instrument = "run"
model = "path/to/folder"
[input]
tokens = [1, 2, 3]
[run]
sites = ["blocks.*.attn.pattern", "logits"]
top = 3
"#;

fn read(text: &str) -> Experiment {
    parse_experiment(text, &[]).expect("a good experiment")
}
