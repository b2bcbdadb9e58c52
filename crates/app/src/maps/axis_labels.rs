//! Labels along a map's edges: thinned so that none overlap, shortened so that none are cut.

use std::f32::consts::{FRAC_PI_2, FRAC_PI_4};
use std::ops::Range;

use egui::{Align2, Color32, FontId, Painter, Rangef, Rect, Stroke, epaint::TextShape, pos2, vec2};

use super::heatmap_view::GridFrame;
use super::look::{Cell, MapLook};
use super::token_text::{in_subject, shortened, visible_token, whole};

/// What stands along one edge.
#[derive(Clone, Copy, Debug)]
pub enum AxisText<'a> {
    /// Tokens; those of the subject are written in the accent.
    Tokens {
        tokens: &'a [String],
        subject: Option<(usize, usize)>,
    },
    /// 0, 1, 2, …
    Numbers,
}

impl AxisText<'_> {
    pub(crate) fn text(&self, index: usize) -> String {
        match self {
            AxisText::Tokens { tokens, .. } => tokens
                .get(index)
                .map_or_else(|| index.to_string(), |t| visible_token(t)),
            AxisText::Numbers => index.to_string(),
        }
    }

    fn subject(&self) -> Option<Range<usize>> {
        match self {
            AxisText::Tokens { subject, .. } => subject.map(|(start, end)| start..end),
            AxisText::Numbers => None,
        }
    }
}

/// Which labels of an axis stand out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marked {
    pub(crate) selected: Option<usize>,
    pub(crate) hovered: Option<usize>,
}

/// Room kept free for labels left of and below a map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gutters {
    pub(crate) left: f32,
    pub(crate) below: f32,
}

const GAP: f32 = 6.0;
const WIDEST_ROW_LABEL: f32 = 96.0;
/// Most labels that are measured to find how wide they are.
const MEASURED: usize = 256;
const LONGEST_COLUMN_LABEL: f32 = 72.0;
/// A label of one letter and the room around it, points.
const NARROWEST_LEVEL: f32 = 9.0;

/// Room that labels need around `rows` x `cols` cells in `space`; the same for every zoom, so nothing moves.
pub(crate) fn gutters(
    painter: &Painter,
    look: &MapLook,
    space: Rect,
    (rows, row_text): (usize, AxisText<'_>),
    (cols, col_text): (usize, AxisText<'_>),
) -> Gutters {
    let widest = |text: AxisText<'_>, count: usize, font: &FontId| match text {
        AxisText::Numbers => {
            whole(painter, &text.text(count.max(1) - 1), font, look.muted)
                .size()
                .x
        }
        AxisText::Tokens { .. } => (0..count)
            // Some of a long prompt's tokens stand for all: longer ones are shortened.
            .step_by(count.div_ceil(MEASURED).max(1))
            .map(|i| {
                shortened(painter, &text.text(i), font, look.muted, WIDEST_ROW_LABEL)
                    .size()
                    .x
            })
            .fold(0.0, f32::max),
    };
    let line = line_height(painter, &look.small_font);
    let left = widest(row_text, rows, &look.mono_font)
        .min(WIDEST_ROW_LABEL)
        .min(space.width() * 0.34)
        .ceil()
        + GAP;
    let below = match col_text {
        AxisText::Numbers => line,
        AxisText::Tokens { .. } => {
            let label = widest(col_text, cols, &look.small_font);
            let room = (space.width() - left) / cols.max(1) as f32;
            match Slant::of(label, room, line) {
                Slant::Level => line,
                Slant::Diagonal => (label.min(LONGEST_COLUMN_LABEL) + line) * FRAC_PI_4.sin(),
                Slant::Upright => label.min(LONGEST_COLUMN_LABEL),
            }
            .min(space.height() * 0.3)
        }
    };
    Gutters {
        left,
        below: (below + GAP).ceil(),
    }
}

/// How column labels are turned.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Slant {
    Level,
    Diagonal,
    Upright,
}

impl Slant {
    fn of(label: f32, room: f32, line: f32) -> Self {
        if label + 4.0 <= room {
            Slant::Level
        } else if room >= line * 1.35 {
            Slant::Diagonal
        } else {
            Slant::Upright
        }
    }
}

fn line_height(painter: &Painter, font: &FontId) -> f32 {
    painter.fonts_mut(|f| f.row_height(font))
}

/// The labels to draw of those in `shown`: marked ones first, then every n-th, none nearer than `spacing` points.
pub(crate) fn thinned(shown: Range<usize>, cell: f32, spacing: f32, first: &[usize]) -> Vec<usize> {
    let mut placed: Vec<usize> = Vec::new();
    let apart = |placed: &[usize], i: usize| {
        placed
            .iter()
            .all(|&p| p.abs_diff(i) as f32 * cell >= spacing)
    };
    for &i in first {
        if shown.contains(&i) && apart(&placed, i) {
            placed.push(i);
        }
    }
    let step = round_step((spacing / cell.max(0.01)).ceil() as usize);
    for i in shown.filter(|i| i.is_multiple_of(step)) {
        if apart(&placed, i) {
            placed.push(i);
        }
    }
    placed.sort_unstable();
    placed
}

/// The next of 1, 2, 5, 10, 20, 50, … so that thinned numbers read easily.
fn round_step(at_least: usize) -> usize {
    let mut power = 1usize;
    loop {
        for step in [power, 2 * power, 5 * power] {
            if step >= at_least {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

fn colour(look: &MapLook, index: usize, subject: &Option<Range<usize>>, marked: Marked) -> Color32 {
    if marked.selected == Some(index) {
        look.selection
    } else if in_subject(subject, index) {
        look.accent
    } else if marked.hovered == Some(index) {
        look.text
    } else {
        look.muted
    }
}

fn order(subject: &Option<Range<usize>>, marked: Marked) -> Vec<usize> {
    marked
        .selected
        .into_iter()
        .chain(marked.hovered)
        .chain(subject.clone().into_iter().flatten().rev())
        .collect()
}

/// Draws the labels of the rows, right-aligned against the frame's left edge, within `room` points.
pub(crate) fn row_labels(
    painter: &Painter,
    look: &MapLook,
    grid: &GridFrame,
    text: AxisText<'_>,
    marked: Marked,
    room: f32,
) {
    let cell = grid.cell_size().y;
    let line = line_height(painter, &look.mono_font);
    let small = cell < line;
    let font = if small {
        &look.small_font
    } else {
        &look.mono_font
    };
    let spacing = line_height(painter, font) - 1.0;
    let subject = text.subject();
    for row in thinned(grid.visible_rows(), cell, spacing, &order(&subject, marked)) {
        let Some(centre) =
            shown_centre(grid.rect(Cell::new(row, 0)).y_range(), grid.frame.y_range())
        else {
            continue;
        };
        let galley = shortened(
            painter,
            &text.text(row),
            font,
            colour(look, row, &subject, marked),
            room - GAP,
        );
        let at = pos2(
            grid.frame.min.x - GAP - galley.size().x,
            centre - galley.size().y / 2.0,
        );
        painter.galley(at, galley, look.muted);
        if marked.hovered == Some(row) || marked.selected == Some(row) {
            tick(
                painter,
                look,
                marked.selected == Some(row),
                |half| {
                    let x = grid.frame.min.x - 2.0;
                    [
                        pos2(x, (centre - half).max(grid.frame.min.y)),
                        pos2(x, (centre + half).min(grid.frame.max.y)),
                    ]
                },
                cell,
            );
        }
    }
}

/// The middle of the part of a cell that shows; `None` where too little of it does.
fn shown_centre(cell: Rangef, frame: Rangef) -> Option<f32> {
    let shown = cell.intersection(frame);
    (shown.span() >= (0.5 * cell.span()).min(12.0)).then(|| shown.center())
}

fn tick(
    painter: &Painter,
    look: &MapLook,
    selected: bool,
    ends: impl Fn(f32) -> [egui::Pos2; 2],
    cell: f32,
) {
    let colour = if selected { look.selection } else { look.muted };
    painter.line_segment(ends((cell / 2.0 - 0.5).max(1.0)), Stroke::new(1.5, colour));
}

/// Draws the labels of the columns below the frame, within `room` points of height and right of `left`.
///
/// Labels that do not fit level are turned: their ends stand under their columns, so they lean into the room below the
/// row labels and never leave the map on the right.
pub(crate) fn column_labels(
    painter: &Painter,
    look: &MapLook,
    grid: &GridFrame,
    text: AxisText<'_>,
    marked: Marked,
    room: f32,
    left: f32,
) {
    let cell = grid.cell_size().x;
    let font = &look.small_font;
    let line = line_height(painter, font);
    let subject = text.subject();
    let shown = grid.visible_cols();
    let widest = match text {
        AxisText::Numbers => {
            whole(painter, &text.text(grid.cols.max(1) - 1), font, look.muted)
                .size()
                .x
        }
        // No label fits level into such a column.
        AxisText::Tokens { .. } if cell < NARROWEST_LEVEL => f32::INFINITY,
        AxisText::Tokens { .. } => shown
            .clone()
            .map(|i| whole(painter, &text.text(i), font, look.muted).size().x)
            .fold(0.0, f32::max),
    };
    let slant = match text {
        AxisText::Numbers => Slant::Level,
        AxisText::Tokens { .. } => Slant::of(widest, cell, line),
    };
    let spacing = match slant {
        Slant::Level => widest + 5.0,
        Slant::Diagonal => line * 1.3,
        Slant::Upright => line - 1.0,
    };
    let top = grid.frame.max.y + 4.0;
    for col in thinned(shown, cell, spacing, &order(&subject, marked)) {
        let Some(centre) =
            shown_centre(grid.rect(Cell::new(0, col)).x_range(), grid.frame.x_range())
        else {
            continue;
        };
        let colour = colour(look, col, &subject, marked);
        let length = match slant {
            Slant::Level => f32::INFINITY,
            Slant::Diagonal => ((room - 4.0 - line * FRAC_PI_4.sin()) / FRAC_PI_4.sin())
                .min((centre - left) / FRAC_PI_4.cos()),
            Slant::Upright => room - 4.0,
        };
        let galley = if slant == Slant::Level {
            whole(painter, &text.text(col), font, colour)
        } else {
            shortened(painter, &text.text(col), font, colour, length)
        };
        match slant {
            Slant::Level => {
                let half = galley.size().x / 2.0;
                let inside = grid.frame.x_range().expand(6.0);
                if centre - half >= inside.min && centre + half <= inside.max {
                    painter.galley(pos2(centre - half, top), galley, colour);
                }
            }
            Slant::Diagonal | Slant::Upright => {
                let angle = if slant == Slant::Diagonal {
                    -FRAC_PI_4
                } else {
                    -FRAC_PI_2
                };
                let anchor = pos2(
                    centre,
                    top + if slant == Slant::Diagonal { 1.0 } else { 0.0 },
                );
                let size = galley.size();
                // The middle of the text's right end stands at the anchor.
                let turn = egui::emath::Rot2::from_angle(angle);
                let at = anchor - turn * vec2(size.x, size.y / 2.0);
                let shape = TextShape::new(at, galley, colour).with_angle(angle);
                painter.add(shape);
            }
        }
        let y = grid.frame.max.y + 2.0;
        column_tick(painter, look, grid, col, marked, centre, y);
    }
}

/// A short line at a marked column's end of the map.
fn column_tick(
    painter: &Painter,
    look: &MapLook,
    grid: &GridFrame,
    col: usize,
    marked: Marked,
    centre: f32,
    y: f32,
) {
    if marked.hovered == Some(col) || marked.selected == Some(col) {
        let frame = grid.frame;
        let ends = |half: f32| {
            [
                pos2((centre - half).max(frame.min.x), y),
                pos2((centre + half).min(frame.max.x), y),
            ]
        };
        let selected = marked.selected == Some(col);
        tick(painter, look, selected, ends, grid.cell_size().x);
    }
}

/// Draws numbers above the columns (the heads of an atlas).
pub(crate) fn column_numbers_above(
    painter: &Painter,
    look: &MapLook,
    grid: &GridFrame,
    marked: Marked,
) {
    let cell = grid.cell_size().x;
    let font = &look.small_font;
    let widest = whole(
        painter,
        &(grid.cols.max(1) - 1).to_string(),
        font,
        look.muted,
    )
    .size()
    .x;
    for col in thinned(
        grid.visible_cols(),
        cell,
        widest + 5.0,
        &order(&None, marked),
    ) {
        let shown = shown_centre(grid.rect(Cell::new(0, col)).x_range(), grid.frame.x_range());
        if let Some(centre) = shown {
            painter.text(
                pos2(centre, grid.frame.min.y - 4.0),
                Align2::CENTER_BOTTOM,
                col.to_string(),
                font.clone(),
                colour(look, col, &None, marked),
            );
            column_tick(
                painter,
                look,
                grid,
                col,
                marked,
                centre,
                grid.frame.min.y - 2.0,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_never_stand_nearer_than_their_spacing() {
        for cell in [0.7f32, 2.0, 5.0, 11.0, 30.0] {
            let placed = thinned(3..128, cell, 12.0, &[50, 51, 52, 127, 500]);
            assert!(placed.contains(&50));
            assert!(!placed.contains(&500));
            for pair in placed.windows(2) {
                assert!(
                    (pair[1] - pair[0]) as f32 * cell >= 12.0,
                    "{cell}: {pair:?}"
                );
            }
        }
        assert_eq!(thinned(0..4, 20.0, 12.0, &[]), [0, 1, 2, 3]);
    }

    #[test]
    fn thinned_numbers_are_round() {
        assert_eq!(round_step(0), 1);
        assert_eq!(round_step(3), 5);
        assert_eq!(round_step(7), 10);
        assert_eq!(round_step(11), 20);
        assert_eq!(thinned(0..25, 3.0, 12.0, &[]), [0, 5, 10, 15, 20]);
    }
}
