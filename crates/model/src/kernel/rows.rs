//! Sums of feature maps.

use candle_core::Tensor;

use crate::error::Result;

/// `x + y`, same shapes.
pub fn add(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    Ok((x + y)?)
}

/// `x + y` with `y` `[T, D]` added to every row of `x` `[B, T, D]`.
pub fn add_to_each(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    Ok(x.broadcast_add(y)?)
}
