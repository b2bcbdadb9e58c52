//! What the outputs of a convolution read: patches of channels-last images, laid out as rows of a matrix.

use std::ops::Range;

/// How output pixels lie over an image. All sizes in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patches {
    pub(super) images: usize,
    /// Height and width of what is read.
    pub(super) input: [usize; 2],
    /// Channels of what is read.
    pub(super) channels: usize,
    /// Height and width of what is written.
    pub(super) output: [usize; 2],
    pub(super) kernel: [usize; 2],
    pub(super) stride: usize,
    pub(super) dilation: usize,
    /// The image is read as if it had `spread - 1` rows and columns of zeros between its own; the gradient of a
    /// strided convolution reads in this way.
    pub(super) spread: usize,
    /// Zeros before the first row and the first column; negative to leave some out.
    pub(super) before: [isize; 2],
}

/// A run of output pixels in one row of one image.
#[derive(Clone, Copy, Debug)]
struct Run {
    image: usize,
    row: usize,
    column: usize,
    len: usize,
}

impl Patches {
    pub(super) fn output_pixels(&self) -> usize {
        self.images * self.output[0] * self.output[1]
    }

    /// Kernel places.
    pub(super) fn places(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Whether output pixels are input pixels, one by one.
    pub(super) fn is_pixelwise(&self) -> bool {
        self.kernel == [1, 1]
            && self.stride == 1
            && self.spread == 1
            && self.before == [0, 0]
            && self.input == self.output
    }

    /// The input row (`axis` 0) or column (1) that kernel place `place` of output `index` reads, if there is one.
    pub(super) fn source(&self, axis: usize, index: usize, place: usize) -> Option<usize> {
        let at = (index * self.stride + place * self.dilation) as isize - self.before[axis];
        let at = usize::try_from(at).ok()?;
        let inside = at.is_multiple_of(self.spread) && at / self.spread < self.input[axis];
        inside.then_some(at / self.spread)
    }

    /// Output columns whose kernel column `place` may read an input column: those outside read none.
    pub(super) fn columns(&self, place: usize) -> Range<usize> {
        let shift = (place * self.dilation) as isize - self.before[1];
        let reach = (self.input[1] * self.spread) as isize;
        let stride = self.stride as isize;
        let ceil = |x: isize| (x.max(0) + stride - 1) / stride;
        let end = (ceil(reach - shift) as usize).min(self.output[1]);
        (ceil(-shift) as usize).min(end)..end
    }

    /// Lays out the patches of some output pixels (counted over all images) as rows of kernel row x kernel column x
    /// channel, of `channels` only. Fills the start of `rows`.
    pub(super) fn gather(
        &self,
        x: &[f32],
        pixels: Range<usize>,
        channels: Range<usize>,
        rows: &mut [f32],
    ) {
        let width = self.places() * channels.len();
        let joined = self.dilation == 1 && self.spread == 1 && channels.len() == self.channels;
        let mut done = 0;
        for run in self.runs(pixels) {
            let rows = &mut rows[done * width..(done + run.len) * width];
            if joined {
                self.gather_joined(x, run, rows);
            } else {
                self.gather_apart(x, run, channels.clone(), rows);
            }
            done += run.len;
        }
    }

    fn runs(&self, pixels: Range<usize>) -> impl Iterator<Item = Run> + use<> {
        let [height, width] = self.output;
        let mut at = pixels.start;
        std::iter::from_fn(move || {
            (at < pixels.end).then(|| {
                let column = at % width;
                let len = (width - column).min(pixels.end - at);
                let run = Run {
                    image: at / (width * height),
                    row: at / width % height,
                    column,
                    len,
                };
                at += len;
                run
            })
        })
    }

    /// The kernel's columns lie next to each other in the image: each kernel row is one copy.
    fn gather_joined(&self, x: &[f32], run: Run, rows: &mut [f32]) {
        let part = self.kernel[1] * self.channels;
        let width = self.kernel[0] * part;
        let line = self.input[1] * self.channels;
        for ky in 0..self.kernel[0] {
            let parts = rows
                .chunks_exact_mut(width)
                .map(|row| &mut row[ky * part..(ky + 1) * part]);
            let Some(row) = self.source(0, run.row, ky) else {
                parts.for_each(|part| part.fill(0.0));
                continue;
            };
            let start = (run.image * self.input[0] + row) * line;
            let source = &x[start..start + line];
            for (i, to) in parts.enumerate() {
                let first = ((run.column + i) * self.stride) as isize - self.before[1];
                let from = first * self.channels as isize;
                copy_inside(source, from, to);
            }
        }
    }

    fn gather_apart(&self, x: &[f32], run: Run, channels: Range<usize>, rows: &mut [f32]) {
        let count = channels.len();
        let width = self.places() * count;
        for (i, row) in rows.chunks_exact_mut(width).enumerate() {
            for (place, to) in row.chunks_exact_mut(count).enumerate() {
                let (ky, kx) = (place / self.kernel[1], place % self.kernel[1]);
                let at = self
                    .source(0, run.row, ky)
                    .zip(self.source(1, run.column + i, kx));
                match at {
                    Some((y, x_at)) => {
                        let pixel = (run.image * self.input[0] + y) * self.input[1] + x_at;
                        let start = pixel * self.channels + channels.start;
                        to.copy_from_slice(&x[start..start + count]);
                    }
                    None => to.fill(0.0),
                }
            }
        }
    }
}

/// Copies `source[from..]` to `to`, with zeros for what lies outside.
#[inline]
fn copy_inside(source: &[f32], from: isize, to: &mut [f32]) {
    let len = source.len() as isize;
    if from >= 0 && from + to.len() as isize <= len {
        let from = from as usize;
        to.copy_from_slice(&source[from..from + to.len()]);
        return;
    }
    let end = (from + to.len() as isize).clamp(0, len);
    let start = from.clamp(0, end);
    let skipped = ((start - from) as usize).min(to.len());
    let (before, rest) = to.split_at_mut(skipped);
    let (inside, after) = rest.split_at_mut(((end - start) as usize).min(rest.len()));
    before.fill(0.0);
    inside.copy_from_slice(&source[start as usize..start as usize + inside.len()]);
    after.fill(0.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_what_a_plain_look_up_gives() {
        for (kernel, stride, dilation, spread, before) in [
            ([3, 3], 1, 1, 1, [1, 1]),
            ([3, 2], 2, 1, 1, [2, 0]),
            ([2, 3], 1, 2, 1, [2, 3]),
            ([3, 3], 1, 1, 2, [-1, 2]),
            ([1, 5], 1, 1, 1, [0, 6]),
        ] {
            let patches = Patches {
                images: 2,
                input: [3, 2],
                channels: 2,
                output: [4, 5],
                kernel,
                stride,
                dilation,
                spread,
                before,
            };
            let x: Vec<f32> = (1..=24).map(|i| i as f32).collect();
            for channels in [0..2, 1..2] {
                let width = patches.places() * channels.len();
                let mut rows = vec![-1f32; 29 * width];
                patches.gather(&x, 3..32, channels.clone(), &mut rows);
                let mut expected = Vec::new();
                for pixel in 3..32usize {
                    let (image, y, at) = (pixel / 20, pixel / 5 % 4, pixel % 5);
                    for ky in 0..kernel[0] {
                        for kx in 0..kernel[1] {
                            let row = patches.source(0, y, ky);
                            let column = patches.source(1, at, kx);
                            assert!(column.is_none() || patches.columns(kx).contains(&at));
                            for c in channels.clone() {
                                expected.push(match row.zip(column) {
                                    Some((r, q)) => x[((image * 3 + r) * 2 + q) * 2 + c],
                                    None => 0.0,
                                });
                            }
                        }
                    }
                }
                assert_eq!(rows, expected, "{patches:?}");
            }
        }
    }
}
