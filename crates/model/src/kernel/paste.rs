//! A small picture laid over a larger one.

use candle_core::{Device, Tensor};

use super::storage::{fast, read};
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
    if !fast(&[below, above]) {
        return plain(below, above, place);
    }
    let (below, above) = (below.contiguous()?, above.contiguous()?);
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
    let shape = (count, height, width, channels);
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

/// The frame that stays, in four strips around what is laid over it: nothing leaves the device.
fn plain(below: &Tensor, above: &Tensor, place: (usize, usize)) -> Result<Tensor> {
    let (_, height, width, channels) = below.dims4()?;
    let (count, h, w, _) = above.dims4()?;
    let below = below.detach().expand((count, height, width, channels))?;
    let strip = |x: &Tensor, axis: usize, from: usize, to: usize| match to - from {
        0 => Ok(None),
        length => x.narrow(axis, from, length)?.contiguous().map(Some),
    };
    let row = below.narrow(1, place.0, h)?;
    let across = [
        strip(&row, 2, 0, place.1)?,
        Some(above.detach().contiguous()?),
        strip(&row, 2, place.1 + w, width)?,
    ];
    let row = Tensor::cat(&across.into_iter().flatten().collect::<Vec<_>>(), 2)?;
    let down = [
        strip(&below, 1, 0, place.0)?,
        Some(row.contiguous()?),
        strip(&below, 1, place.0 + h, height)?,
    ];
    let whole = Tensor::cat(&down.into_iter().flatten().collect::<Vec<_>>(), 1)?;
    Ok(whole.contiguous()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::flat;

    #[test]
    fn strips_give_what_copying_gives() {
        let counted = |shape: (usize, usize, usize, usize), from: f32| {
            let (n, h, w, c) = shape;
            let values = Tensor::arange(from, from + (n * h * w * c) as f32, &Device::Cpu);
            values.and_then(|x| x.reshape(shape)).expect("a tensor")
        };
        for rows in [1, 3] {
            for place in [(0, 0), (2, 1), (4, 3), (0, 3)] {
                let below = counted((rows, 6, 5, 2), 0.0);
                let above = counted((3, 2, 2, 2), 1000.0);
                let copied = paste(&below, &above, place).expect("fits");
                let strips = plain(&below, &above, place).expect("fits");
                assert_eq!(copied.dims(), strips.dims());
                assert_eq!(flat(&copied), flat(&strips), "{rows} {place:?}");
            }
        }
        let below = counted((3, 6, 5, 2), 0.0);
        let whole = counted((3, 6, 5, 2), 500.0);
        assert_eq!(
            flat(&plain(&below, &whole, (0, 0)).expect("fits")),
            flat(&whole)
        );
    }
}
