//! Figures as files.

use std::path::Path;

use whyfinder_experiment::write_whole;

use crate::FigureError;

/// Writes a file whole or not at all; its folder is made if need be.
///
/// # Errors
/// If the folder or the file cannot be written; a file that was there stays as it was.
pub fn save(path: &Path, bytes: &[u8]) -> Result<(), FigureError> {
    Ok(write_whole(path, "save the figure", bytes)?)
}
