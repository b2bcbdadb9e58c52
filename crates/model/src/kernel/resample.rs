//! Images of another size: interpolation, reflection, crops, and channels that become pixels.

use candle_core::{CpuStorage, CustomOp1, Layout, Result as CandleResult, Shape, Tensor};

use super::rows::accumulate;
use super::storage::{fast, output, pieces, read, values};
use super::vectorised::vectorised;
use crate::error::{ModelError, Result};

/// `[N, H, W, C r r]` to `[N, H r, W r, C]`: channel `c r r + i r + j` becomes pixel `(i, j)` of each r x r block.
pub fn pixel_shuffle(x: &Tensor, r: usize) -> Result<Tensor> {
    let (_, _, _, channels) = x.dims4()?;
    if r == 0 || !channels.is_multiple_of(r * r) {
        return Err(ModelError::Input(format!(
            "{channels} channels cannot become blocks of {r} x {r} pixels."
        )));
    }
    if !fast(&[x]) {
        return plain_shuffle(x, r);
    }
    Ok(x.contiguous()?.apply_op1(Shuffle { r, to_pixels: true })?)
}

/// The reverse of [`pixel_shuffle`]: `[N, H r, W r, C]` to `[N, H, W, C r r]`.
pub fn pixel_unshuffle(x: &Tensor, r: usize) -> Result<Tensor> {
    let (_, height, width, _) = x.dims4()?;
    if r == 0 || !height.is_multiple_of(r) || !width.is_multiple_of(r) {
        return Err(ModelError::Input(format!(
            "An image of {height} x {width} pixels cannot be cut into blocks of {r} x {r} pixels."
        )));
    }
    if !fast(&[x]) {
        return plain_unshuffle(x, r);
    }
    Ok(x.contiguous()?.apply_op1(Shuffle {
        r,
        to_pixels: false,
    })?)
}

/// Each pixel becomes a block of `r` x `r`.
pub fn nearest_upsample(x: &Tensor, r: usize) -> Result<Tensor> {
    let (_, height, width, _) = x.dims4()?;
    resample(x, Axis::repeated(height, r), Axis::repeated(width, r))
}

/// Bilinear interpolation to `height` x `width` pixels, with pixel centres at half integers and no smoothing, as
/// PyTorch's `interpolate` with `align_corners=False`.
pub fn bilinear_resize(x: &Tensor, height: usize, width: usize) -> Result<Tensor> {
    let (_, from_height, from_width, _) = x.dims4()?;
    resample(
        x,
        Axis::bilinear(from_height, height),
        Axis::bilinear(from_width, width),
    )
}

/// Adds `bottom` rows and `right` columns that mirror the image about its last row and column, forth and back where
/// they are more than the image has.
pub fn reflect_pad(x: &Tensor, bottom: usize, right: usize) -> Result<Tensor> {
    let (_, height, width, _) = x.dims4()?;
    resample(
        x,
        Axis::reflected(height, bottom),
        Axis::reflected(width, right),
    )
}

/// The pixels of `height` rows from `top` on and `width` columns from `left` on.
pub fn crop(x: &Tensor, top: usize, left: usize, height: usize, width: usize) -> Result<Tensor> {
    let (_, from_height, from_width, _) = x.dims4()?;
    if top + height > from_height || left + width > from_width {
        return Err(ModelError::Input(format!(
            "An image of {from_height} x {from_width} pixels has no part of {height} x {width} pixels from row {top} \
             and column {left} on."
        )));
    }
    resample(
        x,
        Axis::part(top, height, from_height),
        Axis::part(left, width, from_width),
    )
}

fn resample(x: &Tensor, rows: Axis, columns: Axis) -> Result<Tensor> {
    for axis in [&rows, &columns] {
        if axis.from == 0 && !axis.taps.is_empty() {
            return Err(ModelError::Input(
                "An image without pixels cannot be resized.".into(),
            ));
        }
    }
    if !fast(&[x]) {
        return plain_resample(x, &rows, &columns);
    }
    Ok(x.contiguous()?.apply_op1(Resample { rows, columns })?)
}

/// What one output row or column is made of: `(1 - share) * first + share * second`.
#[derive(Clone, Copy, Debug)]
struct Tap {
    first: usize,
    second: usize,
    share: f32,
}

/// How the rows or the columns come about from those of the input.
#[derive(Clone, Debug)]
struct Axis {
    /// Input length.
    from: usize,
    taps: Vec<Tap>,
}

impl Axis {
    fn of_indices(from: usize, indices: impl Iterator<Item = usize>) -> Self {
        let tap = |first| Tap {
            first,
            second: first,
            share: 0.0,
        };
        Self {
            from,
            taps: indices.map(tap).collect(),
        }
    }

    fn repeated(from: usize, times: usize) -> Self {
        Self::of_indices(from, (0..from * times).map(|i| i / times))
    }

    fn part(start: usize, len: usize, from: usize) -> Self {
        Self::of_indices(from, start..start + len)
    }

    fn reflected(from: usize, more: usize) -> Self {
        let period = (2 * from).saturating_sub(2).max(1);
        Self::of_indices(
            from,
            (0..from + more).map(|i| (i % period).min(period - i % period)),
        )
    }

    /// In single precision, as PyTorch does it.
    fn bilinear(from: usize, to: usize) -> Self {
        let scale = from as f32 / to as f32;
        let tap = |i: usize| {
            let at = (scale * (i as f32 + 0.5) - 0.5).max(0.0);
            let first = (at as usize).min(from.saturating_sub(1));
            Tap {
                first,
                second: (first + 1).min(from.saturating_sub(1)),
                share: (at - first as f32).clamp(0.0, 1.0),
            }
        };
        Self {
            from,
            taps: (0..to).map(tap).collect(),
        }
    }

    /// For each input, the outputs that it goes into, with what share.
    fn uses(&self) -> Vec<Vec<(usize, f32)>> {
        let mut uses = vec![Vec::new(); self.from];
        for (i, tap) in self.taps.iter().enumerate() {
            uses[tap.first].push((i, 1.0 - tap.share));
            if tap.share != 0.0 {
                uses[tap.second].push((i, tap.share));
            }
        }
        uses
    }
}

struct Resample {
    rows: Axis,
    columns: Axis,
}

impl Resample {
    fn forward(&self, x: &[f32], channels: usize, y: &mut [f32]) {
        let line = self.columns.from * channels;
        let out_line = self.columns.taps.len() * channels;
        if out_line == 0 {
            return;
        }
        let rows = self.rows.taps.len();
        pieces(y, out_line, |at, y| {
            let mut mixed = vec![0f32; line];
            for (i, y) in y.chunks_exact_mut(out_line).enumerate() {
                let (image, row) = ((at / out_line + i) / rows, (at / out_line + i) % rows);
                let tap = self.rows.taps[row];
                let row_at = |row: usize| {
                    let start = (image * self.rows.from + row) * line;
                    &x[start..start + line]
                };
                let source = if tap.share == 0.0 {
                    row_at(tap.first)
                } else {
                    blend(row_at(tap.first), row_at(tap.second), tap.share, &mut mixed);
                    &mixed
                };
                self.along_columns(source, channels, y);
            }
        });
    }

    fn along_columns(&self, x: &[f32], channels: usize, y: &mut [f32]) {
        for (tap, y) in self.columns.taps.iter().zip(y.chunks_exact_mut(channels)) {
            let pixel = |column: usize| &x[column * channels..(column + 1) * channels];
            if tap.share == 0.0 {
                y.copy_from_slice(pixel(tap.first));
            } else {
                blend(pixel(tap.first), pixel(tap.second), tap.share, y);
            }
        }
    }

    fn backward(&self, g: &[f32], channels: usize, dx: &mut [f32]) {
        let line = self.columns.from * channels;
        let out_line = self.columns.taps.len() * channels;
        if line == 0 {
            return;
        }
        let uses = self.rows.uses();
        let rows = self.rows.taps.len();
        pieces(dx, line, |at, dx| {
            for (i, dx) in dx.chunks_exact_mut(line).enumerate() {
                let at = at / line + i;
                let (image, row) = (at / self.rows.from, at % self.rows.from);
                for &(used_in, share) in &uses[row] {
                    let start = (image * rows + used_in) * out_line;
                    let g = &g[start..start + out_line];
                    for (tap, g) in self.columns.taps.iter().zip(g.chunks_exact(channels)) {
                        let mut add = |column: usize, share: f32| {
                            let dx = &mut dx[column * channels..(column + 1) * channels];
                            match share == 1.0 {
                                true => accumulate(g, dx),
                                false => add_share(g, share, dx),
                            }
                        };
                        add(tap.first, share * (1.0 - tap.share));
                        if tap.share != 0.0 {
                            add(tap.second, share * tap.share);
                        }
                    }
                }
            }
        });
    }
}

vectorised! {
    fn blend(a: &[f32], b: &[f32], share: f32, y: &mut [f32]) {
        for (y, (a, b)) in y.iter_mut().zip(a.iter().zip(b)) {
            *y = (1.0 - share) * a + share * b;
        }
    }
}

vectorised! {
    fn add_share(x: &[f32], share: f32, sum: &mut [f32]) {
        for (sum, x) in sum.iter_mut().zip(x) {
            *sum += share * x;
        }
    }
}

impl CustomOp1 for Resample {
    fn name(&self) -> &'static str {
        "resample"
    }

    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> CandleResult<(CpuStorage, Shape)> {
        let (images, _, _, channels) = l.shape().dims4()?;
        let shape = (
            images,
            self.rows.taps.len(),
            self.columns.taps.len(),
            channels,
        );
        let mut y = vec![0f32; shape.0 * shape.1 * shape.2 * shape.3];
        self.forward(values(s, l)?, channels, &mut y);
        Ok(output(y, shape))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, gradient: &Tensor) -> CandleResult<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        let mut dx = vec![0f32; x.elem_count()];
        let channels = x.dim(3)?;
        read(&[&gradient], |slices| {
            self.backward(slices[0], channels, &mut dx);
            Ok(())
        })?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}

fn plain_resample(x: &Tensor, rows: &Axis, columns: &Axis) -> Result<Tensor> {
    let mut x = x.clone();
    for (dim, axis) in [(1, rows), (2, columns)] {
        let pick = |f: fn(&Tap) -> u32| -> Result<Tensor> {
            let indices: Vec<u32> = axis.taps.iter().map(f).collect();
            let indices = Tensor::from_vec(indices, axis.taps.len(), x.device())?;
            Ok(x.contiguous()?.index_select(&indices, dim)?)
        };
        let first = pick(|tap| tap.first as u32)?;
        if axis.taps.iter().all(|tap| tap.share == 0.0) {
            x = first;
            continue;
        }
        let shares: Vec<f32> = axis.taps.iter().map(|tap| tap.share).collect();
        let mut shape = [1; 4];
        shape[dim] = shares.len();
        let shares = Tensor::from_vec(shares, &shape, x.device())?.to_dtype(x.dtype())?;
        let second = pick(|tap| tap.second as u32)?;
        x = (first.broadcast_mul(&shares.affine(-1.0, 1.0)?)? + second.broadcast_mul(&shares)?)?;
    }
    Ok(x)
}

struct Shuffle {
    r: usize,
    to_pixels: bool,
}

impl CustomOp1 for Shuffle {
    fn name(&self) -> &'static str {
        "pixel-shuffle"
    }

    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> CandleResult<(CpuStorage, Shape)> {
        let (images, height, width, channels) = l.shape().dims4()?;
        let (x, r) = (values(s, l)?, self.r);
        let mut y = vec![0f32; x.len()];
        // One line of blocks has the same place in both forms.
        let (columns, each) = match self.to_pixels {
            true => (width, channels / (r * r)),
            false => (width / r, channels),
        };
        let line = columns * each * r * r;
        pieces(&mut y, line, |at, y| {
            let lines = x[at..at + y.len()].chunks_exact(line.max(1));
            for (x, y) in lines.zip(y.chunks_exact_mut(line.max(1))) {
                match self.to_pixels {
                    true => to_pixels(x, r, each, y),
                    false => to_channels(x, r, each, y),
                }
            }
        });
        Ok(match self.to_pixels {
            true => output(y, (images, height * r, width * r, each)),
            false => output(y, (images, height / r, width / r, channels * r * r)),
        })
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, gradient: &Tensor) -> CandleResult<Option<Tensor>> {
        let back = Shuffle {
            r: self.r,
            to_pixels: !self.to_pixels,
        };
        gradient.contiguous()?.apply_op1_no_bwd(&back).map(Some)
    }
}

fn to_pixels(x: &[f32], r: usize, channels: usize, y: &mut [f32]) {
    let lines = y.chunks_exact_mut((y.len() / r).max(1));
    for (i, line) in lines.enumerate() {
        for (block, x) in line
            .chunks_exact_mut(r * channels)
            .zip(x.chunks_exact(r * r * channels))
        {
            for (j, pixel) in block.chunks_exact_mut(channels).enumerate() {
                let values = x[i * r + j..].iter().step_by(r * r);
                pixel.iter_mut().zip(values).for_each(|(y, x)| *y = *x);
            }
        }
    }
}

fn to_channels(x: &[f32], r: usize, channels: usize, y: &mut [f32]) {
    let lines = x.chunks_exact((x.len() / r).max(1));
    for (i, line) in lines.enumerate() {
        for (block, y) in line
            .chunks_exact(r * channels)
            .zip(y.chunks_exact_mut(r * r * channels))
        {
            for (j, pixel) in block.chunks_exact(channels).enumerate() {
                let values = y[i * r + j..].iter_mut().step_by(r * r);
                values.zip(pixel).for_each(|(y, x)| *y = *x);
            }
        }
    }
}

fn plain_shuffle(x: &Tensor, r: usize) -> Result<Tensor> {
    let (images, height, width, channels) = x.dims4()?;
    let each = channels / (r * r);
    let y = x.reshape(&[images, height, width, each, r, r])?;
    let y = y.permute([0, 1, 4, 2, 5, 3].as_slice())?.contiguous()?;
    Ok(y.reshape((images, height * r, width * r, each))?)
}

fn plain_unshuffle(x: &Tensor, r: usize) -> Result<Tensor> {
    let (images, height, width, channels) = x.dims4()?;
    let y = x.reshape(&[images, height / r, r, width / r, r, channels])?;
    let y = y.permute([0, 1, 3, 5, 2, 4].as_slice())?.contiguous()?;
    Ok(y.reshape((images, height / r, width / r, channels * r * r))?)
}

#[cfg(test)]
mod tests;
