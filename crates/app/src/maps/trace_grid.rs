//! The causal trace: token by layer, for the residual stream, the MLPs and attention side by side.

use egui::{Rect, Response, Role, Sense, Ui, UiBuilder, pos2, vec2};
use whyfinder_paint::ColourMap;

use super::accessible::describe;
use super::axis_labels::{AxisText, Marked, column_labels, gutters, row_labels};
use super::cell_ink;
use super::colour_bar::{self, ColourBar, ColourRange, Mark, colour_bar};
use super::grid_input;
use super::heatmap_view::{GridFrame, HeatmapView, fit_frame};
use super::look::{Cell, DataKey, Linked, MapLook};
use super::readout::{self, Readout};
use super::token_text::{read_number, signed_number, signed_with_error, visible_token, whole};
use super::trace_cells;

/// What was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TraceKind {
    Residual,
    Mlp,
    Attention,
}

impl TraceKind {
    /// As the literature colours it.
    pub fn colour_map(self) -> ColourMap {
        match self {
            TraceKind::Residual => ColourMap::Purples,
            TraceKind::Mlp => ColourMap::Greens,
            TraceKind::Attention => ColourMap::Reds,
        }
    }

    /// As said in a read-out.
    pub fn word(self) -> &'static str {
        match self {
            TraceKind::Residual => "residual",
            TraceKind::Mlp => "MLP",
            TraceKind::Attention => "attention",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            TraceKind::Residual => "Residual stream",
            TraceKind::Mlp => "MLP",
            TraceKind::Attention => "Attention",
        }
    }
}

/// One grid of the trace.
#[derive(Clone, Copy, Debug)]
pub struct TracePanel<'a> {
    pub key: DataKey,
    pub kind: TraceKind,
    /// Stands beside the title, such as `window 3` or `MLPs severed`.
    pub note: &'a str,
    /// The metric after restoring one site, row-major over token and layer; NaN where not measured.
    pub values: &'a [f32],
    /// Standard error of each effect (value minus corrupted); NaN where unknown.
    pub stderr: Option<&'a [f32]>,
    /// Samples behind each, where cells differ in them.
    pub count: Option<&'a [u32]>,
    /// True where a cell has been measured.
    pub measured: &'a [bool],
    /// What each cell is expected to be, drawn hatched until it is measured; NaN where unknown.
    pub estimates: Option<&'a [f32]>,
}

/// A causal trace with its references.
#[derive(Clone, Copy, Debug)]
pub struct TraceGrid<'a> {
    pub panels: &'a [TracePanel<'a>],
    pub tokens: &'a [String],
    /// The subject's tokens, half-open.
    pub subject: Option<(usize, usize)>,
    pub layers: usize,
    /// Such as `probability of ␣Brelle`.
    pub metric: &'a str,
    /// Empty for a pure number.
    pub unit: &'a str,
    /// The metric of the clean run.
    pub clean: f32,
    /// The metric of the corrupted run with nothing restored: the floor of the colours.
    pub corrupted: f32,
}

/// A cell of one of the panels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceCell {
    pub kind: TraceKind,
    pub token: usize,
    pub layer: usize,
}

/// What the person chose for the trace; zoom and range are shared by its panels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TraceState {
    pub view: HeatmapView,
    /// Corrupted to the larger of clean and the largest cell by default.
    pub range: ColourRange,
    /// Draws each cell's standard error as a line along its lower edge, on the scale of the colours.
    pub error_ticks: bool,
}

/// What a person did on the trace.
#[derive(Clone, Debug)]
pub struct TraceResponse {
    /// One per panel.
    pub responses: Vec<Response>,
    /// Where each panel's cells lie: tokens are rows, layers are columns.
    pub grids: Vec<GridFrame>,
    pub hovered: Option<TraceCell>,
    /// The cell clicked or reached with the keys in this frame.
    pub picked: Option<TraceCell>,
}

impl TraceGrid<'_> {
    /// Least and largest of the references and of all measured cells.
    fn extent(&self) -> [f32; 2] {
        let measured = self.panels.iter().flat_map(|p| p.values.iter().copied());
        let (low, high) = measured
            .chain([self.clean, self.corrupted])
            .filter(|v| v.is_finite())
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| {
                (low.min(v), high.max(v))
            });
        if low <= high { [low, high] } else { [0.0, 1.0] }
    }

    /// The colours' range when the person has set none: from the corrupted value up to the clean one, or to the
    /// largest cell where that lies higher.
    pub fn default_range(&self) -> [f32; 2] {
        let [low, high] = self.extent();
        if self.corrupted.is_finite() {
            [self.corrupted, high]
        } else {
            [low, high]
        }
    }

    fn panel(&self, kind: TraceKind) -> Option<&TracePanel<'_>> {
        self.panels.iter().find(|p| p.kind == kind)
    }
}

impl TracePanel<'_> {
    pub(crate) fn index(&self, layers: usize, cell: Cell) -> usize {
        cell.row * layers + cell.col
    }

    /// The value of a measured cell.
    pub(crate) fn value(&self, index: usize) -> Option<f32> {
        self.measured.get(index).filter(|&&m| m)?;
        self.values.get(index).copied().filter(|v| v.is_finite())
    }

    /// What a cell that has not been measured yet is expected to be.
    pub(crate) fn estimated(&self, index: usize) -> Option<f32> {
        let open = !self.measured.get(index).copied().unwrap_or(false);
        let value = self.estimates?.get(index).copied();
        value.filter(|value| open && value.is_finite())
    }

    pub(crate) fn stderr_at(&self, index: usize) -> Option<f32> {
        self.stderr?.get(index).copied().filter(|e| e.is_finite())
    }
}

const LARGEST_CELL: f32 = 64.0;
const STRETCH: f32 = 2.5;
const TITLE: f32 = 22.0;
const BETWEEN: f32 = 24.0;

/// Draws the panels side by side over the room left, with one zoom and one colour range for all of them; the last line
/// reads out the cell pointed at or selected.
pub fn trace_grid(
    ui: &mut Ui,
    look: &MapLook,
    state: &mut TraceState,
    data: &TraceGrid<'_>,
    selected: Option<TraceCell>,
    linked: Linked,
) -> TraceResponse {
    let size = ui.available_size().max(vec2(60.0, 80.0));
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let (space, line) = readout::split(rect);
    let layout = Layout::of(ui, look, space, data);

    let mut result = TraceResponse {
        responses: Vec::new(),
        grids: Vec::new(),
        hovered: None,
        picked: None,
    };
    let mut inputs = Vec::new();
    for (i, panel) in data.panels.iter().enumerate() {
        let grid = layout.grid(i, data, state.view);
        let area = grid.frame.expand2(vec2(2.0, 2.0));
        let id = ui.scope_id().with(("trace", panel.kind, panel.key.id));
        let response = ui.interact(area, id, Sense::click_and_drag());
        let here = selected
            .filter(|s| s.kind == panel.kind)
            .map(|s| Cell::new(s.token, s.layer));
        let input = grid_input::read(ui, &response, &grid, &mut state.view, here);
        let of = |cell: Cell| TraceCell {
            kind: panel.kind,
            token: cell.row,
            layer: cell.col,
        };
        result.hovered = result.hovered.or(input.hovered.map(of));
        result.picked = result.picked.or(input.picked.map(of));
        inputs.push((response, input.hovered, input.picked.or(here)));
    }

    let pointed = result.hovered;
    for (i, (panel, (response, hovered, cell))) in data.panels.iter().zip(&inputs).enumerate() {
        let grid = layout.grid(i, data, state.view);
        result.grids.push(grid);
        let label = format!(
            "{} causal trace: {} tokens by {} layers",
            panel.kind.title(),
            data.tokens.len(),
            data.layers
        );
        let value = cell.map_or_else(
            || "no cell selected".to_string(),
            |cell| readout_of(data, panel, cell).spoken(),
        );
        describe(response, Role::Image, &label, &value);
        title(ui, look, panel, layout.title(i));
        let range = state.range.ends(data.default_range());
        trace_cells::draw(
            ui,
            look,
            data,
            panel,
            &grid,
            range,
            state.error_ticks,
            *cell,
            *hovered,
        );
        labels(ui, look, data, &grid, &layout, i, *cell, pointed, linked);
        if response.has_focus() {
            cell_ink::focus(ui.painter(), look, grid.frame);
        }
        bar(ui, look, state, data, panel, layout.bar(i));
    }

    let read = result.hovered.or(result.picked).or(selected).and_then(|c| {
        Some(readout_of(
            data,
            data.panel(c.kind)?,
            Cell::new(c.token, c.layer),
        ))
    });
    let brighter = match look.theme {
        whyfinder_paint::Theme::Dark => "Brighter",
        whyfinder_paint::Theme::Light => "Darker",
    };
    let cells = 0..data.tokens.len() * data.layers;
    let waiting = |p: &TracePanel<'_>| cells.clone().any(|index| p.estimated(index).is_some());
    let hatched = match data.panels.iter().any(waiting) {
        true => "estimated, not measured yet, or |effect| < 2 s.e.",
        false => "|effect| < 2 s.e.",
    };
    let hint = format!("{brighter}: closer to the clean run · hatched: {hatched}");
    let painter = ui.painter_at(rect);
    readout::draw(&painter, look, line, read.as_ref(), &hint);
    result.responses = inputs.into_iter().map(|(response, ..)| response).collect();
    result
}

/// Where the panels lie. All frames are equally large, so that cells of one row stand at one height.
struct Layout {
    space: Rect,
    pitch: f32,
    /// Room for row labels; the panels after the first have less where space is short.
    gutter: [f32; 2],
    below: f32,
    frame: egui::Vec2,
}

impl Layout {
    fn of(ui: &Ui, look: &MapLook, space: Rect, data: &TraceGrid<'_>) -> Self {
        let count = data.panels.len().max(1) as f32;
        let rows = tokens_of(data);
        let room = gutters(
            ui.painter(),
            look,
            Rect::from_min_size(space.min, vec2(space.width() / count, space.height())),
            (data.tokens.len(), rows),
            (data.layers, AxisText::Numbers),
        );
        let each = (space.width() - (count - 1.0) * BETWEEN) / count;
        // Labels on every panel while the maps keep most of the room, else on the first alone.
        let all = each - room.left >= 150.0 || count < 2.0;
        let gutter = [room.left, if all { room.left } else { 0.0 }];
        let width =
            ((space.width() - gutter[0] - (count - 1.0) * (gutter[1] + BETWEEN)) / count).max(8.0);
        let height = space.height() - TITLE - room.below - colour_bar::HEIGHT - 6.0;
        let top = pos2(space.left() + gutter[0], space.top() + TITLE);
        let frame = fit_frame(
            Rect::from_min_size(top, vec2(width, height.max(8.0))),
            data.tokens.len(),
            data.layers,
            LARGEST_CELL,
            STRETCH,
            ui.pixels_per_point(),
        )
        .size();
        Self {
            space,
            pitch: frame.x + gutter[1] + BETWEEN,
            gutter,
            below: room.below,
            frame,
        }
    }

    fn frame(&self, panel: usize, pixels_per_point: f32) -> Rect {
        let left = self.space.left() + self.gutter[0] + panel as f32 * self.pitch;
        let snap = |v: f32| (v * pixels_per_point).round() / pixels_per_point;
        Rect::from_min_size(pos2(snap(left), snap(self.space.top() + TITLE)), self.frame)
    }

    fn grid(&self, panel: usize, data: &TraceGrid<'_>, view: HeatmapView) -> GridFrame {
        GridFrame {
            frame: self.frame(panel, 1.0),
            rows: data.tokens.len(),
            cols: data.layers,
            view,
        }
    }

    fn title(&self, panel: usize) -> Rect {
        let frame = self.frame(panel, 1.0);
        Rect::from_min_size(
            pos2(frame.left(), self.space.top()),
            vec2(frame.width() + BETWEEN, TITLE),
        )
    }

    fn bar(&self, panel: usize) -> Rect {
        let frame = self.frame(panel, 1.0);
        Rect::from_min_size(
            pos2(frame.left(), frame.bottom() + self.below + 2.0),
            vec2(frame.width(), colour_bar::HEIGHT),
        )
    }
}

fn tokens_of<'a>(data: &TraceGrid<'a>) -> AxisText<'a> {
    AxisText::Tokens {
        tokens: data.tokens,
        subject: data.subject,
    }
}

fn title(ui: &Ui, look: &MapLook, panel: &TracePanel<'_>, place: Rect) {
    let painter = ui.painter();
    let heading = whole(painter, panel.kind.title(), &look.heading_font, look.text);
    let width = heading.size().x;
    painter.galley(place.min, heading, look.text);
    let room = place.width() - width - 8.0;
    let note = whole(painter, panel.note, &look.text_font, look.muted);
    if note.size().x <= room {
        painter.galley(place.min + vec2(width + 8.0, 0.0), note, look.muted);
    }
}

#[allow(clippy::too_many_arguments)]
fn labels(
    ui: &Ui,
    look: &MapLook,
    data: &TraceGrid<'_>,
    grid: &GridFrame,
    layout: &Layout,
    panel: usize,
    cell: Option<Cell>,
    pointed: Option<TraceCell>,
    linked: Linked,
) {
    let painter = ui.painter();
    let room = layout.gutter[panel.min(1)];
    if room > 0.0 {
        let marked = Marked {
            selected: cell.map(|c| c.row),
            hovered: pointed.map(|c| c.token).or(linked.token),
        };
        row_labels(painter, look, grid, tokens_of(data), marked, room);
    }
    let marked = Marked {
        selected: cell.map(|c| c.col),
        hovered: pointed.map(|c| c.layer).or(linked.layer),
    };
    column_labels(
        painter,
        look,
        grid,
        AxisText::Numbers,
        marked,
        layout.below,
        grid.frame.left(),
    );
}

fn bar(
    ui: &mut Ui,
    look: &MapLook,
    state: &mut TraceState,
    data: &TraceGrid<'_>,
    panel: &TracePanel<'_>,
    place: Rect,
) {
    let label = format!("{}, {}", data.metric, panel.kind.title());
    let marks = [
        Mark {
            value: data.corrupted,
            name: "corrupted",
        },
        Mark {
            value: data.clean,
            name: "clean",
        },
    ];
    let shown = ColourBar {
        label: &label,
        unit: data.unit,
        polarity: "",
        map: panel.kind.colour_map(),
        default: data.default_range(),
        limits: data.extent(),
        marks: &marks,
    };
    let builder = UiBuilder::new()
        .id_salt(("bar", panel.kind))
        .max_rect(place);
    ui.scope_builder(builder, |ui| {
        colour_bar(ui, look, &shown, &mut state.range);
    });
}

fn readout_of(data: &TraceGrid<'_>, panel: &TracePanel<'_>, cell: Cell) -> Readout {
    let index = panel.index(data.layers, cell);
    let token = data
        .tokens
        .get(cell.row)
        .map_or_else(|| cell.row.to_string(), |t| visible_token(t));
    let place = format!("{token} ({}) · layer {}", cell.row, cell.col);
    let kind = panel.kind.word();
    let Some(value) = panel.value(index) else {
        return Readout {
            place,
            value: match panel.estimated(index) {
                Some(value) => format!(
                    "about {}, not measured yet",
                    signed_number(value - data.corrupted)
                ),
                None => "not measured yet".to_string(),
            },
            note: kind.to_string(),
        };
    };
    let effect = value - data.corrupted;
    let error = panel.stderr_at(index);
    let unit = if data.unit.is_empty() {
        String::new()
    } else {
        format!(" {}", data.unit)
    };
    let reading = if error.is_some() {
        format!("{}{unit} s.e.", signed_with_error(effect, error))
    } else {
        format!("{}{unit}", signed_number(effect))
    };
    let significance = match error {
        Some(error) if effect.abs() <= 2.0 * error => " · within 2 s.e. of none",
        _ => "",
    };
    let drawn = match panel.count.and_then(|count| count.get(index)) {
        Some(count) => format!(" · {count} samples"),
        None => String::new(),
    };
    Readout {
        place,
        value: reading,
        note: format!(
            "{kind} · {} → {}{drawn}{significance}",
            read_number(data.corrupted),
            read_number(value)
        ),
    }
}
