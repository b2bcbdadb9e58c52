//! One block: attention and MLP around the residual stream.

use candle_core::Tensor;
use whyfinder_experiment::{Part, Site};

use crate::attention::attention;
use crate::config::{BlockForm, DecoderConfig};
use crate::error::{ModelError, Result};
use crate::kernel;
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
    /// Keys and values of positions before the first one computed, `[B, start, G, d]` each.
    pub(crate) earlier: Option<(Tensor, Tensor)>,
}

impl Inside<'_> {
    pub(crate) fn site(&self, part: Part) -> Site {
        Site::block(self.layer, part)
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

/// Residual stream in, residual stream out.
pub(crate) fn block<P: Probe + ?Sized>(
    inside: &Inside<'_>,
    x: Tensor,
    probe: &mut P,
) -> Result<Tensor> {
    let x = show(probe, inside.site(Part::ResidPre), x)?;
    let attn_out = attention_branch(inside, &x, probe)?;
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
    show(probe, inside.site(Part::AttnOut), out)
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
