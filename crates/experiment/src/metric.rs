//! One number of an output.

use serde::{Deserialize, Serialize};

/// What is read off the next-token distribution at the last position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Softmax probability of the answer, 0 to 1.
    #[default]
    Probability,
    /// Natural logarithm of the probability, nats.
    LogProbability,
    /// The answer's logit.
    Logit,
    /// The answer's logit minus the foil's.
    LogitDifference,
    /// Of an image against the truth, in a region, dB.
    Psnr,
}

impl Metric {
    /// Those of a next-token distribution.
    pub const ALL: [Metric; 4] = [
        Metric::Probability,
        Metric::LogProbability,
        Metric::Logit,
        Metric::LogitDifference,
    ];

    /// The name used in files and in the window.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Probability => "probability",
            Metric::LogProbability => "log-probability",
            Metric::Logit => "logit",
            Metric::LogitDifference => "logit-difference",
            Metric::Psnr => "psnr",
        }
    }

    /// The unit of its values; empty for a pure number.
    pub fn unit(self) -> &'static str {
        match self {
            Metric::LogProbability => "nats",
            Metric::Psnr => "dB",
            _ => "",
        }
    }

    /// The metric of that name.
    pub fn named(name: &str) -> Option<Self> {
        Metric::ALL
            .into_iter()
            .chain([Metric::Psnr])
            .find(|metric| metric.name() == name)
    }

    /// Whether a foil must be named.
    pub fn needs_foil(self) -> bool {
        self == Metric::LogitDifference
    }

    /// Reads the metric off one row of logits over the vocabulary.
    ///
    /// Returns `None` if `answer` (or, where needed, `foil`) is missing or outside the row, and of a metric of images.
    pub fn of(self, logits: &[f32], answer: u32, foil: Option<u32>) -> Option<f32> {
        let a = *logits.get(answer as usize)?;
        match self {
            Metric::Logit => Some(a),
            Metric::LogitDifference => Some(a - *logits.get(foil? as usize)?),
            Metric::Probability => Some(log_probability(logits, a).exp() as f32),
            Metric::LogProbability => Some(log_probability(logits, a) as f32),
            Metric::Psnr => None,
        }
    }
}

fn log_probability(logits: &[f32], logit: f32) -> f64 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&x| f64::from(x - top).exp()).sum();
    f64::from(logit - top) - sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_of_all_answers_sum_to_one() {
        let logits = [1.5, -2.0, 0.25, 90.0, 88.0];
        let sum: f32 = (0..5)
            .filter_map(|a| Metric::Probability.of(&logits, a, None))
            .sum();
        assert!((sum - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_logit_difference_is_the_log_odds() {
        let logits = [1.5, -2.0, 0.25];
        let log = |a| {
            Metric::LogProbability
                .of(&logits, a, None)
                .expect("in range")
        };
        let difference = Metric::LogitDifference
            .of(&logits, 0, Some(1))
            .expect("in range");
        assert!((difference - (log(0) - log(1))).abs() < 1e-6);
        assert_eq!(Metric::LogitDifference.of(&logits, 0, None), None);
        assert_eq!(Metric::Logit.of(&logits, 9, None), None);
    }
}
