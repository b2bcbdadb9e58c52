//! Curves with bands over one axis.

use whyfinder_paint::{Colour, Theme};

use crate::drawing::{Lines, Series};
use crate::numbers;
use crate::pen::{HAIRLINE, Pen};
use crate::scene::{Anchor, Stroke};

/// Okabe and Ito's colours, told apart by most colour-blind people, the darker ones first.
const COLOURS: [Colour; 7] = [
    [0, 114, 178, 255],
    [213, 94, 0, 255],
    [0, 158, 115, 255],
    [204, 121, 167, 255],
    [86, 180, 233, 255],
    [230, 159, 0, 255],
    [110, 110, 110, 255],
];
/// Lines are told apart without colour too.
const DASHES: [[f32; 2]; 4] = [[0.0, 0.0], [4.0, 1.5], [1.2, 1.2], [6.0, 2.5]];
const HEIGHT: f32 = 0.66;
/// About so many levels are labelled.
pub(crate) const LEVELS: usize = 5;

pub(crate) fn colour(index: usize) -> Colour {
    COLOURS[index % COLOURS.len()]
}

pub(crate) fn dash(index: usize) -> [f32; 2] {
    DASHES[index % DASHES.len()]
}

pub(crate) fn left(pen: &Pen<'_>, lines: &Lines) -> f32 {
    let ticks = ticks(range(lines), LEVELS);
    let widest = ticks
        .iter()
        .map(|t| pen.width(&t.1, pen.muted()))
        .fold(0.0, f32::max);
    widest + APART + pen.side_room(&lines.y_name)
}

pub(crate) fn size(pen: &Pen<'_>, lines: &Lines, room: f32) -> [f32; 2] {
    // The last label along the axis reaches beyond it.
    let right = (pen.small() * 0.6).max(names_room(pen, lines));
    [(room - right).max(room * 0.5), (room * HEIGHT).min(200.0)]
}

/// Between an axis and what is written beside it, points.
const APART: f32 = 3.5;

/// Width of the names of levels, which stand right of the plot: there no curve runs.
fn names_room(pen: &Pen<'_>, lines: &Lines) -> f32 {
    let names = lines.references.iter().map(|(name, _)| name);
    let widest = names
        .map(|name| pen.width(name, pen.muted()))
        .fold(0.0, f32::max);
    if widest > 0.0 { widest + APART } else { 0.0 }
}

pub(crate) fn below(pen: &Pen<'_>, lines: &Lines, left: f32, width: f32) -> f32 {
    let line = pen.small() * 1.35;
    pen.small() * 2.8 + line * legend(pen, lines, left + width).len() as f32
}

pub(crate) fn draw(pen: &mut Pen<'_>, lines: &Lines, [x, y, width, height]: [f32; 4], left: f32) {
    let [low, high] = range(lines);
    let [first, last] = [lines.x.first(), lines.x.last()].map(|v| v.copied().unwrap_or(0.0) as f32);
    let across = |value: f32| x + (value - first) / (last - first).max(1e-9) * width;
    let down = |value: f32| y + height - (value - low) / (high - low).max(1e-12) * height;
    let rule = Stroke::new(pen.theme.line(), HAIRLINE);
    for (value, text) in ticks([low, high], LEVELS) {
        pen.segments(vec![[[x, down(value)], [x + width, down(value)]]], rule);
        let look = pen.muted().anchored(Anchor::End);
        pen.text(x - APART, down(value) + pen.small() * 0.35, look, &text);
    }
    let axis = Stroke::new(pen.theme.text(), HAIRLINE);
    for (value, text) in x_ticks(lines, width, pen) {
        let at = across(value);
        pen.segments(vec![[[at, y + height], [at, y + height + 2.0]]], axis);
        let look = pen.muted().anchored(Anchor::Middle);
        pen.text(at, y + height + 2.5 + pen.small(), look, &text);
    }
    for (index, series) in lines.series.iter().enumerate() {
        if let Some(errors) = &series.errors {
            band(pen, series, errors, &lines.x, &across, &down, index);
        }
    }
    for (index, series) in lines.series.iter().enumerate() {
        let stroke = Stroke {
            dash: dash(index),
            ..Stroke::new(line_colour(pen.theme, index), 0.9)
        };
        for run in runs(series, &lines.x) {
            let points: Vec<[f32; 2]> = run.iter().map(|&(x, v)| [across(x), down(v)]).collect();
            if let [[px, py]] = points.as_slice() {
                pen.rect(px - 1.0, py - 1.0, 2.0, 2.0, stroke.colour);
            } else {
                pen.line(points, stroke);
            }
        }
    }
    pen.line(vec![[x, y], [x, y + height], [x + width, y + height]], axis);
    references(pen, lines, [x, y, width, height], &down);
    pen.side_name(
        x - left + pen.small() * 0.95,
        y + height / 2.0,
        &lines.y_name,
    );
    let look = pen.muted().anchored(Anchor::Middle);
    let mut baseline = y + height + 2.5 + pen.small() * 2.25;
    pen.text(x + width / 2.0, baseline, look, &lines.x_name);
    for row in legend(pen, lines, left + width) {
        baseline += pen.small() * 1.35;
        for (at, index, text) in row {
            let at = x - left + at;
            if let Some(index) = index {
                let middle = baseline - pen.small() * 0.33;
                let stroke = Stroke {
                    dash: dash(index),
                    ..Stroke::new(line_colour(pen.theme, index), 1.1)
                };
                pen.segments(vec![[[at, middle], [at + SAMPLE, middle]]], stroke);
                pen.text(at + SAMPLE + 3.0, baseline, pen.muted(), &text);
            } else {
                pen.text(at, baseline, pen.muted(), &text);
            }
        }
    }
}

/// Length of a line in the legend, points.
const SAMPLE: f32 = 14.0;

type Entry = (f32, Option<usize>, String);

/// Rows of the legend: where an entry starts, which line it names, and its words.
fn legend(pen: &Pen<'_>, lines: &Lines, room: f32) -> Vec<Vec<Entry>> {
    let mut rows: Vec<Vec<Entry>> = vec![Vec::new()];
    let mut at = 0.0;
    let names = lines
        .series
        .iter()
        .enumerate()
        .map(|(i, s)| (Some(i), s.name.clone()));
    let banded = lines.series.iter().any(|s| s.errors.is_some());
    let band = banded.then(|| (None, lines.band.clone()));
    for (index, name) in names.chain(band) {
        let sample = if index.is_some() { SAMPLE + 3.0 } else { 0.0 };
        let width = sample + pen.width(&name, pen.muted()) + 8.0;
        if at > 0.0 && at + width - 8.0 > room {
            rows.push(Vec::new());
            at = 0.0;
        }
        if let Some(row) = rows.last_mut() {
            row.push((at, index, name));
        }
        at += width;
    }
    rows
}

fn line_colour(theme: Theme, index: usize) -> Colour {
    let [r, g, b, a] = colour(index);
    match theme {
        Theme::Light => [r, g, b, a],
        Theme::Dark => [r, g, b, a].map(|c| c.saturating_add(40)),
    }
}

fn band(
    pen: &mut Pen<'_>,
    series: &Series,
    errors: &[f32],
    x: &[f64],
    across: &dyn Fn(f32) -> f32,
    down: &dyn Fn(f32) -> f32,
    index: usize,
) {
    let known: Vec<(f32, f32, f32)> = x
        .iter()
        .zip(&series.values)
        .zip(errors)
        .filter(|((_, v), e)| v.is_finite() && e.is_finite())
        .map(|((x, v), e)| (*x as f32, *v, *e))
        .collect();
    let upper = known.iter().map(|(x, v, e)| [across(*x), down(v + e)]);
    let lower = known
        .iter()
        .rev()
        .map(|(x, v, e)| [across(*x), down(v - e)]);
    let points: Vec<[f32; 2]> = upper.chain(lower).collect();
    if points.len() > 2 {
        let [r, g, b, _] = line_colour(pen.theme, index);
        pen.area(points, [r, g, b, 46]);
    }
}

/// Dashed levels with their names at the right, kept apart.
fn references(
    pen: &mut Pen<'_>,
    lines: &Lines,
    [x, y, width, height]: [f32; 4],
    down: &dyn Fn(f32) -> f32,
) {
    let stroke = Stroke::new(pen.theme.muted(), 0.6).dashed(1.5, 1.5);
    let mut levels: Vec<(f32, &str)> = Vec::new();
    for (name, value) in &lines.references {
        let at = down(*value);
        pen.segments(vec![[[x, at], [x + width, at]]], stroke);
        levels.push((at, name));
    }
    levels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let wanted: Vec<f32> = levels.iter().map(|level| level.0).collect();
    let places = apart(&wanted, pen.small() * 1.1, [y, y + height]);
    for ((_, name), at) in levels.iter().zip(places) {
        let baseline = at + pen.small() * 0.35;
        pen.text(x + width + APART, baseline, pen.muted(), name);
    }
}

/// Ascending places moved so that neighbours are at least `gap` apart, and within the limits where there is room.
fn apart(wanted: &[f32], gap: f32, [first, last]: [f32; 2]) -> Vec<f32> {
    let mut places: Vec<f32> = Vec::new();
    for &at in wanted {
        let least = places.last().map_or(first, |before| before + gap);
        places.push(at.max(least));
    }
    let mut most = last;
    for at in places.iter_mut().rev() {
        *at = at.min(most);
        most = *at - gap;
    }
    places
}

/// Stretches of values without a gap.
fn runs(series: &Series, x: &[f64]) -> Vec<Vec<(f32, f32)>> {
    let mut runs: Vec<Vec<(f32, f32)>> = vec![Vec::new()];
    for (x, &value) in x.iter().zip(&series.values) {
        if value.is_finite() {
            if let Some(run) = runs.last_mut() {
                run.push((*x as f32, value));
            }
        } else if runs.last().is_some_and(|r| !r.is_empty()) {
            runs.push(Vec::new());
        }
    }
    runs.retain(|r| !r.is_empty());
    runs
}

/// Lowest and highest value with bands and references, with a little room.
pub(crate) fn range(lines: &Lines) -> [f32; 2] {
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    let mut see = |value: f32| {
        if value.is_finite() {
            low = low.min(value);
            high = high.max(value);
        }
    };
    for series in &lines.series {
        for (i, &value) in series.values.iter().enumerate() {
            let error = series.errors.as_ref().map_or(0.0, |e| e[i]);
            let error = if error.is_finite() { error } else { 0.0 };
            see(value - error);
            see(value + error);
        }
    }
    for (_, value) in &lines.references {
        see(*value);
    }
    if low > high {
        return [0.0, 1.0];
    }
    let room = ((high - low) * 0.06).max(1e-6);
    [low - room, high + room]
}

/// At most about `most` round values within a range, with their texts.
pub(crate) fn ticks([low, high]: [f32; 2], most: usize) -> Vec<(f32, String)> {
    let span = f64::from(high - low);
    if !(span.is_finite() && span > 0.0) {
        return Vec::new();
    }
    let rough = span / most as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .iter()
        .map(|m| m * power)
        .find(|s| *s >= rough)
        .unwrap_or(rough);
    let digits = (-step.log10().floor()).max(0.0) as usize;
    let first = (f64::from(low) / step).ceil() as i64;
    let last = (f64::from(high) / step).floor() as i64;
    (first..=last.min(first + 50))
        .map(|i| {
            let value = i as f64 * step;
            (value as f32, format!("{value:.digits$}").replace('-', "−"))
        })
        .collect()
}

fn x_ticks(lines: &Lines, width: f32, pen: &Pen<'_>) -> Vec<(f32, String)> {
    let whole = lines.x.iter().all(|x| x.fract() == 0.0);
    let [first, last] = [lines.x.first(), lines.x.last()].map(|v| v.copied().unwrap_or(0.0) as f32);
    let most = (width / (pen.small() * 3.5)).clamp(2.0, 10.0) as usize;
    if last <= first {
        return lines
            .x
            .iter()
            .map(|x| (*x as f32, numbers::setting(*x as f32)))
            .collect();
    }
    let mut found = ticks([first, last], most);
    if whole {
        found.retain(|(value, _)| value.fract() == 0.0);
        for (value, text) in &mut found {
            *text = format!("{value:.0}");
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_levels_are_kept_apart_and_beside_the_plot() {
        assert_eq!(apart(&[10.0, 50.0], 6.0, [0.0, 60.0]), [10.0, 50.0]);
        assert_eq!(apart(&[10.0, 12.0], 6.0, [0.0, 60.0]), [10.0, 16.0]);
        assert_eq!(apart(&[57.0, 59.0], 6.0, [0.0, 60.0]), [54.0, 60.0]);
        assert!(apart(&[], 6.0, [0.0, 60.0]).is_empty());
    }
}
