//! Distributions over a vocabulary.

use rayon::prelude::*;

use super::elementary::{exp, largest};
use super::vectorised::vectorised;

/// Values per partial sum in f32.
const PART: usize = 1024;

/// Softmax of one row of logits: exponentials in f32, their sum in f64.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// `[V]`.
    pub probabilities: Vec<f32>,
    /// The largest logit.
    pub top: f32,
    /// Logarithm of the sum of `exp(logit - top)`.
    pub log_sum: f64,
}

/// One distribution for each row of logits, `[R, V]`, computed side by side.
pub fn distributions(logits: &[f32], vocab: usize) -> Vec<Distribution> {
    logits.par_chunks(vocab.max(1)).map(distribution).collect()
}

/// The distribution of one row.
pub fn distribution(logits: &[f32]) -> Distribution {
    let top = largest_of(logits);
    let mut probabilities = vec![0f32; logits.len()];
    let parts = logits.chunks(PART).zip(probabilities.chunks_mut(PART));
    let sum: f64 = parts
        .map(|(logits, out)| f64::from(exponentials(logits, top, out)))
        .sum();
    scale((1.0 / sum) as f32, &mut probabilities);
    Distribution {
        probabilities,
        top,
        log_sum: sum.ln(),
    }
}

vectorised! {
    fn largest_of(x: &[f32]) -> f32 {
        largest(x)
    }
}

vectorised! {
    /// `exp(x - top)` and their sum.
    fn exponentials(x: &[f32], top: f32, out: &mut [f32]) -> f32 {
        let mut lanes = [0f32; super::elementary::LANES];
        for (x, out) in x.iter().zip(out.iter_mut()) {
            *out = exp(*x - top);
        }
        for chunk in out.chunks(super::elementary::LANES) {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *lane += *x;
            }
        }
        super::elementary::fold(lanes)
    }
}

vectorised! {
    fn scale(factor: f32, x: &mut [f32]) {
        for x in x {
            *x *= factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiny::Draws;

    #[test]
    fn rows_are_those_of_the_plain_softmax() {
        let mut draws = Draws::new(3);
        for vocab in [1, 15, 1024, 5003] {
            let mut logits = draws.values(3 * vocab, 8.0);
            logits[0] = f32::NEG_INFINITY;
            let rows = distributions(&logits, vocab);
            assert_eq!(rows.len(), 3);
            for (row, logits) in rows.iter().zip(logits.chunks(vocab)).skip(1) {
                let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let terms = logits.iter().map(|x| f64::from(x - top).exp());
                let sum: f64 = terms.clone().sum();
                assert_eq!(row.top, top);
                assert!((row.log_sum - sum.ln()).abs() < 1e-6);
                for (p, term) in row.probabilities.iter().zip(terms) {
                    assert!((f64::from(*p) - term / sum).abs() < 1e-6);
                }
            }
        }
        let broken = distributions(&[1.0, f32::NAN, 2.0], 3);
        assert!(broken[0].probabilities.iter().all(|p| p.is_nan()));
    }
}
