use std::path::PathBuf;

/// What can be wrong with an experiment or with the files of its answer; each message is a sentence for the person.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    #[error("{message}")]
    Invalid { message: String },
    #[error("The experiment is not valid TOML or JSON: {message}. Path: {path}", path = path.display())]
    Syntax { message: String, path: PathBuf },
    #[error(
        "There is no site named \"{name}\". Sites look like blocks.3.attn.hook_pattern; `whyfinder inspect MODEL` lists them."
    )]
    UnknownSite { name: String },
    #[error("Could not {what}: {}. Path: {path}", in_words(source), path = path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
}

impl ExperimentError {
    /// An error whose message is the whole sentence.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid {
            message: message.into(),
        }
    }
}

/// What the system says of a file, in plain words first where there are some.
fn in_words(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    let words = match error.kind() {
        ErrorKind::PermissionDenied => "this account is not allowed to",
        ErrorKind::ReadOnlyFilesystem => "the disk can only be read",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full",
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            "a file stands where a folder is needed"
        }
        ErrorKind::IsADirectory => "a folder stands in the file's place",
        _ => return error.to_string(),
    };
    format!("{words} ({error})")
}
