//! Causal attention, whole or stage by stage.

use candle_core::{D, DType, Device, Tensor};

use crate::error::Result;
use crate::kernel::activation::soft_cap;

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
}

/// Queries `[B, T, H, d]`, keys and values `[B, T, G, d]` to weighted values `[B, T, H, d]`.
pub fn attend(q: &Tensor, k: &Tensor, v: &Tensor, form: Attention) -> Result<Tensor> {
    weigh(&pattern(q, k, form)?, v, form)
}

/// Softmax of the masked scores, `[B, H, T, T]`.
pub fn pattern(q: &Tensor, k: &Tensor, form: Attention) -> Result<Tensor> {
    softmax(&masked_scores(q, k, form)?)
}

/// Scores of every query and key, also the later ones, `[B, H, T, T]`.
pub fn scores(q: &Tensor, k: &Tensor, form: Attention) -> Result<Tensor> {
    let heads = q.dim(2)?;
    let q = q.transpose(1, 2)?.contiguous()?;
    let k = per_head(k, heads)?;
    let scores = (q.matmul(&k.t()?)? * f64::from(form.scale))?;
    match form.softcap {
        Some(cap) => soft_cap(&scores, cap),
        None => Ok(scores),
    }
}

/// [`scores`] with -inf where a query must not look.
pub fn masked_scores(q: &Tensor, k: &Tensor, form: Attention) -> Result<Tensor> {
    mask(&scores(q, k, form)?, form)
}

/// Puts -inf where a query must not look.
pub fn mask(scores: &Tensor, form: Attention) -> Result<Tensor> {
    let length = scores.dim(D::Minus1)?;
    let hidden = hidden(length, form, scores.device())?.broadcast_as(scores.shape())?;
    let never = Tensor::full(f32::NEG_INFINITY, (), scores.device())?
        .to_dtype(scores.dtype())?
        .broadcast_as(scores.shape())?;
    Ok(hidden.where_cond(&never, scores)?)
}

/// Softmax over the last dimension, in f32; -inf gives exactly 0.
pub fn softmax(scores: &Tensor) -> Result<Tensor> {
    let dtype = scores.dtype();
    let scores = scores.to_dtype(DType::F32)?;
    let top = scores.max_keepdim(D::Minus1)?.detach();
    let e = scores.broadcast_sub(&top)?.exp()?;
    Ok(e.broadcast_div(&e.sum_keepdim(D::Minus1)?)?
        .to_dtype(dtype)?)
}

/// Pattern `[B, H, T, T]` times values `[B, T, G, d]`, `[B, T, H, d]`.
pub fn weigh(pattern: &Tensor, v: &Tensor, _form: Attention) -> Result<Tensor> {
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

/// 1 where a query must not look, `[T, T]`.
fn hidden(length: usize, form: Attention, device: &Device) -> Result<Tensor> {
    let hidden: Vec<u8> = (0..length)
        .flat_map(|query| {
            let first = form.first_key(query);
            (0..length).map(move |key| u8::from(key > query || key < first))
        })
        .collect();
    Ok(Tensor::from_vec(hidden, (length, length), device)?)
}
