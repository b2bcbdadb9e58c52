//! Models of GPT-2's form as files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use whyfinder_model::{LanguageModel, OpenOptions, open};

use crate::Bench;
use crate::random_weights;
use crate::shapes::{self, Gpt2};

/// A model of these sizes and its weights file, written once; tokens are the words `w0`, `w1` and so on.
pub(crate) fn opened(bench: &Bench, sizes: &Gpt2) -> Result<(LanguageModel, PathBuf)> {
    let name = format!("gpt2-{}-{}", sizes.layers, sizes.width);
    let folder = bench.folder.path().join(name);
    let weights = match folder.exists() {
        true => weights_in(&folder),
        false => write(&folder, sizes)?,
    };
    let reference = folder.to_str().context("a folder with a plain name")?;
    Ok((open(reference, &OpenOptions::default())?, weights))
}

fn weights_in(folder: &Path) -> PathBuf {
    folder.join("model.safetensors")
}

fn write(folder: &Path, sizes: &Gpt2) -> Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let put = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).with_context(|| format!("Could not write {name}"))
    };
    put("config.json", &config(sizes).to_string())?;
    put("tokenizer.json", &tokenizer(sizes.vocab).to_string())?;
    let weights = weights_in(folder);
    random_weights::write(&weights, &shapes::gpt2(sizes).0, 1)?;
    Ok(weights)
}

fn config(sizes: &Gpt2) -> Value {
    json!({
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_embd": sizes.width,
        "n_layer": sizes.layers,
        "n_head": sizes.heads,
        "n_positions": sizes.positions,
        "vocab_size": sizes.vocab,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
    })
}

fn tokenizer(vocab: usize) -> Value {
    let vocab: Map<String, Value> = (0..vocab).map(|id| (format!("w{id}"), json!(id))).collect();
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
pub(crate) fn tokens(count: usize, vocab: usize) -> Vec<u32> {
    (0..count).map(|i| (i * 7919 % vocab) as u32).collect()
}

/// The prompt that these ids make.
pub(crate) fn words(tokens: &[u32]) -> String {
    let words: Vec<String> = tokens.iter().map(|id| format!("w{id}")).collect();
    words.join(" ")
}
