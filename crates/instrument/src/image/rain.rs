//! Rain over a picture: streaks that add light.
//!
//! The published procedure's generator: a small part of all pixels is lit at random, spread over its neighbours, smeared
//! along a line and across its width, stretched to the full range, and added to the picture with a weight. Draws and
//! arithmetic are numpy's and OpenCV's, so that a seed gives the authors' rain.

use whyfinder_experiment::RandomState;
use whyfinder_model::network::Rect;

use super::eight_bit::EightBit;

/// What each pixel gains, all channels alike or each for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rain {
    width: usize,
    channels: usize,
    /// `[height, width, channels]`, 0 to 255.
    gains: Vec<u8>,
}

/// How a shower looks.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shower {
    /// What is added is multiplied by it.
    weight: f64,
    /// Part of the pixels that are lit.
    amount: f64,
    /// Across the streaks, pixels: 3, 5 or 7.
    width: usize,
    /// Along the streaks, pixels.
    length: usize,
    /// From the vertical, degrees.
    angle: f64,
}

impl Shower {
    /// Medium rain, by the draws of the published program and in its order.
    fn draw(random: &mut RandomState) -> Self {
        let between =
            |low: f64, high: f64, random: &mut RandomState| low + (high - low) * random.uniform();
        Self {
            weight: between(0.6, 1.0, random),
            amount: between(0.005, 0.007, random),
            width: match random.uniform() {
                p if p < 0.25 => 3,
                p if p < 0.75 => 5,
                _ => 7,
            },
            length: 35 + random.below(11) as usize,
            angle: f64::from(random.below(61)) - 30.0,
        }
    }
}

impl Rain {
    /// Rain that depends on the seed and the size alone: that of the published program with
    /// `numpy.random.seed(seed)`.
    pub(crate) fn falling(height: usize, width: usize, channels: usize, seed: u32) -> Self {
        let mut random = RandomState::new(seed);
        let shower = Shower::draw(&mut random);
        let least = 256.0 - 256.0 * shower.amount;
        let lit: Vec<f64> = (0..height * width)
            .map(|_| 256.0 * random.uniform())
            .map(|drop| if drop < least { 0.0 } else { drop })
            .collect();
        let spread = Kernel::spread().over(&lit, height, width);
        let streaks = Kernel::streak(&shower).over(&spread, height, width);
        let least = streaks.iter().copied().fold(f64::INFINITY, f64::min);
        let most = streaks.iter().copied().fold(0.0, f64::max);
        let range = most - least;
        let gains = streaks
            .iter()
            .map(|s| match range > 0.0 {
                true => (255.0 * (s - least) / range).floor(),
                false => 0.0,
            })
            .map(|s| (shower.weight * s).round_ties_even() as u8)
            .flat_map(|gain| std::iter::repeat_n(gain, channels))
            .collect();
        Self {
            width,
            channels,
            gains,
        }
    }

    /// The rain that a picture has more than the clean one of the same size.
    pub(crate) fn seen_in(rainy: &EightBit, clean: &EightBit) -> Self {
        let pairs = rainy.values.iter().zip(&clean.values);
        Self {
            width: clean.width,
            channels: clean.channels,
            gains: pairs.map(|(r, c)| r.saturating_sub(*c)).collect(),
        }
    }

    /// Values of a part of a clean picture with the rain of that place on them.
    pub(crate) fn over(&self, clean: &[u8], rect: &Rect) -> Vec<u8> {
        let gains = rect.rows.clone().flat_map(|row| {
            let first = (row * self.width + rect.columns.start) * self.channels;
            &self.gains[first..first + rect.width() * self.channels]
        });
        clean
            .iter()
            .zip(gains)
            .map(|(c, g)| c.saturating_add(*g))
            .collect()
    }
}

/// A square kernel, without its zeros.
struct Kernel {
    side: usize,
    /// Row, column and weight.
    weights: Vec<(usize, usize, f64)>,
}

impl Kernel {
    fn new(side: usize, values: &[f64]) -> Self {
        let weights = values.iter().enumerate().filter(|(_, w)| **w != 0.0);
        let weights = weights.map(|(at, &w)| (at / side, at % side, w)).collect();
        Self { side, weights }
    }

    /// From a lit pixel to its neighbours.
    fn spread() -> Self {
        Self::new(3, &[0.0, 0.1, 0.0, 0.1, 8.0, 0.1, 0.0, 0.1, 0.0])
    }

    /// A line of a shower's length, turned and blurred across.
    fn streak(shower: &Shower) -> Self {
        let side = shower.length;
        let blur: &[f64] = match shower.width {
            3 => &[0.25, 0.5, 0.25],
            5 => &[0.0625, 0.25, 0.375, 0.25, 0.0625],
            _ => &[
                0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125,
            ],
        };
        let line = turned_diagonal(side, shower.angle - 45.0);
        let line = blurred(&line, side, blur);
        Self::new(
            side,
            &transposed(&blurred(&transposed(&line, side), side, blur), side),
        )
    }

    /// Correlation; beyond the edges the picture is mirrored at its outermost pixels.
    fn over(&self, values: &[f64], height: usize, width: usize) -> Vec<f64> {
        let anchor = self.side / 2;
        let mut sums = vec![0.0; values.len()];
        // Few pixels are lit, so each is spread instead of each being gathered.
        for y in 0..height + self.side - 1 {
            let row = mirrored(y as isize - anchor as isize, height) * width;
            for x in 0..width + self.side - 1 {
                let value = values[row + mirrored(x as isize - anchor as isize, width)];
                if value == 0.0 {
                    continue;
                }
                for &(down, right, weight) in &self.weights {
                    let (Some(to_y), Some(to_x)) = (y.checked_sub(down), x.checked_sub(right))
                    else {
                        continue;
                    };
                    if to_y < height && to_x < width {
                        sums[to_y * width + to_x] += value * weight;
                    }
                }
            }
        }
        sums
    }
}

/// Where a place before or behind a row of `length` lies in it, if the row is mirrored without repeating its ends.
fn mirrored(at: isize, length: usize) -> usize {
    let last = length as isize - 1;
    if last == 0 {
        return 0;
    }
    let at = at.rem_euclid(2 * last);
    at.min(2 * last - at) as usize
}

/// A diagonal of ones, `[side, side]`, turned about its middle by `degrees` (counter-clockwise), with nothing around it.
///
/// Places are read in steps of 1/32 pixel and found in steps of 1/1024, as `cv2.warpAffine` does.
fn turned_diagonal(side: usize, degrees: f64) -> Vec<f64> {
    let centre = (side as f64 - 1.0) / 2.0;
    let (sin, cos) = degrees.to_radians().sin_cos();
    let fixed = |value: f64| (1024.0 * value).round_ties_even() as i64;
    // Where the pixel (x, y) comes from: about the middle, turned back.
    let shift = (
        (1.0 - cos) * centre + sin * centre,
        (1.0 - cos) * centre - sin * centre,
    );
    let ones = |y: i64, x: i64| {
        let inside = (0..side as i64).contains(&y);
        if inside && x == y { 1.0 } else { 0.0 }
    };
    let mut turned = Vec::with_capacity(side * side);
    for y in 0..side {
        for x in 0..side {
            let (fx, fy) = (x as f64, y as f64);
            let from_x = (fixed(-sin * fy + shift.0) + 16 + fixed(cos * fx)) >> 5;
            let from_y = (fixed(cos * fy + shift.1) + 16 + fixed(sin * fx)) >> 5;
            let (left, top) = (from_x >> 5, from_y >> 5);
            let (right, down) = ((from_x & 31) as f64 / 32.0, (from_y & 31) as f64 / 32.0);
            turned.push(
                ones(top, left) * (1.0 - down) * (1.0 - right)
                    + ones(top, left + 1) * (1.0 - down) * right
                    + ones(top + 1, left) * down * (1.0 - right)
                    + ones(top + 1, left + 1) * down * right,
            );
        }
    }
    turned
}

/// Each row of `[side, side]` blurred.
fn blurred(values: &[f64], side: usize, blur: &[f64]) -> Vec<f64> {
    let half = (blur.len() / 2) as isize;
    let mut out = Vec::with_capacity(values.len());
    for row in values.chunks_exact(side) {
        for x in 0..side as isize {
            let parts = blur.iter().zip(x - half..);
            out.push(parts.map(|(w, at)| w * row[mirrored(at, side)]).sum());
        }
    }
    out
}

fn transposed(values: &[f64], side: usize) -> Vec<f64> {
    (0..values.len())
        .map(|at| values[at % side * side + at / side])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::opencv_fixture;

    #[test]
    fn rain_depends_on_its_seed_and_only_adds_light() {
        let one = Rain::falling(48, 64, 3, 5);
        assert_eq!(one, Rain::falling(48, 64, 3, 5));
        assert_ne!(one, Rain::falling(48, 64, 3, 6));
        assert_eq!(one.gains.iter().copied().max().map(|m| m > 140), Some(true));
        let dry = one.gains.iter().filter(|&&g| g < 8).count();
        assert!(dry * 10 > one.gains.len(), "some pixels stay dry");
        assert!(
            one.gains
                .as_chunks::<3>()
                .0
                .iter()
                .all(|[r, g, b]| r == g && g == b)
        );
    }

    #[test]
    fn a_part_gets_the_rain_of_its_place() {
        let clean = EightBit::new(16, 16, 1, (0..=255).collect());
        let rain = Rain::falling(16, 16, 1, 2);
        let whole = rain.over(&clean.values, &Rect::whole(16, 16));
        let rainy = EightBit::new(16, 16, 1, whole);
        let rect = Rect::new(4..9, 3..11);
        assert_eq!(rain.over(&clean.part(&rect), &rect), rainy.part(&rect));
        // What saturates hides some of the rain, but repeats on the same picture.
        let seen = Rain::seen_in(&rainy, &clean);
        assert_eq!(seen.over(&clean.part(&rect), &rect), rainy.part(&rect));
    }

    #[test]
    fn rain_is_that_of_opencv() {
        let fixture = opencv_fixture();
        for seed in [1, 4, 6, 9] {
            let expected = &fixture[&format!("rain.{seed}")];
            let (height, width) = expected.dims2().expect("a picture");
            let expected = expected.flatten_all().and_then(|t| t.to_vec1::<u8>());
            let expected = expected.expect("values");
            let ours = Rain::falling(height, width, 1, seed).gains;
            let apart: Vec<u8> = ours
                .iter()
                .zip(&expected)
                .map(|(a, b)| a.abs_diff(*b))
                .collect();
            // Sums in another order may end on the other side of a whole number.
            let unlike = apart.iter().filter(|d| **d > 0).count();
            assert!(
                apart.iter().all(|d| *d <= 1) && 500 * unlike < apart.len(),
                "{seed}: {unlike} of {}, {:?}",
                apart.len(),
                apart.iter().max()
            );
            assert!(expected.iter().any(|gain| *gain > 100));
        }
    }

    #[test]
    fn pictures_of_a_pixel_and_of_a_line_get_their_rain() {
        for (height, width) in [(1, 1), (1, 9), (300, 1)] {
            let rain = Rain::falling(height, width, 3, 5);
            assert_eq!(rain.gains.len(), 3 * height * width);
        }
    }
}
