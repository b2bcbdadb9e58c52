//! Scripts about language models against the numbers that they repeat.

use whyfinder_experiment::TraceKind;

use crate::models::{fixture, parity_models};
use crate::{LIMIT, difference, experiment, measured, repeats, said_of};

pub(crate) const TRACE: &str = r#"
instrument = "causal-trace"
model = "demo:isles"
seed = 3
[input]
prompt = "The tower of Tarlithmi stands in the town of"
subject = "Tarlithmi"
foil = " Belcor"
[corruption]
samples = 3
[trace]
window = 3
"#;

const REPLACED: &str = r#"
instrument = "causal-trace"
model = "demo:isles"
[input]
prompt = "When Sara and Tom met at the market, Sara handed a lamp to"
answer = " Tom"
foil = " Sara"
[corruption]
kind = "replace"
prompt = "When Sara and Tom met at the market, Tom handed a lamp to"
[trace]
window = 1
metric = "logit-difference"
"#;

pub(crate) const RUN: &str = r#"
instrument = "run"
model = "demo:isles"
[input]
prompt = "The tower of Tarlithmi stands in the town of"
"#;

const SITES: &str = r#"["hook_embed", "hook_pos_embed", "rotary.hook_cos", "rotary.hook_sin", "blocks.*.hook_resid_pre",
 "blocks.*.ln1.hook_scale", "blocks.*.ln1.hook_normalized", "blocks.*.attn.hook_q", "blocks.*.attn.hook_k",
 "blocks.*.attn.hook_v", "blocks.*.attn.hook_rot_q", "blocks.*.attn.hook_rot_k", "blocks.*.attn.hook_k_expanded",
 "blocks.*.attn.hook_v_expanded", "blocks.*.attn.hook_attn_scores_unmasked", "blocks.*.attn.hook_attn_scores",
 "blocks.*.attn.hook_pattern", "blocks.*.attn.hook_z", "blocks.*.attn.hook_result", "blocks.*.ln1_post.hook_scale",
 "blocks.*.hook_attn_out", "blocks.*.hook_resid_mid", "blocks.1.ln2.hook_scale", "blocks.*.ln2.hook_normalized",
 "blocks.*.mlp.hook_pre", "blocks.*.mlp.hook_pre_linear", "blocks.*.mlp.hook_post", "blocks.*.ln2_post.hook_scale",
 "blocks.*.hook_mlp_out", "blocks.*.hook_resid_post", "ln_final.hook_scale", "ln_final.hook_normalized", "logits"]"#;

/// All sites that a model has.
pub(crate) fn all_sites(model: &str) -> String {
    let options = whyfinder_model::OpenOptions::default();
    let there = whyfinder_model::open(model, &options)
        .expect("opens")
        .decoder
        .sites();
    let all: Vec<String> = serde_json::from_str(SITES).expect("a list");
    let has = |name: &String| {
        let pattern: whyfinder_experiment::SitePattern = name.parse().expect("a site");
        there.iter().any(|site| pattern.matches(*site))
    };
    let sites: Vec<String> = all.into_iter().filter(has).collect();
    format!(
        "run.sites={}",
        serde_json::to_string(&sites).expect("a list")
    )
}

#[test]
#[ignore = "needs python3 with torch and transformers"]
fn traces_are_repeated_with_every_setting() {
    let kinds = TraceKind::ALL.map(TraceKind::name);
    for (name, changes) in [
        ("trace, probability", &[][..]),
        ("trace, log-probability", &["trace.metric=log-probability"]),
        ("trace, logit", &["trace.metric=logit", "seed=9"]),
        (
            "trace, logit difference",
            &["trace.metric=logit-difference"],
        ),
        (
            "trace, sd given",
            &["corruption.sd=0.25", "corruption.scale=2.0"],
        ),
        ("trace, one sample", &["corruption.samples=1"]),
    ] {
        repeats(name, &experiment(TRACE, changes), &kinds);
    }
    for severed in ["mlp", "attention"] {
        let kept: Vec<&str> = kinds.into_iter().filter(|kind| *kind != severed).collect();
        let list = serde_json::to_string(&kept).expect("a list");
        let changes = [
            format!("trace.severed=[\"{severed}\"]"),
            format!("trace.kinds={list}"),
        ];
        let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
        let name = format!("trace, {severed} severed");
        repeats(&name, &experiment(TRACE, &changes), &kept);
    }
    repeats("trace, replaced prompt", &experiment(REPLACED, &[]), &kinds);
    let longer = [
        "input.subject=Tom handed",
        "input.prompt=When Sara and Tom met at the market, Tom handed a lamp to",
        "corruption.prompt=When Sara and Tom met at the market, the old shepherd Tom gave a lamp to",
    ];
    repeats(
        "trace, longer replacement",
        &experiment(REPLACED, &longer),
        &kinds,
    );
}

#[test]
#[ignore = "needs python3 with torch and transformers"]
fn a_trace_that_stopped_early_is_repeated_where_it_did_not() {
    let early = [
        "corruption.samples=12",
        "trace.confidence=0.9",
        "trace.resolution=0.05",
    ];
    let experiment = experiment(TRACE, &early);
    let outcome = measured(&experiment);
    let counts = outcome.field("mlp").and_then(|f| f.count.clone());
    let counts = counts.expect("counts");
    let full = counts.iter().filter(|&&n| n == 12).count();
    assert!(
        full > 0 && full < counts.len(),
        "{full} of {}",
        counts.len()
    );
    let said = said_of(&outcome);
    assert!(difference(&said, &["mlp"]) < LIMIT, "{said}");
    assert!(
        said.contains(&format!("mlp: {full} values compared")),
        "{said}"
    );
}

#[test]
#[ignore = "needs python3 with torch and transformers"]
fn noise_from_a_file_is_used_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let experiment = experiment(TRACE, &["trace.kinds=[\"residual\"]"]);
    let outcome = measured(&experiment);
    let [first, end] = outcome.summary.subject.expect("a subject");
    let count = 3 * (end - first) * 128;
    let values: Vec<f32> = (0..count)
        .map(|i| ((i * 37 % 101) as f32 - 50.0) / 40.0)
        .collect();
    let path = folder.path().join("noise.npy");
    let mut bytes = Vec::new();
    {
        use npyz::WriterBuilder;
        let mut writer = npyz::WriteOptions::new()
            .default_dtype()
            .shape(&[3, (end - first) as u64, 128])
            .writer(&mut bytes)
            .begin_nd()
            .expect("begins");
        writer.extend(values).expect("writes");
        writer.finish().expect("ends");
    }
    std::fs::write(&path, bytes).expect("written");
    let file = format!("corruption.file={}", path.display());
    let experiment = crate::experiment(TRACE, &["trace.kinds=[\"residual\"]", &file]);
    repeats("trace, noise from a file", &experiment, &["residual"]);
}

#[test]
#[ignore = "needs python3 with torch and transformers"]
fn every_site_of_every_family_is_repeated() {
    let bundled = ["demo:isles".to_string()].into_iter();
    let made = parity_models()
        .into_iter()
        .map(|name| fixture("parity").join(name).display().to_string());
    for model in bundled.chain(made) {
        let named = format!("model={model}");
        let sites = all_sites(&model);
        let experiment = experiment(RUN, &[&named, &sites, "run.attention=true"]);
        let name = model.rsplit('/').next().unwrap_or(&model);
        let fields = [
            "logits",
            "blocks.0.attn.hook_pattern",
            "top.probability",
            "attention.1.max",
        ];
        repeats(&format!("run, every site, {name}"), &experiment, &fields);
    }
}

#[test]
#[ignore = "needs python3 with torch and transformers"]
fn traces_of_every_family_are_repeated() {
    for model in parity_models() {
        let path = fixture("parity").join(&model).display().to_string();
        let changes = [
            format!("model={path}"),
            "input.prompt=The lighthouse of Varn".to_string(),
            "input.subject=house".to_string(),
            "trace.metric=log-probability".to_string(),
        ];
        let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
        let kinds = TraceKind::ALL.map(TraceKind::name);
        repeats(
            &format!("trace, {model}"),
            &experiment(TRACE, &changes),
            &kinds,
        );
    }
}

#[test]
#[ignore = "needs python3 with torch and transformers"]
fn a_number_that_does_not_hold_is_told() {
    let mut outcome = measured(&experiment(TRACE, &[]));
    let field = &mut outcome.fields[0];
    field.values[7] += 0.25;
    let said = said_of(&outcome);
    assert!(difference(&said, &["residual"]) > 0.1, "{said}");
}
