//! What SwinIR and HAT have in common: attention inside windows and its feed-forward part.

use candle_core::Tensor;

use super::super::assembly::{Assembly, indices};
use super::super::node::{NodeId, Nonlinearity, Operation, Window};
use crate::error::Result;
use crate::state_dict::StateDict;

/// Biases by position are spread out over pairs of pixels, so that a large window takes much memory.
const LARGEST: usize = 32;

/// Side of a window, from the rows of its table of biases by relative position: one per difference of rows and columns.
///
/// # Errors
/// If there is no such side.
pub(super) fn window_of(net: &Assembly<'_>, table: &str) -> Result<usize> {
    let rows = super::super::assembly::channels_out(net.state(), table)?;
    let size = rows.isqrt().div_ceil(2);
    if size == 0 || (2 * size - 1).pow(2) != rows || size > LARGEST {
        return Err(net.refused(format!(
            "the {rows} rows of \"{table}\" belong to no square window of up to {LARGEST} x {LARGEST} pixels"
        )));
    }
    Ok(size)
}

/// Heads, from the columns of a table of biases.
pub(super) fn heads_of(state: &StateDict, table: &str) -> Result<usize> {
    super::super::assembly::channels_in(state, table)
}

/// For each query of a window and each key, row by row, the row of the table (Liu et al. 2021): the query's place minus
/// the key's.
pub(super) fn relative_positions(size: usize) -> Vec<usize> {
    let pixels = size * size;
    (0..pixels * pixels)
        .map(|pair| {
            let (query, key) = (pair / pixels, pair % pixels);
            let rows = query / size + size - 1 - key / size;
            let columns = query % size + size - 1 - key % size;
            rows * (2 * size - 1) + columns
        })
        .collect()
}

/// As [`relative_positions`] for the keys of windows that overlap. The published code counts from the key's place minus
/// the query's, and from too low: rows below zero are, as in Python, those from the table's end.
pub(super) fn overlapping_positions(size: usize, key_size: usize) -> Vec<usize> {
    let side = (size + key_size - 1) as isize;
    let lowest = size as isize - key_size as isize + 1;
    let mut rows = Vec::with_capacity(size.pow(2) * key_size.pow(2));
    for query in 0..size * size {
        for key in 0..key_size * key_size {
            let apart = |key: usize, query: usize| key as isize - query as isize + lowest;
            let row =
                apart(key / key_size, query / size) * side + apart(key % key_size, query % size);
            rows.push(row.rem_euclid(side * side) as usize);
        }
    }
    rows
}

/// Refuses a stored index that is not the one that the sizes give.
pub(super) fn check_index(
    net: &Assembly<'_>,
    name: &str,
    rows: &[usize],
    table: usize,
) -> Result<()> {
    let state = net.state();
    if !state.contains(name) {
        return Ok(());
    }
    let stored = state.load_integers(name)?;
    let same = stored.len() == rows.len()
        && stored
            .iter()
            .zip(rows)
            .all(|(&stored, &row)| stored.rem_euclid(table.max(1) as i64) == row as i64);
    match same {
        true => Ok(()),
        false => Err(net.refused(format!(
            "\"{name}\" is not the index that windows of this size have"
        ))),
    }
}

/// Attention of one block, from the normed value `from`: `{name}.qkv`, the pattern, the mix and `{name}.proj`.
pub(super) fn attention(
    net: &mut Assembly<'_>,
    name: &str,
    window: &Sides<'_>,
    from: NodeId,
) -> Result<NodeId> {
    let table_name = format!("{name}.relative_position_bias_table");
    let heads = heads_of(net.state(), &table_name)?;
    let channels = net.channels(from);
    if heads == 0 || !channels.is_multiple_of(heads) {
        return Err(net.refused(format!(
            "{channels} channels cannot be divided among the {heads} heads of \"{table_name}\""
        )));
    }
    let table = [(window.size + window.key_size - 1).pow(2), heads];
    let bias = net.position_bias(&table_name, window.rows, table, window.size.pow(2))?;
    let qkv = net.linear(&format!("{name}.qkv"), from)?;
    if net.channels(qkv) != 3 * channels {
        return Err(net.refused(format!(
            "\"{name}.qkv.weight\" does not make queries, keys and values of {channels} channels each"
        )));
    }
    let x = mixed(net, name, window, heads, bias, qkv);
    net.linear(&format!("{name}.proj"), x)
}

/// The windows of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides<'a> {
    pub(super) size: usize,
    pub(super) key_size: usize,
    pub(super) shift: usize,
    /// Of the table of biases, for each query and key.
    pub(super) rows: &'a [usize],
}

fn mixed(
    net: &mut Assembly<'_>,
    name: &str,
    sides: &Sides<'_>,
    heads: usize,
    bias: Tensor,
    qkv: NodeId,
) -> NodeId {
    let window = Window {
        heads,
        size: sides.size,
        key_size: sides.key_size,
        shift: sides.shift,
        bias,
    };
    let pattern = Operation::WindowPattern(window.clone());
    let pattern = net.push(format!("{name}.pattern"), pattern, [qkv]);
    let mix = Operation::WindowMix(window);
    net.push(format!("{name}.mix"), mix, [pattern, qkv])
}

/// Adds the feed-forward part of a block, `{name}.norm2` and `{name}.mlp`, to `x`.
pub(super) fn feed_forward(net: &mut Assembly<'_>, name: &str, x: NodeId) -> Result<NodeId> {
    let y = net.layer_norm(&format!("{name}.norm2"), x)?;
    let y = net.linear(&format!("{name}.mlp.fc1"), y)?;
    let y = net.activation(format!("{name}.mlp.act"), Nonlinearity::Gelu, y);
    let y = net.linear(&format!("{name}.mlp.fc2"), y)?;
    Ok(net.add(name, x, y))
}

/// One convolution `{name}`, or three of them with fewer channels between, `{name}.0`, `.2` and `.4`.
pub(super) fn one_or_three(net: &mut Assembly<'_>, name: &str, from: NodeId) -> Result<NodeId> {
    if !net.state().contains(&format!("{name}.0.weight")) {
        return net.convolution(name, from);
    }
    let mut x = from;
    for part in indices(net.state(), &format!("{name}.")) {
        x = net.convolution(&format!("{name}.{part}"), x)?;
        if part < 4 {
            let act = format!("{name}.{}", part + 1);
            x = net.activation(act, Nonlinearity::LeakyRelu(0.2), x);
        }
    }
    Ok(x)
}

/// `conv_before_upsample` and its activation.
pub(super) fn before_upsample(net: &mut Assembly<'_>, from: NodeId) -> Result<NodeId> {
    let x = net.convolution("conv_before_upsample.0", from)?;
    Ok(net.activation("conv_before_upsample.1", Nonlinearity::LeakyRelu(0.01), x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_of_a_small_window_are_those_of_the_paper() {
        assert_eq!(
            relative_positions(2),
            [4, 3, 1, 0, 5, 4, 2, 1, 7, 6, 4, 3, 8, 7, 5, 4]
        );
    }

    #[test]
    fn overlapping_positions_below_zero_count_from_the_end() {
        // Side 4, so 16 rows; keys 3 x 3 around queries 2 x 2; the lowest difference is 0.
        let rows = overlapping_positions(2, 3);
        assert_eq!(rows.len(), 4 * 9);
        assert_eq!(rows[..3], [0, 1, 2]);
        // The last query lies one further: row and column -1, as (-1) 4 + (-1) = -5.
        assert_eq!(rows[27], 11);
    }
}
