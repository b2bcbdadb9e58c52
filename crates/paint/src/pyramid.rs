//! Halved copies of a map, so that zooming out loses nothing.
//!
//! Level `l + 1` of a tile combines 2 x 2 cells of level `l` (fewer at odd edges); tiles never mix. A reduced cell
//! keeps sum and count rather than the mean, so that the mean over any group of cells is that of its values however
//! unevenly they are masked. `shaders/reduce.wgsl` is the twin.

use crate::{MapArray, MapShape, array::CellState, axis::level_length, flag};

/// What is known about a group of cells.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Reduced {
    /// Sum of the values.
    pub sum: f32,
    /// The first value of the largest magnitude.
    pub extreme: f32,
    /// Number of values: cells that are measured, not masked, and finite.
    pub count: u32,
    /// Bits of [`within`].
    pub kinds: u32,
}

/// What a group of cells contains.
pub mod within {
    pub const SIGNIFICANT: u32 = 1;
    pub const ESTIMATE: u32 = 2;
    pub const NOT_FINITE: u32 = 4;
    pub const NOT_MEASURED: u32 = 8;
    pub const MASKED: u32 = 16;
}

impl Reduced {
    /// One cell of a map.
    pub fn of(map: &MapArray, index: usize) -> Self {
        let kind = |kinds| Self {
            kinds,
            ..Self::default()
        };
        match map.state(index) {
            CellState::Masked => kind(within::MASKED),
            CellState::NotMeasured => kind(within::NOT_MEASURED),
            CellState::NotFinite => kind(within::NOT_FINITE),
            CellState::Value(v) => {
                let flags = map.flag_of(index);
                let significant = flags & flag::NOT_SIGNIFICANT == 0;
                let estimate = flags & flag::ESTIMATE != 0;
                Self {
                    sum: v,
                    extreme: v,
                    count: 1,
                    kinds: u32::from(significant) * within::SIGNIFICANT
                        + u32::from(estimate) * within::ESTIMATE,
                }
            }
        }
    }

    /// Takes another group in.
    pub fn add(&mut self, other: Self) {
        if other.count > 0 {
            if self.count == 0 || other.extreme.abs() > self.extreme.abs() {
                self.extreme = other.extreme;
            }
            self.sum += other.sum;
            self.count += other.count;
        }
        self.kinds |= other.kinds;
    }

    /// Mean of the values; NaN if there are none.
    pub fn mean(&self) -> f32 {
        self.sum / self.count as f32
    }
}

/// The levels above a map, from half its size down to one cell per tile.
#[derive(Clone, Debug, PartialEq)]
pub struct Pyramid {
    layout: Layout,
    cells: Vec<Reduced>,
}

impl Pyramid {
    pub fn new(map: &MapArray) -> Self {
        Self::up_to(map, usize::MAX)
    }

    /// Only the levels up to the given one.
    pub(crate) fn up_to(map: &MapArray, level: usize) -> Self {
        let mut layout = Layout::new(map.shape());
        layout.levels.truncate(level);
        let mut pyramid = Self {
            cells: vec![Reduced::default(); layout.cells()],
            layout,
        };
        for level in 1..=pyramid.layout.levels.len() {
            for tile in 0..map.shape().tiles() {
                pyramid.reduce_tile(map, level, tile);
            }
        }
        pyramid
    }

    /// Number of levels above the map itself.
    pub fn levels(&self) -> usize {
        self.layout.levels.len()
    }

    /// Height and width of a tile at a level; level 0 is the map.
    pub fn size(&self, level: usize) -> (usize, usize) {
        let shape = self.layout.shape;
        (
            level_length(shape.height, level),
            level_length(shape.width, level),
        )
    }

    /// A reduced cell, of level 1 and up; `None` outside.
    pub fn cell(&self, level: usize, tile: usize, row: usize, column: usize) -> Option<Reduced> {
        let at = self.layout.levels.get(level.checked_sub(1)?)?;
        (tile < self.layout.shape.tiles() && row < at.height && column < at.width)
            .then(|| self.cells[at.index(tile, row, column)])
    }

    /// All levels, one after the other, each tile by tile, row-major.
    pub fn cells(&self) -> &[Reduced] {
        &self.cells
    }

    /// The map as seen at a level: means or extremes as values, and flags.
    pub fn view_cell(
        &self,
        map: &MapArray,
        level: usize,
        tile: usize,
        row: usize,
        column: usize,
    ) -> Reduced {
        if level == 0 {
            let shape = map.shape();
            return Reduced::of(map, (tile * shape.height + row) * shape.width + column);
        }
        self.cell(level, tile, row, column).unwrap_or_default()
    }

    fn reduce_tile(&mut self, map: &MapArray, level: usize, tile: usize) {
        let (rows, columns) = self.size(level);
        let (below_rows, below_columns) = self.size(level - 1);
        for row in 0..rows {
            for column in 0..columns {
                let mut group = Reduced::default();
                for y in 2 * row..(2 * row + 2).min(below_rows) {
                    for x in 2 * column..(2 * column + 2).min(below_columns) {
                        group.add(self.view_cell(map, level - 1, tile, y, x));
                    }
                }
                let index = self.layout.levels[level - 1].index(tile, row, column);
                self.cells[index] = group;
            }
        }
    }
}

/// Where the levels lie in one buffer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) shape: MapShape,
    pub(crate) levels: Vec<Level>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Level {
    /// Index of its first cell.
    pub(crate) start: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl Level {
    fn index(&self, tile: usize, row: usize, column: usize) -> usize {
        self.start + (tile * self.height + row) * self.width + column
    }
}

impl Layout {
    pub(crate) fn new(shape: MapShape) -> Self {
        let mut levels = Vec::new();
        let (mut start, mut height, mut width) = (0, shape.height, shape.width);
        while height * width > 1 {
            (height, width) = (height.div_ceil(2), width.div_ceil(2));
            levels.push(Level {
                start,
                height,
                width,
            });
            start += shape.tiles() * height * width;
        }
        Self { shape, levels }
    }

    pub(crate) fn cells(&self) -> usize {
        self.levels
            .last()
            .map_or(0, |l| l.start + self.shape.tiles() * l.height * l.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(shape: MapShape) -> MapArray {
        let values = (0..shape.cells()).map(|i| ((i * 37) % 101) as f32 - 50.0);
        MapArray::new(shape, values.collect()).expect("fits")
    }

    #[test]
    fn the_top_holds_the_sum_and_the_extreme_of_each_tile() {
        let shape = MapShape {
            rows: 2,
            columns: 2,
            height: 13,
            width: 6,
        };
        let map = ramp(shape).with_causal_mask();
        let pyramid = Pyramid::new(&map);
        assert_eq!(pyramid.size(pyramid.levels()), (1, 1));
        for tile in 0..4 {
            let top = pyramid.cell(pyramid.levels(), tile, 0, 0).expect("inside");
            let values: Vec<f32> = (tile * 78..(tile + 1) * 78)
                .filter_map(|i| match map.state(i) {
                    CellState::Value(v) => Some(v),
                    _ => None,
                })
                .collect();
            assert_eq!(top.sum, values.iter().sum::<f32>());
            assert_eq!(top.count as usize, values.len());
            let extreme = values.iter().map(|v| v.abs()).fold(0.0, f32::max);
            assert_eq!(top.extreme.abs(), extreme);
            assert_eq!(top.kinds, within::SIGNIFICANT | within::MASKED);
        }
    }

    #[test]
    fn one_hot_cell_survives_to_the_top() {
        let mut values = vec![0.001; 777 * 33];
        values[300 * 33 + 32] = -9.0;
        let map = MapArray::single(777, 33, values).expect("fits");
        let pyramid = Pyramid::new(&map);
        assert_eq!(pyramid.levels(), 10);
        assert_eq!(pyramid.cell(10, 0, 0, 0).expect("inside").extreme, -9.0);
    }

    #[test]
    fn a_single_cell_has_no_levels() {
        let map = MapArray::single(1, 1, vec![2.0]).expect("fits");
        let pyramid = Pyramid::new(&map);
        assert_eq!(pyramid.levels(), 0);
        assert_eq!(pyramid.view_cell(&map, 0, 0, 0, 0).mean(), 2.0);
    }

    #[test]
    fn what_is_not_a_value_does_not_count() {
        let map = MapArray::single(1, 4, vec![f32::NAN, 3.0, 7.0, 5.0])
            .and_then(|m| {
                m.with_flags(vec![
                    flag::MEASURED,
                    flag::MEASURED | flag::NOT_SIGNIFICANT,
                    flag::MASKED,
                    0,
                ])
            })
            .expect("fits");
        let top = Pyramid::new(&map).cell(2, 0, 0, 0).expect("inside");
        assert_eq!((top.sum, top.extreme, top.count), (3.0, 3.0, 1));
        assert_eq!(
            top.kinds,
            within::NOT_FINITE | within::MASKED | within::NOT_MEASURED
        );
    }
}
