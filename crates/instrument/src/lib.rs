//! How an effect is measured: one file per instrument.
//!
//! An instrument turns an experiment into fields and reports on the way. This room knows the model and the
//! experiment; it must never know egui, wgpu or threads.

mod answer;
mod attention_places;
mod attention_recorder;
mod attribution;
mod causal_effect_map;
mod causal_trace;
mod cells;
mod continuation;
mod corruption;
pub mod error;
mod estimates;
mod faithfulness;
mod full_pass;
mod gradient;
pub mod image;
mod integrated_gradients;
mod kept;
mod lam;
pub mod measure;
pub mod memory;
mod pace;
mod packs;
mod question;
mod readout;
mod receptive_field;
mod reference_runs;
pub mod report;
mod rise;
mod rounds;
mod run;
mod site_field;
pub mod spread;
mod stopping;
mod student;
mod sums;
mod sweep;
mod watch;
mod window_attention;

pub use error::InstrumentError;
pub use image::{estimate_image, measure_image};
pub use measure::{Cost, estimate, measure};
pub use memory::Budget;
pub use report::{CellTokens, MeasuredCell, Observer, Progress, Report, Stage};
