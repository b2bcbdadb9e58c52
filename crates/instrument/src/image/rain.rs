//! Rain over a picture: streaks that add light.
//!
//! The published procedure's generator in words: a small part of all pixels is lit at random, spread over its
//! neighbours, smeared along a line and across its width, stretched to the full range, and added to the picture with a
//! weight. The draws are our own, not value for value the authors'.

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
    /// Part of the pixels that are lit.
    amount: f64,
    /// Across the streaks, pixels; odd.
    width: usize,
    /// Along the streaks, pixels.
    length: usize,
    /// From the vertical, radians.
    angle: f64,
    weight: f64,
}

impl Shower {
    /// Medium rain.
    fn draw(random: &mut RandomState) -> Self {
        let mut between = |low: f64, high: f64| low + (high - low) * random.uniform();
        Self {
            amount: between(0.005, 0.007),
            width: match between(0.0, 1.0) {
                p if p < 0.25 => 3,
                p if p < 0.75 => 5,
                _ => 7,
            },
            length: between(35.0, 46.0) as usize,
            angle: between(-30.0, 30.0).to_radians(),
            weight: between(0.6, 1.0),
        }
    }
}

impl Rain {
    /// Rain that depends on the seed alone.
    pub(crate) fn falling(height: usize, width: usize, channels: usize, seed: u32) -> Self {
        let mut random = RandomState::new(seed);
        let shower = Shower::draw(&mut random);
        let lit: Vec<f64> = (0..height * width)
            .map(|_| random.uniform())
            .map(|u| if u < shower.amount { 1.0 - u } else { 0.0 })
            .collect();
        let spread = filtered(&lit, height, width, &SPREAD);
        let mut streaks = filtered(&spread, height, width, &streak(&shower));
        let most = streaks.iter().copied().fold(0.0, f64::max);
        if most > 0.0 {
            streaks.iter_mut().for_each(|s| *s /= most);
        }
        let gains = streaks
            .iter()
            .map(|s| (255.0 * s).floor())
            .map(|s| (shower.weight * s).round() as u8)
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

/// A square kernel of odd side, row-major.
struct Kernel {
    side: usize,
    weights: Vec<(usize, usize, f64)>,
}

static SPREAD: std::sync::LazyLock<Kernel> = std::sync::LazyLock::new(|| Kernel {
    side: 3,
    weights: vec![
        (0, 1, 0.1),
        (1, 0, 0.1),
        (1, 1, 8.0),
        (1, 2, 0.1),
        (2, 1, 0.1),
    ],
});

/// A line with a Gaussian profile across.
fn streak(shower: &Shower) -> Kernel {
    let half = shower.length.div_ceil(2) + shower.width / 2;
    let side = 2 * half + 1;
    // The usual width of a Gaussian in a window of that many pixels.
    let sd = 0.3 * ((shower.width as f64 - 1.0) * 0.5 - 1.0) + 0.8;
    let (sin, cos) = shower.angle.sin_cos();
    let mut weights = Vec::new();
    for row in 0..side {
        for column in 0..side {
            let (y, x) = (row as f64 - half as f64, column as f64 - half as f64);
            let along = y * cos + x * sin;
            let across = x * cos - y * sin;
            let beyond = (along.abs() - shower.length as f64 / 2.0).max(0.0);
            let weight = (-(across * across + beyond * beyond) / (2.0 * sd * sd)).exp();
            if weight > 1e-3 {
                weights.push((row, column, weight));
            }
        }
    }
    Kernel { side, weights }
}

/// Correlation; nothing comes from beyond the edges.
fn filtered(values: &[f64], height: usize, width: usize, kernel: &Kernel) -> Vec<f64> {
    let half = kernel.side / 2;
    let mut sums = vec![0.0; values.len()];
    // Few pixels are lit, so each is spread instead of each being gathered.
    for (at, &value) in values.iter().enumerate().filter(|(_, v)| **v > 0.0) {
        let (y, x) = (at / width, at % width);
        for &(row, column, weight) in &kernel.weights {
            let (down, right) = (y + half, x + half);
            let (Some(to_y), Some(to_x)) = (down.checked_sub(row), right.checked_sub(column))
            else {
                continue;
            };
            if to_y < height && to_x < width {
                sums[to_y * width + to_x] += value * weight;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
