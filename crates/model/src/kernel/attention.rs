//! Causal attention, whole or stage by stage.
//!
//! All forms go over blocks of queries with the same products and the same row operations, so that looking at a
//! stage, or going through all at once, gives the same bits.
//!
//! Where there are fewer queries than keys, the queries stand at the last positions.

use std::ops::Range;

use candle_core::{
    CpuStorage, CustomOp2, CustomOp3, D, DType, Device, Layout, Result as CandleResult, Shape,
    Tensor,
};

use super::activation::soft_cap;
use super::attention_backward::{pattern_back, scores_back, weigh_back, whole_back};
use super::attention_blocks::{Sizes, fill_rows, score_block, weigh_block, weights_of_block};
use super::elementary::LANES;
use super::gemm::{Matrix, Shared, Target};
use super::softmax::Softmax;
use super::storage::{fast, output, unwritten, values};
use super::vectorised::vectorised;
use crate::error::Result;

/// What turns queries and keys into scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    /// Multiplies queries times keys.
    pub scale: f32,
    /// `cap * tanh(scores / cap)`, before the mask.
    pub softcap: Option<f32>,
    /// A query sees this many keys back, its own included; never a later one.
    pub window: Option<usize>,
}

impl Attention {
    /// The first key that `query` sees.
    pub fn first_key(&self, query: usize) -> usize {
        self.window
            .map_or(0, |window| (query + 1).saturating_sub(window))
    }

    /// The keys that a block of queries has to do with, from a multiple of the lanes on: the sums of a row then fall
    /// into the same lanes as those of a whole row.
    pub(super) fn keys(&self, queries: &Range<usize>) -> Range<usize> {
        self.first_key(queries.start) / LANES * LANES..queries.end
    }
}

/// Queries `[B, Tq, H, d]`, keys and values `[B, Tk, G, d]` to weighted values `[B, Tq, H, d]`.
pub fn attend(q: &Tensor, k: &Tensor, v: &Tensor, form: Attention) -> Result<Tensor> {
    if !fast(&[q, k, v]) {
        return plain_weigh(&plain_pattern(q, k, form)?, v);
    }
    let op = Attend {
        form,
        tracked: q.track_op() || k.track_op() || v.track_op(),
        pattern: std::sync::OnceLock::new(),
    };
    let (k, v) = (k.contiguous()?, v.contiguous()?);
    Ok(q.contiguous()?.apply_op3(&k, &v, op)?)
}

/// Softmax of the masked scores, `[B, H, Tq, Tk]`.
pub fn pattern(q: &Tensor, k: &Tensor, form: Attention) -> Result<Tensor> {
    if !fast(&[q, k]) {
        return plain_pattern(q, k, form);
    }
    Ok(q.contiguous()?.apply_op2(&k.contiguous()?, Pattern(form))?)
}

/// Scores of every query and key, also the later ones, `[B, H, Tq, Tk]`.
pub fn scores(q: &Tensor, k: &Tensor, form: Attention) -> Result<Tensor> {
    if !fast(&[q, k]) {
        return plain_scores(q, k, form);
    }
    let op = Scores {
        form,
        masked: false,
    };
    Ok(q.contiguous()?.apply_op2(&k.contiguous()?, op)?)
}

/// [`scores`] with -inf where a query must not look.
pub fn masked_scores(q: &Tensor, k: &Tensor, form: Attention) -> Result<Tensor> {
    if !fast(&[q, k]) {
        return mask(&plain_scores(q, k, form)?, form);
    }
    let op = Scores { form, masked: true };
    Ok(q.contiguous()?.apply_op2(&k.contiguous()?, op)?)
}

/// Puts -inf where a query must not look.
pub fn mask(scores: &Tensor, form: Attention) -> Result<Tensor> {
    let (_, _, queries, keys) = scores.dims4()?;
    let hidden = hidden(queries, keys, form, scores.device())?.broadcast_as(scores.shape())?;
    let never = Tensor::full(f32::NEG_INFINITY, (), scores.device())?
        .to_dtype(scores.dtype())?
        .broadcast_as(scores.shape())?;
    Ok(hidden.where_cond(&never, scores)?)
}

/// Softmax over the last dimension, in f32; -inf gives exactly 0.
pub fn softmax(scores: &Tensor) -> Result<Tensor> {
    if !fast(&[scores]) {
        return plain_softmax(scores);
    }
    Ok(scores.contiguous()?.apply_op1(Softmax)?)
}

/// Pattern `[B, H, Tq, Tk]` times values `[B, Tk, G, d]`, `[B, Tq, H, d]`. Weights outside the form's mask count too.
pub fn weigh(pattern: &Tensor, v: &Tensor, form: Attention) -> Result<Tensor> {
    if !fast(&[pattern, v]) {
        return plain_weigh(pattern, v);
    }
    let v = v.contiguous()?;
    Ok(pattern.contiguous()?.apply_op2(&v, Weigh(form))?)
}

fn plain_pattern(q: &Tensor, k: &Tensor, form: Attention) -> Result<Tensor> {
    plain_softmax(&mask(&plain_scores(q, k, form)?, form)?)
}

fn plain_scores(q: &Tensor, k: &Tensor, form: Attention) -> Result<Tensor> {
    let heads = q.dim(2)?;
    let q = q.transpose(1, 2)?.contiguous()?;
    let k = per_head(k, heads)?;
    let scores = (q.matmul(&k.t()?)? * f64::from(form.scale))?;
    match form.softcap {
        Some(cap) => soft_cap(&scores, cap),
        None => Ok(scores),
    }
}

fn plain_softmax(scores: &Tensor) -> Result<Tensor> {
    let dtype = scores.dtype();
    let scores = match dtype {
        DType::F64 => scores.clone(),
        _ => scores.to_dtype(DType::F32)?,
    };
    let top = scores.max_keepdim(D::Minus1)?.detach();
    let e = scores.broadcast_sub(&top)?.exp()?;
    Ok(e.broadcast_div(&e.sum_keepdim(D::Minus1)?)?
        .to_dtype(dtype)?)
}

fn plain_weigh(pattern: &Tensor, v: &Tensor) -> Result<Tensor> {
    let v = per_head(v, pattern.dim(1)?)?;
    Ok(pattern.matmul(&v)?.transpose(1, 2)?.contiguous()?)
}

/// `[B, T, G, d]` to `[B, H, T, d]`.
fn per_head(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, length, groups, width) = x.dims4()?;
    Ok(x.unsqueeze(3)?
        .broadcast_as((batch, length, groups, heads / groups, width))?
        .reshape((batch, length, heads, width))?
        .transpose(1, 2)?
        .contiguous()?)
}

/// 1 where a query must not look, `[Tq, Tk]`.
fn hidden(queries: usize, keys: usize, form: Attention, device: &Device) -> Result<Tensor> {
    let hidden: Vec<u8> = (keys - queries..keys)
        .flat_map(|position| {
            let first = form.first_key(position);
            (0..keys).map(move |key| u8::from(key > position || key < first))
        })
        .collect();
    Ok(Tensor::from_vec(hidden, (queries, keys), device)?)
}

fn square(sizes: Sizes) -> (usize, usize, usize, usize) {
    (sizes.batch, sizes.heads, sizes.queries, sizes.keys)
}

/// Weights of a block of queries for keys of their own row.
fn weigh_keys(
    form: Attention,
    sizes: Sizes,
    (q, k): (&[f32], &[f32]),
    (batch, head): (usize, usize),
    queries: &Range<usize>,
    keys: &Range<usize>,
    rows: &mut Target<'_>,
) {
    let of = (batch, batch);
    score_block(form, sizes, q, k, of, head, queries, keys, rows);
    weights_of_block(form, sizes, queries, keys, rows);
}

fn pattern_values(form: Attention, sizes: Sizes, q: &[f32], k: &[f32]) -> Vec<f32> {
    let mut y = vec![0f32; sizes.edges()];
    fill_rows(sizes, &mut y, |batch, head, queries, mut rows| {
        let keys = sizes.keys_of(form, &queries);
        let mut rows = rows.columns(keys.clone());
        let here = (batch, head);
        weigh_keys(form, sizes, (q, k), here, &queries, &keys, &mut rows);
    });
    y
}

fn weigh_values(form: Attention, sizes: Sizes, pattern: &[f32], v: &[f32]) -> Vec<f32> {
    let mut z = vec![0f32; sizes.batch * sizes.queries * sizes.heads * sizes.width];
    let shared = Shared::new(&mut z);
    let length = sizes.keys;
    sizes.each_block(|batch, head, queries| {
        let start = sizes.row(batch, head, queries.start);
        let rows = &pattern[start..start + queries.len() * length];
        // A pattern that was written to may have weights anywhere.
        let mut keys = sizes.keys_of(form, &queries);
        let outside = rows
            .chunks_exact(length)
            .any(|row| any_nonzero(&row[..keys.start]) || any_nonzero(&row[keys.end..]));
        if outside {
            keys = 0..length;
        }
        let weights = Matrix::new(&rows[keys.start..], queries.len(), keys.len(), length);
        weigh_block(sizes, weights, v, shared, batch, head, &queries, &keys);
    });
    z
}

vectorised! {
    fn any_nonzero(x: &[f32]) -> bool {
        x.iter().fold(false, |any, &x| any | (x != 0.0))
    }
}

struct Attend {
    form: Attention,
    tracked: bool,
    /// Kept for the gradient.
    pattern: std::sync::OnceLock<Vec<f32>>,
}

impl CustomOp3 for Attend {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        let sizes = Sizes::of(l1.dims(), l2.dims())?;
        Sizes::of(l1.dims(), l3.dims())?;
        let (q, k, v) = (values(s1, l1)?, values(s2, l2)?, values(s3, l3)?);
        let form = self.form;
        if self.tracked {
            let pattern = pattern_values(form, sizes, q, k);
            let z = weigh_values(form, sizes, &pattern, v);
            // Filled once: candle calls this once per operation.
            let _ = self.pattern.set(pattern);
            return Ok(output(z, l1.shape()));
        }
        // SAFETY: each block of queries of each head is written, and reads nothing of it.
        #[allow(unsafe_code)]
        let mut z = unsafe { unwritten(q.len()) };
        let shared = Shared::new(&mut z);
        sizes.each_block(|batch, head, queries| {
            let keys = sizes.keys_of(form, &queries);
            // SAFETY: the scores of all these keys are written first.
            #[allow(unsafe_code)]
            let mut scratch = unsafe { unwritten(queries.len() * keys.len()) };
            let mut rows = Target::new(&mut scratch, queries.len(), keys.len(), keys.len());
            let here = (batch, head);
            weigh_keys(form, sizes, (q, k), here, &queries, &keys, &mut rows);
            let weights = Matrix::new(&scratch, queries.len(), keys.len(), keys.len());
            weigh_block(sizes, weights, v, shared, batch, head, &queries, &keys);
        });
        Ok(output(z, l1.shape()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _z: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        match self.pattern.get() {
            Some(pattern) => whole_back(self.form, q, k, v, pattern, gradient),
            None => Ok((None, None, None)),
        }
    }
}

struct Pattern(Attention);

impl CustomOp2 for Pattern {
    fn name(&self) -> &'static str {
        "attention-pattern"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        let sizes = Sizes::of(l1.dims(), l2.dims())?;
        let y = pattern_values(self.0, sizes, values(s1, l1)?, values(s2, l2)?);
        Ok(output(y, square(sizes)))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        y: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        pattern_back(self.0, q, k, y, gradient)
    }
}

struct Scores {
    form: Attention,
    masked: bool,
}

impl CustomOp2 for Scores {
    fn name(&self) -> &'static str {
        "attention-scores"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        let sizes = Sizes::of(l1.dims(), l2.dims())?;
        let (form, masked) = (self.form, self.masked);
        let (q, k) = (values(s1, l1)?, values(s2, l2)?);
        let mut y = vec![0f32; sizes.edges()];
        fill_rows(sizes, &mut y, |batch, head, queries, mut rows| {
            // What a query may see is one product in any case: a product's last bits can depend on its size.
            let seen = sizes.keys_of(form, &queries);
            let rest = [0..seen.start, seen.end..sizes.keys];
            let all = std::iter::once(seen).chain(rest.into_iter().filter(|_| !masked));
            for keys in all.filter(|keys| !keys.is_empty()) {
                let mut part = rows.columns(keys.clone());
                score_block(
                    form,
                    sizes,
                    q,
                    k,
                    (batch, batch),
                    head,
                    &queries,
                    &keys,
                    &mut part,
                );
            }
            if masked {
                for (i, query) in queries.enumerate() {
                    let (row, position) = (rows.row(i), sizes.position(query));
                    row[..form.first_key(position)].fill(f32::NEG_INFINITY);
                    row[position + 1..].fill(f32::NEG_INFINITY);
                }
            }
        });
        Ok(output(y, square(sizes)))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        scores_back(self.form, self.masked, q, k, gradient)
    }
}

struct Weigh(Attention);

impl CustomOp2 for Weigh {
    fn name(&self) -> &'static str {
        "attention-weigh"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        let (batch, heads, queries, keys) = l1.shape().dims4()?;
        let (_, _, _, width) = l2.shape().dims4()?;
        let sizes = Sizes::of(&[batch, queries, heads, width], l2.dims())?;
        if keys != sizes.keys {
            candle_core::bail!("a pattern over {keys} keys does not fit {}", sizes.keys);
        }
        let z = weigh_values(self.0, sizes, values(s1, l1)?, values(s2, l2)?);
        Ok(output(z, (batch, queries, heads, width)))
    }

    fn bwd(
        &self,
        pattern: &Tensor,
        v: &Tensor,
        _z: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        weigh_back(pattern, v, gradient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::{close, flat, gradients, vars};

    fn forms() -> Vec<(Attention, [usize; 5])> {
        let plain = Attention {
            scale: 0.4,
            softcap: None,
            window: None,
        };
        let capped = Attention {
            softcap: Some(2.0),
            ..plain
        };
        let sliding = |n| Attention {
            window: Some(n),
            ..plain
        };
        // Batch, length, heads, groups, width.
        vec![
            (plain, [1, 1, 1, 1, 1]),
            (plain, [2, 7, 3, 3, 5]),
            (plain, [1, 150, 6, 2, 33]),
            (capped, [2, 70, 4, 1, 8]),
            (sliding(1), [1, 5, 2, 2, 4]),
            (sliding(40), [1, 200, 2, 1, 16]),
            (
                Attention {
                    window: Some(19),
                    ..capped
                },
                [2, 66, 2, 2, 7],
            ),
        ]
    }

    #[test]
    fn every_stage_and_its_gradient_equals_the_plain_form() {
        for (form, [b, t, h, g, d]) in forms() {
            let all = vars(&[&[b, t, h, d], &[b, t, g, d], &[b, t, g, d]], 17);
            let [q, k, v] = [0, 1, 2].map(|i| all[i].as_tensor().clone());
            let whole = attend(&q, &k, &v, form).expect("runs");
            let slow = plain_weigh(&plain_pattern(&q, &k, form).expect("runs"), &v).expect("runs");
            close(&whole, &slow, 1e-5, "whole");
            let staged = masked_scores(&q, &k, form).expect("runs");
            let open = mask(&scores(&q, &k, form).expect("runs"), form).expect("runs");
            assert_eq!(flat(&staged), flat(&open), "masked at once or after");
            let weights = softmax(&staged).expect("runs");
            let at_once = pattern(&q, &k, form).expect("runs");
            assert_eq!(flat(&weights), flat(&at_once), "pattern at once or after");
            let z = weigh(&weights, &v, form).expect("runs");
            assert_eq!(flat(&z), flat(&whole), "stages or whole");
            let free = [&q, &k, &v].map(Tensor::detach);
            let untracked = attend(&free[0], &free[1], &free[2], form).expect("runs");
            assert_eq!(flat(&untracked), flat(&whole), "with and without gradients");

            let expected = gradients(&slow, &all);
            let open = weigh(&softmax(&open).expect("runs"), &v, form).expect("runs");
            let at_once = weigh(&at_once, &v, form).expect("runs");
            for (what, got) in [
                ("whole", &whole),
                ("staged", &z),
                ("open", &open),
                ("pattern", &at_once),
            ] {
                for (a, b) in gradients(got, &all).iter().zip(&expected) {
                    close(a, b, 1e-4, what);
                }
            }
        }
    }

    #[test]
    fn the_last_queries_alone_get_what_they_get_among_all() {
        for (form, [b, t, h, g, d]) in forms() {
            let all = vars(&[&[b, t, h, d], &[b, t, g, d], &[b, t, g, d]], 17);
            let [q, k, v] = [0, 1, 2].map(|i| all[i].as_tensor().clone());
            let whole = attend(&q, &k, &v, form).expect("runs");
            for tail in [1, t.div_ceil(3), t] {
                let last = |x: &Tensor| x.narrow(1, t - tail, tail).expect("a tail");
                let q = last(&q);
                let z = attend(&q, &k, &v, form).expect("runs");
                close(&z, &last(&whole), 1e-6, "tail");
                let scores = masked_scores(&q, &k, form).expect("runs");
                let open = mask(&super::scores(&q, &k, form).expect("runs"), form).expect("runs");
                assert_eq!(flat(&scores), flat(&open), "masked at once or after");
                let weights = softmax(&scores).expect("runs");
                let staged = weigh(&weights, &v, form).expect("runs");
                assert_eq!(flat(&staged), flat(&z), "stages or whole");
                let at_once = pattern(&q, &k, form).expect("runs");
                let at_once = weigh(&at_once, &v, form).expect("runs");
                let expected = gradients(&last(&whole), &all);
                for got in [&z, &staged, &at_once] {
                    for (a, b) in gradients(got, &all).iter().zip(&expected) {
                        close(a, b, 1e-4, "gradient of a tail");
                    }
                }
                let slow = plain_weigh(&plain_pattern(&q, &k, form).expect("runs"), &v);
                close(&z, &slow.expect("runs"), 1e-5, "plain");
            }
        }
    }

    #[test]
    fn weights_written_to_the_future_count() {
        let all = vars(&[&[1, 2, 90, 90], &[1, 90, 1, 6]], 4);
        let (pattern, v) = (all[0].as_tensor(), all[1].as_tensor());
        let form = forms()[0].0;
        let (fast, slow) = (
            weigh(pattern, v, form).expect("runs"),
            plain_weigh(pattern, v).expect("runs"),
        );
        close(&fast, &slow, 1e-5, "values");
        for (a, b) in gradients(&fast, &all).iter().zip(&gradients(&slow, &all)) {
            close(a, b, 1e-4, "gradient");
        }
    }

    #[test]
    fn softmax_is_right_at_the_ends() {
        let inf = f32::INFINITY;
        let rows = [
            [0.0, -inf, 0.0],
            [1000.0, 999.0, -inf],
            [-inf, -inf, -inf],
            [0.0, f32::NAN, 1.0],
            [0.0, inf, 1.0],
        ];
        let y = softmax(&Tensor::new(&rows, &Device::Cpu).expect("a tensor")).expect("runs");
        let y: Vec<Vec<f32>> = y.to_vec2().expect("two dimensions");
        assert_eq!(y[0], [0.5, 0.0, 0.5]);
        assert!((y[1][0] - 0.731_058_6).abs() < 1e-6 && y[1][2] == 0.0);
        for row in &y[2..] {
            assert!(row.iter().all(|y| y.is_nan()));
        }
        let wide = vars(&[&[7, 1031]], 2);
        let wide = wide[0].as_tensor();
        close(
            &softmax(wide).expect("runs"),
            &candle_nn::ops::softmax(wide, D::Minus1).expect("runs"),
            1e-7,
            "candle's",
        );
    }
}
