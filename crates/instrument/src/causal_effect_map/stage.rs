//! The two stages: a few interventions on every block, many on those that move anything.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Instant;

use whyfinder_experiment::image_experiment::InterventionSettings;
use whyfinder_model::network::Held;

use super::draws::DrawSource;
use super::engine::{Pack, Runner};
use super::grid::{Block, Grid};
use super::{DRAWN_AHEAD, Maps, Prepared};
use crate::error::{InstrumentError, Result};
use crate::image::quality::psnr;
use crate::pace::Pace;
use crate::report::{self, CellTokens, MeasuredCell, Observer, Progress, Report};
use crate::stopping::{ROUND, StopRule};

/// Arithmetic of one step: some tens of milliseconds on a desktop processor. Counted, not timed, since the last bits
/// of a sum may depend on the batch that it is in, and a run has to give the same numbers again.
const STEP_FLOPS: f64 = 2e9;
/// Blocks that are passed over between two looks at whether the run is cancelled.
const LOOKED_UP: usize = 1024;
/// Patches beyond which a batch gains nothing.
const MOST_PATCHES: usize = 256;

/// The effects of one block's interventions, dB, in the order of the draws.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) block: usize,
    pub(super) effects: Vec<f32>,
    pub(super) split: Option<Split>,
}

/// What of each effect goes from pixel to pixel, and what is carried by pooling over the whole picture.
#[derive(Clone, Debug)]
pub(super) struct Split {
    pub(super) direct: Vec<f32>,
    pub(super) mediated: Vec<f32>,
}

/// What has been done and what is left, in interventions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    done: usize,
    total: usize,
    flops_left: f64,
}

/// The interventions on one block.
pub(super) struct Work<'p> {
    pub(super) block: &'p Block,
    /// `[count, h, w, C]`.
    pub(super) patches: &'p [u8],
    pub(super) count: usize,
    /// From earlier rounds.
    pub(super) known: Gathered,
}

impl<'p> Work<'p> {
    /// The interventions of one round, behind what is known.
    fn round(&self, round: usize, known: &Gathered) -> Self {
        let size = self.patches.len() / self.count.max(1);
        let (first, end) = (round * ROUND, ((round + 1) * ROUND).min(self.count));
        Self {
            block: self.block,
            patches: &self.patches[first * size..end * size],
            count: end - first,
            known: known.clone(),
        }
    }

    fn packs(&self, at_once: usize) -> impl Iterator<Item = Pack<'p>> + use<'p> {
        let size = (self.patches.len() / self.count.max(1)).max(1);
        let at = &self.block.rect;
        self.patches
            .chunks(size * at_once)
            .map(move |patches| Pack {
                at,
                patches,
                count: patches.len() / size,
            })
    }
}

/// What is known of a block so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    effects: Vec<f32>,
    direct: Vec<f32>,
}

impl Gathered {
    fn measured(self, block: usize, mediation: Option<Held>) -> Measured {
        let Self { effects, direct } = self;
        let split = mediation.map(|held| {
            // Where nothing is pooled, all of an effect is direct.
            let direct = if held == Held::Pooled {
                direct
            } else {
                effects.clone()
            };
            let pairs = effects.iter().zip(&direct);
            Split {
                mediated: pairs.map(|(all, direct)| all - direct).collect(),
                direct,
            }
        });
        Measured {
            block,
            effects,
            split,
        }
    }
}

/// Everything that stays the same from block to block, and how far it has come.
pub(super) struct Sweep<'a> {
    pub(super) runner: &'a Runner<'a>,
    /// Of the region, 8 bits.
    pub(super) truth: &'a [u8],
    /// The PSNR without an intervention, dB.
    pub(super) base: f64,
    /// What is held for the direct effects; none if they are not asked for.
    pub(super) mediation: Option<Held>,
    /// Of each block's effect, dB; the largest are looked at first.
    pub(super) estimates: Option<&'a [f32]>,
    /// Bytes for one batch.
    pub(super) spare_bytes: u64,
    pub(super) source: DrawSource<'a>,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) pace: Pace,
    pub(super) progress: Done,
    /// Whole passes so far, an intervention counted as the part of one that it takes.
    pub(super) passes: f64,
    pub(super) passes_plain: f64,
    /// Which of the two runs, 0 or 1.
    pub(super) stage: u32,
}

impl Sweep<'_> {
    /// Runs both stages and gives the number of refined blocks.
    pub(super) fn both_stages(
        &mut self,
        prepared: &Prepared,
        settings: &InterventionSettings,
        maps: &mut Maps,
    ) -> Result<usize> {
        let run = prepared.run_blocks(settings);
        let mut hot = vec![false; prepared.grid.blocks.len()];
        let coarse = Stage {
            draws: 0..settings.coarse,
            blocks: &prepared.grid.blocks.iter().collect::<Vec<_>>(),
            rule: None,
        };
        let (mut measured_blocks, mut hot_blocks) = (0usize, 0usize);
        let all_flops: f64 = run.iter().map(|b| self.runner.flops(&b.rect)).sum();
        let mean_flops = all_flops / run.len().max(1) as f64;
        let coarse_total = settings.coarse * run.len();
        self.stage(
            &coarse,
            &prepared.grid,
            &|block| prepared.runs(settings, block),
            &mut |sweep, measured| {
                hot[measured.block] = moves(&measured.effects, settings);
                measured_blocks += 1;
                hot_blocks += usize::from(hot[measured.block]);
                maps.store(measured);
                // As many of the others are taken to be refined as of those so far.
                let refined = (hot_blocks * run.len()).div_ceil(measured_blocks);
                let left = run.len() - measured_blocks;
                sweep.progress = Done {
                    done: measured_blocks * settings.coarse,
                    total: coarse_total + refined * settings.fine,
                    flops_left: mean_flops
                        * (left * settings.coarse + refined * settings.fine) as f64,
                };
            },
        )?;
        let hot: Vec<&Block> = run.into_iter().filter(|block| hot[block.index]).collect();
        let rule = settings.confidence.map(|confidence| {
            let (resolution, tolerance) = (settings.resolution, settings.tolerance);
            StopRule::new(confidence, settings.fine, resolution, tolerance)
        });
        let fine = Stage {
            draws: settings.coarse..settings.coarse + settings.fine,
            blocks: &hot,
            rule,
        };
        // What is left on each block; nothing of one that is settled.
        let mut left = vec![0usize; prepared.grid.blocks.len()];
        hot.iter()
            .for_each(|block| left[block.index] = settings.fine);
        let flops = |block: &Block| self.runner.flops(&block.rect);
        let per_draw: Vec<f64> = prepared.grid.blocks.iter().map(flops).collect();
        let mut done = coarse_total;
        self.stage = 1;
        self.stage(&fine, &prepared.grid, &|_| true, &mut |sweep, measured| {
            maps.store(measured);
            let (block, count) = (measured.block, measured.effects.len());
            done += (left[block] + count).saturating_sub(settings.fine);
            let settled = rule.is_some_and(|rule| rule.is_settled(&measured.effects));
            left[block] = if settled {
                0
            } else {
                settings.fine - count.min(settings.fine)
            };
            let draws_left: usize = left.iter().sum();
            sweep.progress = Done {
                done,
                total: done + draws_left,
                flops_left: left
                    .iter()
                    .zip(&per_draw)
                    .map(|(&n, flops)| n as f64 * flops)
                    .sum(),
            };
        })?;
        Ok(hot.len())
    }

    /// The largest estimates first; without estimates from the region outwards.
    fn order(&self, grid: &Grid, blocks: &mut [&Block]) {
        grid.outwards(blocks);
        if let Some(estimates) = self.estimates {
            let size = |block: &Block| estimates[block.index].abs();
            blocks.sort_by(|a, b| size(b).total_cmp(&size(a)));
        }
    }

    /// Some interventions on every block, then some more on those of which too little is known, and so on.
    fn rounds(
        &mut self,
        rule: StopRule,
        work: &[Work<'_>],
        store: &mut dyn FnMut(&mut Self, &Measured),
    ) -> Result<()> {
        let mut known = vec![Gathered::default(); work.len()];
        let places: HashMap<usize, usize> = work
            .iter()
            .enumerate()
            .map(|(place, work)| (work.block.index, place))
            .collect();
        let rounds = work.iter().map(|work| work.count.div_ceil(ROUND)).max();
        for round in 0..rounds.unwrap_or(0) {
            let some: Vec<Work<'_>> = work
                .iter()
                .zip(&known)
                .filter(|(_, known)| !rule.is_settled(&known.effects))
                .map(|(work, known)| work.round(round, known))
                .collect();
            self.run(&some, &mut |sweep, measured| {
                if let Some(known) = places.get(&measured.block).map(|&place| &mut known[place]) {
                    known.effects.clone_from(&measured.effects);
                    known.direct = measured
                        .split
                        .as_ref()
                        .map_or(Vec::new(), |s| s.direct.clone());
                }
                store(sweep, measured);
            })?;
        }
        Ok(())
    }

    /// Draws in the order of the blocks, runs in that of the estimates.
    fn stage(
        &mut self,
        stage: &Stage<'_>,
        grid: &Grid,
        runs: &dyn Fn(&Block) -> bool,
        store: &mut dyn FnMut(&mut Self, &Measured),
    ) -> Result<()> {
        let per_block = (stage.draws.len() * self.source.patch_bytes()).max(1);
        let mut left = stage.blocks.iter().peekable();
        while left.peek().is_some() {
            let mut drawn: Vec<Vec<u8>> = Vec::new();
            let mut blocks: Vec<&Block> = Vec::new();
            let mut places = vec![usize::MAX; grid.blocks.len()];
            while let Some(block) = left.next_if(|_| drawn.len() * per_block < DRAWN_AHEAD) {
                if runs(block) {
                    places[block.index] = drawn.len();
                    blocks.push(block);
                    drawn.push(self.source.draw(block, stage.draws.clone()));
                } else {
                    self.source.skip(stage.draws.len());
                    if block.index.is_multiple_of(LOOKED_UP) && self.observer.cancelled() {
                        return Err(InstrumentError::Cancelled);
                    }
                }
            }
            self.order(grid, &mut blocks);
            let work: Vec<Work<'_>> = blocks
                .into_iter()
                .map(|block| Work {
                    block,
                    patches: &drawn[places[block.index]],
                    count: stage.draws.len(),
                    known: Gathered::default(),
                })
                .collect();
            match stage.rule {
                Some(rule) => self.rounds(rule, &work, store)?,
                None => self.run(&work, store)?,
            }
        }
        Ok(())
    }

    /// Runs blocks in packs, several packs at once, and hands on each block as it is done.
    pub(super) fn run(
        &mut self,
        work: &[Work<'_>],
        store: &mut dyn FnMut(&mut Self, &Measured),
    ) -> Result<()> {
        let packs: Vec<(usize, Pack<'_>)> = work
            .iter()
            .enumerate()
            .flat_map(|(i, work)| {
                let at_once = self.patches_per_step(work.block);
                work.packs(at_once).map(move |pack| (i, pack))
            })
            .collect();
        let mut packs = packs.as_slice();
        let mut new = Gathered::default();
        while let Some((first, _)) = packs.first() {
            let fit =
                self.spare_bytes / self.runner.bytes_per_patch(&work[*first].block.rect).max(1);
            let at_once = self
                .runner
                .packs_at_once()
                .min(fit as usize)
                .clamp(1, packs.len());
            let (wave, rest) = packs.split_at(at_once);
            packs = rest;
            let began = Instant::now();
            let only: Vec<Pack<'_>> = wave.iter().map(|(_, pack)| *pack).collect();
            let flops = |pack: &Pack<'_>| pack.count as f64 * self.runner.flops(pack.at);
            let all: f64 = only.iter().map(flops).sum();
            let (effects, direct) = match self.known_before(wave, work, new.effects.len()) {
                Some(known) => known,
                None => {
                    let effects = self.effects(&only, Held::Nothing)?;
                    let direct = match self.mediation {
                        Some(Held::Pooled) => self.effects(&only, Held::Pooled)?,
                        _ => vec![Vec::new(); only.len()],
                    };
                    self.pace.measured(all, began.elapsed());
                    (effects, direct)
                }
            };
            let runs = self.runs_per_draw();
            self.passes += runs * all / self.runner.whole_flops().max(1.0);
            for (((i, pack), effects), direct) in wave.iter().zip(effects).zip(direct) {
                self.passes_plain += runs * pack.count as f64;
                new.effects.extend(effects);
                new.direct.extend(direct);
                let work = &work[*i];
                if new.effects.len() == work.count {
                    let mut all = work.known.clone();
                    let new = std::mem::take(&mut new);
                    all.effects.extend(new.effects);
                    all.direct.extend(new.direct);
                    self.keep(work.block.index, &all);
                    let measured = all.measured(work.block.index, self.mediation);
                    store(self, &measured);
                    self.report(measured)?;
                }
            }
            if self.observer.cancelled() {
                return Err(InstrumentError::Cancelled);
            }
        }
        Ok(())
    }

    /// The effects, and where they are asked for the direct ones, of a wave's packs, as an interrupted run measured them;
    /// `None` unless all are known. `begun` effects of the first pack's block are there already.
    #[allow(
        clippy::type_complexity,
        reason = "two lists of lists, taken apart at once"
    )]
    fn known_before(
        &self,
        wave: &[(usize, Pack<'_>)],
        work: &[Work<'_>],
        begun: usize,
    ) -> Option<(Vec<Vec<f32>>, Vec<Vec<f32>>)> {
        let (mut effects, mut direct) = (Vec::new(), Vec::new());
        let (mut last, mut first) = (None, begun);
        for (i, pack) in wave {
            if last.is_some_and(|last| last != *i) {
                first = 0;
            }
            last = Some(*i);
            let (work, from) = (&work[*i], work[*i].known.effects.len() + first);
            let of = |field: &str| -> Option<Vec<f32>> {
                let stage = report::Stage {
                    number: self.stage,
                    field,
                };
                let known = self.observer.known(stage, work.block.index)?;
                Some(known.samples.get(from..from + pack.count)?.to_vec())
            };
            effects.push(of("effect")?);
            direct.push(match self.mediation {
                Some(Held::Pooled) => of("effect.direct")?,
                _ => Vec::new(),
            });
            first += pack.count;
        }
        Some((effects, direct))
    }

    fn keep(&mut self, block: usize, all: &Gathered) {
        for (field, samples) in [("effect", &all.effects), ("effect.direct", &all.direct)] {
            if !samples.is_empty() {
                let stage = report::Stage {
                    number: self.stage,
                    field,
                };
                let cell = MeasuredCell {
                    cell: block,
                    samples: samples.clone(),
                    tokens: CellTokens::default(),
                };
                self.observer.keep(stage, &cell);
            }
        }
    }

    /// Runs of one draw: a second one where direct effects are asked for and are not the effects themselves.
    pub(super) fn runs_per_draw(&self) -> f64 {
        match self.mediation {
            Some(Held::Pooled) => 2.0,
            _ => 1.0,
        }
    }

    /// For each pack, the effects of its patches, dB.
    fn effects(&self, packs: &[Pack<'_>], held: Held) -> Result<Vec<Vec<f32>>> {
        let outputs = self.runner.outputs(packs, held)?;
        let effect = |output: &[f32]| (self.base - psnr(output, self.truth)) as f32;
        Ok(outputs
            .iter()
            .map(|outputs| {
                outputs
                    .chunks_exact(self.truth.len().max(1))
                    .map(effect)
                    .collect()
            })
            .collect())
    }

    /// Bytes that interventions on one of some blocks take at once, at most.
    pub(super) fn working_bytes(&self, blocks: &[&Block], settings: &InterventionSettings) -> u64 {
        let draws = settings.coarse.max(settings.fine);
        let of_block = blocks.iter().map(|block| {
            let patches = self.patches_per_step(block).min(draws) as u64;
            self.runner.bytes_per_patch(&block.rect) * patches
        });
        of_block.max().unwrap_or(0) * self.runner.places_alive() as u64
    }

    pub(super) fn patches_per_step(&self, block: &Block) -> usize {
        let at_once = self.runner.packs_at_once() as u64;
        let bytes = self.runner.bytes_per_patch(&block.rect).max(1) * at_once;
        let fit = usize::try_from(self.spare_bytes / bytes).unwrap_or(usize::MAX);
        ((STEP_FLOPS / self.runner.flops(&block.rect).max(1.0)) as usize)
            .min(fit)
            .clamp(1, MOST_PATCHES)
    }

    fn report(&mut self, measured: Measured) -> Result<()> {
        let cells = |field: &str, samples: Vec<f32>| Report::Cells {
            field: field.to_string(),
            cells: vec![MeasuredCell {
                cell: measured.block,
                samples,
                tokens: CellTokens::default(),
            }],
        };
        self.observer.report(cells("effect", measured.effects));
        if let Some(split) = measured.split {
            self.observer.report(cells("effect.direct", split.direct));
            self.observer
                .report(cells("effect.mediated", split.mediated));
        }
        self.observer.report(Report::Progress(Progress {
            done: self.progress.done,
            total: self.progress.total,
            seconds_left: self.pace.seconds(self.progress.flops_left),
        }));
        if self.observer.cancelled() {
            return Err(InstrumentError::Cancelled);
        }
        Ok(())
    }
}

/// Whether a block's coarse interventions ask for fine ones.
pub(super) fn moves(effects: &[f32], settings: &InterventionSettings) -> bool {
    let most = effects.iter().map(|e| e.abs()).fold(0.0, f32::max);
    settings.fine > 0 && f64::from(most) >= settings.tolerance
}

/// Which draws, on which blocks (in their order).
pub(super) struct Stage<'a> {
    pub(super) draws: Range<usize>,
    pub(super) blocks: &'a [&'a Block],
    pub(super) rule: Option<StopRule>,
}
