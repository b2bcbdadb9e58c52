//! Matrices laid out once for products with any number of rows.
//!
//! A general matrix product first copies both sides into panels that the processor reads in order. For a weight, met
//! by a few hundred rows again and again, that costs a third of the time; here it is done once, when a model is
//! opened, and the panels take the place of the weight.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::storage::read;
use crate::error::Result;

/// Outputs side by side in a panel.
pub(super) const PANEL: usize = 32;

/// A matrix `[out, in]` in panels of [`PANEL`] outputs: `[panel, in, PANEL]`, zeros where there are no outputs.
#[derive(Clone)]
pub struct Packed {
    panels: Arc<Vec<f32>>,
    out: usize,
    /// Inputs of the whole matrix.
    stored: usize,
    /// Those that count.
    inputs: Range<usize>,
}

impl Packed {
    /// `weight` is `[out, in]`. `None` where products with panels would not be faster: on other devices, in other
    /// types, and on processors without AVX-512.
    pub(crate) fn new(weight: &Tensor) -> Result<Option<Self>> {
        let (out, stored) = weight.dims2()?;
        let fits = weight.device().is_cpu() && weight.dtype() == DType::F32 && out * stored > 0;
        if !fits || !super::panels::fast() {
            return Ok(None);
        }
        let panels = read(&[&weight.contiguous()?], |slices| {
            Ok(in_panels(slices[0], stored))
        })?;
        Ok(Some(Self {
            panels: Arc::new(panels),
            out,
            stored,
            inputs: 0..stored,
        }))
    }

    /// `[out, in]`.
    pub fn dims(&self) -> [usize; 2] {
        [self.out, self.inputs.len()]
    }

    /// The part of the matrix that meets some of the inputs; nothing is copied.
    pub(crate) fn columns(&self, columns: Range<usize>) -> Self {
        let start = self.inputs.start;
        let inputs = start + columns.start..start + columns.end;
        assert!(columns.start <= columns.end && inputs.end <= self.inputs.end);
        Self {
            inputs,
            ..self.clone()
        }
    }

    /// Copies of rows of the matrix, `[rows, in]`; `None` if there are not so many.
    pub(crate) fn rows(&self, rows: &[u32]) -> Option<Tensor> {
        let width = self.inputs.len();
        let rows: Vec<usize> = rows.iter().map(|row| *row as usize).collect();
        if rows.iter().any(|row| *row >= self.out) {
            return None;
        }
        let mut values = vec![0f32; rows.len() * width];
        for (row, values) in rows.iter().zip(values.chunks_exact_mut(width.max(1))) {
            self.copy_row(*row, values);
        }
        Tensor::from_vec(values, (rows.len(), width), &Device::Cpu).ok()
    }

    /// A copy of the whole as it was, `[out, in]`.
    pub fn tensor(&self) -> Result<Tensor> {
        let width = self.inputs.len();
        let mut values = vec![0f32; self.out * width];
        values
            .par_chunks_exact_mut(width.max(1))
            .enumerate()
            .for_each(|(row, values)| self.copy_row(row, values));
        Ok(Tensor::from_vec(values, (self.out, width), &Device::Cpu)?)
    }

    fn copy_row(&self, row: usize, values: &mut [f32]) {
        let panel = self.panel(row / PANEL);
        for (value, across) in values.iter_mut().zip(panel.chunks_exact(PANEL)) {
            *value = across[row % PANEL];
        }
    }

    /// One panel's part for the inputs that count, `[in, PANEL]`.
    pub(super) fn panel(&self, panel: usize) -> &[f32] {
        let at = panel * self.stored;
        &self.panels[(at + self.inputs.start) * PANEL..(at + self.inputs.end) * PANEL]
    }

    pub(super) fn panels(&self) -> usize {
        self.out.div_ceil(PANEL)
    }
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packed")
            .field("out", &self.out)
            .field("inputs", &self.inputs)
            .finish_non_exhaustive()
    }
}

/// Inputs that are turned at a time: as many as keep the lines of all the outputs of a panel in the nearest cache.
const TURNED: usize = 64;

fn in_panels(weight: &[f32], width: usize) -> Vec<f32> {
    let panels = weight.len().div_ceil(width * PANEL);
    let mut all = vec![0f32; panels * width * PANEL];
    all.par_chunks_exact_mut(width * PANEL)
        .zip(weight.par_chunks(width * PANEL))
        .for_each(|(panel, rows)| {
            for from in (0..width).step_by(TURNED) {
                let to = (from + TURNED).min(width);
                for (at, row) in rows.chunks_exact(width).enumerate() {
                    let across = panel[from * PANEL..to * PANEL].chunks_exact_mut(PANEL);
                    for (across, value) in across.zip(&row[from..to]) {
                        across[at] = *value;
                    }
                }
            }
        });
    all
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::tiny::Draws;

    /// `None` on processors without AVX-512, where nothing may be packed.
    pub(in super::super) fn matrix(out: usize, width: usize) -> Option<(Tensor, Packed)> {
        let values = Draws::new((out * width) as u64).values(out * width, 1.0);
        let weight = Tensor::from_vec(values, (out, width), &Device::Cpu).expect("fits");
        let packed = Packed::new(&weight).expect("reads");
        assert_eq!(packed.is_some(), crate::kernel::panels::fast());
        Some((weight, packed?))
    }

    fn values(x: &Tensor) -> Vec<Vec<f32>> {
        x.to_vec2().expect("two dimensions")
    }

    #[test]
    fn what_is_packed_comes_out_as_it_was() {
        for (out, width) in [(1, 1), (31, 5), (32, 64), (33, 65), (100, 130)] {
            let Some((weight, packed)) = matrix(out, width) else {
                return;
            };
            assert_eq!(packed.dims(), [out, width]);
            assert_eq!(values(&packed.tensor().expect("copies")), values(&weight));
            let last = out - 1;
            let rows = packed.rows(&[last as u32, 0]).expect("there are so many");
            assert_eq!(values(&rows)[0], values(&weight)[last]);
            assert_eq!(values(&rows)[1], values(&weight)[0]);
            assert!(packed.rows(&[out as u32]).is_none());
            let (from, to) = (width / 3, width - width / 4);
            let part = packed.columns(from..to);
            let expected = weight.narrow(1, from, to - from).expect("inside");
            assert_eq!(values(&part.tensor().expect("copies")), values(&expected));
        }
    }

    #[test]
    fn other_types_stay_as_they_are() {
        let weight = Tensor::zeros((3, 4), DType::F64, &Device::Cpu).expect("small");
        assert!(Packed::new(&weight).expect("reads").is_none());
    }
}
