//! One map as vector cells.

use whyfinder_paint::{
    Colour, MapArray, MapStyle, Theme, array::CellState, cell_number, colour_of, flag, looks,
    readable_on,
};

use crate::canvas::{Anchor, Canvas, Face, TextLook};

/// Where the cells of a single map lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CellGrid {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) cell_width: f32,
    pub(crate) cell_height: f32,
}

impl CellGrid {
    /// Draws every cell in its colour or its state's look.
    pub(crate) fn draw(&self, canvas: &mut Canvas, map: &MapArray, style: &MapStyle) {
        for index in 0..map.shape().cells() {
            let Some(cell) = map.shape().cell(index) else {
                continue;
            };
            let (x, y) = self.corner(cell.row, cell.column);
            match map.state(index) {
                CellState::Masked => {}
                CellState::NotMeasured => self.not_measured(canvas, x, y),
                CellState::NotFinite => self.not_finite(canvas, x, y),
                CellState::Value(value) => {
                    let colour = colour_of(value, style);
                    self.filled(canvas, x, y, colour);
                    let flags = map.flag_of(index);
                    if flags & flag::NOT_SIGNIFICANT != 0 {
                        self.hatched(canvas, x, y, colour);
                    }
                }
            }
        }
    }

    /// Writes values of at least `least` in magnitude into their cells.
    pub(crate) fn numbers(
        &self,
        canvas: &mut Canvas,
        map: &MapArray,
        style: &MapStyle,
        least: f32,
    ) {
        for index in 0..map.shape().cells() {
            let (Some(cell), CellState::Value(value)) = (map.shape().cell(index), map.state(index))
            else {
                continue;
            };
            if value.abs() < least {
                continue;
            }
            let (x, y) = self.corner(cell.row, cell.column);
            let size = (self.cell_width * 0.36).min(10.0);
            let ink = readable_on(colour_of(value, style));
            let look = TextLook::new(Face::Mono, size, ink).anchored(Anchor::Middle);
            canvas.text(
                x + self.cell_width / 2.0,
                y + self.cell_height / 2.0 + size * 0.35,
                look,
                &cell_number(value),
            );
        }
    }

    pub(crate) fn corner(&self, row: usize, column: usize) -> (f32, f32) {
        (
            self.x + column as f32 * self.cell_width,
            self.y + row as f32 * self.cell_height,
        )
    }

    /// Width and height without the hairline.
    fn inner(&self) -> (f32, f32) {
        let hairline = |side: f32| if side > 6.0 { side - 1.0 } else { side };
        (hairline(self.cell_width), hairline(self.cell_height))
    }

    fn filled(&self, canvas: &mut Canvas, x: f32, y: f32, colour: Colour) {
        let (width, height) = self.inner();
        canvas.rect(x, y, width, height, colour);
        // White cells on white paper need an edge.
        if canvas.theme == Theme::Light && width < self.cell_width {
            let line = canvas.theme.line();
            canvas.outline(x - 0.5, y - 0.5, width + 1.0, height + 1.0, line, 0.75);
        }
    }

    fn not_measured(&self, canvas: &mut Canvas, x: f32, y: f32) {
        let [ground, dot] = looks::not_measured(canvas.theme);
        self.filled(canvas, x, y, ground);
        let (width, height) = self.inner();
        if width > 6.0 && height > 6.0 {
            canvas.rect(x + width / 2.0 - 1.0, y + height / 2.0 - 1.0, 2.0, 2.0, dot);
        }
    }

    fn not_finite(&self, canvas: &mut Canvas, x: f32, y: f32) {
        let [first, second] = looks::not_finite(canvas.theme);
        let (width, height) = self.inner();
        canvas.rect(x, y, width, height, first);
        let (columns, rows) = (
            (width / 3.0).ceil() as usize,
            (height / 3.0).ceil() as usize,
        );
        for row in 0..rows {
            for column in (row % 2..columns).step_by(2) {
                let (dx, dy) = (column as f32 * 3.0, row as f32 * 3.0);
                let (w, h) = ((width - dx).min(3.0), (height - dy).min(3.0));
                canvas.rect(x + dx, y + dy, w, h, second);
            }
        }
    }

    /// Lines from lower left to upper right, seven units apart, cut to the cell.
    fn hatched(&self, canvas: &mut Canvas, x: f32, y: f32, colour: Colour) {
        let (width, height) = self.inner();
        let ink = looks::hatched(colour);
        let mut along = 3.5;
        while along < width + height {
            let from = if along <= height {
                [x, y + along]
            } else {
                [x + along - height, y + height]
            };
            let to = if along <= width {
                [x + along, y]
            } else {
                [x + width, y + along - width]
            };
            canvas.line(from, to, ink, 0.9);
            along += 7.0;
        }
    }
}
