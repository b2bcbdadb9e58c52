//! The arithmetic of networks in candle's own operations, until each has a kernel.

use candle_core::{D, Tensor};

use super::node::Window;
use crate::error::Result;

pub(super) mod channels {
    use super::*;

    pub(in super::super) fn parametric_relu(x: &Tensor, slopes: &Tensor) -> Result<Tensor> {
        let negative = (x - x.relu()?)?;
        Ok((x.relu()? + negative.broadcast_mul(slopes)?)?)
    }

    pub(in super::super) fn affine(x: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<Tensor> {
        Ok(x.broadcast_mul(scale)?.broadcast_add(shift)?)
    }

    pub(in super::super) fn scale(x: &Tensor, factor: f32) -> Result<Tensor> {
        Ok((x * f64::from(factor))?)
    }

    pub(in super::super) fn add(x: &Tensor, y: &Tensor) -> Result<Tensor> {
        Ok(x.broadcast_add(y)?)
    }

    pub(in super::super) fn subtract(x: &Tensor, y: &Tensor) -> Result<Tensor> {
        Ok(x.broadcast_sub(y)?)
    }

    pub(in super::super) fn multiply(x: &Tensor, y: &Tensor) -> Result<Tensor> {
        Ok(x.broadcast_mul(y)?)
    }

    pub(in super::super) fn concatenate(all: &[&Tensor]) -> Result<Tensor> {
        Ok(Tensor::cat(all, D::Minus1)?)
    }

    pub(in super::super) fn part(x: &Tensor, first: usize, count: usize) -> Result<Tensor> {
        Ok(x.narrow(D::Minus1, first, count)?.contiguous()?)
    }

    pub(in super::super) fn leaky_relu(x: &Tensor, slope: f32) -> Result<Tensor> {
        let negative = (x - x.relu()?)?;
        Ok((x.relu()? + (negative * f64::from(slope))?)?)
    }

    pub(in super::super) fn sigmoid(x: &Tensor) -> Result<Tensor> {
        Ok((x.neg()?.exp()? + 1.0)?.recip()?)
    }
}

pub(super) mod resample {
    use super::*;

    pub(in super::super) fn pixel_shuffle(x: &Tensor, r: usize) -> Result<Tensor> {
        let (n, h, w, c) = x.dims4()?;
        let x = x.reshape(vec![n, h, w, c / (r * r), r, r])?;
        let x = x.permute(vec![0, 1, 4, 2, 5, 3])?.contiguous()?;
        Ok(x.reshape((n, h * r, w * r, c / (r * r)))?)
    }

    pub(in super::super) fn pixel_unshuffle(x: &Tensor, r: usize) -> Result<Tensor> {
        let (n, h, w, c) = x.dims4()?;
        let x = x.reshape(vec![n, h / r, r, w / r, r, c])?;
        let x = x.permute(vec![0, 1, 3, 5, 2, 4])?.contiguous()?;
        Ok(x.reshape((n, h / r, w / r, c * r * r))?)
    }

    pub(in super::super) fn nearest(x: &Tensor, r: usize) -> Result<Tensor> {
        let (n, h, w, c) = x.dims4()?;
        let x = x
            .reshape(vec![n, h, 1, w, 1, c])?
            .broadcast_as(vec![n, h, r, w, r, c])?
            .contiguous()?;
        Ok(x.reshape((n, h * r, w * r, c))?)
    }
}

pub(super) mod pool {
    use super::*;

    pub(in super::super) fn max_pool(x: &Tensor, size: usize, stride: usize) -> Result<Tensor> {
        let (_, h, w, _) = x.dims4()?;
        let (rows, columns) = ((h - size) / stride + 1, (w - size) / stride + 1);
        let mut largest: Option<Tensor> = None;
        for i in 0..size {
            for j in 0..size {
                let index = |first: usize, count: usize| {
                    let all: Vec<u32> = (0..count).map(|k| (first + k * stride) as u32).collect();
                    Tensor::from_vec(all, count, x.device())
                };
                let shifted = x
                    .index_select(&index(i, rows)?, 1)?
                    .index_select(&index(j, columns)?, 2)?;
                largest = Some(match largest {
                    Some(so_far) => so_far.maximum(&shifted)?,
                    None => shifted,
                });
            }
        }
        largest.ok_or_else(|| crate::ModelError::Unusable("A pool has no size.".into()))
    }

    pub(in super::super) fn global_mean(x: &Tensor) -> Result<Tensor> {
        Ok(x.mean_keepdim((1, 2))?)
    }

    pub(in super::super) fn global_contrast(x: &Tensor) -> Result<Tensor> {
        let mean = x.mean_keepdim((1, 2))?;
        let variance = x.broadcast_sub(&mean)?.sqr()?.mean_keepdim((1, 2))?;
        Ok((variance.sqrt()? + mean)?)
    }
}

pub(super) mod window_attention {
    use super::*;

    fn roll(x: &Tensor, up: usize, dimension: usize) -> Result<Tensor> {
        let len = x.dim(dimension)?;
        if up == 0 {
            return Ok(x.clone());
        }
        let head = x.narrow(dimension, up, len - up)?;
        let tail = x.narrow(dimension, 0, up)?;
        Ok(Tensor::cat(&[&head, &tail], dimension)?)
    }

    /// `[N, H, W, C]` to `[N windows, size size, C]`.
    fn windows(x: &Tensor, size: usize) -> Result<Tensor> {
        let (n, h, w, c) = x.dims4()?;
        let x = x.reshape(vec![n, h / size, size, w / size, size, c])?;
        let x = x.permute(vec![0, 1, 3, 2, 4, 5])?.contiguous()?;
        Ok(x.reshape((n * (h / size) * (w / size), size * size, c))?)
    }

    /// Keys or values of windows that overlap, zeros beyond the edges.
    fn overlapping(x: &Tensor, size: usize, key_size: usize) -> Result<Tensor> {
        let (n, h, w, c) = x.dims4()?;
        let margin = (key_size - size) / 2;
        let x = x
            .pad_with_zeros(1, margin, margin)?
            .pad_with_zeros(2, margin, margin)?;
        let mut all = Vec::new();
        for row in 0..h / size {
            for column in 0..w / size {
                let window =
                    x.narrow(1, row * size, key_size)?
                        .narrow(2, column * size, key_size)?;
                all.push(
                    window
                        .contiguous()?
                        .reshape((n, 1, key_size * key_size, c))?,
                );
            }
        }
        let count = all.len();
        let all = Tensor::cat(&all, 1)?;
        Ok(all.reshape((n * count, key_size * key_size, c))?)
    }

    fn split(x: &Tensor, heads: usize) -> Result<Tensor> {
        let (b, t, c) = x.dims3()?;
        Ok(x.reshape((b, t, heads, c / heads))?
            .transpose(1, 2)?
            .contiguous()?)
    }

    fn parts(qkv: &Tensor, window: &Window) -> Result<[Tensor; 3]> {
        let (_, _, _, channels) = qkv.dims4()?;
        let width = channels / 3;
        let x = roll(&roll(qkv, window.shift, 1)?, window.shift, 2)?;
        let part = |i: usize| -> Result<Tensor> {
            Ok(x.narrow(D::Minus1, i * width, width)?.contiguous()?)
        };
        let keys = |x: Tensor| {
            if window.key_size > window.size {
                overlapping(&x, window.size, window.key_size)
            } else {
                windows(&x, window.size)
            }
        };
        Ok([
            split(&windows(&part(0)?, window.size)?, window.heads)?,
            split(&keys(part(1)?)?, window.heads)?,
            split(&keys(part(2)?)?, window.heads)?,
        ])
    }

    /// -100 between pixels that only the wrapping brought together, `[windows, T, T]`.
    fn mask(h: usize, w: usize, window: &Window) -> Result<Tensor> {
        let (size, shift) = (window.size, window.shift);
        let region =
            |i: usize, len: usize| usize::from(i >= len - size) + usize::from(i >= len - shift);
        let mut values = Vec::new();
        for row in 0..h / size {
            for column in 0..w / size {
                let label = |t: usize| {
                    let (i, j) = (row * size + t / size, column * size + t % size);
                    3 * region(i, h) + region(j, w)
                };
                for query in 0..size * size {
                    for key in 0..size * size {
                        let apart = label(query) != label(key);
                        values.push(if apart { -100f32 } else { 0.0 });
                    }
                }
            }
        }
        let t = size * size;
        let count = values.len() / (t * t);
        Ok(Tensor::from_vec(
            values,
            (count, t, t),
            &candle_core::Device::Cpu,
        )?)
    }

    pub(in super::super) fn pattern(qkv: &Tensor, window: &Window) -> Result<Tensor> {
        let (n, h, w, channels) = qkv.dims4()?;
        let [q, k, _] = parts(qkv, window)?;
        let scale = 1.0 / ((channels / 3 / window.heads) as f64).sqrt();
        let scores = (q * scale)?.matmul(&k.t()?.contiguous()?)?;
        let mut scores = scores.broadcast_add(&window.bias)?;
        if window.shift > 0 {
            let mask = mask(h, w, window)?;
            let (count, t, _) = mask.dims3()?;
            let split = scores.reshape((n, count, window.heads, t * t))?;
            let mask = mask.reshape((1, count, 1, t * t))?;
            scores = split
                .broadcast_add(&mask)?
                .reshape((n * count, window.heads, t, t))?;
        }
        Ok(candle_nn::ops::softmax(&scores, D::Minus1)?)
    }

    pub(in super::super) fn mix(pattern: &Tensor, qkv: &Tensor, window: &Window) -> Result<Tensor> {
        let (n, h, w, channels) = qkv.dims4()?;
        let (size, width) = (window.size, channels / 3);
        let [_, _, v] = parts(qkv, window)?;
        let mixed = pattern.matmul(&v)?.transpose(1, 2)?.contiguous()?;
        let mixed = mixed.reshape(vec![n, h / size, w / size, size, size, width])?;
        let mixed = mixed.permute(vec![0, 1, 3, 2, 4, 5])?.contiguous()?;
        let mixed = mixed.reshape((n, h, w, width))?;
        let back = |x: &Tensor, len: usize, dimension: usize| match window.shift {
            0 => Ok(x.clone()),
            shift => roll(x, len - shift, dimension),
        };
        Ok(back(&back(&mixed, h, 1)?, w, 2)?.contiguous()?)
    }
}
