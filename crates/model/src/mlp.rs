//! The MLP of a block, gated or not.

use candle_core::Tensor;
use whyfinder_experiment::Part;

use crate::block::Inside;
use crate::error::Result;
use crate::kernel::{activation, linear::linear};
use crate::probe::{Probe, show};

/// `down(f(up(x)))`, or `down(f(gate(x)) * up(x))`.
pub(crate) fn mlp<P: Probe + ?Sized>(
    inside: &Inside<'_>,
    x: &Tensor,
    probe: &mut P,
) -> Result<Tensor> {
    let weights = inside.weights;
    let kind = inside.config.activation;
    let neurons = match &weights.gate {
        Some(gate) => {
            let pre = show(probe, inside.site(Part::MlpPre), linear(x, gate)?)?;
            let straight = linear(x, &weights.up)?;
            let straight = show(probe, inside.site(Part::MlpPreLinear), straight)?;
            activation::gate(&pre, &straight, kind)?
        }
        None => {
            let pre = show(probe, inside.site(Part::MlpPre), linear(x, &weights.up)?)?;
            activation::activate(&pre, kind)?
        }
    };
    let neurons = show(probe, inside.site(Part::MlpPost), neurons)?;
    linear(&neurons, &weights.down)
}
