//! A Gaussian blur with a kernel of finite size.

use whyfinder_model::network::Rect;

use super::pixels::Pixels;

/// Added to every standard deviation, so that none is zero (Gu and Dong 2021, published code).
const LEAST_SIGMA: f64 = 1e-5;

/// A square kernel of the Gaussian's values at whole pixels, made to sum to one; it is the product of one with itself
/// along each side. Beyond the edges the picture is reflected, the last pixel not doubled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Blur {
    taps: Vec<f64>,
}

impl Blur {
    /// `sigma` in pixels, 0 or more; `side` of the kernel, odd.
    pub(crate) fn new(sigma: f64, side: usize) -> Self {
        let (radius, sigma) = ((side / 2) as i64, sigma + LEAST_SIGMA);
        let values: Vec<f64> = (-radius..=radius)
            .map(|x| (-((x * x) as f64) / (2.0 * sigma * sigma)).exp())
            .collect();
        let sum: f64 = values.iter().sum();
        Self {
            taps: values.into_iter().map(|value| value / sum).collect(),
        }
    }

    /// The part `rect` of the blurred picture, `[rows, columns, channels]`.
    pub(crate) fn apply(&self, picture: &Pixels, rect: &Rect) -> Vec<f64> {
        let (radius, channels) = (self.taps.len() / 2, picture.channels);
        let line = rect.width() * channels;
        // Columns first, for all rows that the rows of the part read.
        let first = rect.rows.start as i64 - radius as i64;
        let rows: Vec<usize> = (first..rect.rows.end as i64 + radius as i64)
            .map(|row| reflected(row, picture.height))
            .collect();
        let mut wide = vec![0.0f64; rows.len() * line];
        for (to, &row) in wide.chunks_exact_mut(line.max(1)).zip(&rows) {
            for (x, pixel) in rect
                .columns
                .clone()
                .zip(to.chunks_exact_mut(channels.max(1)))
            {
                for (k, tap) in self.taps.iter().enumerate() {
                    let column = reflected((x + k) as i64 - radius as i64, picture.width);
                    let from = (row * picture.width + column) * channels;
                    let from = &picture.values[from..from + channels];
                    for (sum, &value) in pixel.iter_mut().zip(from) {
                        *sum += tap * f64::from(value);
                    }
                }
            }
        }
        let mut blurred = vec![0.0f64; rect.height() * line];
        for (y, to) in blurred.chunks_exact_mut(line.max(1)).enumerate() {
            for (k, tap) in self.taps.iter().enumerate() {
                let from = &wide[(y + k) * line..(y + k + 1) * line];
                for (sum, value) in to.iter_mut().zip(from) {
                    *sum += tap * value;
                }
            }
        }
        blurred
    }

    /// The whole picture, blurred.
    pub(crate) fn of(&self, picture: &Pixels) -> Pixels {
        let values = self.apply(picture, &picture.whole());
        Pixels {
            values: values.into_iter().map(|value| value as f32).collect(),
            ..*picture
        }
    }
}

fn reflected(index: i64, len: usize) -> usize {
    let len = len as i64;
    if len < 2 {
        return 0;
    }
    let index = index.rem_euclid(2 * (len - 1));
    index.min(2 * (len - 1) - index) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(height: usize, width: usize) -> Pixels {
        let values = (0..height * width * 2).map(|i| ((i * 37) % 101) as f32 / 100.0);
        Pixels {
            height,
            width,
            channels: 2,
            values: values.collect(),
        }
    }

    #[test]
    fn no_blur_changes_nothing_and_a_constant_stays_one() {
        let picture = ramp(5, 7);
        assert_eq!(Blur::new(0.0, 9).of(&picture), picture);
        let flat = picture.filled(&[0.25, 0.5]);
        for (a, b) in Blur::new(2.0, 9).of(&flat).values.iter().zip(&flat.values) {
            assert!((a - b).abs() < 1e-6);
        }
    }

    #[test]
    fn a_part_is_that_part_of_the_whole() {
        let picture = ramp(6, 9);
        let blur = Blur::new(1.2, 9);
        let whole = blur.of(&picture);
        let rect = Rect::new(2..5, 3..9);
        let part = blur.apply(&picture, &rect);
        let expected = whole.part(&rect).values;
        for (a, b) in part.iter().zip(expected) {
            assert!((*a as f32 - b).abs() < 1e-6);
        }
    }

    #[test]
    fn edges_are_reflected_as_often_as_it_takes() {
        let indices: Vec<usize> = (-5..8).map(|i| reflected(i, 3)).collect();
        assert_eq!(indices, [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]);
        assert_eq!(reflected(-7, 1), 0);
    }
}
