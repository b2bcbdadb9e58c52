//! The outline of a set of cells.

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
