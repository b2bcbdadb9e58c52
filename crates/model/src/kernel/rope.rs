//! Rotation of queries and keys.

use candle_core::{D, Tensor};

use crate::error::Result;

/// Rotates the first `2 * pairs` dimensions of `x` `[B, T, H, d]`, half-split: dimension `i` with `i + pairs`.
/// Tables are `[T, pairs]` or `[B, T, pairs]`.
pub fn rotate(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let (_, _, _, width) = x.dims4()?;
    let pairs = cos.dim(D::Minus1)?;
    let (cos, sin) = (cos.unsqueeze(D::Minus2)?, sin.unsqueeze(D::Minus2)?);
    let a = x.narrow(D::Minus1, 0, pairs)?;
    let b = x.narrow(D::Minus1, pairs, pairs)?;
    let first = (a.broadcast_mul(&cos)? - b.broadcast_mul(&sin)?)?;
    let second = (b.broadcast_mul(&cos)? + a.broadcast_mul(&sin)?)?;
    if width > 2 * pairs {
        let rest = x.narrow(D::Minus1, 2 * pairs, width - 2 * pairs)?;
        Ok(Tensor::cat(&[first, second, rest], D::Minus1)?)
    } else {
        Ok(Tensor::cat(&[first, second], D::Minus1)?)
    }
}
