//! Times of two sides, taken in turns.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Turns that each side gets.
const ROUNDS: usize = 3;
/// A thread pool that has just worked spins for a while, and would take a core from the other side.
const SETTLING: Duration = Duration::from_millis(300);

/// The shortest time of several runs, seconds, for as long as `seconds` lasts; at least one after a first for warmth.
pub(crate) fn shortest(seconds: f64, mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    run()?;
    let began = Instant::now();
    let mut best = f64::INFINITY;
    loop {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed().as_secs_f64());
        if began.elapsed().as_secs_f64() > seconds {
            return Ok(best);
        }
    }
}

/// The best of each side over several turns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) ours: f64,
    pub(crate) theirs: Option<f64>,
}

impl Pair {
    /// Times as long as the other side takes.
    pub(crate) fn ratio(&self) -> Option<f64> {
        self.theirs.map(|theirs| self.ours / theirs)
    }
}

/// `theirs` answers `None` where there is no other side.
pub(crate) fn in_turns(
    mut ours: impl FnMut() -> Result<f64>,
    mut theirs: impl FnMut() -> Result<Option<f64>>,
) -> Result<Pair> {
    let mut pair = Pair {
        ours: f64::INFINITY,
        theirs: None,
    };
    for _ in 0..ROUNDS {
        if let Some(seconds) = theirs()? {
            pair.theirs = Some(pair.theirs.map_or(seconds, |best| best.min(seconds)));
            std::thread::sleep(SETTLING);
        }
        pair.ours = pair.ours.min(ours()?);
    }
    Ok(pair)
}
