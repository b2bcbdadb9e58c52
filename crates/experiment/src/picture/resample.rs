//! Bicubic resizing, equal to Pillow's to the last bit.
//!
//! Pillow widens the kernel when it shrinks (antialiasing), turns each output pixel's weights into integers of 22
//! bits, and rounds to 8 bits after the rows and again after the columns. Super-resolvers are trained and measured on
//! pictures that were shrunk so; a small difference in the input would be a difference in the effects.
//!
//! Pillow 13 begins with the columns where that is cheaper. Where both sides change alike, as in super-resolution, it
//! begins with the rows as all versions before it do.

/// Bits behind the point of a weight.
const PRECISION: u32 = 22;

/// Half the width of the kernel, input pixels.
const SUPPORT: f64 = 2.0;

/// Keys' kernel with a = -1/2.
fn kernel(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// What one output pixel is made of.
struct Taps {
    /// Input pixel of the first weight.
    first: usize,
    weights: Vec<i32>,
}

fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let filter_scale = scale.max(1.0);
    let support = SUPPORT * filter_scale;
    (0..to)
        .map(|out| {
            let center = (out as f64 + 0.5) * scale;
            let first = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(from);
            let mut weights: Vec<f64> = (first..end)
                .map(|at| kernel((at as f64 - center + 0.5) * (1.0 / filter_scale)))
                .collect();
            let sum: f64 = weights.iter().sum();
            if sum != 0.0 {
                weights.iter_mut().for_each(|weight| *weight /= sum);
            }
            let one = f64::from(1_u32 << PRECISION);
            let weights = weights
                .iter()
                .map(|&weight| (if weight < 0.0 { -0.5 } else { 0.5 } + weight * one) as i32)
                .collect();
            Taps { first, weights }
        })
        .collect()
}

fn rounded(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Resizes `pixels` of shape `[height, width, C]`, row-major, from `[width, height]` to `[width, height]`, as Pillow's
/// `resize` with `BICUBIC`. Sides are at least 1; nothing comes of no pixels.
pub fn bicubic<const C: usize>(
    pixels: &[u8],
    [width, height]: [usize; 2],
    [to_width, to_height]: [usize; 2],
) -> Vec<u8> {
    let half = 1_i32 << (PRECISION - 1);
    let mut rows = if width == to_width {
        pixels.to_vec()
    } else {
        let taps = taps(width, to_width);
        let mut narrowed = Vec::with_capacity(height * to_width * C);
        for row in pixels.chunks_exact((width * C).max(1)) {
            let row = row.as_chunks::<C>().0;
            for tap in &taps {
                let mut sums = [half; C];
                for (pixel, &weight) in row[tap.first..].iter().zip(&tap.weights) {
                    for (sum, &value) in sums.iter_mut().zip(pixel) {
                        *sum += i32::from(value) * weight;
                    }
                }
                narrowed.extend(sums.map(rounded));
            }
        }
        narrowed
    };
    if height != to_height {
        let stride = to_width * C;
        let mut resized = Vec::with_capacity(to_height * stride);
        let mut sums = vec![half; stride];
        for tap in taps(height, to_height) {
            sums.fill(half);
            let inputs = rows.chunks_exact(stride.max(1)).skip(tap.first);
            for (row, &weight) in inputs.zip(&tap.weights) {
                for (sum, &value) in sums.iter_mut().zip(row) {
                    *sum += i32::from(value) * weight;
                }
            }
            resized.extend(sums.iter().map(|&sum| rounded(sum)));
        }
        rows = resized;
    }
    rows
}
