//! Differences of two traces: token by layer, red where the second run has more and blue where it has less.

use egui::{Rect, Role, Sense, Ui, pos2, vec2};
use whyfinder_experiment::Field;
use whyfinder_paint::{ColourMap, MapArray, MapShape, MapStyle, flag};

use super::accessible::describe;
use super::axis_labels::{Marked, column_labels, gutters, row_labels};
use super::cell_ink::{self, CellText};
use super::grid_input;
use super::heatmap_view::{GridFrame, HeatmapView, fit_frame};
use super::look::{DataKey, MapLook};
use super::painted_map::{self, Picture};
use super::readout::{self, Readout};
use super::token_text::{short_error, short_number, signed_with_error, visible_token, whole};
use super::{AxisText, Cell};

const TITLE: f32 = 22.0;
const BETWEEN: f32 = 24.0;
const LARGEST_CELL: f32 = 64.0;
const STRETCH: f32 = 2.5;

/// Grids of one unit, side by side.
pub(crate) struct SignedGrids<'a> {
    pub(crate) key: DataKey,
    /// A title and a field over token and layer each.
    pub(crate) grids: &'a [(String, &'a Field)],
    pub(crate) tokens: &'a [String],
    /// The subject's tokens, half-open.
    pub(crate) subject: Option<(usize, usize)>,
    /// Empty for a pure number.
    pub(crate) unit: &'a str,
    /// Colours run from minus it to it.
    pub(crate) extent: f32,
}

/// Draws the grids over the room left; the last line reads out the cell pointed at or selected.
pub(crate) fn signed_grids(
    ui: &mut Ui,
    look: &MapLook,
    view: &mut HeatmapView,
    selected: &mut Option<(usize, Cell)>,
    data: &SignedGrids<'_>,
) {
    let size = ui.available_size().max(vec2(60.0, 80.0));
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let (space, line) = readout::split(rect);
    let layers = data
        .grids
        .first()
        .and_then(|g| g.1.axes.get(1))
        .map_or(1, |a| a.len());
    let rows = data.tokens.len();
    let text = AxisText::Tokens {
        tokens: data.tokens,
        subject: data.subject,
    };
    let count = data.grids.len().max(1) as f32;
    let each = space.width() / count;
    let room = gutters(
        ui.painter(),
        look,
        Rect::from_min_size(space.min, vec2(each, space.height())),
        (rows, text),
        (layers, AxisText::Numbers),
    );
    let width = (each - room.left - BETWEEN).max(8.0);
    let height = (space.height() - TITLE - room.below).max(8.0);
    let (mut hovered, mut shown) = (None, Vec::new());
    for i in 0..data.grids.len() {
        let left = space.left() + i as f32 * each + room.left;
        let place = Rect::from_min_size(pos2(left, space.top() + TITLE), vec2(width, height));
        let frame = fit_frame(
            place,
            rows,
            layers,
            LARGEST_CELL,
            STRETCH,
            ui.pixels_per_point(),
        );
        let mut grid = GridFrame {
            frame,
            rows,
            cols: layers,
            view: *view,
        };
        let id = ui.scope_id().with(("difference", i, data.key.id));
        let response = ui.interact(frame, id, Sense::click_and_drag());
        let here = selected.filter(|s| s.0 == i).map(|s| s.1);
        let input = grid_input::read(ui, &response, &grid, view, here);
        grid.view = *view;
        hovered = hovered.or(input.hovered.map(|cell| (i, cell)));
        if let Some(cell) = input.picked {
            *selected = Some((i, cell));
        }
        shown.push((response, grid, input.hovered));
    }
    for (i, (response, grid, hovered)) in shown.iter().enumerate() {
        let (title, field) = &data.grids[i];
        let here = selected.filter(|s| s.0 == i).map(|s| s.1);
        let spoken = here.map_or_else(
            || "no cell selected".to_string(),
            |cell| readout_of(data, field, title, cell, layers).spoken(),
        );
        let label = format!("{title} difference: {rows} tokens by {layers} layers");
        describe(response, Role::Image, &label, &spoken);
        let heading = whole(ui.painter(), title, &look.heading_font, look.text);
        ui.painter()
            .galley(pos2(grid.frame.left(), space.top()), heading, look.text);
        draw(ui, look, data, i, field, grid, here, *hovered);
        let marked = Marked {
            selected: here.map(|c| c.row),
            hovered: hovered.map(|c| c.row),
        };
        row_labels(ui.painter(), look, grid, text, marked, room.left);
        let marked = Marked {
            selected: here.map(|c| c.col),
            hovered: hovered.map(|c| c.col),
        };
        let left = grid.frame.left();
        column_labels(
            ui.painter(),
            look,
            grid,
            AxisText::Numbers,
            marked,
            room.below,
            left,
        );
        if response.has_focus() {
            cell_ink::focus(ui.painter(), look, grid.frame);
        }
    }
    let read = hovered.or(*selected).and_then(|(i, cell)| {
        let (title, field) = data.grids.get(i)?;
        Some(readout_of(data, field, title, cell, layers))
    });
    let hint = "Red: more in the second run · blue: less · hatched: |difference| < 2 s.e.";
    readout::draw(&ui.painter_at(rect), look, line, read.as_ref(), hint);
}

#[allow(clippy::too_many_arguments, reason = "one call, drawn in one place")]
fn draw(
    ui: &Ui,
    look: &MapLook,
    data: &SignedGrids<'_>,
    index: usize,
    field: &Field,
    grid: &GridFrame,
    selected: Option<Cell>,
    hovered: Option<Cell>,
) {
    let shape = MapShape::single(grid.rows, grid.cols);
    let style = MapStyle::signed(ColourMap::BlueRed, look.theme, data.extent);
    let key = DataKey {
        id: data.key.id.with(("grid", index)),
        version: data.key.version,
    };
    let picture = Picture {
        key,
        shape,
        style,
        tile_gap: None,
        build: &|| build(field, shape),
    };
    painted_map::paint(ui, look, grid, &picture);
    let painter = ui.painter_at(grid.frame.expand(3.0));
    cell_ink::numbers(&painter, look, grid, &style, |cell| {
        let at = cell.row * grid.cols + cell.col;
        let value = *field.values.get(at).filter(|v| v.is_finite())?;
        let error = error_at(field, at);
        let mut lines = vec![short_number(value)];
        lines.extend(error.map(short_error));
        Some(CellText {
            value,
            lines,
            faint: error.is_some_and(|e| value.abs() < 2.0 * e),
        })
    });
    if let Some(cell) = hovered.filter(|&c| selected != Some(c)) {
        cell_ink::hover(&painter, look, grid.rect(cell));
    }
    if let Some(cell) = selected {
        cell_ink::selection(&painter, look, grid.rect(cell));
    }
}

fn build(field: &Field, shape: MapShape) -> Option<MapArray> {
    let flags = (0..shape.cells())
        .map(|i| {
            if !field.mask.get(i).copied().unwrap_or(false) {
                return 0;
            }
            let value = field.values.get(i).copied().unwrap_or(f32::NAN);
            match error_at(field, i) {
                Some(error) if value != 0.0 && value.abs() < 2.0 * error => {
                    flag::MEASURED | flag::NOT_SIGNIFICANT
                }
                _ => flag::MEASURED,
            }
        })
        .collect();
    MapArray::new(shape, field.values.clone())
        .and_then(|map| map.with_flags(flags))
        .ok()
}

fn error_at(field: &Field, index: usize) -> Option<f32> {
    let errors = field.effect_errors()?;
    errors.get(index).copied().filter(|e| e.is_finite())
}

fn readout_of(
    data: &SignedGrids<'_>,
    field: &Field,
    title: &str,
    cell: Cell,
    layers: usize,
) -> Readout {
    let at = cell.row * layers + cell.col;
    let token = data
        .tokens
        .get(cell.row)
        .map_or_else(|| cell.row.to_string(), |t| visible_token(t));
    let value = field.values.get(at).copied().filter(|v| v.is_finite());
    let unit = match data.unit {
        "" => String::new(),
        unit => format!(" {unit}"),
    };
    Readout {
        place: format!("{token} ({}) · layer {}", cell.row, cell.col),
        value: match value {
            Some(value) => format!("{}{unit}", signed_with_error(value, error_at(field, at))),
            None => "not measured in both".to_string(),
        },
        note: format!("{title} · second run minus first"),
    }
}
