//! Why a command ended without its result.

use std::process::ExitCode;

use whyfinder_experiment::ExperimentError;
use whyfinder_model::ModelError;

/// Each message is one sentence.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// What was asked for cannot be meant; exit code 2.
    #[error("{0}")]
    BadRequest(String),
    /// It could be meant, but came to nothing; exit code 1.
    #[error("{0}")]
    Failed(String),
    /// The worker was told to end the run; exit code 1.
    #[error("The run was cancelled.")]
    Cancelled,
    /// A signal ended it; exit code 128 and the signal's number.
    #[error("{message}")]
    Interrupted { message: String, status: u8 },
}

impl CommandError {
    pub(crate) fn bad_request(message: impl ToString) -> Self {
        Self::BadRequest(message.to_string())
    }

    pub(crate) fn failed(message: impl ToString) -> Self {
        Self::Failed(message.to_string())
    }

    /// The parser's complaint without its usage lines.
    pub(crate) fn misunderstood(error: &clap::Error) -> Self {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let mut paragraphs = text
            .split("\n\n")
            .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
        let mut sentence = paragraphs.next().unwrap_or_default();
        let tips: Vec<_> = paragraphs
            .filter_map(|p| p.strip_prefix("tip: ").map(str::to_string))
            .collect();
        for tip in &tips {
            sentence.push_str("; ");
            sentence.push_str(tip);
        }
        if tips.is_empty() {
            sentence.push_str("; `whyfinder --help` tells more");
        }
        sentence.push('.');
        let mut letters = sentence.chars();
        let sentence = letters.next().map_or(String::new(), |first| {
            first.to_uppercase().chain(letters).collect()
        });
        Self::BadRequest(sentence)
    }

    /// Says it on standard error.
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("{self}");
        match self {
            CommandError::BadRequest(_) => ExitCode::from(2),
            CommandError::Failed(_) | CommandError::Cancelled => ExitCode::from(1),
            CommandError::Interrupted { status, .. } => ExitCode::from(*status),
        }
    }
}

impl From<ExperimentError> for CommandError {
    fn from(error: ExperimentError) -> Self {
        Self::bad_request(error)
    }
}

impl From<ModelError> for CommandError {
    fn from(error: ModelError) -> Self {
        Self::bad_request(error)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::arguments::Arguments;
    use super::*;

    fn said(words: &str) -> String {
        let error = Arguments::try_parse_from(words.split(' ')).expect_err("cannot be meant");
        CommandError::misunderstood(&error).to_string()
    }

    #[test]
    fn the_parsers_complaints_become_one_sentence() {
        for words in [
            "whyfinder run",
            "whyfinder run a.toml",
            "whyfinder run a.toml --out b --thread 2",
            "whyfinder run a.toml --out b --threads 0",
            "whyfinder figure a.npz",
            "whyfinder gallery tower",
            "whyfinder open",
        ] {
            let sentence = said(words);
            assert_eq!(sentence.lines().count(), 1, "{sentence}");
            assert!(sentence.ends_with('.'), "{sentence}");
            assert!(!sentence.contains("Usage"), "{sentence}");
        }
        assert!(said("whyfinder run a.toml").contains("--out <DIR>"));
        assert!(said("whyfinder run a.toml --out b --thread 2").contains("--threads"));
    }
}
