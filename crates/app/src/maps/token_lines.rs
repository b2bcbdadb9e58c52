//! Token-to-token lines of one head: queries left, keys right, one line per weight.

use egui::{DragValue, Painter, Pos2, Rect, Response, Role, Sense, Ui, UiBuilder, vec2};

use super::accessible::describe;
use super::cell_ink;
use super::grid_input;
use super::head_view::HeadData;
use super::heatmap_view::{GridFrame, HeatmapView};
use super::look::{Cell, Linked, MapLook};
use super::readout;
use super::token_strokes::{Focus, Sheet};
use super::token_text::{read_number, shortened, visible_token};

/// A column of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenSide {
    Query,
    Key,
}

/// What the person chose for the lines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenLinesState {
    /// Weights below this are not drawn; what they add up to is written below.
    pub threshold: f32,
    /// Zoom and pan along the tokens.
    pub view: HeatmapView,
}

impl Default for TokenLinesState {
    fn default() -> Self {
        Self {
            threshold: 0.05,
            view: HeatmapView::default(),
        }
    }
}

/// What a person did on the lines.
#[derive(Clone, Debug)]
pub struct TokenLinesResponse {
    pub response: Response,
    /// The token pointed at; queries are counted from the first query.
    pub hovered: Option<(TokenSide, usize)>,
    /// Query (row) and key (column) picked in this frame: a click on a token picks its strongest line.
    pub picked: Option<Cell>,
    /// Attention on lines too faint to be drawn, as a share of all attention, 0 to 1.
    pub hidden_share: f32,
}

const TALLEST_ROW: f32 = 30.0;
const NUMBERS: f32 = 30.0;
/// Room above the first and below the last row, so that its label is not cut.
pub(crate) const INSET: f32 = 6.0;

/// Draws the lines of one head over the room left. Pointing at a token leaves only its lines, with their weights.
pub fn token_lines(
    ui: &mut Ui,
    look: &MapLook,
    state: &mut TokenLinesState,
    data: &HeadData<'_>,
    selected: Option<Cell>,
    linked: Linked,
) -> TokenLinesResponse {
    let (rect, response) = ui.allocate_exact_size(
        ui.available_size().max(vec2(80.0, 60.0)),
        Sense::click_and_drag(),
    );
    let (space, line) = readout::split(rect);
    let place = Place::of(ui.painter(), look, space, data);
    let grid = place.grid(state.view);
    let side_at = |at: Pos2| {
        let row = grid.cell_at(at)?.row;
        place.token_at(data, at.x, row)
    };
    let hovered = response.hover_pos().and_then(side_at);
    let input = grid_input::read(ui, &response, &grid, &mut state.view, None);
    let mut picked = None;
    if input.picked.is_some() {
        picked = response
            .interact_pointer_pos()
            .and_then(side_at)
            .and_then(|(side, token)| strongest(data, side, token));
    }
    if response.has_focus()
        && let Some(cell) = grid_input::walked(ui, &response, selected, data.queries, data.keys)
    {
        picked = Some(Cell::new(
            cell.row,
            cell.col.min(data.seen(cell.row).saturating_sub(1)),
        ));
        state
            .view
            .reveal(&grid, Cell::new(cell.row + place.first_query(data), 0));
    }
    let cell = picked.or(selected);

    let focus = hovered
        .map(|(side, token)| Focus {
            side,
            token,
            alone: true,
        })
        .or_else(|| {
            let token = linked.token?.checked_sub(place.first_query(data))?;
            Some(Focus {
                side: TokenSide::Query,
                token,
                alone: false,
            })
        });
    // All lines of a long prompt would be a thicket, and take long: those of one token are drawn.
    let focus = if data.weights.is_long() {
        focus
            .or_else(|| cell.map(|c| Focus::on(TokenSide::Query, c.row)))
            .or_else(|| Some(Focus::on(TokenSide::Query, data.queries.checked_sub(1)?)))
            .map(|focus| Focus {
                alone: true,
                ..focus
            })
    } else {
        focus
    };
    let hidden = match focus.filter(|_| data.weights.is_long()) {
        Some(focus) => Hidden::among(data.line(focus.side, focus.token), state.threshold),
        None => hidden(data, state.threshold),
    };
    let label = format!(
        "Attention lines of layer {} head {}: {} queries, {} keys",
        data.layer, data.head, data.queries, data.keys
    );
    let value = cell.map_or_else(|| "no line selected".to_string(), |cell| spoken(data, cell));
    describe(&response, Role::Image, &label, &value);

    if ui.is_rect_visible(rect) {
        let grid = place.grid(state.view);
        let painter = ui.painter_at(rect);
        let sheet = Sheet {
            painter: &painter,
            look,
            place: &place,
            grid: &grid,
            data,
            focus,
            selected: cell,
        };
        sheet.draw_lines(state.threshold);
        sheet.draw_tokens();
        if response.has_focus() {
            cell_ink::focus(ui.painter(), look, space.shrink(3.0));
        }
    }
    note(ui, look, line, state, &hidden);
    TokenLinesResponse {
        response,
        hovered,
        picked,
        hidden_share: hidden.share,
    }
}

/// Where the two columns of tokens and the lines between them lie.
pub(crate) struct Place {
    pub(crate) frame: Rect,
    /// Right edge of the query tokens, left edge of the key tokens.
    pub(crate) inner: [f32; 2],
    tokens: usize,
    pub(crate) label: f32,
}

impl Place {
    fn of(painter: &Painter, look: &MapLook, space: Rect, data: &HeadData<'_>) -> Self {
        let tokens = data.tokens.len().max(data.queries).max(data.keys).max(1);
        let space = space.shrink2(vec2(0.0, INSET.min(space.height() / 4.0)));
        let row = (space.height() / tokens as f32).min(TALLEST_ROW);
        let frame = Rect::from_min_size(space.min, vec2(space.width(), row * tokens as f32));
        let most = (space.width() * 0.24).clamp(30.0, 110.0);
        let label = data
            .tokens
            .iter()
            .step_by(data.tokens.len().div_ceil(256).max(1))
            .map(|t| {
                let text = visible_token(t);
                shortened(painter, &text, &look.mono_font, look.text, most)
                    .size()
                    .x
            })
            .fold(24.0, f32::max)
            + 6.0;
        let side = NUMBERS + label;
        Self {
            frame,
            inner: [
                frame.left() + side,
                (frame.right() - side).max(frame.left() + side),
            ],
            tokens,
            label,
        }
    }

    fn grid(&self, view: HeatmapView) -> GridFrame {
        GridFrame {
            frame: self.frame,
            rows: self.tokens,
            cols: 1,
            view,
        }
    }

    pub(crate) fn first_query(&self, data: &HeadData<'_>) -> usize {
        self.tokens.saturating_sub(data.queries)
    }

    fn token_at(&self, data: &HeadData<'_>, x: f32, row: usize) -> Option<(TokenSide, usize)> {
        if x <= self.inner[0] {
            let query = row.checked_sub(self.first_query(data))?;
            (query < data.queries).then_some((TokenSide::Query, query))
        } else if x >= self.inner[1] {
            (row < data.keys).then_some((TokenSide::Key, row))
        } else {
            None
        }
    }
}

/// The strongest line of a token.
fn strongest(data: &HeadData<'_>, side: TokenSide, token: usize) -> Option<Cell> {
    data.line(side, token)
        .into_iter()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(cell, _)| cell)
}

fn spoken(data: &HeadData<'_>, cell: Cell) -> String {
    let token = |tokens: &[String], i: usize| {
        tokens
            .get(i)
            .map_or_else(|| i.to_string(), |t| visible_token(t))
    };
    format!(
        "{} → {}, {}",
        token(data.query_tokens(), cell.row),
        token(data.tokens, cell.col),
        data.weight(cell.row, cell.col)
            .map_or_else(|| "no weight".to_string(), read_number)
    )
}

/// What the threshold leaves out.
struct Hidden {
    lines: usize,
    share: f32,
}

impl Hidden {
    fn among(lines: impl IntoIterator<Item = (Cell, f32)>, threshold: f32) -> Self {
        let (mut count, mut faint, mut all) = (0, 0.0f64, 0.0f64);
        for (_, weight) in lines {
            all += f64::from(weight);
            if weight < threshold {
                count += 1;
                faint += f64::from(weight);
            }
        }
        Self {
            lines: count,
            share: if all > 0.0 { (faint / all) as f32 } else { 0.0 },
        }
    }
}

fn hidden(data: &HeadData<'_>, threshold: f32) -> Hidden {
    let all = (0..data.queries).flat_map(|query| data.line(TokenSide::Query, query));
    Hidden::among(all, threshold)
}

/// The threshold, to be dragged or typed, and what it hides.
fn note(ui: &mut Ui, look: &MapLook, line: Rect, state: &mut TokenLinesState, hidden: &Hidden) {
    let builder = UiBuilder::new()
        .id_salt("threshold")
        .max_rect(line)
        .layout(egui::Layout::left_to_right(egui::Align::Center));
    ui.scope_builder(builder, |ui| {
        ui.spacing_mut().interact_size.y = line.height() - 2.0;
        ui.spacing_mut().item_spacing.x = 6.0;
        let value = DragValue::new(&mut state.threshold)
            .range(0.0..=1.0)
            .speed(0.002)
            .custom_formatter(|v, _| format!("from {v:.2}"));
        ui.add(value)
            .on_hover_text("Lines with less weight are not drawn")
            .accessible_name("Least weight of a drawn line");
        let share = hidden.share * 100.0;
        let words = if hidden.lines == 0 {
            ["all lines are drawn".to_string(), "all drawn".to_string()]
        } else {
            [
                format!(
                    "{} fainter lines hidden · {share:.0} % of attention",
                    hidden.lines
                ),
                format!("{} hidden · {share:.0} %", hidden.lines),
            ]
        };
        let room = ui.available_width();
        let [long, short] =
            words.map(|words| shortened(ui.painter(), &words, &look.text_font, look.muted, room));
        let galley = if long.elided { short } else { long };
        let (rect, _) = ui.allocate_exact_size(galley.size(), Sense::hover());
        ui.painter().galley(rect.min, galley, look.muted);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maps::look::DataKey;
    use crate::maps::weights::HeadWeights;

    fn data<'a>(values: &'a [f32], tokens: &'a [String]) -> HeadData<'a> {
        HeadData {
            key: DataKey::new("test", 0),
            layer: 0,
            head: 0,
            queries: 2,
            keys: 2,
            weights: HeadWeights::Whole(values),
            within: whyfinder_paint::Reduction::MaxAbs,
            tokens,
            subject: None,
            causal: true,
        }
    }

    #[test]
    fn what_is_hidden_is_counted() {
        let values = [1.0, 9.0, 0.04, 0.96];
        let tokens = ["a".to_string(), "b".to_string()];
        let data = data(&values, &tokens);
        let below = hidden(&data, 0.05);
        assert_eq!(below.lines, 1);
        assert!((below.share - 0.02).abs() < 1e-6);
        assert_eq!(hidden(&data, 0.0).lines, 0);
    }

    #[test]
    fn a_token_leads_to_its_strongest_line() {
        let values = [1.0, 9.0, 0.04, 0.96];
        let tokens = ["a".to_string(), "b".to_string()];
        let data = data(&values, &tokens);
        assert_eq!(strongest(&data, TokenSide::Query, 1), Some(Cell::new(1, 1)));
        assert_eq!(strongest(&data, TokenSide::Key, 0), Some(Cell::new(0, 0)));
        assert_eq!(strongest(&data, TokenSide::Key, 7), None);
    }
}
