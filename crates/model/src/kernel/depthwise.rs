//! Convolution of each channel for itself.

use std::ops::Range;

use rayon::prelude::*;

use super::patches::Patches;
use super::rows::accumulate;
use super::storage::pieces;
use super::vectorised::vectorised;

/// `weight` `[kh, kw, C]` over `x`, into `y`; `x` and `y` have as many channels.
pub(super) fn depthwise(
    patches: &Patches,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
) {
    let channels = patches.channels;
    let line = patches.output[1] * channels;
    if line == 0 {
        return;
    }
    pieces(y, line, |at, lines| {
        for (i, y) in lines.chunks_exact_mut(line).enumerate() {
            if let Some(bias) = bias {
                y.chunks_exact_mut(channels)
                    .for_each(|y| y.copy_from_slice(bias));
            }
            each_tap(patches, at / line + i, |tap| {
                let weight = &weight[tap.place * channels..(tap.place + 1) * channels];
                let y = &mut y[tap.columns.start * channels..tap.columns.end * channels];
                add_products(&x[tap.start..], tap.step, weight, y);
            });
        }
    });
}

/// Partial sums of a weight's gradient: enough for many threads, and as many on any machine.
const PARTS: usize = 16;

/// Gradient of the weight, `[kh, kw, C]`.
pub(super) fn weight_gradient(patches: &Patches, x: &[f32], g: &[f32]) -> Vec<f32> {
    let channels = patches.channels;
    let line = patches.output[1] * channels;
    let lines = patches.images * patches.output[0];
    let part = lines.div_ceil(PARTS).max(1);
    let parts: Vec<Vec<f32>> = (0..lines.div_ceil(part))
        .into_par_iter()
        .map(|index| {
            let mut sums = vec![0f32; patches.places() * channels];
            for at in index * part..((index + 1) * part).min(lines) {
                let g = &g[at * line..(at + 1) * line];
                each_tap(patches, at, |tap| {
                    let sums = &mut sums[tap.place * channels..(tap.place + 1) * channels];
                    let g = &g[tap.columns.start * channels..tap.columns.end * channels];
                    sum_products(&x[tap.start..], tap.step, g, sums);
                });
            }
            sums
        })
        .collect();
    let mut sums = vec![0f32; patches.places() * channels];
    parts.iter().for_each(|part| accumulate(part, &mut sums));
    sums
}

/// What one kernel place reads for the outputs of one line.
struct Tap {
    place: usize,
    /// Outputs that read something.
    columns: Range<usize>,
    /// Where the first of them reads.
    start: usize,
    /// From what one reads to what the next reads.
    step: usize,
}

fn each_tap(patches: &Patches, line: usize, mut run: impl FnMut(Tap)) {
    let (image, row) = (line / patches.output[0], line % patches.output[0]);
    let place_of =
        |y, x| ((image * patches.input[0] + y) * patches.input[1] + x) * patches.channels;
    for ky in 0..patches.kernel[0] {
        let Some(y) = patches.source(0, row, ky) else {
            continue;
        };
        for kx in 0..patches.kernel[1] {
            let place = ky * patches.kernel[1] + kx;
            let columns = patches.columns(kx);
            if patches.spread == 1 {
                if let Some(x) = patches
                    .source(1, columns.start, kx)
                    .filter(|_| !columns.is_empty())
                {
                    run(Tap {
                        place,
                        columns,
                        start: place_of(y, x),
                        step: patches.stride * patches.channels,
                    });
                }
                continue;
            }
            for column in columns {
                if let Some(x) = patches.source(1, column, kx) {
                    run(Tap {
                        place,
                        columns: column..column + 1,
                        start: place_of(y, x),
                        step: 0,
                    });
                }
            }
        }
    }
}

vectorised! {
    fn add_products(x: &[f32], step: usize, weight: &[f32], y: &mut [f32]) {
        let channels = weight.len();
        for (i, y) in y.chunks_exact_mut(channels).enumerate() {
            let x = &x[i * step..i * step + channels];
            for ((y, x), w) in y.iter_mut().zip(x).zip(weight) {
                *y += x * w;
            }
        }
    }
}

vectorised! {
    fn sum_products(x: &[f32], step: usize, g: &[f32], sums: &mut [f32]) {
        let channels = sums.len();
        for (i, g) in g.chunks_exact(channels).enumerate() {
            let x = &x[i * step..i * step + channels];
            for ((sum, x), g) in sums.iter_mut().zip(x).zip(g) {
                *sum += x * g;
            }
        }
    }
}
