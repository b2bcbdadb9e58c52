//! `--out DIR`, looked at before hours are spent on what goes into it.

use std::fs::{self, File};
use std::path::Path;

use super::command_error::CommandError;

/// Tries whether a folder can be made and written, and leaves everything as it was.
///
/// # Errors
/// If it cannot.
pub(crate) fn check(folder: &Path) -> Result<(), CommandError> {
    let there = folder
        .ancestors()
        .map(|f| {
            if f.as_os_str().is_empty() {
                Path::new(".")
            } else {
                f
            }
        })
        .find(|f| f.exists())
        .unwrap_or(folder);
    let trial = there.join(format!(".whyfinder-{}", std::process::id()));
    File::create_new(&trial)
        .and_then(|_| fs::remove_file(&trial))
        .map_err(|error| {
            CommandError::failed(format!(
                "Nothing can be written there: {error}. Path: {}",
                folder.display()
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_could_be_made_is_not_made() {
        let folder = tempfile::tempdir().expect("a folder");
        check(&folder.path().join("a/b")).expect("could be made");
        assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 0);
        check(Path::new("no-such-folder-here")).expect("relative to here");
    }

    #[test]
    fn a_file_in_the_way_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("writes");
        for taken in [file.clone(), file.join("deeper")] {
            let message = check(&taken).expect_err("a file is no folder").to_string();
            assert!(message.ends_with(&taken.display().to_string()), "{message}");
        }
    }
}
