//! A decoder's parameters, named by what they do.

use candle_core::{DType, Device, Tensor};

use crate::error::Result;
use crate::kernel::packed::Packed;

/// A matrix `[out, in]`.
#[derive(Clone, Debug)]
pub enum Weight {
    /// As stored, row after row; what gradients with respect to weights need.
    Plain(Tensor),
    /// Laid out for fast products.
    Packed(Packed),
}

/// `y = x W^T + b`, with `weight` as `[out, in]`.
#[derive(Clone, Debug)]
pub struct Linear {
    pub weight: Weight,
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
    pub embed: Weight,
    /// `[max_positions, d_model]`.
    pub pos_embed: Option<Tensor>,
    pub blocks: Vec<BlockWeights>,
    pub final_norm: NormWeights,
    /// The same tensor as `embed` where tied.
    pub unembed: Linear,
}

impl From<Tensor> for Weight {
    fn from(weight: Tensor) -> Self {
        Self::Plain(weight)
    }
}

impl Weight {
    /// The matrix laid out for fast products, where there are any: in f32, on processors with AVX-512.
    ///
    /// # Errors
    /// If it has not two dimensions.
    pub fn packed(self) -> Result<Self> {
        let packed = match &self {
            Self::Plain(weight) => Packed::new(weight)?,
            Self::Packed(_) => None,
        };
        Ok(packed.map_or(self, Self::Packed))
    }

    pub fn dims(&self) -> Vec<usize> {
        match self {
            Self::Plain(weight) => weight.dims().to_vec(),
            Self::Packed(packed) => packed.dims().to_vec(),
        }
    }

    pub(crate) fn device(&self) -> &Device {
        match self {
            Self::Plain(weight) => weight.device(),
            Self::Packed(_) => &Device::Cpu,
        }
    }

    /// As a tensor `[out, in]`; of a packed matrix it is a copy.
    ///
    /// # Errors
    /// candle's own, if there is no memory.
    pub fn tensor(&self) -> Result<Tensor> {
        match self {
            Self::Plain(weight) => Ok(weight.clone()),
            Self::Packed(packed) => packed.tensor(),
        }
    }

    /// The part that meets `count` inputs from `from` on.
    pub(crate) fn columns(&self, from: usize, count: usize) -> Result<Self> {
        Ok(match self {
            Self::Plain(weight) => Self::Plain(weight.narrow(1, from, count)?.contiguous()?),
            Self::Packed(packed) => Self::Packed(packed.columns(from..from + count)),
        })
    }

    /// Rows by their numbers `[n]`: `[n, in]`.
    pub(crate) fn rows(&self, numbers: &Tensor) -> Result<Tensor> {
        if let Self::Packed(packed) = self
            && let Some(rows) = packed.rows(&numbers.to_vec1()?)
        {
            return Ok(rows);
        }
        Ok(self.tensor()?.index_select(numbers, 0)?)
    }
}

impl Linear {
    fn map(&self, f: &Change<'_>) -> Result<Self> {
        Ok(Self {
            weight: (f.weight)(&self.weight)?,
            bias: self.bias.as_ref().map(f.tensor).transpose()?,
        })
    }
}

impl NormWeights {
    fn map(&self, f: &Change<'_>) -> Result<Self> {
        Ok(Self {
            weight: (f.tensor)(&self.weight)?,
            bias: self.bias.as_ref().map(f.tensor).transpose()?,
        })
    }
}

/// What becomes of the parameters.
struct Change<'a> {
    weight: &'a dyn Fn(&Weight) -> Result<Weight>,
    /// Everything but matrices that rows are multiplied with.
    tensor: &'a dyn Fn(&Tensor) -> Result<Tensor>,
}

impl DecoderWeights {
    /// The same storage, cut off from the gradient graph: a later `Var::set` is seen through it.
    pub(crate) fn detached(&self) -> Result<Self> {
        self.map(&Change {
            weight: &|weight| {
                Ok(match weight {
                    Weight::Plain(weight) => Weight::Plain(weight.detach()),
                    Weight::Packed(_) => weight.clone(),
                })
            },
            tensor: &|x| Ok(x.detach()),
        })
    }

    /// A copy in another type, such as f64 to see how much rounding matters. Tied weights stay tied in value.
    ///
    /// # Errors
    /// candle's own, if there is no memory or no such type on the device.
    pub fn in_type(&self, dtype: DType) -> Result<Self> {
        self.map(&Change {
            weight: &|weight| Ok(weight.tensor()?.to_dtype(dtype)?.into()),
            tensor: &|x| Ok(x.to_dtype(dtype)?),
        })
    }

    /// The same with its matrices laid out for fast products, where there are any. There are no gradients with respect
    /// to such weights.
    ///
    /// # Errors
    /// If a matrix has not two dimensions.
    pub fn packed(&self) -> Result<Self> {
        self.map(&Change {
            weight: &|weight| weight.clone().packed(),
            tensor: &|x| Ok(x.clone()),
        })
    }

    fn map(&self, f: &Change<'_>) -> Result<Self> {
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
            embed: (f.weight)(&self.embed)?,
            pos_embed: self.pos_embed.as_ref().map(f.tensor).transpose()?,
            blocks: blocks.collect::<Result<_>>()?,
            final_norm: self.final_norm.map(f)?,
            unembed: self.unembed.map(f)?,
        })
    }
}
