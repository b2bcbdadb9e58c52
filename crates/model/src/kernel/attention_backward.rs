//! Gradients of attention.

use std::ops::Range;

use candle_core::{Result, Tensor};

use super::attention::Attention;
use super::attention_blocks::{Sizes, score_block};
use super::gemm::{Matrix, Shared, Target, Threads, product};
use super::softmax::softmax_row_back;
use super::storage::{read, tasks};
use super::vectorised::vectorised;

type Pair = (Option<Tensor>, Option<Tensor>);
type Triple = (Option<Tensor>, Option<Tensor>, Option<Tensor>);

/// A block of queries of one head, and the keys that it has to do with.
struct Block {
    batch: usize,
    head: usize,
    queries: Range<usize>,
    keys: Range<usize>,
}

/// From the gradient of the weighted values to those of queries, keys and values.
pub(super) fn whole_back(
    form: Attention,
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    pattern: &[f32],
    gradient: &Tensor,
) -> Result<Triple> {
    let sizes = Sizes::of(q.dims(), k.dims())?;
    let gradient = gradient.contiguous()?;
    let (dq, dk, dv) = read(&[q, k, v, &gradient], |slices| {
        let (values, g) = (slices[2], slices[3]);
        let mut dv = vec![0f32; values.len()];
        let for_values = Shared::new(&mut dv);
        let (dq, dk) = back(form, sizes, slices[0], slices[1], true, |block, ds| {
            let weights = pattern_block(sizes, pattern, block);
            add_values_gradient(sizes, weights, g, for_values, block);
            weights_gradient(
                sizes,
                g,
                values,
                block,
                ds.part(0, block.queries.len(), block.keys.len()),
            );
            for i in 0..block.queries.len() {
                let start = sizes.row(block.batch, block.head, block.queries.start + i);
                let weights = &pattern[start + block.keys.start..start + block.keys.end];
                softmax_row_back(weights, &mut ds.row(i)[..block.keys.len()]);
            }
        });
        Ok((dq, dk, dv))
    })?;
    Ok((
        Some(Tensor::from_vec(dq, q.shape(), q.device())?),
        Some(Tensor::from_vec(dk, k.shape(), k.device())?),
        Some(Tensor::from_vec(dv, v.shape(), v.device())?),
    ))
}

/// From the gradient of the pattern to those of queries and keys.
pub(super) fn pattern_back(
    form: Attention,
    q: &Tensor,
    k: &Tensor,
    pattern: &Tensor,
    gradient: &Tensor,
) -> Result<Pair> {
    let sizes = Sizes::of(q.dims(), k.dims())?;
    let gradient = gradient.contiguous()?;
    let (dq, dk) = read(&[q, k, pattern, &gradient], |slices| {
        Ok(back(
            form,
            sizes,
            slices[0],
            slices[1],
            true,
            |block, ds| {
                for i in 0..block.queries.len() {
                    let start = sizes.row(block.batch, block.head, block.queries.start + i);
                    let here = start + block.keys.start..start + block.keys.end;
                    let row = &mut ds.row(i)[..block.keys.len()];
                    row.copy_from_slice(&slices[3][here.clone()]);
                    softmax_row_back(&slices[2][here], row);
                }
            },
        ))
    })?;
    pair(q, k, dq, dk)
}

/// From the gradient of the scores to those of queries and keys.
pub(super) fn scores_back(
    form: Attention,
    masked: bool,
    q: &Tensor,
    k: &Tensor,
    gradient: &Tensor,
) -> Result<Pair> {
    let sizes = Sizes::of(q.dims(), k.dims())?;
    let gradient = gradient.contiguous()?;
    let (dq, dk) = read(&[q, k, &gradient], |slices| {
        let g = slices[2];
        Ok(back(
            form,
            sizes,
            slices[0],
            slices[1],
            masked,
            |block, ds| {
                for (i, query) in block.queries.clone().enumerate() {
                    let start = sizes.row(block.batch, block.head, query);
                    let row = &mut ds.row(i)[..block.keys.len()];
                    row.copy_from_slice(&g[start + block.keys.start..start + block.keys.end]);
                    if masked {
                        let position = sizes.position(query);
                        row[..form.first_key(position) - block.keys.start].fill(0.0);
                        row[position + 1 - block.keys.start..].fill(0.0);
                    }
                }
            },
        ))
    })?;
    pair(q, k, dq, dk)
}

/// From the gradient of the weighted values to those of a pattern and of the values.
pub(super) fn weigh_back(pattern: &Tensor, v: &Tensor, gradient: &Tensor) -> Result<Pair> {
    let sizes = Sizes::of(gradient.dims(), v.dims())?;
    let gradient = gradient.contiguous()?;
    let (dp, dv) = read(&[pattern, v, &gradient], |slices| {
        let (weights, values, g) = (slices[0], slices[1], slices[2]);
        let mut dp = vec![0f32; weights.len()];
        let mut dv = vec![0f32; values.len()];
        let (for_pattern, for_values) = (Shared::new(&mut dp), Shared::new(&mut dv));
        each_group(sizes, |batch, head| {
            for queries in sizes.all_blocks() {
                let block = Block {
                    batch,
                    head,
                    queries,
                    keys: 0..sizes.keys,
                };
                let rows = pattern_block(sizes, weights, &block);
                add_values_gradient(sizes, rows, g, for_values, &block);
                let start = sizes.row(batch, head, block.queries.start);
                let (count, length) = (block.queries.len(), sizes.keys);
                // SAFETY: each head's rows are written by one task alone.
                #[allow(unsafe_code)]
                let target = unsafe { for_pattern.matrix(start, count, length, length) };
                weights_gradient(sizes, g, values, &block, target);
            }
        });
        Ok((dp, dv))
    })?;
    pair(pattern, v, dp, dv)
}

fn pair(a: &Tensor, b: &Tensor, da: Vec<f32>, db: Vec<f32>) -> Result<Pair> {
    Ok((
        Some(Tensor::from_vec(da, a.shape(), a.device())?),
        Some(Tensor::from_vec(db, b.shape(), b.device())?),
    ))
}

/// Runs `run(batch row, head)` for all heads; those that share keys and values run one after the other.
fn each_group(sizes: Sizes, run: impl Fn(usize, usize) + Sync + Send) {
    let shared_by = sizes.heads / sizes.groups;
    let cost = shared_by * sizes.queries * sizes.keys * sizes.width;
    tasks(sizes.batch * sizes.groups, cost, |task| {
        let (batch, group) = (task / sizes.groups, task % sizes.groups);
        (group * shared_by..(group + 1) * shared_by).for_each(|head| run(batch, head));
    });
}

fn pattern_block<'a>(sizes: Sizes, pattern: &'a [f32], block: &Block) -> Matrix<'a> {
    let start = sizes.row(block.batch, block.head, block.queries.start) + block.keys.start;
    Matrix::new(
        &pattern[start..],
        block.queries.len(),
        block.keys.len(),
        sizes.keys,
    )
}

/// `dV += P^T dZ`.
fn add_values_gradient(
    sizes: Sizes,
    weights: Matrix<'_>,
    g: &[f32],
    dv: Shared<'_>,
    block: &Block,
) {
    product(
        group_target(sizes, dv, block),
        true,
        1.0,
        weights.transposed(),
        sizes.head_rows(g, block.batch, block.head, &block.queries),
        Threads::One,
    );
}

/// `dP = dZ V^T`.
fn weights_gradient(sizes: Sizes, g: &[f32], v: &[f32], block: &Block, target: Target<'_>) {
    let group = sizes.group(block.head);
    product(
        target,
        false,
        1.0,
        sizes.head_rows(g, block.batch, block.head, &block.queries),
        sizes
            .group_rows(v, block.batch, group, &block.keys)
            .transposed(),
        Threads::One,
    );
}

/// Where the gradient of the block's keys or values is summed.
fn group_target<'a>(sizes: Sizes, x: Shared<'a>, block: &Block) -> Target<'a> {
    let group = sizes.group(block.head);
    let start = sizes.key_at(block.batch, block.keys.start, group);
    let step = sizes.groups * sizes.width;
    // SAFETY: `each_group` gives each group of each row to one task alone, which holds one target at a time.
    #[allow(unsafe_code)]
    unsafe {
        x.matrix(start, block.keys.len(), sizes.width, step)
    }
}

/// Gradients of queries and keys, given how to write a block's gradient of the capped scores.
fn back(
    form: Attention,
    sizes: Sizes,
    q: &[f32],
    k: &[f32],
    masked: bool,
    gradient_of_scores: impl Fn(&Block, &mut Target<'_>) + Sync + Send,
) -> (Vec<f32>, Vec<f32>) {
    let (mut dq, mut dk) = (vec![0f32; q.len()], vec![0f32; k.len()]);
    let (for_queries, for_keys) = (Shared::new(&mut dq), Shared::new(&mut dk));
    each_group(sizes, |batch, head| {
        let widest = sizes.block(0).len() * sizes.keys;
        let (mut ds, mut scores) = (vec![0f32; widest], Vec::new());
        for queries in sizes.all_blocks() {
            let keys = if masked {
                sizes.keys_of(form, &queries)
            } else {
                0..sizes.keys
            };
            let (rows, cols) = (queries.len(), keys.len());
            let block = Block {
                batch,
                head,
                queries,
                keys,
            };
            let mut target = Target::new(&mut ds, rows, cols, cols);
            gradient_of_scores(&block, &mut target);
            if let Some(cap) = form.softcap {
                scores.resize(widest, 0f32);
                let mut again = Target::new(&mut scores, rows, cols, cols);
                let (queries, keys) = (&block.queries, &block.keys);
                score_block(
                    form,
                    sizes,
                    q,
                    k,
                    (batch, batch),
                    head,
                    queries,
                    keys,
                    &mut again,
                );
                uncap(cap, &scores[..rows * cols], &mut ds[..rows * cols]);
            }
            let ds = Matrix::new(&ds, rows, cols, cols);
            let start = sizes.query_at(batch, block.queries.start, head);
            let step = sizes.heads * sizes.width;
            // SAFETY: each block of queries of each head of each row is written by one task alone.
            #[allow(unsafe_code)]
            let target = unsafe { for_queries.matrix(start, rows, sizes.width, step) };
            let group = sizes.group(head);
            product(
                target,
                false,
                form.scale,
                ds,
                sizes.group_rows(k, batch, group, &block.keys),
                Threads::One,
            );
            product(
                group_target(sizes, for_keys, &block),
                true,
                form.scale,
                ds.transposed(),
                sizes.head_rows(q, batch, head, &block.queries),
                Threads::One,
            );
        }
    });
    (dq, dk)
}

vectorised! {
    /// The slope of the soft cap, from its result: 1 - (s / cap)^2.
    fn uncap(cap: f32, capped: &[f32], g: &mut [f32]) {
        for (g, s) in g.iter_mut().zip(capped) {
            let t = s / cap;
            *g *= 1.0 - t * t;
        }
    }
}
