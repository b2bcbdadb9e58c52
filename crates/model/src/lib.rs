//! Networks with open sides: loading, tokenising, forward passes with named sites.
//!
//! A pass takes a [`Probe`] that may look at the value of any site or give back another. With nothing asked for it
//! costs nothing. This room knows candle, tokenizers and the experiment; it must never know egui, wgpu or how an
//! instrument works.

mod assemble;
mod attention;
mod block;
pub mod branches;
pub mod capture;
pub mod card;
mod checkpoint;
pub mod config;
mod config_json;
pub mod decoder;
pub mod demo;
mod edit;
pub mod element_type;
pub mod error;
mod family;
mod fresh;
pub mod gradient;
pub mod hub;
pub mod intervene;
pub mod kernel;
pub mod lanes;
pub mod language_model;
#[cfg(test)]
mod laws;
mod layout;
pub mod memory;
mod mlp;
pub mod network;
mod norm;
pub mod open;
mod parity_badge;
mod pickle;
pub mod probe;
pub mod reference;
mod rope;
mod rope_json;
mod safetensors_header;
mod shapes;
mod source;
pub mod state_dict;
mod stored_tensor;
pub mod tail;
mod tensor_form;
#[cfg(test)]
mod tiny;
mod token_text;
pub mod tokenizer;
mod torch_file;
pub mod weights;

pub use branches::{Branch, Trunk};
pub use capture::Capture;
pub use card::ModelCard;
pub use config::DecoderConfig;
pub use decoder::{Decoder, Pass, Unembed};
pub use error::{ModelError, Result};
pub use gradient::{Gradient, GradientTap};
pub use intervene::Patcher;
pub use language_model::LanguageModel;
pub use open::{OpenOptions, architecture, device_memory, device_named, locate_folder, open};
pub use probe::{Both, NoProbe, Probe};
pub use reference::Reference;
pub use tail::{Past, Tail};
pub use tokenizer::{Encoding, Tokenizer};
pub use weights::{BlockWeights, DecoderWeights, Linear, NormWeights, Weight};
