//! How long a run takes: what is left of it, and what one step of it is worth.

use std::time::{Duration, Instant};

use crate::error::Result;

/// A step that takes longer than this is timed once, seconds.
const LONG: f64 = 1.0;
/// Shorter ones are timed again and again for so long, seconds, or so often.
const LOOK: f64 = 0.4;
const OFTEN: usize = 5;

/// Seconds of one step, which is done now: several times if it is short, and the first time, which may still bring
/// weights and memory in, is not counted.
pub(crate) fn seconds_of(mut step: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut once = || -> Result<f64> {
        let began = Instant::now();
        step()?;
        Ok(began.elapsed().as_secs_f64())
    };
    let first = once()?;
    if first > LONG {
        return Ok(first);
    }
    let (mut seconds, mut done) = (0.0, 0);
    while done == 0 || (done < OFTEN && seconds < LOOK) {
        seconds += once()?;
        done += 1;
    }
    Ok(first.min(seconds / done as f64))
}

/// Measured time per floating-point operation, the recent steps counting most.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    seconds_per_flop: Option<f64>,
}

impl Pace {
    pub(crate) fn measured(&mut self, flops: f64, took: Duration) {
        if flops <= 0.0 {
            return;
        }
        let now = took.as_secs_f64() / flops;
        self.seconds_per_flop = Some(match self.seconds_per_flop {
            None => now,
            Some(before) => 0.7 * before + 0.3 * now,
        });
    }

    /// `None` before anything has been measured.
    pub(crate) fn seconds(&self, flops: f64) -> Option<f64> {
        self.seconds_per_flop.map(|s| s * flops)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_timed_without_what_the_first_one_has_to_bring() {
        let mut done = 0;
        let seconds = seconds_of(|| {
            done += 1;
            std::thread::sleep(Duration::from_millis(if done == 1 { 60 } else { 5 }));
            Ok(())
        });
        let seconds = seconds.expect("a step");
        assert!((0.005..0.05).contains(&seconds), "{seconds}");
        assert_eq!(done, 1 + OFTEN);
    }

    #[test]
    fn what_is_left_takes_as_long_as_what_was_done() {
        let mut pace = Pace::default();
        assert_eq!(pace.seconds(1.0), None);
        pace.measured(100.0, Duration::from_millis(100));
        let left = pace.seconds(500.0).expect("measured");
        assert!((left - 0.5).abs() < 1e-9);
        pace.measured(0.0, Duration::from_secs(9));
        assert_eq!(pace.seconds(500.0), Some(left));
        for _ in 0..50 {
            pace.measured(100.0, Duration::from_millis(200));
        }
        assert!((pace.seconds(500.0).expect("measured") - 1.0).abs() < 1e-3);
    }
}
