use super::{Family, rotary_of, stretched};
use crate::config::{AttentionSpan, BlockForm, DecoderConfig, NormKind, Positions};
use crate::config_json::ConfigJson;
use crate::error::Result;
use crate::layout::{Layout, Qkv};
use crate::rope_json::{self, RopeDefaults};

/// Black et al. 2022, Biderman et al. 2023 (Pythia): attention and MLP side by side, part of each head rotated.
pub(super) const FAMILY: Family = Family {
    name: "GPT-NeoX",
    architectures: &["GPTNeoXForCausalLM"],
    model_types: &["gpt_neox"],
    read,
    layout,
};

fn read(config: &ConfigJson) -> Result<DecoderConfig> {
    let d_model = config.size("hidden_size")?;
    let layers = config.layers("num_hidden_layers")?;
    let heads = config.size("num_attention_heads")?;
    let d_head = config.head_width(d_model, heads)?;
    let max_positions = config.positions("max_position_embeddings")?;
    let rope = rope_json::read(
        config,
        &rope_json::table(config)?,
        max_positions,
        RopeDefaults {
            theta_key: "rotary_emb_base",
            partial: 0.25,
            partial_key: "rotary_pct",
            ..RopeDefaults::default()
        },
    )?;
    if rope.partial > 1.0 {
        return Err(config.refuse(format!(
            "config.json rotates {} of each head, which is more than there is",
            rope.partial
        )));
    }
    let rotated = (d_head as f64 * rope.partial) as usize;
    Ok(DecoderConfig {
        architecture: FAMILY.architectures[0].to_owned(),
        vocab: config.size("vocab_size")?,
        d_model,
        layers,
        heads,
        kv_heads: heads,
        d_head,
        d_mlp: config.size("intermediate_size")?,
        max_positions: stretched(max_positions, &rope),
        norm: NormKind::Layer,
        norm_eps: config.positive_if_set("layer_norm_eps")?.unwrap_or(1e-5),
        positions: Positions::Rotary(rotary_of(config, rotated, &rope)?),
        block: if config.flag("use_parallel_residual", true)? {
            BlockForm::Parallel
        } else {
            BlockForm::Sequential
        },
        gated_mlp: false,
        activation: config.activation("hidden_act", "gelu")?,
        attention_scale: (d_head as f64).powf(-0.5) as f32,
        attention_softcap: None,
        logit_softcap: None,
        qk_norm: false,
        spans: vec![AttentionSpan::Full; layers],
        embedding_scale: None,
        tied: config.flag("tie_word_embeddings", false)?,
    })
}

fn layout(config: &ConfigJson, _: &DecoderConfig) -> Result<Layout> {
    let bias = config.flag("attention_bias", true)?;
    Ok(Layout {
        prefixes: &["gpt_neox.", ""],
        embed: "embed_in.weight",
        positions: None,
        final_norm: "final_layer_norm",
        head: &["embed_out.weight", "lm_head.weight"],
        block: "layers.",
        ln1: "input_layernorm",
        ln1_post: None,
        ln2: "post_attention_layernorm",
        ln2_post: None,
        qkv: Qkv::PerHead("attention.query_key_value"),
        o: "attention.dense",
        q_norm: None,
        k_norm: None,
        gate: None,
        up: "mlp.dense_h_to_4h",
        down: "mlp.dense_4h_to_h",
        norm_bias: true,
        qkv_bias: bias,
        o_bias: bias,
        mlp_bias: true,
        input_major: false,
        buffers: &[
            ".attention.bias",
            ".attention.masked_bias",
            "rotary_emb.inv_freq",
        ],
        left_out: &[],
    })
}
