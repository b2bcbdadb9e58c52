//! Values that follow from what a trace is, whatever the weights.

use whyfinder_experiment::TraceKind;

use crate::{FAMILIES, TRACE, close, experiment, grid, model, run};

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
