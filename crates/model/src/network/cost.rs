//! What an operation costs for one pixel of its value.

use super::extent::Extent;
use super::node::{Network, NodeId, Operation};

/// Numbers that a node holds for each pixel.
pub(super) fn values_per_pixel(network: &Network, extents: &[Extent], id: NodeId) -> u64 {
    match &network.nodes[id].operation {
        Operation::WindowPattern(window) => {
            (window.heads * window.key_size * window.key_size) as u64
        }
        _ => extents[id].channels as u64,
    }
}

/// Multiplications and additions for each pixel; `input` says how large the first argument is.
pub(super) fn flops_per_pixel(
    operation: &Operation,
    extent: Extent,
    input: impl Fn() -> Option<Extent>,
) -> f64 {
    let channels = extent.channels as f64;
    match operation {
        Operation::Convolution(c) => {
            let taps: usize = c.weight.dims().iter().take(3).product();
            2.0 * taps as f64 * channels
        }
        Operation::WindowPattern(window) => {
            let width = input().map_or(0, |input| input.channels / 3);
            2.0 * (width * window.key_size * window.key_size) as f64
        }
        Operation::WindowMix(window) => 2.0 * channels * (window.key_size * window.key_size) as f64,
        _ => channels,
    }
}
