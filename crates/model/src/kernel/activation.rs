//! Non-linearities, element by element.

use candle_core::Tensor;

use crate::config::Activation;
use crate::error::Result;

pub fn activate(x: &Tensor, kind: Activation) -> Result<Tensor> {
    Ok(match kind {
        Activation::GeluTanh => x.gelu()?,
        Activation::GeluErf => x.gelu_erf()?,
        Activation::Silu => x.silu()?,
        Activation::Relu => x.relu()?,
    })
}

/// `f(gate) * straight`.
pub fn gate(gate: &Tensor, straight: &Tensor, kind: Activation) -> Result<Tensor> {
    Ok((activate(gate, kind)? * straight)?)
}

/// `cap * tanh(x / cap)`.
pub fn soft_cap(x: &Tensor, cap: f32) -> Result<Tensor> {
    let cap = f64::from(cap);
    Ok(((x / cap)?.tanh()? * cap)?)
}
