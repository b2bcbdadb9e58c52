//! The ink of token-to-token lines: curves, tokens, weights.

use std::ops::Range;

use egui::{Align2, Color32, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2};
use whyfinder_paint::{ColourMap, Theme};

use super::axis_labels::thinned;
use super::cell_ink::colour32;
use super::head_view::HeadData;
use super::heatmap_view::GridFrame;
use super::look::{Cell, MapLook};
use super::token_lines::{INSET, Place, TokenSide};
use super::token_text::{in_subject, short_number, shortened, visible_token};

/// The token whose lines matter now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Focus {
    pub(crate) side: TokenSide,
    pub(crate) token: usize,
    /// Leaves the lines of other tokens out, instead of paling them.
    pub(crate) alone: bool,
}

impl Focus {
    /// On a token alone.
    pub(crate) fn on(side: TokenSide, token: usize) -> Self {
        Self {
            side,
            token,
            alone: true,
        }
    }
}

/// All that the drawing looks at.
pub(crate) struct Sheet<'a> {
    pub(crate) painter: &'a Painter,
    pub(crate) look: &'a MapLook,
    pub(crate) place: &'a Place,
    pub(crate) grid: &'a GridFrame,
    pub(crate) data: &'a HeadData<'a>,
    pub(crate) focus: Option<Focus>,
    pub(crate) selected: Option<Cell>,
}

/// Weights below this are written in a quieter ink.
const QUIET: f32 = 0.05;

impl Sheet<'_> {
    fn row_centre(&self, row: usize) -> f32 {
        self.grid.content().min.y + (row as f32 + 0.5) * self.grid.cell_size().y
    }

    /// From the query to the key.
    fn ends(&self, query: usize, key: usize) -> [Pos2; 2] {
        let first = self.place.first_query(self.data);
        let [left, right] = self.place.inner;
        [
            pos2(left + 3.0, self.row_centre(first + query)),
            pos2(right - 3.0, self.row_centre(key)),
        ]
    }

    /// How strongly a line is drawn beside its weight, 0 to 1.
    fn emphasis(&self, query: usize, key: usize) -> f32 {
        match self.focus {
            Some(focus) => {
                let own = match focus.side {
                    TokenSide::Query => query == focus.token,
                    TokenSide::Key => key == focus.token,
                };
                match (own, focus.alone) {
                    (true, _) => 1.0,
                    (false, true) => 0.0,
                    (false, false) => 0.3,
                }
            }
            None => 1.0,
        }
    }

    /// Draws each line of at least `threshold`, more opaque the larger its weight, and the selected one.
    pub(crate) fn draw_lines(&self, threshold: f32) {
        let frame = self.place.frame;
        let painter = self.painter.with_clip_rect(
            frame
                .expand2(vec2(0.0, INSET))
                .intersect(self.painter.clip_rect()),
        );
        let colour = line_colour(self.look);
        let mut shapes = Vec::new();
        let mut add = |(cell, weight): (Cell, f32)| {
            let emphasis = self.emphasis(cell.row, cell.col);
            let chosen = self.selected == Some(cell);
            if chosen || emphasis == 0.0 || weight < threshold || weight <= 0.0 {
                return;
            }
            let ends = self.ends(cell.row, cell.col);
            if shows(ends, frame) {
                let weight = weight.min(1.0);
                let ink = colour.gamma_multiply(weight * emphasis);
                shapes.push(curve(ends, Stroke::new(1.0 + 1.5 * weight, ink)));
            }
        };
        match self.focus.filter(|focus| focus.alone) {
            Some(focus) => {
                let lines = self.data.line(focus.side, focus.token);
                lines.into_iter().for_each(&mut add);
            }
            None => (0..self.data.queries)
                .flat_map(|query| self.data.line(TokenSide::Query, query))
                .for_each(&mut add),
        }
        painter.extend(shapes);
        let chosen = self
            .selected
            .filter(|c| c.row < self.data.queries && c.col < self.data.seen(c.row));
        if let Some(cell) = chosen {
            let stroke = Stroke::new(2.0, self.look.selection);
            painter.add(curve(self.ends(cell.row, cell.col), stroke));
        }
    }

    /// Writes the tokens on both sides, and beside the far ends of the lines in focus their weights.
    pub(crate) fn draw_tokens(&self) {
        let line = self
            .painter
            .fonts_mut(|f| f.row_height(&self.look.mono_font));
        for side in [TokenSide::Query, TokenSide::Key] {
            for row in thinned(
                self.rows(side),
                self.grid.cell_size().y,
                line - 1.0,
                &self.named_first(side),
            ) {
                let y = self.row_centre(row);
                if self.place.frame.y_range().contains(y) {
                    self.draw_token(side, row, y);
                }
            }
        }
    }

    fn first_of(&self, side: TokenSide) -> usize {
        match side {
            TokenSide::Query => self.place.first_query(self.data),
            TokenSide::Key => 0,
        }
    }

    /// Rows of the visible tokens of a side.
    fn rows(&self, side: TokenSide) -> Range<usize> {
        let first = self.first_of(side);
        let count = match side {
            TokenSide::Query => self.data.queries,
            TokenSide::Key => self.data.keys,
        };
        let shown = self.grid.visible_rows();
        shown.start.max(first)..shown.end.min(first + count)
    }

    fn chosen_row(&self, side: TokenSide) -> Option<usize> {
        self.selected.map(|c| match side {
            TokenSide::Query => self.first_of(side) + c.row,
            TokenSide::Key => c.col,
        })
    }

    fn pointed_row(&self, side: TokenSide) -> Option<usize> {
        self.focus
            .filter(|f| f.side == side)
            .map(|f| self.first_of(side) + f.token)
    }

    /// Rows whose labels may not be thinned away: the token in focus, the selected one, then the far ends of the lines
    /// in focus, strongest first, and the subject.
    fn named_first(&self, side: TokenSide) -> Vec<usize> {
        let mut rows: Vec<usize> = self
            .pointed_row(side)
            .into_iter()
            .chain(self.chosen_row(side))
            .collect();
        if let Some(focus) = self.focus.filter(|f| f.side != side) {
            let ends = by_weight(self.data, focus.side, focus.token);
            rows.extend(ends.into_iter().map(|t| self.first_of(side) + t));
        }
        rows.extend(
            self.data
                .subject
                .into_iter()
                .flat_map(|(a, b)| (a..b).rev()),
        );
        rows
    }

    fn draw_token(&self, side: TokenSide, row: usize, y: f32) {
        let (look, place) = (self.look, self.place);
        let token = row - self.first_of(side);
        let weight = self
            .focus
            .filter(|f| f.side != side)
            .and_then(|f| match side {
                TokenSide::Key => self.data.weight(f.token, token),
                TokenSide::Query => self.data.weight(token, f.token),
            });
        let subject = self.data.subject.map(|(a, b)| a..b);
        let strong = weight.is_some_and(|w| w >= QUIET);
        let colour = if self.chosen_row(side) == Some(row) {
            look.selection
        } else if in_subject(&subject, row) {
            look.accent
        } else if self.focus.is_none() || strong || self.pointed_row(side) == Some(row) {
            look.text
        } else {
            look.muted
        };
        let text = self
            .data
            .tokens
            .get(row)
            .map_or_else(|| row.to_string(), |t| visible_token(t));
        let room = place.label - 6.0;
        let galley = shortened(self.painter, &text, &look.mono_font, colour, room);
        let (x, number_at, align) = match side {
            TokenSide::Query => (
                place.inner[0] - 4.0 - galley.size().x,
                place.inner[0] - place.label - 4.0,
                Align2::RIGHT_CENTER,
            ),
            TokenSide::Key => (
                place.inner[1] + 4.0,
                place.inner[1] + place.label + 4.0,
                Align2::LEFT_CENTER,
            ),
        };
        let at = pos2(x, y - galley.size().y / 2.0);
        self.painter.galley(at, galley, colour);
        if let Some(weight) = weight {
            let ink = if strong { look.text } else { look.muted };
            self.painter.text(
                pos2(number_at, y),
                align,
                short_number(weight),
                look.small_font.clone(),
                ink,
            );
        }
    }
}

fn shows(ends: [Pos2; 2], frame: Rect) -> bool {
    !ends.iter().all(|e| e.y < frame.top()) && !ends.iter().all(|e| e.y > frame.bottom())
}

/// The hue of the lines: from the colours of the map beside them, readable on both themes.
fn line_colour(look: &MapLook) -> Color32 {
    let table = ColourMap::Magma.table(look.theme);
    colour32(table[if look.theme == Theme::Dark { 165 } else { 140 }])
}

/// A line that leaves and arrives level.
fn curve([from, to]: [Pos2; 2], stroke: Stroke) -> Shape {
    let reach = (to.x - from.x) * 0.4;
    let (a, b) = (from + vec2(reach, 0.0), to - vec2(reach, 0.0));
    let points = (0..=32)
        .map(|i| {
            let t = i as f32 / 32.0;
            let u = 1.0 - t;
            let mix = |p: fn(Pos2) -> f32| {
                u * u * u * p(from)
                    + 3.0 * u * u * t * p(a)
                    + 3.0 * u * t * t * p(b)
                    + t * t * t * p(to)
            };
            pos2(mix(|p| p.x), mix(|p| p.y))
        })
        .collect();
    Shape::line(points, stroke)
}

/// The far ends of a token's lines, strongest first.
fn by_weight(data: &HeadData<'_>, side: TokenSide, token: usize) -> Vec<usize> {
    let mut lines = data.line(side, token);
    lines.sort_by(|a, b| b.1.total_cmp(&a.1));
    let end = |(cell, _): (Cell, f32)| match side {
        TokenSide::Query => cell.col,
        TokenSide::Key => cell.row,
    };
    lines.into_iter().map(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maps::look::DataKey;
    use crate::maps::weights::HeadWeights;

    #[test]
    fn far_ends_come_strongest_first() {
        let values = [1.0, 9.0, 0.04, 0.96];
        let tokens = ["a".to_string(), "b".to_string()];
        let data = HeadData {
            key: DataKey::new("test", 0),
            layer: 0,
            head: 0,
            queries: 2,
            keys: 2,
            weights: HeadWeights::Whole(&values),
            within: whyfinder_paint::Reduction::MaxAbs,
            tokens: &tokens,
            subject: None,
            causal: true,
        };
        assert_eq!(by_weight(&data, TokenSide::Query, 1), [1, 0]);
        assert_eq!(by_weight(&data, TokenSide::Key, 0), [0, 1]);
    }
}
