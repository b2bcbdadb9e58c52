//! What is drawn over painted cells: outlines, bands, numbers.

use egui::{Color32, FontId, Painter, Rect, Stroke, StrokeKind};
use whyfinder_paint::{Colour, MapStyle, colour_of, readable_on};

use super::heatmap_view::GridFrame;
use super::look::{Cell, MapLook};
use super::token_text::whole;

/// Cells at least this large, in points, have their number written in them.
pub(crate) const NUMBERS_FROM: f32 = 34.0;

/// Cells larger than this, in points, have a hairline between them.
const GAPS_ABOVE: f32 = 6.0;

pub(crate) fn colour32([r, g, b, a]: Colour) -> Color32 {
    Color32::from_rgba_unmultiplied(r, g, b, a)
}

/// The outline of the one selected cell, the same in every view.
pub(crate) fn selection(painter: &Painter, look: &MapLook, rect: Rect) {
    let rect = rect.expand(if rect.width().min(rect.height()) < 8.0 {
        1.5
    } else {
        0.5
    });
    let halo = look.background.gamma_multiply(0.85);
    painter.rect_stroke(rect, 1.0, Stroke::new(4.0, halo), StrokeKind::Middle);
    painter.rect_stroke(
        rect,
        1.0,
        Stroke::new(2.0, look.selection),
        StrokeKind::Middle,
    );
}

/// The outline of the cell under the pointer.
pub(crate) fn hover(painter: &Painter, look: &MapLook, rect: Rect) {
    painter.rect_stroke(
        rect.expand(0.5),
        1.0,
        Stroke::new(1.0, look.text),
        StrokeKind::Middle,
    );
}

/// A frame around a map that has the keyboard.
pub(crate) fn focus(painter: &Painter, look: &MapLook, rect: Rect) {
    painter.rect_stroke(
        rect.expand(3.0),
        3.0,
        Stroke::new(1.0, look.selection.gamma_multiply(0.7)),
        StrokeKind::Middle,
    );
}

/// Thin rails along the row and the column of `cell`, in the gaps between cells: the data's colours stay as they are.
///
/// Where cells have no gaps there are no rails, and the marks at the labels must do.
pub(crate) fn rails(painter: &Painter, look: &MapLook, grid: &GridFrame, cell: Cell) {
    let rect = grid.rect(cell);
    if rect.width().min(rect.height()) <= GAPS_ABOVE {
        return;
    }
    let stroke = Stroke::new(1.0, look.selection.gamma_multiply(0.45));
    let frame = grid.frame;
    for y in [rect.top(), rect.bottom()] {
        if frame.y_range().contains(y) {
            painter.hline(frame.x_range(), y - 0.5, stroke);
        }
    }
    for x in [rect.left(), rect.right()] {
        if frame.x_range().contains(x) {
            painter.vline(x - 0.5, frame.y_range(), stroke);
        }
    }
}

/// What to write in a cell: the value that its ground shows, one or two lines, and whether it stands back.
pub(crate) struct CellText {
    pub(crate) value: f32,
    pub(crate) lines: Vec<String>,
    pub(crate) faint: bool,
}

/// Writes each visible cell's text in the ink that stands out on its colour, where cells are large enough.
///
/// `text` gives a cell's words; `None` leaves the cell alone. A cell that the frame cuts is written in the part that
/// shows, or not at all.
pub(crate) fn numbers(
    painter: &Painter,
    look: &MapLook,
    grid: &GridFrame,
    style: &MapStyle,
    text: impl Fn(Cell) -> Option<CellText>,
) {
    let size = grid.cell_size();
    let line = painter.fonts_mut(|f| f.row_height(&look.small_font));
    if size.x < NUMBERS_FROM || size.y < line + 3.0 {
        return;
    }
    // One table for the whole map: colour_of would build it anew for each value.
    let (cuts, colours) = (style.cuts(), style.colours());
    for row in grid.visible_rows() {
        for col in grid.visible_cols() {
            let cell = Cell::new(row, col);
            let Some(words) = text(cell) else { continue };
            let ground = if words.value.is_finite() {
                colours[cuts.partition_point(|&cut| cut <= words.value)]
            } else {
                colour_of(words.value, style)
            };
            let strength = if words.faint { 0.62 } else { 1.0 };
            let ink = colour32(readable_on(ground)).gamma_multiply(strength);
            let shown = grid.rect(cell).intersect(grid.frame);
            let fitting = words.lines.len().min((size.y / line) as usize).max(1);
            if shown.height() < fitting as f32 * line {
                continue;
            }
            let top = shown.center().y - fitting as f32 * line / 2.0;
            for (i, words) in words.lines.iter().take(fitting).enumerate() {
                let ink = if i == 0 { ink } else { ink.gamma_multiply(0.8) };
                let at = top + i as f32 * line;
                centred(painter, words, &look.small_font, ink, shown, at);
            }
        }
    }
}

fn centred(painter: &Painter, text: &str, font: &FontId, ink: Color32, cell: Rect, top: f32) {
    let galley = whole(painter, text, font, ink);
    if galley.size().x <= cell.width() - 2.0 {
        let at = egui::pos2(cell.center().x - galley.size().x / 2.0, top);
        painter.galley(at, galley, ink);
    }
}
