//! The fields of a trace as they fill.

use std::collections::BTreeMap;

use whyfinder_experiment::{Axis, Field, TraceKind, TraceSettings};

use crate::report::{CellTokens, MeasuredCell, VALUE_AND_MASK, sampled_bytes};

/// Most likely tokens kept for each cell.
const RANKS: usize = 5;

/// Bytes of the fields of `cells` cells in a result, with so many samples and other tokens beside each, at most.
pub(super) fn result_bytes(cells: usize, samples: usize, tracked: usize) -> u64 {
    // The effect and its estimate, two numbers per rank, and the tracked tokens; the effect has an error of its own too.
    let values = VALUE_AND_MASK * (2 + 2 * RANKS + tracked) as u64;
    cells as u64 * (values + sampled_bytes(samples) + 4)
}

/// The fields of one kind: the metric, and the tokens of each cell.
pub(super) struct Grid {
    pub(super) kind: TraceKind,
    pub(super) effect: Field,
    /// What the gradient says that the cells will be.
    estimate: Option<Field>,
    top: Field,
    top_probability: Field,
    tracked: Field,
}

impl Grid {
    pub(super) fn new(
        kind: TraceKind,
        texts: &[String],
        layers: usize,
        corrupted: &[f32],
        tracked: &[u32],
        trace: &TraceSettings,
        reference: &BTreeMap<String, f32>,
    ) -> Self {
        let axes = || {
            vec![
                Axis::text("token", texts.to_vec()),
                Axis::numbered("layer", layers),
            ]
        };
        let with = |axis: Axis| {
            let mut axes = axes();
            axes.push(axis);
            axes
        };
        let mut effect = Field::sampled(kind.name(), axes(), corrupted.len());
        effect.pair_with(corrupted.to_vec());
        effect.metric = Some(trace.metric);
        effect.reference.clone_from(reference);
        let named = |suffix: &str| format!("{}.{suffix}", kind.name());
        let ranks = || with(Axis::numbered("rank", RANKS));
        let mut ids = Axis::numbered("tracked", 0);
        ids.labels =
            whyfinder_experiment::Labels::Number(tracked.iter().map(|&id| f64::from(id)).collect());
        Self {
            kind,
            effect,
            estimate: None,
            top: Field::unmeasured(&named("top"), ranks()),
            top_probability: Field::unmeasured(&named("top.probability"), ranks()),
            tracked: Field::unmeasured(&named("tracked"), with(ids)),
        }
    }

    /// Takes the estimated effect of each cell, by its index, and gives the field of estimates: values of the metric, as
    /// the cells have them.
    pub(super) fn estimated(&mut self, effects: Vec<(usize, f32)>) -> Field {
        let name = format!("{}.estimate", self.kind.name());
        let mut field = Field::unmeasured(&name, self.effect.axes.clone());
        field.metric = self.effect.metric;
        field.reference.clone_from(&self.effect.reference);
        let floor = field.reference.get("corrupted").copied();
        for (cell, effect) in effects {
            field.values[cell] = floor.unwrap_or(0.0) + effect;
            field.mask[cell] = true;
        }
        self.estimate = Some(field.clone());
        field
    }

    pub(super) fn store(&mut self, measured: &MeasuredCell) {
        let MeasuredCell {
            cell,
            samples,
            tokens,
        } = measured;
        self.effect.set_samples(*cell, samples);
        let CellTokens { top, tracked, .. } = tokens;
        let ids = top.iter().map(|(id, _)| *id as f32);
        put(&mut self.top, *cell, RANKS, ids);
        put(
            &mut self.top_probability,
            *cell,
            RANKS,
            top.iter().map(|(_, p)| *p),
        );
        put(
            &mut self.tracked,
            *cell,
            tracked.len(),
            tracked.iter().copied(),
        );
    }
}

fn put(field: &mut Field, cell: usize, per_cell: usize, values: impl Iterator<Item = f32>) {
    for (i, value) in values.take(per_cell).enumerate() {
        let at = cell * per_cell + i;
        if at < field.values.len() {
            field.values[at] = value;
            field.mask[at] = true;
        }
    }
}

/// The grids of all kinds first, then what goes with them.
pub(super) fn fields(grids: Vec<Grid>) -> Vec<Field> {
    let mut effects = Vec::new();
    let mut beside = Vec::new();
    for grid in grids {
        effects.push(grid.effect);
        beside.extend(grid.estimate);
        beside.extend([grid.top, grid.top_probability, grid.tracked]);
    }
    effects.extend(beside);
    effects
}
