//! Matrix products with a bias.

use candle_core::Tensor;

use crate::error::Result;
use crate::weights::Linear;

/// `x W^T + b` over the last dimension of `x`.
pub fn linear(x: &Tensor, linear: &Linear) -> Result<Tensor> {
    plain(x, linear)
}

fn plain(x: &Tensor, linear: &Linear) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    let width = shape.pop().unwrap_or(0);
    let rows = shape.iter().product::<usize>();
    shape.push(linear.weight.dim(0)?);
    let y = x.reshape((rows, width))?.matmul(&linear.weight.t()?)?;
    let y = match &linear.bias {
        Some(bias) => y.broadcast_add(bias)?,
        None => y,
    };
    Ok(y.reshape(shape)?)
}
