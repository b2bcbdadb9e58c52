//! Experiments and results as files: what is read, what is refused, what comes back.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use whyfinder_experiment::outcome::{Distribution, Summary, TokenProbability};
use whyfinder_experiment::{
    Axis, Corruption, Engine, Experiment, Field, InstrumentSettings, Metric, Outcome, Provenance,
    TraceKind, digest, parse_experiment, read_experiment, read_result, to_json, to_toml,
    write_experiment, write_result,
};

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

fn refusal(text: &str, overrides: &[&str]) -> String {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    let message = parse_experiment(text, &overrides)
        .expect_err("must be refused")
        .to_string();
    assert!(
        message.ends_with('.') && message.starts_with(char::is_uppercase),
        "not a sentence: {message}"
    );
    message
}

fn with(text: &str, overrides: &[&str]) -> Experiment {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    parse_experiment(text, &overrides).expect("a good experiment")
}

fn trace_of(experiment: &Experiment) -> (&Corruption, &whyfinder_experiment::TraceSettings) {
    match &experiment.instrument {
        InstrumentSettings::CausalTrace { corruption, trace } => (corruption, trace),
        InstrumentSettings::Run { .. } => panic!("a causal trace was written"),
    }
}

#[test]
fn every_setting_of_a_trace_is_read() {
    let experiment = read(TRACE);
    assert_eq!(experiment.model, "demo:isles");
    assert_eq!(experiment.seed, 1);
    assert_eq!(experiment.input.foil.as_deref(), Some(" Mora"));
    let (corruption, trace) = trace_of(&experiment);
    assert_eq!(
        *corruption,
        Corruption::Noise {
            scale: 2.7,
            samples: 10,
            sd: Some(0.13),
            file: None
        }
    );
    assert_eq!(trace.kinds, [TraceKind::Residual, TraceKind::Mlp]);
    assert_eq!(trace.window, 5);
    assert_eq!(trace.metric, Metric::LogitDifference);
    assert_eq!(trace.severed, [TraceKind::Attention]);
    assert_eq!(trace.engine, Engine::Plain);
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let experiment = read(
        "instrument = \"causal-trace\"\nmodel = \"m\"\n[input]\nprompt = \"a b\"\nsubject = \"b\"",
    );
    let (corruption, trace) = trace_of(&experiment);
    assert_eq!(experiment.seed, 0);
    assert_eq!(
        *corruption,
        Corruption::Noise {
            scale: 3.0,
            samples: 10,
            sd: None,
            file: None
        }
    );
    assert_eq!(trace.kinds, TraceKind::ALL);
    assert_eq!(trace.window, 10);
    assert_eq!(trace.metric, Metric::Probability);
    assert_eq!(trace.engine, Engine::Exact);
}

#[test]
fn experiments_come_back_exactly_as_toml_and_as_json() {
    for text in [TRACE, RUN] {
        let experiment = read(text);
        let toml = to_toml(&experiment).expect("writes");
        let json = to_json(&experiment).expect("writes");
        assert_eq!(read(&toml), experiment, "{toml}");
        assert_eq!(read(&json), experiment, "{json}");
        assert_eq!(to_toml(&read(&toml)).expect("writes"), toml);
        assert_eq!(to_json(&read(&json)).expect("writes"), json);
    }
    let toml = to_toml(&read(TRACE)).expect("writes");
    assert!(toml.contains("scale = 2.7\n"), "{toml}");
    assert!(
        toml.starts_with("instrument = \"causal-trace\"\n"),
        "{toml}"
    );
}

#[test]
fn files_are_told_apart_by_ending_and_by_content() {
    let folder = tempfile::tempdir().expect("a folder");
    let experiment = read(TRACE);
    for name in ["a.toml", "b.json"] {
        let path = folder.path().join(name);
        write_experiment(&path, &experiment).expect("writes");
        assert_eq!(read_experiment(&path, &[]).expect("reads"), experiment);
    }
    let path = folder.path().join("without-ending");
    fs::write(&path, to_json(&experiment).expect("writes")).expect("writes");
    assert_eq!(read_experiment(&path, &[]).expect("reads"), experiment);
}

#[test]
fn a_noise_file_is_sought_beside_the_experiment() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.toml");
    let text = TRACE.replace("sd = 0.13", "file = \"noise.npy\"");
    fs::write(&path, text).expect("writes");
    let experiment = read_experiment(&path, &[]).expect("reads");
    let (Corruption::Noise { file, .. }, _) = trace_of(&experiment) else {
        panic!("noise was written");
    };
    assert_eq!(file.as_deref(), Some(&*folder.path().join("noise.npy")));
}

#[test]
fn the_digest_tells_experiments_apart_and_nothing_else() {
    let one = digest(&read(TRACE)).expect("a digest");
    let same = digest(&read(&to_json(&read(TRACE)).expect("writes"))).expect("a digest");
    assert_eq!(one, same);
    assert_eq!(one.len(), 64);
    let spelled = RUN.replace("attn.pattern", "attn.hook_pattern");
    assert_eq!(
        digest(&read(RUN)).expect("a digest"),
        digest(&read(&spelled)).expect("a digest")
    );
    for change in [
        "seed=2",
        "corruption.samples=11",
        "trace.window=6",
        "input.subject=Varn",
        "trace.severed=[]",
    ] {
        let other = digest(&with(TRACE, &[change])).expect("a digest");
        assert_ne!(one, other, "{change}");
    }
}

#[test]
fn overrides_take_toml_values_and_bare_texts() {
    let experiment = with(
        TRACE,
        &[
            "trace.window=4",
            "input.prompt=\"The tower stands\"",
            "input.subject=tower",
            "input.answer= 12",
            "trace.kinds=residual",
            "corruption.scale=3",
            "seed=4294967295",
        ],
    );
    assert_eq!(experiment.input.prompt.as_deref(), Some("The tower stands"));
    assert_eq!(experiment.input.answer.as_deref(), Some(" 12"));
    assert_eq!(experiment.seed, u32::MAX);
    let (corruption, trace) = trace_of(&experiment);
    assert_eq!(trace.window, 4);
    assert_eq!(trace.kinds, [TraceKind::Residual]);
    assert!(matches!(corruption, Corruption::Noise { scale, .. } if *scale == 3.0));
    let replaced = with(
        TRACE,
        &[
            "corruption.kind=replace",
            "corruption.prompt=The tower of Holm stands in",
        ],
    );
    assert!(matches!(
        trace_of(&replaced).0,
        Corruption::Replace { prompt } if prompt.ends_with("Holm stands in")
    ));
    let sections = "instrument = \"causal-trace\"\nmodel = \"m\"";
    let made = with(sections, &["input.prompt=a b", "input.subject=b"]);
    assert_eq!(made.input.subject.as_deref(), Some("b"));
}

#[test]
fn overrides_that_mean_nothing_are_refused() {
    for (change, said) in [
        ("trace.window", "no value"),
        ("trace.windw=4", "did you mean \"window\"?"),
        ("trase.window=4", "did you mean \"trace\"?"),
        ("sead=4", "did you mean \"seed\"?"),
        ("trace=4", "whole section"),
        ("trace.window=four", "not a TOML value"),
        ("trace.window=4\nengine=1", "not a TOML value"),
        ("trace.window=-1", "trace.window"),
        ("seed=4294967296", "seed"),
        ("corruption.prompt=x", "prompt"),
    ] {
        let message = refusal(TRACE, &[change]);
        assert!(message.contains(said), "{change}: {message}");
    }
}

#[test]
fn unknown_keys_are_named_with_the_nearest_known_one() {
    for (from, to, said) in [
        (
            "window = 5",
            "windows = 5",
            "\"windows\" in [trace] (did you mean \"window\"?)",
        ),
        (
            "seed = 1",
            "sed = 1",
            "\"sed\" in the experiment (did you mean \"seed\"?)",
        ),
        ("subject =", "subjekt =", "(did you mean \"subject\"?)"),
        (
            "sd = 0.13",
            "prompt = \"x\"",
            "[corruption] of kind \"noise\"",
        ),
        ("[trace]", "[tracing]", "\"tracing\""),
        (
            "\"causal-trace\"",
            "\"causal-trase\"",
            "did you mean \"causal-trace\"?",
        ),
        ("instrument = \"causal-trace\"", "", "which instrument"),
        ("model = \"demo:isles\"", "", "names no model"),
        (
            "[trace]",
            "[run]\ntop = 1\n[trace]",
            "[run] does not belong",
        ),
        ("\"plain\"", "\"fast\"", "fast"),
        ("\"residual\", ", "\"residue\", ", "residue"),
        ("window = 5", "window = \"five\"", "trace.window"),
    ] {
        let text = TRACE.replace(from, to);
        assert_ne!(text, TRACE);
        let message = refusal(&text, &[]);
        assert!(message.contains(said), "{from} -> {to}: {message}");
    }
}

#[test]
fn a_section_that_is_a_number_is_refused() {
    let message = refusal(r#"{"instrument": "run", "model": "m", "input": 1}"#, &[]);
    assert!(message.contains("must be a section"), "{message}");
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_to_do() {
    for (changes, said) in [
        (&["input.subject="][..], "subject is empty"),
        (&["input.subject=palace"], "not in the prompt"),
        (&["input.prompt="], "prompt is empty"),
        (&["input.tokens=[1]"], "both a prompt and tokens"),
        (
            &["input.subject_tokens=[1, 2]"],
            "both a subject and subject_tokens",
        ),
        (&["input.answer="], "answer is empty"),
        (&["input.foil= Lund"], "the same"),
        (&["corruption.samples=0"], "samples is 0"),
        (&["corruption.scale=-1"], "scale"),
        (&["corruption.scale=nan"], "scale"),
        (&["corruption.sd=0"], "deviation"),
        (&["corruption.file=noise.npy"], "no effect"),
        (&["trace.window=0"], "0 layers"),
        (&["trace.kinds=[]"], "restores nothing"),
        (&["trace.kinds=mlp,mlp"], "twice"),
        (&["trace.severed=residual"], "cannot be severed"),
        (&["trace.severed=mlp"], "remove \"mlp\""),
        (&["corruption.kind=replace"], "prompt"),
        (
            &[
                "corruption.kind=replace",
                "corruption.prompt=The tower of Varn stands in",
            ],
            "the prompt itself",
        ),
        (&["model="], "model is empty"),
    ] {
        let message = refusal(TRACE, changes);
        assert!(message.contains(said), "{changes:?}: {message}");
    }
    let no_foil = TRACE.replace("foil = \" Mora\"", "");
    assert!(refusal(&no_foil, &[]).contains("add foil"));
    let no_subject = TRACE.replace("subject = \"tower of Varn\"", "");
    assert!(refusal(&no_subject, &[]).contains("Noise needs a subject"));
    let range = |r: &str| {
        let text = TRACE.replace(
            "subject = \"tower of Varn\"",
            &format!("subject_tokens = {r}"),
        );
        refusal(&text, &[])
    };
    assert!(range("[5, 2]").contains("reversed"));
    assert!(range("[2, 2]").contains("reversed"));
    let tokens = TRACE.replace(
        "prompt = \"The tower of Varn stands in\"",
        "tokens = [1, 2, 3]",
    );
    assert!(refusal(&tokens, &[]).contains("subject_tokens"));
    let beyond = tokens.replace("subject = \"tower of Varn\"", "subject_tokens = [1, 4]");
    assert!(refusal(&beyond, &[]).contains("beyond the 3 tokens"));
    assert!(refusal(&RUN.replace("[1, 2, 3]", "[]"), &[]).contains("tokens is empty"));
    assert!(refusal(&RUN.replace("tokens = [1, 2, 3]", ""), &[]).contains("no input"));
    assert!(refusal(RUN, &["run.top=0", "run.sites=[]"]).contains("keeps nothing"));
    assert!(refusal(RUN, &["run.sites=blocks.*.attn.patern"]).contains("attn.patern"));
}

#[test]
fn a_file_that_is_no_experiment_is_refused_with_its_path() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in [
        ("cut.toml", &b"instrument = \"run"[..]),
        ("cut.json", b"{\"instrument\": "),
        ("list.json", b"[1]"),
        ("binary.toml", b"\xff\xfe\x00"),
        ("absent.toml", b""),
    ] {
        let path = folder.path().join(name);
        if !bytes.is_empty() {
            fs::write(&path, bytes).expect("writes");
        }
        let message = read_experiment(&path, &[])
            .expect_err("must be refused")
            .to_string();
        assert!(message.ends_with(&path.display().to_string()), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
}

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
    let output = Command::new("python3")
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
#[ignore = "needs python3 with numpy"]
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
#[ignore = "needs python3 with numpy"]
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
        let array = whyfinder_experiment::read_npy(&path).expect("reads");
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
        let message = whyfinder_experiment::read_npy(&path)
            .expect_err(wrong)
            .to_string();
        assert!(message.starts_with("The array "), "{message}");
    }
}
