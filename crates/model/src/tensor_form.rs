//! From stored tensors to parameters: transposed, or split into queries, keys and values.

use rayon::prelude::*;

/// What is made of a stored tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Form {
    AsItIs,
    /// `[in, out]` to `[out, in]`.
    Transposed,
    /// Three equal parts of the outputs, one after the other; the flag says that outputs are the last axis.
    Thirds {
        transposed: bool,
    },
    /// Outputs are (head, 3, width) with this width.
    Heads(usize),
}

/// The parts that a tensor of this shape falls into, row-major.
pub(crate) fn shaped(values: Vec<f32>, shape: &[usize], form: Form) -> Vec<Vec<f32>> {
    let rows = shape.first().copied().unwrap_or(1);
    let columns = shape.get(1).copied().unwrap_or(1);
    match form {
        Form::AsItIs => vec![values],
        Form::Transposed => vec![transposed(&values, rows, columns, 0..columns)],
        Form::Thirds { transposed: false } => {
            let third = values.len() / 3;
            values.chunks(third.max(1)).map(<[f32]>::to_vec).collect()
        }
        Form::Thirds { transposed: true } => {
            let third = columns / 3;
            (0..3)
                .map(|part| transposed(&values, rows, columns, part * third..(part + 1) * third))
                .collect()
        }
        Form::Heads(width) => {
            let block = width * columns;
            (0..3)
                .map(|part| {
                    values
                        .chunks(3 * block)
                        .flat_map(|head| &head[part * block..(part + 1) * block])
                        .copied()
                        .collect()
                })
                .collect()
        }
    }
}

/// The columns `taken` of a matrix as rows.
fn transposed(
    values: &[f32],
    rows: usize,
    columns: usize,
    taken: std::ops::Range<usize>,
) -> Vec<f32> {
    // Squares that stay in the first cache, for both sides of the copy.
    const SIDE: usize = 32;
    let mut out = vec![0.0; rows * taken.len()];
    let taken_start = taken.start;
    out.par_chunks_mut(SIDE * rows.max(1))
        .enumerate()
        .for_each(|(band, out)| {
            let first = taken_start + band * SIDE;
            for row_start in (0..rows).step_by(SIDE) {
                let row_end = (row_start + SIDE).min(rows);
                for (column, line) in out.chunks_mut(rows).enumerate() {
                    for (row, slot) in line[row_start..row_end].iter_mut().enumerate() {
                        *slot = values[(row_start + row) * columns + first + column];
                    }
                }
            }
        });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(count: usize) -> Vec<f32> {
        (0..count).map(|number| number as f32).collect()
    }

    #[test]
    fn a_transposed_matrix_has_columns_as_rows() {
        let (rows, columns) = (67, 131);
        let out = transposed(&counting(rows * columns), rows, columns, 0..columns);
        for row in 0..rows {
            for column in 0..columns {
                assert_eq!(out[column * rows + row], (row * columns + column) as f32);
            }
        }
    }

    #[test]
    fn thirds_of_an_input_major_map_are_its_column_blocks() {
        let parts = shaped(counting(2 * 6), &[2, 6], Form::Thirds { transposed: true });
        assert_eq!(
            parts,
            [
                vec![0.0, 6.0, 1.0, 7.0],
                vec![2.0, 8.0, 3.0, 9.0],
                vec![4.0, 10.0, 5.0, 11.0]
            ]
        );
    }

    #[test]
    fn heads_are_pulled_apart_row_by_row() {
        // Two heads of width 1, three kinds, two inputs.
        let parts = shaped(counting(6 * 2), &[6, 2], Form::Heads(1));
        assert_eq!(parts[0], [0.0, 1.0, 6.0, 7.0]);
        assert_eq!(parts[1], [2.0, 3.0, 8.0, 9.0]);
        assert_eq!(parts[2], [4.0, 5.0, 10.0, 11.0]);
    }

    #[test]
    fn a_bias_splits_like_its_map() {
        let parts = shaped(counting(6), &[6], Form::Heads(1));
        assert_eq!(parts, [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]);
    }
}
