//! Softmax over rows of scores.

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor};

use super::elementary::{LANES, exp, fold, largest, sum_of_pairs};
use super::storage::{output, pieces, read, values};
use super::vectorised::vectorised;

vectorised! {
    /// Softmax of one row in place. -inf gives exactly 0; a row of -inf alone, or with NaN or +inf, gives NaN.
    /// Entries of -inf at the end, and whole multiples of 16 of them at the start, change no bit of the others.
    pub(crate) fn softmax_row(row: &mut [f32]) {
        let top = largest(row);
        let mut lanes = [0f32; LANES];
        let mut chunks = row.chunks_exact_mut(LANES);
        for chunk in &mut chunks {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *x = exp(*x - top);
                *lane += *x;
            }
        }
        for (lane, x) in lanes.iter_mut().zip(chunks.into_remainder()) {
            *x = exp(*x - top);
            *lane += *x;
        }
        let sum = fold(lanes);
        for x in row {
            *x /= sum;
        }
    }
}

vectorised! {
    /// Turns the gradient of a softmax's result into that of its scores, in place.
    pub(crate) fn softmax_row_back(weights: &[f32], g: &mut [f32]) {
        let along = sum_of_pairs(weights, g, |w, g| w * g);
        for (g, w) in g.iter_mut().zip(weights) {
            *g = w * (*g - along);
        }
    }
}

/// Softmax over the last dimension.
pub(crate) struct Softmax;

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut y = values(s, l)?.to_vec();
        let width = l.dims().last().copied().unwrap_or(1).max(1);
        pieces(&mut y, width, |_, y| {
            y.chunks_exact_mut(width).for_each(softmax_row);
        });
        Ok(output(y, l.shape()))
    }

    fn bwd(&self, _x: &Tensor, y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        let width = y.dim(D::Minus1)?.max(1);
        let d = read(&[y, &gradient], |slices| {
            let mut d = slices[1].to_vec();
            pieces(&mut d, width, |at, d| {
                let weights = slices[0][at..].chunks_exact(width);
                for (d, weights) in d.chunks_exact_mut(width).zip(weights) {
                    softmax_row_back(weights, d);
                }
            });
            Ok(d)
        })?;
        Tensor::from_vec(d, y.shape(), y.device()).map(Some)
    }
}
