//! The exact engine: a patched run is continued from the corrupted run's residual stream at the first block that the
//! patch can change.
//!
//! Everything below that block is the corrupted run's own, so nothing is approximated. Rows of several cells that
//! begin at the same block go through it as one batch.

use std::ops::Range;

use candle_core::{DType, Tensor};
use whyfinder_experiment::{Action, Array, Intervention, Part, Select, Site, TraceKind};
use whyfinder_model::{Both, Decoder, Pass, Patcher, Unembed};

use crate::cells::Cell;
use crate::error::Result;
use crate::kept::to_host;
use crate::reference_runs::ReferenceRuns;
use crate::report::Observer;
use crate::watch::Watch;

/// Some samples of one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub(crate) cell: &'a Cell,
    pub(crate) samples: Range<usize>,
}

/// Logits at the last position, `[rows, vocab]`, of patched runs that all begin at block `start`; the rows are the
/// pieces' samples in order. The outputs named by `severed` are held, at each restored token, at their corrupted
/// values.
pub(crate) fn last_logits(
    decoder: &Decoder,
    runs: &ReferenceRuns,
    severed: &[TraceKind],
    start: usize,
    pieces: &[Piece<'_>],
    observer: &dyn Observer,
) -> Result<Vec<f32>> {
    let config = decoder.config();
    let width = config.d_model;
    let mut entering = Vec::new();
    let mut interventions = Vec::new();
    let mut rows = 0;
    for Piece { cell, samples } in pieces {
        for sample in samples.clone() {
            let from = entering.len();
            entering.extend_from_slice(runs.corrupted.residual_row(start, sample));
            if cell.kind == TraceKind::Residual {
                let at = from + cell.place * width;
                entering[at..at + width]
                    .copy_from_slice(runs.clean.output(cell.kind, cell.layer, 0, cell.token));
            }
        }
        let batch = rows..rows + samples.len();
        if cell.kind != TraceKind::Residual {
            for layer in cell.window.clone() {
                let value = runs.clean.output(cell.kind, layer, 0, cell.token).to_vec();
                let array = Array::new(vec![width], value)?;
                interventions.push(set(cell.kind, layer, batch.clone(), cell.place, array));
            }
        }
        for &kind in severed {
            for layer in start..config.layers {
                interventions.push(held(
                    runs,
                    kind,
                    layer,
                    batch.clone(),
                    cell.place,
                    samples,
                    width,
                )?);
            }
        }
        rows = batch.end;
    }
    let length = entering.len() / (rows * width).max(1);
    let entering = Tensor::from_vec(entering, (rows, length, width), decoder.device())?
        .to_dtype(stream_type(decoder))?;
    let mut patcher = Patcher::new(&interventions)?;
    let mut watch = Watch::new(observer);
    let pass = Pass {
        unembed: Unembed::Last,
        ..Pass::default()
    };
    let logits = decoder.forward_from(start, entering, &mut Both(&mut patcher, &mut watch), &pass);
    let logits = watch.settle(logits)?;
    patcher.finish()?;
    Ok(to_host(&logits)?)
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

fn stream_type(decoder: &Decoder) -> DType {
    decoder.weights().embed.dtype()
}
