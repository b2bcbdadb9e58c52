//! Writing results, reading them back, and reading them in numpy.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use whyfinder_experiment::outcome::{
    BlockEffect, Distribution, EffectCounts, ImageSummary, Summary, TokenProbability,
};
use whyfinder_experiment::{
    Axis, Field, Metric, Outcome, Provenance, read_npy, read_result, write_result,
};

use crate::interpreter::interpreter;
use crate::{TRACE, read};

fn outcome() -> Outcome {
    let axes = || {
        let tokens = ["The", " Ångström", " \"q\"\n"]
            .map(str::to_string)
            .to_vec();
        vec![Axis::text("token", tokens), Axis::numbered("layer", 2)]
    };
    let mut traced = Field::sampled("residual", axes(), 3);
    traced.set_samples(0, &[0.1, 0.2, 0.4]);
    traced.set_samples(5, &[0.5, 0.5, 0.5]);
    traced.metric = Some(Metric::Probability);
    traced.reference.insert("clean".into(), 0.75);
    let mut infinite = vec![0.25; 6];
    infinite[2] = f32::NEG_INFINITY;
    let whole = Field::measured("blocks.0.hook_resid_pre", axes(), infinite).expect("fits");
    let other_axis = Field::measured("top", vec![Axis::numbered("token", 4)], vec![1.0; 4]);
    let token = |probability| TokenProbability {
        id: 7,
        text: " Lund".into(),
        probability,
        logit: -1.25,
    };
    Outcome {
        experiment: read(TRACE),
        fields: vec![traced, whole, other_axis.expect("fits")],
        summary: Summary {
            reference: BTreeMap::from([("clean".into(), 0.75), ("corrupted".into(), 0.1)]),
            reference_stderr: BTreeMap::from([("corrupted".into(), 0.01)]),
            metric: "probability".into(),
            answer: Some(token(0.3)),
            foil: None,
            tokens: vec!["The".into(), " tower".into()],
            token_ids: vec![5, 6],
            subject: Some([1, 2]),
            noise_sd: Some(0.13),
            seconds: 1.5,
            passes: 12.25,
            passes_plain: 100.0,
            peak_bytes: 1 << 40,
            ..Summary::default()
        },
        provenance: Provenance {
            program: "whyfinder 0.1.0".into(),
            date: "2026-01-01T00:00:00Z".into(),
            ..Provenance::default()
        },
        distributions: vec![Distribution {
            name: "clean".into(),
            top: vec![token(0.3), token(0.1)],
        }],
        attention: Vec::new(),
    }
}

fn same(a: &[f32], b: &[f32]) -> bool {
    let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    bits(a) == bits(b)
}

#[test]
fn a_result_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    let written = outcome();
    write_result(folder.path(), &written).expect("writes");
    for path in [
        folder.path().to_path_buf(),
        folder.path().join("result.npz"),
    ] {
        let back = read_result(&path).expect("reads");
        assert_eq!(back.experiment, written.experiment);
        assert_eq!(back.summary, written.summary);
        assert_eq!(back.provenance, written.provenance);
        assert_eq!(back.distributions, written.distributions);
        assert_eq!(back.fields.len(), written.fields.len());
        for (a, b) in back.fields.iter().zip(&written.fields) {
            assert_eq!((&a.name, &a.axes, &a.mask), (&b.name, &b.axes, &b.mask));
            assert_eq!((a.metric, &a.reference), (b.metric, &b.reference));
            assert_eq!(a.count, b.count);
            assert!(same(&a.values, &b.values));
            for (a, b) in [(&a.stderr, &b.stderr), (&a.samples, &b.samples)] {
                assert_eq!(a.is_some(), b.is_some());
                assert!(same(
                    a.as_deref().unwrap_or(&[]),
                    b.as_deref().unwrap_or(&[])
                ));
            }
        }
    }
}

#[test]
fn a_map_of_effects_comes_back_with_its_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut written = outcome();
    written.experiment = read(crate::image_experiments::MAP);
    let axes = vec![Axis::numbered("row", 2), Axis::numbered("column", 2)];
    let mut effect = Field::sampled("effect", axes, 5);
    effect.zero_below = 0.01;
    effect.metric = Some(Metric::Psnr);
    effect.set_samples(0, &[0.5, 0.7, 0.6, 0.5, 0.9]);
    effect.set_samples(3, &[0.001, 0.002]);
    let block = BlockEffect {
        row: 0,
        column: 0,
        effect: 0.64,
        stderr: f32::NAN,
    };
    written.fields = vec![effect];
    written.summary.image = Some(ImageSummary {
        input_size: [64, 48],
        output_size: [256, 192],
        channels: 3,
        scale: 4,
        task: "super-resolution".into(),
        truth: true,
        region: Some([96, 152, 32, 32]),
        block: Some(8),
        ..ImageSummary::default()
    });
    written.summary.effects = Some(EffectCounts {
        positive: 1,
        zero: 1,
        refined: 1,
        max: Some(block),
        ..EffectCounts::default()
    });
    write_result(folder.path(), &written).expect("writes");
    let back = read_result(folder.path()).expect("reads");
    assert_eq!(back.experiment, written.experiment);
    assert_eq!(back.summary.image, written.summary.image);
    let counts = back.summary.effects.expect("counted");
    assert_eq!((counts.positive, counts.zero), (1, 1));
    assert!(counts.max.expect("there").stderr.is_nan());
    let field = &back.fields[0];
    assert_eq!(field.metric, Some(Metric::Psnr));
    assert_eq!(field.zero_below, 0.01);
    assert_eq!(field.samples_of(3), [0.001, 0.002]);
    assert_eq!(field.values[3], 0.0);
    let json = fs::read_to_string(folder.path().join("result.json")).expect("reads");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["effects"]["positive"], 1);
    assert_eq!(json["image"]["output_size"][0], 256);
}

#[test]
fn the_same_answer_is_the_same_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = |name: &str| {
        let inner = folder.path().join(name);
        write_result(&inner, &outcome()).expect("writes");
        fs::read(inner.join("result.npz")).expect("reads")
    };
    assert!(bytes("a") == bytes("b"));
}

#[test]
fn the_scalars_stand_in_result_json() {
    let folder = tempfile::tempdir().expect("a folder");
    write_result(folder.path(), &outcome()).expect("writes");
    let text = fs::read_to_string(folder.path().join("result.json")).expect("reads");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["reference"]["clean"], 0.75);
    assert_eq!(json["answer"]["text"], " Lund");
    assert_eq!(json["passes_plain"], 100.0);
    assert_eq!(json["instrument"], "causal-trace");
    assert_eq!(json["experiment"]["trace"]["window"], 5);
    assert_eq!(json["fields"][0]["shape"], serde_json::json!([3, 2]));
    assert_eq!(json["distributions"][0]["name"], "clean");
}

#[test]
fn a_damaged_result_is_refused_and_never_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    write_result(folder.path(), &outcome()).expect("writes");
    let path = folder.path().join("result.npz");
    let whole = fs::read(&path).expect("reads");
    let damaged = folder.path().join("damaged.npz");
    for cut in (0..whole.len()).step_by(97) {
        fs::write(&damaged, &whole[..cut]).expect("writes");
        let message = read_result(&damaged).expect_err("cut short").to_string();
        assert!(message.ends_with("damaged.npz"), "{message}");
    }
    // A flipped byte may hide in a place that no one reads, but it must never bring the program down.
    for at in (0..whole.len()).step_by(13) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(&damaged, &bytes).expect("writes");
        if let Err(e) = read_result(&damaged) {
            assert!(e.to_string().ends_with("damaged.npz"));
        }
    }
}

#[test]
fn a_field_that_contradicts_itself_is_not_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut wrong = outcome();
    wrong.fields[0].mask.pop();
    let message = write_result(folder.path(), &wrong)
        .expect_err("must be refused")
        .to_string();
    assert!(message.contains("\"residual\""), "{message}");
    assert!(!folder.path().join("result.npz").exists());
}

fn python(code: &str, file: &Path) -> String {
    let output = Command::new(interpreter())
        .args(["-c", code])
        .arg(file)
        .output()
        .expect("python3 runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn numpy_opens_a_result_without_help() {
    let folder = tempfile::tempdir().expect("a folder");
    write_result(folder.path(), &outcome()).expect("writes");
    let code = r#"
import json, sys, numpy as np
z = np.load(sys.argv[1], allow_pickle=False)
e = json.loads(str(z["experiment"]))
assert e["input"]["subject"] == "tower of Varn", e
assert json.loads(str(z["provenance"]))["program"] == "whyfinder 0.1.0"
v = z["residual.values"]
assert v.dtype == np.float32 and v.shape == (3, 2) and np.isnan(v[0, 1])
assert z["residual.mask"].dtype == np.bool_ and z["residual.mask"].tolist() == [[True, False], [False, False], [False, True]]
assert z["residual.count"].tolist() == [[3, 0], [0, 0], [0, 3]]
assert z["residual.samples"].shape == (3, 2, 3)
s = z["residual.samples"][0, 0]
assert abs(z["residual.stderr"][0, 0] - s.std(ddof=1) / 3 ** .5) < 1e-7
assert z["residual.axes"].tolist() == ["token", "layer"]
assert z["axis.token"].tolist() == ["The", " \u00c5ngstr\u00f6m", " \"q\"\n"]
assert z["axis.layer"].tolist() == [0, 1]
assert z["top.axis.token"].tolist() == [0, 1, 2, 3]
assert float(z["reference.clean"]) == 0.75 and z["reference.clean"].shape == ()
assert str(z["residual.metric"]) == "probability"
assert np.isneginf(z["blocks.0.hook_resid_pre.values"][1, 0])
print("same")
"#;
    assert_eq!(python(code, &folder.path().join("result.npz")), "same\n");
}

#[test]
fn arrays_that_numpy_saved_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("noise.npy");
    for (made, order) in [
        ("x", "C"),
        ("np.asfortranarray(x)", "F"),
        ("x.astype('<f8')", "f8"),
    ] {
        let code = format!(
            "import sys, numpy as np; x = np.arange(24, dtype='<f4').reshape(2, 3, 4); np.save(sys.argv[1], {made})"
        );
        python(&code, &path);
        let array = read_npy(&path).expect("reads");
        assert_eq!(array.shape, [2, 3, 4], "{order}");
        assert!(
            array.data.iter().enumerate().all(|(i, &x)| x == i as f32),
            "{order}"
        );
    }
    for wrong in [
        "np.array([None])",
        "np.array(['a'])",
        "np.zeros(3, dtype='f4,i4')",
    ] {
        let code =
            format!("import sys, numpy as np; np.save(sys.argv[1], {wrong}, allow_pickle=True)");
        python(&code, &path);
        let message = read_npy(&path).expect_err(wrong).to_string();
        assert!(message.starts_with("The array "), "{message}");
    }
}
