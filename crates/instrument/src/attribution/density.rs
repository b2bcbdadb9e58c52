//! A map as a density: each pixel a Gaussian hill as heavy as the pixel is strong.
//!
//! The estimate is that of `scipy.stats.gaussian_kde` with the pixels' places as points, their strengths as weights
//! and Scott's bandwidth, evaluated at every pixel and divided by its greatest value.

use super::fourier::{Complex, transform};

/// Standard deviations from a hill's middle at which it has fallen below what f64 adds to one.
const TAIL: f64 = 9.0;
/// Values of the transformed grid beyond which there is no density view; 2^24 of them take half a gigabyte.
const MOST_VALUES: usize = 1 << 24;

/// The density at every pixel of a map `[height, width]`, its maximum 1.
///
/// `None` for a map that is empty or lies on one line (it has no bandwidth across), and for one that is spread over
/// too many pixels.
pub(crate) fn density(strengths: &[f32], height: usize, width: usize) -> Option<Vec<f32>> {
    let spread = Spread::of(strengths, width)?;
    let [xx, xy, yy] = spread.bandwidth;
    let determinant = xx * yy - xy * xy;
    if determinant.is_nan() || determinant <= 1e-12 * xx * yy || xx <= 0.0 || yy <= 0.0 {
        return None;
    }
    let margin = |variance: f64| (TAIL * variance.sqrt()).ceil() as usize;
    let (across, down) = (margin(xx), margin(yy));
    // Beyond the hills of all pixels that count the density is zero.
    let (rows, columns) = (&spread.rows, &spread.columns);
    let top = rows.start.saturating_sub(down);
    let left = columns.start.saturating_sub(across);
    let (h, w) = (
        (rows.end + down).min(height) - top,
        (columns.end + across).min(width) - left,
    );
    // Room for what wraps around.
    let padded = |part: usize, margin: usize| (part + margin.min(part)).next_power_of_two();
    let (grid_h, grid_w) = (padded(h, down), padded(w, across));
    if grid_h.checked_mul(grid_w)? > MOST_VALUES {
        return None;
    }
    // Weights are real and so are hills: one transform holds both.
    let mut weights = vec![Complex::default(); grid_h * grid_w];
    for y in rows.clone() {
        for x in columns.clone() {
            let weight = f64::from(strengths[y * width + x].max(0.0));
            weights[(y - top) * grid_w + x - left].re = weight;
        }
    }
    let mut hills = vec![Complex::default(); grid_h * grid_w];
    let away = |i: usize, len: usize| {
        if i <= len / 2 {
            i as f64
        } else {
            i as f64 - len as f64
        }
    };
    for y in 0..grid_h {
        for x in 0..grid_w {
            let (dy, dx) = (away(y, grid_h), away(x, grid_w));
            let distance = (yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy) / determinant;
            hills[y * grid_w + x].re = (-0.5 * distance).exp();
        }
    }
    transform(&mut weights, grid_h, grid_w, false);
    transform(&mut hills, grid_h, grid_w, false);
    for (weight, hill) in weights.iter_mut().zip(&hills) {
        *weight = weight.times(*hill);
    }
    transform(&mut weights, grid_h, grid_w, true);
    let greatest = (0..h)
        .flat_map(|y| &weights[y * grid_w..y * grid_w + w])
        .fold(0.0f64, |most, value| most.max(value.re));
    if greatest <= 0.0 {
        return None;
    }
    let mut densities = vec![0.0f32; height * width];
    for y in 0..h {
        for x in 0..w {
            let value = weights[y * grid_w + x].re / greatest;
            densities[(y + top) * width + x + left] = value.max(0.0) as f32;
        }
    }
    Some(densities)
}

/// Where a map's weight lies.
struct Spread {
    /// Around all pixels of any weight.
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    /// Covariance of the hills: xx, xy, yy, square pixels.
    bandwidth: [f64; 3],
}

impl Spread {
    fn of(strengths: &[f32], width: usize) -> Option<Self> {
        let (mut top, mut bottom, mut left, mut right) = (usize::MAX, 0, usize::MAX, 0);
        let mut sum = 0.0f64;
        let mut squares = 0.0f64;
        let mut mean = [0.0f64; 2];
        let points = || {
            let all = strengths.iter().enumerate();
            all.filter(|(_, s)| **s > 0.0)
                .map(|(i, &s)| (i % width, i / width, f64::from(s)))
        };
        for (x, y, s) in points() {
            (top, bottom) = (top.min(y), bottom.max(y + 1));
            (left, right) = (left.min(x), right.max(x + 1));
            sum += s;
            squares += s * s;
            mean[0] += s * x as f64;
            mean[1] += s * y as f64;
        }
        if sum <= 0.0 {
            return None;
        }
        let mean = mean.map(|m| m / sum);
        let mut covariance = [0.0f64; 3];
        for (x, y, s) in points() {
            let (dx, dy) = (x as f64 - mean[0], y as f64 - mean[1]);
            covariance[0] += s * dx * dx;
            covariance[1] += s * dx * dy;
            covariance[2] += s * dy * dy;
        }
        // As numpy.cov does with reliability weights that sum to one.
        let effective = sum * sum / squares;
        let unbiased = sum * (1.0 - 1.0 / effective);
        let scott = effective.powf(-1.0 / 6.0);
        Some(Self {
            rows: top..bottom,
            columns: left..right,
            bandwidth: covariance.map(|c| c / unbiased * scott * scott),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direct(strengths: &[f32], height: usize, width: usize) -> Vec<f32> {
        let [xx, xy, yy] = Spread::of(strengths, width).expect("weight").bandwidth;
        let determinant = xx * yy - xy * xy;
        let mut sums = vec![0.0f64; height * width];
        for (i, sum) in sums.iter_mut().enumerate() {
            for (j, &s) in strengths.iter().enumerate() {
                let dx = (i % width) as f64 - (j % width) as f64;
                let dy = (i / width) as f64 - (j / width) as f64;
                let d = (yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy) / determinant;
                *sum += f64::from(s) * (-0.5 * d).exp();
            }
        }
        let most = sums.iter().copied().fold(0.0, f64::max);
        sums.into_iter().map(|s| (s / most) as f32).collect()
    }

    #[test]
    fn the_transformed_sum_is_the_sum() {
        for (height, width) in [(9, 14), (31, 12), (6, 4)] {
            let strengths: Vec<f32> = (0..height * width)
                .map(|i| (((i * 31) % 17) as f32 / 16.0).powi(3) * (i % 5 == 1) as u8 as f32)
                .collect();
            let found = density(&strengths, height, width).expect("a density");
            for (a, b) in found.iter().zip(direct(&strengths, height, width)) {
                assert!((a - b).abs() < 1e-6, "{a} {b}");
            }
        }
    }

    #[test]
    fn maps_without_breadth_have_no_density() {
        assert_eq!(density(&[0.0; 30], 5, 6), None);
        let mut line = [0.0; 30];
        line[6..12].fill(1.0);
        assert_eq!(density(&line, 5, 6), None);
        line[0] = f32::NAN;
        assert_eq!(density(&line, 5, 6), None);
    }
}
