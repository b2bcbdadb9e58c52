//! A GPT-2-small-shaped model as files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::random_weights;
use crate::shapes;

/// Writes the folder of a model whose tokens are the words `w0`, `w1` and so on; gives the weights file.
pub(crate) fn write(folder: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let put = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).with_context(|| format!("Could not write {name}"))
    };
    put("config.json", shapes::GPT2_CONFIG)?;
    put("tokenizer.json", &tokenizer().to_string())?;
    let weights = folder.join("model.safetensors");
    random_weights::write(&weights, &shapes::gpt2().0, 1)?;
    Ok(weights)
}

fn tokenizer() -> Value {
    let vocab: Map<String, Value> = (0..shapes::GPT2_VOCAB)
        .map(|id| (format!("w{id}"), json!(id)))
        .collect();
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [],
        "normalizer": null,
        "pre_tokenizer": { "type": "WhitespaceSplit" },
        "post_processor": null,
        "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "w0" },
    })
}

/// `count` token ids, always the same.
pub(crate) fn tokens(count: usize) -> Vec<u32> {
    (0..count)
        .map(|i| (i * 7919 % shapes::GPT2_VOCAB) as u32)
        .collect()
}
