use whyfinder_experiment::ExperimentError;
use whyfinder_model::ModelError;

/// Why there is no measurement; each message is a sentence for the person.
#[derive(Debug, thiserror::Error)]
pub enum InstrumentError {
    #[error("The run was cancelled.")]
    Cancelled,
    /// The experiment cannot be carried out on this model.
    #[error("{0}")]
    Unfit(String),
    #[error(
        "The run needs {needed} MiB of memory beside the model, but only {available} MiB may be used; {advice}.",
        needed = mebibytes(*needed_bytes), available = mebibytes(*available_bytes)
    )]
    Memory {
        needed_bytes: u64,
        available_bytes: u64,
        /// What would need less; completes the sentence.
        advice: &'static str,
    },
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    #[error("The computation failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

impl InstrumentError {
    pub(crate) fn unfit(message: impl Into<String>) -> Self {
        Self::Unfit(message.into())
    }
}

pub type Result<T> = std::result::Result<T, InstrumentError>;

fn mebibytes(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}
