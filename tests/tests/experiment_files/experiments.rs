//! Reading, overriding, refusing and writing experiments.

use std::fs;

use whyfinder_experiment::{
    Corruption, Engine, Experiment, InstrumentSettings, Metric, TraceKind, TraceSettings, digest,
    parse_experiment, read_experiment, to_json, to_toml, write_experiment,
};

use crate::{RUN, TRACE, read};

pub(crate) fn refusal(text: &str, overrides: &[&str]) -> String {
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

pub(crate) fn with(text: &str, overrides: &[&str]) -> Experiment {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    parse_experiment(text, &overrides).expect("a good experiment")
}

fn trace_of(experiment: &Experiment) -> (&Corruption, &TraceSettings) {
    match &experiment.instrument {
        InstrumentSettings::CausalTrace { corruption, trace } => (corruption, trace),
        _ => panic!("a causal trace was written"),
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
        toml.starts_with("schema = 1\ninstrument = \"causal-trace\"\n"),
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
        (&["corruption.samples=100000"], "at most 10000"),
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
