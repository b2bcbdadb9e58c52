//! How fast a run goes: how much fits into one step, and how long the rest takes.

use std::time::Duration;

/// How long one step should take: short enough for a window that fills while one watches, and for a cancel that is
/// felt at once.
const STEP: f64 = 0.03;

/// Measured work per second, the recent steps counting most.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    seconds_per_work: Option<f64>,
}

impl Pace {
    pub(crate) fn measured(&mut self, work: f64, took: Duration) {
        if work <= 0.0 {
            return;
        }
        let now = took.as_secs_f64() / work;
        self.seconds_per_work = Some(match self.seconds_per_work {
            None => now,
            Some(before) => 0.7 * before + 0.3 * now,
        });
    }

    pub(crate) fn seconds(&self, work: f64) -> Option<f64> {
        self.seconds_per_work.map(|s| s * work)
    }

    /// How many rows of `work_per_row` each one step should take; `None` before anything has been measured.
    pub(crate) fn rows_per_step(&self, work_per_row: f64) -> Option<usize> {
        let seconds = self.seconds(work_per_row)?;
        Some((STEP / seconds.max(1e-9)) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_takes_what_fits_into_its_time() {
        let mut pace = Pace::default();
        assert_eq!(pace.rows_per_step(1.0), None);
        pace.measured(100.0, Duration::from_millis(100));
        assert_eq!(pace.rows_per_step(3.0), Some(10));
        let left = pace.seconds(500.0).expect("measured");
        assert!((left - 0.5).abs() < 1e-9);
        pace.measured(0.0, Duration::from_secs(9));
        assert_eq!(pace.rows_per_step(3.0), Some(10));
    }
}
