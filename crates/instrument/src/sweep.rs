//! Runs the cells of a trace, in steps that fit into memory and into the time that a person waits for a sign of life.

use std::time::Instant;

use whyfinder_experiment::{Engine, TraceSettings};
use whyfinder_model::{Decoder, DecoderConfig};

use crate::cells::{Cell, Plan};
use crate::continuation::{self, Piece};
use crate::corruption::CorruptedInput;
use crate::error::{InstrumentError, Result};
use crate::full_pass;
use crate::memory::row_flops;
use crate::pace::Pace;
use crate::question::Question;
use crate::readout::{Gathered, Readout};
use crate::reference_runs::ReferenceRuns;
use crate::report::{CellTokens, MeasuredCell, Observer, Progress, Report};

/// Positions that make a batch large enough for matrix products to run at full speed.
const WORTHWHILE_POSITIONS: usize = 256;
/// Arithmetic of one step: some tens of milliseconds on a desktop processor, so that a window fills while one watches.
/// Counted, not timed, since the last bits of a sum may depend on the batch that it is in, and a run has to give the
/// same numbers again.
const STEP_FLOPS: f64 = 2e9;
/// Rows beyond which a batch gains nothing.
const MOST_ROWS: usize = 4096;

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
    /// Rows that fit into memory at once; at least one.
    pub(crate) row_limit: usize,
}

/// Receives each cell as it is measured.
pub(crate) type Store<'s> = &'s mut dyn FnMut(&Cell, &MeasuredCell);

struct Step<'a> {
    observer: &'a mut dyn Observer,
    store: Store<'a>,
    pace: Pace,
    done: usize,
    total: usize,
    flops_left: f64,
}

impl Sweep<'_> {
    /// Measures all cells of a plan. `corrupted` is the corrupted run itself, which the unmoved cells repeat.
    pub(crate) fn measure(
        &self,
        plan: &Plan,
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
            flops_left: flops(self.decoder, self.input, plan, self.trace.engine),
        };
        if plain {
            for cell in plan.run.iter().chain(&plan.unmoved) {
                self.full_pass(cell, &mut step)?;
            }
            return Ok(());
        }
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
            step.report(kind.name(), cells)?;
        }
        for group in plan
            .run
            .chunk_by(|a, b| a.kind == b.kind && a.start() == b.start())
        {
            self.continued(group, &mut step)?;
        }
        Ok(())
    }

    fn full_pass(&self, cell: &Cell, step: &mut Step<'_>) -> Result<()> {
        let config = self.decoder.config();
        let began = Instant::now();
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
        for row in logits.chunks_exact(config.vocab) {
            gathered.add(row, &self.readout)?;
        }
        step.worked(self.full_flops(), began);
        let measured = self.measured(cell, gathered);
        (step.store)(cell, &measured);
        step.report(cell.kind.name(), vec![measured])
    }

    fn full_flops(&self) -> f64 {
        let rows = (1 + self.input.samples) as f64;
        rows * row_flops(
            self.decoder.config(),
            self.input.ids.len(),
            self.decoder.config().layers,
            1,
        )
    }

    /// Cells of one kind that all begin at the same block.
    fn continued(&self, cells: &[Cell], step: &mut Step<'_>) -> Result<()> {
        let Some(first) = cells.first() else {
            return Ok(());
        };
        let (config, samples) = (self.decoder.config(), self.input.samples);
        let start = first.start();
        let flops = row_flops(config, self.input.ids.len(), config.layers - start, 1);
        let rows = cells.len() * samples;
        let at_once = rows_per_step(
            config,
            self.input.ids.len(),
            config.layers - start,
            self.row_limit,
        );
        let mut gathered = Gathered::new(config.vocab);
        let mut next = 0;
        while next < rows {
            let end = rows.min(next + at_once);
            let pieces = pieces(cells, samples, next, end);
            let began = Instant::now();
            let logits = continuation::last_logits(
                self.decoder,
                self.runs,
                &self.trace.severed,
                start,
                &pieces,
                step.observer,
            )?;
            let mut measured = Vec::new();
            for (row, logits) in (next..end).zip(logits.chunks_exact(config.vocab)) {
                gathered.add(logits, &self.readout)?;
                if gathered.samples.len() == samples {
                    let whole = std::mem::replace(&mut gathered, Gathered::new(config.vocab));
                    let cell = &cells[row / samples];
                    let whole = self.measured(cell, whole);
                    (step.store)(cell, &whole);
                    measured.push(whole);
                }
            }
            step.worked(flops * (end - next) as f64, began);
            step.report(first.kind.name(), measured)?;
            next = end;
        }
        Ok(())
    }

    fn measured(&self, cell: &Cell, gathered: Gathered) -> MeasuredCell {
        MeasuredCell {
            cell: cell.index(self.decoder.config().layers),
            tokens: gathered.tokens(self.tracked, self.text),
            samples: gathered.samples,
        }
    }
}

impl Step<'_> {
    fn worked(&mut self, flops: f64, began: Instant) {
        self.pace.measured(flops, began.elapsed());
        self.flops_left -= flops;
    }

    fn report(&mut self, field: &str, cells: Vec<MeasuredCell>) -> Result<()> {
        self.done += cells.len();
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

/// Batch rows of one step through `layers` blocks and the unembedding.
pub(crate) fn rows_per_step(
    config: &DecoderConfig,
    length: usize,
    layers: usize,
    row_limit: usize,
) -> usize {
    let worthwhile = WORTHWHILE_POSITIONS.div_ceil(length);
    ((STEP_FLOPS / row_flops(config, length, layers, 1)) as usize)
        .max(worthwhile)
        .min(row_limit)
        .clamp(1, MOST_ROWS)
}

/// The rows from `next` to `end`, counted over all samples of all cells, as pieces of single cells.
fn pieces(cells: &[Cell], samples: usize, next: usize, end: usize) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut row = next;
    while row < end {
        let (cell, first) = (row / samples, row % samples);
        let last = samples.min(first + end - row);
        pieces.push(Piece {
            cell: &cells[cell],
            samples: first..last,
        });
        row += last - first;
    }
    pieces
}

/// Batch rows of a plan, a row through part of the layers counted as that part; without the two reference runs.
pub(crate) fn passes(
    decoder: &Decoder,
    input: &CorruptedInput,
    plan: &Plan,
    engine: Engine,
) -> f64 {
    let layers = decoder.config().layers;
    match engine {
        Engine::Plain => ((plan.run.len() + plan.unmoved.len()) * (1 + input.samples)) as f64,
        Engine::Exact => plan
            .run
            .iter()
            .map(|cell| (input.samples * (layers - cell.start())) as f64 / layers as f64)
            .sum(),
    }
}

/// Floating-point operations of a plan, without the two reference runs.
pub(crate) fn flops(decoder: &Decoder, input: &CorruptedInput, plan: &Plan, engine: Engine) -> f64 {
    let config = decoder.config();
    let of = |layers| row_flops(config, input.ids.len(), layers, 1);
    match engine {
        Engine::Plain => passes(decoder, input, plan, engine) * of(config.layers),
        Engine::Exact => plan
            .run
            .iter()
            .map(|cell| input.samples as f64 * of(config.layers - cell.start()))
            .sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use whyfinder_experiment::TraceKind;

    #[test]
    fn pieces_cover_each_row_once() {
        let cells: Vec<Cell> = (0..4)
            .map(|t| Cell::new(TraceKind::Residual, t, 0, t, 1, 2))
            .collect();
        for step in 1..13 {
            let mut seen = Vec::new();
            let mut next = 0;
            while next < 12 {
                let end = 12.min(next + step);
                for piece in pieces(&cells, 3, next, end) {
                    seen.extend(piece.samples.map(|s| (piece.cell.token, s)));
                }
                next = end;
            }
            let all: Vec<_> = (0..4).flat_map(|t| (0..3).map(move |s| (t, s))).collect();
            assert_eq!(seen, all, "step {step}");
        }
    }
}
