//! A small picture laid over a larger one.

use candle_core::{Device, Tensor};

use super::storage::read;
use crate::error::Result;

/// `[K, h, w, C]` laid over `[1 or K, H, W, C]` with its corner at `place` (row, column): `[K, H, W, C]`.
///
/// Gives no gradient.
///
/// # Errors
/// If the small one does not fit there.
pub fn paste(below: &Tensor, above: &Tensor, place: (usize, usize)) -> Result<Tensor> {
    let (n, height, width, channels) = below.dims4()?;
    let (count, h, w, c) = above.dims4()?;
    let fits = c == channels && place.0 + h <= height && place.1 + w <= width;
    if !fits || (n != 1 && n != count) {
        return Err(candle_core::Error::Msg(format!(
            "values of shape {:?} cannot be laid over {:?} at {place:?}",
            above.dims(),
            below.dims()
        ))
        .into());
    }
    let device = below.device();
    let on_cpu = |x: &Tensor| x.to_device(&Device::Cpu)?.contiguous();
    let (below, above) = (on_cpu(below)?, on_cpu(above)?);
    let values = read(&[&below, &above], |slices| {
        let (below, above) = (slices[0], slices[1]);
        let (picture, row) = (height * width * channels, width * channels);
        let mut values = Vec::with_capacity(count * picture);
        for k in 0..count {
            let from = if n == 1 { 0 } else { k * picture };
            values.extend_from_slice(&below[from..from + picture]);
            for y in 0..h {
                let to = k * picture + (place.0 + y) * row + place.1 * channels;
                let from = (k * h + y) * w * channels;
                values[to..to + w * channels].copy_from_slice(&above[from..from + w * channels]);
            }
        }
        Ok(values)
    })?;
    let values = Tensor::from_vec(values, (count, height, width, channels), &Device::Cpu)?;
    Ok(values.to_device(device)?)
}
