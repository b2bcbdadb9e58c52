//! Bytes from outside, and what is asked of them.
//!
//! Every format that the program reads is a [`Target`]: a reader, files that it can read, and the most memory that
//! reading may take. Whatever the bytes are, a reader ends soon, with an answer or with a sentence. The fuzzers in
//! `fuzz/`, the tests in `tests/tests/hostile.rs` and the program `hammer` ask the same of the same targets.

pub mod counting;
pub mod mutation;
pub mod target;

pub use mutation::Mutation;
pub use target::{TARGETS, Target, named};
