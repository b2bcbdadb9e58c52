use super::{Family, refuse_if};
use crate::config::{AttentionSpan, BlockForm, DecoderConfig, NormKind, Positions};
use crate::config_json::ConfigJson;
use crate::error::Result;
use crate::layout::{Layout, Qkv};

/// Radford et al. 2019: learned positions, layer norms, fused attention stored input-major.
pub(super) const FAMILY: Family = Family {
    name: "GPT-2",
    architectures: &["GPT2LMHeadModel", "GPT2Model"],
    model_types: &["gpt2"],
    read,
    layout,
};

fn read(config: &ConfigJson) -> Result<DecoderConfig> {
    for key in ["scale_attn_by_inverse_layer_idx", "add_cross_attention"] {
        refuse_if(config, key)?;
    }
    let d_model = config.size("n_embd")?;
    let layers = config.layers("n_layer")?;
    let heads = config.size("n_head")?;
    let d_head = config.head_width(d_model, heads)?;
    let scaled = config.flag("scale_attn_weights", true)?;
    Ok(DecoderConfig {
        architecture: FAMILY.architectures[0].to_owned(),
        vocab: config.size("vocab_size")?,
        d_model,
        layers,
        heads,
        kv_heads: heads,
        d_head,
        d_mlp: config.size_if_set("n_inner")?.unwrap_or(4 * d_model),
        max_positions: config.positions("n_positions")?,
        norm: NormKind::Layer,
        norm_eps: config
            .positive_if_set("layer_norm_epsilon")?
            .unwrap_or(1e-5),
        positions: Positions::Learned,
        block: BlockForm::Sequential,
        gated_mlp: false,
        activation: config.activation("activation_function", "gelu_new")?,
        attention_scale: if scaled {
            (d_head as f64).powf(-0.5) as f32
        } else {
            1.0
        },
        attention_softcap: None,
        logit_softcap: None,
        qk_norm: false,
        spans: vec![AttentionSpan::Full; layers],
        embedding_scale: None,
        tied: config.flag("tie_word_embeddings", true)?,
    })
}

fn layout(_: &ConfigJson, _: &DecoderConfig) -> Result<Layout> {
    Ok(Layout {
        prefixes: &["transformer.", ""],
        embed: "wte.weight",
        positions: Some("wpe.weight"),
        final_norm: "ln_f",
        head: &["lm_head.weight"],
        block: "h.",
        ln1: "ln_1",
        ln1_post: None,
        ln2: "ln_2",
        ln2_post: None,
        qkv: Qkv::Stacked("attn.c_attn"),
        o: "attn.c_proj",
        q_norm: None,
        k_norm: None,
        gate: None,
        up: "mlp.c_fc",
        down: "mlp.c_proj",
        norm_bias: true,
        qkv_bias: true,
        o_bias: true,
        mlp_bias: true,
        input_major: true,
        buffers: &[".attn.bias", ".attn.masked_bias"],
        left_out: &[],
    })
}
