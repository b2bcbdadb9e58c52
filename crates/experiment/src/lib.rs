//! What is asked and what is answered.
//!
//! An [`Experiment`] is a small text file: model, input, instrument, settings, seed. Its answer is a set of
//! [`Field`]s: labelled arrays with uncertainty. Both can be written to disk and read back.
//!
//! This room knows serde and file formats. It must never know candle, egui or wgpu.

pub mod attention;
mod attention_files;
pub mod date;
pub mod difference;
pub mod disk;
mod document;
pub mod error;
pub mod experiment;
pub mod field;
pub mod image_experiment;
pub mod import_settings;
mod input_section;
pub mod intervention;
mod keys;
pub mod metric;
pub mod npy;
pub mod numpy_random;
pub mod outcome;
pub mod outside_file;
mod overrides;
pub mod partial;
pub mod picture;
pub mod provenance;
pub mod read;
pub mod result_read;
pub mod result_write;
pub mod schema;
pub mod site;
pub mod validate;
mod validate_image;
mod validate_stopping;
pub mod whole_file;
pub mod write;

pub use attention::AttentionRecord;
pub use difference::{Difference, DifferenceErrors, floor_of, subtract};
pub use error::ExperimentError;
pub use experiment::{
    Corruption, Engine, Experiment, Input, InstrumentSettings, RunSettings, TraceKind,
    TraceSettings,
};
pub use field::{Array, Axis, Field, Labels};
pub use image_experiment::{ImageInput, ImageMethod, ImageSource, ImageTask};
pub use import_settings::{ImportForm, ImportSettings, ImportedFile};
pub use intervention::{Action, Intervention, Select};
pub use metric::Metric;
pub use npy::read_npy;
pub use numpy_random::RandomState;
pub use outcome::Outcome;
pub use outside_file::{OutsideFile, read_at_most};
pub use picture::{Picture, ReadPicture, read_picture};
pub use provenance::Provenance;
pub use read::{parse_experiment, read_experiment};
pub use result_read::read_result;
pub use result_write::{pack_fields, write_result};
pub use site::{Part, Site, SitePattern};
pub use validate::validate;
pub use whole_file::write_whole;
pub use write::{digest, to_json, to_toml, write_experiment};
