//! Every cell is what PyTorch computes with one full pass per cell (fixtures of `make_trace.py`).

use serde_json::Value;
use whyfinder_experiment::Field;
use whyfinder_experiment::outcome::Summary;

use crate::{FAMILIES, close, experiment, folder, model, run};

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
