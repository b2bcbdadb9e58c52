//! What is asked and what is answered.
//!
//! An [`Experiment`] is a small text file: model, input, instrument, settings, seed. Its answer is a set of
//! [`Field`]s: labelled arrays with uncertainty. Both can be written to disk and read back.
//!
//! This room knows serde and file formats. It must never know candle, egui or wgpu.

pub mod error;
pub mod experiment;
pub mod field;
pub mod intervention;
pub mod metric;
pub mod outcome;
pub mod provenance;
pub mod site;

pub use error::ExperimentError;
pub use experiment::{
    Corruption, Engine, Experiment, Input, InstrumentSettings, RunSettings, TraceKind,
    TraceSettings,
};
pub use field::{Array, Axis, Field, Labels};
pub use intervention::{Action, Intervention, Select};
pub use metric::Metric;
pub use outcome::Outcome;
pub use provenance::Provenance;
pub use site::{Part, Site, SitePattern};
