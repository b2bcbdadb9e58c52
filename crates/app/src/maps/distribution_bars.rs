//! What the clean, the corrupted and the patched run predict, token by token.

use egui::{Align2, Color32, Painter, Rect, Response, Role, Sense, Stroke, Ui, pos2, vec2};

use super::accessible::describe;
use super::cell_ink;
use super::grid_input::walked;
use super::look::MapLook;
use super::token_text::{read_number, short_number, shortened, visible_token, whole};

/// Probabilities of one next token, 0 to 1; `None` where a run has none to show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenBars<'a> {
    /// As decoded, its leading space kept.
    pub token: &'a str,
    pub clean: Option<f32>,
    pub corrupted: Option<f32>,
    pub patched: Option<f32>,
}

/// What a person did on the bars.
#[derive(Clone, Debug)]
pub struct BarsResponse {
    pub response: Response,
    pub hovered: Option<usize>,
    /// The row clicked or reached with the keys in this frame.
    pub picked: Option<usize>,
}

const ROW: f32 = 23.0;
const BAR: f32 = 4.0;
const LEGEND: f32 = 22.0;

/// Draws one row per token, three bars each, and a legend that shows the numbers of the row pointed at.
///
/// Rows stay where they are when a run has nothing to show yet. Takes 23 points per row and 22 for the legend.
pub fn distribution_bars(
    ui: &mut Ui,
    look: &MapLook,
    rows: &[TokenBars<'_>],
    selected: Option<usize>,
) -> BarsResponse {
    let size = vec2(ui.available_width(), rows.len() as f32 * ROW + LEGEND);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let row_at = |y: f32| {
        let row = ((y - rect.top()) / ROW).floor();
        (row >= 0.0 && (row as usize) < rows.len()).then_some(row as usize)
    };
    let hovered = response.hover_pos().and_then(|at| row_at(at.y));
    let mut picked = None;
    if response.clicked() {
        response.request_focus();
        picked = response
            .interact_pointer_pos()
            .and_then(|at| row_at(at.y))
            .or(selected);
    }
    if response.has_focus()
        && let Some(cell) = walked(
            ui,
            &response,
            selected.map(|row| super::look::Cell::new(row, 0)),
            rows.len(),
            1,
        )
    {
        picked = Some(cell.row);
    }

    let spoken = |row: usize| {
        rows.get(row).map_or_else(
            || format!("{} tokens", rows.len()),
            |bars| {
                let mut parts = vec![visible_token(bars.token)];
                for (name, value) in runs(bars) {
                    if let Some(value) = value {
                        parts.push(format!("{name} {}", read_number(value)));
                    }
                }
                parts.join(", ")
            },
        )
    };
    let shown = picked.or(selected).unwrap_or(usize::MAX);
    let label = format!("Predictions of the next token, {} tokens", rows.len());
    describe(&response, Role::Image, &label, &spoken(shown));
    if ui.is_rect_visible(rect) {
        let painter = ui.painter_at(rect.expand(4.0));
        if response.has_focus() {
            cell_ink::focus(&painter, look, rect.shrink(2.0));
        }
        draw_rows(&painter, look, rect, rows, hovered, selected);
        let legend = Rect::from_min_max(pos2(rect.left(), rect.bottom() - LEGEND), rect.max);
        let row = hovered.or(selected).and_then(|row| rows.get(row));
        draw_legend(&painter, look, legend, row);
    }
    BarsResponse {
        response,
        hovered,
        picked,
    }
}

fn runs(bars: &TokenBars<'_>) -> [(&'static str, Option<f32>); 3] {
    [
        ("clean", bars.clean),
        ("corrupted", bars.corrupted),
        ("patched", bars.patched),
    ]
}

fn colours(look: &MapLook) -> [Color32; 3] {
    [look.text, look.faint, look.selection]
}

fn draw_rows(
    painter: &Painter,
    look: &MapLook,
    rect: Rect,
    rows: &[TokenBars<'_>],
    hovered: Option<usize>,
    selected: Option<usize>,
) {
    let token_width = (rect.width() * 0.3).clamp(40.0, 96.0);
    let number_width = 40.0;
    let track = (rect.left() + token_width + 8.0)..=(rect.right() - number_width);
    for (i, bars) in rows.iter().enumerate() {
        let top = rect.top() + i as f32 * ROW;
        let row = Rect::from_x_y_ranges(rect.x_range(), top..=top + ROW);
        if hovered == Some(i) || selected == Some(i) {
            painter.rect_filled(row.expand2(vec2(4.0, 0.0)), 4.0, look.raised);
        }
        let ink = if selected == Some(i) {
            look.selection
        } else {
            look.text
        };
        let galley = shortened(
            painter,
            &visible_token(bars.token),
            &look.mono_font,
            ink,
            token_width,
        );
        let at = pos2(rect.left(), row.center().y - galley.size().y / 2.0);
        painter.galley(at, galley, ink);
        for (k, ((_, value), colour)) in runs(bars).into_iter().zip(colours(look)).enumerate() {
            let y = top + (ROW - 3.0 * BAR - 2.0) / 2.0 + k as f32 * (BAR + 1.0);
            let full = Rect::from_x_y_ranges(track.clone(), y..=y + BAR);
            let ground = if hovered == Some(i) || selected == Some(i) {
                look.line
            } else {
                look.raised
            };
            painter.rect_filled(full, 1.0, ground);
            if let Some(value) = value.filter(|v| v.is_finite()) {
                let mut bar = full;
                bar.set_width((full.width() * value.clamp(0.0, 1.0)).max(1.0));
                painter.rect_filled(bar, 1.0, colour);
            }
        }
        if let Some(value) = bars.patched.or(bars.clean) {
            painter.text(
                pos2(rect.right(), row.center().y),
                Align2::RIGHT_CENTER,
                short_number(value),
                look.mono_font.clone(),
                look.muted,
            );
        }
    }
}

fn draw_legend(painter: &Painter, look: &MapLook, rect: Rect, row: Option<&TokenBars<'_>>) {
    let names = ["clean", "corrupted", "patched"];
    let values = row.map_or([None; 3], |bars| [bars.clean, bars.corrupted, bars.patched]);
    let mut x = rect.left();
    for ((name, value), colour) in names.into_iter().zip(values).zip(colours(look)) {
        let y = rect.center().y + 2.0;
        painter.hline(x..=x + 9.0, y, Stroke::new(3.0, colour));
        let words = whole(painter, name, &look.small_font, look.muted);
        painter.galley(
            pos2(x + 12.0, y - words.size().y / 2.0),
            words.clone(),
            look.muted,
        );
        x += 12.0 + words.size().x + 4.0;
        // Room for the number is kept whether there is one or not.
        let text = value.map_or(String::new(), short_number);
        let number = whole(painter, &text, &look.small_font, look.text);
        painter.galley(pos2(x, y - number.size().y / 2.0), number, look.text);
        x += whole(painter, ".00", &look.small_font, look.text).size().x + 6.0;
    }
}
