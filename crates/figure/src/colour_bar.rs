//! The bar that says what a map's colours mean.

use whyfinder_paint::{Image, gradient_strip};

use crate::drawing::Scale;
use crate::numbers;
use crate::pen::{HAIRLINE, Pen};
use crate::scene::{Anchor, Stroke};

/// Colours of the strip.
const STRIP: usize = 256;
/// Bars are no wider, points.
pub(crate) const WIDEST: f32 = 240.0;

/// Height of the bar with the values under it.
pub(crate) fn strip_height(pen: &Pen<'_>) -> f32 {
    pen.leading() * 0.4 + pen.size * 0.9 + pen.small() * 1.3
}

/// Height of the words below.
pub(crate) fn words_height(pen: &Pen<'_>, scale: &Scale, hatched: Option<&str>, room: f32) -> f32 {
    words(pen, scale, hatched, room).len() as f32 * pen.small() * 1.3
}

/// The bar and the values under it, the upper left corner at `at`.
pub(crate) fn draw_strip(pen: &mut Pen<'_>, scale: &Scale, at: [f32; 2], room: f32) {
    let [x, y] = [at[0], at[1] + pen.leading() * 0.4];
    let width = room.min(WIDEST);
    let thick = pen.size * 0.9;
    let flat = whyfinder_paint::MapStyle {
        over_picture: false,
        ..scale.style
    };
    let strip = Image {
        width: STRIP as u32,
        height: 1,
        pixels: gradient_strip(&flat, STRIP),
    };
    pen.image([x, y, width, thick], strip);
    pen.frame(
        [x, y, width, thick],
        Stroke::new(pen.theme.muted(), HAIRLINE),
    );
    let ticks = ticks(pen, scale, width);
    let y_text = y + thick + pen.small() * 1.15;
    for tick in &ticks {
        let at = x + tick.at;
        let stroke = Stroke::new(pen.theme.text(), HAIRLINE);
        pen.segments(vec![[[at, y + thick], [at, y + thick + 1.5]]], stroke);
        if tick.inside {
            pen.segments(vec![[[at, y], [at, y + thick]]], stroke);
        }
        let look = pen.muted().anchored(tick.anchor);
        pen.text(x + tick.text_at, y_text, look, &tick.text);
    }
}

/// The words below a bar whose upper left corner is at `at`.
pub(crate) fn draw_words(
    pen: &mut Pen<'_>,
    scale: &Scale,
    hatched: Option<&str>,
    at: [f32; 2],
    room: f32,
) {
    let x = at[0];
    let mut y_text = at[1] + strip_height(pen) - pen.small() * 0.15;
    for (i, line) in words(pen, scale, hatched, room).into_iter().enumerate() {
        y_text += pen.small() * 1.3;
        let mut left = x;
        if line.hatched {
            left += swatch(pen, [x, y_text]);
        }
        let mut look = pen.muted();
        if i == 0 {
            look.colour = pen.theme.text();
        }
        pen.text(left, y_text, look, &line.text);
    }
}

struct Line {
    text: String,
    hatched: bool,
}

fn words(pen: &Pen<'_>, scale: &Scale, hatched: Option<&str>, room: f32) -> Vec<Line> {
    let plain = |text: String| Line {
        text,
        hatched: false,
    };
    let flow = |pieces: &[String]| pen.fonts.flow(pieces, pen.muted(), room);
    let mut lines: Vec<Line> = flow(std::slice::from_ref(&scale.name))
        .into_iter()
        .map(plain)
        .collect();
    lines.extend(flow(&scale.pieces()).into_iter().map(plain));
    if let Some(text) = hatched {
        lines.push(Line {
            text: text.to_string(),
            hatched: true,
        });
    }
    lines
}

/// A hatched square before its meaning; returns how far the words move.
fn swatch(pen: &mut Pen<'_>, [x, baseline]: [f32; 2]) -> f32 {
    let side = pen.small() * 0.9;
    let top = baseline - side * 0.85;
    let stroke = Stroke::new(pen.theme.muted(), HAIRLINE);
    let lines = crate::hatch::lines([x, top, side * 1.6, side], side * 0.55);
    pen.segments(lines, stroke);
    pen.frame([x, top, side * 1.6, side], stroke);
    side * 1.6 + pen.small() * 0.4
}

struct Tick {
    at: f32,
    text_at: f32,
    text: String,
    anchor: Anchor,
    inside: bool,
}

/// The ends, the centre and what is marked, as far as their words have room.
fn ticks(pen: &Pen<'_>, scale: &Scale, width: f32) -> Vec<Tick> {
    let (low, high) = scale.style.ends();
    let place = |value: f32| (value - low) / (high - low).max(f32::MIN_POSITIVE) * width;
    let named = |value: f32| {
        let near = |other: f32| (other - value).abs() <= 1e-4 * (high - low).abs();
        scale
            .marks
            .iter()
            .find(|(mark, _)| near(*mark))
            .map_or("", |(_, name)| name.as_str())
    };
    let [low_text, high_text] = numbers::ends(low, high);
    let end = |value: f32, text: String, beyond: bool, sign: &str| {
        let sign = if beyond { sign } else { "" };
        format!("{sign}{text} {}", named(value))
            .trim_end()
            .to_string()
    };
    let mut ticks = vec![
        Tick {
            at: 0.0,
            text_at: 0.0,
            text: end(low, low_text, scale.values[0] < low, "≤"),
            anchor: Anchor::Start,
            inside: false,
        },
        Tick {
            at: width,
            text_at: width,
            text: end(high, high_text, scale.values[1] > high, "≥"),
            anchor: Anchor::End,
            inside: false,
        },
    ];
    let mut inner: Vec<(f32, String)> = scale
        .style
        .centre
        .map(|c| (c, String::new()))
        .into_iter()
        .collect();
    inner.extend(scale.marks.clone());
    let look = pen.muted();
    for (value, name) in inner {
        let at = place(value);
        if !(at > 0.5 && at < width - 0.5) {
            continue;
        }
        let number = if value == 0.0 {
            "0".to_string()
        } else {
            numbers::ends(value, high)[0].clone()
        };
        let name = if name.is_empty() {
            named(value).to_string()
        } else {
            name
        };
        let text = format!("{number} {name}").trim_end().to_string();
        let half = pen.width(&text, look) / 2.0;
        let clear = ticks.iter().all(|t| {
            let w = pen.width(&t.text, look);
            let [from, to] = match t.anchor {
                Anchor::Start => [t.text_at, t.text_at + w],
                Anchor::Middle => [t.text_at - w / 2.0, t.text_at + w / 2.0],
                Anchor::End => [t.text_at - w, t.text_at],
            };
            at + half + 3.0 < from || at - half - 3.0 > to
        });
        let seen = ticks.iter().any(|t| (t.at - at).abs() < 0.1);
        if seen {
            continue;
        }
        ticks.push(Tick {
            at,
            text_at: at,
            text: if clear { text } else { String::new() },
            anchor: Anchor::Middle,
            inside: true,
        });
    }
    ticks
}
