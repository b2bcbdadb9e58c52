//! One block: attention and MLP around the residual stream.

use candle_core::Tensor;
use whyfinder_experiment::{Part, Site};

use crate::attention::attention;
use crate::config::{BlockForm, DecoderConfig};
use crate::error::{ModelError, Result};
use crate::fresh::Fresh;
use crate::kernel;
use crate::kernel::attention_after::Earlier;
use crate::mlp::mlp;
use crate::norm::normed;
use crate::probe::{Probe, show};
use crate::rope::Table;
use crate::weights::{BlockWeights, NormWeights};

/// What a block needs to know.
pub(crate) struct Inside<'a> {
    pub(crate) config: &'a DecoderConfig,
    pub(crate) weights: &'a BlockWeights,
    pub(crate) rotary: Option<&'a Table>,
    pub(crate) layer: usize,
    /// Keys and values of positions before the first one computed.
    pub(crate) earlier: Option<Earlier>,
    /// Of the positions computed, the first whose output is read: before it there are keys and values only.
    pub(crate) read: usize,
    /// Rows of which most is known; nobody may look at what attention is made of then.
    pub(crate) fresh: Option<Fresh>,
}

impl Inside<'_> {
    pub(crate) fn site(&self, part: Part) -> Site {
        Site::block(self.layer, part)
    }

    /// The positions of `[B, n, ...]` whose output is read.
    pub(crate) fn read_of(&self, x: &Tensor) -> Result<Tensor> {
        match self.read {
            0 => Ok(x.clone()),
            read => Ok(x.narrow(1, read, x.dim(1)? - read)?.contiguous()?),
        }
    }

    /// Norm weights that the configuration promises; `shapes::check` has seen to it that they are there.
    pub(crate) fn promised<'w>(
        &self,
        norm: Option<&'w NormWeights>,
        name: &str,
    ) -> Result<&'w NormWeights> {
        norm.ok_or_else(|| {
            ModelError::Unusable(format!("Block {} has no weights for {name}.", self.layer))
        })
    }
}

/// Residual stream in, residual stream out, of the positions that are read.
pub(crate) fn block<P: Probe + ?Sized>(
    inside: &Inside<'_>,
    x: Tensor,
    probe: &mut P,
) -> Result<Tensor> {
    let x = show(probe, inside.site(Part::ResidPre), x)?;
    let attn_out = attention_branch(inside, &x, probe)?;
    after_attention(inside, inside.read_of(&x)?, attn_out, probe)
}

/// The rest of a block once it is known what attention adds; from here on each position is on its own.
pub(crate) fn after_attention<P: Probe + ?Sized>(
    inside: &Inside<'_>,
    x: Tensor,
    attn_out: Tensor,
    probe: &mut P,
) -> Result<Tensor> {
    let attn_out = show(probe, inside.site(Part::AttnOut), attn_out)?;
    let x = if inside.config.block == BlockForm::Parallel {
        let mlp_out = mlp_branch(inside, &x, probe)?;
        kernel::rows::add(&kernel::rows::add(&mlp_out, &attn_out)?, &x)?
    } else {
        let mid = kernel::rows::add(&x, &attn_out)?;
        let mid = show(probe, inside.site(Part::ResidMid), mid)?;
        let mlp_out = mlp_branch(inside, &mid, probe)?;
        kernel::rows::add(&mid, &mlp_out)?
    };
    show(probe, inside.site(Part::ResidPost), x)
}

fn attention_branch<P: Probe + ?Sized>(
    inside: &Inside<'_>,
    x: &Tensor,
    probe: &mut P,
) -> Result<Tensor> {
    let normalized = norm_at(inside, &inside.weights.ln1, x, Part::Ln1Scale, probe)?;
    let normalized = show(probe, inside.site(Part::Ln1Normalized), normalized)?;
    let mut out = attention(inside, &normalized, probe)?;
    if inside.config.block == BlockForm::Sandwich {
        let norm = inside.promised(inside.weights.ln1_post.as_ref(), "the norm after attention")?;
        out = norm_at(inside, norm, &out, Part::Ln1PostScale, probe)?;
    }
    Ok(out)
}

fn mlp_branch<P: Probe + ?Sized>(inside: &Inside<'_>, x: &Tensor, probe: &mut P) -> Result<Tensor> {
    let normalized = norm_at(inside, &inside.weights.ln2, x, Part::Ln2Scale, probe)?;
    let normalized = show(probe, inside.site(Part::Ln2Normalized), normalized)?;
    let mut out = mlp(inside, &normalized, probe)?;
    if inside.config.block == BlockForm::Sandwich {
        let norm = inside.promised(inside.weights.ln2_post.as_ref(), "the norm after the MLP")?;
        out = norm_at(inside, norm, &out, Part::Ln2PostScale, probe)?;
    }
    show(probe, inside.site(Part::MlpOut), out)
}

fn norm_at<P: Probe + ?Sized>(
    inside: &Inside<'_>,
    norm: &NormWeights,
    x: &Tensor,
    scale: Part,
    probe: &mut P,
) -> Result<Tensor> {
    normed(
        inside.config,
        norm,
        inside.config.norm,
        x,
        inside.site(scale),
        probe,
    )
}
