//! Which part of a map lies where on the screen.
//!
//! Everything here is in physical pixels (points times `pixels_per_point`), y down.

use crate::{
    Cell, MapShape,
    axis::{AxisGeometry, Spread},
    looks::Pattern,
};

/// Cells get a hairline between them when they are larger than this, points.
pub const HAIRLINE_ABOVE: f64 = 6.0;
/// Numbers fit into cells at least this large, points.
pub const NUMBERS_FROM: f64 = 34.0;

/// A rectangle of whole pixels in the render target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PixelRect {
    pub x: i32,
    pub y: i32,
    pub width: u32,
    pub height: u32,
}

/// Where a map lies in its rectangle, and how large.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// The rectangle drawn into.
    pub target: PixelRect,
    /// The map's top left corner from the rectangle's top left corner: the pan.
    pub offset: [f64; 2],
    /// Width and height of a cell: the zoom.
    pub cell: [f64; 2],
    /// Between neighbouring tiles of an atlas.
    pub tile_gap: f64,
    pub pixels_per_point: f32,
}

impl View {
    /// The whole map, centred, as large as fits. Cells are square if `square`; cells larger than the hairline limit,
    /// or else tiles, get a whole number of pixels, so that all look alike.
    pub fn fit(
        shape: MapShape,
        target: PixelRect,
        tile_gap: f64,
        square: bool,
        pixels_per_point: f32,
    ) -> Self {
        let room = [f64::from(target.width), f64::from(target.height)];
        let tiles = [shape.columns, shape.rows].map(|n| n.max(1) as f64);
        let cells = [shape.width, shape.height].map(|n| n.max(1) as f64);
        let limit = HAIRLINE_ABOVE * f64::from(pixels_per_point);
        let mut cell = [0, 1].map(|a| {
            let tile = ((room[a] + tile_gap) / tiles[a] - tile_gap).max(1.0);
            tile / cells[a]
        });
        if square {
            cell = [cell[0].min(cell[1]); 2];
        }
        let cell = [0, 1].map(|a| {
            if cell[a] > limit {
                cell[a].floor()
            } else {
                (cell[a] * cells[a]).floor().max(1.0) / cells[a]
            }
        });
        let mut view = Self {
            target,
            offset: [0.0; 2],
            cell,
            tile_gap,
            pixels_per_point,
        };
        let size = view.content_size(shape);
        view.offset = [0, 1].map(|a| ((room[a] - size[a]) / 2.0).floor());
        view
    }

    /// Width and height of the whole map with its gaps.
    pub fn content_size(&self, shape: MapShape) -> [f64; 2] {
        let [x, y] = self.axes(shape);
        [x.length(), y.length()]
    }

    /// Moves the map.
    pub fn pan(&mut self, dx: f64, dy: f64) {
        self.offset[0] += dx;
        self.offset[1] += dy;
    }

    /// Makes cells `factor` times as large, keeping the cell under a point of the target in place.
    ///
    /// `least` and `most` bound the shorter side of a cell.
    pub fn zoom_at(
        &mut self,
        shape: MapShape,
        point: [f64; 2],
        factor: f64,
        least: f64,
        most: f64,
    ) {
        let side = self.cell[0].min(self.cell[1]);
        let factor = (side * factor).clamp(least.min(most), most.max(least)) / side;
        if !factor.is_finite() || factor <= 0.0 {
            return;
        }
        let before = self.axes(shape);
        self.cell = self.cell.map(|c| c * factor);
        let after = self.axes(shape);
        let origin = [f64::from(self.target.x), f64::from(self.target.y)];
        for a in 0..2 {
            let at = point[a] - origin[a];
            let moved = after[a].to_pixel(before[a].to_content(at));
            self.offset[a] += at - moved;
        }
    }

    /// The cell under a point of the render target; `None` in gaps and outside the map or the rectangle.
    pub fn hit(&self, shape: MapShape, point: [f64; 2]) -> Option<Cell> {
        let x = point[0].floor() as i64 - i64::from(self.target.x);
        let y = point[1].floor() as i64 - i64::from(self.target.y);
        if x < 0 || y < 0 || x >= i64::from(self.target.width) || y >= i64::from(self.target.height)
        {
            return None;
        }
        let [ax, ay] = self.axes(shape);
        let (tile_column, column) = ax.hit(x)?;
        let (tile_row, row) = ay.hit(y)?;
        Some(Cell {
            tile_row,
            tile_column,
            row,
            column,
        })
    }

    /// The pixels of a cell, its hairline included, in the render target. It may lie outside the rectangle.
    pub fn cell_rect(&self, shape: MapShape, cell: Cell) -> PixelRect {
        let [ax, ay] = self.axes(shape);
        self.rect(
            ax.cell_span(cell.tile_column, cell.column),
            ay.cell_span(cell.tile_row, cell.row),
        )
    }

    /// The pixels of a tile in the render target.
    pub fn tile_rect(&self, shape: MapShape, tile_row: usize, tile_column: usize) -> PixelRect {
        let [ax, ay] = self.axes(shape);
        self.rect(ax.tile_span(tile_column), ay.tile_span(tile_row))
    }

    /// Tile columns, then tile rows, of which at least a pixel lies in the rectangle.
    pub fn visible_tiles(
        &self,
        shape: MapShape,
    ) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let [ax, ay] = self.axes(shape);
        (
            ax.visible_tiles(self.target.width),
            ay.visible_tiles(self.target.height),
        )
    }

    /// All cells of which at least a pixel lies in the rectangle, row by row. Ask only when cells are large.
    pub fn visible_cells(&self, shape: MapShape) -> Vec<Cell> {
        let [ax, ay] = self.axes(shape);
        let columns = ax.visible_cells(self.target.width);
        let rows = ay.visible_cells(self.target.height);
        rows.iter()
            .flat_map(|&(tile_row, row)| {
                columns.iter().map(move |&(tile_column, column)| Cell {
                    tile_row,
                    tile_column,
                    row,
                    column,
                })
            })
            .collect()
    }

    /// Whether cells have a hairline between them.
    pub fn has_hairlines(&self) -> bool {
        self.cells_exceed(HAIRLINE_ABOVE, |side, limit| side > limit)
    }

    /// Whether numbers fit into cells.
    pub fn has_numbers(&self) -> bool {
        self.cells_exceed(NUMBERS_FROM, |side, limit| side >= limit)
    }

    pub(crate) fn pattern(&self) -> Pattern {
        Pattern::at(self.pixels_per_point)
    }

    pub(crate) fn axes(&self, shape: MapShape) -> [AxisGeometry; 2] {
        let axis = |a: usize, tiles, cells| AxisGeometry {
            tiles,
            cells,
            offset: self.offset[a],
            cell: self.cell[a],
            gap: self.tile_gap,
        };
        [
            axis(0, shape.columns, shape.width),
            axis(1, shape.rows, shape.height),
        ]
    }

    /// What each pixel column and row of the rectangle shows, and of which pyramid level.
    pub(crate) fn spread(&self, shape: MapShape) -> Spread {
        Spread::new(
            self.axes(shape),
            [self.target.width, self.target.height],
            self.pattern(),
            self.has_hairlines(),
        )
    }

    fn cells_exceed(&self, points: f64, over: fn(f64, f64) -> bool) -> bool {
        let limit = points * f64::from(self.pixels_per_point);
        self.cell.iter().all(|&side| over(side, limit))
    }

    fn rect(&self, (x0, x1): (i64, i64), (y0, y1): (i64, i64)) -> PixelRect {
        let clamp = |v: i64| v.clamp(i64::from(i32::MIN) / 2, i64::from(i32::MAX) / 2) as i32;
        PixelRect {
            x: self.target.x.saturating_add(clamp(x0)),
            y: self.target.y.saturating_add(clamp(y0)),
            width: (clamp(x1) - clamp(x0)).max(0) as u32,
            height: (clamp(y1) - clamp(y0)).max(0) as u32,
        }
    }
}
