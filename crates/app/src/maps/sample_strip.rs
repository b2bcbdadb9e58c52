//! Single samples between two reference values.

use egui::{Pos2, Rect, Response, Role, Sense, Stroke, Ui, pos2, vec2};
use whyfinder_experiment::field::mean_and_stderr;

use super::accessible::describe;
use super::look::MapLook;
use super::token_text::{read_number, short_number, whole, with_error};

/// Samples of one cell with the runs they lie between.
#[derive(Clone, Copy, Debug)]
pub struct SampleStrip<'a> {
    /// What the samples are, such as `probability of ␣Brelle, 10 noise samples`.
    pub label: &'a str,
    /// NaN is left out.
    pub samples: &'a [f32],
    pub corrupted: f32,
    pub clean: f32,
    /// Empty for a pure number.
    pub unit: &'a str,
}

const LABELS: f32 = 16.0;
const STRIP: f32 = 26.0;
const WORDS: f32 = 20.0;
const RADIUS: f32 = 3.5;

/// Draws the samples as dots on a line between two marks, over the whole width; their mean and standard error below.
///
/// A dot's height carries no meaning: it keeps equal samples apart and depends on the sample's index alone. Takes 62
/// points of height.
pub fn sample_strip(ui: &mut Ui, look: &MapLook, data: &SampleStrip<'_>) -> Response {
    let size = vec2(ui.available_width(), LABELS + STRIP + WORDS);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let samples: Vec<(usize, f32)> = data
        .samples
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, v)| v.is_finite())
        .collect();
    let values: Vec<f32> = samples.iter().map(|&(_, v)| v).collect();
    let (mean, stderr) = mean_and_stderr(&values);
    let unit = if data.unit.is_empty() {
        String::new()
    } else {
        format!(" {}", data.unit)
    };
    let summary = match values.len() {
        0 => "No samples yet".to_string(),
        1 => format!("1 sample · {}{unit}", read_number(mean)),
        n => format!(
            "{n} samples · mean {} s.e.{unit}",
            with_error(mean, Some(stderr))
        ),
    };
    describe(&response, Role::Image, data.label, &summary);
    if !ui.is_rect_visible(rect) {
        return response;
    }

    let painter = ui.painter_at(rect.expand(1.0));
    let ends = [data.corrupted, data.clean];
    let (low, high) = extent(values.iter().chain(&ends).copied());
    let inner = rect.shrink2(vec2(RADIUS + 2.0, 0.0));
    let x = |value: f32| egui::remap(value, low..=high, inner.left()..=inner.right());
    let strip = Rect::from_min_size(rect.min + vec2(0.0, LABELS), vec2(rect.width(), STRIP));

    painter.hline(
        rect.x_range(),
        strip.center().y,
        Stroke::new(1.0, look.line),
    );
    references(
        &painter,
        look,
        strip,
        rect,
        [(data.corrupted, "corrupted"), (data.clean, "clean")],
        &x,
    );

    if values.len() > 1 {
        let y = strip.max.y - 1.0;
        let error = if stderr.is_finite() { stderr } else { 0.0 };
        let colour = look.text;
        painter.hline(
            x(mean - error)..=x(mean + error),
            y,
            Stroke::new(1.5, colour),
        );
        painter.vline(x(mean), y - 3.0..=y + 3.0, Stroke::new(1.5, colour));
    }

    let dot = |(index, value): (usize, f32)| pos2(x(value), strip.center().y + jitter(index));
    let pointed = response
        .hover_pos()
        .and_then(|at| nearest(at, &samples, dot));
    for &sample in &samples {
        painter.circle_filled(dot(sample), RADIUS, look.selection.gamma_multiply(0.62));
    }
    if let Some(sample) = pointed {
        painter.circle(
            dot(sample),
            RADIUS + 1.0,
            look.selection,
            Stroke::new(1.0, look.text),
        );
    }
    let words = match pointed {
        Some((index, value)) => format!("sample {} · {}{unit}", index + 1, read_number(value)),
        None => summary,
    };
    let galley = whole(&painter, &words, &look.small_font, look.muted);
    painter.galley(
        pos2(rect.min.x, rect.max.y - galley.size().y - 1.0),
        galley,
        look.muted,
    );
    response
}

/// Two upright marks with their names above, the names kept apart and inside `bounds`.
fn references(
    painter: &egui::Painter,
    look: &MapLook,
    strip: Rect,
    bounds: Rect,
    marks: [(f32, &str); 2],
    x: &impl Fn(f32) -> f32,
) {
    let mut marks: Vec<(f32, &str)> = marks.into_iter().filter(|(v, _)| v.is_finite()).collect();
    marks.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut taken = bounds.left();
    let count = marks.len();
    let galleys: Vec<_> = marks
        .iter()
        .map(|&(value, name)| {
            whole(
                painter,
                &format!("{name} {}", short_number(value)),
                &look.small_font,
                look.muted,
            )
        })
        .collect();
    let total: Vec<f32> = galleys.iter().map(|g| g.size().x + 8.0).collect();
    for (i, (&(value, _), galley)) in marks.iter().zip(galleys).enumerate() {
        let at = x(value);
        painter.vline(at, strip.y_range(), Stroke::new(1.0, look.muted));
        let width = galley.size().x;
        let wish = if i + 1 == count && count > 1 {
            at - width
        } else {
            at
        };
        let after: f32 = total.iter().skip(i + 1).sum();
        let left = wish.min(bounds.right() - width - after).max(taken);
        taken = left + width + 8.0;
        painter.galley(pos2(left, bounds.top()), galley, look.muted);
    }
}

fn extent(values: impl Iterator<Item = f32>) -> (f32, f32) {
    let (low, high) = values
        .filter(|v| v.is_finite())
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| {
            (low.min(v), high.max(v))
        });
    if low > high {
        (0.0, 1.0)
    } else if high - low < f32::EPSILON * low.abs().max(1.0) {
        (low - 0.5, high + 0.5)
    } else {
        (low, high)
    }
}

/// Height of a dot over the middle line, in points: multiples of the golden ratio spread evenly.
fn jitter(index: usize) -> f32 {
    let turn = (index as f32 * 0.618_034 + 0.25).fract();
    (turn - 0.5) * (STRIP - 2.0 * RADIUS - 6.0)
}

fn nearest(
    at: Pos2,
    samples: &[(usize, f32)],
    dot: impl Fn((usize, f32)) -> Pos2,
) -> Option<(usize, f32)> {
    samples
        .iter()
        .copied()
        .map(|sample| (dot(sample).distance(at), sample))
        .filter(|&(distance, _)| distance < RADIUS + 5.0)
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, sample)| sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_stay_in_the_strip_and_do_not_move() {
        for index in 0..500 {
            assert!(jitter(index).abs() <= STRIP / 2.0 - RADIUS);
        }
        assert!((jitter(0) - jitter(1)).abs() > 2.0);
    }

    #[test]
    fn the_extent_is_never_empty() {
        assert_eq!(extent([].into_iter()), (0.0, 1.0));
        assert_eq!(extent([f32::NAN, 2.0].into_iter()), (1.5, 2.5));
        assert_eq!(extent([1.0, -3.0, 2.0].into_iter()), (-3.0, 2.0));
    }
}
