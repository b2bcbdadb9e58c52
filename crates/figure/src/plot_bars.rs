//! Bars from zero, and parts of a whole.

use crate::drawing::{Bars, Share, Shares};
use crate::numbers;
use crate::pen::{HAIRLINE, Pen};
use crate::scene::{Anchor, Stroke};

pub(crate) fn left(pen: &Pen<'_>, bars: &Bars) -> f32 {
    let labels = bars.groups.iter().flat_map(|g| &g.labels);
    labels
        .map(|l| pen.width(l, pen.token(false)))
        .fold(0.0, f32::max)
        + 4.0
}

fn pitch(pen: &Pen<'_>) -> f32 {
    pen.small() * 1.5
}

pub(crate) fn size(pen: &Pen<'_>, bars: &Bars, room: f32) -> [f32; 2] {
    let rows: usize = bars.groups.iter().map(|g| g.labels.len()).sum();
    let names = bars.groups.len() as f32 * pen.leading();
    [room, rows as f32 * pitch(pen) + names]
}

pub(crate) fn below(pen: &Pen<'_>) -> f32 {
    pen.small() * 2.6
}

pub(crate) fn draw(pen: &mut Pen<'_>, bars: &Bars, [x, y, width, height]: [f32; 4]) {
    let values = || {
        bars.groups
            .iter()
            .flat_map(|g| &g.values)
            .copied()
            .filter(|v| v.is_finite())
    };
    let most = ends_at(values().fold(0f32, f32::max).max(1e-6));
    let size = pen.small();
    // Room for the number behind the longest bar.
    let longest = width - pen.width("0.000", pen.muted()) - 3.0;
    let along = |value: f32| (value / most).clamp(0.0, 1.0) * longest;
    let mut top = y;
    for (index, group) in bars.groups.iter().enumerate() {
        let look = pen.bold();
        pen.text(x + 3.0, top + pen.leading() * 0.75, look, &group.name);
        top += pen.leading();
        for (label, &value) in group.labels.iter().zip(&group.values) {
            let baseline = top + pitch(pen) / 2.0 + size * 0.35;
            pen.text(
                x - 4.0,
                baseline,
                pen.token(false).anchored(Anchor::End),
                label,
            );
            let colour = crate::plot_lines::colour(index);
            let long = along(value);
            pen.rect(x, top + size * 0.2, long, pitch(pen) - size * 0.4, colour);
            pen.text(
                x + long + 2.0,
                baseline,
                pen.muted(),
                &numbers::number(value),
            );
            top += pitch(pen);
        }
    }
    let axis = Stroke::new(pen.theme.text(), HAIRLINE);
    pen.segments(
        vec![
            [[x, y], [x, y + height]],
            [[x, y + height], [x + longest, y + height]],
        ],
        axis,
    );
    for (value, text) in crate::plot_lines::ticks([0.0, most], 4) {
        let at = x + along(value);
        pen.segments(vec![[[at, y + height], [at, y + height + 2.0]]], axis);
        pen.text(
            at,
            y + height + 2.5 + size,
            pen.muted().anchored(Anchor::Middle),
            &text,
        );
    }
    let look = pen.muted().anchored(Anchor::Middle);
    pen.text(x + longest / 2.0, y + height + size * 2.4, look, &bars.name);
}

/// Width of the square and the number before a part's words.
fn before_words(pen: &Pen<'_>, shares: &Shares) -> f32 {
    let number = |count: usize| pen.width(&count.to_string(), pen.bold());
    let widest = shares
        .parts
        .iter()
        .map(|p| number(p.count))
        .fold(0.0, f32::max);
    pen.size * 0.75 + 8.0 + widest
}

/// A part's words in lines.
fn part_words(pen: &Pen<'_>, shares: &Shares, part: &Share, room: f32) -> Vec<String> {
    let all: usize = shares.parts.iter().map(|p| p.count).sum();
    let percent = 100.0 * part.count as f32 / all.max(1) as f32;
    let sure = part.sure.map_or(String::new(), |sure| {
        format!(", {sure} by more than 2 s.e.")
    });
    let words = format!("{} ({percent:.0} %){sure}", part.name);
    pen.fonts
        .flow(&[words], pen.label(), room - before_words(pen, shares))
}

pub(crate) fn shares_size(pen: &Pen<'_>, shares: &Shares, room: f32) -> [f32; 2] {
    let remarks = pen.fonts.flow(&shares.remarks, pen.muted(), room);
    let parts: usize = shares
        .parts
        .iter()
        .map(|p| part_words(pen, shares, p, room).len())
        .sum();
    let lines = parts + remarks.len();
    [room, pen.size * 1.6 + lines as f32 * pen.leading() + 2.0]
}

/// Where an axis ends whose longest bar is so long: at the next tick if that is hardly further.
fn ends_at(longest: f32) -> f32 {
    let further = longest * 1.05;
    let ticks = crate::plot_lines::ticks([0.0, further], 4);
    let last = ticks.last().map_or(0.0, |(value, _)| *value);
    last.max(longest)
}

/// A stacked bar, a line with numbers for each part, and the remarks.
pub(crate) fn draw_shares(pen: &mut Pen<'_>, shares: &Shares, [x, y, width, _]: [f32; 4]) {
    let all: usize = shares.parts.iter().map(|p| p.count).sum();
    let thick = pen.size * 1.2;
    let mut left = x;
    for part in &shares.parts {
        let share = width * part.count as f32 / all.max(1) as f32;
        pen.rect(left, y, share, thick, part.colour);
        left += share;
    }
    pen.frame(
        [x, y, width, thick],
        Stroke::new(pen.theme.muted(), HAIRLINE),
    );
    let mut baseline = y + thick + pen.leading();
    let indent = before_words(pen, shares);
    for part in &shares.parts {
        let side = pen.size * 0.75;
        pen.rect(x, baseline - side, side, side, part.colour);
        let number = pen.bold().anchored(Anchor::End);
        pen.text(x + indent - 4.0, baseline, number, &part.count.to_string());
        for line in part_words(pen, shares, part, width) {
            pen.text(x + indent, baseline, pen.label(), &line);
            baseline += pen.leading();
        }
    }
    for line in pen.fonts.flow(&shares.remarks, pen.muted(), width) {
        pen.text(x, baseline, pen.muted(), &line);
        baseline += pen.leading();
    }
}
