//! Soft focus.

use crate::pictures::layer::CHANNELS;

/// Blurs values `[height][width][CHANNELS]` about as a Gaussian of `sigma` pixels does: three means in a row, each over
/// a window (Wells 1986), the border repeated.
pub fn blur(values: &mut [f32], width: usize, height: usize, sigma: f32) {
    if sigma < 0.05 || width == 0 || height == 0 {
        return;
    }
    let (whole, part) = window(sigma * sigma / 3.0);
    let mut other = vec![0f32; values.len()];
    for _ in 0..3 {
        for row in 0..height {
            let start = row * width * CHANNELS;
            line(values, &mut other, start, CHANNELS, width, whole, part);
        }
        for column in 0..width {
            let start = column * CHANNELS;
            line(&other, values, start, width * CHANNELS, height, whole, part);
        }
    }
}

/// Whole pixels on each side of the middle, and the part of one more, that make a window of that variance.
fn window(variance: f32) -> (usize, f32) {
    // With n whole pixels on each side the variance is n (n + 1) / 3.
    let n = (0.5 * ((1.0 + 12.0 * variance).sqrt() - 1.0)).floor();
    let squares = n * (n + 1.0) * (2.0 * n + 1.0) / 3.0;
    let part = (variance * (1.0 + 2.0 * n) - squares) / (2.0 * ((n + 1.0).powi(2) - variance));
    (n as usize, part.clamp(0.0, 1.0))
}

/// One mean along a line of `count` pixels that are `step` apart.
fn line(
    from: &[f32],
    to: &mut [f32],
    start: usize,
    step: usize,
    count: usize,
    whole: usize,
    part: f32,
) {
    let scale = 1.0 / (1.0 + 2.0 * whole as f32 + 2.0 * part);
    let at = |i: isize| start + step * i.clamp(0, count as isize - 1) as usize;
    let whole = whole as isize;
    let mut sum = [0f32; CHANNELS];
    for i in -whole..=whole {
        let pixel = &from[at(i)..];
        (0..CHANNELS).for_each(|c| sum[c] += pixel[c]);
    }
    for i in 0..count as isize {
        let (before, after) = (at(i - whole - 1), at(i + whole + 1));
        let leaves = at(i - whole);
        let target = start + step * i as usize;
        for c in 0..CHANNELS {
            to[target + c] = scale * (sum[c] + part * (from[before + c] + from[after + c]));
            sum[c] += from[after + c] - from[leaves + c];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_spreads_with_the_variance_asked_for() {
        for sigma in [0.3f32, 0.6, 1.5, 4.0] {
            let side = 61;
            let mut values = vec![0f32; side * side * CHANNELS];
            values[(30 * side + 30) * CHANNELS] = 1.0;
            blur(&mut values, side, side, sigma);
            let (mut total, mut variance) = (0.0, 0.0);
            for y in 0..side {
                for x in 0..side {
                    let v = values[(y * side + x) * CHANNELS];
                    total += v;
                    variance += v * (x as f32 - 30.0).powi(2);
                }
            }
            assert!((total - 1.0).abs() < 1e-4);
            let found = variance.sqrt();
            assert!((found / sigma - 1.0).abs() < 0.01, "{sigma} {found}");
        }
    }
}
