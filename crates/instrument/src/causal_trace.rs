//! Causal trace (Meng et al. 2022, "Locating and Editing Factual Associations in GPT", section 2.1): the prompt's
//! cause is corrupted; each cell restores the clean value of one site at one token and reads what comes back.
//!
//! A cell's value is the metric of the patched run itself, averaged over the noise samples; its indirect effect is
//! that minus the reference `corrupted`. All cells see the same noise draws.

mod grid;
mod prepared;
mod references;

use std::time::Instant;

use whyfinder_experiment::{Corruption, Engine, Experiment, Outcome, TraceSettings};
use whyfinder_model::LanguageModel;

use crate::cells::Cell;
use crate::error::Result;
use crate::estimates::{self, Estimates};
use crate::measure::{Cost, provenance, seconds_per_flop};
use crate::memory::Budget;
use crate::packs::Cut;
use crate::reference_runs::{self, Asked};
use crate::report::{MeasuredCell, Observer, Report};
use crate::rounds::Rounds;
use crate::sweep::Sweep;
use grid::{Grid, fields};
use prepared::{Prepared, prepare};
use references::{References, TRACKED, readout, references};

pub(crate) fn estimate(
    model: &LanguageModel,
    experiment: &Experiment,
    corruption: &Corruption,
    trace: &TraceSettings,
    budget: &Budget,
) -> Result<Cost> {
    let prepared = prepare(model, experiment, corruption, trace, budget)?;
    let passes = prepared.passes(model, trace.engine);
    let pace = seconds_per_flop(&model.decoder, &prepared.question.ids)?;
    Ok(Cost {
        bytes: prepared.bytes(),
        result_bytes: result_bytes(model, &prepared, trace),
        passes,
        passes_plain: prepared.passes(model, Engine::Plain),
        seconds: passes * prepared.row_flops(model) * pace,
    })
}

/// Bytes of the result's arrays, at most.
fn result_bytes(model: &LanguageModel, prepared: &Prepared, trace: &TraceSettings) -> u64 {
    let cells = trace.kinds.len() * prepared.question.ids.len() * model.config().layers;
    let samples = prepared.input.samples;
    // The most likely ones of both reference runs, the answer and its foil.
    let of_cells = grid::result_bytes(cells, samples, 2 * TRACKED + 2);
    of_cells + 4 * (trace.kinds.len() * samples) as u64
}

pub(crate) fn measure(
    model: &LanguageModel,
    experiment: &Experiment,
    corruption: &Corruption,
    trace: &TraceSettings,
    observer: &mut dyn Observer,
    budget: &Budget,
) -> Result<Outcome> {
    let began = Instant::now();
    let prepared = prepare(model, experiment, corruption, trace, budget)?;
    observer.announce(result_bytes(model, &prepared, trace))?;
    let Prepared {
        question,
        input,
        plan,
        packs,
        estimating,
        needs,
        row_limit,
        early,
        ..
    } = &prepared;
    let decoder = &model.decoder;
    let asked = Asked {
        question,
        input,
        corruption,
        seed: experiment.seed,
        needs: *needs,
    };
    let runs = reference_runs::run(decoder, asked, *row_limit, observer)?;
    let text = |id| model.tokenizer.token_text(id);
    let readout = readout(question, trace, &runs, &text)?;
    let References {
        corrupted,
        tracked,
        distributions,
        mut summary,
    } = references(question, &readout, &runs, &text)?;
    summary.noise_sd = runs.noise.as_ref().and_then(|noise| noise.sd);
    summary.passes = prepared.passes(model, trace.engine);
    summary.passes_plain = prepared.passes(model, Engine::Plain);
    summary.peak_bytes = model.card.bytes + prepared.bytes();
    debug_assert_eq!(
        prepared.cells() + plan.unaligned,
        trace.kinds.len() * question.ids.len() * decoder.config().layers
    );
    let mut grids: Vec<Grid> = trace
        .kinds
        .iter()
        .map(|&kind| {
            Grid::new(
                kind,
                &question.texts,
                decoder.config().layers,
                &corrupted.samples,
                &tracked,
                trace,
                &summary.reference,
            )
        })
        .collect();
    observer.report(Report::Started {
        fields: grids.iter().map(|grid| grid.effect.clone()).collect(),
        summary: summary.clone(),
        distributions: distributions.clone(),
    });
    let mut estimated = None;
    if let Some(how) = estimating {
        let from = Estimates {
            decoder,
            input,
            runs: &runs,
            kinds: &trace.kinds,
            readout: &readout,
        };
        let effects = from.effects(&plan.run, how.rows, observer)?;
        for grid in &mut grids {
            let layers = decoder.config().layers;
            let cells = estimates::of_kind(plan, &effects, grid.kind, layers);
            observer.report(Report::Field(grid.estimated(cells)));
        }
        estimated = Some(effects);
    }
    let sweep = Sweep {
        decoder,
        question,
        input,
        runs: &runs,
        trace,
        readout,
        packs_bytes: prepared.packs_bytes,
        tracked: &tracked,
        text: &text,
    };
    let mut store = |cell: &Cell, measured: &MeasuredCell| {
        if let Some(grid) = grids.iter_mut().find(|grid| grid.kind == cell.kind) {
            grid.store(measured);
        }
    };
    let tokens = corrupted.tokens(&tracked, &text);
    let corrupted = (&corrupted.samples[..], &tokens);
    if let Some(early) = early {
        let rounds = Rounds {
            rule: early.rule,
            at_once: early.at_once,
            cut: Cut {
                config: decoder.config(),
                length: input.ids.len(),
                first: 0,
                samples: input.samples,
                bytes: prepared.pack_bytes,
            },
            most_flops: prepared.sweep_flops(),
            estimated: estimated.as_deref(),
        };
        let flops = sweep.in_rounds(plan, &rounds, corrupted, observer, &mut store)?;
        summary.passes = prepared.passes_with(model, trace.engine, flops);
    } else {
        let order = estimated.map(|effects| estimates::largest_first(packs, &effects));
        let packs = order.as_ref().unwrap_or(packs);
        sweep.measure(plan, packs, corrupted, observer, &mut store)?;
    }
    summary.seconds = began.elapsed().as_secs_f64();
    Ok(Outcome {
        experiment: experiment.clone(),
        fields: fields(grids),
        summary,
        provenance: provenance(model)?,
        distributions,
        attention: Vec::new(),
    })
}
