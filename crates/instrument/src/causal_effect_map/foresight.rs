//! What a map will take, from a few of its blocks that are tried as the map tries them.

use std::time::Instant;

use whyfinder_experiment::image_experiment::InterventionSettings;

use super::grid::Block;
use super::stage::{Gathered, Measured, Sweep, Work, moves};
use crate::error::Result;
use crate::report::{Observer, Report};
use crate::spread::spread;

/// Trying goes on for this long, seconds, unless the fewest blocks already take longer.
const LOOK: f64 = 0.4;
const FEWEST: usize = 6;
const MOST: usize = 64;

/// What is left of a map once its base run is there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Foresight {
    pub(super) seconds: f64,
    /// Blocks that will be refined.
    pub(super) refined: f64,
    /// Floating-point operations.
    pub(super) flops: f64,
}

/// Hears nothing of what is only tried.
pub(super) struct Deaf;

impl Observer for Deaf {
    fn report(&mut self, _report: Report) {}

    fn cancelled(&self) -> bool {
        false
    }
}

/// One block that was tried.
struct Seen {
    /// Seconds of its coarse interventions.
    seconds: f64,
    flops: f64,
    hot: bool,
}

impl Sweep<'_> {
    /// `blocks` are those that will be run, from the region outwards: what they take and whether they move anything
    /// depends on how far they are from it. As in the map itself, several are run at once.
    pub(super) fn foresee(
        &mut self,
        blocks: &[&Block],
        settings: &InterventionSettings,
    ) -> Result<Foresight> {
        let groups: Vec<&[&Block]> = blocks.chunks(self.runner.packs_at_once().max(1)).collect();
        let Some(first) = groups.first() else {
            return Ok(Foresight::default());
        };
        // The first ones warm the machine up, and say what many draws gain from being run together.
        self.tried(first, settings.coarse)?;
        let gain = self.gain(first, settings)?;
        let began = Instant::now();
        let mut seen = Vec::new();
        for group in spread(groups.len()).map(|rank| groups[rank]) {
            let (seconds, measured) = self.tried(group, settings.coarse)?;
            seen.extend(group.iter().zip(measured).map(|(block, measured)| Seen {
                seconds: seconds / group.len() as f64,
                flops: self.runner.flops(&block.rect),
                hot: moves(&measured.effects, settings),
            }));
            let long = began.elapsed().as_secs_f64() > LOOK;
            if seen.len() >= MOST || (long && seen.len() >= FEWEST) {
                break;
            }
        }
        let (coarse, fine) = (settings.coarse.max(1) as f64, settings.fine as f64);
        let stands_for = blocks.len() as f64 / seen.len().max(1) as f64;
        let runs = self.runs_per_draw();
        let mut ahead = Foresight::default();
        for block in seen {
            let hot = f64::from(u8::from(block.hot));
            ahead.refined += stands_for * hot;
            ahead.flops += stands_for * runs * (coarse + hot * fine) * block.flops;
            ahead.seconds += stands_for * block.seconds * (1.0 + hot * fine / coarse * gain);
        }
        Ok(ahead)
    }

    /// Seconds of some draws on each of some blocks, and what they did, block by block.
    fn tried(&mut self, blocks: &[&Block], draws: usize) -> Result<(f64, Vec<Measured>)> {
        let began = Instant::now();
        let drawn: Vec<Vec<u8>> = blocks
            .iter()
            .map(|block| self.source.draw(block, 0..draws))
            .collect();
        let work: Vec<Work<'_>> = blocks
            .iter()
            .zip(&drawn)
            .map(|(&block, patches)| Work {
                block,
                patches,
                count: draws,
                known: Gathered::default(),
            })
            .collect();
        let mut found = Vec::new();
        self.run(&work, &mut |_, measured| found.push(measured.clone()))?;
        Ok((began.elapsed().as_secs_f64(), found))
    }

    /// The time of a fine draw in parts of that of a coarse one.
    fn gain(&mut self, blocks: &[&Block], settings: &InterventionSettings) -> Result<f64> {
        let step = blocks.first().map_or(1, |b| self.patches_per_step(b));
        let (few, many) = (settings.coarse.max(1), settings.fine.min(step));
        if many <= few {
            return Ok(1.0);
        }
        let alone = self.tried(blocks, few)?.0 / few as f64;
        let together = self.tried(blocks, many)?.0 / many as f64;
        Ok((together / alone.max(f64::MIN_POSITIVE)).min(1.0))
    }
}
