//! One axis of a view: which pixels belong to which tiles and cells.
//!
//! A tile of `n` cells covers `p` whole pixels. If `p >= n`, cell `c` covers the pixels from `c p / n` to
//! `(c + 1) p / n` (rounded down); otherwise pixel `i` shows the cells from `i n / p` to `(i + 1) n / p`. Either way
//! each pixel and each cell is accounted for exactly once, and the GPU reads the same table as its CPU twin.

use crate::looks::Pattern;

/// Tiles and cells along x or y, in pixels from the target's edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AxisGeometry {
    pub(crate) tiles: usize,
    /// Per tile.
    pub(crate) cells: usize,
    /// Where the first tile starts.
    pub(crate) offset: f64,
    /// Size of a cell.
    pub(crate) cell: f64,
    /// Between tiles.
    pub(crate) gap: f64,
}

impl AxisGeometry {
    fn tile_length(&self) -> f64 {
        self.cells as f64 * self.cell
    }

    fn pitch(&self) -> f64 {
        self.tile_length() + self.gap
    }

    pub(crate) fn length(&self) -> f64 {
        (self.tiles as f64 * self.pitch() - self.gap).max(0.0)
    }

    /// First pixel of a tile and the one after its last; at least one pixel.
    pub(crate) fn tile_span(&self, tile: usize) -> (i64, i64) {
        let start = self.offset + tile as f64 * self.pitch();
        let first = nearest(start);
        (first, nearest(start + self.tile_length()).max(first + 1))
    }

    /// First pixel of a cell and the one after its last. Empty for a cell that shares its pixel with others.
    pub(crate) fn cell_span(&self, tile: usize, cell: usize) -> (i64, i64) {
        let (start, end) = self.tile_span(tile);
        let (length, cells) = (end - start, self.cells.max(1) as i64);
        let edge = |c: i64| start + (i128::from(c) * i128::from(length) / i128::from(cells)) as i64;
        (edge(cell as i64), edge(cell as i64 + 1))
    }

    /// Tile and cell at a pixel.
    pub(crate) fn hit(&self, pixel: i64) -> Option<(usize, usize)> {
        let guess = ((pixel as f64 + 0.5 - self.offset) / self.pitch()).floor();
        // The guess may be off by one, for tiles start on whole pixels.
        (-1..=1)
            .map(|d| guess + f64::from(d))
            .filter(|&t| t >= 0.0 && t < self.tiles as f64)
            .map(|t| t as usize)
            .find_map(|tile| {
                let (start, end) = self.tile_span(tile);
                (start..end)
                    .contains(&pixel)
                    .then(|| (tile, cell_at(pixel - start, end - start, self.cells)))
            })
    }

    /// A pixel as tile number and, within the tile, cells from its start; past the end in the gap.
    pub(crate) fn to_content(self, pixel: f64) -> (f64, f64) {
        let along = pixel - self.offset;
        let last = self.tiles.saturating_sub(1) as f64;
        let tile = (along / self.pitch()).floor().clamp(0.0, last);
        (tile, (along - tile * self.pitch()) / self.cell)
    }

    /// The inverse of [`AxisGeometry::to_content`].
    pub(crate) fn to_pixel(self, (tile, cells): (f64, f64)) -> f64 {
        self.offset + tile * self.pitch() + cells * self.cell
    }

    pub(crate) fn visible_tiles(&self, length: u32) -> std::ops::Range<usize> {
        let shown = |tile: usize| {
            let (start, end) = self.tile_span(tile);
            end > 0 && start < i64::from(length)
        };
        let near = |pixel: f64| {
            let tile = (pixel - self.offset) / self.pitch();
            (tile.max(0.0) as usize).min(self.tiles)
        };
        let first = near(0.0).saturating_sub(1);
        let last = (near(f64::from(length)) + 2).min(self.tiles);
        let mut range = first..last;
        while !range.is_empty() && !shown(range.start) {
            range.start += 1;
        }
        while !range.is_empty() && !shown(range.end - 1) {
            range.end -= 1;
        }
        range
    }

    pub(crate) fn visible_cells(&self, length: u32) -> Vec<(usize, usize)> {
        let mut cells = Vec::new();
        for tile in self.visible_tiles(length) {
            let (start, end) = self.tile_span(tile);
            let first = start.max(0);
            let last = end.min(i64::from(length)) - 1;
            let from = cell_at(first - start, end - start, self.cells);
            let to = cell_at(last - start, end - start, self.cells);
            cells.extend((from..=to).map(|cell| (tile, cell)));
        }
        cells
    }
}

/// The last of `cells` cells that starts at or before pixel `i` of `length`.
fn cell_at(i: i64, length: i64, cells: usize) -> usize {
    let at = ((i128::from(i) + 1) * cells as i128 - 1) / i128::from(length.max(1));
    (at.max(0) as usize).min(cells.saturating_sub(1))
}

/// The pixel edge nearest to a position; far-off positions stay within what integers can add.
fn nearest(position: f64) -> i64 {
    (position - 0.5).ceil().clamp(-1e15, 1e15) as i64
}

/// What one pixel column or row shows.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct AxisPixel {
    /// Tile column or row; [`AxisPixel::NOTHING`] in gaps, hairlines and outside.
    pub(crate) tile: u32,
    /// First cell of the pyramid level.
    pub(crate) first: u32,
    /// How many cells of the level.
    pub(crate) count: u32,
    /// Where the pixel lies in the patterns: pixels from the tile's start, modulo the hatching's period, and the bits
    /// [`AxisPixel::MIDDLE`], [`AxisPixel::DOT`], [`AxisPixel::SQUARE`].
    pub(crate) phase: u32,
}

impl AxisPixel {
    pub(crate) const NOTHING: u32 = u32::MAX;
    /// In the middle of its cell.
    pub(crate) const MIDDLE: u32 = 1 << 31;
    /// On a column, or row, of dots.
    pub(crate) const DOT: u32 = 1 << 30;
    /// In an odd square of the chequers.
    pub(crate) const SQUARE: u32 = 1 << 29;
    /// The bits that hold a number.
    pub(crate) const PHASE: u32 = Self::SQUARE - 1;

    const BLANK: AxisPixel = AxisPixel {
        tile: Self::NOTHING,
        first: 0,
        count: 0,
        phase: 0,
    };
}

/// The pixel tables of both axes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spread {
    /// 0: the cells themselves; each further level halves.
    pub(crate) level: usize,
    pub(crate) x: Vec<AxisPixel>,
    pub(crate) y: Vec<AxisPixel>,
}

impl Spread {
    /// Tables for a target of `size` pixels, with lines between the cells or without.
    pub(crate) fn new(
        axes: [AxisGeometry; 2],
        size: [u32; 2],
        pattern: Pattern,
        hairlines: bool,
    ) -> Self {
        let level = axes.map(coarsest).into_iter().min().unwrap_or(0);
        let [x, y] = [0, 1].map(|a| table(&axes[a], level, size[a], pattern, hairlines));
        Self { level, x, y }
    }

    /// Whether a pixel may show more than one cell of the level.
    pub(crate) fn has_groups(&self) -> bool {
        self.x.iter().chain(&self.y).any(|p| p.count > 1)
    }
}

/// The highest level that still has a cell for every pixel of a tile.
fn coarsest(axis: AxisGeometry) -> usize {
    let (start, end) = axis.tile_span(0);
    let pixels = (end - start) as usize;
    let mut level = 0;
    while level_length(axis.cells, level) > 1 && level_length(axis.cells, level + 1) >= pixels {
        level += 1;
    }
    level
}

/// How many cells a tile side of `cells` has at a pyramid level.
pub(crate) fn level_length(cells: usize, level: usize) -> usize {
    cells.div_ceil(1 << level.min(63))
}

fn table(
    axis: &AxisGeometry,
    level: usize,
    length: u32,
    pattern: Pattern,
    hairlines: bool,
) -> Vec<AxisPixel> {
    let mut pixels = vec![AxisPixel::BLANK; length as usize];
    if axis.cells == 0 {
        return pixels;
    }
    let cells = level_length(axis.cells, level);
    for tile in axis.visible_tiles(length) {
        let (start, end) = axis.tile_span(tile);
        let span = end - start;
        for pixel in start.max(0)..end.min(i64::from(length)) {
            let i = pixel - start;
            let (first, count) = if span >= cells as i64 {
                (cell_at(i, span, cells), 1)
            } else {
                let from = i as usize * cells / span as usize;
                let to = (i as usize + 1) * cells / span as usize;
                (from, to.saturating_sub(from).max(1))
            };
            let mut phase = pattern.phase(i as u64);
            let mut shown = tile as u32;
            if hairlines {
                let line = i64::from(pattern.line);
                let (from, to) = axis.cell_span(tile, first);
                let middle = (from + to - line) / 2 - line.div_euclid(2);
                if pixel >= to - line {
                    shown = AxisPixel::NOTHING;
                } else if (middle..middle + 2 * line).contains(&pixel) {
                    phase |= AxisPixel::MIDDLE;
                }
            }
            pixels[pixel as usize] = AxisPixel {
                tile: shown,
                first: first as u32,
                count: count as u32,
                phase,
            };
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATTERN: Pattern = Pattern {
        period: 7,
        line: 1,
        square: 3,
    };

    fn axis(tiles: usize, cells: usize, offset: f64, cell: f64, gap: f64) -> AxisGeometry {
        AxisGeometry {
            tiles,
            cells,
            offset,
            cell,
            gap,
        }
    }

    #[test]
    fn magnified_cells_share_out_the_pixels() {
        for (cells, cell) in [(1, 7.3), (10, 3.7), (7, 1.0), (128, 1.01), (3, 40.0)] {
            let a = axis(3, cells, 5.4, cell, 4.0);
            let table = table(&a, 0, 2000, PATTERN, false);
            for tile in 0..3 {
                let mut seen = vec![0; cells];
                for p in table.iter().filter(|p| p.tile == tile) {
                    assert_eq!(p.count, 1);
                    seen[p.first as usize] += 1;
                }
                assert!(seen.iter().all(|&n| n > 0), "{cells} {cell}");
                let (least, most) = (seen.iter().min(), seen.iter().max());
                assert!(most.zip(least).is_some_and(|(m, l)| m - l <= 1), "{seen:?}");
            }
        }
    }

    #[test]
    fn reduced_cells_are_shown_exactly_once() {
        for (cells, cell) in [(128, 0.3), (777, 0.01), (1000, 0.5), (5, 0.21), (33, 0.99)] {
            let a = axis(4, cells, 3.6, cell, 2.0);
            let level = coarsest(a);
            let table = table(&a, level, 3000, PATTERN, false);
            let expected = level_length(cells, level);
            for tile in 0..4 {
                let mut seen = vec![0; expected];
                for p in table.iter().filter(|p| p.tile == tile) {
                    for c in p.first..p.first + p.count {
                        seen[c as usize] += 1;
                    }
                }
                let doubled = seen.iter().filter(|&&n| n > 1).count();
                assert!(seen.iter().all(|&n| n > 0), "{cells} {cell} {seen:?}");
                // A tile rounded up by a pixel may show one cell twice.
                assert!(doubled <= 1, "{cells} {cell} {seen:?}");
            }
        }
    }

    #[test]
    fn hits_agree_with_the_table() {
        for a in [
            axis(3, 10, 5.4, 3.7, 4.0),
            axis(2, 5, -31.0, 17.0, 2.0),
            axis(1, 1, 0.0, 300.0, 0.0),
        ] {
            let table = table(&a, 0, 200, PATTERN, false);
            for (pixel, p) in table.iter().enumerate() {
                let hit = a.hit(pixel as i64).map(|(t, c)| (t as u32, c as u32));
                let shown = (p.tile != AxisPixel::NOTHING).then_some((p.tile, p.first));
                assert_eq!(hit, shown, "{a:?} {pixel}");
            }
        }
    }

    #[test]
    fn pixels_and_content_are_inverse() {
        let a = axis(3, 10, 5.4, 3.7, 4.0);
        for pixel in [-20.0, 5.4, 30.0, 44.0, 90.0, 500.0] {
            assert!((a.to_pixel(a.to_content(pixel)) - pixel).abs() < 1e-9);
        }
    }

    #[test]
    fn far_away_maps_show_nothing_and_do_not_overflow() {
        for offset in [1e300, -1e300, f64::NAN] {
            let a = axis(3, 10, offset, 3.7, 4.0);
            let table = table(&a, 0, 100, PATTERN, true);
            assert!(
                table
                    .iter()
                    .all(|p| p.tile == AxisPixel::NOTHING || offset.is_nan())
            );
        }
    }

    #[test]
    fn hairlines_end_every_cell_and_dots_lie_inside() {
        let table = table(&axis(1, 4, 0.0, 10.0, 0.0), 0, 40, PATTERN, true);
        for (i, p) in table.iter().enumerate() {
            assert_eq!(p.tile == AxisPixel::NOTHING, i % 10 == 9);
            assert_eq!(
                p.phase & AxisPixel::MIDDLE != 0,
                matches!(i % 10, 4 | 5),
                "{i}"
            );
        }
    }
}
