//! Files whose content would be lost.

use std::fs;
use std::path::{Path, PathBuf};

/// The first file that is there and holds something else than what would be written.
pub(crate) fn in_the_way<'a>(
    files: impl IntoIterator<Item = (&'a Path, &'a [u8])>,
) -> Option<PathBuf> {
    let would_be_lost = |path: &Path, bytes: &[u8]| path.is_file() && !holds(path, bytes);
    files
        .into_iter()
        .find(|(path, bytes)| would_be_lost(path, bytes))
        .map(|(path, _)| path.to_path_buf())
}

/// Whether a file holds these bytes, or nothing.
fn holds(path: &Path, bytes: &[u8]) -> bool {
    let Ok(metadata) = path.metadata() else {
        return false;
    };
    if metadata.len() != bytes.len() as u64 {
        return metadata.len() == 0;
    }
    fs::read(path).is_ok_and(|there| there == bytes)
}
