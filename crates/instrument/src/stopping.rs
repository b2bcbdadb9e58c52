//! When a block has had enough interventions, or a cell enough noise draws.

use whyfinder_experiment::field::mean_and_stderr;

use crate::student::two_tailed;

/// Draws between two looks.
pub(crate) const ROUND: usize = 10;

/// Ends the draws of one effect once it is known well enough.
///
/// An interval that is looked at again and again misses more often than its confidence says. Each of the looks
/// therefore gets its share of the error (Bonferroni), so that with the stated confidence none of them misleads, as
/// far as the mean of [`ROUND`] draws is normal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StopRule {
    /// Error per look, both sides together.
    tails: f64,
    /// In the effect's unit, either way.
    resolution: f64,
    /// Below it an effect counts as none, so that its sign need not be known.
    tolerance: f64,
}

impl StopRule {
    /// `confidence` from 0.5 to below 1; `most` is how many draws there are at most; `resolution` and `tolerance` are
    /// in the effect's unit.
    pub(crate) fn new(confidence: f64, most: usize, resolution: f64, tolerance: f64) -> Self {
        Self {
            tails: (1.0 - confidence) / most.div_ceil(ROUND).max(1) as f64,
            resolution,
            tolerance,
        }
    }

    /// Whether the effects of so many draws are enough.
    pub(crate) fn is_settled(&self, effects: &[f32]) -> bool {
        if effects.len() < ROUND {
            return false;
        }
        let (mean, stderr) = mean_and_stderr(effects);
        let half = two_tailed(self.tails, effects.len() - 1) * f64::from(stderr);
        let sign_known = f64::from(mean).abs() > half || half <= self.tolerance;
        half <= self.resolution && sign_known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> StopRule {
        StopRule::new(0.95, 50, 0.1, 0.01)
    }

    #[test]
    fn what_is_clear_or_nothing_is_settled_and_what_may_be_either_is_not() {
        let rule = rule();
        let around = |mean: f32, spread: f32, count: usize| -> Vec<f32> {
            (0..count)
                .map(|i| mean + if i % 2 == 0 { spread } else { -spread })
                .collect()
        };
        assert!(
            !rule.is_settled(&around(5.0, 0.0, ROUND - 1)),
            "too few to say"
        );
        assert!(rule.is_settled(&around(5.0, 0.0, ROUND)), "always the same");
        assert!(rule.is_settled(&around(1.0, 0.05, ROUND)), "clear");
        assert!(!rule.is_settled(&around(0.02, 0.05, ROUND)), "either sign");
        assert!(!rule.is_settled(&around(5.0, 1.0, ROUND)), "another colour");
        assert!(
            rule.is_settled(&around(0.001, 0.005, ROUND)),
            "nothing either way"
        );
        assert!(!rule.is_settled(&[f32::NAN; ROUND]), "not a number");
    }

    #[test]
    fn at_the_stated_confidence_no_look_misleads() {
        let rule = rule();
        // Even draws around a small effect: how often is a wrong sign settled on at any of five looks?
        let mut state = 7u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        };
        let (mut wrong, runs) = (0, 4000);
        for _ in 0..runs {
            let effects: Vec<f32> = (0..50).map(|_| 0.012 + 0.3 * next()).collect();
            let first = (1..=5).find(|look| rule.is_settled(&effects[..look * ROUND]));
            let misled =
                first.is_some_and(|look| mean_and_stderr(&effects[..look * ROUND]).0 < 0.0);
            wrong += usize::from(misled);
        }
        assert!((wrong as f64) < 0.05 * f64::from(runs), "{wrong}");
    }

    #[test]
    fn at_the_stated_confidence_what_was_settled_is_as_near_as_said() {
        let rule = StopRule::new(0.9, 100, 0.08, 0.008);
        let mut state = 11u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let (mut far, mut early, runs) = (0, 0, 3000);
        for _ in 0..runs {
            let truth = 0.2f32;
            let effects: Vec<f32> = (0..100)
                .map(|_| {
                    let radius = (-2.0 * uniform().max(1e-300).ln()).sqrt();
                    truth + 0.2 * (radius * (std::f64::consts::TAU * uniform()).cos()) as f32
                })
                .collect();
            let look = (1..=10).find(|look| rule.is_settled(&effects[..look * ROUND]));
            if let Some(look) = look {
                let (mean, _) = mean_and_stderr(&effects[..look * ROUND]);
                far += usize::from((mean - truth).abs() > 0.08);
                early += usize::from(look < 10);
            }
        }
        assert!((far as f64) < 0.1 * f64::from(runs), "{far} of {runs}");
        assert!(early > runs as usize / 2, "{early} of {runs} ended early");
    }
}
