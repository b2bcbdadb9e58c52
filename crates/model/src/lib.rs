//! Networks with open sides: loading, tokenising, forward passes with named sites.
//!
//! A pass takes a [`Probe`] that may look at the value of any site or give back another. With nothing asked for it
//! costs nothing. This room knows candle, tokenizers and the experiment; it must never know egui, wgpu or how an
//! instrument works.

pub mod config;
pub mod error;
pub mod probe;
pub mod weights;

pub use config::DecoderConfig;
pub use error::ModelError;
pub use probe::{NoProbe, Probe};
pub use weights::{BlockWeights, DecoderWeights, Linear, NormWeights};
