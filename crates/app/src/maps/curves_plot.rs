//! Curves over a share of the picture: what deleting or inserting blocks does, in the order that each map gives.

use egui::{Color32, Rect, Response, Role, Sense, Shape, Stroke, Ui, pos2, vec2};

use super::accessible::describe;
use super::look::MapLook;
use super::token_text::{short_number, whole};

/// One curve from nothing to everything.
#[derive(Clone, Copy, Debug)]
pub struct Curve<'a> {
    pub name: &'a str,
    /// In the plot's unit, at the shares of the plot; at least two.
    pub values: &'a [f32],
    /// Area under the curve, scaled to 0..1, where it is known.
    pub area: Option<f32>,
    pub colour: Color32,
}

/// What a plot shows.
#[derive(Clone, Copy, Debug)]
pub struct CurvesPlot<'a> {
    /// Such as `Deletion`; the accessible name.
    pub label: &'a str,
    /// What runs along the bottom, such as `of the blocks replaced`.
    pub along: &'a str,
    /// Shares at which all curves are known, rising from 0 to 1.
    pub shares: &'a [f32],
    /// How many blocks all shares are of, and how many pixels each has, where that is known.
    pub blocks: Option<[usize; 2]>,
    pub unit: &'a str,
    pub curves: &'a [Curve<'a>],
}

const LEGEND: f32 = 18.0;
const TICKS: f32 = 16.0;
const GUTTER: f32 = 34.0;
/// The line before a name in the legend, and the room after it.
const MARK: f32 = 16.0;
const BETWEEN: f32 = 12.0;

/// Draws the curves over the width left and `height` points; pointing reads them all at that share.
pub fn curves_plot(ui: &mut Ui, look: &MapLook, data: &CurvesPlot<'_>, height: f32) -> Response {
    let size = vec2(ui.available_width(), height.max(LEGEND + TICKS + 30.0));
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    // As many lines as the longest words that the legend may hold.
    let widest = data.curves.iter().map(|c| {
        let words = format!("{} 00.00", c.name);
        let galley = whole(ui.painter(), &words, &look.small_font, look.text);
        MARK + galley.size().x + BETWEEN
    });
    // Where there is little room, the curves come first.
    let most = ((rect.height() - TICKS - 48.0) / LEGEND).max(1.0) as usize;
    let lines = lines_of(widest, rect.width() - GUTTER).min(most);
    let plot = Rect::from_min_max(
        rect.min + vec2(GUTTER, 5.0),
        rect.max - vec2(4.0, lines as f32 * LEGEND + TICKS),
    );
    let share = response
        .hover_pos()
        .filter(|at| plot.expand(4.0).contains(*at))
        .map(|at| ((at.x - plot.left()) / plot.width()).clamp(0.0, 1.0));
    let legend: Vec<(String, Color32)> = data
        .curves
        .iter()
        .map(|curve| {
            let number = match (
                share.map(|s| at_share(data.shares, curve.values, s)),
                curve.area,
            ) {
                (Some(v), _) => format!(" {v:.2}"),
                (None, Some(area)) => format!(" {}", short_number(area)),
                (None, None) => String::new(),
            };
            (format!("{}{number}", curve.name), curve.colour)
        })
        .collect();
    let spoken: Vec<&str> = legend.iter().map(|(words, _)| words.as_str()).collect();
    let what = match share {
        Some(share) => format!("at {}", percent(share)),
        None => "area".to_string(),
    };
    let value = format!("{what}: {}", spoken.join(", "));
    describe(&response, Role::Image, data.label, &value);
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let painter = ui.painter_at(rect);
    let (low, high) = extent(data.curves);
    let y = |v: f32| plot.bottom() - (v - low) / (high - low) * plot.height();
    for part in [0.0, 0.5, 1.0] {
        let at = plot.top() + part * plot.height();
        painter.hline(plot.x_range(), at, Stroke::new(1.0, look.line));
        let value = high - part * (high - low);
        let galley = whole(&painter, &short_number(value), &look.small_font, look.muted);
        let size = galley.size();
        let top = (at - size.y / 2.0).max(rect.top());
        painter.galley(pos2(plot.left() - 6.0 - size.x, top), galley, look.muted);
    }
    // The best on top, so that no curve hides the first.
    for curve in data.curves.iter().rev() {
        let points: Vec<_> = curve
            .values
            .iter()
            .zip(data.shares)
            .filter(|(v, _)| v.is_finite())
            .map(|(&v, &share)| pos2(plot.left() + share * plot.width(), y(v)))
            .collect();
        painter.add(Shape::line(points, Stroke::new(1.75, curve.colour)));
    }
    if let Some(share) = share {
        let x = plot.left() + share * plot.width();
        painter.vline(x, plot.y_range(), Stroke::new(1.0, look.faint));
        for curve in data.curves {
            let at = pos2(x, y(at_share(data.shares, curve.values, share)));
            painter.circle(at, 3.0, curve.colour, Stroke::new(1.0, look.background));
        }
    }
    let bottom = plot.bottom() + 3.0;
    let along = match share {
        Some(share) => format!("{}{} {}", percent(share), counted(data, share), data.along),
        None => data.along.to_string(),
    };
    let ends = ["0 %", "100 %"].map(|w| whole(&painter, w, &look.small_font, look.muted));
    let middle = whole(&painter, &along, &look.small_font, look.muted);
    let [from, to] = ends;
    let right = plot.right() - to.size().x;
    let ends_width = to.size().x + 8.0;
    painter.galley(pos2(plot.left(), bottom), from, look.muted);
    painter.galley(pos2(right, bottom), to, look.muted);
    let at = plot.center().x - middle.size().x / 2.0;
    if at > plot.left() + ends_width && at + middle.size().x < plot.right() - ends_width {
        painter.galley(pos2(at, bottom), middle, look.muted);
    }
    let (mut x, mut y) = (plot.left(), bottom + TICKS + LEGEND / 2.0);
    let what = if share.is_some() { data.unit } else { "area" };
    let galley = whole(&painter, what, &look.small_font, look.muted);
    painter.galley(
        pos2(rect.left(), y - galley.size().y / 2.0),
        galley,
        look.muted,
    );
    for (words, colour) in legend {
        let galley = whole(&painter, &words, &look.small_font, look.text);
        let width = galley.size().x;
        if x > plot.left() && x + MARK + width > rect.right() {
            (x, y) = (plot.left(), y + LEGEND);
        }
        if y > rect.bottom() {
            break;
        }
        painter.hline(x..=x + MARK - 4.0, y, Stroke::new(2.0, colour));
        let top = y - galley.size().y / 2.0;
        painter.galley(pos2(x + MARK, top), galley, look.text);
        x += MARK + width + BETWEEN;
    }
    response
}

/// ` (12 blocks, 768 px)`.
fn counted(data: &CurvesPlot<'_>, share: f32) -> String {
    let Some([blocks, pixels]) = data.blocks else {
        return String::new();
    };
    let taken = (share * blocks as f32).round() as usize;
    format!(" ({taken} blocks, {} px)", taken * pixels)
}

/// Small shares with a decimal: that is where curves are read.
fn percent(share: f32) -> String {
    let decimals = usize::from(share < 0.1);
    format!("{:.decimals$} %", 100.0 * share)
}

/// Lines that pieces of these widths take.
fn lines_of(widths: impl Iterator<Item = f32>, room: f32) -> usize {
    let (mut lines, mut x) = (1, 0.0f32);
    for width in widths {
        if x > 0.0 && x + width > room {
            lines += 1;
            x = 0.0;
        }
        x += width;
    }
    lines
}

fn extent(curves: &[Curve<'_>]) -> (f32, f32) {
    let (low, high) = curves
        .iter()
        .flat_map(|c| c.values.iter().copied())
        .filter(|v| v.is_finite())
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| {
            (l.min(v), h.max(v))
        });
    if high > low {
        (low, high)
    } else if low.is_finite() {
        (low - 0.5, low + 0.5)
    } else {
        (0.0, 1.0)
    }
}

/// The value between two steps.
fn at_share(shares: &[f32], values: &[f32], share: f32) -> f32 {
    let Some(last) = values.len().min(shares.len()).checked_sub(1) else {
        return f32::NAN;
    };
    let share = share.clamp(0.0, 1.0);
    let next = shares[..=last].partition_point(|&s| s < share).min(last);
    let i = next.saturating_sub(1);
    let width = shares[next] - shares[i];
    let part = if width > 0.0 {
        ((share - shares[i]) / width).min(1.0)
    } else {
        1.0
    };
    values[i] + (values[next] - values[i]) * part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legend_takes_the_lines_that_it_needs() {
        assert_eq!(lines_of([50.0, 40.0].into_iter(), 100.0), 1);
        assert_eq!(lines_of([50.0, 60.0, 50.0, 10.0].into_iter(), 100.0), 3);
        assert_eq!(lines_of([500.0].into_iter(), 100.0), 1);
    }

    #[test]
    fn shares_are_read_between_the_steps() {
        let values = [1.0, 3.0, 2.0];
        for (share, value) in [(0.0, 1.0), (0.25, 2.0), (0.5, 3.0), (1.0, 2.0), (7.0, 2.0)] {
            assert_eq!(at_share(&[0.0, 0.5, 1.0], &values, share), value);
        }
        assert_eq!(at_share(&[0.0, 0.1, 1.0], &values, 0.05), 2.0);
        assert!(at_share(&[], &[], 0.5).is_nan());
        assert_eq!(at_share(&[0.0], &[4.0], 0.9), 4.0);
    }
}
