//! Smooth noise over the whole plane.

use super::texture::hash;

/// Smooth values between -1 and 1 that vary over a distance of about one; each `seed` has its own.
pub fn smooth(x: f32, y: f32, seed: u32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let ease = |t: f32| t * t * t * (t * (6.0 * t - 15.0) + 10.0);
    let (u, v) = (ease(x - left), ease(y - top));
    let corner = |dx: i32, dy: i32| {
        let (i, j) = (left as i32 + dx, top as i32 + dy);
        let number = (i as u32).wrapping_mul(0x1f12_3bb5) ^ (j as u32).wrapping_mul(0x5f35_6495);
        2.0 * hash(number, seed) - 1.0
    };
    let upper = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * u;
    let lower = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * u;
    upper + (lower - upper) * v
}

/// Sum of `octaves` noises, each twice as fine and `gain` times as strong as the one before; about -1 to 1.
pub fn fractal(x: f32, y: f32, octaves: usize, gain: f32, seed: u32) -> f32 {
    let (mut sum, mut total, mut weight, mut scale) = (0.0, 0.0, 1.0, 1.0);
    for octave in 0..octaves as u32 {
        sum += weight * smooth(x * scale, y * scale, seed.wrapping_add(octave));
        total += weight;
        weight *= gain;
        scale *= 2.03;
    }
    sum / total
}

/// Heights between 0 and 1 along a line of 2^`levels` + 1 points by midpoint displacement (Fournier, Fussell and
/// Carpenter 1982); `roughness`, 0 to 1, is what is left of the displacement at each halving.
pub fn ridge(levels: u32, roughness: f32, seed: u32) -> Vec<f32> {
    let count = 1usize << levels;
    let mut heights = vec![0.5f32; count + 1];
    heights[0] = hash(0, seed);
    heights[count] = hash(1, seed);
    let (mut step, mut size) = (count, 0.5);
    while step > 1 {
        let half = step / 2;
        for at in (half..count).step_by(step) {
            let push = 2.0 * hash(at as u32 + 2, seed) - 1.0;
            heights[at] = 0.5 * (heights[at - half] + heights[at + half]) + size * push;
        }
        step = half;
        size *= roughness;
    }
    let low = heights.iter().copied().fold(f32::MAX, f32::min);
    let high = heights.iter().copied().fold(f32::MIN, f32::max);
    heights
        .iter()
        .map(|h| (h - low) / (high - low).max(1e-6))
        .collect()
}

/// The value of a row of points at `t`, 0 to 1, between points linearly.
pub fn along(points: &[f32], t: f32) -> f32 {
    let last = points.len().saturating_sub(1);
    let at = t.clamp(0.0, 1.0) * last as f32;
    let i = (at as usize).min(last.saturating_sub(1));
    let next = points.get(i + 1).unwrap_or(&points[i]);
    points[i] + (next - points[i]) * (at - i as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_bounded_and_smooth() {
        for i in 0..500 {
            let (x, y) = (0.13 * i as f32 - 20.0, 0.07 * i as f32 - 10.0);
            let here = fractal(x, y, 5, 0.5, 3);
            assert!(here.abs() <= 1.0);
            assert!((here - fractal(x + 1e-4, y, 5, 0.5, 3)).abs() < 0.02);
        }
    }

    #[test]
    fn a_ridge_spans_its_range() {
        let ridge = ridge(7, 0.55, 4);
        assert_eq!(ridge.len(), 129);
        assert!(ridge.iter().all(|h| (0.0..=1.0).contains(h)));
        assert!(ridge.contains(&0.0) && ridge.contains(&1.0));
        assert_eq!(along(&ridge, 1.0), ridge[128]);
    }
}
