//! What is done to a good picture before a network sees it.

use crate::draw::Draw;
use crate::pictures::Picture;

/// Times that a super-resolver makes a picture larger.
pub const SCALE: usize = 4;
/// Standard deviation of the noise, of 255.
pub const SIGMA: f32 = 50.0;

/// The picture at a quarter of its size on each side, which must be a multiple of four, bicubic as Pillow's.
pub fn shrink(picture: &Picture) -> Picture {
    picture.resized(picture.width / SCALE, picture.height / SCALE)
}

/// The picture four times as large, as any program would do it.
pub fn enlarge(picture: &Picture) -> Picture {
    picture.resized(picture.width * SCALE, picture.height * SCALE)
}

/// What becomes of noisy values that are no colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// They are cut, and all values rounded down to 8 bits, as in the reference program of causal effect maps.
    Cut,
    /// They stay as they are, as in most papers on denoising.
    Uncut,
}

impl Noise {
    pub const ALL: [Self; 2] = [Self::Cut, Self::Uncut];

    /// The picture's values with noise of [`SIGMA`]; black is 0 and white is 1.
    pub fn on(self, picture: &Picture, draw: &mut Draw) -> Vec<f32> {
        let noisy = |v: &u8| {
            let noisy = f32::from(*v) + SIGMA * draw.normal() as f32;
            let noisy = match self {
                Self::Cut => noisy.clamp(0.0, 255.0).floor(),
                Self::Uncut => noisy,
            };
            noisy / 255.0
        };
        picture.rgb.iter().map(noisy).collect()
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
        // Cutting at 2.5 standard deviations takes a little away.
        for (noise, expected) in [(Noise::Cut, 49.0), (Noise::Uncut, 50.0)] {
            let noisy = noise.on(&grey, &mut Draw::new(1));
            let mean = |f: &dyn Fn(f64) -> f64| {
                let sum: f64 = noisy.iter().map(|v| f(f64::from(255.0 * v) - 128.0)).sum();
                sum / noisy.len() as f64
            };
            let deviation = mean(&|v| v * v).sqrt();
            assert!(
                mean(&|v| v).abs() < 2.0 && (deviation - expected).abs() < 1.0,
                "{noise:?} {deviation}"
            );
            let outside = noisy.iter().filter(|v| !(0.0..=1.0).contains(*v)).count();
            assert_eq!(outside > 0, noise == Noise::Uncut);
        }
    }
}
