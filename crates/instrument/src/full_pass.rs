//! The plain engine: one full pass per cell, from the tokens on, with the clean run as the first row of the batch.
//!
//! It shares nothing with the exact engine but the model and the noise, and is there to check it.

use candle_core::Tensor;
use whyfinder_experiment::{Action, Array, Intervention, Select, TraceKind};
use whyfinder_model::{Both, Decoder, Pass, Patcher, Unembed};

use crate::cells::Cell;
use crate::continuation::{held, output_site, set};
use crate::corruption::CorruptedInput;
use crate::error::Result;
use crate::kept::to_host;
use crate::question::Question;
use crate::reference_runs::ReferenceRuns;
use crate::report::Observer;
use crate::watch::Watch;

/// Logits at the last position of every sample of a cell, `[samples, vocab]`.
pub(crate) fn last_logits(
    decoder: &Decoder,
    question: &Question,
    input: &CorruptedInput,
    runs: &ReferenceRuns,
    severed: &[TraceKind],
    cell: &Cell,
    observer: &dyn Observer,
) -> Result<Vec<f32>> {
    let config = decoder.config();
    // A clean row of another length does not fit into the batch; its values are put in from the clean run instead.
    let beside = question.ids.len() == input.ids.len();
    let first = usize::from(beside);
    let rows = first..first + input.samples;
    let mut ids = if beside {
        question.ids.clone()
    } else {
        Vec::new()
    };
    ids.extend(input.ids.repeat(input.samples));
    let tokens = Tensor::from_vec(ids, (rows.end, input.ids.len()), decoder.device())?;

    let mut interventions = Vec::new();
    if let Some(noise) = &runs.noise {
        interventions.push(noise.added(0..input.samples, first)?);
    }
    for layer in cell.window.clone() {
        interventions.push(if beside {
            Intervention {
                rows: Select::range(rows.clone()),
                positions: Select::one(cell.place),
                ..Intervention::everywhere(
                    output_site(cell.kind, layer),
                    Action::Restore { from_row: 0 },
                )
            }
        } else {
            let value = runs.clean.output(cell.kind, layer, 0, cell.token).to_vec();
            let array = Array::new(vec![config.d_model], value)?;
            set(cell.kind, layer, rows.clone(), cell.place, array)
        });
    }
    for &kind in severed {
        for layer in 0..config.layers {
            interventions.push(held(
                runs,
                kind,
                layer,
                rows.clone(),
                cell.place,
                &(0..input.samples),
                config.d_model,
            )?);
        }
    }
    let mut patcher = Patcher::new(&interventions)?;
    let mut watch = Watch::new(observer);
    let pass = Pass {
        unembed: Unembed::Last,
        ..Pass::default()
    };
    let logits = decoder.forward(&tokens, &mut Both(&mut patcher, &mut watch), &pass);
    let logits = to_host(&watch.settle(logits)?)?;
    patcher.finish()?;
    Ok(logits[first * config.vocab..].to_vec())
}
