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

/// As [`row_bytes`], of a pass that makes scores and patterns for a few queries at a time and keeps none.
pub(crate) fn streamed_row_bytes(config: &DecoderConfig, length: usize) -> u64 {
    let square = F32 * 2 * (config.heads * length * length) as u64;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let blocks = F32 * (2 * threads * 64 * length) as u64;
    row_bytes(config, length) - square + blocks
}

/// Bytes of `count` vectors of the model's width.
pub(crate) fn vector_bytes(config: &DecoderConfig, count: usize) -> u64 {
    F32 * count as u64 * config.d_model as u64
}

/// Bytes that one row of a pack holds at the widest place: a tail of `positions`. What it attends to before them stays
/// where the reference run has it.
pub(crate) fn tail_row_bytes(config: &DecoderConfig, positions: usize) -> u64 {
    let heads = config.heads + 2 * config.kv_heads;
    let per_position = 10 * config.d_model + 2 * heads * config.d_head + 3 * config.d_mlp;
    F32 * ((per_position * positions) as u64 + 3 * config.vocab as u64)
}

/// Multiplications and additions of one batch row of `length` tokens through `layers` blocks and the unembedding of
/// `unembedded` positions.
pub(crate) fn row_flops(
    config: &DecoderConfig,
    length: usize,
    layers: usize,
    unembedded: usize,
) -> f64 {
    layers as f64 * block_flops(config, length, length, length)
        + unembedded as f64 * unembed_flops(config)
}

/// Multiplications and additions of one row through a block: `inputs` positions that get keys and values, the last
/// `outputs` of which get the rest, among `length` keys.
pub(crate) fn block_flops(
    config: &DecoderConfig,
    length: usize,
    inputs: usize,
    outputs: usize,
) -> f64 {
    let [d, inputs, reading, length] = [config.d_model, inputs, outputs, length].map(|n| n as f64);
    let queries = (config.heads * config.d_head) as f64;
    let keys = (config.kv_heads * config.d_head) as f64;
    4.0 * inputs * d * keys
        + 4.0 * reading * (d + length) * queries
        + after_attention_flops(config, outputs)
}

/// What of that a row saves that differs from the reference run at a single position.
pub(crate) fn known_flops(config: &DecoderConfig, inputs: usize, outputs: usize) -> f64 {
    let heads = (inputs - 1) * 2 * config.kv_heads + (outputs - 1) * config.heads;
    2.0 * config.d_model as f64 * (heads * config.d_head) as f64
}

/// The share of the MLP in a block, for this many positions.
pub(crate) fn after_attention_flops(config: &DecoderConfig, positions: usize) -> f64 {
    let matrices = if config.gated_mlp { 3.0 } else { 2.0 };
    2.0 * matrices * positions as f64 * config.d_model as f64 * config.d_mlp as f64
}

/// The unembedding of one position.
pub(crate) fn unembed_flops(config: &DecoderConfig) -> f64 {
    2.0 * config.d_model as f64 * config.vocab as f64
}
