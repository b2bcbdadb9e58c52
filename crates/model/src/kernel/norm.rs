//! Layer norm and RMS norm over the last dimension.

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, D, Layout, Result as CandleResult, Shape, Tensor,
};
use rayon::prelude::*;

use super::elementary::{sum_of, sum_of_pairs};
use super::rows::accumulate;
use super::storage::{fast, output, pieces, read, rows_per_piece, unwritten, values};
use super::vectorised::vectorised;
use crate::config::NormKind;
use crate::error::Result;
use crate::weights::NormWeights;

/// `(x - mean) / divisor * w + b`; RMS norms keep the mean.
pub fn norm(x: &Tensor, weights: &NormWeights, kind: NormKind, eps: f64) -> Result<Tensor> {
    let tensors = [Some(x), Some(&weights.weight), weights.bias.as_ref()];
    if !tensors.into_iter().flatten().all(|x| fast(&[x])) {
        return norm_by(x, &divisor(x, kind, eps)?, weights, kind);
    }
    let form = Form {
        kind,
        eps: eps as f32,
    };
    let (x, weight) = (x.contiguous()?, weights.weight.contiguous()?);
    Ok(match &weights.bias {
        Some(bias) => x.apply_op3(&weight, &bias.contiguous()?, Norm(form))?,
        None => x.apply_op2(&weight, Norm(form))?,
    })
}

/// `sqrt(mean((x - mean)^2) + eps)`, the last dimension reduced to one.
pub fn divisor(x: &Tensor, kind: NormKind, eps: f64) -> Result<Tensor> {
    if fast(&[x]) {
        let form = Form {
            kind,
            eps: eps as f32,
        };
        return Ok(x.contiguous()?.apply_op1(Divisor(form))?);
    }
    let centred = centre(x, kind)?;
    Ok((centred.sqr()?.mean_keepdim(D::Minus1)? + eps)?.sqrt()?)
}

/// The norm with a given divisor, of the shape that [`divisor`] gives: the same numbers as [`norm`] for the same
/// divisor.
pub fn norm_by(
    x: &Tensor,
    divisor: &Tensor,
    weights: &NormWeights,
    kind: NormKind,
) -> Result<Tensor> {
    let y = centre(x, kind)?.broadcast_div(divisor)?;
    let y = match kind {
        NormKind::RmsPlusOne => y.broadcast_mul(&(&weights.weight + 1.0)?)?,
        NormKind::Layer | NormKind::Rms => y.broadcast_mul(&weights.weight)?,
    };
    match &weights.bias {
        Some(bias) => Ok(y.broadcast_add(bias)?),
        None => Ok(y),
    }
}

fn centre(x: &Tensor, kind: NormKind) -> Result<Tensor> {
    match kind {
        NormKind::Layer if fast(&[x]) => Ok(x.contiguous()?.apply_op1(Centre)?),
        NormKind::Layer => Ok(x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?),
        NormKind::Rms | NormKind::RmsPlusOne => Ok(x.clone()),
    }
}

#[derive(Clone, Copy)]
struct Form {
    kind: NormKind,
    eps: f32,
}

#[inline(always)]
fn mean(x: &[f32]) -> f32 {
    sum_of(x, |x| x) / x.len() as f32
}

/// Mean (0 for RMS norms) and divisor of one row.
#[inline(always)]
fn mean_and_divisor(form: Form, x: &[f32]) -> (f32, f32) {
    let mean = match form.kind {
        NormKind::Layer => mean(x),
        NormKind::Rms | NormKind::RmsPlusOne => 0.0,
    };
    let square = sum_of(x, |x| (x - mean) * (x - mean)) / x.len() as f32;
    (mean, (square + form.eps).sqrt())
}

#[inline(always)]
fn gain(form: Form, weight: f32) -> f32 {
    match form.kind {
        NormKind::RmsPlusOne => weight + 1.0,
        NormKind::Layer | NormKind::Rms => weight,
    }
}

vectorised! {
    fn norm_rows(form: Form, x: &[f32], weight: &[f32], bias: Option<&[f32]>, y: &mut [f32]) {
        let width = weight.len();
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let (mean, divisor) = mean_and_divisor(form, x);
            for ((y, x), w) in y.iter_mut().zip(x).zip(weight) {
                *y = (x - mean) / divisor * gain(form, *w);
            }
            if let Some(bias) = bias {
                for (y, b) in y.iter_mut().zip(bias) {
                    *y += b;
                }
            }
        }
    }
}

vectorised! {
    /// Writes the gradient of `x`, adds those of weight and bias.
    fn norm_rows_back(
        form: Form,
        x: &[f32],
        weight: &[f32],
        g: &[f32],
        dx: &mut [f32],
        dw: &mut [f32],
        db: &mut [f32],
    ) {
        let width = weight.len();
        let rows = x.chunks_exact(width).zip(g.chunks_exact(width));
        for ((x, g), dx) in rows.zip(dx.chunks_exact_mut(width)) {
            let (mean, divisor) = mean_and_divisor(form, x);
            let inverse = 1.0 / divisor;
            for (((((dx, dw), db), x), g), w) in dx
                .iter_mut()
                .zip(dw.iter_mut())
                .zip(db.iter_mut())
                .zip(x)
                .zip(g)
                .zip(weight)
            {
                *dw += g * (x - mean) * inverse;
                *db += g;
                *dx = g * gain(form, *w);
            }
            let along = sum_of_pairs(dx, x, |dx, x| dx * (x - mean) * inverse) / width as f32;
            let level = match form.kind {
                NormKind::Layer => sum_of(dx, |dx| dx) / width as f32,
                NormKind::Rms | NormKind::RmsPlusOne => 0.0,
            };
            for (dx, x) in dx.iter_mut().zip(x) {
                *dx = (*dx - level - (x - mean) * inverse * along) * inverse;
            }
        }
    }
}

struct Norm(Form);

impl Norm {
    fn forward(
        &self,
        x: (&CpuStorage, &Layout),
        weight: &[f32],
        bias: Option<&[f32]>,
    ) -> CandleResult<(CpuStorage, Shape)> {
        let (shape, x) = (x.1.shape(), values(x.0, x.1)?);
        let width = weight.len();
        if shape.dims().last() != Some(&width) || width == 0 {
            candle_core::bail!("a norm of width {width} does not fit values of {shape:?}");
        }
        // Shapes end in the width, so that there are only whole rows.
        // SAFETY: every element is written from the one of `x` in its place before it is read.
        #[allow(unsafe_code)]
        let mut y = unsafe { unwritten(x.len()) };
        pieces(&mut y, width, |at, y| {
            norm_rows(self.0, &x[at..at + y.len()], weight, bias, y);
        });
        Ok(output(y, shape))
    }

    fn backward(
        &self,
        x: &Tensor,
        weight: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<[Tensor; 3]> {
        let width = weight.elem_count();
        let piece = rows_per_piece(width) * width;
        let gradient = gradient.contiguous()?;
        let (dx, dw, db) = read(&[x, weight, &gradient], |slices| {
            let mut dx = vec![0f32; slices[0].len()];
            let parts: Vec<[Vec<f32>; 2]> = dx
                .par_chunks_mut(piece)
                .zip(slices[0].par_chunks(piece))
                .zip(slices[2].par_chunks(piece))
                .map(|((dx, x), g)| {
                    let (mut dw, mut db) = (vec![0f32; width], vec![0f32; width]);
                    norm_rows_back(self.0, x, slices[1], g, dx, &mut dw, &mut db);
                    [dw, db]
                })
                .collect();
            let (mut dw, mut db) = (vec![0f32; width], vec![0f32; width]);
            for [w, b] in &parts {
                accumulate(w, &mut dw);
                accumulate(b, &mut db);
            }
            Ok((dx, dw, db))
        })?;
        Ok([
            Tensor::from_vec(dx, x.shape(), x.device())?,
            Tensor::from_vec(dw, weight.shape(), x.device())?,
            Tensor::from_vec(db, weight.shape(), x.device())?,
        ])
    }
}

impl CustomOp2 for Norm {
    fn name(&self) -> &'static str {
        "norm"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        self.forward((s1, l1), values(s2, l2)?, None)
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        let [dx, dw, _] = self.backward(x, weight, gradient)?;
        Ok((Some(dx), Some(dw)))
    }
}

impl CustomOp3 for Norm {
    fn name(&self) -> &'static str {
        "norm-with-bias"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        self.forward((s1, l1), values(s2, l2)?, Some(values(s3, l3)?))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [dx, dw, db] = self.backward(x, weight, gradient)?;
        Ok((Some(dx), Some(dw), Some(db)))
    }
}

vectorised! {
    fn divisors(form: Form, x: &[f32], width: usize, y: &mut [f32]) {
        for (x, y) in x.chunks_exact(width).zip(y) {
            *y = mean_and_divisor(form, x).1;
        }
    }
}

vectorised! {
    /// d divisor / dx = (x - mean) / (width divisor).
    fn divisors_back(form: Form, g: &[f32], x: &[f32], width: usize, dx: &mut [f32]) {
        for ((x, dx), g) in x.chunks_exact(width).zip(dx.chunks_exact_mut(width)).zip(g) {
            let (mean, divisor) = mean_and_divisor(form, x);
            let factor = g / (divisor * width as f32);
            for (dx, x) in dx.iter_mut().zip(x) {
                *dx = (x - mean) * factor;
            }
        }
    }
}

vectorised! {
    fn centre_rows(x: &[f32], width: usize, y: &mut [f32]) {
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let mean = mean(x);
            for (y, x) in y.iter_mut().zip(x) {
                *y = x - mean;
            }
        }
    }
}

struct Divisor(Form);

impl CustomOp1 for Divisor {
    fn name(&self) -> &'static str {
        "norm-divisor"
    }

    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> CandleResult<(CpuStorage, Shape)> {
        let x = values(s, l)?;
        let mut shape = l.dims().to_vec();
        let width = shape.pop().unwrap_or(1).max(1);
        shape.push(1);
        let mut y = vec![0f32; x.len() / width];
        divisors(self.0, x, width, &mut y);
        Ok(output(y, shape))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, gradient: &Tensor) -> CandleResult<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        let dx = read(&[x, &gradient], |slices| {
            let mut dx = vec![0f32; slices[0].len()];
            let width = x.dim(D::Minus1)?;
            divisors_back(self.0, slices[1], slices[0], width, &mut dx);
            Ok(dx)
        })?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}

/// Takes away each row's mean; its own transpose.
struct Centre;

impl CustomOp1 for Centre {
    fn name(&self) -> &'static str {
        "norm-centre"
    }

    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> CandleResult<(CpuStorage, Shape)> {
        let x = values(s, l)?;
        let mut y = vec![0f32; x.len()];
        centre_rows(x, l.dims().last().copied().unwrap_or(1).max(1), &mut y);
        Ok(output(y, l.shape()))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, gradient: &Tensor) -> CandleResult<Option<Tensor>> {
        gradient.contiguous()?.apply_op1_no_bwd(&Centre).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::kernel::testing::{close, flat, gradients, vars};

    const KINDS: [NormKind; 3] = [NormKind::Layer, NormKind::Rms, NormKind::RmsPlusOne];

    fn composed(x: &Tensor, weights: &NormWeights, kind: NormKind) -> Tensor {
        let run = || -> candle_core::Result<Tensor> {
            let x = match kind {
                NormKind::Layer => x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?,
                _ => x.clone(),
            };
            let square = (x.sqr()?.mean_keepdim(D::Minus1)? + 1e-5)?;
            let weight = match kind {
                NormKind::RmsPlusOne => (&weights.weight + 1.0)?,
                _ => weights.weight.clone(),
            };
            let y = x.broadcast_div(&square.sqrt()?)?.broadcast_mul(&weight)?;
            match &weights.bias {
                Some(bias) => y.broadcast_add(bias),
                None => Ok(y),
            }
        };
        run().expect("shapes fit")
    }

    #[test]
    fn norms_and_their_gradients_equal_candle_s_composed_ones() {
        for kind in KINDS {
            for (rows, width) in [(1, 1), (3, 7), (5, 16), (2, 33), (400, 100)] {
                let all = vars(&[&[2, rows, width], &[width], &[width]], 3);
                let biased = kind == NormKind::Layer;
                let weights = NormWeights {
                    weight: all[1].as_tensor().clone(),
                    bias: biased.then(|| all[2].as_tensor().clone()),
                };
                let x = ((all[0].as_tensor() * 2.0).expect("scales") + 0.5).expect("shifts");
                let used = &all[..if biased { 3 } else { 2 }];
                let slow = composed(&x, &weights, kind);
                let fast = norm(&x, &weights, kind, 1e-5).expect("runs");
                let split = divisor(&x, kind, 1e-5).expect("runs");
                let split = norm_by(&x, &split, &weights, kind).expect("runs");
                close(&fast, &slow, 2e-6, "values");
                assert_eq!(flat(&fast), flat(&split), "one step or two");
                let expected = gradients(&slow, used);
                for (what, got) in [("fused", &fast), ("split", &split)] {
                    for (a, b) in gradients(got, used).iter().zip(&expected) {
                        // A row of one element has no variance: its gradient is rounding times 1/sqrt(eps).
                        close(a, b, if width == 1 { 1e-3 } else { 5e-5 }, what);
                    }
                }
            }
        }
    }

    #[test]
    fn nan_and_infinity_stay_in_their_row() {
        let x = [
            1.0,
            f32::NAN,
            2.0,
            f32::INFINITY,
            1.0,
            0.0,
            3.0,
            4.0,
            5.0f32,
        ];
        let x = Tensor::from_slice(&x, (3, 3), &Device::Cpu).expect("a tensor");
        let weights = NormWeights {
            weight: Tensor::new(&[1.0f32, 1.0, 1.0], &Device::Cpu).expect("a tensor"),
            bias: None,
        };
        for kind in KINDS {
            let y = flat(&norm(&x, &weights, kind, 1e-5).expect("runs"));
            assert!(y[..3].iter().all(|y| y.is_nan()));
            assert!(y[3].is_nan());
            assert!(y[6..].iter().all(|y| y.is_finite()));
        }
    }
}
