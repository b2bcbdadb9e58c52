use std::path::PathBuf;

/// What can go wrong while a world is made or a model is trained in it; each message is a sentence for the person.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    #[error("Could not {what}: {source}. Path: {path}", path = path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    /// A file is there but is not what it should be.
    #[error("{what}. Path: {path}", path = path.display())]
    Unreadable { what: String, path: PathBuf },
    #[error("The tokenizer could not be trained: {0}.")]
    Tokenizer(String),
    /// A word of the world is not what the world needs it to be.
    #[error("{0}")]
    Word(String),
    /// A parameter got no gradient, or the loss is not a number.
    #[error("Training stopped at step {step}: {what}.")]
    Training { step: u64, what: String },
    #[error("The computation failed: {0}")]
    Tensor(#[from] candle_core::Error),
    #[error(transparent)]
    Model(#[from] whyfinder_model::ModelError),
}

impl WorldError {
    pub(crate) fn file(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }
}

pub type Result<T> = std::result::Result<T, WorldError>;
