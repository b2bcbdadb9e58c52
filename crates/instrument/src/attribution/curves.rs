//! Deletion and insertion curves: what a map's order is worth.
//!
//! After Petsiuk et al. (2018, section 3.3): parts of the picture are taken away, or put into a picture that has none
//! of them, in the order in which a map ranks them. A good map makes the score fall fast and rise fast.

use whyfinder_experiment::RandomState;
use whyfinder_model::network::Rect;

use super::pixels::Pixels;
use crate::error::Result;

/// Scores after each share of the parts, from none to all.
pub(crate) type Curve = Vec<f32>;

/// The picture's parts, and what stands in their place.
#[derive(Clone, Debug)]
pub(crate) struct Deck<'a> {
    pub(crate) picture: &'a Pixels,
    /// As large as the picture.
    pub(crate) instead: &'a Pixels,
    /// Parts that are exchanged, in the picture's pixels.
    pub(crate) parts: &'a [Rect],
    /// Shares beyond none.
    pub(crate) steps: usize,
}

/// The score of a picture.
pub(crate) type Score<'a> = dyn FnMut(&Pixels) -> Result<f32> + 'a;

/// How many of `parts` parts are exchanged after step `step` of `steps`.
///
/// The number grows with the square of the step: what a map ranks first decides the most, and good maps differ there.
/// No step is without a part as long as there are any left.
pub(crate) fn taken(step: usize, steps: usize, parts: usize) -> usize {
    let squares = (steps * steps).max(1);
    let grown = (step * step * parts + squares / 2) / squares;
    grown.max(step).min(parts)
}

impl Deck<'_> {
    fn taken(&self, step: usize) -> usize {
        taken(step, self.steps, self.parts.len())
    }

    /// Parts are taken out of the picture in this order.
    pub(crate) fn deletion(&self, order: &[usize], score: &mut Score<'_>) -> Result<Curve> {
        self.exchange(self.picture, self.instead, order, score)
    }

    /// Parts are put into what stands for them in this order.
    pub(crate) fn insertion(&self, order: &[usize], score: &mut Score<'_>) -> Result<Curve> {
        self.exchange(&self.all_taken(), self.picture, order, score)
    }

    /// The picture with every part replaced.
    fn all_taken(&self) -> Pixels {
        let mut picture = self.picture.clone();
        for part in self.parts {
            picture.take_over(part, self.instead);
        }
        picture
    }

    fn exchange(
        &self,
        from: &Pixels,
        to: &Pixels,
        order: &[usize],
        score: &mut Score<'_>,
    ) -> Result<Curve> {
        let mut picture = from.clone();
        let mut curve = vec![score(&picture)?];
        for step in 1..=self.steps {
            for &part in &order[self.taken(step - 1)..self.taken(step)] {
                picture.take_over(&self.parts[part], to);
            }
            curve.push(score(&picture)?);
        }
        Ok(curve)
    }
}

/// The parts from the greatest value to the least; those without a value last, equal ones in their own order.
pub(crate) fn ranking(values: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let key = |i: &usize| {
        if values[*i].is_nan() {
            f32::NEG_INFINITY
        } else {
            values[*i]
        }
    };
    order.sort_by(|a, b| key(b).total_cmp(&key(a)));
    order
}

/// A random order of `count` parts.
pub(crate) fn shuffled(count: usize, random: &mut RandomState) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for i in (1..count).rev() {
        let j = ((random.uniform() * (i + 1) as f64) as usize).min(i);
        order.swap(i, j);
    }
    order
}

/// A pixel map summed over parts.
pub(crate) fn summed(map: &[f32], width: usize, parts: &[Rect]) -> Vec<f32> {
    parts
        .iter()
        .map(|part| {
            let rows = part.rows.clone();
            let row = |y: usize| &map[y * width + part.columns.start..y * width + part.columns.end];
            rows.flat_map(row).map(|&v| f64::from(v)).sum::<f64>() as f32
        })
        .collect()
}

/// The area under a curve between `none` (0) and `all` (1), by trapezoids over the shares of its points, which rise
/// from 0 to 1.
///
/// `None` where the two ends are alike: then no order shows anything.
pub(crate) fn area(shares: &[f64], curve: &[f32], zero: f32, one: f32) -> Option<f32> {
    let height = f64::from(one) - f64::from(zero);
    if curve.len() < 2 || curve.len() != shares.len() || !height.is_finite() || height.abs() < 1e-6
    {
        return None;
    }
    let level = |value: f32| (f64::from(value) - f64::from(zero)) / height;
    let pieces = curve.windows(2).zip(shares.windows(2));
    let sum: f64 = pieces
        .map(|(w, s)| (s[1] - s[0]) * (level(w[0]) + level(w[1])) / 2.0)
        .sum();
    Some(sum as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(height: usize, width: usize) -> Vec<Rect> {
        (0..height / 2)
            .flat_map(|r| {
                (0..width / 2).map(move |c| Rect::new(2 * r..2 * r + 2, 2 * c..2 * c + 2))
            })
            .collect()
    }

    #[test]
    fn curves_begin_and_end_where_they_must() {
        let picture = Pixels {
            height: 4,
            width: 6,
            channels: 1,
            values: (0..24).map(|i| i as f32).collect(),
        };
        let instead = picture.filled(&[0.0]);
        let parts = blocks(4, 6);
        let deck = Deck {
            picture: &picture,
            instead: &instead,
            parts: &parts,
            steps: 4,
        };
        let mut sum = |p: &Pixels| Ok(p.values.iter().sum());
        let best = ranking(&summed(&picture.values, 6, &parts));
        assert_eq!(best[0], 5);
        let deletion = deck.deletion(&best, &mut sum).expect("scores");
        let insertion = deck.insertion(&best, &mut sum).expect("scores");
        assert_eq!((deletion.len(), insertion.len()), (5, 5));
        assert_eq!((deletion[0], deletion[4]), (276.0, 0.0));
        assert_eq!((insertion[0], insertion[4]), (0.0, 276.0));
        // For a sum the two are each other's rest.
        for (d, i) in deletion.iter().zip(&insertion) {
            assert!((d + i - 276.0).abs() < 1e-3);
        }
        let shares: Vec<f64> = (0..=4).map(|i| taken(i, 4, 6) as f64 / 6.0).collect();
        let fast = area(&shares, &deletion, 0.0, 276.0).expect("an area");
        let mut random = RandomState::new(3);
        for _ in 0..20 {
            let order = shuffled(6, &mut random);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4, 5]);
            let curve = deck.deletion(&order, &mut sum).expect("scores");
            assert!(area(&shares, &curve, 0.0, 276.0).expect("an area") >= fast);
        }
    }

    #[test]
    fn areas_are_between_the_ends() {
        let even = [0.0, 0.5, 1.0];
        assert_eq!(area(&even, &[0.0, 0.5, 1.0], 0.0, 1.0), Some(0.5));
        assert_eq!(area(&even, &[30.0, 10.0, 10.0], 10.0, 30.0), Some(0.25));
        assert_eq!(
            area(&[0.0, 0.1, 1.0], &[1.0, 0.0, 0.0], 0.0, 1.0),
            Some(0.05)
        );
        assert_eq!(area(&[0.0, 1.0], &[3.0, 3.0], 3.0, 3.0), None);
    }

    #[test]
    fn steps_are_fine_at_the_start_and_leave_nothing_out() {
        let all: Vec<usize> = (0..=20).map(|step| taken(step, 20, 1024)).collect();
        assert_eq!(all[..6], [0, 3, 10, 23, 41, 64]);
        assert_eq!(all[20], 1024);
        let few: Vec<usize> = (0..=20).map(|step| taken(step, 20, 60)).collect();
        assert_eq!(few[..6], [0, 1, 2, 3, 4, 5]);
        assert_eq!(few[20], 60);
        for (steps, parts) in [(20, 3), (1, 9), (7, 0), (5, 5)] {
            let all: Vec<usize> = (0..=steps).map(|step| taken(step, steps, parts)).collect();
            assert_eq!((all[0], all[steps]), (0, parts), "{all:?}");
            assert!(all.windows(2).all(|w| w[0] <= w[1]), "{all:?}");
        }
    }

    #[test]
    fn what_has_no_value_comes_last() {
        assert_eq!(ranking(&[0.0, f32::NAN, 2.0, -1.0, 2.0]), [2, 4, 0, 3, 1]);
    }
}
