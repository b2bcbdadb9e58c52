use std::path::PathBuf;

/// What can go wrong with a model; each message is a sentence for the person.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file is missing, unreadable or not what it should be.
    #[error("{what}. Path: {path}", path = path.display())]
    File { what: String, path: PathBuf },
    /// The folder or weights do not describe a network that can be run.
    #[error("{0}")]
    Unusable(String),
    /// The input does not fit the model.
    #[error("{0}")]
    Input(String),
    /// An intervention or a read was asked for at a place that the pass never reached.
    #[error("{0}")]
    NeverReached(String),
    #[error("The computation failed: {0}")]
    Tensor(#[from] candle_core::Error),
    #[error(transparent)]
    Experiment(#[from] whyfinder_experiment::ExperimentError),
}

impl ModelError {
    pub fn file(path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self::File {
            what: what.into(),
            path: path.into(),
        }
    }
}

pub type Result<T> = std::result::Result<T, ModelError>;
