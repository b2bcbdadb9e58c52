use std::path::PathBuf;

use crate::{ForeignArray, Plan};

/// Why a file could not be taken over; each message is a sentence for the person.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("Could not read the file: {source}. Path: {path}", path = path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{message}")]
    Refused { message: String },
    /// What the file means has to be said.
    #[error("{message}")]
    Unclear {
        message: String,
        /// The likeliest reading.
        guess: Box<Plan>,
    },
}

impl ImportError {
    /// An error whose message is the whole sentence.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::Refused {
            message: message.into(),
        }
    }

    /// The error of an array of no numbers, whatever its sides.
    pub(crate) fn holds_nothing(array: &ForeignArray) -> Self {
        Self::refused(format!("{} holds nothing.", array.words()))
    }
}
