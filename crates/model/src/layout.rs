//! Which tensor of a checkpoint is which parameter of the decoder.

use crate::config::{BlockForm, DecoderConfig};

/// Names of a family's tensors. Names of a block's tensors are without the block's own prefix, `block` and the layer's
/// number; names of linear maps and norms are without `.weight` and `.bias`.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// What may stand before every name but the head's, most usual first.
    pub(crate) prefixes: &'static [&'static str],
    pub(crate) embed: &'static str,
    pub(crate) positions: Option<&'static str>,
    pub(crate) final_norm: &'static str,
    /// Full names that the unembedding may have.
    pub(crate) head: &'static [&'static str],
    /// Such as `layers.`, before the layer's number.
    pub(crate) block: &'static str,
    pub(crate) ln1: &'static str,
    pub(crate) ln1_post: Option<&'static str>,
    pub(crate) ln2: &'static str,
    pub(crate) ln2_post: Option<&'static str>,
    pub(crate) qkv: Qkv,
    pub(crate) o: &'static str,
    pub(crate) q_norm: Option<&'static str>,
    pub(crate) k_norm: Option<&'static str>,
    pub(crate) gate: Option<&'static str>,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
    pub(crate) norm_bias: bool,
    pub(crate) qkv_bias: bool,
    pub(crate) o_bias: bool,
    pub(crate) mlp_bias: bool,
    /// Linear maps of the blocks are stored as `[in, out]` (GPT-2's Conv1D) and not as `[out, in]`.
    pub(crate) input_major: bool,
    /// Ends of the names of buffers that carry no parameter.
    pub(crate) buffers: &'static [&'static str],
    /// Beginnings of the names of parts that are not the language model.
    pub(crate) left_out: &'static [&'static str],
}

/// How queries, keys and values are stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Qkv {
    Separate {
        q: &'static str,
        k: &'static str,
        v: &'static str,
    },
    /// One map whose outputs are all queries, then all keys, then all values.
    Stacked(&'static str),
    /// One map whose outputs are, head by head, that head's query, key and value.
    PerHead(&'static str),
}

impl Layout {
    /// Names that Llama gave and its successors kept. No biases; post norms where the blocks are sandwiched.
    pub(crate) fn llama(config: &DecoderConfig) -> Self {
        let sandwich = config.block == BlockForm::Sandwich;
        Self {
            prefixes: &["model.", ""],
            embed: "embed_tokens.weight",
            positions: None,
            final_norm: "norm",
            head: &["lm_head.weight"],
            block: "layers.",
            ln1: "input_layernorm",
            ln1_post: sandwich.then_some("post_attention_layernorm"),
            ln2: if sandwich {
                "pre_feedforward_layernorm"
            } else {
                "post_attention_layernorm"
            },
            ln2_post: sandwich.then_some("post_feedforward_layernorm"),
            qkv: Qkv::Separate {
                q: "self_attn.q_proj",
                k: "self_attn.k_proj",
                v: "self_attn.v_proj",
            },
            o: "self_attn.o_proj",
            q_norm: config.qk_norm.then_some("self_attn.q_norm"),
            k_norm: config.qk_norm.then_some("self_attn.k_norm"),
            gate: Some("mlp.gate_proj"),
            up: "mlp.up_proj",
            down: "mlp.down_proj",
            norm_bias: false,
            qkv_bias: false,
            o_bias: false,
            mlp_bias: false,
            input_major: false,
            buffers: &["rotary_emb.inv_freq"],
            left_out: &[],
        }
    }
}
