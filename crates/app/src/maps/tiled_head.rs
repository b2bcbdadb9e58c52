//! A head whose weights are computed where they are looked at: which tiles a view needs, and one map made of them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use whyfinder_experiment::AttentionRecord;
use whyfinder_model::kernel::attention_tile::{SIDE, Tile, TileId};
use whyfinder_paint::{MapArray, MapShape, Reduction, View, flag};

use super::heatmap_view::GridFrame;
use super::weights::RecordedHead;

/// Cells of one level that show, from tile edge to tile edge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shown {
    /// A cell covers `2^level` tokens each way.
    pub(crate) level: u32,
    pub(crate) rows: Range<usize>,
    pub(crate) columns: Range<usize>,
}

impl Shown {
    /// The level at which a pixel shows one or two cells, and what of it lies in the frame.
    pub(crate) fn of(record: &AttentionRecord, grid: &GridFrame, pixels_per_point: f32) -> Self {
        let pixels = grid.cell_size().min_elem() * pixels_per_point;
        let coarsest = record.overviews().last().map_or(0, |o| o.level);
        let level = level_for(pixels).min(coarsest);
        let side = record.sizes.side(level);
        let whole_tiles = |tokens: Range<usize>| {
            let cell = tokens.start >> level;
            let end = tokens.end.div_ceil(1 << level).max(cell + 1);
            cell / SIDE * SIDE..end.next_multiple_of(SIDE).min(side)
        };
        Self {
            level,
            rows: whole_tiles(grid.visible_rows()),
            columns: whole_tiles(grid.visible_cols()),
        }
    }

    pub(crate) fn shape(&self) -> MapShape {
        MapShape::single(self.rows.len(), self.columns.len())
    }

    /// Where the cells lie, where those of the whole grid lie in `view`.
    pub(crate) fn view(&self, view: &View) -> View {
        let size = (1u64 << self.level) as f64;
        let [x, y] = view.cell;
        let first = [self.columns.start, self.rows.start].map(|first| first as f64 * size);
        View {
            offset: [view.offset[0] + first[0] * x, view.offset[1] + first[1] * y],
            cell: [x * size, y * size],
            ..*view
        }
    }

    /// The tiles that show, nearest to the middle first, then those around them. Tiles of keys that come too late are
    /// left out.
    pub(crate) fn tiles(&self, record: &AttentionRecord) -> Vec<TileId> {
        let side = record.sizes.side(self.level).div_ceil(SIDE);
        let of = |cells: &Range<usize>| cells.start / SIDE..cells.end.div_ceil(SIDE);
        let (rows, columns) = (of(&self.rows), of(&self.columns));
        let around =
            |range: &Range<usize>| range.start.saturating_sub(1)..(range.end + 1).min(side);
        let mut tiles: Vec<TileId> = around(&rows)
            .flat_map(|row| around(&columns).map(move |column| (row, column)))
            .filter(|&(row, column)| {
                column * SIDE < seen_cells(record, self.level, (row + 1) * SIDE - 1)
            })
            .map(|(row, column)| TileId {
                level: self.level,
                row,
                column,
            })
            .collect();
        let middle = |range: &Range<usize>| range.start + range.end;
        let (middle_row, middle_column) = (middle(&rows), middle(&columns));
        tiles.sort_by_key(|tile| {
            let outside = !rows.contains(&tile.row) || !columns.contains(&tile.column);
            let (y, x) = (
                (2 * tile.row + 1).abs_diff(middle_row),
                (2 * tile.column + 1).abs_diff(middle_column),
            );
            (outside, y * y + x * x)
        });
        tiles
    }

    fn contains(&self, tile: &TileId) -> bool {
        let overlaps = |cells: &Range<usize>, index: usize| {
            index * SIDE < cells.end && (index + 1) * SIDE > cells.start
        };
        overlaps(&self.rows, tile.row) && overlaps(&self.columns, tile.column)
    }
}

/// The coarsest level whose cells are no larger than a pixel, for tokens of this many pixels.
fn level_for(pixels: f32) -> u32 {
    let mut level = 0;
    while level < 40 && pixels * ((2u64 << level) as f32) <= 1.0 {
        level += 1;
    }
    level
}

/// How many cells of a row have anything to show: those after them come too late for every query of the row.
fn seen_cells(record: &AttentionRecord, level: u32, row: usize) -> usize {
    let tokens = record.sizes.tokens;
    let last = (((row + 1) << level).min(tokens)).saturating_sub(1);
    record.form.end(last).min(tokens).div_ceil(1 << level)
}

/// What a view of a head draws: tiles where there are any, and what is known more coarsely elsewhere.
pub(crate) struct Mosaic<'a> {
    head: RecordedHead<'a>,
    shown: Shown,
    reduction: Reduction,
    tiles: Vec<Arc<Tile>>,
    /// Tiles that show and are not there.
    pub(crate) missing: usize,
}

impl<'a> Mosaic<'a> {
    /// The overview alone, to be computed over.
    pub(crate) fn ground(head: RecordedHead<'a>, shown: Shown, reduction: Reduction) -> Self {
        Self {
            head,
            shown,
            reduction,
            tiles: Vec::new(),
            missing: 0,
        }
    }

    /// Takes what there is from the shelf, and says there what is missing.
    pub(crate) fn gather(head: RecordedHead<'a>, shown: Shown, reduction: Reduction) -> Self {
        let mut mosaic = Self::ground(head, shown, reduction);
        if mosaic.shown.level >= head.record.overview().level {
            head.shelf.want(head.record, head.head, Vec::new());
            return mosaic;
        }
        let mut missing = Vec::new();
        for id in mosaic.shown.tiles(head.record) {
            let shows = mosaic.shown.contains(&id);
            match head.shelf.get(head.record.id(), head.head, id) {
                Some(tile) if shows => mosaic.tiles.push(tile),
                Some(_) => {}
                None => {
                    mosaic.missing += usize::from(shows);
                    missing.push(id);
                }
            }
        }
        head.shelf.want(head.record, head.head, missing);
        mosaic
    }

    /// Changes whenever [`Mosaic::map`] would.
    pub(crate) fn version(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let coarse = matches!(self.reduction, Reduction::Mean);
        (self.head.record.id(), self.head.head, coarse, &self.shown).hash(&mut hasher);
        // In whatever order they came.
        let mut ids: Vec<TileId> = self.tiles.iter().map(|tile| tile.id).collect();
        ids.sort_unstable();
        ids.hash(&mut hasher);
        hasher.finish()
    }

    pub(crate) fn map(&self) -> Option<MapArray> {
        let (height, width) = (self.shown.rows.len(), self.shown.columns.len());
        let mut values = self.coarse();
        for tile in &self.tiles {
            let cells = match self.reduction {
                Reduction::Mean => tile.means(),
                Reduction::MaxAbs => &tile.max,
            };
            let (top, left) = (tile.id.row * SIDE, tile.id.column * SIDE);
            for (i, row) in cells.chunks_exact(tile.columns.max(1)).enumerate() {
                let at =
                    (top + i - self.shown.rows.start) * width + left - self.shown.columns.start;
                values[at..at + tile.columns].copy_from_slice(row);
            }
        }
        let mut flags = vec![flag::MEASURED; height * width];
        for (row, flags) in self
            .shown
            .rows
            .clone()
            .zip(flags.chunks_exact_mut(width.max(1)))
        {
            let seen = seen_cells(self.head.record, self.shown.level, row);
            let from = seen.saturating_sub(self.shown.columns.start).min(width);
            flags[from..].fill(flag::MEASURED | flag::MASKED);
        }
        MapArray::new(self.shown.shape(), values)
            .and_then(|map| map.with_flags(flags))
            .ok()
    }

    /// Every cell as the overview knows it.
    fn coarse(&self) -> Vec<f32> {
        let record = self.head.record;
        let level = self.shown.level;
        let overview = record
            .overviews()
            .iter()
            .find(|o| o.level >= level)
            .unwrap_or(record.overview());
        let cells = match self.reduction {
            Reduction::Mean => &overview.mean,
            Reduction::MaxAbs => &overview.max,
        };
        let cells = overview.head(cells, self.head.head);
        let finer = overview.level.saturating_sub(level);
        let mut values = Vec::with_capacity(self.shown.rows.len() * self.shown.columns.len());
        for row in self.shown.rows.clone() {
            let start = (row >> finer) * overview.side;
            let row = &cells[start..start + overview.side];
            values.extend(
                self.shown
                    .columns
                    .clone()
                    .map(|column| row[column >> finer]),
            );
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use egui::{Rect, pos2, vec2};
    use whyfinder_model::kernel::attention_tile::{tile, weights};

    use super::*;
    use crate::maps::heatmap_view::HeatmapView;
    use crate::maps::tile_shelf::TileShelf;
    use crate::maps::weights::testing::record;

    fn grid(tokens: usize, points: f32, view: HeatmapView) -> GridFrame {
        GridFrame {
            frame: Rect::from_min_size(pos2(10.0, 20.0), vec2(points, points)),
            rows: tokens,
            cols: tokens,
            view,
        }
    }

    #[test]
    fn a_pixel_shows_one_or_two_cells() {
        for (pixels, level) in [(30.0, 0), (1.0, 0), (0.6, 0), (0.5, 1), (0.3, 1), (0.04, 4)] {
            assert_eq!(level_for(pixels), level, "{pixels}");
        }
        assert_eq!(level_for(0.0), 40);
    }

    #[test]
    fn tiles_in_view_come_before_those_around_it_and_late_keys_not_at_all() {
        let record = record(2000);
        let mut view = HeatmapView::default();
        view.zoom_at(grid(2000, 400.0, view).frame, pos2(210.0, 220.0), 20.0, 1e4);
        let grid = grid(2000, 400.0, view);
        let shown = Shown::of(&record, &grid, 1.0);
        assert_eq!(shown.level, 0);
        assert!(shown.rows.start <= grid.visible_rows().start);
        assert!(shown.rows.end >= grid.visible_rows().end);
        let tiles = shown.tiles(&record);
        let inside = tiles.iter().take_while(|t| shown.contains(t)).count();
        assert!(inside > 0 && inside < tiles.len());
        assert!(tiles[inside..].iter().all(|t| !shown.contains(t)));
        assert!(tiles.iter().all(|t| t.column <= t.row));
    }

    #[test]
    fn a_mosaic_is_the_pattern_once_its_tiles_are_there() {
        let record = record(700);
        let shelf = TileShelf::default();
        let head = RecordedHead {
            record: &record,
            head: 1,
            shelf: &shelf,
        };
        let grid = grid(700, 1400.0, HeatmapView::default());
        let shown = Shown::of(&record, &grid, 1.0);
        let gather = || Mosaic::gather(head, shown.clone(), Reduction::MaxAbs);
        let before = gather();
        assert_eq!((before.missing, before.tiles.len()), (21, 0));
        let coarse = before.map().expect("fits");
        let wanted = shelf.take_wanted().expect("nothing is there yet");
        for id in wanted.tiles {
            shelf.put(Arc::new(tile(&record, 1, id)));
        }
        let after = gather();
        assert_eq!(after.missing, 0);
        assert_ne!(after.version(), before.version());
        let map = after.map().expect("fits");
        let expected = weights(&record, 1, 0..700, 0..700);
        for (i, expected) in expected.iter().enumerate() {
            if i % 700 <= i / 700 {
                assert_eq!(map.values()[i], *expected);
                assert!(
                    coarse.values()[i] >= *expected - 1e-6,
                    "the overview tells the largest"
                );
                assert_eq!(map.flag_of(i), flag::MEASURED);
            } else {
                assert_ne!(map.flag_of(i) & flag::MASKED, 0);
            }
        }
    }

    #[test]
    fn zoomed_out_the_overview_is_enough() {
        let record = record(2000);
        let shelf = TileShelf::default();
        let head = RecordedHead {
            record: &record,
            head: 0,
            shelf: &shelf,
        };
        let shown = Shown::of(&record, &grid(2000, 60.0, HeatmapView::default()), 1.0);
        assert_eq!(shown.level, 5);
        for reduction in [Reduction::Mean, Reduction::MaxAbs] {
            let mosaic = Mosaic::gather(head, shown.clone(), reduction);
            assert_eq!(mosaic.missing, 0);
            let map = mosaic.map().expect("fits");
            let overview = &record.overviews()[1];
            let cells = match reduction {
                Reduction::Mean => &overview.mean,
                Reduction::MaxAbs => &overview.max,
            };
            assert_eq!(map.values(), overview.head(cells, 0));
        }
        assert!(shelf.take_wanted().is_none());
    }
}
