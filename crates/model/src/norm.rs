//! Layer norm and RMS norm with their divisor open.

use candle_core::Tensor;
use whyfinder_experiment::Site;

use crate::config::{DecoderConfig, NormKind};
use crate::error::Result;
use crate::kernel;
use crate::probe::{Probe, show};
use crate::weights::NormWeights;

/// Normalises the last dimension; the divisor is shown at `scale`, and what the probe gives back divides.
pub(crate) fn normed<P: Probe + ?Sized>(
    config: &DecoderConfig,
    weights: &NormWeights,
    kind: NormKind,
    x: &Tensor,
    scale: Site,
    probe: &mut P,
) -> Result<Tensor> {
    if !probe.wants(scale) {
        return kernel::norm::norm(x, weights, kind, config.norm_eps);
    }
    let divisor = kernel::norm::divisor(x, kind, config.norm_eps)?;
    let divisor = show(probe, scale, divisor)?;
    kernel::norm::norm_by(x, &divisor, weights, kind)
}
