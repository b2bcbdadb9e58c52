//! Networks with open sides: loading, tokenising, forward passes with named sites.
//!
//! A pass takes a [`Probe`] that may look at the value of any site or give back another. With nothing asked for it
//! costs nothing. This room knows candle, tokenizers and the experiment; it must never know egui, wgpu or how an
//! instrument works.

mod attention;
mod block;
pub mod capture;
pub mod config;
pub mod decoder;
mod edit;
pub mod error;
pub mod gradient;
pub mod intervene;
pub mod kernel;
mod mlp;
mod norm;
pub mod probe;
mod rope;
mod shapes;
pub mod weights;

pub use capture::Capture;
pub use config::DecoderConfig;
pub use decoder::{Decoder, Pass, Unembed};
pub use error::ModelError;
pub use gradient::{Gradient, GradientTap};
pub use intervene::Patcher;
pub use probe::{Both, NoProbe, Probe};
pub use weights::{BlockWeights, DecoderWeights, Linear, NormWeights};
