//! Layer norm and RMS norm over the last dimension.

use candle_core::{D, Tensor};

use crate::config::NormKind;
use crate::error::Result;
use crate::weights::NormWeights;

/// `(x - mean) / divisor * w + b`; RMS norms keep the mean.
pub fn norm(x: &Tensor, weights: &NormWeights, kind: NormKind, eps: f64) -> Result<Tensor> {
    norm_by(x, &divisor(x, kind, eps)?, weights, kind)
}

/// `sqrt(mean((x - mean)^2) + eps)`, the last dimension reduced to one.
pub fn divisor(x: &Tensor, kind: NormKind, eps: f64) -> Result<Tensor> {
    let centred = centre(x, kind)?;
    Ok((centred.sqr()?.mean_keepdim(D::Minus1)? + eps)?.sqrt()?)
}

/// The norm with a given divisor, of the shape that [`divisor`] gives.
pub fn norm_by(
    x: &Tensor,
    divisor: &Tensor,
    weights: &NormWeights,
    kind: NormKind,
) -> Result<Tensor> {
    let y = centre(x, kind)?.broadcast_div(divisor)?;
    let y = match kind {
        NormKind::RmsPlusOne => y.broadcast_mul(&(&weights.weight + 1.0)?)?,
        NormKind::Layer | NormKind::Rms => y.broadcast_mul(&weights.weight)?,
    };
    match &weights.bias {
        Some(bias) => Ok(y.broadcast_add(bias)?),
        None => Ok(y),
    }
}

fn centre(x: &Tensor, kind: NormKind) -> Result<Tensor> {
    match kind {
        NormKind::Layer => Ok(x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?),
        NormKind::Rms | NormKind::RmsPlusOne => Ok(x.clone()),
    }
}
