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

impl Linear {
    fn detached(&self) -> Self {
        Self {
            weight: self.weight.detach(),
            bias: self.bias.as_ref().map(Tensor::detach),
        }
    }
}

impl NormWeights {
    fn detached(&self) -> Self {
        Self {
            weight: self.weight.detach(),
            bias: self.bias.as_ref().map(Tensor::detach),
        }
    }
}

impl DecoderWeights {
    /// The same storage, cut off from the gradient graph: a later `Var::set` is seen through it.
    pub(crate) fn detached(&self) -> Self {
        let norm = |norm: &Option<NormWeights>| norm.as_ref().map(NormWeights::detached);
        Self {
            embed: self.embed.detach(),
            pos_embed: self.pos_embed.as_ref().map(Tensor::detach),
            blocks: self
                .blocks
                .iter()
                .map(|block| BlockWeights {
                    ln1: block.ln1.detached(),
                    q: block.q.detached(),
                    k: block.k.detached(),
                    v: block.v.detached(),
                    o: block.o.detached(),
                    q_norm: norm(&block.q_norm),
                    k_norm: norm(&block.k_norm),
                    ln1_post: norm(&block.ln1_post),
                    ln2: block.ln2.detached(),
                    gate: block.gate.as_ref().map(Linear::detached),
                    up: block.up.detached(),
                    down: block.down.detached(),
                    ln2_post: norm(&block.ln2_post),
                })
                .collect(),
            final_norm: self.final_norm.detached(),
            unembed: self.unembed.detached(),
        }
    }
}
