//! How an effect is measured: one file per instrument.
//!
//! An instrument turns an experiment into fields and reports on the way. This room knows the model and the
//! experiment; it must never know egui, wgpu or threads.

pub mod report;

pub use report::{CellTokens, MeasuredCell, Observer, Progress, Report};
