use super::{Family, llama_like};
use crate::config::{AttentionSpan, DecoderConfig};
use crate::config_json::ConfigJson;
use crate::error::Result;
use crate::layout::Layout;

/// Jiang et al. 2023: Llama with a sliding window in every layer.
pub(super) const FAMILY: Family = Family {
    name: "Mistral",
    architectures: &["MistralForCausalLM"],
    model_types: &["mistral"],
    read,
    layout,
};

fn read(config: &ConfigJson) -> Result<DecoderConfig> {
    let activation = config.activation("hidden_act", "silu")?;
    let mut decoder = llama_like(config, &FAMILY, activation, false)?;
    let window = config.size_if_set("sliding_window")?;
    if let Some(window) = window {
        decoder.spans = vec![AttentionSpan::Sliding(window); decoder.layers];
    }
    if config.get("layer_types").is_some()
        && config.spans(decoder.layers, |_| window.is_some())? != decoder.spans
    {
        return Err(config.refuse(
            "config.json mixes kinds of layers in layer_types, and a Mistral model has one kind",
        ));
    }
    Ok(decoder)
}

fn layout(_: &ConfigJson, decoder: &DecoderConfig) -> Result<Layout> {
    Ok(Layout::llama(decoder))
}
