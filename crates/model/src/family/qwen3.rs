use super::{Family, llama_like, qwen2};
use crate::config::DecoderConfig;
use crate::config_json::ConfigJson;
use crate::error::Result;
use crate::layout::Layout;

/// Yang et al. 2025: an RMS norm over each head's query and key, and heads of a width of their own.
pub(super) const FAMILY: Family = Family {
    name: "Qwen3",
    architectures: &["Qwen3ForCausalLM"],
    model_types: &["qwen3"],
    read,
    layout,
};

fn read(config: &ConfigJson) -> Result<DecoderConfig> {
    let activation = config.activation("hidden_act", "silu")?;
    let mut decoder = llama_like(config, &FAMILY, activation, false)?;
    decoder.qk_norm = true;
    decoder.spans = qwen2::spans(config, decoder.layers)?;
    Ok(decoder)
}

fn layout(config: &ConfigJson, decoder: &DecoderConfig) -> Result<Layout> {
    let bias = config.flag("attention_bias", false)?;
    Ok(Layout {
        qkv_bias: bias,
        o_bias: bias,
        ..Layout::llama(decoder)
    })
}
