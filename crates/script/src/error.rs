use whyfinder_experiment::ExperimentError;
use whyfinder_model::ModelError;

/// Why there is no script; each message is a sentence for the person.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The experiment cannot be repeated in Python, and why.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
}

impl ScriptError {
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::Refused(message.into())
    }
}
