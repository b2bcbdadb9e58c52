//! Decoder families: how each one's `config.json` and tensor names map onto the one decoder.

mod gemma2;
mod gemma3;
mod gpt2;
mod gpt_neox;
mod llama;
mod mistral;
mod qwen2;
mod qwen3;

use crate::config::{
    Activation, AttentionSpan, BlockForm, DecoderConfig, NormKind, Positions, RopeScaling, Rotary,
};
use crate::config_json::ConfigJson;
use crate::error::Result;
use crate::layout::Layout;
use crate::rope_json::{self, RopeDefaults, RopeSettings};

/// One family. A new one is a file of its own and a line in [`FAMILIES`].
#[derive(Debug)]
pub(crate) struct Family {
    /// In words, such as `GPT-2`.
    pub(crate) name: &'static str,
    /// Names in a configuration's `architectures`.
    pub(crate) architectures: &'static [&'static str],
    /// Names in a configuration's `model_type`, for configurations without architectures.
    pub(crate) model_types: &'static [&'static str],
    pub(crate) read: fn(&ConfigJson) -> Result<DecoderConfig>,
    pub(crate) layout: fn(&ConfigJson, &DecoderConfig) -> Result<Layout>,
}

const FAMILIES: &[&Family] = &[
    &gpt2::FAMILY,
    &llama::FAMILY,
    &mistral::FAMILY,
    &qwen2::FAMILY,
    &qwen3::FAMILY,
    &gpt_neox::FAMILY,
    &gemma2::FAMILY,
    &gemma3::FAMILY,
];

/// Reads the configuration and says which tensors hold its parameters.
///
/// # Errors
/// A sentence for an unknown architecture, for quantised weights, and for each setting that is missing, impossible, or
/// would change the numbers in a way that is not known here.
pub(crate) fn read(config: &ConfigJson) -> Result<(&'static Family, DecoderConfig, Layout)> {
    let family = find(config)?;
    if config.get("quantization_config").is_some() {
        return Err(config.refuse(
            "The weights of this model are quantised, which cannot be read; take the version in f32, f16 or bf16",
        ));
    }
    let mut decoder = (family.read)(config)?;
    if let Some(named) = config.architecture() {
        decoder.architecture = named.to_owned();
    }
    let layout = (family.layout)(config, &decoder)?;
    Ok((family, decoder, layout))
}

fn find(config: &ConfigJson) -> Result<&'static Family> {
    let known = || {
        FAMILIES
            .iter()
            .filter_map(|family| family.architectures.first().copied())
            .collect::<Vec<_>>()
            .join(", ")
    };
    if let Some(named) = config.architecture() {
        return FAMILIES
            .iter()
            .find(|family| family.architectures.contains(&named))
            .copied()
            .ok_or_else(|| {
                config.refuse(format!(
                    "The architecture {named} is not known here; these are: {}",
                    known()
                ))
            });
    }
    let Some(named) = config.model_type() else {
        return Err(config.refuse(format!(
            "config.json names neither architectures nor a model_type, so the network cannot be told; known are: {}",
            known()
        )));
    };
    FAMILIES
        .iter()
        .find(|family| family.model_types.contains(&named))
        .copied()
        .ok_or_else(|| {
            config.refuse(format!(
                "The model type {named} is not known here; these architectures are: {}",
                known()
            ))
        })
}

/// What Llama and its successors share: RMS norms, rotary positions, grouped heads, a gated MLP, full attention.
fn llama_like(
    config: &ConfigJson,
    family: &Family,
    activation: Activation,
    tied: bool,
) -> Result<DecoderConfig> {
    let d_model = config.size("hidden_size")?;
    let layers = config.layers("num_hidden_layers")?;
    let heads = config.size("num_attention_heads")?;
    let d_head = config.head_width(d_model, heads)?;
    let max_positions = config.positions("max_position_embeddings")?;
    let rope = rope_json::read(
        config,
        &rope_json::table(config)?,
        max_positions,
        RopeDefaults::default(),
    )?;
    Ok(DecoderConfig {
        architecture: family.architectures[0].to_owned(),
        vocab: config.size("vocab_size")?,
        d_model,
        layers,
        heads,
        kv_heads: config.kv_heads(heads)?,
        d_head,
        d_mlp: config.size("intermediate_size")?,
        max_positions: stretched(max_positions, &rope),
        norm: NormKind::Rms,
        norm_eps: config.positive_if_set("rms_norm_eps")?.unwrap_or(1e-6),
        positions: Positions::Rotary(rotary(config, d_head, &rope)?),
        block: BlockForm::Sequential,
        gated_mlp: true,
        activation,
        attention_scale: (d_head as f64).powf(-0.5) as f32,
        attention_softcap: None,
        logit_softcap: None,
        qk_norm: false,
        spans: vec![AttentionSpan::Full; layers],
        embedding_scale: None,
        tied: config.flag("tie_word_embeddings", tied)?,
    })
}

/// Rotation of whole heads.
fn rotary(config: &ConfigJson, d_head: usize, rope: &RopeSettings) -> Result<Rotary> {
    if rope.partial != 1.0 {
        return Err(config.refuse(format!(
            "config.json rotates {} of each head, and this architecture rotates whole heads",
            rope.partial
        )));
    }
    rotary_of(config, d_head, rope)
}

/// Rotation of the first `dims` dimensions of each head.
fn rotary_of(config: &ConfigJson, dims: usize, rope: &RopeSettings) -> Result<Rotary> {
    let fewest = if matches!(rope.scaling, RopeScaling::Dynamic { .. }) {
        4
    } else {
        2
    };
    if dims < fewest || !dims.is_multiple_of(2) {
        return Err(config.refuse(format!(
            "config.json rotates {dims} dimensions of each head, and that must be an even number of at least {fewest}"
        )));
    }
    Ok(Rotary {
        dims,
        theta: rope.theta,
        theta_sliding: None,
        scaling: rope.scaling.clone(),
    })
}

fn stretched(max_positions: usize, rope: &RopeSettings) -> usize {
    (max_positions as f64 * rope.stretch) as usize
}

/// Refuses a setting that is switched on and that the decoder does not have.
fn refuse_if(config: &ConfigJson, key: &str) -> Result<()> {
    if config.flag(key, false)? {
        return Err(config.refuse(format!(
            "config.json switches on {key}, which changes the numbers and is not known here"
        )));
    }
    Ok(())
}
