//! The arithmetic of a pass.
//!
//! On the CPU, in f32, each function is one vectorised operation over all cores that also knows its gradient:
//! candle's own element-wise operations are scalar and single-threaded, and its fused ones silently give no
//! gradient. On other devices and types each falls back to candle's composed operations, which compute the same.

pub mod activation;
pub mod attention;
pub(crate) mod attention_after;
mod attention_backward;
mod attention_blocks;
pub mod attention_record;
pub mod attention_tile;
pub mod channel_parts;
pub mod channels;
pub mod convolution;
pub mod cross_entropy;
mod depthwise;
pub mod distribution;
mod elementary;
mod gemm;
pub mod linear;
pub mod norm;
pub mod packed;
mod packed_linear;
mod panels;
pub mod paste;
mod patches;
pub mod pool;
mod projected;
pub mod resample;
pub mod rope;
pub mod rows;
mod softmax;
mod storage;
#[cfg(test)]
pub(crate) mod testing;
mod vectorised;
pub mod window_attention;
mod window_places;
mod winograd;
