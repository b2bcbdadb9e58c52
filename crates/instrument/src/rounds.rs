//! A sweep whose noise draws come in rounds: after each, cells that are known well enough get no more.
//!
//! The draws are the first ones of the fixed sweep, the same for all cells.

use std::collections::BTreeMap;

use whyfinder_experiment::field::mean_and_stderr;

use crate::cells::{Cell, Plan};
use crate::error::Result;
use crate::estimates::largest_first;
use crate::pace::Pace;
use crate::packs::{Cut, packs};
use crate::readout::Gathered;
use crate::report::{CellTokens, Observer, Stage};
use crate::stopping::{ROUND, StopRule};
use crate::sweep::{Step, Store, Sweep};

/// When a cell has had enough draws, and what its packs are cut by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds<'a> {
    pub(crate) rule: StopRule,
    /// Cells that go through their rounds side by side.
    pub(crate) at_once: usize,
    /// `samples` are the most that a cell gets.
    pub(crate) cut: Cut<'a>,
    /// Arithmetic if no cell ended early.
    pub(crate) most_flops: f64,
    /// Estimated effects of the cells to be run.
    pub(crate) estimated: Option<&'a [f32]>,
}

/// A cell that is not known well enough.
struct Open {
    /// Index into the plan's cells.
    index: usize,
    gathered: Gathered,
}

impl Sweep<'_> {
    /// Measures all cells of a plan as far as the rule asks, and gives the arithmetic that it took. `corrupted` is the
    /// corrupted run itself, which effects are measured from, draw by draw.
    pub(crate) fn in_rounds(
        &self,
        plan: &Plan,
        rounds: &Rounds<'_>,
        corrupted: (&[f32], &CellTokens),
        observer: &mut dyn Observer,
        store: Store<'_>,
    ) -> Result<f64> {
        let mut step = Step {
            observer,
            store,
            pace: Pace::default(),
            done: 0,
            total: plan.run.len() + plan.unmoved.len(),
            flops_left: rounds.most_flops,
        };
        self.unmoved(plan, corrupted, &mut step)?;
        let mut spent = 0.0;
        let all: Vec<usize> = (0..plan.run.len()).collect();
        let mut later = all.len();
        for group in all.chunks(rounds.at_once.max(1)) {
            later -= group.len();
            let vocab = self.decoder.config().vocab;
            let mut open: Vec<Open> = group
                .iter()
                .map(|&index| Open {
                    index,
                    gathered: Gathered::new(vocab),
                })
                .collect();
            for first in (0..rounds.cut.samples).step_by(ROUND) {
                if open.is_empty() {
                    break;
                }
                let beyond = rounds.most_flops * later as f64 / all.len() as f64;
                let round = Round {
                    first,
                    beyond,
                    floor: corrupted.0,
                };
                spent += self.round(plan, rounds, round, &mut open, &mut step)?;
            }
        }
        Ok(spent)
    }

    /// Some more draws of the open cells; those that are settled by them are open no longer.
    fn round(
        &self,
        plan: &Plan,
        rounds: &Rounds<'_>,
        round: Round<'_>,
        open: &mut Vec<Open>,
        step: &mut Step<'_>,
    ) -> Result<f64> {
        let most = rounds.cut.samples;
        let cut = Cut {
            first: round.first,
            samples: ROUND.min(most - round.first),
            ..rounds.cut
        };
        let end = cut.first + cut.samples;
        let cells: Vec<Cell> = open.iter().map(|o| plan.run[o.index].clone()).collect();
        // What is largest comes first; once there are draws, what is least known.
        let urgent: Vec<f32> = open
            .iter()
            .map(|o| match (round.first, rounds.estimated) {
                (0, Some(estimated)) => estimated[o.index],
                (0, None) => 0.0,
                _ => mean_and_stderr(&round.effects(&o.gathered.samples)).1,
            })
            .collect();
        let packs = largest_first(&packs(&cells, cut), &urgent);
        let flops: f64 = packs.iter().map(|pack| pack.flops).sum();
        let rounds_left = (most - round.first) as f64 / cut.samples as f64;
        step.flops_left = flops * rounds_left + round.beyond;
        let indices: Vec<usize> = open.iter().map(|o| o.index).collect();
        let mut gathered: BTreeMap<usize, Gathered> =
            open.drain(..).map(|o| o.gathered).enumerate().collect();
        let mut rest = BTreeMap::new();
        let of = (&cells[..], end);
        self.packs(of, &packs, &mut gathered, step, &mut |step, reached| {
            for ((cell, gathered), measured) in reached.cells.into_iter().zip(&reached.measured) {
                let effects = round.effects(&measured.samples);
                if end == most || rounds.rule.is_settled(&effects) {
                    step.done += 1;
                    step.observer.keep(Stage::only(reached.kind), measured);
                } else {
                    rest.insert(cell, gathered);
                }
            }
            step.report(reached.kind, reached.measured)
        })?;
        open.extend(rest.into_iter().map(|(cell, gathered)| Open {
            index: indices[cell],
            gathered,
        }));
        Ok(flops)
    }
}

/// One round of draws.
#[derive(Clone, Copy)]
struct Round<'a> {
    first: usize,
    /// Arithmetic, at most, of the cells that come later.
    beyond: f64,
    /// The corrupted run, draw by draw.
    floor: &'a [f32],
}

impl Round<'_> {
    fn effects(&self, samples: &[f32]) -> Vec<f32> {
        samples.iter().zip(self.floor).map(|(s, f)| s - f).collect()
    }
}
