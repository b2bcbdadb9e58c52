//! How many blocks help, harm and do nothing: a small pie.

use std::f32::consts::TAU;

use egui::{Color32, Response, Role, Sense, Ui, vec2};

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
        let start = from;
        from += part;
        // A mesh, not polygons: the soft edge of a very thin one would be a spike.
        let mut mesh = egui::Mesh::default();
        mesh.colored_vertex(centre, share.colour);
        let steps = (part * 96.0).ceil().max(1.0) as u32;
        for i in 0..=steps {
            let angle = TAU * (start + part * i as f32 / steps as f32);
            mesh.colored_vertex(
                centre + radius * vec2(angle.sin(), -angle.cos()),
                share.colour,
            );
            if i > 0 {
                mesh.add_triangle(0, i, i + 1);
            }
        }
        painter.add(mesh);
    }
    response
}
