use super::{Family, llama_like, refuse_if};
use crate::config::{BlockForm, DecoderConfig, NormKind};
use crate::config_json::ConfigJson;
use crate::error::Result;
use crate::layout::Layout;

/// Gemma team 2024: norms before and behind each branch, soft caps, every other layer with a sliding window.
pub(super) const FAMILY: Family = Family {
    name: "Gemma 2",
    architectures: &["Gemma2ForCausalLM"],
    model_types: &["gemma2"],
    read,
    layout,
};

fn read(config: &ConfigJson) -> Result<DecoderConfig> {
    let mut decoder = gemma(config, &FAMILY, Some(50.0), Some(30.0))?;
    decoder.spans = config.spans(decoder.layers, |layer| layer % 2 == 0)?;
    Ok(decoder)
}

/// What Gemma 2 and 3 share. A soft cap that the file does not name has the given default; `null` switches it off.
pub(super) fn gemma(
    config: &ConfigJson,
    family: &Family,
    attention_cap: Option<f64>,
    logit_cap: Option<f64>,
) -> Result<DecoderConfig> {
    refuse_if(config, "use_bidirectional_attention")?;
    // The first configurations had only `hidden_act`; where both stand, the longer name counts.
    let key = if config.get("hidden_activation").is_some() {
        "hidden_activation"
    } else {
        "hidden_act"
    };
    let activation = config.activation(key, "gelu_pytorch_tanh")?;
    let mut decoder = llama_like(config, family, activation, true)?;
    decoder.norm = NormKind::RmsPlusOne;
    decoder.block = BlockForm::Sandwich;
    let scalar = config
        .positive_if_set("query_pre_attn_scalar")?
        .unwrap_or(256.0);
    decoder.attention_scale = scalar.powf(-0.5) as f32;
    decoder.embedding_scale = Some((decoder.d_model as f64).sqrt() as f32);
    decoder.attention_softcap = cap(config, "attn_logit_softcapping", attention_cap)?;
    decoder.logit_softcap = cap(config, "final_logit_softcapping", logit_cap)?;
    Ok(decoder)
}

fn cap(config: &ConfigJson, key: &str, default: Option<f64>) -> Result<Option<f32>> {
    let found = if config.names(key) {
        config.positive_if_set(key)?
    } else {
        default
    };
    Ok(found.map(|cap| cap as f32))
}

pub(super) fn layout(config: &ConfigJson, decoder: &DecoderConfig) -> Result<Layout> {
    let bias = config.flag("attention_bias", false)?;
    Ok(Layout {
        qkv_bias: bias,
        o_bias: bias,
        ..Layout::llama(decoder)
    })
}
