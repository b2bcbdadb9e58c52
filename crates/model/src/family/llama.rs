use super::{Family, llama_like};
use crate::config::DecoderConfig;
use crate::config_json::ConfigJson;
use crate::error::Result;
use crate::layout::Layout;

/// Touvron et al. 2023, and what took its form: Llama 2 and 3, SmolLM, TinyLlama.
pub(super) const FAMILY: Family = Family {
    name: "Llama",
    architectures: &["LlamaForCausalLM"],
    model_types: &["llama"],
    read,
    layout,
};

fn read(config: &ConfigJson) -> Result<DecoderConfig> {
    let activation = config.activation("hidden_act", "silu")?;
    llama_like(config, &FAMILY, activation, false)
}

fn layout(config: &ConfigJson, decoder: &DecoderConfig) -> Result<Layout> {
    let attention_bias = config.flag("attention_bias", false)?;
    Ok(Layout {
        qkv_bias: attention_bias,
        o_bias: attention_bias,
        mlp_bias: config.flag("mlp_bias", false)?,
        ..Layout::llama(decoder)
    })
}
