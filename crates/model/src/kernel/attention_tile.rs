//! Parts of a pattern, computed when they are looked at. `shaders/attention_tile.wgsl` is the twin on the GPU.

use std::ops::Range;

use whyfinder_experiment::attention::AttentionRecord;

use super::attention_record::{Source, reduce_row};
use super::elementary::exp;
use super::vectorised::vectorised;

/// Cells along each side of a tile.
pub const SIDE: usize = 128;
/// Queries computed at once.
const BLOCK: usize = 64;
/// Keys computed at once.
const KEYS: usize = 1024;

/// Names a tile of a head: rows and columns count tiles of [`SIDE`] cells, a cell covers `2^level` tokens each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileId {
    pub level: u32,
    pub row: usize,
    pub column: usize,
}

/// A part of a head's pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// [`AttentionRecord::id`].
    pub record: u64,
    pub head: usize,
    pub id: TileId,
    /// Cells down and across: [`SIDE`], or fewer at the end.
    pub rows: usize,
    pub columns: usize,
    /// Row-major; NaN where any of a cell's weights is.
    pub max: Vec<f32>,
    /// Row-major, over the pairs whose key does not come too late; empty at level 0, where it is the same as `max`.
    pub mean: Vec<f32>,
}

impl Tile {
    pub fn bytes(&self) -> u64 {
        4 * (self.max.len() + self.mean.len()) as u64
    }

    /// Means of the cells.
    pub fn means(&self) -> &[f32] {
        if self.id.level == 0 {
            &self.max
        } else {
            &self.mean
        }
    }
}

/// Computes a tile; one outside the pattern has no rows or no columns.
pub fn tile(record: &AttentionRecord, head: usize, id: TileId) -> Tile {
    let side = record.sizes.side(id.level);
    let cells = |index: usize| {
        let start = index.saturating_mul(SIDE).min(side);
        start..(start + SIDE).min(side)
    };
    let rows = cells(id.row);
    let columns = if head < record.sizes.heads {
        cells(id.column)
    } else {
        0..0
    };
    let mut tile = Tile {
        record: record.id(),
        head,
        id,
        rows: rows.len(),
        columns: columns.len(),
        max: vec![0.0; rows.len() * columns.len()],
        mean: Vec::new(),
    };
    if tile.max.is_empty() {
        return tile;
    }
    if id.level == 0 {
        tile.max = weights(record, head, rows, columns);
        return tile;
    }
    let mut sums = vec![0f32; tile.max.len()];
    let size = 1usize << id.level;
    let tokens =
        |cells: &Range<usize>| cells.start * size..(cells.end * size).min(record.sizes.tokens);
    let (queries, keys) = (tokens(&rows), tokens(&columns));
    each_block(
        record,
        head,
        queries.clone(),
        keys.clone(),
        |query, first, row| {
            let at = (query - queries.start) / size * columns.len() + (first - keys.start) / size;
            let count = row.len().div_ceil(size);
            reduce_row(
                row,
                size,
                &mut sums[at..at + count],
                &mut tile.max[at..at + count],
            );
        },
    );
    for (i, (sum, max)) in sums.iter_mut().zip(&mut tile.max).enumerate() {
        if sum.is_nan() {
            *max = f32::NAN;
        }
        let (row, column) = (
            rows.start + i / columns.len(),
            columns.start + i % columns.len(),
        );
        let pairs = record.pairs(id.level, row, column);
        *sum = if pairs > 0 { *sum / pairs as f32 } else { 0.0 };
    }
    tile.mean = sums;
    tile
}

/// Single weights of some queries and keys of a head, row-major; 0 where a query does not see a key.
///
/// Ranges that reach beyond the tokens, or a head that there is not, give nothing.
pub fn weights(
    record: &AttentionRecord,
    head: usize,
    queries: Range<usize>,
    keys: Range<usize>,
) -> Vec<f32> {
    let tokens = record.sizes.tokens;
    if head >= record.sizes.heads || queries.end > tokens || keys.end > tokens {
        return Vec::new();
    }
    let (first_query, first_key, width) = (queries.start, keys.start, keys.len());
    let mut weights = vec![0f32; queries.len() * width];
    each_block(record, head, queries, keys, |query, first, row| {
        let at = (query - first_query) * width + first - first_key;
        weights[at..at + row.len()].copy_from_slice(row);
    });
    weights
}

/// Runs `take(query, first key, weights)` over pieces of rows; pieces that no query of a block sees are left out. Keys
/// are cut at multiples of [`KEYS`] from the first.
fn each_block(
    record: &AttentionRecord,
    head: usize,
    queries: Range<usize>,
    keys: Range<usize>,
    mut take: impl FnMut(usize, usize, &[f32]),
) {
    let source = Source {
        form: record.form,
        sizes: record.sizes,
        queries: &record.queries,
        keys: &record.keys,
    };
    let mut buffer = vec![0f32; BLOCK.min(queries.len()) * KEYS.min(keys.len())];
    for start in queries.clone().step_by(BLOCK) {
        let block = start..(start + BLOCK).min(queries.end);
        let seen = |query: usize| record.form.seen(query);
        let first = block.clone().map(|q| seen(q).start).min().unwrap_or(0);
        let end = block.clone().map(|q| seen(q).end).max().unwrap_or(0);
        for from in keys.clone().step_by(KEYS) {
            let piece = from..(from + KEYS).min(keys.end);
            if piece.start >= end || piece.end <= first {
                continue;
            }
            source.scores(head, &block, &piece, &mut buffer);
            for (i, query) in block.clone().enumerate() {
                let row = &mut buffer[i * piece.len()..(i + 1) * piece.len()];
                let at = head * record.sizes.tokens + query;
                let seen = seen(query);
                let from = seen.start.clamp(piece.start, piece.end) - piece.start;
                let to = seen.end.clamp(piece.start, piece.end) - piece.start;
                row[..from].fill(0.0);
                row[to.max(from)..].fill(0.0);
                weigh_row(
                    &mut row[from..to.max(from)],
                    record.top[at],
                    record.log_sum[at],
                );
                take(query, piece.start, row);
            }
        }
    }
}

vectorised! {
    /// Scores to weights.
    fn weigh_row(row: &mut [f32], top: f32, log_sum: f32) {
        for x in row {
            *x = exp((*x - top) - log_sum);
        }
    }
}
