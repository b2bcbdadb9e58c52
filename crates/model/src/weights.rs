//! A decoder's parameters, named by what they do.

use candle_core::Tensor;

/// `y = x W^T + b`, with `weight` as `[out, in]`.
#[derive(Clone, Debug)]
pub struct Linear {
    pub weight: Tensor,
    pub bias: Option<Tensor>,
}

#[derive(Clone, Debug)]
pub struct NormWeights {
    /// `[width]`, as stored (Gemma's "+ 1" is applied in the pass).
    pub weight: Tensor,
    pub bias: Option<Tensor>,
}

/// One block. Query rows are `heads * d_head`, key and value rows `kv_heads * d_head`.
#[derive(Clone, Debug)]
pub struct BlockWeights {
    pub ln1: NormWeights,
    pub q: Linear,
    pub k: Linear,
    pub v: Linear,
    pub o: Linear,
    /// `[d_head]`.
    pub q_norm: Option<NormWeights>,
    /// `[d_head]`.
    pub k_norm: Option<NormWeights>,
    pub ln1_post: Option<NormWeights>,
    pub ln2: NormWeights,
    /// The gate of a gated MLP (its output goes through the non-linearity).
    pub gate: Option<Linear>,
    pub up: Linear,
    pub down: Linear,
    pub ln2_post: Option<NormWeights>,
}

#[derive(Clone, Debug)]
pub struct DecoderWeights {
    /// `[vocab, d_model]`.
    pub embed: Tensor,
    /// `[max_positions, d_model]`.
    pub pos_embed: Option<Tensor>,
    pub blocks: Vec<BlockWeights>,
    pub final_norm: NormWeights,
    /// The same tensor as `embed` where tied.
    pub unembed: Linear,
}
