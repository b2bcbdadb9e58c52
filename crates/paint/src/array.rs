//! The numbers of one map, or of an atlas of maps of one size.

use std::fmt;

use crate::PaintError;

/// What is known of a cell beside its value; bits of one byte.
pub mod flag {
    pub const MEASURED: u8 = 1;
    /// The cell cannot have a value, like a key that a query may not see: left blank.
    pub const MASKED: u8 = 2;
    /// |effect| < 2 standard errors: hatched.
    pub const NOT_SIGNIFICANT: u8 = 4;
    /// The value is an estimate, not a measurement: dotted.
    pub const ESTIMATE: u8 = 8;
}

/// `rows x columns` tiles of `height x width` cells each; a single map is one tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MapShape {
    /// Rows of tiles: layers, in an attention atlas.
    pub rows: usize,
    /// Columns of tiles: heads.
    pub columns: usize,
    /// Rows of cells in a tile: queries.
    pub height: usize,
    /// Columns of cells in a tile: keys.
    pub width: usize,
}

impl MapShape {
    pub fn single(height: usize, width: usize) -> Self {
        Self {
            rows: 1,
            columns: 1,
            height,
            width,
        }
    }

    pub fn tiles(self) -> usize {
        self.rows * self.columns
    }

    pub fn tile_cells(self) -> usize {
        self.height * self.width
    }

    pub fn cells(self) -> usize {
        self.tiles() * self.tile_cells()
    }

    /// Index of a cell: tile by tile in row-major order, row-major within. `None` outside.
    pub fn index(self, cell: Cell) -> Option<usize> {
        (cell.tile_row < self.rows
            && cell.tile_column < self.columns
            && cell.row < self.height
            && cell.column < self.width)
            .then(|| {
                let tile = cell.tile_row * self.columns + cell.tile_column;
                (tile * self.height + cell.row) * self.width + cell.column
            })
    }

    /// The cell at an index; the inverse of [`MapShape::index`].
    pub fn cell(self, index: usize) -> Option<Cell> {
        (index < self.cells()).then(|| {
            let (tile, inside) = (index / self.tile_cells(), index % self.tile_cells());
            Cell {
                tile_row: tile / self.columns,
                tile_column: tile % self.columns,
                row: inside / self.width,
                column: inside % self.width,
            }
        })
    }

    fn checked_cells(self) -> Result<usize, PaintError> {
        [self.columns, self.height, self.width]
            .iter()
            .try_fold(self.rows, |n, &d| n.checked_mul(d))
            .filter(|&n| u32::try_from(n).is_ok())
            .ok_or_else(|| PaintError::TooManyCells {
                shape: self.to_string(),
            })
    }
}

impl fmt::Display for MapShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tiles() != 1 {
            write!(f, "{} x {} tiles of ", self.rows, self.columns)?;
        }
        write!(f, "{} x {}", self.height, self.width)
    }
}

/// Where a cell lies: its tile, and its place in the tile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cell {
    pub tile_row: usize,
    pub tile_column: usize,
    pub row: usize,
    pub column: usize,
}

impl Cell {
    /// A cell of a single map.
    pub fn at(row: usize, column: usize) -> Self {
        Self {
            row,
            column,
            ..Self::default()
        }
    }
}

/// What a cell shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CellState {
    Value(f32),
    /// NaN or infinite although it was measured.
    NotFinite,
    NotMeasured,
    Masked,
}

/// Extremes of the finite, measured, unmasked values, and how many cells are something else.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ValueRange {
    /// 0 where there are no values.
    pub low: f32,
    /// 0 where there are no values.
    pub high: f32,
    pub values: usize,
    pub not_finite: usize,
    pub not_measured: usize,
    pub masked: usize,
}

impl ValueRange {
    /// The largest distance of a value from `centre`.
    pub fn extent(&self, centre: f32) -> f32 {
        (self.high - centre).abs().max((self.low - centre).abs())
    }
}

/// The values of a map with what is known of each cell.
#[derive(Clone, Debug, PartialEq)]
pub struct MapArray {
    shape: MapShape,
    values: Vec<f32>,
    /// Empty (all measured), one byte per cell of a tile (the same in every tile), or one byte per cell.
    flags: Vec<u8>,
}

impl MapArray {
    /// Tiles in row-major order, each row-major; all cells measured.
    ///
    /// # Errors
    /// If the number of values is not that of the shape, or the map has 2³² cells or more.
    pub fn new(shape: MapShape, values: Vec<f32>) -> Result<Self, PaintError> {
        let expected = shape.checked_cells()?;
        if values.len() != expected {
            return Err(PaintError::WrongLength {
                shape: shape.to_string(),
                what: "values",
                expected,
                given: values.len(),
            });
        }
        Ok(Self {
            shape,
            values,
            flags: Vec::new(),
        })
    }

    /// One map of `height x width`, row-major.
    ///
    /// # Errors
    /// As [`MapArray::new`].
    pub fn single(height: usize, width: usize, values: Vec<f32>) -> Result<Self, PaintError> {
        Self::new(MapShape::single(height, width), values)
    }

    /// A map in which nothing has been measured yet.
    ///
    /// # Errors
    /// As [`MapArray::new`].
    pub fn unmeasured(shape: MapShape) -> Result<Self, PaintError> {
        let cells = shape.checked_cells()?;
        Ok(Self {
            shape,
            values: vec![f32::NAN; cells],
            flags: vec![0; cells],
        })
    }

    /// Gives every cell its [`flag`] byte: either one per cell, or one per cell of a tile for all tiles alike.
    ///
    /// # Errors
    /// If their number is neither.
    pub fn with_flags(mut self, flags: Vec<u8>) -> Result<Self, PaintError> {
        if flags.len() != self.shape.cells() && flags.len() != self.shape.tile_cells() {
            return Err(PaintError::WrongLength {
                shape: self.shape.to_string(),
                what: "flags",
                expected: self.shape.cells(),
                given: flags.len(),
            });
        }
        self.flags = flags;
        Ok(self)
    }

    /// Masks the keys that lie after their query. With more keys than queries, the last query sees all keys.
    #[must_use]
    pub fn with_causal_mask(mut self) -> Self {
        if self.flags.is_empty() {
            self.flags = vec![flag::MEASURED; self.shape.tile_cells()];
        }
        let MapShape { height, width, .. } = self.shape;
        let seen = width.saturating_sub(height);
        for (i, f) in self.flags.iter_mut().enumerate() {
            let inside = i % (height * width);
            if inside % width > inside / width + seen {
                *f |= flag::MASKED;
            }
        }
        self
    }

    pub fn shape(&self) -> MapShape {
        self.shape
    }

    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Empty, one byte per cell of a tile, or one byte per cell.
    pub fn flags(&self) -> &[u8] {
        &self.flags
    }

    /// The flags of the cell at an index; 0 outside.
    pub fn flag_of(&self, index: usize) -> u8 {
        match self.flags.len() {
            0 => flag::MEASURED,
            n => self.flags.get(index % n).copied().unwrap_or_default(),
        }
    }

    /// What the cell at an index shows; not measured outside.
    pub fn state(&self, index: usize) -> CellState {
        let flags = self.flag_of(index);
        match self.values.get(index) {
            _ if flags & flag::MASKED != 0 => CellState::Masked,
            Some(v) if flags & flag::MEASURED != 0 => {
                if v.is_finite() {
                    CellState::Value(*v)
                } else {
                    CellState::NotFinite
                }
            }
            _ => CellState::NotMeasured,
        }
    }

    /// Stores a measured cell; `extra` are flags beside [`flag::MEASURED`]. An index outside is ignored.
    pub fn set(&mut self, index: usize, value: f32, extra: u8) {
        if index >= self.values.len() {
            return;
        }
        self.own_flags();
        self.values[index] = value;
        self.flags[index] = flag::MEASURED | extra | (self.flags[index] & flag::MASKED);
    }

    /// Stores a whole measured tile, row-major. A tile outside, or of another size, is ignored.
    pub fn set_tile(&mut self, tile: usize, values: &[f32]) {
        let n = self.shape.tile_cells();
        if tile >= self.shape.tiles() || values.len() != n {
            return;
        }
        let range = tile * n..(tile + 1) * n;
        self.values[range.clone()].copy_from_slice(values);
        if self.flags.len() == self.values.len() {
            for f in &mut self.flags[range] {
                *f |= flag::MEASURED;
            }
        }
    }

    /// One tile as a map of its own; `None` outside.
    pub fn tile(&self, tile: usize) -> Option<MapArray> {
        let n = self.shape.tile_cells();
        let values = self.values.get(tile * n..(tile + 1) * n)?.to_vec();
        let flags = match self.flags.len() {
            0 => Vec::new(),
            all if all == self.values.len() => self.flags[tile * n..(tile + 1) * n].to_vec(),
            _ => self.flags.clone(),
        };
        (tile < self.shape.tiles()).then_some(MapArray {
            shape: MapShape::single(self.shape.height, self.shape.width),
            values,
            flags,
        })
    }

    /// Range and counts over all cells.
    pub fn range(&self) -> ValueRange {
        let mut range = ValueRange::default();
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        for index in 0..self.values.len() {
            match self.state(index) {
                CellState::Value(v) => {
                    low = low.min(v);
                    high = high.max(v);
                    range.values += 1;
                }
                CellState::NotFinite => range.not_finite += 1,
                CellState::NotMeasured => range.not_measured += 1,
                CellState::Masked => range.masked += 1,
            }
        }
        if range.values > 0 {
            (range.low, range.high) = (low, high);
        }
        range
    }

    /// One flag byte per cell, so that a single cell can differ from its fellows in other tiles.
    fn own_flags(&mut self) {
        let cells = self.values.len();
        if self.flags.len() != cells {
            self.flags = (0..cells).map(|i| self.flag_of(i)).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: MapShape = MapShape {
        rows: 2,
        columns: 3,
        height: 2,
        width: 5,
    };

    #[test]
    fn cells_and_indices_are_inverse() {
        for index in 0..SHAPE.cells() {
            assert_eq!(SHAPE.cell(index).and_then(|c| SHAPE.index(c)), Some(index));
        }
        assert_eq!(SHAPE.cell(SHAPE.cells()), None);
        assert_eq!(SHAPE.index(Cell::at(2, 0)), None);
    }

    #[test]
    fn a_causal_mask_blanks_later_keys() {
        let map = MapArray::single(3, 3, vec![1.0; 9])
            .expect("fits")
            .with_causal_mask();
        let masked: Vec<bool> = (0..9).map(|i| map.state(i) == CellState::Masked).collect();
        assert_eq!(
            masked,
            [false, true, true, false, false, true, false, false, false]
        );
        // Two queries after three cached keys.
        let map = MapArray::single(2, 5, vec![1.0; 10])
            .expect("fits")
            .with_causal_mask();
        assert_eq!(map.range().masked, 1);
        assert_eq!(map.state(4), CellState::Masked);
    }

    #[test]
    fn states_are_told_apart() {
        let mut map = MapArray::unmeasured(SHAPE).expect("small");
        map.set(3, 0.5, flag::NOT_SIGNIFICANT);
        map.set(4, f32::NAN, 0);
        assert_eq!(map.state(3), CellState::Value(0.5));
        assert_eq!(map.flag_of(3), flag::MEASURED | flag::NOT_SIGNIFICANT);
        assert_eq!(map.state(4), CellState::NotFinite);
        assert_eq!(map.state(5), CellState::NotMeasured);
        assert_eq!(map.state(usize::MAX), CellState::NotMeasured);
        let range = map.range();
        assert_eq!((range.low, range.high, range.values), (0.5, 0.5, 1));
        assert_eq!((range.not_finite, range.not_measured), (1, 58));
    }

    #[test]
    fn wrong_lengths_are_refused() {
        assert!(MapArray::single(2, 2, vec![0.0; 3]).is_err());
        let map = MapArray::new(SHAPE, vec![0.0; 60]).expect("fits");
        assert!(map.clone().with_flags(vec![0; 10]).is_ok());
        assert!(map.clone().with_flags(vec![0; 60]).is_ok());
        assert!(map.with_flags(vec![0; 59]).is_err());
        let huge = MapShape::single(1 << 40, 1 << 40);
        assert!(MapArray::unmeasured(huge).is_err());
    }

    #[test]
    fn a_tile_is_a_map_of_its_own() {
        let map = MapArray::new(SHAPE, (0..60).map(|i| i as f32).collect()).expect("fits");
        let tile = map.with_causal_mask().tile(4).expect("inside");
        assert_eq!(tile.values()[0], 40.0);
        assert_eq!(tile.state(4), CellState::Masked);
    }
}
