//! How many blocks help, harm and do nothing: a small pie.

use std::f32::consts::TAU;

use egui::{Color32, Response, Role, Sense, Shape, Stroke, Ui, vec2};

use super::accessible::describe;
use super::look::MapLook;

/// One part of a pie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share<'a> {
    pub name: &'a str,
    pub count: usize,
    pub colour: Color32,
}

/// Draws the shares clockwise from the top on a disc of `diameter` points.
pub fn counts_pie(
    ui: &mut Ui,
    look: &MapLook,
    label: &str,
    shares: &[Share<'_>],
    diameter: f32,
) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(diameter, diameter), Sense::hover());
    let words: Vec<String> = shares
        .iter()
        .map(|s| format!("{} {}", s.count, s.name))
        .collect();
    describe(&response, Role::Image, label, &words.join(", "));
    let total: usize = shares.iter().map(|s| s.count).sum();
    let painter = ui.painter();
    let (centre, radius) = (rect.center(), diameter / 2.0 - 0.5);
    if total == 0 {
        painter.circle_filled(centre, radius, look.raised);
        return response;
    }
    let mut from = 0.0f32;
    for share in shares.iter().filter(|s| s.count > 0) {
        let part = share.count as f32 / total as f32;
        let mut start = from;
        from += part;
        // Convex pieces: at most a quarter each.
        while start < from - 1e-6 {
            let end = (start + 0.25).min(from);
            let steps = 24;
            let mut points = vec![centre];
            points.extend((0..=steps).map(|i| {
                let angle = TAU * (start + (end - start) * i as f32 / steps as f32);
                centre + radius * vec2(angle.sin(), -angle.cos())
            }));
            painter.add(Shape::convex_polygon(points, share.colour, Stroke::NONE));
            start = end;
        }
    }
    response
}
