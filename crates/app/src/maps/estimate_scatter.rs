//! Estimated against measured effects: how far the estimates can be trusted.

use egui::{Color32, Rect, Response, Role, Sense, Stroke, Ui, pos2, vec2};

use super::accessible::describe;
use super::look::MapLook;
use super::token_text::{short_number, whole};

/// One point for each cell.
#[derive(Clone, Copy, Debug)]
pub struct EstimateScatter<'a> {
    /// The accessible name, such as `residual: estimated against measured effects`.
    pub label: &'a str,
    /// Effects as estimated and as measured, in the metric's unit.
    pub points: &'a [[f32; 2]],
    /// The point of the selected cell.
    pub selected: Option<[f32; 2]>,
    pub colour: Color32,
}

const GUTTER: f32 = 40.0;
const BELOW: f32 = 34.0;
const ABOVE: f32 = 18.0;

/// Draws the points over the width left and `height` points, with the line on which both are equal.
pub fn estimate_scatter(
    ui: &mut Ui,
    look: &MapLook,
    data: &EstimateScatter<'_>,
    height: f32,
) -> Response {
    let size = vec2(ui.available_width(), height.max(ABOVE + BELOW + 40.0));
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let agreement = match rank_correlation(data.points) {
        Some(rho) => format!("rank correlation {rho:.2}"),
        None => "too few cells to compare".to_string(),
    };
    let value = format!("{} cells, {agreement}", data.points.len());
    describe(&response, Role::Image, data.label, &value);
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let painter = ui.painter_at(rect);
    let plot = Rect::from_min_max(rect.min + vec2(GUTTER, ABOVE), rect.max - vec2(6.0, BELOW));
    let [low, high] = extent(data.points);
    let x = |v: f32| plot.left() + (v - low) / (high - low) * plot.width();
    let y = |v: f32| plot.bottom() - (v - low) / (high - low) * plot.height();
    painter.rect_stroke(
        plot,
        0.0,
        Stroke::new(1.0, look.line),
        egui::StrokeKind::Inside,
    );
    for zero in [0.0].into_iter().filter(|zero| (low..=high).contains(zero)) {
        painter.vline(x(zero), plot.y_range(), Stroke::new(1.0, look.line));
        painter.hline(plot.x_range(), y(zero), Stroke::new(1.0, look.line));
    }
    let diagonal = [pos2(x(low), y(low)), pos2(x(high), y(high))];
    painter.line_segment(diagonal, Stroke::new(1.0, look.faint));
    for &[estimated, measured] in data.points {
        let at = pos2(x(estimated), y(measured));
        painter.circle_filled(at, 2.5, data.colour.gamma_multiply(0.75));
    }
    if let Some([estimated, measured]) = data.selected {
        let at = pos2(x(estimated), y(measured));
        painter.circle(at, 4.5, data.colour, Stroke::new(2.0, look.selection));
    }
    let text = |words: &str| whole(&painter, words, &look.small_font, look.muted);
    for (value, top) in [(high, plot.top()), (low, plot.bottom() - 12.0)] {
        let galley = text(&short_number(value));
        let left = plot.left() - 6.0 - galley.size().x;
        painter.galley(pos2(left, top), galley, look.muted);
    }
    let (from, to) = (text(&short_number(low)), text(&short_number(high)));
    let line = plot.bottom() + 3.0;
    let right = plot.right() - to.size().x;
    painter.galley(pos2(plot.left(), line), from, look.muted);
    painter.galley(pos2(right, line), to, look.muted);
    let along = text("estimated, across · measured, up");
    let left = plot
        .left()
        .min(plot.right() - along.size().x)
        .max(rect.left());
    painter.galley(pos2(left, line + 15.0), along, look.muted);
    let said = text(&agreement);
    painter.galley(pos2(plot.left(), rect.top()), said, look.muted);
    response
}

/// Least and largest of both, zero included, so that the two axes are one.
fn extent(points: &[[f32; 2]]) -> [f32; 2] {
    let (low, high) = points
        .iter()
        .flatten()
        .filter(|v| v.is_finite())
        .fold((0f32, 0f32), |(low, high), &v| (low.min(v), high.max(v)));
    if low < high { [low, high] } else { [-1.0, 1.0] }
}

/// Spearman's rank correlation, equal values sharing their mean rank; `None` for fewer than three points, or where
/// one side is all the same.
pub fn rank_correlation(points: &[[f32; 2]]) -> Option<f64> {
    if points.len() < 3 {
        return None;
    }
    let [a, b] = [0, 1].map(|side| ranks(points.iter().map(|point| point[side]).collect()));
    let mean = (points.len() - 1) as f64 / 2.0;
    let product = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum()
    };
    let spread = (product(&a, &a) * product(&b, &b)).sqrt();
    (spread > 0.0).then(|| product(&a, &b) / spread)
}

fn ranks(values: Vec<f32>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = first as f64 + (equal.len() - 1) as f64 / 2.0;
        equal.iter().for_each(|&i| ranks[i] = rank);
        first += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_agree_whatever_the_scale() {
        let rising: Vec<[f32; 2]> = (0..9).map(|i| [i as f32, (i as f32).exp()]).collect();
        assert!((rank_correlation(&rising).expect("enough") - 1.0).abs() < 1e-12);
        let falling: Vec<[f32; 2]> = rising.iter().map(|[a, b]| [*a, -b]).collect();
        assert!((rank_correlation(&falling).expect("enough") + 1.0).abs() < 1e-12);
        assert_eq!(rank_correlation(&rising[..2]), None);
        assert_eq!(rank_correlation(&[[1.0, 2.0]; 5]), None);
        // Equal values share their rank: 0.5, 0.5, 2 against 0, 1, 2.
        let shared = [[1.0, 1.0], [1.0, 2.0], [2.0, 3.0]];
        assert!((rank_correlation(&shared).expect("enough") - 0.75f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn both_axes_have_one_range_with_zero_in_it() {
        assert_eq!(extent(&[[0.1, 0.3], [0.2, f32::NAN]]), [0.0, 0.3]);
        assert_eq!(extent(&[[-0.5, 0.25]]), [-0.5, 0.25]);
        assert_eq!(extent(&[]), [-1.0, 1.0]);
    }
}
