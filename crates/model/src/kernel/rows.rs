//! Sums of feature maps.

use candle_core::{CpuStorage, CustomOp2, Layout, Result as CandleResult, Shape, Tensor};
use rayon::prelude::*;

use super::storage::{fast, output, pieces, read, unwritten, values};
use super::vectorised::vectorised;
use crate::error::Result;

/// `x + y`, same shapes.
pub fn add(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    add_to_each(x, y)
}

/// `x + y` with `y` `[T, D]` added to every row of `x` `[B, T, D]`.
pub fn add_to_each(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    if !fast(&[x, y]) {
        return Ok(x.broadcast_add(y)?);
    }
    Ok(x.contiguous()?.apply_op2(&y.contiguous()?, Add)?)
}

struct Add;

impl CustomOp2 for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        let (x, y) = (values(s1, l1)?, values(s2, l2)?);
        if y.is_empty() || x.len() % y.len() != 0 || !l1.dims().ends_with(l2.dims()) {
            candle_core::bail!(
                "shapes {:?} and {:?} cannot be added",
                l1.shape(),
                l2.shape()
            );
        }
        // SAFETY: every element is the sum of two that are there.
        #[allow(unsafe_code)]
        let mut sum = unsafe { unwritten(x.len()) };
        if x.len() == y.len() {
            pieces(&mut sum, 1, |at, sum| {
                let here = at..at + sum.len();
                add_slices(&x[here.clone()], &y[here], sum);
            });
        } else {
            let rows = sum.par_chunks_mut(y.len()).zip(x.par_chunks(y.len()));
            rows.for_each(|(sum, x)| add_slices(x, y, sum));
        }
        Ok(output(sum, l1.shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        _sum: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        let for_y = if x.dims() == y.dims() {
            gradient.clone()
        } else {
            gradient
                .reshape(((), y.elem_count()))?
                .sum(0)?
                .reshape(y.shape())?
        };
        Ok((Some(gradient.clone()), Some(for_y)))
    }
}

vectorised! {
    fn add_slices(x: &[f32], y: &[f32], sum: &mut [f32]) {
        for (sum, (x, y)) in sum.iter_mut().zip(x.iter().zip(y)) {
            *sum = x + y;
        }
    }
}

vectorised! {
    /// `sum += x`.
    pub(crate) fn accumulate(x: &[f32], sum: &mut [f32]) {
        for (sum, x) in sum.iter_mut().zip(x) {
            *sum += x;
        }
    }
}

/// The sum of all rows of `width` elements.
pub(crate) fn column_sums(x: &[f32], width: usize) -> Vec<f32> {
    let rows = super::storage::rows_per_piece(width);
    let parts: Vec<Vec<f32>> = x
        .par_chunks(rows * width)
        .map(|piece| {
            let mut sums = vec![0f32; width];
            piece
                .chunks_exact(width)
                .for_each(|row| accumulate(row, &mut sums));
            sums
        })
        .collect();
    let mut sums = vec![0f32; width];
    parts.iter().for_each(|part| accumulate(part, &mut sums));
    sums
}

/// The gradient with respect to a bias, from that of the outputs, contiguous; `None` if nobody asks for it.
pub(super) fn bias_back(bias: &Tensor, gradient: &Tensor) -> CandleResult<Option<Tensor>> {
    if !bias.track_op() {
        return Ok(None);
    }
    let sums = read(&[gradient], |slices| {
        Ok(column_sums(slices[0], bias.elem_count()))
    })?;
    Tensor::from_vec(sums, bias.shape(), bias.device()).map(Some)
}
