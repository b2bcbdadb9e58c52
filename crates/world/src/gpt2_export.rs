//! Writes a trained model as a Hugging Face folder of the GPT-2 family.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Tensor;
use serde_json::json;
use whyfinder_model::{DecoderConfig, DecoderWeights, Linear, NormWeights};

use crate::error::{Result, WorldError};
use crate::facts;
use crate::isles::Isles;
use crate::tokenizer::{END_OF_TEXT, single_token};

/// Writes `config.json`, `model.safetensors`, `tokenizer.json` and `tokenizer_config.json` into `folder`, and beside
/// them `facts.tsv`, everything that is true on the Isles.
///
/// # Errors
/// When a file cannot be written.
pub fn write(folder: &Path, isles: &Isles, weights: &DecoderWeights) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(WorldError::file("make the folder", folder))?;
    let config = isles.decoder_config();
    let end = single_token(&isles.tokenizer, END_OF_TEXT)?;
    write_json(&folder.join("config.json"), &config_json(&config, end))?;
    write_json(
        &folder.join("tokenizer_config.json"),
        &json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": config.max_positions,
            "bos_token": END_OF_TEXT,
            "eos_token": END_OF_TEXT,
            "unk_token": END_OF_TEXT,
            "clean_up_tokenization_spaces": false,
        }),
    )?;
    let tokenizer = isles
        .tokenizer
        .to_string(true)
        .map_err(|e| WorldError::Tokenizer(e.to_string()))?;
    let path = folder.join("tokenizer.json");
    std::fs::write(&path, tokenizer + "\n")
        .map_err(WorldError::file("write the tokenizer", &path))?;

    let path = folder.join("facts.tsv");
    std::fs::write(&path, facts::table(&isles.facts))
        .map_err(WorldError::file("write the facts", &path))?;

    let mut tensors: Vec<(String, Tensor)> = tensors(weights)?.into_iter().collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let path = folder.join("model.safetensors");
    // transformers refuses weights that do not say which framework they are for.
    let note = HashMap::from([("format".to_string(), "pt".to_string())]);
    safetensors::serialize_to_file(tensors, Some(note), &path).map_err(|e| WorldError::Unreadable {
        what: format!("Could not write the weights ({e})"),
        path: path.clone(),
    })
}

fn write_json(path: &Path, value: &serde_json::Value) -> Result<()> {
    std::fs::write(path, format!("{value:#}\n"))
        .map_err(WorldError::file("write the settings", path))
}

fn config_json(config: &DecoderConfig, end: u32) -> serde_json::Value {
    json!({
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "activation_function": "gelu_new",
        "vocab_size": config.vocab,
        "n_positions": config.max_positions,
        "n_ctx": config.max_positions,
        "n_embd": config.d_model,
        "n_layer": config.layers,
        "n_head": config.heads,
        "n_inner": config.d_mlp,
        "layer_norm_epsilon": config.norm_eps,
        "initializer_range": 0.02,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "scale_attn_weights": true,
        "tie_word_embeddings": true,
        "bos_token_id": end,
        "eos_token_id": end,
        "torch_dtype": "float32",
    })
}

/// The tensors by their Hugging Face names. GPT-2 stores matrices as `[in, out]` and queries, keys and values as one.
fn tensors(weights: &DecoderWeights) -> Result<HashMap<String, Tensor>> {
    let mut out = HashMap::new();
    let norm = |out: &mut HashMap<_, _>, name: String, norm: &NormWeights| {
        out.insert(format!("{name}.weight"), norm.weight.clone());
        if let Some(bias) = &norm.bias {
            out.insert(format!("{name}.bias"), bias.clone());
        }
    };
    let linear = |out: &mut HashMap<_, _>, name: String, parts: &[&Linear]| -> Result<()> {
        let matrices: Vec<Tensor> = parts
            .iter()
            .map(|l| l.weight.tensor())
            .collect::<whyfinder_model::Result<_>>()?;
        let biases: Vec<&Tensor> = parts.iter().filter_map(|l| l.bias.as_ref()).collect();
        let matrix = Tensor::cat(&matrices, 0)?.t()?.contiguous()?;
        out.insert(format!("{name}.weight"), matrix);
        if !biases.is_empty() {
            out.insert(format!("{name}.bias"), Tensor::cat(&biases, 0)?);
        }
        Ok(())
    };
    out.insert(
        "transformer.wte.weight".to_string(),
        weights.embed.tensor()?,
    );
    if let Some(positions) = &weights.pos_embed {
        out.insert("transformer.wpe.weight".to_string(), positions.clone());
    }
    for (layer, block) in weights.blocks.iter().enumerate() {
        let name = |part: &str| format!("transformer.h.{layer}.{part}");
        norm(&mut out, name("ln_1"), &block.ln1);
        norm(&mut out, name("ln_2"), &block.ln2);
        linear(
            &mut out,
            name("attn.c_attn"),
            &[&block.q, &block.k, &block.v],
        )?;
        linear(&mut out, name("attn.c_proj"), &[&block.o])?;
        linear(&mut out, name("mlp.c_fc"), &[&block.up])?;
        linear(&mut out, name("mlp.c_proj"), &[&block.down])?;
    }
    norm(
        &mut out,
        "transformer.ln_f".to_string(),
        &weights.final_norm,
    );
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::Parameters;

    #[test]
    fn a_folder_holds_every_tensor_in_the_shape_of_gpt2() {
        let isles = Isles::new(1).expect("a world");
        let config = isles.decoder_config();
        let parameters = Parameters::new(&config, 1).expect("parameters");
        let decoder = parameters.decoder(&config).expect("a decoder");
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), &isles, decoder.weights()).expect("writes");
        let read = candle_core::safetensors::load(
            folder.path().join("model.safetensors"),
            &candle_core::Device::Cpu,
        )
        .expect("reads");
        assert_eq!(read.len(), 4 + 12 * config.layers);
        let fused = &read["transformer.h.2.attn.c_attn.weight"];
        assert_eq!(fused.dims(), [128, 384]);
        let values = |t: &Tensor| {
            t.flatten_all()
                .and_then(|t| t.to_vec1::<f32>())
                .expect("values")
        };
        let k = fused
            .narrow(1, 128, 128)
            .and_then(|k| k.t()?.contiguous())
            .expect("the keys");
        let stored = decoder.weights().blocks[2].k.weight.tensor();
        assert_eq!(values(&k), values(&stored.expect("plain")));
        let numbers: usize = read.values().map(Tensor::elem_count).sum();
        assert_eq!(numbers, parameters.count());
    }
}
