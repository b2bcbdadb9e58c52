//! Every effect is what PyTorch computes with one full pass per intervention (fixtures of `make_cem.py`).

use serde_json::Value;

use crate::{CASES, effect, experiment, folder, model, run};

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .expect("rows")
        .iter()
        .flat_map(|row| row.as_array().expect("cells"))
        .map(|cell| cell.as_f64().expect("a number"))
        .collect()
}

#[test]
fn every_effect_is_pytorchs_on_both_engines() {
    let mut worst = 0.0f64;
    for case in CASES {
        let text = std::fs::read_to_string(folder(case).join("expected.json")).expect("reads");
        let expected: Value = serde_json::from_str(&text).expect("JSON");
        let model = model(case);
        for engine in ["exact", "plain"] {
            let engine = format!("intervention.engine={engine}");
            let outcome = run(&model, &experiment(case, &[&engine]));
            let field = effect(&outcome);
            let reachable = &outcome.field("reachable").expect("known").values;
            let psnr = expected["psnr"].as_f64().expect("a number");
            let difference = (f64::from(outcome.summary.reference["psnr"]) - psnr).abs();
            assert!(difference < 1e-3, "{case} {engine}: PSNR {difference}");
            let stderr = field.stderr.as_ref().expect("sampled");
            for (name, ours) in [("effect", &field.values), ("stderr", stderr)] {
                let theirs = numbers(&expected[name]);
                assert_eq!(ours.len(), theirs.len(), "{case}");
                for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                    let difference = (f64::from(*ours) - theirs).abs();
                    worst = worst.max(difference);
                    assert!(
                        difference < 1e-3,
                        "{case} {engine} {name} {i}: {ours} against {theirs}"
                    );
                }
            }
            let counts = field.count.as_ref().expect("sampled");
            for (i, theirs) in numbers(&expected["count"]).into_iter().enumerate() {
                let run = reachable[i] == 1.0 || engine.ends_with("plain");
                assert_eq!(
                    f64::from(counts[i]),
                    if run { theirs } else { 0.0 },
                    "{case} {i}"
                );
            }
        }
    }
    println!("worst difference {worst:.1e} dB");
}
