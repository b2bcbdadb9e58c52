//! How a trace behaves towards whoever asked for it: reports, cancelling, memory, estimates, refusals.

use whyfinder_experiment::{InstrumentSettings, TraceKind, parse_experiment};
use whyfinder_instrument::{Budget, InstrumentError, Report, estimate, measure};

use crate::{Listener, TRACE, experiment, grid, model, run};

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
        for after in [0, 1, 5, 9] {
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
