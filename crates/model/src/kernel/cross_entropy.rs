//! The loss of a language model.

use candle_core::{D, Tensor};

use crate::error::Result;

/// Weighted mean of `-log softmax(logits)[target]`: the sum over rows of weight times loss, over the sum of weights.
///
/// `logits` `[N, V]`, `targets` `[N]` u32, `weights` `[N]`; a row of weight zero may have any target below V.
pub fn cross_entropy(logits: &Tensor, targets: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let log_sum = logits.log_sum_exp(D::Minus1)?;
    let chosen = logits.gather(&targets.unsqueeze(1)?, 1)?.squeeze(1)?;
    let losses = ((log_sum - chosen)? * weights)?;
    Ok((losses.sum_all()? / weights.sum_all()?)?)
}
