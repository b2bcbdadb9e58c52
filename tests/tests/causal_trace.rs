//! The causal trace against PyTorch's numbers, and the laws that it must obey on every family.

use std::path::PathBuf;

use serde_json::Value;
use whyfinder_experiment::outcome::Summary;
use whyfinder_experiment::{
    Experiment, Field, InstrumentSettings, Outcome, TraceKind, parse_experiment,
};
use whyfinder_instrument::{Budget, InstrumentError, Observer, Report, estimate, measure};
use whyfinder_model::{LanguageModel, OpenOptions, open};

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

fn numbers(value: &Value) -> Vec<Option<f64>> {
    value
        .as_array()
        .expect("rows")
        .iter()
        .flat_map(|row| row.as_array().expect("cells"))
        .map(Value::as_f64)
        .collect()
}

#[test]
fn every_cell_is_pytorchs_on_both_engines() {
    let mut worst = 0.0f64;
    for family in FAMILIES {
        let model = model(family);
        let text = std::fs::read_to_string(folder(family).join("expected.json")).expect("reads");
        let expected: Value = serde_json::from_str(&text).expect("JSON");
        for (name, case) in expected.as_object().expect("cases") {
            let mut text = case["experiment"].clone();
            text["model"] = "fixture".into();
            if let Some(file) = text["corruption"]["file"].as_str() {
                let file = folder(family).join(file).display().to_string();
                text["corruption"]["file"] = file.into();
            }
            for engine in ["exact", "plain"] {
                let engine = format!("trace.engine={engine}");
                let outcome = run(&model, &experiment(&text.to_string(), &[&engine]));
                for (kind, trace) in case["traces"].as_object().expect("traces") {
                    let what = format!("{family} {name} {kind} {engine}");
                    let field = outcome.field(kind).expect("the kind was traced");
                    worst = worst.max(same_trace(&outcome.summary, field, trace, &what));
                }
            }
        }
    }
    println!("worst difference {worst:.2e}");
}

fn same_trace(summary: &Summary, field: &Field, trace: &Value, what: &str) -> f64 {
    let ids: Vec<u32> = serde_json::from_value(trace["ids"].clone()).expect("ids");
    let subject: [usize; 2] = serde_json::from_value(trace["subject"].clone()).expect("a range");
    assert_eq!(summary.token_ids, ids, "{what}");
    assert_eq!(summary.subject, Some(subject), "{what}");
    let answer = summary.answer.as_ref().expect("an answer").id;
    assert_eq!(Some(u64::from(answer)), trace["answer"].as_u64(), "{what}");
    let foil = summary.foil.as_ref().map(|f| u64::from(f.id));
    assert_eq!(foil, trace["foil"].as_u64(), "{what}");
    for name in ["clean", "corrupted"] {
        close(
            summary.reference[name],
            trace[name].as_f64().expect("a number"),
            1e-4,
            &format!("{what} {name}"),
        );
    }
    let per_cell = field.samples_of(0).len();
    let mut worst = 0.0f64;
    let (scores, spread) = (numbers(&trace["scores"]), numbers(&trace["spread"]));
    assert_eq!(scores.len(), field.values.len());
    for (cell, (score, spread)) in scores.iter().zip(&spread).enumerate() {
        let (Some(score), Some(spread)) = (score, spread) else {
            assert!(!field.mask[cell] && field.values[cell].is_nan(), "{what}");
            continue;
        };
        assert!(field.mask[cell], "{what} cell {cell} was not measured");
        close(field.values[cell], *score, 1e-4, &format!("{what} {cell}"));
        worst = worst.max((f64::from(field.values[cell]) - score).abs());
        let stderr = field.stderr.as_ref().expect("sampled")[cell];
        if per_cell > 1 {
            let theirs = spread / (per_cell as f64).sqrt();
            close(stderr, theirs, 1e-4, &format!("{what} spread {cell}"));
        } else {
            assert!(stderr.is_nan(), "{what}: one sample has no spread");
        }
    }
    worst
}

#[test]
fn the_plain_engine_agrees_with_the_exact_one() {
    for family in FAMILIES {
        let model = model(family);
        for changes in [
            &[][..],
            &["trace.window=1"],
            &["trace.window=3", "trace.metric=log-probability"],
            &["trace.window=100"],
            &["trace.kinds=residual", "trace.severed=mlp,attention"],
            &[
                "trace.kinds=mlp",
                "trace.severed=attention",
                "trace.window=2",
            ],
            &["input.prompt=The", "input.subject=The"],
            &["input.subject=city of", "corruption.samples=1"],
            &[
                "corruption.kind=replace",
                "corruption.prompt=The Lund stands in the old city of",
            ],
        ] {
            let exact = run(&model, &experiment(TRACE, changes));
            let mut plain = changes.to_vec();
            plain.push("trace.engine=plain");
            let plain = run(&model, &experiment(TRACE, &plain));
            for field in plain.fields.iter().filter(|f| f.samples.is_some()) {
                let other = exact.field(&field.name).expect("both engines measure it");
                assert_eq!(field.mask, other.mask);
                let (a, b) = (field.samples.as_ref(), other.samples.as_ref());
                for (a, b) in a.expect("sampled").iter().zip(b.expect("sampled")) {
                    let both_empty = a.is_nan() && b.is_nan();
                    assert!(
                        both_empty || (a - b).abs() < 1e-5,
                        "{family} {changes:?} {a} {b}"
                    );
                }
            }
            assert!(exact.summary.passes <= plain.summary.passes);
            assert_eq!(exact.summary.passes_plain, plain.summary.passes_plain);
            assert_eq!(plain.summary.passes, plain.summary.passes_plain);
        }
    }
}

/// Every decoder family that can be opened, those with sliding attention and double norms included.
#[test]
fn the_engines_agree_on_every_family() {
    let parity = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/parity");
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(parity).expect("lists") {
        let folder = entry.expect("an entry").path();
        if !folder.join("config.json").is_file() {
            continue;
        }
        let folder = folder.display().to_string();
        let model = open(&folder, &OpenOptions::default()).expect("the fixture opens");
        let text = r#"{"instrument": "causal-trace", "model": "fixture",
            "input": {"tokens": [3, 7, 1, 9, 4, 11, 2, 8, 5, 6, 10, 3], "subject_tokens": [1, 4]},
            "corruption": {"kind": "noise", "samples": 2, "scale": 2.0}}"#;
        for changes in [
            &["trace.window=2"][..],
            &["trace.kinds=residual", "trace.severed=mlp,attention"],
            &[
                "trace.kinds=attention",
                "trace.severed=mlp",
                "trace.window=1",
            ],
        ] {
            let exact = run(&model, &experiment(text, changes));
            let mut plain = changes.to_vec();
            plain.push("trace.engine=plain");
            let plain = run(&model, &experiment(text, &plain));
            for field in plain.fields.iter().filter(|f| f.samples.is_some()) {
                let other = exact.field(&field.name).expect("both engines measure it");
                for (a, b) in field.values.iter().zip(&other.values) {
                    assert!((a - b).abs() < 1e-5, "{folder} {changes:?} {a} {b}");
                }
            }
        }
        seen.push(model.card.family.clone());
    }
    seen.sort();
    seen.dedup();
    assert!(seen.len() >= 6, "only {seen:?}");
}

#[test]
fn restoring_the_whole_input_gives_the_clean_value() {
    for family in FAMILIES {
        let model = model(family);
        // With one token, each residual cell restores the only position there is.
        let outcome = run(
            &model,
            &experiment(
                TRACE,
                &[
                    "input.prompt=The",
                    "input.subject=The",
                    "trace.kinds=residual",
                ],
            ),
        );
        let clean = outcome.summary.reference["clean"];
        let corrupted = outcome.summary.reference["corrupted"];
        assert!(
            (clean - corrupted).abs() > 1e-3,
            "{family}: the noise does something"
        );
        for value in &grid(&outcome, TraceKind::Residual).values {
            close(*value, f64::from(clean), 1e-6, family);
        }
        // The last position's residual stream behind the last block is the output.
        let outcome = run(&model, &experiment(TRACE, &["trace.kinds=residual"]));
        let field = grid(&outcome, TraceKind::Residual);
        let last = *field.values.last().expect("cells");
        close(
            last,
            f64::from(outcome.summary.reference["clean"]),
            1e-6,
            family,
        );
        assert_eq!(
            field.stderr.as_ref().map(|s| s[s.len() - 1] < 1e-6),
            Some(true)
        );
    }
}

#[test]
fn without_corruption_every_cell_is_the_clean_value() {
    for family in FAMILIES {
        let outcome = run(&model(family), &experiment(TRACE, &["corruption.scale=0"]));
        let clean = f64::from(outcome.summary.reference["clean"]);
        close(outcome.summary.reference["corrupted"], clean, 1e-6, family);
        for kind in TraceKind::ALL {
            for value in &grid(&outcome, kind).values {
                close(*value, clean, 1e-6, family);
            }
        }
    }
}

#[test]
fn cells_that_cannot_matter_are_the_corrupted_value_bit_for_bit() {
    for family in FAMILIES {
        let model = model(family);
        let layers = model.config().layers;
        for changes in [
            &["trace.window=1"][..],
            &[
                "trace.window=1",
                "trace.kinds=residual",
                "trace.severed=mlp",
            ],
            &[
                "corruption.kind=replace",
                "corruption.prompt=The river of Lund stands in the old city of",
                "trace.window=1",
            ],
        ] {
            let outcome = run(&model, &experiment(TRACE, changes));
            let corrupted = outcome.summary.reference["corrupted"].to_bits();
            let [first, _] = outcome.summary.subject.expect("a subject");
            let tokens = outcome.summary.tokens.len();
            let mut moved = 0;
            for field in outcome.fields.iter().filter(|f| f.samples.is_some()) {
                for token in 0..tokens {
                    for layer in 0..layers {
                        let value = field.values[token * layers + layer];
                        let behind = layer == layers - 1 && token < tokens - 1;
                        if token < first || behind {
                            assert_eq!(value.to_bits(), corrupted, "{family} {token} {layer}");
                        } else {
                            moved += usize::from(value.to_bits() != corrupted);
                        }
                    }
                }
            }
            assert!(moved > 0, "{family}: something must matter");
        }
    }
}

#[test]
fn the_answer_is_by_default_what_the_model_says() {
    for family in FAMILIES {
        let model = model(family);
        let outcome = run(&model, &experiment(TRACE, &["trace.kinds=residual"]));
        let answer = outcome.summary.answer.as_ref().expect("an answer");
        let clean = &outcome.distributions[0];
        assert_eq!(clean.name, "clean");
        assert_eq!(*answer, clean.top[0]);
        assert_eq!(answer.probability, outcome.summary.reference["clean"]);
        let named = run(
            &model,
            &experiment(TRACE, &["trace.kinds=residual", "input.answer= Lund"]),
        );
        let named = named.summary.answer.expect("an answer");
        assert!(" Lund".starts_with(&named.text), "{named:?}");
    }
}

#[test]
fn what_is_streamed_is_what_comes_out() {
    let model = model("gpt2");
    let mut listener = Listener::default();
    let outcome = measure(
        &model,
        &experiment(TRACE, &[]),
        &mut listener,
        &Budget::UNLIMITED,
    )
    .expect("runs");
    let mut reports = listener.reports.into_iter();
    let Some(Report::Started {
        mut fields,
        summary,
        distributions,
    }) = reports.next()
    else {
        panic!("the reference runs come first");
    };
    assert!(fields.iter().all(|f| f.mask.iter().all(|m| !m)));
    assert_eq!(summary.reference, outcome.summary.reference);
    assert_eq!(distributions, outcome.distributions);
    let tracked = &distributions[2];
    assert_eq!(tracked.name, "tracked");
    let (mut done, mut total) = (0, 0);
    for report in reports {
        match report {
            Report::Cells { field, cells } => {
                let field = fields.iter_mut().find(|f| f.name == field);
                let field = field.expect("announced");
                for cell in cells {
                    assert!(!field.mask[cell.cell], "each cell comes once");
                    field.set_samples(cell.cell, &cell.samples);
                    assert_eq!(cell.tokens.tracked.len(), tracked.top.len());
                    assert_eq!(cell.tokens.top.len(), 5);
                    assert_eq!(cell.tokens.texts.len(), 5);
                    let sum: f32 = cell.tokens.top.iter().map(|t| t.1).sum();
                    assert!(sum <= 1.0 + 1e-5);
                    // The metric is the answer's probability, which is tracked.
                    let answer = summary.answer.as_ref().expect("an answer").id;
                    let at = tracked.top.iter().position(|t| t.id == answer);
                    let followed = cell.tokens.tracked[at.expect("tracked")];
                    assert!((followed - field.values[cell.cell]).abs() < 1e-6);
                }
            }
            Report::Progress(progress) => {
                assert!(progress.done >= done, "progress does not go back");
                (done, total) = (progress.done, progress.total);
            }
            _ => {}
        }
    }
    assert_eq!(done, total);
    assert_eq!(total, fields.iter().map(|f| f.mask.len()).sum::<usize>());
    for field in &fields {
        let whole = outcome.field(&field.name).expect("in the outcome");
        assert_eq!(field, whole);
    }
    for kind in TraceKind::ALL {
        for suffix in ["top", "top.probability", "tracked"] {
            let name = format!("{}.{suffix}", kind.name());
            let field = outcome.field(&name).expect("goes with the kind");
            assert!(field.mask.iter().all(|m| *m), "{name}");
        }
    }
}

#[test]
fn a_cancelled_run_ends_at_once_wherever_it_is() {
    let model = model("gpt2");
    for engine in ["trace.engine=exact", "trace.engine=plain"] {
        for after in [0, 1, 5, 20] {
            let mut listener = Listener {
                cancel_after: Some(after),
                ..Listener::default()
            };
            let result = measure(
                &model,
                &experiment(TRACE, &[engine]),
                &mut listener,
                &Budget::UNLIMITED,
            );
            assert!(matches!(result, Err(InstrumentError::Cancelled)), "{after}");
            assert_eq!(
                listener.asked.get(),
                after + 1,
                "nothing runs on after a cancel"
            );
        }
    }
}

#[test]
fn little_memory_means_small_batches_and_the_same_numbers() {
    let model = model("llama");
    let experiment = experiment(TRACE, &["corruption.samples=7"]);
    let whole = run(&model, &experiment);
    let least = match measure(
        &model,
        &experiment,
        &mut Listener::default(),
        &Budget { bytes: 1 },
    ) {
        Err(InstrumentError::Memory { needed_bytes, .. }) => needed_bytes,
        other => panic!("one byte must be refused: {other:?}"),
    };
    let tight = measure(
        &model,
        &experiment,
        &mut Listener::default(),
        &Budget { bytes: least },
    )
    .expect("the least that it asked for is enough");
    for kind in TraceKind::ALL {
        let (a, b) = (grid(&whole, kind), grid(&tight, kind));
        assert_eq!(a.mask, b.mask);
        for (a, b) in a.values.iter().zip(&b.values) {
            assert!((a - b).abs() < 1e-6);
        }
    }
    assert!(tight.summary.peak_bytes <= whole.summary.peak_bytes);
}

#[test]
fn an_estimate_counts_what_the_run_then_takes() {
    let model = model("neox");
    for changes in [&[][..], &["trace.engine=plain"], &["trace.window=1"]] {
        let experiment = experiment(TRACE, changes);
        let cost = estimate(&model, &experiment, &Budget::UNLIMITED).expect("estimates");
        let outcome = run(&model, &experiment);
        assert_eq!(cost.passes, outcome.summary.passes);
        assert_eq!(cost.passes_plain, outcome.summary.passes_plain);
        assert!(cost.seconds > 0.0 && cost.seconds < 60.0);
        assert!(cost.bytes > 0 && cost.bytes < outcome.summary.peak_bytes);
        // Rows as PyTorch would run them: a clean one and the samples, for each cell and once for reference.
        let InstrumentSettings::CausalTrace { trace, .. } = &experiment.instrument else {
            panic!("a trace");
        };
        let cells = trace.kinds.len() * outcome.summary.tokens.len() * model.config().layers;
        assert_eq!(cost.passes_plain, ((cells + 1) * 4) as f64);
    }
}

#[test]
fn what_does_not_fit_the_model_is_said_in_a_sentence() {
    let model = model("gpt2");
    for (changes, said) in [
        (
            &["input.foil= Lund", "input.answer= Lund", "seed=1"][..],
            "same",
        ),
        (
            &["corruption.kind=replace", "corruption.prompt=A b"],
            "nothing in place of the subject",
        ),
        (&["corruption.file=absent.npy"], "absent.npy"),
        (
            &[
                "input.prompt=The tower of Varn stands in the old city of The tower of Varn stands in the old city of The tower of Varn stands in the old city of The tower of Varn stands",
            ],
            "positions",
        ),
    ] {
        let overrides: Vec<String> = changes.iter().map(ToString::to_string).collect();
        let message = parse_experiment(TRACE, &overrides)
            .map_err(|e| e.to_string())
            .and_then(|experiment| {
                measure(
                    &model,
                    &experiment,
                    &mut Listener::default(),
                    &Budget::UNLIMITED,
                )
                .map_err(|e| e.to_string())
            })
            .expect_err("must be refused");
        assert!(message.contains(said), "{changes:?}: {message}");
        assert!(message.starts_with(char::is_uppercase), "{message}");
    }
    let tokens = r#"{"instrument": "causal-trace", "model": "m", "input": {"tokens": [1, 999], "subject_tokens": [0, 1]}}"#;
    let error = measure(
        &model,
        &experiment(tokens, &[]),
        &mut Listener::default(),
        &Budget::UNLIMITED,
    );
    let message = error.expect_err("outside the vocabulary").to_string();
    assert!(message.contains("999"), "{message}");
}

#[test]
fn a_trace_on_token_ids_is_the_trace_on_their_text() {
    let model = model("llama");
    let by_text = run(&model, &experiment(TRACE, &["trace.kinds=residual"]));
    let ids = &by_text.summary.token_ids;
    let [first, end] = by_text.summary.subject.expect("a subject");
    let tokens = format!(
        r#"{{"instrument": "causal-trace", "model": "m", "seed": 1,
            "input": {{"tokens": {ids:?}, "subject_tokens": [{first}, {end}]}},
            "corruption": {{"kind": "noise", "samples": 3}}, "trace": {{"kinds": ["residual"]}}}}"#
    );
    let by_ids = run(&model, &experiment(&tokens, &[]));
    assert!(by_text.fields == by_ids.fields, "the same numbers");
    assert_eq!(by_text.summary.tokens, by_ids.summary.tokens);
}

#[test]
fn a_trace_run_again_gives_the_same_bits() {
    for family in FAMILIES {
        let model = model(family);
        let [one, two] = [0, 1].map(|_| run(&model, &experiment(TRACE, &[])).fields);
        assert!(one == two, "{family}");
    }
}
