//! Other programs' tensors.
//!
//! A file of arrays becomes the same plain data that a measured result is: fields over named axes, tokens, references,
//! and where it all came from. What a file means is told from the names and shapes of its arrays, or said by the person.
//!
//! This room knows file formats and the experiment room. It must never know candle, egui or wgpu. It believes no size
//! that a file claims, and executes nothing that a file holds.

mod array;
mod assemble;
mod axes;
mod contents;
mod effects;
mod element;
mod error;
mod known;
pub mod live;
mod manifest;
mod mat;
mod npy;
mod npz;
mod plan;
mod read;
mod recognise;
mod safetensors_file;
mod statements;
mod table;
mod tokens;

pub use array::{ForeignArray, Limits};
pub use axes::AxisRole;
pub use contents::{Contents, is_foreign, read_contents};
pub use error::ImportError;
pub use plan::{FirstMap, Plan};
pub use read::{Asked, Import, MADE_ELSEWHERE, import, import_contents, plan};
pub use tokens::read_tokens;
