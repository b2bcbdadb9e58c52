//! Files that are there whole or not at all.

use std::{io::Write, path::Path};

use crate::FigureError;

/// Writes a file by way of a temporary one beside it, so that a half-written figure is never seen.
///
/// # Errors
/// If the folder does not exist or cannot be written to.
pub fn save(path: &Path, bytes: &[u8]) -> Result<(), FigureError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        file.write_all(bytes)?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    });
    written.map_err(|e| FigureError::Save {
        path: path.to_path_buf(),
        reason: e.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_a_missing_folder_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("figure.svg");
        save(&path, b"one").expect("written");
        save(&path, b"two").expect("replaced");
        assert_eq!(std::fs::read(&path).expect("there"), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 1);
        let missing = folder.path().join("none").join("figure.svg");
        let message = save(&missing, b"x").expect_err("no folder").to_string();
        assert!(
            message.ends_with(&missing.display().to_string()),
            "{message}"
        );
    }
}
