//! Files of other programs: numbers as numpy has them, recognised, or refused with a sentence.
//!
//! The files and what numpy says of them are made by `tests/fixtures/make_import.py`.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;
use whyfinder_experiment::{
    Field, ImportForm, ImportSettings, InstrumentSettings, Outcome, read_result, write_result,
};
use whyfinder_import::{Asked, AxisRole, ImportError, Limits, import, is_foreign};

fn at(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/import")
        .join(name)
}

fn expected() -> Value {
    let text = std::fs::read_to_string(at("expected.json")).expect("the fixture");
    serde_json::from_str(&text).expect("JSON")
}

fn read(name: &str) -> Outcome {
    import(&at(name), &Asked::default())
        .unwrap_or_else(|e| panic!("{name}: {e}"))
        .outcome
}

fn settings(outcome: &Outcome) -> &ImportSettings {
    match &outcome.experiment.instrument {
        InstrumentSettings::Import { import } => import,
        other => panic!("{other:?}"),
    }
}

fn refused(name: &str) -> String {
    import(&at(name), &Asked::default())
        .expect_err("refused")
        .to_string()
}

fn numbers(value: &Value) -> Vec<f32> {
    let number = |v: &Value| v.as_f64().map_or(f32::NAN, |n| n as f32);
    value
        .as_array()
        .expect("a list")
        .iter()
        .flat_map(|v| {
            if v.is_array() {
                numbers(v)
            } else {
                vec![number(v)]
            }
        })
        .collect()
}

fn assert_near(ours: &[f32], theirs: &[f32], tolerance: f32) {
    assert_eq!(ours.len(), theirs.len());
    for (a, b) in ours.iter().zip(theirs) {
        let same = a.is_nan() && b.is_nan() || (a - b).abs() <= tolerance;
        assert!(same, "{a} is not {b}");
    }
}

fn row(field: &Field, head: usize, query: usize) -> &[f32] {
    let start = (head * 5 + query) * 5;
    &field.values[start..start + 5]
}

#[test]
fn a_list_of_layers_is_attention_of_each() {
    let asked = Asked {
        tokens: Some(at("tokens.txt")),
        ..Asked::default()
    };
    let read = import(&at("list_of_layers.npz"), &asked)
        .expect("reads")
        .outcome;
    assert_eq!(settings(&read).form, ImportForm::Attention);
    assert_eq!(read.fields.len(), 12);
    assert_eq!(read.fields[11].name, "blocks.11.attn.hook_pattern");
    assert_eq!(read.fields[11].shape(), [2, 5, 5]);
    assert_eq!(
        read.summary.tokens,
        ["The", " tower", " of", " Orvane", " is"]
    );
    let theirs = numbers(&expected()["list_of_layers"]["layer 11, head 1, query 4"]);
    assert_eq!(row(&read.fields[11], 1, 4), theirs);
    let said = read.summary.notices.join(" ");
    assert!(
        said.contains("sum to one") && said.contains("No query attends to a later key"),
        "{said}"
    );
    // Marks of a vocabulary are taken off.
    let asked = Asked {
        tokens: Some(at("tokens.json")),
        ..Asked::default()
    };
    let again = import(&at("list_of_layers.npz"), &asked)
        .expect("reads")
        .outcome;
    assert_eq!(again.summary.tokens, read.summary.tokens);
}

#[test]
fn a_stack_in_half_precision_and_another_order() {
    let read = read("stack.npy");
    assert_eq!(read.fields.len(), 3);
    let theirs = numbers(&expected()["stack"]["layer 2, head 0, query 3"]);
    assert_eq!(row(&read.fields[2], 0, 3), theirs);
    assert_eq!(read.summary.tokens, ["0", "1", "2", "3", "4"]);
}

#[test]
fn hook_names_with_tokens_beside_them() {
    let path = at("hooks.safetensors");
    assert!(is_foreign(&path) && !is_foreign(&at("weights.safetensors")));
    let read = read("hooks.safetensors");
    let theirs = numbers(&expected()["hooks"]["layer 1, head 1, query 0"]);
    assert_eq!(row(&read.fields[1], 1, 0), theirs);
    assert_eq!(read.summary.tokens[3], " Orvane");
    assert!(
        read.summary
            .notices
            .iter()
            .any(|n| n.contains("later keys too"))
    );
}

#[test]
fn traces_of_rome_come_with_what_lies_beside_them() {
    for opened in [
        "knowledge_7.npz",
        "knowledge_7_mlp.npz",
        "knowledge_7_attn.npz",
    ] {
        let read = read(opened);
        assert_eq!(settings(&read).form, ImportForm::Trace);
        let names: Vec<&str> = read.fields.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["residual", "mlp", "attention"]);
        for (field, key) in read.fields.iter().zip(["rome", "rome_mlp", "rome_attn"]) {
            assert_eq!(field.values, numbers(&expected()[key]), "{key}");
        }
        assert_eq!(settings(&read).files.len(), 3);
        assert_eq!(
            settings(&read).files[0].path,
            std::path::absolute(at(opened)).expect("absolute")
        );
        assert_eq!(read.summary.reference["corrupted"], 0.05);
        assert_eq!(read.summary.reference["clean"], 0.93);
        assert_eq!(read.summary.subject, Some([1, 4]));
        assert_eq!(
            read.summary.answer.as_ref().map(|a| a.text.as_str()),
            Some(" Brelle")
        );
    }
    let message = refused("knowledge_8.npz");
    assert!(message.contains("did not know the answer"), "{message}");
}

#[test]
fn maps_of_cem_get_the_errors_that_they_lack() {
    for opened in [
        "demo_1-PSNR_all_perturb-F8.mat",
        "demo_1-PSNR_all_perturb-C3.mat",
    ] {
        let read = read(opened);
        let [effect] = read.fields.as_slice() else {
            panic!("one map");
        };
        let theirs = &expected()["cem"];
        assert_near(&effect.values, &numbers(&theirs["effect"]), 2e-5);
        let errors = effect.stderr.as_ref().expect("errors");
        assert_near(errors, &numbers(&theirs["stderr"]), 2e-5);
        let counts: Vec<f32> = effect.count.iter().flatten().map(|&n| n as f32).collect();
        assert_eq!(counts, numbers(&theirs["count"]));
        assert!(!effect.mask[0] && effect.mask[1]);
        assert_eq!(settings(&read).files.len(), 2);
        let counts = read.summary.effects.as_ref().expect("counted");
        assert_eq!(counts.positive + counts.negative + counts.zero, 23);
    }
}

#[test]
fn long_tables_become_maps_with_errors() {
    let read = read("patching.csv");
    let [map] = read.fields.as_slice() else {
        panic!("one map: {:?}", read.fields.len());
    };
    assert_eq!(map.shape(), [5, 3]);
    assert_eq!(
        (map.axes[0].name.as_str(), map.axes[1].name.as_str()),
        ("token", "layer")
    );
    assert_eq!(read.summary.tokens[3], " Orvane");
    assert_near(&map.values, &numbers(&expected()["table"]["mean"]), 1e-6);
    let errors = map.stderr.as_ref().expect("errors");
    assert_near(errors, &numbers(&expected()["table"]["stderr"]), 1e-6);
    assert_eq!(read.summary.metric, "logit_diff");
}

#[test]
fn tables_of_several_kinds_become_a_map_of_each() {
    // The columns of TransformerLens' get_act_patch_block_every, reduced over examples.
    let mut text = String::from(",metric,patch_type,layer,pos,patch_type_name,value\n");
    let mut row = 0;
    for (kind, name) in ["resid_pre", "attn_out", "mlp_out"].iter().enumerate() {
        for layer in 0..2 {
            for pos in 0..3 {
                text += &format!(
                    "{row},logit_diff,{kind},{layer},{pos},{name},{}\n",
                    row as f32 - 8.0
                );
                row += 1;
            }
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("every.csv");
    std::fs::write(&path, text).expect("written");
    let read = import(&path, &Asked::default()).expect("reads").outcome;
    // Nothing says what they lie between, so they are no trace.
    assert_eq!(settings(&read).form, ImportForm::Effects);
    assert_eq!(read.fields.len(), 3);
    for field in &read.fields {
        assert_eq!(field.shape(), [3, 2]);
    }
    assert_eq!(read.fields[2].values, [4.0, 7.0, 5.0, 8.0, 6.0, 9.0]);
    let names: Vec<&str> = read.fields.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["residual", "attention", "mlp"]);
}

#[test]
fn what_cannot_be_told_is_asked_and_what_is_said_is_done() {
    let path = at("heads.npy");
    let error = import(&path, &Asked::default()).expect_err("unclear");
    let ImportError::Unclear { message, guess } = error else {
        panic!("{error}");
    };
    assert!(message.contains("--axes row,column"), "{message}");
    assert_eq!(guess.axes, [AxisRole::Row, AxisRole::Column]);
    let asked = |axes: &str| Asked {
        axes: AxisRole::list(axes).expect("names"),
        ..Asked::default()
    };
    let read = import(&path, &asked("layer,head")).expect("reads").outcome;
    assert_eq!(read.fields[0].shape(), [4, 6]);
    assert_eq!(read.fields[0].axes[1].name, "head");
    let again = Asked::again(settings(&read)).expect("kept");
    assert_eq!(
        import(&path, &again).expect("reads").outcome.fields,
        read.fields
    );
    for (axes, part) in [
        ("layer", "1 axes are named"),
        ("query,row", "not both a query and a key"),
        ("batch,sample", "two axes"),
    ] {
        let message = import(&path, &asked(axes))
            .expect_err("refused")
            .to_string();
        assert!(message.contains(part), "{message}");
    }
    let few = Asked {
        tokens: Some(at("tokens.txt")),
        ..asked("layer,token")
    };
    let message = import(&path, &few).expect_err("refused").to_string();
    assert!(message.contains("5 tokens, and 6 places"), "{message}");
}

#[test]
fn what_memory_cannot_hold_is_refused_by_its_header() {
    let message = refused("huge.npy");
    assert!(
        message.contains("1.9 TiB") && message.contains("fewer layers"),
        "{message}"
    );
    let small = Asked {
        limits: Limits { values: 40 },
        ..Asked::default()
    };
    for name in [
        "list_of_layers.npz",
        "hooks.safetensors",
        "demo_1-PSNR_all_perturb-F8.mat",
        "stack.npy",
    ] {
        let message = import(&at(name), &small)
            .expect_err("too large")
            .to_string();
        assert!(message.contains("memory"), "{name}: {message}");
    }
}

/// Labels are made of the sides, and without numbers nothing in the file vouches for those.
#[test]
fn arrays_of_no_numbers_are_refused_whatever_their_sides() {
    let folder = tempfile::tempdir().expect("a folder");
    for (shape, part) in [
        ("(0, 5)", "holds nothing"),
        ("(0, 200000000)", "holds nothing"),
        ("(0, 4611686018427387904)", "memory"),
        ("(0, 4611686018427387904, 4)", "memory"),
    ] {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        let path = folder.path().join("nothing.npy");
        std::fs::write(&path, &bytes).expect("written");
        for axes in ["row,column,sample", "query,key,head"] {
            let axes = AxisRole::list(axes).expect("axes");
            let asked = Asked {
                axes: axes[..shape.matches(',').count() + 1].to_vec(),
                array: Some("nothing".into()),
                ..Asked::default()
            };
            let message = import(&path, &asked).expect_err("refused").to_string();
            assert!(message.contains(part), "{shape}: {message}");
        }
    }
}

#[test]
fn an_import_is_kept_as_a_result() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        "knowledge_7.npz",
        "demo_1-PSNR_all_perturb-F8.mat",
        "patching.csv",
    ] {
        let read = read(name);
        write_result(folder.path(), &read).expect("written");
        let back = read_result(folder.path()).expect("read back");
        assert_eq!(back.experiment, read.experiment);
        assert_eq!(back.summary.notices, read.summary.notices);
        assert_eq!(back.fields.len(), read.fields.len());
        assert!(!is_foreign(&folder.path().join("result.npz")));
        for (a, b) in back.fields.iter().zip(&read.fields) {
            assert_eq!(a.name, b.name);
            assert_near(&a.values, &b.values, 0.0);
            assert_eq!(a.mask, b.mask);
        }
    }
}

/// Any file of the fixtures with some bytes changed and its end cut.
fn damaged() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let names = [
        "list_of_layers.npz",
        "stack.npy",
        "hooks.safetensors",
        "knowledge_7.npz",
        "demo_1-PSNR_all_perturb-C3.mat",
        "demo_1-PSNR_all_perturb-F8.mat",
        "patching.csv",
    ];
    (0..names.len()).prop_flat_map(move |i| {
        let bytes = std::fs::read(at(names[i])).expect("the fixture");
        let length = bytes.len();
        let changes = proptest::collection::vec((0..length, any::<u8>()), 0..12);
        (changes, 0..=length).prop_map(move |(changes, cut)| {
            let mut bytes = bytes.clone();
            for (place, byte) in changes {
                bytes[place] = byte;
            }
            // Mostly whole: what is inside is looked at only then.
            if cut % 3 == 0 {
                bytes.truncate(cut);
            }
            (names[i], bytes)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_files_are_refused_or_read_within_the_limit((name, bytes) in damaged()) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes).expect("written");
        is_foreign(&path);
        let limits = Limits { values: 1 << 16 };
        let asked = Asked { limits, ..Asked::default() };
        match import(&path, &asked) {
            Ok(read) => {
                let values: usize = read.outcome.fields.iter().map(|f| f.values.len()).sum();
                prop_assert!(values <= 1 << 18, "{values} values");
            }
            Err(error) => prop_assert!(error.to_string().len() > 20),
        }
    }
}
