//! Arithmetic by channel: slopes, scales, gates. Channels are the last dimension.

use candle_core::{
    CpuStorage, CustomOp2, CustomOp3, Layout, Result as CandleResult, Shape, Tensor,
};
use rayon::prelude::*;

use super::rows::{accumulate, column_sums};
use super::storage::{fast, output, pieces, read, rows_per_piece, values};
use super::vectorised::vectorised;
use crate::error::{ModelError, Result};

/// `x` where it is not negative, else `x` times the channel's slope; `slopes` `[C]`.
pub fn prelu(x: &Tensor, slopes: &Tensor) -> Result<Tensor> {
    by_channel(x, &[slopes])?;
    if !fast(&[x, slopes]) {
        return plain_prelu(x, slopes);
    }
    Ok(x.contiguous()?.apply_op2(&slopes.contiguous()?, Prelu)?)
}

/// `x * scale + shift` by channel; `scale` and `shift` `[C]`.
pub fn affine(x: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<Tensor> {
    by_channel(x, &[scale, shift])?;
    if !fast(&[x, scale, shift]) {
        return plain_affine(x, scale, shift);
    }
    let (scale, shift) = (scale.contiguous()?, shift.contiguous()?);
    Ok(x.contiguous()?.apply_op3(&scale, &shift, Affine)?)
}

/// `x + factor * y`, same shapes.
pub fn add_scaled(x: &Tensor, y: &Tensor, factor: f32) -> Result<Tensor> {
    if !fast(&[x, y]) {
        return Ok((x + (y * f64::from(factor))?)?);
    }
    Ok(x.contiguous()?
        .apply_op2(&y.contiguous()?, AddScaled(factor))?)
}

/// `x` `[N, H, W, C]` times `y` of the same shape, or `[N, 1, 1, C]` for all pixels of an image.
pub fn multiply(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    if !fast(&[x, y]) {
        return Ok(x.broadcast_mul(y)?);
    }
    Ok(x.contiguous()?.apply_op2(&y.contiguous()?, Multiply)?)
}

fn by_channel(x: &Tensor, by: &[&Tensor]) -> Result<()> {
    let channels = x.dims().last().copied().unwrap_or(0);
    match by.iter().find(|by| by.dims() != [channels]) {
        Some(by) if channels > 0 => Err(ModelError::Input(format!(
            "Values by channel of shape {:?} do not fit {channels} channels.",
            by.dims()
        ))),
        None if channels > 0 => Ok(()),
        _ => Err(ModelError::Input("There are no channels.".into())),
    }
}

fn plain_prelu(x: &Tensor, slopes: &Tensor) -> Result<Tensor> {
    let negative = (x - x.relu()?)?;
    Ok((x.relu()? + negative.broadcast_mul(slopes)?)?)
}

fn plain_affine(x: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<Tensor> {
    Ok(x.broadcast_mul(scale)?.broadcast_add(shift)?)
}

/// `f(rows of x, rows of g, sums)` over fixed pieces of whole rows, sums of all pieces added in order.
fn sums_by_channel(
    x: &[f32],
    g: &[f32],
    width: usize,
    f: impl Fn(&[f32], &[f32], &mut [f32]) + Sync,
) -> Vec<f32> {
    let piece = rows_per_piece(width) * width;
    let parts: Vec<Vec<f32>> = x
        .par_chunks(piece)
        .zip(g.par_chunks(piece))
        .map(|(x, g)| {
            let mut sums = vec![0f32; width];
            f(x, g, &mut sums);
            sums
        })
        .collect();
    let mut sums = vec![0f32; width];
    parts.iter().for_each(|part| accumulate(part, &mut sums));
    sums
}

vectorised! {
    fn prelu_rows(x: &[f32], slopes: &[f32], y: &mut [f32]) {
        let width = slopes.len();
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            for ((y, x), slope) in y.iter_mut().zip(x).zip(slopes) {
                *y = if *x >= 0.0 { *x } else { x * slope };
            }
        }
    }
}

vectorised! {
    fn prelu_rows_back(x: &[f32], slopes: &[f32], g: &[f32], d: &mut [f32]) {
        let width = slopes.len();
        let rows = x.chunks_exact(width).zip(g.chunks_exact(width));
        for ((x, g), d) in rows.zip(d.chunks_exact_mut(width)) {
            for (i, d) in d.iter_mut().enumerate() {
                *d = if x[i] >= 0.0 { g[i] } else { g[i] * slopes[i] };
            }
        }
    }
}

vectorised! {
    fn prelu_slopes_back(x: &[f32], g: &[f32], sums: &mut [f32]) {
        let width = sums.len();
        for (x, g) in x.chunks_exact(width).zip(g.chunks_exact(width)) {
            for ((sum, x), g) in sums.iter_mut().zip(x).zip(g) {
                *sum += if *x >= 0.0 { 0.0 } else { x * g };
            }
        }
    }
}

struct Prelu;

impl CustomOp2 for Prelu {
    fn name(&self) -> &'static str {
        "prelu"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        let (x, slopes) = (values(s1, l1)?, values(s2, l2)?);
        let mut y = vec![0f32; x.len()];
        pieces(&mut y, slopes.len(), |at, y| {
            prelu_rows(&x[at..at + y.len()], slopes, y);
        });
        Ok(output(y, l1.shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        slopes: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        read(&[x, slopes, &gradient], |slices| {
            let (x_values, s, g) = (slices[0], slices[1], slices[2]);
            let mut dx = vec![0f32; x_values.len()];
            pieces(&mut dx, s.len(), |at, d| {
                let here = at..at + d.len();
                prelu_rows_back(&x_values[here.clone()], s, &g[here], d);
            });
            let ds = sums_by_channel(x_values, g, s.len(), prelu_slopes_back);
            Ok((
                Some(Tensor::from_vec(dx, x.shape(), x.device())?),
                Some(Tensor::from_vec(ds, slopes.shape(), x.device())?),
            ))
        })
    }
}

vectorised! {
    fn affine_rows(x: &[f32], scale: &[f32], shift: &[f32], y: &mut [f32]) {
        let width = scale.len();
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            for (i, y) in y.iter_mut().enumerate() {
                *y = x[i] * scale[i] + shift[i];
            }
        }
    }
}

vectorised! {
    fn scale_rows(x: &[f32], scale: &[f32], y: &mut [f32]) {
        let width = scale.len();
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            for ((y, x), scale) in y.iter_mut().zip(x).zip(scale) {
                *y = x * scale;
            }
        }
    }
}

vectorised! {
    fn products_by_channel(x: &[f32], g: &[f32], sums: &mut [f32]) {
        let width = sums.len();
        for (x, g) in x.chunks_exact(width).zip(g.chunks_exact(width)) {
            for ((sum, x), g) in sums.iter_mut().zip(x).zip(g) {
                *sum += x * g;
            }
        }
    }
}

struct Affine;

impl CustomOp3 for Affine {
    fn name(&self) -> &'static str {
        "affine-by-channel"
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
        let (x, scale, shift) = (values(s1, l1)?, values(s2, l2)?, values(s3, l3)?);
        let mut y = vec![0f32; x.len()];
        pieces(&mut y, scale.len(), |at, y| {
            affine_rows(&x[at..at + y.len()], scale, shift, y);
        });
        Ok(output(y, l1.shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        scale: &Tensor,
        shift: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        read(&[x, scale, &gradient], |slices| {
            let (x_values, s, g) = (slices[0], slices[1], slices[2]);
            let mut dx = vec![0f32; x_values.len()];
            pieces(&mut dx, s.len(), |at, d| {
                scale_rows(&g[at..at + d.len()], s, d);
            });
            let by_channel = |sums: Vec<f32>| Tensor::from_vec(sums, s.len(), x.device());
            let for_scale = scale
                .track_op()
                .then(|| by_channel(sums_by_channel(x_values, g, s.len(), products_by_channel)));
            let for_shift = shift
                .track_op()
                .then(|| by_channel(column_sums(g, s.len())));
            Ok((
                Some(Tensor::from_vec(dx, x.shape(), x.device())?),
                for_scale.transpose()?,
                for_shift.transpose()?,
            ))
        })
    }
}

vectorised! {
    fn add_scaled_slices(x: &[f32], y: &[f32], factor: f32, sum: &mut [f32]) {
        for (sum, (x, y)) in sum.iter_mut().zip(x.iter().zip(y)) {
            *sum = x + factor * y;
        }
    }
}

vectorised! {
    fn scale_slice(x: &[f32], factor: f32, y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = factor * x;
        }
    }
}

struct AddScaled(f32);

impl CustomOp2 for AddScaled {
    fn name(&self) -> &'static str {
        "add-scaled"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        if l1.dims() != l2.dims() {
            candle_core::bail!(
                "shapes {:?} and {:?} cannot be added",
                l1.shape(),
                l2.shape()
            );
        }
        let (x, y) = (values(s1, l1)?, values(s2, l2)?);
        let mut sum = vec![0f32; x.len()];
        pieces(&mut sum, 1, |at, sum| {
            let here = at..at + sum.len();
            add_scaled_slices(&x[here.clone()], &y[here], self.0, sum);
        });
        Ok(output(sum, l1.shape()))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        y: &Tensor,
        _sum: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let dy = read(&[&gradient], |slices| {
            let mut dy = vec![0f32; slices[0].len()];
            pieces(&mut dy, 1, |at, dy| {
                scale_slice(&slices[0][at..at + dy.len()], self.0, dy);
            });
            Ok(dy)
        })?;
        let dy = Tensor::from_vec(dy, y.shape(), y.device())?;
        Ok((Some(gradient), Some(dy)))
    }
}

struct Multiply;

impl Multiply {
    /// Elements per image and per row of `y`: a whole image, or a pixel for all of its image.
    fn sizes(x: &[usize], y: &[usize]) -> CandleResult<(usize, usize)> {
        let each = |dims: &[usize]| dims.iter().skip(1).product::<usize>();
        match (x, y) {
            _ if x == y => Ok((each(x), each(x))),
            (&[n, _, _, c], &[m, 1, 1, d]) if (n, c) == (m, d) => Ok((each(x), c)),
            _ => candle_core::bail!("values of {x:?} cannot be multiplied by {y:?}"),
        }
    }

    /// `y = x * by`, where `by` has one row per image.
    fn products(x: &[f32], by: &[f32], (each, width): (usize, usize)) -> Vec<f32> {
        let mut y = vec![0f32; x.len()];
        if each == 0 {
            return y;
        }
        if each == width {
            pieces(&mut y, 1, |at, y| {
                let here = at..at + y.len();
                scale_rows(&x[here.clone()], &by[here], y);
            });
            return y;
        }
        pieces(&mut y, width, |at, y| {
            let mut done = 0;
            while done < y.len() {
                // A piece may reach over several images.
                let image = (at + done) / each;
                let len = ((image + 1) * each - (at + done)).min(y.len() - done);
                let x = &x[at + done..at + done + len];
                let by = &by[image * width..(image + 1) * width];
                scale_rows(x, by, &mut y[done..done + len]);
                done += len;
            }
        });
        y
    }
}

impl CustomOp2 for Multiply {
    fn name(&self) -> &'static str {
        "multiply"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        let sizes = Self::sizes(l1.dims(), l2.dims())?;
        let y = Self::products(values(s1, l1)?, values(s2, l2)?, sizes);
        Ok(output(y, l1.shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        _product: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let (each, width) = Self::sizes(x.dims(), y.dims())?;
        read(&[x, y, &gradient], |slices| {
            let (x_values, by, g) = (slices[0], slices[1], slices[2]);
            let dx = Self::products(g, by, (each, width));
            let dy = match each == width || each == 0 {
                true => Self::products(g, x_values, (each, each)),
                false => x_values
                    .chunks_exact(each)
                    .zip(g.chunks_exact(each))
                    .flat_map(|(x, g)| sums_by_channel(x, g, width, products_by_channel))
                    .collect(),
            };
            Ok((
                Some(Tensor::from_vec(dx, x.shape(), x.device())?),
                Some(Tensor::from_vec(dy, y.shape(), y.device())?),
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::kernel::testing::{close, flat, gradients, vars};

    fn same(fast: &Tensor, slow: &Tensor, vars: &[Var], what: &str) {
        close(fast, slow, 2e-6, what);
        for (a, b) in gradients(fast, vars).iter().zip(&gradients(slow, vars)) {
            close(a, b, 3e-5, &format!("gradient of {what}"));
        }
    }

    const SHAPES: [[usize; 4]; 4] = [[1, 1, 1, 1], [2, 3, 5, 7], [3, 1, 9, 64], [2, 24, 23, 33]];

    #[test]
    fn slopes_and_scales_by_channel_equal_candle_s() {
        for shape in SHAPES {
            let all = vars(&[&shape, &[shape[3]], &[shape[3]]], 4);
            let [x, a, b] = [0, 1, 2].map(|i| all[i].as_tensor());
            let (fast, slow) = (prelu(x, a), plain_prelu(x, a));
            same(
                &fast.expect("fits"),
                &slow.expect("fits"),
                &all[..2],
                "prelu",
            );
            let (fast, slow) = (affine(x, a, b), plain_affine(x, a, b));
            same(&fast.expect("fits"), &slow.expect("fits"), &all, "affine");
        }
        let x = vars(&[&[1, 2, 3, 4], &[3]], 4);
        assert!(prelu(x[0].as_tensor(), x[1].as_tensor()).is_err());
    }

    #[test]
    fn products_and_sums_equal_candle_s() {
        for shape in SHAPES {
            let pooled = [shape[0], 1, 1, shape[3]];
            let all = vars(&[&shape, &shape], 4);
            let (x, y) = (all[0].as_tensor(), all[1].as_tensor());
            let slow = x.broadcast_mul(y).expect("fits");
            same(&multiply(x, y).expect("fits"), &slow, &all, "product");
            let slow = (x + (y * 0.2).expect("scales")).expect("fits");
            same(&add_scaled(x, y, 0.2).expect("fits"), &slow, &all, "sum");
            let all = vars(&[&shape, &pooled], 4);
            let (x, y) = (all[0].as_tensor(), all[1].as_tensor());
            let slow = x.broadcast_mul(y).expect("fits");
            same(&multiply(x, y).expect("fits"), &slow, &all, "by image");
        }
        let x = vars(&[&[2, 2, 3, 4], &[1, 1, 1, 4]], 4);
        assert!(multiply(x[0].as_tensor(), x[1].as_tensor()).is_err());
    }

    #[test]
    fn nan_stays_in_its_place() {
        let x = Tensor::new(&[f32::NAN, -1.0, 2.0, 3.0], &Device::Cpu).expect("a tensor");
        let x = x.reshape((1, 1, 2, 2)).expect("two pixels");
        let half = Tensor::new(&[0.5f32, 0.5], &Device::Cpu).expect("a tensor");
        let y = flat(&prelu(&x, &half).expect("runs"));
        assert!(y[0].is_nan() && y[1..] == [-0.5, 2.0, 3.0]);
        let y = flat(&affine(&x, &half, &half).expect("runs"));
        assert!(y[0].is_nan() && y[1..] == [0.0, 1.5, 2.0]);
    }
}
