//! A decoder's parameters, named by what they do.

use candle_core::{DType, Tensor};

use crate::error::Result;

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
    fn map(&self, f: &TensorMap<'_>) -> Result<Self> {
        Ok(Self {
            weight: f(&self.weight)?,
            bias: self.bias.as_ref().map(f).transpose()?,
        })
    }
}

impl NormWeights {
    fn map(&self, f: &TensorMap<'_>) -> Result<Self> {
        Ok(Self {
            weight: f(&self.weight)?,
            bias: self.bias.as_ref().map(f).transpose()?,
        })
    }
}

type TensorMap<'a> = dyn Fn(&Tensor) -> Result<Tensor> + 'a;

impl DecoderWeights {
    /// The same storage, cut off from the gradient graph: a later `Var::set` is seen through it.
    pub(crate) fn detached(&self) -> Result<Self> {
        self.map(&|x| Ok(x.detach()))
    }

    /// A copy in another type, such as f64 to see how much rounding matters. Tied weights stay tied in value.
    pub fn in_type(&self, dtype: DType) -> Result<Self> {
        self.map(&|x| Ok(x.to_dtype(dtype)?))
    }

    fn map(&self, f: &TensorMap<'_>) -> Result<Self> {
        let norm = |norm: &Option<NormWeights>| norm.as_ref().map(|n| n.map(f)).transpose();
        let blocks = self.blocks.iter().map(|block| {
            Ok(BlockWeights {
                ln1: block.ln1.map(f)?,
                q: block.q.map(f)?,
                k: block.k.map(f)?,
                v: block.v.map(f)?,
                o: block.o.map(f)?,
                q_norm: norm(&block.q_norm)?,
                k_norm: norm(&block.k_norm)?,
                ln1_post: norm(&block.ln1_post)?,
                ln2: block.ln2.map(f)?,
                gate: block.gate.as_ref().map(|gate| gate.map(f)).transpose()?,
                up: block.up.map(f)?,
                down: block.down.map(f)?,
                ln2_post: norm(&block.ln2_post)?,
            })
        });
        Ok(Self {
            embed: f(&self.embed)?,
            pos_embed: self.pos_embed.as_ref().map(f).transpose()?,
            blocks: blocks.collect::<Result<_>>()?,
            final_norm: self.final_norm.map(f)?,
            unembed: self.unembed.map(f)?,
        })
    }
}
