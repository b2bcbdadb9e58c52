//! One head: query by key, with the tokens on both axes.

use std::fmt::Write;

use egui::{Rect, Role, Sense, Ui, vec2};
use whyfinder_paint::{ColourMap, HeadPart, MapShape, MapStyle, Reduction};

use super::accessible::describe;
use super::axis_labels::{AxisText, Marked, column_labels, gutters, row_labels};
use super::cell_ink::{self, CellText};
use super::colour_bar::ColourRange;
use super::grid_input;
use super::heatmap_view::{GridFrame, HeatmapView, fit_frame};
use super::look::{Cell, DataKey, Linked, MapLook, MapResponse};
use super::painted_map::{self, CardHead, Picture};
use super::readout::{self, Readout};
use super::tiled_head::{Mosaic, Shown};
use super::token_lines::TokenSide;
use super::token_text::{read_number, short_number, visible_token};
use super::weights::{HeadWeights, RecordedHead};

/// About what labels of rows take, points.
const ROW_LABELS: f32 = 60.0;

/// Attention of one head.
#[derive(Clone, Copy, Debug)]
pub struct HeadData<'a> {
    pub key: DataKey,
    pub layer: usize,
    pub head: usize,
    pub queries: usize,
    pub keys: usize,
    pub weights: HeadWeights<'a>,
    /// What a pixel shows that covers several weights.
    pub within: Reduction,
    /// One per key; queries are the last of them.
    pub tokens: &'a [String],
    /// The subject's tokens, half-open.
    pub subject: Option<(usize, usize)>,
    /// Keys after their query are blank.
    pub causal: bool,
}

/// What the person chose for the head view.
#[derive(Clone, Copy, Debug)]
pub struct HeadState {
    pub view: HeatmapView,
    pub map: ColourMap,
    /// 0 to 1 by default.
    pub range: ColourRange,
    /// Tokens along each side of a drawn cell, and whether all that shows is there at that fineness; as drawn last.
    pub drawn: Drawn,
}

/// How finely a head was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Tokens along each side of a cell.
    pub tokens: usize,
    /// False while tiles are on their way.
    pub complete: bool,
}

impl Default for HeadState {
    fn default() -> Self {
        Self {
            view: HeatmapView::default(),
            map: ColourMap::Magma,
            range: ColourRange::default(),
            drawn: Drawn {
                tokens: 1,
                complete: true,
            },
        }
    }
}

impl HeadData<'_> {
    /// Tokens of the queries: the last of all tokens.
    pub(crate) fn query_tokens(&self) -> &[String] {
        let first = self.tokens.len().saturating_sub(self.queries);
        self.tokens.get(first..).unwrap_or(&[])
    }

    /// The weight of a query on a key; `None` where the query cannot see the key or nothing is measured.
    pub(crate) fn weight(&self, query: usize, key: usize) -> Option<f32> {
        if query >= self.queries || key >= self.seen(query) {
            return None;
        }
        self.weights
            .weight(self.keys, query, key)
            .filter(|w| w.is_finite())
    }

    /// How many keys a query sees.
    pub(crate) fn seen(&self, query: usize) -> usize {
        if self.causal {
            visible_at(query, self.queries, self.keys)
        } else {
            self.keys
        }
    }

    /// The weights of all pairs of one query (row) or one key (column) that are seen, with the pair.
    pub(crate) fn line(&self, side: TokenSide, token: usize) -> Vec<(Cell, f32)> {
        let (rows, cols) = match side {
            TokenSide::Query if token < self.queries => (token..token + 1, 0..self.seen(token)),
            TokenSide::Key if token < self.keys => (0..self.queries, token..token + 1),
            _ => return Vec::new(),
        };
        let cells = rows.flat_map(|row| cols.clone().map(move |col| Cell::new(row, col)));
        let pairs: Vec<(Cell, f32)> = match self.weights {
            HeadWeights::Whole(_) => cells
                .filter_map(|c| Some((c, self.weight(c.row, c.col)?)))
                .collect(),
            HeadWeights::Recorded(head) => cells
                .zip(match side {
                    TokenSide::Query => head.row(token),
                    TokenSide::Key => head.column(token),
                })
                .filter(|(c, w)| c.col < self.seen(c.row) && w.is_finite())
                .collect(),
        };
        pairs
    }

    /// The subject among the queries.
    pub(crate) fn query_subject(&self) -> Option<(usize, usize)> {
        let first = self.tokens.len().saturating_sub(self.queries);
        self.subject
            .map(|(start, end)| (start.saturating_sub(first), end.saturating_sub(first)))
    }
}

/// How many keys the query in row `query` sees under a causal mask; the last query sees all.
pub(crate) fn visible_at(query: usize, queries: usize, keys: usize) -> usize {
    (query + 1 + keys.saturating_sub(queries)).min(keys)
}

const LARGEST_CELL: f32 = 64.0;

/// Draws the map of one head over the room left: queries down, keys across, tokens on both axes. The last line reads
/// out the cell pointed at or selected.
pub fn head_view(
    ui: &mut Ui,
    look: &MapLook,
    state: &mut HeadState,
    data: &HeadData<'_>,
    selected: Option<Cell>,
    linked: Linked,
) -> MapResponse {
    let (rect, response) = ui.allocate_exact_size(
        ui.available_size().max(vec2(60.0, 60.0)),
        Sense::click_and_drag(),
    );
    let (space, line) = readout::split(rect);
    let rows = AxisText::Tokens {
        tokens: data.query_tokens(),
        subject: data.query_subject(),
    };
    let cols = AxisText::Tokens {
        tokens: data.tokens,
        subject: data.subject,
    };
    // Cells are square: where the height is what limits them, labels have no more room than that.
    let square = space.height() * data.keys as f32 / data.queries.max(1) as f32;
    let used = vec2(space.width().min(square + ROW_LABELS), space.height());
    let room = gutters(
        ui.painter(),
        look,
        Rect::from_min_size(space.min, used),
        (data.queries, rows),
        (data.keys, cols),
    );
    let inner = Rect::from_min_max(
        space.min + vec2(room.left, 4.0),
        (space.max - vec2(2.0, room.below)).max(space.min + vec2(room.left, 4.0)),
    );
    let grid = GridFrame {
        frame: fit_frame(
            inner,
            data.queries,
            data.keys,
            LARGEST_CELL,
            1.0,
            ui.pixels_per_point(),
        ),
        rows: data.queries,
        cols: data.keys,
        view: state.view,
    };
    let input = grid_input::read(ui, &response, &grid, &mut state.view, selected);
    let cell = input.picked.or(selected);
    let grid = GridFrame {
        view: state.view,
        ..grid
    };

    let mut label = format!(
        "Attention of layer {} head {}: {} queries by {} keys",
        data.layer, data.head, data.queries, data.keys
    );
    if state.drawn.tokens > 1 {
        let n = state.drawn.tokens;
        let _ = write!(label, ", {n} by {n} to a cell, {}", data.within.words());
    }
    if !state.drawn.complete {
        label.push_str(", more detail is coming");
    }
    let value = cell.map_or_else(
        || "no cell selected".to_string(),
        |cell| readout_of(data, cell).spoken(),
    );
    describe(&response, Role::Image, &label, &value);

    if ui.is_rect_visible(rect) {
        draw(ui, look, state, data, &grid, cell, input.hovered);
        let marked = |pick: fn(Cell) -> usize| Marked {
            selected: cell.map(pick),
            hovered: input.hovered.map(pick).or(linked.token),
        };
        let painter = ui.painter_at(rect);
        row_labels(&painter, look, &grid, rows, marked(|c| c.row), room.left);
        column_labels(
            &painter,
            look,
            &grid,
            cols,
            marked(|c| c.col),
            room.below,
            rect.left(),
        );
        if response.has_focus() {
            cell_ink::focus(ui.painter(), look, grid.frame);
        }
        let read = input.hovered.or(cell).map(|cell| readout_of(data, cell));
        readout::draw(
            &painter,
            look,
            line,
            read.as_ref(),
            "Query ↓ key →: point at a cell to read its weight",
        );
    }
    MapResponse {
        response,
        grid,
        hovered: input.hovered,
        picked: input.picked,
    }
}

fn draw(
    ui: &Ui,
    look: &MapLook,
    state: &mut HeadState,
    data: &HeadData<'_>,
    grid: &GridFrame,
    selected: Option<Cell>,
    hovered: Option<Cell>,
) {
    let [low, high] = state.range.ends([0.0, 1.0]);
    let style = MapStyle {
        reduction: data.within,
        ..look.sequential(state.map, low, high)
    };
    state.drawn = match data.weights {
        HeadWeights::Whole(values) => {
            paint_whole(ui, look, grid, data, values, style);
            Drawn {
                tokens: 1,
                complete: true,
            }
        }
        HeadWeights::Recorded(head) => paint_tiles(ui, look, grid, data, head, style),
    };
    let painter = ui.painter_at(grid.frame.expand(3.0));
    cell_ink::numbers(&painter, look, grid, &style, |cell| {
        let weight = data.weight(cell.row, cell.col)?;
        Some(CellText {
            value: weight,
            lines: vec![short_number(weight)],
            faint: weight < 0.005,
        })
    });
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

fn paint_whole(
    ui: &Ui,
    look: &MapLook,
    grid: &GridFrame,
    data: &HeadData<'_>,
    values: &[f32],
    style: MapStyle,
) {
    let shape = MapShape::single(data.queries, data.keys);
    let picture = Picture {
        key: DataKey {
            id: data.key.id.with("head"),
            version: data.key.version,
        },
        shape,
        style,
        tile_gap: None,
        build: &|| painted_map::measured_where_finite(shape, values.to_vec(), data.causal),
    };
    painted_map::paint(ui, look, grid, &picture);
}

fn paint_tiles(
    ui: &Ui,
    look: &MapLook,
    grid: &GridFrame,
    data: &HeadData<'_>,
    head: RecordedHead<'_>,
    style: MapStyle,
) -> Drawn {
    let scale = ui.pixels_per_point();
    let shown = Shown::of(head.record, grid, scale);
    let whole = painted_map::view_of(grid, MapShape::single(data.queries, data.keys), None, scale);
    let view = shown.view(&whole);
    let (shape, tokens) = (shown.shape(), 1 << shown.level);
    let card = CardHead {
        record: head.record,
        head: head.head,
        part: HeadPart {
            level: shown.level,
            first_row: shown.rows.start,
            first_column: shown.columns.start,
        },
    };
    let computes = look.gpu.as_ref().is_some_and(|gpu| gpu.maps.can_compute())
        && shown.level < head.record.overview().level
        && card.part.suits(head.record, shape.cells());
    let mosaic = if computes {
        Mosaic::ground(head, shown, data.within)
    } else {
        Mosaic::gather(head, shown, data.within)
    };
    let picture = Picture {
        key: DataKey {
            id: data.key.id.with(("tiles", computes)),
            version: mosaic.version(),
        },
        shape,
        style,
        tile_gap: None,
        build: &|| mosaic.map(),
    };
    let card = computes.then_some(&card);
    painted_map::paint_view(ui, look, grid.frame, &picture, view, card);
    Drawn {
        tokens,
        complete: mosaic.missing == 0,
    }
}

fn readout_of(data: &HeadData<'_>, cell: Cell) -> Readout {
    let token = |tokens: &[String], i: usize| {
        tokens
            .get(i)
            .map_or_else(|| i.to_string(), |t| visible_token(t))
    };
    let place = format!(
        "{} → {}",
        token(data.query_tokens(), cell.row),
        token(data.tokens, cell.col)
    );
    let first = data.tokens.len().saturating_sub(data.queries);
    let note = format!("query {} · key {}", first + cell.row, cell.col);
    if cell.col >= data.seen(cell.row) {
        return Readout {
            place,
            value: "–".to_string(),
            note: "a token does not see what comes after it".to_string(),
        };
    }
    Readout {
        place,
        value: data
            .weight(cell.row, cell.col)
            .map_or_else(|| "not measured".to_string(), read_number),
        note,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_query_sees_all_keys() {
        assert_eq!(visible_at(0, 4, 4), 1);
        assert_eq!(visible_at(3, 4, 4), 4);
        assert_eq!(visible_at(0, 2, 5), 4);
        assert_eq!(visible_at(1, 2, 5), 5);
    }

    #[test]
    fn hidden_keys_have_no_weight() {
        let values = [1.0, 0.0, 0.5, f32::NAN];
        let tokens = ["a".to_string(), " b".to_string()];
        let data = HeadData {
            key: DataKey::new("test", 0),
            layer: 0,
            head: 0,
            queries: 2,
            keys: 2,
            weights: HeadWeights::Whole(&values),
            within: Reduction::MaxAbs,
            tokens: &tokens,
            subject: None,
            causal: true,
        };
        assert_eq!(data.weight(0, 0), Some(1.0));
        assert_eq!(data.weight(0, 1), None);
        assert_eq!(data.weight(1, 1), None);
        assert_eq!(readout_of(&data, Cell::new(1, 0)).place, "␣b → a");
        assert_eq!(readout_of(&data, Cell::new(1, 1)).value, "not measured");
    }
}
