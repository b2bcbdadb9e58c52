//! Logits against candle-transformers, an implementation that shares no code with ours or with Hugging Face's.
//!
//! Where candle-transformers 0.11.1 computes something else than the published models, the model is changed for both
//! sides so that the difference does not show:
//!
//! - a window of `n` lets a query see `n + 1` keys there, so it is told `n - 1`;
//! - Gemma 2 slides in every layer and both Gemmas scale scores by `1 / sqrt(head_dim)`, so the copy here does too;
//! - Qwen2 slides in every layer, so the copy here does too, and Qwen3 in none;
//! - Gemma 3 has no scaling of rotary positions and Llama only llama3's, so the copies here have no other;
//! - Gemma 3 cannot take several tokens at once with more than one key-value head ("slice-set only supports contiguous
//!   tensors"), so it is given them one by one; its window is then as published;
//! - Llama has no head width of its own, hence the fixture without one.

#![allow(
    clippy::print_stdout,
    reason = "the differences are worth reading, with --nocapture"
)]

#[path = "support/models.rs"]
mod models;

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{gemma2, gemma3, llama, mistral, qwen2, qwen3};
use models::{copied, edit_config, fixture};
use serde_json::{Map, Value, json};
use whyfinder_model::{OpenOptions, Pass, open};

/// Worst absolute difference of logits, in float32.
const LIMIT: f32 = 1e-4;

type Config = Map<String, Value>;
/// Logits of the last of these tokens, `[1, T]` to `[V]`, from nothing but the tokens.
type Oracle = Box<dyn FnMut(&Tensor) -> candle_core::Result<Tensor>>;

/// Changes a copy of the fixture, opens it with both, and compares the logits at every position.
fn compare(
    name: &str,
    edit: impl FnOnce(&mut Config),
    oracle: impl FnOnce(Config, VarBuilder<'static>) -> Oracle,
) {
    let copy = copied(&fixture("parity").join(name));
    edit_config(copy.path(), edit);
    let model = open(&copy.path().to_string_lossy(), &OpenOptions::default())
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let text = std::fs::read_to_string(copy.path().join("config.json")).expect("readable");
    let config: Config = serde_json::from_str(&text).expect("a table");
    let weights = VarBuilder::from_tensors(tensors(copy.path()), DType::F32, &Device::Cpu);
    let mut oracle = oracle(config, weights);

    let expected =
        candle_core::safetensors::load(copy.path().join("expected.safetensors"), &Device::Cpu)
            .expect("readable");
    let tokens = expected["tokens.0"]
        .to_dtype(DType::U32)
        .and_then(|tokens| tokens.unsqueeze(0))
        .expect("token ids");
    let ours = model
        .decoder
        .logits(&tokens, &Pass::default())
        .expect("it runs");
    let length = tokens.dim(1).expect("two dimensions");
    let mut worst = 0.0f32;
    for end in 1..=length {
        let prefix = tokens.narrow(1, 0, end).expect("a prefix");
        let theirs = oracle(&prefix)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .to_vec1::<f32>()
            .expect("a row");
        let ours = ours
            .get(0)
            .and_then(|rows| rows.get(end - 1))
            .and_then(|row| row.to_vec1::<f32>())
            .expect("a row");
        assert_eq!(ours.len(), theirs.len());
        for (a, b) in ours.iter().zip(&theirs) {
            assert!(a.is_finite() && b.is_finite());
            worst = worst.max((a - b).abs());
        }
    }
    println!("{name:<16} {worst:.2e} over {length} positions");
    assert!(worst <= LIMIT, "{name}: {worst:e}");
}

fn tensors(folder: &Path) -> HashMap<String, Tensor> {
    let mut all = HashMap::new();
    for entry in std::fs::read_dir(folder).expect("readable").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("model") && name.ends_with(".safetensors") {
            all.extend(candle_core::safetensors::load(path, &Device::Cpu).expect("readable"));
        }
    }
    all
}

fn set(config: &mut Config, values: Value) {
    if let Value::Object(values) = values {
        config.extend(values);
    }
}

/// From the spelling of transformers 5 to the one before, which candle-transformers reads.
fn old_rope(config: &mut Config) {
    if let Some(Value::Object(mut rope)) = config.remove("rope_parameters") {
        if let Some(theta) = rope.remove("rope_theta") {
            config.insert("rope_theta".to_owned(), theta);
        }
        if rope.get("rope_type") != Some(&json!("default")) {
            config.insert("rope_scaling".to_owned(), Value::Object(rope));
        }
    }
}

/// What candle-transformers must read in place of our own setting.
fn told(mut config: Config, values: Value) -> Value {
    set(&mut config, values);
    Value::Object(config)
}

#[test]
fn llama() {
    compare("llama-shards", old_rope, |config, weights| {
        let config: llama::LlamaConfig =
            serde_json::from_value(Value::Object(config)).expect("a configuration");
        let config = config.into_config(false);
        let model = llama::Llama::load(weights, &config).expect("it loads");
        Box::new(move |tokens| {
            let mut cache = llama::Cache::new(false, DType::F32, &config, &Device::Cpu)?;
            model.forward(tokens, 0, &mut cache)?.squeeze(0)
        })
    });
}

#[test]
fn mistral() {
    compare(
        "mistral",
        |_| {},
        |config, weights| {
            let window = config["sliding_window"].as_u64().expect("a window");
            let config = told(config, json!({"sliding_window": window - 1}));
            let config: mistral::Config = serde_json::from_value(config).expect("a configuration");
            let mut model = mistral::Model::new(&config, weights).expect("it loads");
            Box::new(move |tokens| {
                model.clear_kv_cache();
                model.forward(tokens, 0)?.squeeze(0)?.squeeze(0)
            })
        },
    );
}

#[test]
fn qwen2() {
    let everywhere = |config: &mut Config| {
        old_rope(config);
        config.remove("layer_types");
        set(config, json!({"max_window_layers": 0}));
    };
    compare("qwen2", everywhere, |config, weights| {
        let window = config["sliding_window"].as_u64().expect("a window");
        let config = told(config, json!({"sliding_window": window - 1}));
        let config: qwen2::Config = serde_json::from_value(config).expect("a configuration");
        let mut model = qwen2::ModelForCausalLM::new(&config, weights).expect("it loads");
        Box::new(move |tokens| {
            model.clear_kv_cache();
            model.forward(tokens, 0)?.squeeze(0)?.squeeze(0)
        })
    });
}

#[test]
fn qwen3() {
    compare("qwen3", old_rope, |config, weights| {
        let config: qwen3::Config =
            serde_json::from_value(Value::Object(config)).expect("a configuration");
        let mut model = qwen3::ModelForCausalLM::new(&config, weights).expect("it loads");
        Box::new(move |tokens| {
            model.clear_kv_cache();
            model.forward(tokens, 0)?.squeeze(0)?.squeeze(0)
        })
    });
}

#[test]
fn gemma2() {
    let everywhere = |config: &mut Config| {
        let layers = config["num_hidden_layers"].as_u64().expect("layers") as usize;
        set(
            config,
            json!({
                "layer_types": vec!["sliding_attention"; layers],
                "query_pre_attn_scalar": config["head_dim"],
            }),
        );
    };
    compare("gemma2", everywhere, |config, weights| {
        let window = config["sliding_window"].as_u64().expect("a window");
        let config = told(config, json!({"sliding_window": window - 1}));
        let config: gemma2::Config = serde_json::from_value(config).expect("a configuration");
        let mut model = gemma2::Model::new(false, &config, weights).expect("it loads");
        Box::new(move |tokens| {
            model.clear_kv_cache();
            model.forward(tokens, 0)?.squeeze(0)?.squeeze(0)
        })
    });
}

#[test]
fn gemma3() {
    let unscaled = |config: &mut Config| {
        config.remove("rope_scaling");
        set(config, json!({"query_pre_attn_scalar": config["head_dim"]}));
    };
    compare("gemma3-old", unscaled, |config, weights| {
        let config: gemma3::Config =
            serde_json::from_value(Value::Object(config)).expect("a configuration");
        let mut model = gemma3::Model::new(false, &config, weights).expect("it loads");
        Box::new(move |tokens| {
            model.clear_kv_cache();
            let last = tokens.dim(1)? - 1;
            for at in 0..last {
                model.forward(&tokens.narrow(1, at, 1)?, at)?;
            }
            model
                .forward(&tokens.narrow(1, last, 1)?, last)?
                .squeeze(0)?
                .squeeze(0)
        })
    });
}
