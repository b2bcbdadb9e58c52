//! Runs the cells of a trace, in steps that fit into memory and into the time that a person waits for a sign of life.

use std::collections::BTreeMap;
use std::time::Instant;

use whyfinder_experiment::{Engine, TraceSettings};
use whyfinder_model::Decoder;
use whyfinder_model::lanes::{self, Told};

use crate::cells::{Cell, Plan};
use crate::continuation::{Continuing, PackRead};
use crate::corruption::CorruptedInput;
use crate::error::{InstrumentError, Result};
use crate::full_pass;
use crate::memory::row_flops;
use crate::pace::Pace;
use crate::packs::{Pack, Piece, at_once};
use crate::question::Question;
use crate::readout::{Gathered, Readout};
use crate::reference_runs::ReferenceRuns;
use crate::report::{CellTokens, MeasuredCell, Observer, Progress, Report, Stage};
use crate::watch::Halt;

/// Everything that stays the same from cell to cell.
pub(crate) struct Sweep<'a> {
    pub(crate) decoder: &'a Decoder,
    pub(crate) question: &'a Question,
    pub(crate) input: &'a CorruptedInput,
    pub(crate) runs: &'a ReferenceRuns,
    pub(crate) trace: &'a TraceSettings,
    pub(crate) readout: Readout,
    /// Memory for the packs that are under way.
    pub(crate) packs_bytes: u64,
    pub(crate) tracked: &'a [u32],
    pub(crate) text: &'a dyn Fn(u32) -> String,
}

/// Receives each cell as it is measured.
pub(crate) type Store<'s> = &'s mut dyn FnMut(&Cell, &MeasuredCell);

/// How far a sweep has come, and whom it tells.
pub(crate) struct Step<'a> {
    pub(crate) observer: &'a mut dyn Observer,
    pub(crate) store: Store<'a>,
    pub(crate) pace: Pace,
    pub(crate) done: usize,
    pub(crate) total: usize,
    pub(crate) flops_left: f64,
}

impl Sweep<'_> {
    /// Measures all cells of a plan, the exact engine in these packs of those to be run. `corrupted` is the corrupted
    /// run itself, which the unmoved cells repeat.
    pub(crate) fn measure(
        &self,
        plan: &Plan,
        packs: &[Pack],
        corrupted: (&[f32], &CellTokens),
        observer: &mut dyn Observer,
        store: Store<'_>,
    ) -> Result<()> {
        let plain = self.trace.engine == Engine::Plain;
        let mut step = Step {
            observer,
            store,
            pace: Pace::default(),
            done: 0,
            total: plan.run.len() + plan.unmoved.len(),
            flops_left: match plain {
                true => passes(plan, self.input) * self.full_flops(1),
                false => packs.iter().map(|pack| pack.flops).sum(),
            },
        };
        if plain {
            for cell in plan.run.iter().chain(&plan.unmoved) {
                self.full_pass(cell, &mut step)?;
            }
            return Ok(());
        }
        self.unmoved(plan, corrupted, &mut step)?;
        let mut gathered = BTreeMap::new();
        let cells = (&plan.run[..], self.input.samples);
        self.packs(
            cells,
            packs,
            &mut gathered,
            &mut step,
            &mut |step, reached| {
                step.done += reached.cells.len();
                for measured in &reached.measured {
                    step.observer.keep(Stage::only(reached.kind), measured);
                }
                step.report(reached.kind, reached.measured)
            },
        )
    }

    /// Reports the cells that repeat the corrupted run.
    pub(crate) fn unmoved(
        &self,
        plan: &Plan,
        corrupted: (&[f32], &CellTokens),
        step: &mut Step<'_>,
    ) -> Result<()> {
        for kind in &self.trace.kinds {
            let cells: Vec<_> = plan
                .unmoved
                .iter()
                .filter(|cell| cell.kind == *kind)
                .map(|cell| {
                    let (samples, tokens) = corrupted;
                    let measured = MeasuredCell {
                        cell: cell.index(self.decoder.config().layers),
                        samples: samples.to_vec(),
                        tokens: tokens.clone(),
                    };
                    (step.store)(cell, &measured);
                    measured
                })
                .collect();
            step.done += cells.len();
            step.report(kind.name(), cells)?;
        }
        Ok(())
    }

    fn full_pass(&self, cell: &Cell, step: &mut Step<'_>) -> Result<()> {
        let config = self.decoder.config();
        let began = Instant::now();
        if let Some(known) = self.known(cell, step.observer) {
            step.flops_left -= self.full_flops(1 + self.input.samples);
            (step.store)(cell, &known);
            step.done += 1;
            return step.report(cell.kind.name(), vec![known]);
        }
        let logits = full_pass::last_logits(
            self.decoder,
            self.question,
            self.input,
            self.runs,
            &self.trace.severed,
            cell,
            step.observer,
        )?;
        let mut gathered = Gathered::new(config.vocab);
        gathered.add(&logits, &self.readout)?;
        step.worked(self.full_flops(1 + self.input.samples), began);
        let measured = self.measured(cell, &gathered);
        (step.store)(cell, &measured);
        step.done += 1;
        step.observer.keep(Stage::only(cell.kind.name()), &measured);
        step.report(cell.kind.name(), vec![measured])
    }

    /// What an interrupted run measured of a cell, to its end.
    fn known(&self, cell: &Cell, observer: &dyn Observer) -> Option<MeasuredCell> {
        let index = cell.index(self.decoder.config().layers);
        let mut known = observer
            .known(Stage::only(cell.kind.name()), index)?
            .clone();
        let texts = known.tokens.top.iter().map(|(id, _)| (self.text)(*id));
        known.tokens.texts = texts.collect();
        Some(known)
    }

    fn full_flops(&self, rows: usize) -> f64 {
        let (config, length) = (self.decoder.config(), self.input.ids.len());
        rows as f64 * row_flops(config, length, config.layers, 1)
    }

    /// Some samples of some cells, which may follow others of the same cells: `gathered` holds those by index into
    /// the cells. Cells that have reached the samples given with them are stored, and `told` of them, in the order of
    /// the packs.
    ///
    /// A pack is passed over only if all of its cells are known from before: the last bits of a sum may depend on what
    /// is computed with it.
    pub(crate) fn packs(
        &self,
        (cells, samples): (&[Cell], usize),
        packs: &[Pack],
        gathered: &mut BTreeMap<usize, Gathered>,
        step: &mut Step<'_>,
        told: &mut dyn FnMut(&mut Step<'_>, Reached) -> Result<()>,
    ) -> Result<()> {
        let continuing = Continuing {
            decoder: self.decoder,
            runs: self.runs,
            severed: &self.trace.severed,
            readout: &self.readout,
        };
        let at_once = at_once(packs, self.packs_bytes, self.decoder.device());
        let of = (cells, samples);
        let mut add = |step: &mut Step<'_>, pack: &Pack, read: Option<PackRead>| {
            if let Some(read) = &read {
                step.pace.measured(pack.flops, read.took / at_once as u32);
            }
            step.flops_left -= pack.flops;
            let reached = self.reached(of, pack, read, gathered, step);
            told(step, reached)
        };
        // Whether a pack has to be run.
        let runs = |pack: &Pack, observer: &dyn Observer| {
            let known = |piece: &Piece| self.known(&cells[piece.cell], observer).is_some();
            !pack.pieces.iter().all(known)
        };
        if at_once == 1 {
            for pack in packs {
                let read = match runs(pack, step.observer) {
                    true => Some(continuing.read(cells, &pack.pieces, step.observer)?),
                    false => None,
                };
                add(step, pack, read)?;
            }
            return Ok(());
        }
        let jobs: Vec<(&Pack, bool)> = packs
            .iter()
            .map(|pack| (pack, runs(pack, step.observer)))
            .collect();
        let halt = Halt::default();
        let run = |(pack, runs): &(&Pack, bool)| match runs {
            true => continuing.read(cells, &pack.pieces, &halt).map(Some),
            false => Ok(None),
        };
        let mut outcome = Ok(());
        let mut due = packs.iter();
        lanes::in_order(&jobs, at_once, &run, &mut |word| {
            outcome = match word {
                Told::Waiting => step.asked(),
                Told::Done(read) => match (read, due.next()) {
                    (Ok(read), Some(pack)) => add(step, pack, read),
                    (Err(error), _) => Err(error),
                    (Ok(_), None) => Ok(()),
                },
            };
            if outcome.is_err() {
                halt.now();
            }
            outcome.is_ok()
        });
        outcome
    }

    /// Adds what was read off a pack, or what is known of it from before; cells that now have all their samples are
    /// stored.
    fn reached(
        &self,
        (cells, samples): (&[Cell], usize),
        pack: &Pack,
        read: Option<PackRead>,
        gathered: &mut BTreeMap<usize, Gathered>,
        step: &mut Step<'_>,
    ) -> Reached {
        let vocab = self.decoder.config().vocab;
        let mut read = read.map_or(Vec::new(), |read| read.pieces).into_iter();
        let mut reached = Reached::default();
        for piece in &pack.pieces {
            let cell = &cells[piece.cell];
            let new = read.next();
            let had = gathered.remove(&piece.cell);
            let (known, measured) = match (self.known(cell, step.observer), new) {
                (Some(mut before), _) => {
                    let end = piece.samples.end.min(before.samples.len());
                    let mut known = had.unwrap_or_else(|| Gathered::new(vocab));
                    known.samples = before.samples[..end].to_vec();
                    let enough = end >= samples.min(before.samples.len());
                    before.samples.truncate(end);
                    (known, enough.then_some(before))
                }
                (None, Some(new)) => {
                    let known = match had {
                        Some(mut known) => {
                            known.follow(&new);
                            known
                        }
                        None => new,
                    };
                    let enough = known.samples.len() >= samples;
                    let measured = enough.then(|| self.measured(cell, &known));
                    (known, measured)
                }
                (None, None) => continue,
            };
            let Some(measured) = measured else {
                gathered.insert(piece.cell, known);
                continue;
            };
            (step.store)(cell, &measured);
            reached.kind = cell.kind.name();
            reached.cells.push((piece.cell, known));
            reached.measured.push(measured);
        }
        reached
    }

    fn measured(&self, cell: &Cell, gathered: &Gathered) -> MeasuredCell {
        MeasuredCell {
            cell: cell.index(self.decoder.config().layers),
            tokens: gathered.tokens(self.tracked, self.text),
            samples: gathered.samples.clone(),
        }
    }
}

/// Cells of one kind that a pack has brought to their samples.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    pub(crate) kind: &'static str,
    /// Their indices with all that was read of them, and what was measured of each.
    pub(crate) cells: Vec<(usize, Gathered)>,
    pub(crate) measured: Vec<MeasuredCell>,
}

impl Step<'_> {
    fn worked(&mut self, flops: f64, began: Instant) {
        self.pace.measured(flops, began.elapsed());
        self.flops_left -= flops;
    }

    /// Tells of cells and of the progress.
    pub(crate) fn report(&mut self, field: &str, cells: Vec<MeasuredCell>) -> Result<()> {
        if !cells.is_empty() {
            self.observer.report(Report::Cells {
                field: field.to_string(),
                cells,
            });
        }
        self.observer.report(Report::Progress(Progress {
            done: self.done,
            total: self.total,
            seconds_left: self.pace.seconds(self.flops_left.max(0.0)),
        }));
        self.asked()
    }

    fn asked(&self) -> Result<()> {
        match self.observer.cancelled() {
            true => Err(InstrumentError::Cancelled),
            false => Ok(()),
        }
    }
}

/// Batch rows that one full pass per cell takes, without the two reference runs.
pub(crate) fn passes(plan: &Plan, input: &CorruptedInput) -> f64 {
    ((plan.run.len() + plan.unmoved.len()) * (1 + input.samples)) as f64
}
