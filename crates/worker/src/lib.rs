//! The background: queue, progress, cancel, cache, memory budget.
//!
//! One thread owns models and devices; requests and events are plain enums over channels. This room knows the
//! instruments; it must never know egui or wgpu.

pub mod laboratory;
pub mod memory;
pub mod protocol;
pub mod worker;

mod answers;
mod fingerprint;
mod instruments;
mod kept_models;
mod ledger;
mod observer;
mod opened;
mod outcomes;
mod queue;
mod room;
mod shelf;
mod thread;
mod tiles;

pub use laboratory::{Failure, Laboratory, TokenizedText};
pub use memory::{MemoryBudget, human_bytes};
pub use protocol::{
    Estimate, Event, ImageNetwork, JobId, Kept, OpenedModel, Request, TileRequest, Tokenized,
};
pub use worker::{Wake, Worker, WorkerOptions};
