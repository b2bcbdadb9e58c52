//! Random masks that keep parts of a picture.

use whyfinder_experiment::RandomState;

/// Masks of random cells, enlarged bilinearly and shifted by less than a cell (Petsiuk et al. 2018, section 3.2).
#[derive(Clone, Debug)]
pub(crate) struct Masks {
    height: usize,
    width: usize,
    grid: usize,
    probability: f64,
    random: RandomState,
}

impl Masks {
    pub(crate) fn new(
        (height, width): (usize, usize),
        grid: usize,
        probability: f64,
        seed: u32,
    ) -> Self {
        Self {
            height,
            width,
            grid,
            probability,
            random: RandomState::new(seed),
        }
    }

    /// The next mask, `[height, width]`, values in 0..=1; each has the mean `probability`.
    pub(crate) fn draw(&mut self) -> Vec<f32> {
        let grid = self.grid;
        let cells: Vec<f32> = (0..grid * grid)
            .map(|_| f32::from(u8::from(self.random.uniform() < self.probability)))
            .collect();
        let (down, across) = (self.height.div_ceil(grid), self.width.div_ceil(grid));
        let row_shift = shift(&mut self.random, down);
        let column_shift = shift(&mut self.random, across);
        let rows: Vec<_> = (0..self.height)
            .map(|y| between(y + row_shift, grid, down))
            .collect();
        let columns: Vec<_> = (0..self.width)
            .map(|x| between(x + column_shift, grid, across))
            .collect();
        let mut mask = Vec::with_capacity(self.height * self.width);
        for (top, bottom, v) in &rows {
            for (left, right, u) in &columns {
                let at = |row: usize, column: usize| cells[row * grid + column];
                let upper = at(*top, *left) * (1.0 - u) + at(*top, *right) * u;
                let lower = at(*bottom, *left) * (1.0 - u) + at(*bottom, *right) * u;
                mask.push(upper * (1.0 - v) + lower * v);
            }
        }
        mask
    }
}

fn shift(random: &mut RandomState, cell: usize) -> usize {
    ((random.uniform() * cell as f64) as usize).min(cell - 1)
}

/// The two cells between which a pixel of the enlarged mask of `(grid + 1) cell` pixels lies, and the weight of the
/// second; half-pixel centres, edges repeated.
pub(crate) fn between(pixel: usize, grid: usize, cell: usize) -> (usize, usize, f32) {
    let at = (pixel as f64 + 0.5) * grid as f64 / ((grid + 1) * cell) as f64 - 0.5;
    let at = at.clamp(0.0, grid as f64 - 1.0);
    let low = at as usize;
    (low, (low + 1).min(grid - 1), (at - low as f64) as f32)
}

/// What the masks' scores say about each pixel, gathered mask by mask.
#[derive(Clone, Debug)]
pub(crate) struct Saliency {
    probability: f64,
    /// The first score, taken off all to keep the sums small.
    origin: Option<f64>,
    count: f64,
    score: f64,
    score_squared: f64,
    /// Sums over masks, per pixel: of m, m m, f m, f m m, f f m, f f m m.
    sums: [Vec<f64>; 6],
}

/// An estimate per pixel, and its standard error over masks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) values: Vec<f32>,
    pub(crate) stderr: Vec<f32>,
}

impl Saliency {
    pub(crate) fn new(pixels: usize, probability: f64) -> Self {
        Self {
            probability,
            origin: None,
            count: 0.0,
            score: 0.0,
            score_squared: 0.0,
            sums: std::array::from_fn(|_| vec![0.0; pixels]),
        }
    }

    pub(crate) fn add(&mut self, mask: &[f32], score: f64) {
        let f = score - *self.origin.get_or_insert(score);
        self.count += 1.0;
        self.score += f;
        self.score_squared += f * f;
        let [m1, m2, fm1, fm2, ffm1, ffm2] = &mut self.sums;
        for (i, &m) in mask.iter().enumerate() {
            let m = f64::from(m);
            m1[i] += m;
            m2[i] += m * m;
            fm1[i] += f * m;
            fm2[i] += f * m * m;
            ffm1[i] += f * f * m;
            ffm2[i] += f * f * m * m;
        }
    }

    /// The mean score.
    pub(crate) fn mean(&self) -> f64 {
        self.origin.unwrap_or(0.0) + self.score / self.count
    }

    /// `sum f m / (N p)`: the score to be expected where the pixel is kept (Petsiuk et al. 2018, equation 6).
    pub(crate) fn expected(&self) -> Estimate {
        let origin = self.origin.unwrap_or(0.0);
        let [m1, m2, fm1, fm2, _, ffm2] = &self.sums;
        self.estimate(self.count, |i| {
            let first = fm1[i] + origin * m1[i];
            let second = ffm2[i] + 2.0 * origin * fm2[i] + origin * origin * m2[i];
            (first, second)
        })
    }

    /// `sum (f - mean f) m / ((N - 1) p)`: how much more is to be expected where the pixel is kept than else.
    pub(crate) fn gained(&self) -> Estimate {
        let [m1, m2, fm1, fm2, ffm1, ffm2] = &self.sums;
        let (n, f) = (self.count, self.score / self.count);
        let mut estimate = self.estimate(n - 1.0, |i| {
            let m = m1[i] / n;
            let first = fm1[i] - f * m1[i];
            // Of (f - mean f)(m - mean m).
            let second = ffm2[i] - 2.0 * m * ffm1[i] + m * m * self.score_squared
                - 2.0 * f * (fm2[i] - 2.0 * m * fm1[i] + m * m * self.score)
                + f * f * (m2[i] - 2.0 * m * m1[i] + m * m * n);
            (first, second)
        });
        if n < 2.0 {
            estimate.values.fill(f32::NAN);
        }
        estimate
    }

    /// From each pixel's sum of products and of their squares.
    fn estimate(&self, over: f64, sums: impl Fn(usize) -> (f64, f64)) -> Estimate {
        let (n, p) = (self.count, self.probability);
        let (values, stderr) = (0..self.sums[0].len())
            .map(|i| {
                let (first, second) = sums(i);
                let variance = (second / n - (first / n).powi(2)).max(0.0) * n / (n - 1.0);
                let error = if n < 2.0 {
                    f64::NAN
                } else {
                    (variance / n).sqrt() / p
                };
                ((first / (over * p)) as f32, error as f32)
            })
            .unzip();
        Estimate { values, stderr }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean of the product of two pixels' mask values over all cells and shifts, exactly.
    fn product((height, width): (usize, usize), grid: usize, p: f64, a: usize, b: usize) -> f64 {
        let along = |len: usize, i: usize, shift: usize| {
            let (low, high, weight) = between(i + shift, grid, len.div_ceil(grid));
            let mut weights = vec![0.0f64; grid];
            weights[low] += 1.0 - f64::from(weight);
            weights[high] += f64::from(weight);
            weights
        };
        let overlap = |len: usize, a: usize, b: usize, shift: usize| -> f64 {
            let (a, b) = (along(len, a, shift), along(len, b, shift));
            a.iter().zip(&b).map(|(x, y)| x * y).sum()
        };
        let (down, across) = (height.div_ceil(grid), width.div_ceil(grid));
        let mut sum = 0.0;
        for y in 0..down {
            for x in 0..across {
                let both = overlap(height, a / width, b / width, y)
                    * overlap(width, a % width, b % width, x);
                sum += p * p + p * (1.0 - p) * both;
            }
        }
        sum / (down * across) as f64
    }

    #[test]
    fn masks_have_the_mean_and_the_products_that_they_should() {
        let (height, width, grid, p) = (7, 9, 3, 0.4);
        let mut masks = Masks::new((height, width), grid, p, 5);
        let count = 20_000;
        let mut mean = vec![0.0f64; height * width];
        let mut products = vec![0.0f64; height * width];
        for _ in 0..count {
            let mask = masks.draw();
            for (i, m) in mask.iter().enumerate() {
                mean[i] += f64::from(*m) / f64::from(count);
                products[i] += f64::from(m * mask[31]) / f64::from(count);
            }
        }
        for i in 0..height * width {
            assert!((mean[i] - p).abs() < 0.02, "{}", mean[i]);
            let expected = product((height, width), grid, p, i, 31);
            assert!((products[i] - expected).abs() < 0.02);
        }
    }

    #[test]
    fn both_estimates_are_unbiased_for_a_linear_score() {
        let (size, grid, p) = ((6, 8), 3, 0.5);
        let weights: Vec<f64> = (0..48)
            .map(|i| ((i * 29) % 13) as f64 / 6.0 - 1.0)
            .collect();
        let mut masks = Masks::new(size, grid, p, 11);
        let mut saliency = Saliency::new(48, p);
        for _ in 0..8000 {
            let mask = masks.draw();
            let score = mask.iter().zip(&weights).map(|(m, w)| f64::from(*m) * w);
            saliency.add(&mask, 3.0 + score.sum::<f64>());
        }
        let (expected, gained) = (saliency.expected(), saliency.gained());
        let mean: f64 = 3.0 + weights.iter().map(|w| w * p).sum::<f64>();
        for pixel in 0..48 {
            let truth: f64 = 3.0
                + (0..48)
                    .map(|i| weights[i] * product(size, grid, p, i, pixel) / p)
                    .sum::<f64>();
            let within = |found: &Estimate, truth: f64| {
                let apart = (f64::from(found.values[pixel]) - truth).abs();
                assert!(apart < 4.5 * f64::from(found.stderr[pixel]), "{apart}");
            };
            within(&expected, truth);
            within(&gained, truth - mean);
            // Without the mean score the same difference is known better.
            assert!(gained.stderr[pixel] < expected.stderr[pixel]);
        }
    }

    #[test]
    fn the_sums_give_mean_and_error_of_the_products() {
        let mut masks = Masks::new((4, 5), 2, 0.3, 1);
        let mut saliency = Saliency::new(20, 0.3);
        let (mut scores, mut drawn) = (Vec::new(), Vec::new());
        for k in 0..50 {
            let (mask, score) = (masks.draw(), 20.0 + f64::from(k % 7));
            saliency.add(&mask, score);
            scores.push(score);
            drawn.push(mask);
        }
        let mean_score = scores.iter().sum::<f64>() / 50.0;
        let mean_mask = drawn.iter().map(|m| f64::from(m[7])).sum::<f64>() / 50.0;
        let products = |centre: f64, mask: f64| -> Vec<f32> {
            let all = scores.iter().zip(&drawn);
            all.map(|(f, m)| ((f - centre) * (f64::from(m[7]) - mask) / 0.3) as f32)
                .collect()
        };
        let (mean, error) = whyfinder_experiment::field::mean_and_stderr(&products(0.0, 0.0));
        let found = saliency.expected();
        assert!((found.values[7] - mean).abs() < 1e-3 && (found.stderr[7] - error).abs() < 1e-3);
        let centred = products(mean_score, mean_mask);
        let (mean, error) = whyfinder_experiment::field::mean_and_stderr(&centred);
        let found = saliency.gained();
        assert!((found.values[7] - mean * 50.0 / 49.0).abs() < 1e-4);
        assert!((found.stderr[7] - error).abs() < 1e-3);
    }
}
