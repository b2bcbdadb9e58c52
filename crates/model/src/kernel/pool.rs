//! What stands for many pixels: maxima of windows, means and contrasts of whole images.

use candle_core::{CpuStorage, CustomOp1, Layout, Result as CandleResult, Shape, Tensor};

use super::gemm::Shared;
use super::rows::column_sums;
use super::storage::{fast, output, pieces, read, tasks, values};
use super::vectorised::vectorised;
use crate::error::{ModelError, Result};

/// The largest value of each window of `size` x `size` pixels, `stride` apart; pixels at the end that fill no window
/// are left out. A window with NaN gives NaN. `[N, H, W, C]` to `[N, H', W', C]`.
pub fn max_pool(x: &Tensor, size: usize, stride: usize) -> Result<Tensor> {
    let (_, height, width, _) = x.dims4()?;
    if size == 0 || stride == 0 || size > height || size > width {
        return Err(ModelError::Input(format!(
            "Windows of {size} x {size} pixels, {stride} apart, do not fit an image of {height} x {width} pixels."
        )));
    }
    if !fast(&[x]) {
        return plain_max(x, size, stride);
    }
    Ok(x.contiguous()?.apply_op1(Max { size, stride })?)
}

/// The mean over all pixels, `[N, 1, 1, C]`.
pub fn global_mean(x: &Tensor) -> Result<Tensor> {
    whole(x, Summary::Mean)
}

/// Mean plus standard deviation over all pixels, `[N, 1, 1, C]`; the deviation is that of these pixels, not an
/// estimate for others. Where all pixels are equal its gradient is taken as 0.
pub fn global_contrast(x: &Tensor) -> Result<Tensor> {
    whole(x, Summary::Contrast)
}

fn whole(x: &Tensor, summary: Summary) -> Result<Tensor> {
    let (_, height, width, _) = x.dims4()?;
    if height * width == 0 {
        return Err(ModelError::Input(
            "An image without pixels has no mean.".into(),
        ));
    }
    if !fast(&[x]) {
        return plain_whole(x, summary);
    }
    Ok(x.contiguous()?.apply_op1(Whole(summary))?)
}

fn plain_max(x: &Tensor, size: usize, stride: usize) -> Result<Tensor> {
    let (_, height, width, _) = x.dims4()?;
    let mut best: Option<Tensor> = None;
    for place in 0..size * size {
        let mut part = x.clone();
        for (dim, length, first) in [(1, height, place / size), (2, width, place % size)] {
            let count = (length - size) / stride + 1;
            let at: Vec<u32> = (0..count).map(|i| (first + i * stride) as u32).collect();
            let at = Tensor::from_vec(at, count, x.device())?;
            part = part.contiguous()?.index_select(&at, dim)?;
        }
        best = Some(match best {
            Some(best) => best.maximum(&part)?,
            None => part,
        });
    }
    best.ok_or_else(|| ModelError::Input("A window without pixels has no maximum.".into()))
}

fn plain_whole(x: &Tensor, summary: Summary) -> Result<Tensor> {
    let mean = x.mean_keepdim((1, 2))?;
    Ok(match summary {
        Summary::Mean => mean,
        Summary::Contrast => {
            let variance = x.broadcast_sub(&mean)?.sqr()?.mean_keepdim((1, 2))?;
            (variance.sqrt()? + mean)?
        }
    })
}

struct Max {
    size: usize,
    stride: usize,
}

impl Max {
    fn out(&self, length: usize) -> usize {
        (length - self.size) / self.stride + 1
    }
}

impl CustomOp1 for Max {
    fn name(&self) -> &'static str {
        "max-pool"
    }

    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> CandleResult<(CpuStorage, Shape)> {
        let (images, height, width, channels) = l.shape().dims4()?;
        let x = values(s, l)?;
        let (rows, columns) = (self.out(height), self.out(width));
        let line = columns * channels;
        let mut y = vec![f32::NEG_INFINITY; images * rows * line];
        pieces(&mut y, line, |at, y| {
            for (i, y) in y.chunks_exact_mut(line.max(1)).enumerate() {
                let at = at / line + i;
                let (image, row) = (at / rows, at % rows);
                for place in 0..self.size * self.size {
                    let source = image * height + row * self.stride + place / self.size;
                    let start = (source * width + place % self.size) * channels;
                    raise(&x[start..], self.stride * channels, channels, y);
                }
            }
        });
        Ok(output(y, (images, rows, columns, channels)))
    }

    /// To the first of the largest in each window.
    fn bwd(&self, x: &Tensor, y: &Tensor, gradient: &Tensor) -> CandleResult<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        let (images, height, width, channels) = x.dims4()?;
        let (_, rows, columns, _) = y.dims4()?;
        let each = height * width * channels;
        let mut dx = vec![0f32; x.elem_count()];
        read(&[x, y, &gradient], |slices| {
            let (x, y, g) = (slices[0], slices[1], slices[2]);
            let shared = Shared::new(&mut dx);
            tasks(images, each * self.size, |image| {
                // SAFETY: each image is written by one task.
                #[allow(unsafe_code)]
                let mut target = unsafe { shared.matrix(image * each, 1, each, each) };
                let (dx, x) = (target.row(0), &x[image * each..(image + 1) * each]);
                for window in 0..rows * columns {
                    let (row, column) = (window / columns, window % columns);
                    for channel in 0..channels {
                        let at = (image * rows * columns + window) * channels + channel;
                        let largest = (0..self.size * self.size)
                            .map(|place| {
                                let source = row * self.stride + place / self.size;
                                let beside = column * self.stride + place % self.size;
                                (source * width + beside) * channels + channel
                            })
                            .find(|&place| x[place] == y[at] || x[place].is_nan());
                        if let Some(place) = largest {
                            dx[place] += g[at];
                        }
                    }
                }
            });
            Ok(())
        })?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}

vectorised! {
    /// `y = max(y, x)` where pixels of `x` lie `step` apart.
    fn raise(x: &[f32], step: usize, channels: usize, y: &mut [f32]) {
        for (i, y) in y.chunks_exact_mut(channels).enumerate() {
            for (y, &x) in y.iter_mut().zip(&x[i * step..i * step + channels]) {
                // Comparisons are written so that NaN stays.
                *y = if x > *y || x.is_nan() { x } else { *y };
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Summary {
    Mean,
    Contrast,
}

struct Whole(Summary);

/// Mean and variance of each channel of one image.
fn moments(x: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let pixels = (x.len() / channels.max(1)) as f32;
    let mean: Vec<f32> = column_sums(x, channels)
        .iter()
        .map(|s| s / pixels)
        .collect();
    let mut squares = vec![0f32; x.len()];
    pieces(&mut squares, channels, |at, y| {
        squares_about(&x[at..at + y.len()], &mean, y);
    });
    let variance = column_sums(&squares, channels);
    (mean, variance.iter().map(|s| s / pixels).collect())
}

vectorised! {
    fn squares_about(x: &[f32], mean: &[f32], y: &mut [f32]) {
        for (x, y) in x.chunks_exact(mean.len()).zip(y.chunks_exact_mut(mean.len())) {
            for ((y, x), mean) in y.iter_mut().zip(x).zip(mean) {
                *y = (x - mean) * (x - mean);
            }
        }
    }
}

vectorised! {
    /// `d = level + (x - mean) * slope`, by channel.
    fn along(x: &[f32], mean: &[f32], level: &[f32], slope: &[f32], d: &mut [f32]) {
        let width = mean.len();
        for (x, d) in x.chunks_exact(width).zip(d.chunks_exact_mut(width)) {
            for (i, d) in d.iter_mut().enumerate() {
                *d = level[i] + (x[i] - mean[i]) * slope[i];
            }
        }
    }
}

impl CustomOp1 for Whole {
    fn name(&self) -> &'static str {
        "global-pool"
    }

    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> CandleResult<(CpuStorage, Shape)> {
        let (images, height, width, channels) = l.shape().dims4()?;
        let x = values(s, l)?;
        let pixels = height * width;
        let mut y = Vec::with_capacity(images * channels);
        for x in x.chunks_exact((pixels * channels).max(1)) {
            match self.0 {
                Summary::Mean => {
                    let sums = column_sums(x, channels);
                    y.extend(sums.iter().map(|sum| sum / pixels as f32));
                }
                Summary::Contrast => {
                    let (mean, variance) = moments(x, channels);
                    y.extend(mean.iter().zip(&variance).map(|(m, v)| m + v.sqrt()));
                }
            }
        }
        Ok(output(y, (images, 1, 1, channels)))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, gradient: &Tensor) -> CandleResult<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        let (_, height, width, channels) = x.dims4()?;
        let pixels = (height * width) as f32;
        let each = height * width * channels;
        let mut dx = vec![0f32; x.elem_count()];
        read(&[x, &gradient], |slices| {
            let images = slices[0]
                .chunks_exact(each.max(1))
                .zip(slices[1].chunks_exact(channels.max(1)))
                .zip(dx.chunks_exact_mut(each.max(1)));
            for ((x, g), dx) in images {
                let level: Vec<f32> = g.iter().map(|g| g / pixels).collect();
                if self.0 == Summary::Mean {
                    pieces(dx, channels, |_, dx| {
                        dx.chunks_exact_mut(channels)
                            .for_each(|dx| dx.copy_from_slice(&level));
                    });
                    continue;
                }
                let (mean, variance) = moments(x, channels);
                let slope: Vec<f32> = level
                    .iter()
                    .zip(&variance)
                    .map(|(level, v)| if *v == 0.0 { 0.0 } else { level / v.sqrt() })
                    .collect();
                pieces(dx, channels, |at, dx| {
                    along(&x[at..at + dx.len()], &mean, &level, &slope, dx);
                });
            }
            Ok(())
        })?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::kernel::testing::{close, flat, gradients, vars};

    #[test]
    fn maxima_equal_the_plain_form() {
        for (shape, size, stride) in [
            ([1, 1, 1, 1], 1, 1),
            ([2, 4, 6, 3], 2, 2),
            ([2, 5, 7, 3], 2, 2),
            ([1, 16, 13, 5], 7, 3),
            ([1, 6, 6, 20], 3, 1),
        ] {
            let all = vars(&[&shape], 4);
            let x = all[0].as_tensor();
            let (fast, slow) = (
                max_pool(x, size, stride).expect("fits"),
                plain_max(x, size, stride).expect("fits"),
            );
            close(&fast, &slow, 0.0, "values");
            let (a, b) = (gradients(&fast, &all), gradients(&slow, &all));
            close(&a[0], &b[0], 2e-6, "gradient");
        }
        let x = vars(&[&[1, 3, 9, 2]], 4)[0].as_tensor().clone();
        assert!(max_pool(&x, 4, 1).is_err() && max_pool(&x, 2, 0).is_err());
        let view = x.transpose(1, 2).expect("a view");
        let (fast, slow) = (max_pool(&view, 2, 1), plain_max(&view, 2, 1));
        close(&fast.expect("fits"), &slow.expect("fits"), 0.0, "a view");
    }

    #[test]
    fn maxima_of_two_equal_pixels_send_their_gradient_to_one() {
        let all = vec![
            candle_core::Var::ones((1, 2, 2, 1), candle_core::DType::F32, &Device::Cpu)
                .expect("a tensor"),
        ];
        let y = max_pool(all[0].as_tensor(), 2, 2).expect("fits");
        let g = flat(&gradients(&y, &all)[0]);
        assert!(g[0] != 0.0 && g[1..] == [0.0; 3]);
    }

    #[test]
    fn nan_comes_through() {
        let x = [1.0, f32::NAN, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        let x = Tensor::from_slice(&x, (1, 2, 4, 1), &Device::Cpu).expect("a tensor");
        let y = flat(&max_pool(&x, 2, 2).expect("fits"));
        assert!(y[0].is_nan() && y[1] == 7.0);
        assert!(flat(&global_mean(&x).expect("runs"))[0].is_nan());
        assert!(flat(&global_contrast(&x).expect("runs"))[0].is_nan());
    }

    #[test]
    fn means_and_contrasts_equal_candle_s_composed_ones() {
        for shape in [[1, 1, 2, 1], [2, 3, 5, 7], [3, 1, 9, 64], [2, 50, 41, 33]] {
            let all = vars(&[&shape], 4);
            let x = (all[0].as_tensor() + 2.0).expect("shifts");
            for summary in [Summary::Mean, Summary::Contrast] {
                let (fast, slow) = (
                    whole(&x, summary).expect("runs"),
                    plain_whole(&x, summary).expect("runs"),
                );
                close(&fast, &slow, 2e-6, "values");
                let (a, b) = (gradients(&fast, &all), gradients(&slow, &all));
                close(&a[0], &b[0], 2e-6, "gradient");
            }
        }
    }

    #[test]
    fn an_even_image_has_no_contrast_and_no_gradient_of_it() {
        let all = vec![
            candle_core::Var::ones((1, 3, 3, 2), candle_core::DType::F32, &Device::Cpu)
                .expect("a tensor"),
        ];
        let y = global_contrast(all[0].as_tensor()).expect("runs");
        assert_eq!(flat(&y), [1.0, 1.0]);
        assert!(flat(&gradients(&y, &all)[0]).iter().all(|g| g.is_finite()));
    }
}
