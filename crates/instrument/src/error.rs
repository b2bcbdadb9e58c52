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

/// Of little memory a need is told apart from what is a bit less.
fn mebibytes(bytes: u64) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    match mebibytes < 10.0 {
        true => format!("{mebibytes:.2}"),
        false => format!("{:.0}", mebibytes.ceil()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_is_another_number_than_what_may_be_used() {
        let error = InstrumentError::Memory {
            needed_bytes: 1 << 20,
            available_bytes: 900 << 10,
            advice: "shorten the prompt",
        };
        assert_eq!(
            error.to_string(),
            "The run needs 1.00 MiB of memory beside the model, but only 0.88 MiB may be used; shorten the prompt."
        );
        assert_eq!(mebibytes((40 << 20) + 1), "41");
    }
}
