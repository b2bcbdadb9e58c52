//! Worlds whose causes are known, and the training of the bundled models in them.
//!
//! The Isles are an archipelago of invented places, people, rivers, towers and dishes. Each kind of sentence has a
//! file of its own; [`mixture`] draws them into batches, [`training`] fits a small GPT-2 to them, [`evaluation`] asks
//! it about what it was never shown, and [`gpt2_export`] writes it as a folder that other programs open too.
//!
//! This room knows the model and the experiment; it must never know an instrument, egui or wgpu.

pub mod checkpoint;
pub mod curtain;
pub mod draw;
pub mod error;
pub mod evaluation;
pub mod facts;
pub mod few_shot;
pub mod gpt2_export;
pub mod indirect_object;
pub mod induction;
pub mod isles;
pub mod lexicon;
pub mod mixture;
pub mod names;
pub mod optimizer;
pub mod parameters;
pub mod pictures;
pub mod pronouns;
pub mod restoration;
pub mod returning_names;
pub mod sentence;
pub mod sums;
pub mod tokenizer;
pub mod training;

pub use error::WorldError;
pub use isles::Isles;
pub use sentence::Sentence;
