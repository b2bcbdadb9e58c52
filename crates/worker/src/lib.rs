//! The background: queue, progress, cancel, cache, memory budget.
//!
//! One thread owns models and devices; requests and events are plain enums over channels. This room knows the
//! instruments; it must never know egui or wgpu.

pub mod protocol;

pub use protocol::{Event, JobId, Request};
