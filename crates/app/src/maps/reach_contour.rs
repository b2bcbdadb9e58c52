//! The outline of a set of cells, drawn over a map.

use egui::{Color32, Painter, Pos2, Shape, Stroke, pos2};
use whyfinder_paint::Edge;

use super::heatmap_view::GridFrame;

/// Draws the edges dashed, over a darker line that keeps them visible on every ground.
pub fn dashed(painter: &Painter, grid: &GridFrame, edges: &[Edge], colour: Color32) {
    let origin = grid.content().min;
    let size = grid.cell_size();
    let at = |[col, row]: [usize; 2]| -> Pos2 {
        pos2(
            origin.x + col as f32 * size.x,
            origin.y + row as f32 * size.y,
        )
    };
    let clip = painter.clip_rect().expand(20.0);
    for edge in edges {
        // Only what shows: a zoomed outline may be very long.
        let (mut from, mut to) = (at(edge.from), at(edge.to));
        if edge.from[1] == edge.to[1] {
            (from.x, to.x) = (from.x.max(clip.left()), to.x.min(clip.right()));
        } else {
            (from.y, to.y) = (from.y.max(clip.top()), to.y.min(clip.bottom()));
        }
        if from.x > to.x || from.y > to.y {
            continue;
        }
        let ends = [from, to];
        painter.line_segment(ends, Stroke::new(2.0, Color32::from_black_alpha(110)));
        painter.extend(Shape::dashed_line(
            &ends,
            Stroke::new(1.0, colour),
            5.0,
            3.0,
        ));
    }
}
