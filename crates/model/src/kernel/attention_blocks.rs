//! Blocks of queries of one head: what all forms of attention are made of.

use std::ops::Range;

use candle_core::Result;

use super::attention::Attention;
use super::elementary::tanh;
use super::gemm::{Matrix, Shared, Target, Threads, product};
use super::softmax::softmax_row;
use super::storage::tasks;
use super::vectorised::vectorised;

/// Sizes of one attention. Queries are counted from the first there is; keys by position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) batch: usize,
    /// The last of the keys' positions are the queries' own.
    pub(super) queries: usize,
    pub(super) keys: usize,
    pub(super) heads: usize,
    pub(super) groups: usize,
    pub(super) width: usize,
}

/// Queries per block.
const BLOCK: usize = 64;

impl Sizes {
    pub(super) fn of(queries: &[usize], keys: &[usize]) -> Result<Self> {
        match (queries, keys) {
            (&[batch, tail, heads, width], &[b, length, groups, w])
                if (batch, width) == (b, w)
                    && groups > 0
                    && heads % groups == 0
                    && tail > 0
                    && tail <= length =>
            {
                Ok(Self {
                    batch,
                    queries: tail,
                    keys: length,
                    heads,
                    groups,
                    width,
                })
            }
            _ => candle_core::bail!("queries of {queries:?} do not fit keys of {keys:?}"),
        }
    }

    fn blocks(&self) -> usize {
        self.queries.div_ceil(BLOCK)
    }

    pub(super) fn block(&self, index: usize) -> Range<usize> {
        index * BLOCK..((index + 1) * BLOCK).min(self.queries)
    }

    pub(super) fn all_blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let sizes = *self;
        (0..sizes.blocks()).map(move |index| sizes.block(index))
    }

    /// Runs `run(batch row, head, queries)` for every block.
    pub(super) fn each_block(&self, run: impl Fn(usize, usize, Range<usize>) + Sync + Send) {
        let cost = self.queries.min(BLOCK) * self.keys * self.width;
        let blocks = self.blocks();
        tasks(self.batch * self.heads * blocks, cost, |task| {
            let (pair, block) = (task / blocks, task % blocks);
            run(pair / self.heads, pair % self.heads, self.block(block));
        });
    }

    pub(super) fn group(&self, head: usize) -> usize {
        head / (self.heads / self.groups)
    }

    /// The position of a query.
    pub(super) fn position(&self, query: usize) -> usize {
        query + self.keys - self.queries
    }

    /// The keys that a block of queries has to do with.
    pub(super) fn keys_of(&self, form: Attention, queries: &Range<usize>) -> Range<usize> {
        form.keys(&(self.position(queries.start)..self.position(queries.end)))
    }

    /// Where a query of a head begins in `[B, Tq, H, d]`.
    pub(super) fn query_at(&self, batch: usize, query: usize, head: usize) -> usize {
        ((batch * self.queries + query) * self.heads + head) * self.width
    }

    /// Where a key of a group begins in `[B, Tk, G, d]`.
    pub(super) fn key_at(&self, batch: usize, key: usize, group: usize) -> usize {
        ((batch * self.keys + key) * self.groups + group) * self.width
    }

    /// Where a query's row begins in `[B, H, Tq, Tk]`.
    pub(super) fn row(&self, batch: usize, head: usize, query: usize) -> usize {
        ((batch * self.heads + head) * self.queries + query) * self.keys
    }

    /// Elements of `[B, H, Tq, Tk]`.
    pub(super) fn edges(&self) -> usize {
        self.batch * self.heads * self.queries * self.keys
    }

    /// Some queries of a head, as rows.
    pub(super) fn head_rows<'a>(
        &self,
        x: &'a [f32],
        batch: usize,
        head: usize,
        positions: &Range<usize>,
    ) -> Matrix<'a> {
        let start = self.query_at(batch, positions.start, head);
        Matrix::new(
            &x[start..],
            positions.len(),
            self.width,
            self.heads * self.width,
        )
    }

    /// Some keys or values of a group, as rows.
    pub(super) fn group_rows<'a>(
        &self,
        x: &'a [f32],
        batch: usize,
        group: usize,
        positions: &Range<usize>,
    ) -> Matrix<'a> {
        let start = self.key_at(batch, positions.start, group);
        Matrix::new(
            &x[start..],
            positions.len(),
            self.width,
            self.groups * self.width,
        )
    }
}

/// Scores of a block of queries for `keys`, scaled and capped; the queries of one row may meet the keys of another.
#[allow(clippy::too_many_arguments)]
pub(super) fn score_block(
    form: Attention,
    sizes: Sizes,
    q: &[f32],
    k: &[f32],
    (batch, of_keys): (usize, usize),
    head: usize,
    queries: &Range<usize>,
    keys: &Range<usize>,
    target: &mut Target<'_>,
) {
    let group = sizes.group(head);
    product(
        target.part(0, queries.len(), keys.len()),
        false,
        form.scale,
        sizes.head_rows(q, batch, head, queries),
        sizes.group_rows(k, of_keys, group, keys).transposed(),
        Threads::One,
    );
    if let Some(cap) = form.softcap {
        (0..queries.len()).for_each(|i| cap_row(cap, &mut target.row(i)[..keys.len()]));
    }
}

vectorised! {
    pub(super) fn cap_row(cap: f32, row: &mut [f32]) {
        for x in row {
            *x = cap * tanh(*x / cap);
        }
    }
}

/// Turns scores for `keys` into attention weights, row by row; what a query must not see becomes 0.
pub(super) fn weights_of_block(
    form: Attention,
    sizes: Sizes,
    queries: &Range<usize>,
    keys: &Range<usize>,
    target: &mut Target<'_>,
) {
    for (i, query) in queries.clone().enumerate() {
        let row = &mut target.row(i)[..keys.len()];
        let position = sizes.position(query);
        let hidden = form.first_key(position) - keys.start;
        row[..hidden].fill(f32::NEG_INFINITY);
        let (seen, later) = row.split_at_mut(position + 1 - keys.start);
        softmax_row(seen);
        later.fill(0.0);
    }
}

/// Pattern weights of `keys` times values, into a block of `z` `[B, Tq, H, d]`.
#[allow(clippy::too_many_arguments)]
pub(super) fn weigh_block(
    sizes: Sizes,
    weights: Matrix<'_>,
    v: &[f32],
    z: Shared<'_>,
    batch: usize,
    head: usize,
    queries: &Range<usize>,
    keys: &Range<usize>,
) {
    let here = (batch, batch);
    weigh_more(sizes, weights, v, z, here, head, queries, keys, false);
}

/// The same with the values of another row, added to what is there already if `begun`.
#[allow(clippy::too_many_arguments)]
pub(super) fn weigh_more(
    sizes: Sizes,
    weights: Matrix<'_>,
    v: &[f32],
    z: Shared<'_>,
    (batch, of_values): (usize, usize),
    head: usize,
    queries: &Range<usize>,
    keys: &Range<usize>,
    begun: bool,
) {
    let start = sizes.query_at(batch, queries.start, head);
    // SAFETY: each block of queries of each head of each row is written by one task alone.
    #[allow(unsafe_code)]
    let target = unsafe { z.matrix(start, queries.len(), sizes.width, sizes.heads * sizes.width) };
    let group = sizes.group(head);
    let values = sizes.group_rows(v, of_values, group, keys);
    product(target, begun, 1.0, weights, values, Threads::One);
}

/// Fills `[B, H, Tq, Tk]` block by block: `fill(batch row, head, queries, rows of the block)`.
pub(super) fn fill_rows(
    sizes: Sizes,
    y: &mut [f32],
    fill: impl Fn(usize, usize, Range<usize>, Target<'_>) + Sync + Send,
) {
    let shared = Shared::new(y);
    sizes.each_block(|batch, head, queries| {
        let start = sizes.row(batch, head, queries.start);
        // SAFETY: each block of queries of each head of each row is written by one task alone.
        #[allow(unsafe_code)]
        let rows = unsafe { shared.matrix(start, queries.len(), sizes.keys, sizes.keys) };
        fill(batch, head, queries, rows);
    });
}
