//! The exact engine: patched runs continue the corrupted run where they begin to differ from it.
//!
//! Everything else is the corrupted run's own, so nothing is approximated.

use std::ops::Range;
use std::time::{Duration, Instant};

use whyfinder_experiment::{Action, Array, Intervention, Part, Select, Site, TraceKind};
use whyfinder_model::{Branch, Decoder, Trunk};

use crate::cells::Cell;
use crate::error::Result;
use crate::kept::to_host;
use crate::packs::Piece;
use crate::readout::{Gathered, Readout};
use crate::reference_runs::ReferenceRuns;
use crate::report::Observer;
use crate::watch::Watch;

/// What continues the corrupted run, several packs at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Continuing<'a> {
    pub(crate) decoder: &'a Decoder,
    pub(crate) runs: &'a ReferenceRuns,
    /// The outputs that are held, at each restored token, at their corrupted values.
    pub(crate) severed: &'a [TraceKind],
    pub(crate) readout: &'a Readout,
}

/// What was read off a pack.
#[derive(Debug)]
pub(crate) struct PackRead {
    /// The samples of each piece.
    pub(crate) pieces: Vec<Gathered>,
    pub(crate) took: Duration,
}

impl Continuing<'_> {
    /// Runs a pack of these cells and reads it off.
    pub(crate) fn read(
        &self,
        cells: &[Cell],
        pieces: &[Piece],
        observer: &dyn Observer,
    ) -> Result<PackRead> {
        let began = Instant::now();
        let vocab = self.decoder.config().vocab;
        let logits = self.last_logits(cells, pieces, observer)?;
        let mut rest = &logits[..];
        let pieces = pieces.iter().map(|piece| {
            let (rows, others) = rest.split_at(rest.len().min(piece.samples.len() * vocab));
            rest = others;
            let mut gathered = Gathered::new(vocab);
            gathered.add(rows, self.readout)?;
            Ok(gathered)
        });
        Ok(PackRead {
            pieces: pieces.collect::<Result<_>>()?,
            took: began.elapsed(),
        })
    }

    /// Logits at the last position, `[rows, vocab]`, of the patched runs of a pack; the rows are the pieces' samples
    /// in order.
    fn last_logits(
        &self,
        cells: &[Cell],
        pieces: &[Piece],
        observer: &dyn Observer,
    ) -> Result<Vec<f32>> {
        let Self {
            decoder,
            runs,
            severed,
            ..
        } = *self;
        let config = decoder.config();
        let width = config.d_model;
        let mut branches = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let (cell, samples) = (&cells[piece.cell], &piece.samples);
            let rows = 0..samples.len();
            // What a cell shares with its trunk is done there.
            let (restored, from) = match piece.trunk {
                Some(_) => (cell.window.end..cell.window.end, cell.window.end),
                None => (cell.window.clone(), cell.start()),
            };
            let mut interventions = Vec::new();
            for layer in restored {
                let value = runs.clean.output(cell.kind, layer, 0, cell.token).to_vec();
                let array = Array::new(vec![width], value)?;
                interventions.push(set(cell.kind, layer, rows.clone(), cell.place, array));
            }
            for &kind in severed {
                for layer in from..config.layers {
                    let rows = rows.clone();
                    interventions.push(held(runs, kind, layer, rows, cell.place, samples, width)?);
                }
            }
            branches.push(Branch {
                rows: samples.clone().collect(),
                interventions,
                trunk: piece.trunk.map(|branch| Trunk {
                    branch,
                    layer: cell.window.end,
                }),
            });
        }
        let mut watch = Watch::new(observer);
        let last = runs.length - 1;
        let logits = decoder.forward_branches(&runs.reference, &branches, last, &mut watch);
        Ok(to_host(&watch.settle(logits)?)?)
    }
}

/// Puts values at the output of a block, or of its MLP or attention, at one position.
pub(crate) fn set(
    kind: TraceKind,
    layer: usize,
    rows: Range<usize>,
    place: usize,
    array: Array,
) -> Intervention {
    Intervention {
        rows: Select::range(rows),
        positions: Select::one(place),
        ..Intervention::everywhere(output_site(kind, layer), Action::Set(array))
    }
}

/// Holds an MLP's or attention's output at one position at its corrupted values, sample by sample.
pub(crate) fn held(
    runs: &ReferenceRuns,
    kind: TraceKind,
    layer: usize,
    rows: Range<usize>,
    place: usize,
    samples: &Range<usize>,
    width: usize,
) -> Result<Intervention> {
    let values = samples
        .clone()
        .flat_map(|sample| runs.corrupted.output(kind, layer, sample, place))
        .copied()
        .collect();
    let array = Array::new(vec![samples.len(), 1, width], values)?;
    Ok(set(kind, layer, rows, place, array))
}

/// The site of what a cell of this kind restores.
pub(crate) fn output_site(kind: TraceKind, layer: usize) -> Site {
    Site::block(
        layer,
        match kind {
            TraceKind::Residual => Part::ResidPost,
            TraceKind::Mlp => Part::MlpOut,
            TraceKind::Attention => Part::AttnOut,
        },
    )
}
