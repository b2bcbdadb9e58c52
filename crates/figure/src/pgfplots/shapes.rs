//! What is drawn apart from data and words, as TikZ.

use std::fmt::Write;

use super::rgb;
use crate::Figure;
use crate::drawing::Content;
use crate::scene::{Shape, Stroke};

/// Colours of a bar.
const STOPS: usize = 65;
/// TeX's memory is full of paths of many more lines.
const MOST_AT_ONCE: usize = 200;

/// How much of what lies within a panel's plot is drawn here, not as data.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Within {
    All,
    /// Hatching and outlines, which are no cells.
    Lines,
    Nothing,
}

pub(super) fn write(text: &mut String, figure: &Figure) {
    let scene = figure.scene();
    let plots: Vec<([f32; 4], Within)> = figure
        .drawings()
        .iter()
        .zip(&scene.panels)
        .map(|(drawing, frame)| {
            let within = match &drawing.content {
                Content::Grid(_) | Content::Tiles(_) | Content::Over(_) => Within::Lines,
                Content::Lines(_) => Within::Nothing,
                Content::Bars(_) | Content::Shares(_) => Within::All,
            };
            (frame.plot, within)
        })
        .collect();
    for shape in &scene.shapes {
        let within = middle(shape)
            .and_then(|at| plots.iter().find(|(plot, _)| holds(*plot, at)))
            .map_or(Within::All, |(_, within)| *within);
        let is_line = matches!(shape, Shape::Path { .. } | Shape::Segments { .. });
        if within == Within::All || within == Within::Lines && is_line {
            draw(text, shape, scene.height);
        }
    }
}

fn holds([x, y, width, height]: [f32; 4], at: [f32; 2]) -> bool {
    // Ticks begin at a plot's edge, and are none of its data.
    const EDGE: f32 = 0.05;
    (x - EDGE..=x + width + EDGE).contains(&at[0])
        && (y - EDGE..=y + height + EDGE).contains(&at[1])
}

fn middle(shape: &Shape) -> Option<[f32; 2]> {
    let of = |points: &mut dyn Iterator<Item = [f32; 2]>| {
        let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
        for point in points {
            for axis in 0..2 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        (low[0] <= high[0]).then(|| [0, 1].map(|axis| (low[axis] + high[axis]) / 2.0))
    };
    match shape {
        Shape::Rect {
            x,
            y,
            width,
            height,
            ..
        }
        | Shape::Image {
            x,
            y,
            width,
            height,
            ..
        } => Some([x + width / 2.0, y + height / 2.0]),
        Shape::Path { points, .. } => of(&mut points.iter().copied()),
        Shape::Segments { lines, .. } => of(&mut lines.iter().flatten().copied()),
        Shape::Text(_) => None,
    }
}

fn draw(text: &mut String, shape: &Shape, page: f32) {
    let at = |[x, y]: [f32; 2]| format!("({x:.2},{:.2})", page - y);
    // Writing to a string cannot fail.
    let _ = match shape {
        Shape::Rect {
            x,
            y,
            width,
            height,
            fill,
        } => writeln!(
            text,
            "\\fill[{}] {} rectangle {};",
            rgb("fill", *fill),
            at([*x, *y]),
            at([x + width, y + height])
        ),
        Shape::Path {
            points,
            closed,
            fill,
            stroke,
        } => {
            let looks = fill.map(|fill| rgb("fill", fill));
            let looks: Vec<String> = looks.into_iter().chain(stroke.map(stroked)).collect();
            let points: Vec<String> = points.iter().copied().map(at).collect();
            let end = if *closed { " -- cycle" } else { "" };
            let looks = looks.join(", ");
            writeln!(text, "\\path[{looks}] {}{end};", points.join("\n  -- "))
        }
        Shape::Segments { lines, stroke } => {
            for some in lines.chunks(MOST_AT_ONCE) {
                let lines: Vec<String> = some
                    .iter()
                    .map(|[from, to]| format!("{} -- {}", at(*from), at(*to)))
                    .collect();
                let look = stroked(*stroke);
                let _ = writeln!(text, "\\path[{look}] {};", lines.join("\n  "));
            }
            Ok(())
        }
        Shape::Image {
            x,
            y,
            width,
            height,
            image,
        } if image.height == 1 => {
            let step = width / STOPS as f32;
            for i in 0..STOPS {
                let column = (2 * i + 1) * image.width as usize / (2 * STOPS);
                let from = x + i as f32 * step;
                // A little over the next one: viewers would show a gap.
                let to = (from + 1.5 * step).min(x + width);
                let _ = writeln!(
                    text,
                    "\\fill[{}] {} rectangle {};",
                    rgb("fill", image.at(column as u32, 0)),
                    at([from, *y]),
                    at([to, y + height])
                );
            }
            Ok(())
        }
        // Pictures cannot be written into a text.
        Shape::Image { .. } | Shape::Text(_) => Ok(()),
    };
}

fn stroked(stroke: Stroke) -> String {
    let [on, off] = stroke.dash;
    let dash = if stroke.dash == [0.0; 2] {
        String::new()
    } else {
        format!(", dash pattern=on {on}bp off {off}bp")
    };
    format!(
        "{}, line width={}bp{dash}",
        rgb("draw", stroke.colour),
        stroke.width
    )
}
