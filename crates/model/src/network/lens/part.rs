//! What a node reads: values of the base run, and what has changed laid over them.

use candle_core::Tensor;

use crate::error::{ModelError, Result};
use crate::kernel::paste::paste;
use crate::network::evaluate::{Argument, crop};
use crate::network::extent::Extent;
use crate::network::node::{NodeId, Operation};
use crate::network::rect::Rect;

/// An argument that owns its value.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) value: Tensor,
    pub(super) at: Rect,
    pub(super) extent: Extent,
}

impl Part {
    pub(super) fn argument(&self) -> Argument<'_> {
        Argument {
            value: &self.value,
            at: self.at.clone(),
            extent: self.extent,
        }
    }
}

pub(super) fn too_little() -> ModelError {
    ModelError::Unusable("A part of the network was asked for more pixels than are kept.".into())
}

/// What is read of a value that no patch changes: `read`, or nothing.
pub(super) fn held_part(
    base: &[Option<Tensor>],
    needed: &[Option<Rect>],
    extents: &[Extent],
    input: NodeId,
    read: Option<Rect>,
) -> Result<Part> {
    let extent = extents[input];
    let Some(read) = read else {
        let value = Tensor::zeros(1, candle_core::DType::F32, &candle_core::Device::Cpu)?;
        let at = Rect::new(0..0, 0..0);
        return Ok(Part { value, at, extent });
    };
    match (&base[input], &needed[input]) {
        (Some(value), Some(at)) => Ok(Part {
            value: if extent.channels == 0 {
                value.clone()
            } else {
                crop(value, at, &read)?
            },
            at: read,
            extent,
        }),
        _ => Err(too_little()),
    }
}

/// Arguments of one batch size, where an operation cannot repeat the base run's by itself.
pub(super) fn alike(
    operation: &Operation,
    mut parts: Vec<Part>,
    count: usize,
) -> Result<Vec<Part>> {
    let all = matches!(operation, Operation::Concatenate | Operation::WindowMix(_));
    for (i, part) in parts.iter_mut().enumerate() {
        let broadcasts = !all && i > 0;
        let dims = part.value.dims().to_vec();
        if dims.len() == 4 && count > 1 && !broadcasts {
            let rows = match operation {
                // A pattern's first dimension counts the windows of all pictures.
                Operation::WindowMix(_) if i == 0 => continue,
                _ => count,
            };
            if dims[0] == 1 {
                let shape = (rows, dims[1], dims[2], dims[3]);
                part.value = part.value.broadcast_as(shape)?.contiguous()?;
            }
        }
    }
    Ok(parts)
}

/// The part `rect` of the base run's value on `needed`, with changed values on `changed` laid over it.
pub(super) fn overlaid(
    base: &Tensor,
    needed: &Rect,
    values: &Tensor,
    changed: &Rect,
    rect: &Rect,
) -> Result<Tensor> {
    let below = crop(base, needed, rect)?;
    match changed.meet(rect) {
        None => Ok(below),
        Some(seen) => {
            let values = crop(values, changed, &seen)?;
            let place = (
                seen.rows.start - rect.rows.start,
                seen.columns.start - rect.columns.start,
            );
            paste(&below, &values, place)
        }
    }
}
