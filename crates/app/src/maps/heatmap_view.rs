//! Where a map's cells lie on screen: zoom, pan, and the walk from cell to cell.

use egui::{Pos2, Rect, Vec2, pos2, vec2};

use super::look::Cell;

/// Zoom and pan of a map, kept between frames by the caller.
///
/// At zoom 1 the whole map fits its frame. The pan is held as the part of the map, in fractions of its size, that lies
/// left of and above the frame, so it survives a resize.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeatmapView {
    /// 1 shows the whole map; never less.
    pub zoom: f32,
    /// Fraction of the map's width and height hidden left of and above the frame, 0 to 1 - 1/zoom.
    pub origin: Vec2,
}

impl Default for HeatmapView {
    fn default() -> Self {
        Self {
            zoom: 1.0,
            origin: Vec2::ZERO,
        }
    }
}

/// The largest cell side that zooming reaches, in points.
const LARGEST_CELL: f32 = 120.0;

impl HeatmapView {
    pub fn is_fitted(&self) -> bool {
        self.zoom <= 1.0
    }

    /// Shows the whole map again.
    pub fn fit(&mut self) {
        *self = Self::default();
    }

    /// Zooms by `factor` so that the point of the map under `at` stays under it.
    ///
    /// Near the map's edge the point may move where it must for the frame to stay filled.
    pub fn zoom_at(&mut self, frame: Rect, at: Pos2, factor: f32, largest: f32) {
        if !(factor.is_finite() && factor > 0.0) || frame.area() <= 0.0 {
            return;
        }
        let part = (at - frame.min) / frame.size();
        let under = self.origin + part / self.zoom;
        self.zoom = (self.zoom * factor).clamp(1.0, largest.max(1.0));
        self.origin = under - part / self.zoom;
        self.keep_inside();
    }

    /// Moves the map by `delta` points.
    pub fn pan(&mut self, frame: Rect, delta: Vec2) {
        if frame.area() > 0.0 {
            self.origin -= delta / (frame.size() * self.zoom);
            self.keep_inside();
        }
    }

    /// Pans as little as brings `cell` wholly into the frame.
    pub fn reveal(&mut self, grid: &GridFrame, cell: Cell) {
        let show = |origin: f32, index: usize, count: usize| {
            let (low, high) = (
                index as f32 / count as f32,
                (index + 1) as f32 / count as f32,
            );
            origin.max(high - 1.0 / self.zoom).min(low)
        };
        if grid.cols > 0 && grid.rows > 0 {
            self.origin = vec2(
                show(self.origin.x, cell.col, grid.cols),
                show(self.origin.y, cell.row, grid.rows),
            );
            self.keep_inside();
        }
    }

    fn keep_inside(&mut self) {
        let most = 1.0 - 1.0 / self.zoom;
        self.origin = self.origin.clamp(Vec2::ZERO, Vec2::splat(most.max(0.0)));
    }
}

/// A grid of cells seen through a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GridFrame {
    /// What is visible of the grid, in points.
    pub frame: Rect,
    pub rows: usize,
    pub cols: usize,
    pub view: HeatmapView,
}

impl GridFrame {
    /// Size of one cell in points.
    pub fn cell_size(&self) -> Vec2 {
        self.frame.size() * self.view.zoom / vec2(self.cols.max(1) as f32, self.rows.max(1) as f32)
    }

    /// The whole grid, also what lies outside the frame.
    pub fn content(&self) -> Rect {
        let size = self.frame.size() * self.view.zoom;
        Rect::from_min_size(self.frame.min - self.view.origin * size, size)
    }

    /// The cell's place, not clipped to the frame.
    pub fn rect(&self, cell: Cell) -> Rect {
        let size = self.cell_size();
        let min = self.content().min + size * vec2(cell.col as f32, cell.row as f32);
        Rect::from_min_size(min, size)
    }

    /// The cell under a point of the frame.
    pub fn cell_at(&self, at: Pos2) -> Option<Cell> {
        if !self.frame.contains(at) || self.rows == 0 || self.cols == 0 {
            return None;
        }
        let part = (at - self.content().min) / self.cell_size();
        Some(Cell {
            row: (part.y.max(0.0) as usize).min(self.rows - 1),
            col: (part.x.max(0.0) as usize).min(self.cols - 1),
        })
    }

    /// Rows that show, half-open.
    pub fn visible_rows(&self) -> std::ops::Range<usize> {
        visible(self.view.origin.y, self.view.zoom, self.rows)
    }

    /// Columns that show, half-open.
    pub fn visible_cols(&self) -> std::ops::Range<usize> {
        visible(self.view.origin.x, self.view.zoom, self.cols)
    }

    /// How far this grid can be zoomed: until a cell is large enough for anything written in it, at least four times.
    pub fn largest_zoom(&self) -> f32 {
        let fitted = self.cell_size() / self.view.zoom;
        (LARGEST_CELL / fitted.min_elem().max(0.01)).max(4.0)
    }
}

fn visible(origin: f32, zoom: f32, count: usize) -> std::ops::Range<usize> {
    let n = count as f32;
    let start = (origin * n).floor().max(0.0) as usize;
    let end = ((origin + 1.0 / zoom) * n - 1e-4).ceil().max(0.0) as usize;
    start.min(count)..end.min(count)
}

/// The frame of a grid of `rows` x `cols` cells in `space`, against its top left corner.
///
/// Cells grow to fill the space, no side beyond `largest`, and no side longer than `stretch` times the other
/// (1 keeps them square). The frame is a whole number of physical pixels.
pub fn fit_frame(
    space: Rect,
    rows: usize,
    cols: usize,
    largest: f32,
    stretch: f32,
    pixels_per_point: f32,
) -> Rect {
    let mut side = (space.size() / vec2(cols.max(1) as f32, rows.max(1) as f32))
        .min(Vec2::splat(largest))
        .max(Vec2::ZERO);
    side.x = side.x.min(side.y * stretch);
    side.y = side.y.min(side.x * stretch);
    // A cell that is a whole number of pixels keeps all hairlines equally wide.
    let whole = |points: f32| {
        let pixels = points * pixels_per_point;
        if pixels >= 4.0 {
            pixels.floor() / pixels_per_point
        } else {
            points
        }
    };
    let side = vec2(whole(side.x), whole(side.y));
    let snap = |v: f32| (v * pixels_per_point).round() / pixels_per_point;
    let min = pos2(snap(space.min.x), snap(space.min.y));
    let size = side * vec2(cols as f32, rows as f32);
    Rect::from_min_size(min, vec2(snap(size.x), snap(size.y)))
}

/// Where a key press takes the selected cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    Left,
    Right,
    Up,
    Down,
    RowStart,
    RowEnd,
    First,
    Last,
}

/// The cell that `walk` leads to from `from`; from nothing, it leads to the first cell (or the last, for the ends).
pub fn walk(from: Option<Cell>, walk: Walk, rows: usize, cols: usize) -> Option<Cell> {
    if rows == 0 || cols == 0 {
        return None;
    }
    let last = Cell::new(rows - 1, cols - 1);
    let Some(Cell { row, col }) = from else {
        return Some(match walk {
            Walk::RowEnd | Walk::Last => last,
            _ => Cell::new(0, 0),
        });
    };
    let (row, col) = (row.min(last.row), col.min(last.col));
    Some(match walk {
        Walk::Left => Cell::new(row, col.saturating_sub(1)),
        Walk::Right => Cell::new(row, (col + 1).min(last.col)),
        Walk::Up => Cell::new(row.saturating_sub(1), col),
        Walk::Down => Cell::new((row + 1).min(last.row), col),
        Walk::RowStart => Cell::new(row, 0),
        Walk::RowEnd => Cell::new(row, last.col),
        Walk::First => Cell::new(0, 0),
        Walk::Last => last,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Rect {
        Rect::from_min_size(pos2(40.0, 30.0), vec2(320.0, 160.0))
    }

    fn grid(view: HeatmapView) -> GridFrame {
        GridFrame {
            frame: frame(),
            rows: 8,
            cols: 16,
            view,
        }
    }

    #[test]
    fn zooming_keeps_the_point_under_the_cursor() {
        let at = pos2(170.0, 95.0);
        let mut view = HeatmapView::default();
        let before = (at - grid(view).content().min) / grid(view).cell_size();
        for factor in [1.3, 1.7, 0.8, 2.0] {
            view.zoom_at(frame(), at, factor, 64.0);
            let after = (at - grid(view).content().min) / grid(view).cell_size();
            assert!((before - after).length() < 1e-3, "{before:?} {after:?}");
        }
        view.zoom_at(frame(), at, 0.01, 64.0);
        assert_eq!(view, HeatmapView::default());
    }

    #[test]
    fn the_frame_stays_filled() {
        let mut view = HeatmapView::default();
        view.zoom_at(frame(), pos2(41.0, 31.0), 5.0, 64.0);
        view.pan(frame(), vec2(1e4, -1e4));
        let content = grid(view).content();
        assert!(content.min.x <= 40.0 + 1e-3 && content.max.x >= 360.0 - 1e-3);
        assert!(content.min.y <= 30.0 + 1e-3 && content.max.y >= 190.0 - 1e-3);
        view.zoom_at(frame(), pos2(41.0, 31.0), f32::NAN, 64.0);
        assert!(view.zoom.is_finite());
    }

    #[test]
    fn cells_and_points_agree() {
        let mut view = HeatmapView::default();
        view.zoom_at(frame(), pos2(200.0, 100.0), 3.0, 64.0);
        let grid = grid(view);
        for row in grid.visible_rows() {
            for col in grid.visible_cols() {
                let cell = Cell::new(row, col);
                let shown = grid.rect(cell).intersect(grid.frame);
                assert!(shown.area() > 0.0, "{cell:?} shows nothing");
                assert_eq!(grid.cell_at(shown.center()), Some(cell));
            }
        }
        assert_eq!(grid.cell_at(pos2(0.0, 0.0)), None);
    }

    #[test]
    fn revealing_brings_a_cell_into_the_frame() {
        let mut view = HeatmapView::default();
        view.zoom_at(frame(), frame().min, 4.0, 64.0);
        let target = Cell::new(7, 15);
        view.reveal(&grid(view), target);
        let rect = grid(view).rect(target);
        assert!(frame().expand(0.01).contains_rect(rect));
    }

    #[test]
    fn walking_stays_on_the_map() {
        assert_eq!(walk(None, Walk::Down, 2, 3), Some(Cell::new(0, 0)));
        assert_eq!(walk(None, Walk::Last, 2, 3), Some(Cell::new(1, 2)));
        assert_eq!(
            walk(Some(Cell::new(1, 2)), Walk::Right, 2, 3),
            Some(Cell::new(1, 2))
        );
        assert_eq!(
            walk(Some(Cell::new(9, 9)), Walk::RowStart, 2, 3),
            Some(Cell::new(1, 0))
        );
        assert_eq!(walk(None, Walk::Left, 0, 3), None);
    }

    #[test]
    fn cells_fill_the_space_within_their_limits() {
        let space = Rect::from_min_size(pos2(0.3, 0.0), vec2(400.0, 100.0));
        let square = fit_frame(space, 10, 10, 50.0, 1.0, 1.0);
        assert_eq!(square.size(), vec2(100.0, 100.0));
        let wide = fit_frame(space, 10, 10, 50.0, 2.0, 1.0);
        assert_eq!(wide.size(), vec2(200.0, 100.0));
        let few = fit_frame(space, 1, 2, 50.0, 1.0, 2.0);
        assert_eq!(few.size(), vec2(100.0, 50.0));
        assert_eq!(few.min.x, 0.5);
    }
}
