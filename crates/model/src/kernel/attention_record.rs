//! What a pattern can be computed from, gathered without ever holding the pattern: scores are made for a block of
//! queries at a time, normalised, reduced to the overview and forgotten.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};
use whyfinder_experiment::attention::{
    AttentionForm, AttentionRecord, AttentionSizes, RecordParts,
};

use super::attention_blocks::cap_row;
use super::elementary::{LANES, exp, fold, largest, sum_of};
use super::gemm::{Matrix, Target, Threads, product};
use super::storage::with_buffer;
use super::vectorised::vectorised;
use crate::error::{ModelError, Result};

/// Queries per block, at least.
const BLOCK: usize = 64;

/// Records attention of queries `[1, T, H, d]` over keys `[1, T, G, d]`, as they stand after norm and rotation.
///
/// `between` is called after each head; an error of it ends the recording.
///
/// # Errors
/// Tensors of other shapes; what `between` says.
pub fn record(
    layer: usize,
    form: AttentionForm,
    queries: &Tensor,
    keys: &Tensor,
    between: &mut dyn FnMut() -> Result<()>,
) -> Result<AttentionRecord> {
    let sizes = match (queries.dims(), keys.dims()) {
        (&[1, tokens, heads, width], &[1, t, groups, w])
            if (tokens, width) == (t, w) && groups > 0 && heads % groups == 0 && tokens > 0 =>
        {
            AttentionSizes {
                tokens,
                heads,
                groups,
                width,
            }
        }
        (q, k) => {
            return Err(ModelError::Input(format!(
                "Attention can be recorded of one row of queries over as many keys, but queries have shape {q:?} and \
                 keys {k:?}."
            )));
        }
    };
    let (queries, keys) = (on_host(queries)?, on_host(keys)?);
    let level = sizes.overview_level();
    let cells = sizes.side(level) * sizes.side(level);
    let mut parts = RecordParts {
        layer,
        form,
        sizes,
        queries,
        keys,
        top: Vec::with_capacity(sizes.heads * sizes.tokens),
        log_sum: Vec::with_capacity(sizes.heads * sizes.tokens),
        mean: Vec::with_capacity(sizes.heads * cells),
        max: Vec::with_capacity(sizes.heads * cells),
    };
    let pairs = pairs_per_cell(form, sizes, level);
    for head in 0..sizes.heads {
        let (mut sums, mut largest) = (vec![0f32; cells], vec![0f32; cells]);
        for block in head_blocks(&parts, level, head) {
            parts.top.extend(&block.top);
            parts.log_sum.extend(&block.log_sum);
            // Two blocks may share a row of cells.
            let of_block = block.first_cell..block.first_cell + block.sums.len();
            let whole = sums[of_block.clone()].iter_mut();
            for ((sum, top), (s, t)) in whole
                .zip(&mut largest[of_block])
                .zip(block.sums.iter().zip(&block.largest))
            {
                *sum += s;
                *top = if *t > *top { *t } else { *top };
            }
        }
        for ((sum, top), &pairs) in sums.iter_mut().zip(&mut largest).zip(&pairs) {
            if sum.is_nan() {
                *top = f32::NAN;
            }
            *sum = if pairs > 0 { *sum / pairs as f32 } else { 0.0 };
        }
        parts.mean.extend(sums);
        parts.max.extend(largest);
        between()?;
    }
    Ok(AttentionRecord::new(parts)?)
}

fn on_host(x: &Tensor) -> Result<Vec<f32>> {
    Ok(x.to_device(&Device::Cpu)?
        .to_dtype(DType::F32)?
        .flatten_all()?
        .to_vec1()?)
}

/// [`AttentionRecord::pairs`] of every cell of a level, row-major.
fn pairs_per_cell(form: AttentionForm, sizes: AttentionSizes, level: u32) -> Vec<usize> {
    let (side, size) = (sizes.side(level), 1usize << level);
    let mut pairs = vec![0; side * side];
    for query in 0..sizes.tokens {
        let row = &mut pairs[(query >> level) * side..][..side];
        let end = form.end(query).min(sizes.tokens);
        for (column, count) in row.iter_mut().enumerate().take(end.div_ceil(size)) {
            *count += (end - column * size).min(size);
        }
    }
    pairs
}

/// What is kept of a block of queries of one head.
struct Block {
    top: Vec<f32>,
    log_sum: Vec<f32>,
    /// The first of the overview's cells, row-major, that the next two are about.
    first_cell: usize,
    sums: Vec<f32>,
    largest: Vec<f32>,
}

fn head_blocks(parts: &RecordParts, level: u32, head: usize) -> Vec<Block> {
    let tokens = parts.sizes.tokens;
    let buffer = BLOCK.min(tokens) * tokens;
    with_buffer(tokens.div_ceil(BLOCK), buffer, |index, buffer| {
        let queries = index * BLOCK..((index + 1) * BLOCK).min(tokens);
        block(parts, level, head, queries, buffer)
    })
}

fn block(
    parts: &RecordParts,
    level: u32,
    head: usize,
    queries: Range<usize>,
    buffer: &mut [f32],
) -> Block {
    let (sizes, form) = (parts.sizes, parts.form);
    let (side, size) = (sizes.side(level), 1usize << level);
    let seen = |query: usize| {
        let seen = form.seen(query);
        seen.start..seen.end.min(sizes.tokens)
    };
    let first = queries.clone().map(|q| seen(q).start).min().unwrap_or(0);
    let end = queries.clone().map(|q| seen(q).end).max().unwrap_or(0);
    let keys = first / size * size..end;
    let source = Source {
        form,
        sizes,
        queries: &parts.queries,
        keys: &parts.keys,
    };
    source.scores(head, &queries, &keys, buffer);
    let first_row = queries.start / size;
    let rows = (queries.end - 1) / size + 1 - first_row;
    let mut kept = Block {
        top: Vec::with_capacity(queries.len()),
        log_sum: Vec::with_capacity(queries.len()),
        first_cell: first_row * side,
        sums: vec![0.0; rows * side],
        largest: vec![0.0; rows * side],
    };
    for (i, query) in queries.enumerate() {
        let row = &mut buffer[i * keys.len()..(i + 1) * keys.len()];
        let seen = seen(query);
        let (before, rest) = row.split_at_mut(seen.start - keys.start);
        let (seen_row, after) = rest.split_at_mut(seen.len());
        before.fill(0.0);
        after.fill(0.0);
        let [top, log_sum] = normalise(seen_row);
        kept.top.push(top);
        kept.log_sum.push(log_sum);
        let at = (query / size - first_row) * side + keys.start / size;
        let count = keys.len().div_ceil(size);
        reduce_row(
            row,
            size,
            &mut kept.sums[at..at + count],
            &mut kept.largest[at..at + count],
        );
    }
    kept
}

/// Queries and keys to make scores of.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) form: AttentionForm,
    pub(super) sizes: AttentionSizes,
    pub(super) queries: &'a [f32],
    pub(super) keys: &'a [f32],
}

impl Source<'_> {
    /// Scaled and capped scores, rows of `keys.len()` next to each other.
    pub(super) fn scores(
        &self,
        head: usize,
        queries: &Range<usize>,
        keys: &Range<usize>,
        target: &mut [f32],
    ) {
        let AttentionSizes {
            heads,
            groups,
            width,
            ..
        } = self.sizes;
        if queries.is_empty() || keys.is_empty() {
            return;
        }
        let group = head / (heads / groups);
        let q = &self.queries[(queries.start * heads + head) * width..];
        let k = &self.keys[(keys.start * groups + group) * width..];
        product(
            Target::new(target, queries.len(), keys.len(), keys.len()),
            false,
            self.form.scale,
            Matrix::new(q, queries.len(), width, heads * width),
            Matrix::new(k, keys.len(), width, groups * width).transposed(),
            Threads::One,
        );
        if let Some(cap) = self.form.softcap {
            for row in target.chunks_exact_mut(keys.len()).take(queries.len()) {
                cap_row(cap, row);
            }
        }
    }
}

vectorised! {
    /// Softmax in place; gives the largest score and the logarithm of the sum of `exp(score - largest)`. What makes a
    /// softmax NaN makes the logarithm NaN.
    fn normalise(row: &mut [f32]) -> [f32; 2] {
        let top = largest(row);
        let mut lanes = [0f32; LANES];
        let mut chunks = row.chunks_exact_mut(LANES);
        for chunk in &mut chunks {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *x = exp(*x - top);
                *lane += *x;
            }
        }
        for (lane, x) in lanes.iter_mut().zip(chunks.into_remainder()) {
            *x = exp(*x - top);
            *lane += *x;
        }
        let sum = fold(lanes);
        for x in row {
            *x /= sum;
        }
        [top, sum.ln()]
    }
}

vectorised! {
    /// Takes a row of weights into the sums and the largest of its cells, `size` weights each.
    pub(super) fn reduce_row(row: &[f32], size: usize, sums: &mut [f32], largests: &mut [f32]) {
        if size >= LANES {
            for ((x, sum), top) in row.chunks(size).zip(sums).zip(largests) {
                *sum += sum_of(x, |x| x);
                let x = largest(x);
                *top = if x > *top { x } else { *top };
            }
        } else {
            for ((x, sum), top) in row.chunks(size).zip(sums).zip(largests) {
                let mut all = 0f32;
                let mut most = *top;
                for &x in x {
                    all += x;
                    most = if x > most { x } else { most };
                }
                *sum += all;
                *top = most;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::attention::{Attention, pattern};
    use crate::kernel::attention_tile::{SIDE, TileId, tile, weights};
    use crate::kernel::testing::{flat, vars};

    const PLAIN: AttentionForm = AttentionForm {
        scale: 0.4,
        softcap: None,
        window: None,
        prefix: 0,
    };

    /// Forms with tokens, heads, groups, width.
    fn cases() -> Vec<(AttentionForm, [usize; 4])> {
        let capped = AttentionForm {
            softcap: Some(2.0),
            ..PLAIN
        };
        let sliding = |window| AttentionForm {
            window: Some(window),
            ..PLAIN
        };
        let prefixed = |prefix, form: AttentionForm| AttentionForm { prefix, ..form };
        vec![
            (PLAIN, [1, 1, 1, 1]),
            (PLAIN, [7, 3, 3, 5]),
            (PLAIN, [129, 6, 2, 33]),
            (PLAIN, [300, 2, 1, 64]),
            (
                AttentionForm {
                    scale: 9.0,
                    ..PLAIN
                },
                [140, 2, 2, 64],
            ),
            (capped, [70, 4, 1, 8]),
            (capped, [270, 2, 1, 8]),
            (sliding(1), [200, 2, 2, 4]),
            (sliding(40), [515, 2, 1, 16]),
            (
                AttentionForm {
                    window: Some(19),
                    ..capped
                },
                [260, 2, 2, 7],
            ),
            (prefixed(50, PLAIN), [200, 2, 1, 8]),
            (prefixed(200, sliding(30)), [333, 2, 1, 8]),
            (prefixed(400, capped), [100, 2, 1, 8]),
        ]
    }

    fn recorded(form: AttentionForm, q: &Tensor, k: &Tensor) -> AttentionRecord {
        record(3, form, q, k, &mut || Ok(())).expect("records")
    }

    fn tensors([t, h, g, d]: [usize; 4]) -> (Tensor, Tensor) {
        let all = vars(&[&[1, t, h, d], &[1, t, g, d]], 17);
        (all[0].as_detached_tensor(), all[1].as_detached_tensor())
    }

    /// The pattern `[heads, tokens, tokens]` in f64, from the definition.
    fn slow(form: AttentionForm, q: &Tensor, k: &Tensor) -> Vec<f64> {
        let (_, tokens, heads, width) = q.dims4().expect("four");
        let groups = k.dim(2).expect("four");
        let (q, k) = (flat(q), flat(k));
        let mut all = Vec::new();
        for head in 0..heads {
            let group = head / (heads / groups);
            for i in 0..tokens {
                let seen = |j: usize| {
                    let both_in_prefix = i < form.prefix && j < form.prefix;
                    both_in_prefix || j <= i && form.window.is_none_or(|w| i - j < w)
                };
                let scores: Vec<f64> = (0..tokens)
                    .map(|j| {
                        let dot: f64 = (0..width)
                            .map(|c| {
                                f64::from(q[(i * heads + head) * width + c])
                                    * f64::from(k[(j * groups + group) * width + c])
                            })
                            .sum();
                        let s = dot * f64::from(form.scale);
                        form.softcap
                            .map_or(s, |cap| f64::from(cap) * (s / f64::from(cap)).tanh())
                    })
                    .collect();
                let top = (0..tokens)
                    .filter(|&j| seen(j))
                    .map(|j| scores[j])
                    .fold(f64::NEG_INFINITY, f64::max);
                let e: Vec<f64> = (0..tokens)
                    .map(|j| {
                        if seen(j) {
                            (scores[j] - top).exp()
                        } else {
                            0.0
                        }
                    })
                    .collect();
                let sum: f64 = e.iter().sum();
                all.extend(e.into_iter().map(|e| e / sum));
            }
        }
        all
    }

    fn near(got: f32, expected: f64, what: &str) {
        assert!(
            (f64::from(got) - expected).abs() <= 1e-5,
            "{what}: {got} is not {expected}"
        );
    }

    #[test]
    fn any_part_at_any_level_is_that_of_the_softmax() {
        for (form, sizes) in cases() {
            let (q, k) = tensors(sizes);
            let record = recorded(form, &q, &k);
            let expected = slow(form, &q, &k);
            let [tokens, heads, ..] = sizes;
            for head in 0..heads {
                let pattern = &expected[head * tokens * tokens..(head + 1) * tokens * tokens];
                let all = weights(&record, head, 0..tokens, 0..tokens);
                for (i, (got, expected)) in all.iter().zip(pattern).enumerate() {
                    near(*got, *expected, "a weight");
                    let single = record.weight(head, i / tokens, i % tokens);
                    // Summed in another order; scores in the hundreds leave f32 no more digits than this.
                    let top = record.top[head * tokens + i / tokens].abs();
                    let off = (f64::from(single) - expected).abs();
                    assert!(
                        off <= 1e-5 * f64::from((top / 20.0).max(1.0)),
                        "{off} at {top}"
                    );
                }
                for level in 0..=record.sizes.overview_level() + 3 {
                    levels_agree(&record, head, level, pattern);
                }
            }
        }
    }

    /// Tiles, and where there is one the overview, against the whole pattern.
    fn levels_agree(record: &AttentionRecord, head: usize, level: u32, pattern: &[f64]) {
        let (tokens, side) = (record.sizes.tokens, record.sizes.side(level));
        let overview = record.overviews().iter().find(|o| o.level == level);
        for row in 0..side {
            for column in 0..side {
                let inside = |cell: usize| (cell << level)..((cell + 1) << level).min(tokens);
                let group: Vec<f64> = inside(row)
                    .flat_map(|i| inside(column).map(move |j| pattern[i * tokens + j]))
                    .collect();
                let pairs = inside(row)
                    .flat_map(|i| inside(column).map(move |j| (i, j)))
                    .filter(|&(i, j)| j < record.form.end(i))
                    .count();
                let max = group.iter().copied().fold(0.0, f64::max);
                let mean = group.iter().sum::<f64>() / pairs.max(1) as f64;
                let id = TileId {
                    level,
                    row: row / SIDE,
                    column: column / SIDE,
                };
                // One tile serves all its cells; asking for each would take all day.
                if row % SIDE == 0 && column % SIDE == 0 || (row + column) % 97 == 0 {
                    let tile = tile(record, head, id);
                    let at = row % SIDE * tile.columns + column % SIDE;
                    near(tile.max[at], max, "the largest of a tile's cell");
                    near(tile.means()[at], mean, "the mean of a tile's cell");
                }
                if let Some(o) = overview {
                    let at = row * side + column;
                    near(o.head(&o.max, head)[at], max, "the largest of the overview");
                    near(o.head(&o.mean, head)[at], mean, "the mean of the overview");
                }
            }
        }
    }

    #[test]
    fn the_pass_and_the_record_tell_of_the_same_pattern() {
        for (form, sizes) in cases().into_iter().filter(|(form, _)| form.prefix == 0) {
            let (q, k) = tensors(sizes);
            let whole = Attention {
                scale: form.scale,
                softcap: form.softcap,
                window: form.window,
            };
            let pattern = flat(&pattern(&q, &k, whole).expect("runs"));
            let record = recorded(form, &q, &k);
            let tokens = sizes[0];
            let all = (0..sizes[1])
                .flat_map(|head| weights(&record, head, 0..tokens, 0..tokens))
                .collect::<Vec<_>>();
            assert_eq!(all.len(), pattern.len());
            for (got, expected) in all.iter().zip(&pattern) {
                near(*got, f64::from(*expected), "a weight of the pass");
            }
        }
    }

    #[test]
    fn rows_without_a_softmax_have_no_weights() {
        for bad in [f32::NAN, f32::INFINITY] {
            let (q, k) = tensors([200, 1, 1, 1]);
            let mut queries = flat(&q);
            queries[150] = bad;
            let q = Tensor::from_vec(queries, (1, 200, 1, 1), &Device::Cpu).expect("a tensor");
            let record = recorded(PLAIN, &q, &k);
            let row = weights(&record, 0, 150..151, 0..200);
            assert!(row[..151].iter().all(|w| w.is_nan()), "{bad}");
            assert!(row[151..].iter().all(|&w| w == 0.0));
            let others = weights(&record, 0, 0..150, 0..200);
            assert!(others.iter().all(|w| w.is_finite()));
            let overview = record.overview();
            assert_eq!((overview.level, overview.side), (1, 100));
            assert!(overview.max[75 * 100].is_nan() && overview.mean[75 * 100].is_nan());
            assert!(overview.max[74 * 100].is_finite());
            let top = record.overviews().last().expect("there are some");
            assert!(top.max.iter().any(|x| x.is_nan()));
        }
    }

    #[test]
    fn what_lies_outside_gives_nothing() {
        let (q, k) = tensors([20, 2, 1, 4]);
        let record = recorded(PLAIN, &q, &k);
        assert!(weights(&record, 2, 0..1, 0..1).is_empty());
        assert!(weights(&record, 0, 0..21, 0..1).is_empty());
        let id = |row| TileId {
            level: 0,
            row,
            column: 0,
        };
        assert_eq!(tile(&record, 0, id(1)).rows, 0);
        assert!(tile(&record, 5, id(0)).max.is_empty());
        assert!(tile(&record, 0, id(usize::MAX)).max.is_empty());
        let three = k.narrow(1, 0, 19).expect("shorter");
        assert!(super::record(0, PLAIN, &q, &three, &mut || Ok(())).is_err());
    }

    #[test]
    fn recording_ends_where_it_is_told_to() {
        let (q, k) = tensors([20, 6, 1, 4]);
        let mut heads = 0;
        let ended = super::record(0, PLAIN, &q, &k, &mut || {
            heads += 1;
            if heads == 3 {
                return Err(ModelError::Input("The run was cancelled.".into()));
            }
            Ok(())
        });
        assert!(ended.is_err());
        assert_eq!(heads, 3);
    }
}
