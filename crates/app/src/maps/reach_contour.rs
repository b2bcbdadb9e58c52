//! The outline of a set of cells.

use egui::{Color32, Painter, Pos2, Shape, Stroke, pos2};

use super::heatmap_view::GridFrame;

/// A straight piece of an outline along the lines between cells: from one corner to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Column and row of the corner nearer to the upper left.
    pub from: [usize; 2],
    pub to: [usize; 2],
}

/// The edges between cells inside and outside of a set, row-major over `cols`; what lies beyond the grid is outside.
///
/// Each edge is as long as it can be.
pub fn edges_of(inside: &[bool], cols: usize) -> Vec<Edge> {
    let rows = inside.len().checked_div(cols).unwrap_or(0);
    let at = |row: Option<usize>, col: Option<usize>| match (row, col) {
        (Some(row), Some(col)) if row < rows && col < cols => inside[row * cols + col],
        _ => false,
    };
    let mut edges = Vec::new();
    for line in 0..=rows {
        run(cols, |col| {
            at(line.checked_sub(1), Some(col)) != at(Some(line), Some(col))
        })
        .for_each(|(start, end)| {
            edges.push(Edge {
                from: [start, line],
                to: [end, line],
            });
        });
    }
    for line in 0..=cols {
        run(rows, |row| {
            at(Some(row), line.checked_sub(1)) != at(Some(row), Some(line))
        })
        .for_each(|(start, end)| {
            edges.push(Edge {
                from: [line, start],
                to: [line, end],
            });
        });
    }
    edges
}

/// Stretches of indices for which `is` holds, half-open.
fn run(count: usize, is: impl Fn(usize) -> bool) -> impl Iterator<Item = (usize, usize)> {
    let mut runs = Vec::new();
    let mut start = None;
    for i in 0..=count {
        match (i < count && is(i), start) {
            (true, None) => start = Some(i),
            (false, Some(from)) => {
                runs.push((from, i));
                start = None;
            }
            _ => {}
        }
    }
    runs.into_iter()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: [usize; 2], to: [usize; 2]) -> Edge {
        Edge { from, to }
    }

    #[test]
    fn a_block_has_four_edges() {
        let mut inside = vec![false; 20];
        for i in [6, 7, 11, 12] {
            inside[i] = true;
        }
        let edges = edges_of(&inside, 5);
        assert_eq!(
            edges,
            [
                edge([1, 1], [3, 1]),
                edge([1, 3], [3, 3]),
                edge([1, 1], [1, 3]),
                edge([3, 1], [3, 3]),
            ]
        );
    }

    #[test]
    fn the_whole_grid_is_outlined_at_its_border_and_nothing_not_at_all() {
        assert_eq!(edges_of(&[true; 6], 3).len(), 4);
        assert!(edges_of(&[false; 6], 3).is_empty());
        assert!(edges_of(&[], 0).is_empty());
    }

    #[test]
    fn a_hole_is_outlined_too() {
        let mut inside = vec![true; 9];
        inside[4] = false;
        assert_eq!(edges_of(&inside, 3).len(), 8);
    }
}
