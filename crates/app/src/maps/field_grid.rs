//! A map over any two axes: values with their standard errors, and a range about zero where they have signs.

use egui::{Response, Role, Sense, Ui, UiBuilder, pos2, vec2};
use whyfinder_paint::{ColourMap, MapArray, MapShape, MapStyle, flag};

use super::accessible::describe;
use super::axis_labels::{AxisText, Marked, column_labels, gutters, row_labels};
use super::cell_ink::{self, CellText};
use super::colour_bar::{self, ColourBar, ColourRange, colour_bar};
use super::effect_bar::{EffectBar, EffectRange, effect_bar};
use super::grid_input;
use super::heatmap_view::{GridFrame, HeatmapView, fit_frame};
use super::look::{Cell, DataKey, MapLook};
use super::painted_map::{self, Picture};
use super::readout::{self, Readout};
use super::token_text::{short_error, short_number, signed_number, signed_with_error};

/// A field over two axes.
#[derive(Clone, Copy, Debug)]
pub struct FieldGrid<'a> {
    pub key: DataKey,
    /// What the values are; part of the accessible names.
    pub label: &'a str,
    /// Names of the axes, rows first.
    pub axes: [&'a str; 2],
    pub rows: usize,
    pub cols: usize,
    pub row_text: AxisText<'a>,
    pub col_text: AxisText<'a>,
    /// Row-major; NaN where not measured.
    pub values: &'a [f32],
    /// Standard error of each; NaN where unknown.
    pub stderr: Option<&'a [f32]>,
    pub count: Option<&'a [u32]>,
    pub measured: &'a [bool],
    /// Empty for a pure number.
    pub unit: &'a str,
    /// What red and blue say, where there are both.
    pub polarity: &'a str,
}

/// What the person chose.
#[derive(Clone, Copy, Debug, Default)]
pub struct FieldGridState {
    pub view: HeatmapView,
    /// Of values with signs.
    pub extent: EffectRange,
    /// Of values without.
    pub range: ColourRange,
}

/// What a person did.
#[derive(Clone, Debug)]
pub struct FieldGridResponse {
    pub response: Response,
    pub grid: GridFrame,
    pub hovered: Option<Cell>,
    /// The cell clicked or reached with the keys in this frame.
    pub picked: Option<Cell>,
}

const LARGEST_CELL: f32 = 64.0;
const STRETCH: f32 = 2.5;

impl FieldGrid<'_> {
    fn index(&self, cell: Cell) -> usize {
        cell.row * self.cols + cell.col
    }

    fn value(&self, index: usize) -> Option<f32> {
        self.measured.get(index).filter(|&&m| m)?;
        self.values.get(index).copied().filter(|v| v.is_finite())
    }

    fn error(&self, index: usize) -> Option<f32> {
        self.stderr?.get(index).copied().filter(|e| e.is_finite())
    }

    /// Least and largest value measured.
    fn extremes(&self) -> Option<[f32; 2]> {
        let (low, high) = (0..self.values.len())
            .filter_map(|i| self.value(i))
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| {
                (l.min(v), h.max(v))
            });
        (low <= high).then_some([low, high])
    }

    fn readout(&self, cell: Cell) -> Readout {
        let place = format!(
            "{} {} · {} {}",
            self.axes[0],
            self.row_text.text(cell.row),
            self.axes[1],
            self.col_text.text(cell.col)
        );
        let index = self.index(cell);
        let unit = if self.unit.is_empty() {
            String::new()
        } else {
            format!(" {}", self.unit)
        };
        let Some(value) = self.value(index) else {
            let given = self.measured.get(index) == Some(&true);
            return Readout {
                place,
                value: if given {
                    "not a number"
                } else {
                    "not measured"
                }
                .into(),
                note: String::new(),
            };
        };
        let error = self.error(index);
        let mut notes = Vec::new();
        if let Some(count) = self.count.and_then(|c| c.get(index)) {
            notes.push(format!("{count} samples"));
        }
        if error.is_some_and(|e| value.abs() <= 2.0 * e) {
            notes.push("within 2 s.e. of zero".into());
        }
        Readout {
            place,
            value: match error {
                Some(_) => format!("{}{unit} s.e.", signed_with_error(value, error)),
                None => format!("{}{unit}", signed_number(value)),
            },
            note: notes.join(" · "),
        }
    }
}

/// Draws the map over the room left; the last line reads out the cell pointed at or selected.
pub fn field_grid(
    ui: &mut Ui,
    look: &MapLook,
    state: &mut FieldGridState,
    data: &FieldGrid<'_>,
    selected: Option<Cell>,
) -> FieldGridResponse {
    let size = ui.available_size().max(vec2(60.0, 80.0));
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let (space, line) = readout::split(rect);
    let room = gutters(
        ui.painter(),
        look,
        space,
        (data.rows, data.row_text),
        (data.cols, data.col_text),
    );
    let height = space.height() - room.below - colour_bar::HEIGHT - 6.0;
    let frame = fit_frame(
        egui::Rect::from_min_size(
            pos2(space.left() + room.left, space.top()),
            vec2((space.width() - room.left).max(8.0), height.max(8.0)),
        ),
        data.rows,
        data.cols,
        LARGEST_CELL,
        STRETCH,
        ui.pixels_per_point(),
    );
    let grid = |view| GridFrame {
        frame,
        rows: data.rows,
        cols: data.cols,
        view,
    };
    let id = ui.scope_id().with(("field", data.key.id));
    let response = ui.interact(frame.expand(2.0), id, Sense::click_and_drag());
    let input = grid_input::read(ui, &response, &grid(state.view), &mut state.view, selected);
    let grid = grid(state.view);
    let cell = input.picked.or(selected);
    let value = cell.map_or_else(
        || "no cell selected".to_string(),
        |cell| data.readout(cell).spoken(),
    );
    let name = format!(
        "{}: {} {} by {} {}",
        data.label, data.rows, data.axes[0], data.cols, data.axes[1]
    );
    describe(&response, Role::Image, &name, &value);

    let extremes = data.extremes();
    let [least, most] = extremes.unwrap_or([0.0, 1.0]);
    let signed = least < 0.0;
    let extent = least.abs().max(most.abs()).max(f32::MIN_POSITIVE);
    let span = [least, if most > least { most } else { least + 1.0 }];
    let style = if signed {
        MapStyle::signed(ColourMap::BlueRed, look.theme, state.extent.extent(extent))
    } else {
        let [low, high] = state.range.ends(span);
        look.sequential(ColourMap::Viridis, low, high)
    };
    let shape = MapShape::single(data.rows, data.cols);
    painted_map::paint(
        ui,
        look,
        &grid,
        &Picture {
            key: data.key,
            shape,
            style,
            tile_gap: None,
            build: &|| build(data, shape),
        },
    );
    let painter = ui.painter_at(grid.frame.expand(3.0));
    cell_ink::numbers(&painter, look, &grid, &style, |cell| {
        let index = data.index(cell);
        let value = data.value(index)?;
        let error = data.error(index);
        let mut lines = vec![short_number(value)];
        lines.extend(error.map(short_error));
        Some(CellText {
            value,
            lines,
            faint: error.is_some_and(|e| value.abs() <= 2.0 * e),
        })
    });
    if let Some(cell) = cell {
        cell_ink::rails(&painter, look, &grid, cell);
    }
    if let Some(cell) = input.hovered.filter(|&c| Some(c) != selected) {
        cell_ink::hover(&painter, look, grid.rect(cell));
    }
    if let Some(cell) = cell {
        cell_ink::selection(&painter, look, grid.rect(cell));
    }
    if response.has_focus() {
        cell_ink::focus(ui.painter(), look, grid.frame);
    }
    let marked = |of: fn(Cell) -> usize| Marked {
        selected: cell.map(of),
        hovered: input.hovered.map(of),
    };
    row_labels(
        ui.painter(),
        look,
        &grid,
        data.row_text,
        marked(|c| c.row),
        room.left,
    );
    column_labels(
        ui.painter(),
        look,
        &grid,
        data.col_text,
        marked(|c| c.col),
        room.below,
        grid.frame.left(),
    );
    let bar = egui::Rect::from_min_size(
        pos2(frame.left(), frame.bottom() + room.below + 2.0),
        vec2(
            frame.width().max(120.0).min(space.right() - frame.left()),
            colour_bar::HEIGHT,
        ),
    );
    ui.scope_builder(UiBuilder::new().id_salt("bar").max_rect(bar), |ui| {
        if signed {
            let shown = EffectBar {
                label: data.label,
                unit: data.unit,
                signed: true,
                flipped: false,
                measured: extremes,
                default: extent,
            };
            effect_bar(ui, look, &shown, &mut state.extent);
        } else {
            let shown = ColourBar {
                label: data.label,
                unit: data.unit,
                polarity: "",
                map: ColourMap::Viridis,
                default: span,
                limits: span,
                marks: &[],
            };
            colour_bar(ui, look, &shown, &mut state.range);
        }
    });
    let mut hints = Vec::new();
    if signed {
        hints.push(data.polarity.to_string());
    }
    if data.stderr.is_some() {
        hints.push("hatched: within 2 s.e. of zero".into());
    }
    hints.push(format!("{} ↓ {} →", data.axes[0], data.axes[1]));
    let read = input.hovered.or(cell).map(|cell| data.readout(cell));
    readout::draw(
        &ui.painter_at(rect),
        look,
        line,
        read.as_ref(),
        &hints.join(" · "),
    );
    FieldGridResponse {
        response,
        grid,
        hovered: input.hovered,
        picked: input.picked,
    }
}

fn build(data: &FieldGrid<'_>, shape: MapShape) -> Option<MapArray> {
    let flags = (0..shape.cells())
        .map(|index| {
            if data.measured.get(index) != Some(&true) {
                return 0;
            }
            match data.value(index).zip(data.error(index)) {
                Some((value, error)) if value.abs() <= 2.0 * error => {
                    flag::MEASURED | flag::NOT_SIGNIFICANT
                }
                _ => flag::MEASURED,
            }
        })
        .collect();
    MapArray::new(shape, data.values.to_vec())
        .and_then(|map| map.with_flags(flags))
        .ok()
}
