//! What is asked of the worker and what it answers.

use std::path::PathBuf;
use std::sync::Arc;

use whyfinder_experiment::{AttentionRecord, Experiment, Outcome};
use whyfinder_instrument::Report;
use whyfinder_model::kernel::attention_tile::{Tile, TileId};

/// Names a job; chosen by the asker, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

#[derive(Clone, Debug)]
pub enum Request {
    /// Loads a model (or finds it loaded) and makes it the one for tokenising.
    Open { model: String },
    /// Splits a prompt with the tokenizer of `model`; `ticket` comes back with the answer.
    Tokenize {
        model: String,
        text: String,
        ticket: u64,
    },
    /// Runs an experiment; its model is opened when it is not open yet.
    Start { job: JobId, experiment: Experiment },
    /// Says what an experiment would cost, without running it.
    Estimate { job: JobId, experiment: Experiment },
    /// Computes tiles of a head's attention, beside whatever else runs. What an earlier request of this kind asked for
    /// and has not been begun is dropped: only what is in view matters.
    Tiles(TileRequest),
}

/// Tiles of one head, the most wanted first.
#[derive(Clone, Debug)]
pub struct TileRequest {
    pub record: Arc<AttentionRecord>,
    pub head: usize,
    pub tiles: Vec<TileId>,
}

#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "events are few, and each is sent once"
)]
pub enum Event {
    Opening {
        model: String,
    },
    Opened(Arc<OpenedModel>),
    OpenFailed {
        model: String,
        message: String,
    },
    Tokenized(Tokenized),
    Queued {
        job: JobId,
    },
    Started {
        job: JobId,
    },
    Report {
        job: JobId,
        report: Report,
    },
    Finished {
        job: JobId,
        outcome: Arc<Outcome>,
        cached: bool,
    },
    Estimated {
        job: JobId,
        estimate: Estimate,
    },
    /// A tile that was asked for; it has no cells if it lies outside its head.
    Tile(Arc<Tile>),
    /// Of a worker that keeps what is measured while it runs.
    Kept {
        job: JobId,
        kept: Kept,
    },
    Cancelled {
        job: JobId,
    },
    Failed {
        job: JobId,
        message: String,
    },
}

/// What became of keeping a run that may be interrupted.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    /// What is measured goes into this file, which is of no use once the result is written.
    In(PathBuf),
    /// The run goes on where an earlier one was interrupted, with its cells and its larger parts.
    TakenUp {
        cells: usize,
        parts: usize,
        seconds: f64,
    },
    /// A file of another run lies there, and is left alone; `why` completes "a run ...".
    Other { path: PathBuf, why: String },
    /// A sentence: something could not be kept, or not be read.
    Not(String),
}

/// What the window needs to know of an open model.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenedModel {
    /// As it was asked for.
    pub reference: String,
    /// Short name for the title.
    pub name: String,
    /// Family in words, such as `GPT-2`.
    pub family: String,
    pub architecture: String,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub d_model: usize,
    pub vocab: usize,
    pub max_positions: usize,
    pub parameters: u64,
    pub bytes: u64,
    pub dtype: String,
    pub device: String,
    /// Worst absolute difference of logits from the reference implementation, where the bundled reference covers
    /// these weights.
    pub parity: Option<f32>,
    /// Set if the network turns images into images; the sizes of language models are then 0.
    pub image: Option<ImageNetwork>,
}

/// What the window needs to know of a network that turns images into images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageNetwork {
    /// Pixels of the output for one of the input, along each side.
    pub scale: usize,
    /// Colours: 1 or 3.
    pub channels: usize,
    /// Standard deviation of the noise that it was made for, 0 to 255.
    pub sigma: Option<f64>,
    /// Side of its attention windows, input pixels, where it has them.
    pub window: Option<usize>,
    /// Heads in each of its layers of window attention.
    pub heads: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tokenized {
    pub ticket: u64,
    pub model: String,
    pub text: String,
    pub ids: Vec<u32>,
    /// Each token as text; a leading space is kept as a space.
    pub tokens: Vec<String>,
    /// Byte span of each token in `text`; empty for tokens that are not in it.
    pub spans: Vec<(usize, usize)>,
    /// Set if the text could not be split.
    pub error: Option<String>,
}

/// What an experiment would cost. Of one on images that does not fit into memory only the bytes are known; the other
/// numbers are NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub bytes: u64,
    /// The most that may be used.
    pub budget_bytes: u64,
    /// Bytes of the result's arrays, at most; 0 where the memory does not do.
    pub result_bytes: u64,
    /// Batch rows through the whole network.
    pub passes: f64,
    pub passes_plain: f64,
    pub seconds: f64,
}
