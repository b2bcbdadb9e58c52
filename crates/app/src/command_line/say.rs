//! Standard output.

use std::fmt::Display;
use std::io::{ErrorKind, Write, stdout};

use super::command_error::CommandError;

/// Prints a result and ends the line.
///
/// # Errors
/// If it cannot be written; a reader that has heard enough (`whyfinder inspect MODEL | head`) is no failure.
pub(crate) fn say(text: impl Display) -> Result<(), CommandError> {
    let mut out = stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CommandError::failed(format!(
            "The result could not be written to standard output: {error}."
        ))),
        _ => Ok(()),
    }
}
