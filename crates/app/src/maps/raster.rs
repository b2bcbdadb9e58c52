//! An 8-bit RGB picture as the views show it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Pixels of a picture, row-major from the top left corner; cheap to clone.
///
/// Two rasters are equal only if one is a clone of the other: textures are kept by that identity.
#[derive(Clone)]
pub struct Raster {
    width: usize,
    height: usize,
    pixels: Arc<[[u8; 3]]>,
    id: u64,
}

static MADE: AtomicU64 = AtomicU64::new(1);

impl Raster {
    /// `None` if the number of pixels is not `width` times `height`, or there are none.
    pub fn new(width: usize, height: usize, pixels: Vec<[u8; 3]>) -> Option<Self> {
        (!pixels.is_empty() && width.checked_mul(height) == Some(pixels.len())).then(|| Self {
            width,
            height,
            pixels: pixels.into(),
            id: MADE.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// From values in 0..1 over row, column and channel (1 for grey or 3 for RGB), rounded as networks' outputs are:
    /// clipped, times 255, to the nearest.
    pub fn from_unit(width: usize, height: usize, channels: usize, values: &[f32]) -> Option<Self> {
        let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
        let expected = width.checked_mul(height)?.checked_mul(channels)?;
        if !matches!(channels, 1 | 3) || values.len() != expected {
            return None;
        }
        let pixels = values
            .chunks_exact(channels)
            .map(|pixel| match *pixel {
                [r, g, b] => [byte(r), byte(g), byte(b)],
                [v, ..] => [byte(v); 3],
                [] => [0; 3],
            })
            .collect();
        Self::new(width, height, pixels)
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn height(&self) -> usize {
        self.height
    }

    /// Names this picture and its clones.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The colour at a pixel; `None` outside.
    pub fn at(&self, x: usize, y: usize) -> Option<[u8; 3]> {
        (x < self.width && y < self.height).then(|| self.pixels[y * self.width + x])
    }

    /// The part inside a rectangle, cut to the picture; `None` if nothing is left.
    pub fn part(&self, x: usize, y: usize, width: usize, height: usize) -> Option<Self> {
        let (right, bottom) = ((x + width).min(self.width), (y + height).min(self.height));
        let (width, height) = (right.checked_sub(x)?, bottom.checked_sub(y)?);
        let pixels = (y..bottom)
            .flat_map(|row| &self.pixels[row * self.width + x..row * self.width + right])
            .copied()
            .collect();
        Self::new(width, height, pixels)
    }

    /// Peak signal-to-noise ratio to another picture of this size within a rectangle, dB over all three channels:
    /// infinite where they are equal, `None` where the rectangle or the sizes do not fit.
    pub fn psnr_within(&self, other: &Self, [x, y, width, height]: [usize; 4]) -> Option<f32> {
        let same = self.width == other.width && self.height == other.height;
        let inside = x.checked_add(width)? <= self.width && y.checked_add(height)? <= self.height;
        if !same || !inside || width == 0 || height == 0 {
            return None;
        }
        let mut squares = 0u64;
        for row in y..y + height {
            let range = row * self.width + x..row * self.width + x + width;
            for (a, b) in self.pixels[range.clone()].iter().zip(&other.pixels[range]) {
                for channel in 0..3 {
                    squares += u64::from(a[channel].abs_diff(b[channel])).pow(2);
                }
            }
        }
        let mean = squares as f64 / (3 * width * height) as f64;
        Some((10.0 * (255.0 * 255.0 / mean).log10()) as f32)
    }

    /// Mean colour of a block of `side` x `side` pixels, cut to the picture.
    pub(crate) fn mean(&self, x: usize, y: usize, side: usize) -> [u8; 3] {
        if side == 1 {
            return self.at(x, y).unwrap_or_default();
        }
        let (right, bottom) = ((x + side).min(self.width), (y + side).min(self.height));
        let mut sums = [0u32; 3];
        for row in y..bottom {
            for pixel in &self.pixels[row * self.width + x..row * self.width + right] {
                for (sum, &c) in sums.iter_mut().zip(pixel) {
                    *sum += u32::from(c);
                }
            }
        }
        let count = ((right - x) * (bottom - y)).max(1) as u32;
        sums.map(|sum| ((sum + count / 2) / count) as u8)
    }
}

impl PartialEq for Raster {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl fmt::Debug for Raster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raster({} x {}, {})", self.width, self.height, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(width: usize, height: usize) -> Raster {
        let pixels = (0..width * height).map(|i| [i as u8, 0, 255]).collect();
        Raster::new(width, height, pixels).expect("as many pixels")
    }

    #[test]
    fn sizes_must_fit() {
        assert!(Raster::new(0, 3, Vec::new()).is_none());
        assert!(Raster::new(2, 2, vec![[0; 3]; 3]).is_none());
        assert!(Raster::from_unit(2, 1, 2, &[0.0; 4]).is_none());
        assert!(Raster::from_unit(usize::MAX, 2, 3, &[]).is_none());
        let grey = Raster::from_unit(2, 1, 1, &[0.5, 2.0]).expect("grey");
        assert_eq!(grey.at(0, 0), Some([128; 3]));
        assert_eq!(grey.at(1, 0), Some([255; 3]));
    }

    #[test]
    fn a_part_is_cut_to_the_picture() {
        let picture = steps(5, 4);
        let part = picture.part(3, 2, 10, 1).expect("inside");
        assert_eq!((part.width(), part.height()), (2, 1));
        assert_eq!(part.at(0, 0), picture.at(3, 2));
        assert!(picture.part(5, 0, 1, 1).is_none());
        assert!(picture.part(6, 0, 1, 1).is_none());
    }

    #[test]
    fn psnr_is_of_the_rectangle_alone() {
        let clean = Raster::new(4, 2, vec![[100; 3]; 8]).expect("fits");
        let mut pixels = vec![[100; 3]; 8];
        pixels[0] = [110; 3];
        let other = Raster::new(4, 2, pixels).expect("fits");
        let here = clean.psnr_within(&other, [0, 0, 1, 1]).expect("inside");
        assert!((here - 28.131).abs() < 1e-3, "{here}");
        let there = clean.psnr_within(&other, [1, 0, 3, 2]).expect("inside");
        assert!(there.is_infinite());
        assert_eq!(clean.psnr_within(&other, [2, 0, 3, 1]), None);
        assert_eq!(clean.psnr_within(&steps(2, 2), [0, 0, 1, 1]), None);
    }

    #[test]
    fn means_are_cut_at_the_edges() {
        let picture = steps(3, 1);
        assert_eq!(picture.mean(0, 0, 2), [1, 0, 255]);
        assert_eq!(picture.mean(2, 0, 4), [2, 0, 255]);
    }
}
