//! Runs the cells of a trace, in steps that fit into memory and into the time that a person waits for a sign of life.

use std::collections::BTreeMap;
use std::time::Instant;

use whyfinder_experiment::{Engine, TraceSettings};
use whyfinder_model::Decoder;

use crate::cells::{Cell, Plan};
use crate::continuation;
use crate::corruption::CorruptedInput;
use crate::error::{InstrumentError, Result};
use crate::full_pass;
use crate::memory::row_flops;
use crate::pace::Pace;
use crate::packs::Pack;
use crate::question::Question;
use crate::readout::{Gathered, Readout};
use crate::reference_runs::ReferenceRuns;
use crate::report::{CellTokens, MeasuredCell, Observer, Progress, Report, Stage};

/// Everything that stays the same from cell to cell.
pub(crate) struct Sweep<'a> {
    pub(crate) decoder: &'a Decoder,
    pub(crate) question: &'a Question,
    pub(crate) input: &'a CorruptedInput,
    pub(crate) runs: &'a ReferenceRuns,
    pub(crate) trace: &'a TraceSettings,
    pub(crate) readout: Readout,
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
        for pack in packs {
            let reached = self.pack(
                &plan.run,
                pack,
                self.input.samples,
                &mut gathered,
                &mut step,
            )?;
            for cell in &reached.cells {
                gathered.remove(cell);
            }
            step.done += reached.cells.len();
            for measured in &reached.measured {
                step.observer.keep(Stage::only(reached.kind), measured);
            }
            step.report(reached.kind, reached.measured)?;
        }
        Ok(())
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
    /// `cells`. Cells that have reached `samples` are stored.
    ///
    /// A pack is passed over only if all of its cells are known from before: the last bits of a sum may depend on what
    /// is computed with it.
    pub(crate) fn pack(
        &self,
        cells: &[Cell],
        pack: &Pack,
        samples: usize,
        gathered: &mut BTreeMap<usize, Gathered>,
        step: &mut Step<'_>,
    ) -> Result<Reached> {
        let vocab = self.decoder.config().vocab;
        let began = Instant::now();
        let before: Vec<Option<MeasuredCell>> = pack
            .pieces
            .iter()
            .map(|piece| self.known(&cells[piece.cell], step.observer))
            .collect();
        let logits = if before.iter().all(Option::is_some) {
            Vec::new()
        } else {
            continuation::last_logits(
                self.decoder,
                self.runs,
                &self.trace.severed,
                cells,
                &pack.pieces,
                step.observer,
            )?
        };
        let mut rest = &logits[..];
        let mut reached = Reached::default();
        for (piece, before) in pack.pieces.iter().zip(before) {
            let cell = &cells[piece.cell];
            let known = gathered
                .entry(piece.cell)
                .or_insert_with(|| Gathered::new(vocab));
            let (rows, others) = rest.split_at(rest.len().min(piece.samples.len() * vocab));
            rest = others;
            let measured = match before {
                Some(mut before) => {
                    let end = piece.samples.end.min(before.samples.len());
                    known.samples = before.samples[..end].to_vec();
                    if end < samples.min(before.samples.len()) {
                        continue;
                    }
                    before.samples.truncate(end);
                    before
                }
                None => {
                    known.add(rows, &self.readout)?;
                    if known.samples.len() < samples {
                        continue;
                    }
                    self.measured(cell, known)
                }
            };
            (step.store)(cell, &measured);
            reached.kind = cell.kind.name();
            reached.cells.push(piece.cell);
            reached.measured.push(measured);
        }
        if logits.is_empty() {
            step.flops_left -= pack.flops;
        } else {
            step.worked(pack.flops, began);
        }
        Ok(reached)
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
    /// Their indices, and what was measured of each.
    pub(crate) cells: Vec<usize>,
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
        if self.observer.cancelled() {
            return Err(InstrumentError::Cancelled);
        }
        Ok(())
    }
}

/// Batch rows that one full pass per cell takes, without the two reference runs.
pub(crate) fn passes(plan: &Plan, input: &CorruptedInput) -> f64 {
    ((plan.run.len() + plan.unmoved.len()) * (1 + input.samples)) as f64
}
