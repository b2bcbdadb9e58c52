//! Experiments as plain Python, for reviewers: PyTorch, with transformers for language models.
//!
//! A script is put together from pieces that are themselves readable Python (`python/` beside this crate's sources);
//! only those that the experiment needs are in it. It repeats the numbers without Whyfinder.
//!
//! This room knows what networks are made of. It runs none, and must never know egui or wgpu.

mod answered;
mod error;
mod facts;
mod family;
mod image;
mod language;
mod literal;
mod network;
mod program;
mod rolled;
mod run;
mod scene;
mod script;
mod sites;
mod trace;

pub use answered::Answered;
pub use error::ScriptError;
pub use script::{Asked, Beside, Script, write};
