//! What is done to a good picture before a network sees it.

use crate::draw::Draw;
use crate::pictures::Picture;

/// Times that a super-resolver makes a picture larger.
pub const SCALE: usize = 4;
/// Standard deviation of the noise, of 255.
pub const SIGMA: f32 = 50.0;

/// The picture at a quarter of its size on each side; it must be a multiple of four.
pub fn shrink(picture: &Picture) -> Picture {
    resize(picture, picture.width / SCALE, picture.height / SCALE)
}

/// The picture four times as large, as any program would do it.
pub fn enlarge(picture: &Picture) -> Picture {
    resize(picture, picture.width * SCALE, picture.height * SCALE)
}

/// The picture with noise, cut and rounded down to 8 bits as in the reference program of causal effect maps.
pub fn add_noise(picture: &Picture, draw: &mut Draw) -> Picture {
    let rgb = picture
        .rgb
        .iter()
        .map(|v| {
            let noisy = f32::from(*v) + SIGMA * draw.normal() as f32;
            noisy.clamp(0.0, 255.0) as u8
        })
        .collect();
    Picture {
        rgb,
        ..picture.clone()
    }
}

/// Bicubic resizing as Pillow does it: along the rows and then along the columns, each rounded to 8 bits, the kernel
/// (a = -1/2) stretched when shrinking.
fn resize(picture: &Picture, width: usize, height: usize) -> Picture {
    let taps = taps(picture.width, width);
    let mut wide = Vec::with_capacity(width * picture.height * 3);
    for row in picture.rgb.chunks_exact(3 * picture.width) {
        for (first, weights) in &taps {
            for c in 0..3 {
                let sum: f32 = weights
                    .iter()
                    .enumerate()
                    .map(|(k, w)| w * f32::from(row[3 * (first + k) + c]))
                    .sum();
                wide.push((sum + 0.5).clamp(0.0, 255.0) as u8);
            }
        }
    }
    let line = 3 * width;
    let mut rgb = Vec::with_capacity(line * height);
    let mut sums = vec![0f32; line];
    for (first, weights) in self::taps(picture.height, height) {
        sums.fill(0.5);
        for (k, w) in weights.iter().enumerate() {
            let row = &wide[(first + k) * line..][..line];
            sums.iter_mut()
                .zip(row)
                .for_each(|(s, v)| *s += w * f32::from(*v));
        }
        rgb.extend(sums.iter().map(|s| s.clamp(0.0, 255.0) as u8));
    }
    Picture { width, height, rgb }
}

/// For every output pixel the first input pixel it reads, and the weights from there on.
fn taps(input: usize, output: usize) -> Vec<(usize, Vec<f32>)> {
    let scale = input as f64 / output as f64;
    let stretch = scale.max(1.0);
    let support = 2.0 * stretch;
    (0..output)
        .map(|at| {
            let centre = (at as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(input);
            let weights: Vec<f64> = (first..end)
                .map(|i| cubic((i as f64 - centre + 0.5) / stretch))
                .collect();
            let sum: f64 = weights.iter().sum();
            (first, weights.iter().map(|w| (w / sum) as f32).collect())
        })
        .collect()
}

/// Keys' kernel with a = -1/2.
fn cubic(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> Picture {
        let rgb = (0..width * height * 3)
            .map(|i| ((i * 37 + i / 7) % 256) as u8)
            .collect();
        Picture { width, height, rgb }
    }

    #[test]
    fn flat_pictures_stay_flat() {
        let flat = Picture {
            width: 16,
            height: 8,
            rgb: vec![77; 16 * 8 * 3],
        };
        assert!(shrink(&flat).rgb.iter().all(|v| *v == 77));
        assert!(enlarge(&flat).rgb.iter().all(|v| *v == 77));
    }

    #[test]
    fn sizes_change_by_four() {
        let small = shrink(&ramp(24, 16));
        assert_eq!((small.width, small.height), (6, 4));
        let large = enlarge(&small);
        assert_eq!((large.width, large.height, large.rgb.len()), (24, 16, 1152));
    }

    #[test]
    fn noise_has_the_strength_asked_for() {
        let grey = Picture {
            width: 64,
            height: 64,
            rgb: vec![128; 64 * 64 * 3],
        };
        let noisy = add_noise(&grey, &mut Draw::new(1));
        let mean = |f: &dyn Fn(f64) -> f64| {
            let sum: f64 = noisy.rgb.iter().map(|v| f(f64::from(*v) - 127.5)).sum();
            sum / noisy.rgb.len() as f64
        };
        // Cutting at 2.5 standard deviations takes a little away.
        let deviation = mean(&|v| v * v).sqrt();
        assert!(
            mean(&|v| v).abs() < 2.0 && (deviation - 49.0).abs() < 1.5,
            "{deviation}"
        );
    }
}
