//! Both engines give the same numbers, on every family and every time.

use std::path::PathBuf;

use whyfinder_model::{OpenOptions, open};

use crate::{FAMILIES, TRACE, experiment, model, run};

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
fn a_trace_run_again_gives_the_same_bits() {
    for family in FAMILIES {
        let model = model(family);
        let [one, two] = [0, 1].map(|_| run(&model, &experiment(TRACE, &[])).fields);
        assert!(one == two, "{family}");
    }
}
