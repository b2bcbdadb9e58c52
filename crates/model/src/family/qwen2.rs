use super::{Family, llama_like};
use crate::config::{AttentionSpan, DecoderConfig};
use crate::config_json::ConfigJson;
use crate::error::Result;
use crate::layout::Layout;

/// Yang et al. 2024: Llama with biases on queries, keys and values. Qwen2 and Qwen2.5.
pub(super) const FAMILY: Family = Family {
    name: "Qwen2",
    architectures: &["Qwen2ForCausalLM"],
    model_types: &["qwen2"],
    read,
    layout,
};

fn read(config: &ConfigJson) -> Result<DecoderConfig> {
    let activation = config.activation("hidden_act", "silu")?;
    let mut decoder = llama_like(config, &FAMILY, activation, false)?;
    decoder.spans = spans(config, decoder.layers)?;
    Ok(decoder)
}

/// The window counts only where `use_sliding_window` says so, and then from layer `max_window_layers` on.
pub(super) fn spans(config: &ConfigJson, layers: usize) -> Result<Vec<AttentionSpan>> {
    let windowed = config.flag("use_sliding_window", false)?;
    // 0 is a number of layers here, so this is not read as a size.
    let first = config
        .get("max_window_layers")
        .and_then(serde_json::Value::as_u64)
        .unwrap_or(28);
    if !windowed {
        return Ok(vec![AttentionSpan::Full; layers]);
    }
    config.spans(layers, |layer| layer as u64 >= first)
}

fn layout(_: &ConfigJson, decoder: &DecoderConfig) -> Result<Layout> {
    Ok(Layout {
        qkv_bias: true,
        ..Layout::llama(decoder)
    })
}
