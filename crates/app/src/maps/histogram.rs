//! How often a number came out how large, beside the number that it is compared with.

use egui::{Color32, Rect, Response, Role, Sense, Stroke, Ui, pos2, vec2};

use super::accessible::describe;
use super::look::MapLook;
use super::token_text::{read_number, whole};

/// Samples and the value without any intervention.
#[derive(Clone, Copy, Debug)]
pub struct Histogram<'a> {
    /// What the samples are, such as `PSNR of the region with block 13, 16 replaced`.
    pub label: &'a str,
    /// NaN is left out.
    pub samples: &'a [f32],
    /// The value that is compared with, and its name.
    pub reference: f32,
    pub reference_name: &'a str,
    pub unit: &'a str,
    pub colour: Color32,
}

const NAMES: f32 = 16.0;
const BARS: f32 = 54.0;
const TICKS: f32 = 16.0;

/// Height that a histogram takes, points.
pub const HEIGHT: f32 = NAMES + BARS + TICKS;

/// Bars of one width over least to largest; a row of dots would hide how many there are.
fn bins(samples: &[f32]) -> (Vec<usize>, [f32; 2]) {
    let (low, high) = samples
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &v| {
            (l.min(v), h.max(v))
        });
    if samples.is_empty() {
        return (Vec::new(), [0.0, 0.0]);
    }
    let wanted = ((samples.len() as f32).sqrt() * 1.6).ceil() as usize;
    let count = if high > low { wanted.clamp(3, 16) } else { 1 };
    let mut bins = vec![0; count];
    for &v in samples {
        let part = if high > low {
            (v - low) / (high - low)
        } else {
            0.0
        };
        bins[((part * count as f32) as usize).min(count - 1)] += 1;
    }
    (bins, [low, high])
}

/// Draws the histogram over the whole width; pointing at a bar reads its range and number.
pub fn histogram(ui: &mut Ui, look: &MapLook, data: &Histogram<'_>) -> Response {
    let size = vec2(ui.available_width(), HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let samples: Vec<f32> = data
        .samples
        .iter()
        .copied()
        .filter(|v| v.is_finite())
        .collect();
    let (bins, [low, high]) = bins(&samples);
    let unit = match data.unit {
        "" => String::new(),
        unit => format!(" {unit}"),
    };
    let spoken = if samples.is_empty() {
        "No samples yet".to_string()
    } else {
        format!(
            "{} samples from {} to {}{unit}, {} {}{unit}",
            samples.len(),
            read_number(low),
            read_number(high),
            data.reference_name,
            read_number(data.reference)
        )
    };
    describe(&response, Role::Image, data.label, &spoken);
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let painter = ui.painter_at(rect.expand(1.0));
    let plot = Rect::from_min_size(rect.min + vec2(0.0, NAMES), vec2(rect.width(), BARS));
    painter.hline(rect.x_range(), plot.bottom(), Stroke::new(1.0, look.line));
    if samples.is_empty() {
        return response;
    }
    let ends = if data.reference.is_finite() {
        [low.min(data.reference), high.max(data.reference)]
    } else {
        [low, high]
    };
    let span = (ends[1] - ends[0]).max(ends[1].abs().max(1.0) * 1e-4);
    let inner = plot.shrink2(vec2(3.0, 0.0));
    let x = |v: f32| inner.left() + (v - ends[0]) / span * inner.width();
    let most = bins.iter().copied().max().unwrap_or(1).max(1) as f32;
    let width = (high - low) / bins.len() as f32;
    let mut read = None;
    for (i, &count) in bins.iter().enumerate() {
        let left = x(low + i as f32 * width);
        let right = x(low + (i + 1) as f32 * width).max(left + 3.0);
        let column = Rect::from_x_y_ranges(left..=right, plot.y_range());
        let pointed = response.hover_pos().is_some_and(|at| column.contains(at));
        if pointed {
            read = Some((i, count));
        }
        if count == 0 {
            continue;
        }
        let top = plot.bottom() - count as f32 / most * (BARS - 4.0);
        let bar = Rect::from_min_max(pos2(left + 0.5, top), pos2(right - 0.5, plot.bottom()));
        let colour = if pointed {
            data.colour.lerp_to_gamma(look.text, 0.3)
        } else {
            data.colour
        };
        painter.rect_filled(bar, 0.0, colour);
    }
    // As many decimals as tell the ends apart.
    let decimals = (1.0 - span.log10().floor()).clamp(0.0, 5.0) as usize;
    let tick = |v: f32| format!("{v:.decimals$}").replace('-', "−");
    let y = plot.bottom() + 3.0;
    let mut taken: Vec<(f32, f32)> = Vec::new();
    let mut write = |words: String, at: f32, colour: Color32| {
        let galley = whole(&painter, &words, &look.small_font, colour);
        let width = galley.size().x;
        let left = (at - width / 2.0)
            .min(rect.right() - width)
            .max(rect.left());
        if taken
            .iter()
            .all(|&(a, b)| left + width + 6.0 <= a || left >= b + 6.0)
        {
            painter.galley(pos2(left, y), galley, colour);
            taken.push((left, left + width));
        }
    };
    if let Some((i, count)) = read {
        let from = read_number(low + i as f32 * width);
        let to = read_number(low + (i + 1) as f32 * width);
        let words = format!("{from} to {to}{unit}: {count}");
        write(words, rect.left(), look.text);
    } else {
        write(tick(low), x(low), look.muted);
        if high > low {
            write(tick(high), x(high), look.muted);
        }
    }
    let count = match samples.len() {
        1 => "1 draw".to_string(),
        n => format!("{n} draws"),
    };
    let count = whole(&painter, &count, &look.small_font, look.muted);
    let mut free = rect.left();
    if samples.len() > 1 || low < data.reference {
        free += count.size().x + 8.0;
        painter.galley(rect.min, count, look.muted);
    }
    if data.reference.is_finite() {
        let at = x(data.reference);
        painter.vline(at, plot.top()..=plot.bottom(), Stroke::new(1.5, look.text));
        let words = format!("{} {}", data.reference_name, tick(data.reference));
        let galley = whole(&painter, &words, &look.small_font, look.text);
        let left = (at - galley.size().x / 2.0)
            .min(rect.right() - galley.size().x)
            .max(free.min(rect.right() - galley.size().x));
        painter.galley(pos2(left, rect.top()), galley, look.text);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_in_a_bin() {
        for n in [1, 2, 3, 10, 50, 1000] {
            let samples: Vec<f32> = (0..n).map(|i| (i * 37 % 101) as f32).collect();
            let (bins, [low, high]) = bins(&samples);
            assert_eq!(bins.iter().sum::<usize>(), n);
            assert!(low <= high && bins.len() <= 16);
        }
        assert_eq!(bins(&[2.5; 7]).0, [7]);
        assert!(bins(&[]).0.is_empty());
    }
}
