//! The cells of one trace panel: colour, hatching, numbers, outlines.

use egui::{Rect, Shape, Stroke, Ui, pos2, vec2};
use whyfinder_paint::{MapArray, MapShape, MapStyle, colour_of, flag, readable_on};

use super::cell_ink::{self, CellText, colour32};
use super::heatmap_view::GridFrame;
use super::look::{Cell, DataKey, MapLook};
use super::painted_map::{self, Picture};
use super::token_text::{short_error, short_number};
use super::trace_grid::{TraceGrid, TracePanel};

#[allow(clippy::too_many_arguments)]
pub(crate) fn draw(
    ui: &Ui,
    look: &MapLook,
    data: &TraceGrid<'_>,
    panel: &TracePanel<'_>,
    grid: &GridFrame,
    [low, high]: [f32; 2],
    error_ticks: bool,
    selected: Option<Cell>,
    hovered: Option<Cell>,
) {
    let style = look.sequential(panel.kind.colour_map(), low, high);
    let shape = MapShape::single(grid.rows, grid.cols);
    let picture = Picture {
        key: DataKey {
            id: panel.key.id.with("trace"),
            version: panel.key.version,
        },
        shape,
        style,
        tile_gap: None,
        build: &|| build(data, panel, shape),
    };
    painted_map::paint(ui, look, grid, &picture);
    let painter = ui.painter_at(grid.frame.expand(3.0));
    let value = |cell: Cell| {
        let index = panel.index(data.layers, cell);
        Some((panel.value(index)?, panel.stderr_at(index)))
    };
    cell_ink::numbers(&painter, look, grid, &style, |cell| {
        let (value, error) = value(cell)?;
        let effect = value - data.corrupted;
        let mut lines = vec![short_number(effect)];
        lines.extend(error.map(short_error));
        Some(CellText {
            value,
            lines,
            faint: error.is_some_and(|e| effect.abs() <= 2.0 * e),
        })
    });
    marks(ui, look, data, grid, &style, error_ticks, value);
    if let Some(cell) = selected {
        cell_ink::rails(&painter, look, grid, cell);
    }
    if let Some(cell) = hovered.filter(|&c| selected != Some(c)) {
        cell_ink::hover(&painter, look, grid.rect(cell));
    }
    if let Some(cell) = selected {
        cell_ink::selection(&painter, look, grid.rect(cell));
    }
}

fn build(data: &TraceGrid<'_>, panel: &TracePanel<'_>, shape: MapShape) -> Option<MapArray> {
    let flags = (0..shape.cells())
        .map(|index| {
            if panel.estimated(index).is_some() {
                // Nothing to build on, as long as it has not been measured.
                return flag::MEASURED | flag::NOT_SIGNIFICANT;
            }
            if !panel.measured.get(index).copied().unwrap_or(false) {
                return 0;
            }
            let Some((value, error)) = panel.value(index).zip(panel.stderr_at(index)) else {
                return flag::MEASURED;
            };
            if (value - data.corrupted).abs() <= 2.0 * error {
                flag::MEASURED | flag::NOT_SIGNIFICANT
            } else {
                flag::MEASURED
            }
        })
        .collect();
    let values = panel.values.iter().enumerate();
    let values = values.map(|(index, &value)| panel.estimated(index).unwrap_or(value));
    MapArray::new(shape, values.collect())
        .and_then(|map| map.with_flags(flags))
        .ok()
}

/// Corner marks on cells that fall below the corrupted value, which the colours cannot show, and error ticks.
fn marks(
    ui: &Ui,
    look: &MapLook,
    data: &TraceGrid<'_>,
    grid: &GridFrame,
    style: &MapStyle,
    error_ticks: bool,
    value: impl Fn(Cell) -> Option<(f32, Option<f32>)>,
) {
    let size = grid.cell_size();
    if size.min_elem() < 9.0 {
        return;
    }
    let painter = ui.painter_at(grid.frame);
    let corner = (size.min_elem() * 0.3).min(7.0);
    for row in grid.visible_rows() {
        for col in grid.visible_cols() {
            let cell = Cell::new(row, col);
            let Some((value, error)) = value(cell) else {
                continue;
            };
            let rect = grid.rect(cell);
            let below = data.corrupted - value;
            if below > 2.0 * error.unwrap_or(0.0) && below > 0.01 * (style.high - style.low) {
                let at = pos2(rect.left(), rect.bottom() - 1.0);
                painter.add(Shape::convex_polygon(
                    vec![at, at - vec2(0.0, corner), at + vec2(corner, 0.0)],
                    look.harms,
                    Stroke::NONE,
                ));
            }
            if let Some(error) = error.filter(|_| error_ticks && size.x >= 14.0) {
                error_tick(&painter, rect, error, value, style);
            }
        }
    }
}

/// A line along the lower edge whose length is the error's share of the colours' range.
fn error_tick(painter: &egui::Painter, cell: Rect, error: f32, value: f32, style: &MapStyle) {
    let share = (error / (style.high - style.low).max(f32::MIN_POSITIVE)).clamp(0.0, 1.0);
    let ink = colour32(readable_on(colour_of(value, style))).gamma_multiply(0.75);
    let half = (cell.width() - 4.0) * share / 2.0;
    let x = cell.center().x;
    painter.hline(
        x - half..=x + half,
        cell.bottom() - 3.0,
        Stroke::new(1.5, ink),
    );
}
