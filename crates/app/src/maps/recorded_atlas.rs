//! The atlas of recorded attention: the heads that show, at the level that their size on screen calls for.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use whyfinder_experiment::AttentionRecord;
use whyfinder_experiment::attention::Overview;
use whyfinder_model::kernel::attention_tile;
use whyfinder_paint::{MapArray, MapShape, Reduction, View, flag};

use super::attention_atlas::StrongestPair;
use super::heatmap_view::GridFrame;

type Records = [Option<Arc<AttentionRecord>>];

/// The heads that show, and how finely.
pub(crate) struct ShownHeads<'a> {
    records: &'a Records,
    layers: Range<usize>,
    heads: Range<usize>,
    /// Which of a record's overviews.
    overview: usize,
    side: usize,
    reduction: Reduction,
    per_head: bool,
}

impl<'a> ShownHeads<'a> {
    /// `None` where nothing has been recorded yet. `gap` points lie between tiles.
    pub(crate) fn of(
        records: &'a Records,
        grid: &GridFrame,
        gap: f32,
        pixels_per_point: f32,
        (reduction, per_head): (Reduction, bool),
    ) -> Option<Self> {
        let any = records.iter().flatten().next()?;
        let pixels = (grid.cell_size().max_elem() - gap) * pixels_per_point;
        // The coarsest that still has a cell for every pixel, or else the finest there is.
        let overview = any
            .overviews()
            .iter()
            .rposition(|o| o.side as f32 >= pixels)
            .unwrap_or(0);
        Some(Self {
            records,
            layers: grid.visible_rows(),
            heads: grid.visible_cols(),
            overview,
            side: any.overviews()[overview].side,
            reduction,
            per_head,
        })
    }

    pub(crate) fn shape(&self) -> MapShape {
        MapShape {
            rows: self.layers.len(),
            columns: self.heads.len(),
            height: self.side,
            width: self.side,
        }
    }

    /// Changes, with `version` of the data, whenever [`ShownHeads::map`] would.
    pub(crate) fn version(&self, version: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        let mean = matches!(self.reduction, Reduction::Mean);
        let there = self.records.iter().flatten().count();
        (version, there, mean, self.per_head, self.overview).hash(&mut hasher);
        (&self.layers, &self.heads).hash(&mut hasher);
        hasher.finish()
    }

    /// Where the cells lie, where the whole atlas lies in `view`; `pitch` is the distance of heads in pixels.
    pub(crate) fn view(&self, view: &View, pitch: [f64; 2]) -> View {
        let first = [self.heads.start, self.layers.start];
        View {
            offset: [0, 1].map(|a| view.offset[a] + first[a] as f64 * pitch[a]),
            cell: [0, 1].map(|a| ((pitch[a] - view.tile_gap) / self.side as f64).max(1e-3)),
            ..*view
        }
    }

    pub(crate) fn map(&self) -> Option<MapArray> {
        let shape = self.shape();
        let cells = shape.tile_cells();
        let mut values = Vec::with_capacity(shape.cells());
        for layer in self.layers.clone() {
            let record = self.records.get(layer).and_then(Option::as_ref);
            let overview = record.and_then(|r| r.overviews().get(self.overview));
            for head in self.heads.clone() {
                match overview.map(|o| self.head(o, head)) {
                    Some(tile) if tile.len() == cells => self.push(tile, &mut values),
                    _ => values.extend(std::iter::repeat_n(f32::NAN, cells)),
                }
            }
        }
        let complete = self
            .layers
            .clone()
            .all(|layer| self.records.get(layer).is_some_and(Option::is_some));
        let map = MapArray::new(shape, values).ok()?;
        let map = if complete {
            map
        } else {
            let flags = map.values().iter().map(|v| {
                // Weights that are not numbers are looked for in complete maps only.
                if v.is_nan() { 0 } else { flag::MEASURED }
            });
            let flags = flags.collect();
            map.with_flags(flags).ok()?
        };
        Some(map.with_causal_mask())
    }

    fn head<'o>(&self, overview: &'o Overview, head: usize) -> &'o [f32] {
        let cells = match self.reduction {
            Reduction::Mean => &overview.mean,
            Reduction::MaxAbs => &overview.max,
        };
        overview.head(cells, head)
    }

    fn push(&self, tile: &[f32], values: &mut Vec<f32>) {
        if !self.per_head {
            values.extend_from_slice(tile);
            return;
        }
        let largest = tile.iter().copied().filter(|v| v.is_finite());
        let largest = largest.fold(0f32, f32::max);
        let scale = if largest > 0.0 { largest } else { 1.0 };
        values.extend(tile.iter().map(|v| v / scale));
    }
}

/// As [`super::attention_atlas::strongest_pair`]: the overview says where to look, and there each weight is computed.
pub(crate) fn strongest_pair(record: &AttentionRecord, head: usize) -> Option<StrongestPair> {
    let overview = record.overview();
    let cells = overview.head(&overview.max, head);
    let size = 1usize << overview.level;
    let certain = |query: usize| record.form.end(query) < 2 && record.sizes.tokens > 1;
    let within = |cell: usize| -> Option<StrongestPair> {
        let span = |i: usize| i * size..((i + 1) * size).min(record.sizes.tokens);
        let (queries, keys) = (span(cell / overview.side), span(cell % overview.side));
        let weights = attention_tile::weights(record, head, queries.clone(), keys.clone());
        let mut strongest: Option<StrongestPair> = None;
        for (i, &weight) in weights.iter().enumerate() {
            let (query, key) = (queries.start + i / keys.len(), keys.start + i % keys.len());
            if key < record.form.end(query)
                && !certain(query)
                && weight.is_finite()
                && strongest.is_none_or(|s| weight > s.weight)
            {
                strongest = Some(StrongestPair { query, key, weight });
            }
        }
        strongest
    };
    // Queries that see one key alone are all in the first row of cells.
    let first = (0..overview.side.min(1)).filter_map(&within);
    let elsewhere = (1..cells.len())
        .filter(|&cell| cells[cell].is_finite())
        .max_by(|&a, &b| cells[a].total_cmp(&cells[b]))
        .and_then(within);
    first
        .chain(elsewhere)
        .max_by(|a, b| a.weight.total_cmp(&b.weight))
}

#[cfg(test)]
mod tests {
    use egui::{Rect, pos2, vec2};

    use super::*;
    use crate::maps::heatmap_view::HeatmapView;
    use crate::maps::weights::testing::record;

    fn grid(points: f32, layers: usize) -> GridFrame {
        GridFrame {
            frame: Rect::from_min_size(pos2(0.0, 0.0), vec2(2.0 * points, layers as f32 * points)),
            rows: layers,
            cols: 2,
            view: HeatmapView::default(),
        }
    }

    #[test]
    fn heads_are_drawn_as_finely_as_they_are_large() {
        let records = [Some(record(1000)), None];
        for (points, side) in [(12.0, 16), (20.0, 32), (70.0, 125), (400.0, 125)] {
            let shown = ShownHeads::of(
                &records,
                &grid(points, 2),
                2.0,
                1.0,
                (Reduction::MaxAbs, false),
            )
            .expect("one layer is there");
            assert_eq!(shown.side, side, "{points}");
            let map = shown.map().expect("fits");
            assert_eq!(map.shape().tiles(), 4);
            let range = map.range();
            assert!(range.not_measured > 0 && range.values > 0);
            assert_eq!(range.not_measured, range.values, "one of two layers");
        }
        assert!(
            ShownHeads::of(&[None], &grid(9.0, 1), 1.0, 1.0, (Reduction::Mean, false)).is_none()
        );
    }

    #[test]
    fn a_head_in_its_own_range_reaches_one() {
        let records = [Some(record(1000))];
        let range = |per_head| {
            let shown = ShownHeads::of(
                &records,
                &grid(40.0, 1),
                2.0,
                1.0,
                (Reduction::Mean, per_head),
            );
            shown.and_then(|s| s.map()).expect("fits").range()
        };
        assert_eq!(range(true).high, 1.0);
        assert!(range(false).high < 1.0);
    }

    #[test]
    fn the_strongest_pair_is_that_of_all_weights() {
        for tokens in [40, 128, 129, 1000] {
            let record = record(tokens);
            let weights = attention_tile::weights(&record, 0, 0..tokens, 0..tokens);
            let expected = (tokens..tokens * tokens)
                .map(|i| weights[i])
                .fold(0.0, f32::max);
            let pair = strongest_pair(&record, 0).expect("measured");
            assert_eq!(pair.weight, expected, "{tokens}");
            assert_eq!(weights[pair.query * tokens + pair.key], expected);
        }
        assert_eq!(strongest_pair(&record(40), 2), None);
    }
}
