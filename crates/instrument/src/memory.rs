//! What a pass takes: bytes, and floating-point operations.

use whyfinder_model::DecoderConfig;

/// Bytes of one f32.
const F32: u64 = 4;

/// What an instrument may use, beside the model's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    pub bytes: u64,
}

impl Budget {
    /// As much as it takes; for tests and for callers who have checked themselves.
    pub const UNLIMITED: Budget = Budget { bytes: u64::MAX };
}

/// Bytes that one batch row of `length` tokens holds at the widest place of a pass, and its logits at one position
/// twice over (on the device and as they are read).
///
/// The residual stream, its normed copy and the branches at about ten times the width; queries, keys, values and head
/// outputs; scores and pattern; gate, linear branch and product of the MLP.
pub(crate) fn row_bytes(config: &DecoderConfig, length: usize) -> u64 {
    let heads = config.heads + 2 * config.kv_heads;
    let per_token = 10 * config.d_model
        + 2 * heads * config.d_head
        + 3 * config.d_mlp
        + 2 * config.heads * length;
    F32 * (per_token as u64 * length as u64 + 3 * config.vocab as u64)
}

/// Bytes of `count` vectors of the model's width.
pub(crate) fn vector_bytes(config: &DecoderConfig, count: usize) -> u64 {
    F32 * count as u64 * config.d_model as u64
}

/// Multiplications and additions of one batch row of `length` tokens through `layers` blocks and the unembedding of
/// `unembedded` positions.
pub(crate) fn row_flops(
    config: &DecoderConfig,
    length: usize,
    layers: usize,
    unembedded: usize,
) -> f64 {
    let [d, f, t] = [config.d_model, config.d_mlp, length].map(|n| n as f64);
    let (queries, keys) = (
        (config.heads * config.d_head) as f64,
        (config.kv_heads * config.d_head) as f64,
    );
    let mlp = if config.gated_mlp { 3.0 } else { 2.0 } * d * f;
    let projections = d * (2.0 * queries + 2.0 * keys);
    let block = 2.0 * t * (projections + mlp) + 4.0 * t * t * queries;
    block * layers as f64 + 2.0 * d * config.vocab as f64 * unembedded as f64
}
