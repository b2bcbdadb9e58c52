//! What is read off the logits of a run: the metric, and the most likely tokens.

use whyfinder_experiment::Metric;
use whyfinder_model::kernel::distribution::{Distribution, distributions};

use crate::error::{InstrumentError, Result};
use crate::report::CellTokens;

/// Tokens kept for each cell.
const TOP: usize = 5;

/// The metric with the tokens that it is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readout {
    pub(crate) metric: Metric,
    pub(crate) answer: u32,
    pub(crate) foil: Option<u32>,
}

impl Readout {
    /// The metric of one row of logits, whose distribution is at hand.
    pub(crate) fn value(&self, logits: &[f32], distribution: &Distribution) -> Result<f32> {
        let of = |token: Option<u32>| {
            token
                .and_then(|t| logits.get(t as usize))
                .copied()
                .ok_or_else(|| {
                    InstrumentError::unfit(
                        "The answer or the foil is outside the model's vocabulary; choose another.",
                    )
                })
        };
        let answer = of(Some(self.answer))?;
        let log_probability = f64::from(answer - distribution.top) - distribution.log_sum;
        Ok(match self.metric {
            Metric::Logit => answer,
            Metric::LogitDifference => answer - of(self.foil)?,
            Metric::LogProbability => log_probability as f32,
            Metric::Probability => log_probability.exp() as f32,
            Metric::Psnr => {
                return Err(InstrumentError::unfit(
                    "A next-token distribution has no PSNR; choose another metric.",
                ));
            }
        })
    }
}

/// The samples of one cell as they come in.
#[derive(Clone, Debug)]
pub(crate) struct Gathered {
    pub(crate) samples: Vec<f32>,
    sums: Vec<f32>,
}

impl Gathered {
    pub(crate) fn new(vocab: usize) -> Self {
        Self {
            samples: Vec::new(),
            sums: vec![0.0; vocab],
        }
    }

    /// Rows of logits, `[rows, vocab]`.
    pub(crate) fn add(&mut self, logits: &[f32], readout: &Readout) -> Result<()> {
        let vocab = self.sums.len();
        let rows = distributions(logits, vocab);
        for (row, logits) in rows.iter().zip(logits.chunks_exact(vocab)) {
            self.samples.push(readout.value(logits, row)?);
            for (sum, p) in self.sums.iter_mut().zip(&row.probabilities) {
                *sum += p;
            }
        }
        Ok(())
    }

    /// The samples that follow.
    pub(crate) fn follow(&mut self, later: &Gathered) {
        self.samples.extend(&later.samples);
        for (sum, p) in self.sums.iter_mut().zip(&later.sums) {
            *sum += p;
        }
    }

    /// Mean probability of each token of the vocabulary.
    pub(crate) fn mean_probabilities(&self) -> Vec<f32> {
        let n = self.samples.len() as f32;
        self.sums.iter().map(|s| s / n).collect()
    }

    /// The cell's tokens; `text` gives a token's text.
    pub(crate) fn tokens(&self, tracked: &[u32], text: &dyn Fn(u32) -> String) -> CellTokens {
        let n = self.samples.len() as f32;
        let top: Vec<(u32, f32)> = top_of(&self.sums, TOP)
            .into_iter()
            .map(|(id, sum)| (id, sum / n))
            .collect();
        CellTokens {
            texts: top.iter().map(|(id, _)| text(*id)).collect(),
            top,
            tracked: tracked
                .iter()
                .map(|&id| self.sums.get(id as usize).map_or(f32::NAN, |s| s / n))
                .collect(),
        }
    }
}

/// The `count` largest values with their indices, largest first; of equal ones the first. NaN never counts.
pub(crate) fn top_of(values: &[f32], count: usize) -> Vec<(u32, f32)> {
    let mut top: Vec<(u32, f32)> = Vec::with_capacity(count.min(values.len()) + 1);
    for (index, &value) in values.iter().enumerate() {
        let full = top.len() >= count;
        let least = top.last().map_or(f32::NEG_INFINITY, |t| t.1);
        if value.is_nan() || count == 0 || (full && value <= least) {
            continue;
        }
        let at = top.partition_point(|t| t.1 >= value);
        top.insert(at, (index as u32, value));
        top.truncate(count);
    }
    top
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_come_first_and_of_equal_ones_the_first() {
        let values = [1.0, 3.0, f32::NAN, 3.0, f32::NEG_INFINITY, 2.0];
        assert_eq!(top_of(&values, 3), [(1, 3.0), (3, 3.0), (5, 2.0)]);
        assert_eq!(top_of(&values, 9).len(), 5);
        assert_eq!(top_of(&values, usize::MAX).len(), 5);
        assert_eq!(top_of(&values, 0), []);
        assert_eq!(top_of(&[f32::NAN], 2), []);
    }

    #[test]
    fn every_metric_is_what_the_experiment_room_says_it_is() {
        let logits: Vec<f32> = (0..50)
            .map(|i| ((i * 37 % 50) as f32) * 0.3 - 4.0)
            .collect();
        let softmax = &distributions(&logits, logits.len())[0];
        for metric in Metric::ALL {
            let readout = Readout {
                metric,
                answer: 7,
                foil: Some(3),
            };
            let ours = readout.value(&logits, softmax).expect("in range");
            let theirs = metric.of(&logits, 7, Some(3)).expect("in range");
            assert!((ours - theirs).abs() < 1e-6, "{metric:?} {ours} {theirs}");
        }
        let sum: f32 = softmax.probabilities.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_token_outside_the_vocabulary_is_an_error() {
        let readout = Readout {
            metric: Metric::Logit,
            answer: 3,
            foil: None,
        };
        assert!(
            readout
                .value(&[0.0; 3], &distributions(&[0.0; 3], 3)[0])
                .is_err()
        );
    }
}
