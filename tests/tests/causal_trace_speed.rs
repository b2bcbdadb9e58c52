//! How much the exact engine saves, measured against one full pass per cell on the same model in the same run.
//!
//! `WHYFINDER_SPEED_MODEL=FOLDER cargo test --release -p whyfinder-tests --test causal_trace_speed -- --ignored --nocapture`
//! with a model folder; `WHYFINDER_SPEED_OUT=FOLDER` keeps the results, `WHYFINDER_SPEED_PROMPT` and
//! `WHYFINDER_SPEED_SUBJECT` change the question.

use std::env;
use std::path::PathBuf;

use whyfinder_experiment::{parse_experiment, write_result};
use whyfinder_instrument::{Budget, Observer, Report, measure};
use whyfinder_model::{OpenOptions, open};

struct Deaf;

impl Observer for Deaf {
    fn report(&mut self, _report: Report) {}

    fn cancelled(&self) -> bool {
        false
    }
}

fn named(name: &str, otherwise: &str) -> String {
    env::var(name).unwrap_or_else(|_| otherwise.to_string())
}

#[test]
#[ignore = "needs a model folder in WHYFINDER_SPEED_MODEL, and minutes"]
fn the_exact_engine_is_faster_than_full_passes() {
    let folder = env::var("WHYFINDER_SPEED_MODEL").expect("a model folder");
    let prompt = named(
        "WHYFINDER_SPEED_PROMPT",
        "The tower of Varn stands in the old city of",
    );
    let subject = named("WHYFINDER_SPEED_SUBJECT", "tower of Varn");
    let model = open(&folder, &OpenOptions::default()).expect("the model opens");
    for kind in ["residual", "mlp", "attention"] {
        let mut seconds = Vec::new();
        let mut values: Vec<Vec<f32>> = Vec::new();
        for engine in ["exact", "plain"] {
            let text = format!("instrument = \"causal-trace\"\nmodel = {folder:?}\nseed = 1");
            let overrides = [
                format!("input.prompt={prompt}"),
                format!("input.subject={subject}"),
                format!("trace.kinds={kind}"),
                format!("trace.engine={engine}"),
            ];
            let experiment = parse_experiment(&text, &overrides).expect("a good experiment");
            let outcome =
                measure(&model, &experiment, &mut Deaf, &Budget::UNLIMITED).expect("runs");
            println!(
                "{kind} {engine}: {:.2} s, {:.0} of {:.0} passes, clean {}, corrupted {}",
                outcome.summary.seconds,
                outcome.summary.passes,
                outcome.summary.passes_plain,
                outcome.summary.reference["clean"],
                outcome.summary.reference["corrupted"],
            );
            if let Ok(out) = env::var("WHYFINDER_SPEED_OUT") {
                let out = PathBuf::from(out).join(format!("{kind}-{engine}"));
                write_result(&out, &outcome).expect("writes");
            }
            seconds.push(outcome.summary.seconds);
            values.push(outcome.field(kind).expect("traced").values.clone());
        }
        let worst = values[0]
            .iter()
            .zip(&values[1])
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        let ratio = seconds[1] / seconds[0];
        println!("{kind}: {ratio:.2} times as fast, worst difference {worst:.1e}");
        assert!(worst < 1e-5);
        assert!(ratio > 1.0);
    }
}
