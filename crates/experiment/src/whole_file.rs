//! Files that are there whole or not at all.

use std::fs;
use std::io::Write;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::ExperimentError;

/// Writes a file through a temporary one in the same folder, which is made if need be.
///
/// # Errors
/// If the folder or the file cannot be written; a file that was there stays as it was. `what` completes
/// "Could not ...".
pub fn write_whole(path: &Path, what: &'static str, bytes: &[u8]) -> Result<(), ExperimentError> {
    stage(path, what, bytes)?.put()
}

/// A file written beside its place, not yet in it.
#[derive(Debug)]
pub(crate) struct Staged<'a> {
    file: NamedTempFile,
    path: &'a Path,
    what: &'static str,
}

pub(crate) fn stage<'a>(
    path: &'a Path,
    what: &'static str,
    bytes: &[u8],
) -> Result<Staged<'a>, ExperimentError> {
    staged(path, what, |file| {
        file.write_all(bytes)?;
        file.sync_all()
    })
}

/// A file that is filled beside its place.
pub(crate) fn staged<'a>(
    path: &'a Path,
    what: &'static str,
    fill: impl FnOnce(&mut fs::File) -> std::io::Result<()>,
) -> Result<Staged<'a>, ExperimentError> {
    let error = |source| ExperimentError::File {
        what,
        path: path.to_path_buf(),
        source,
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(error)?;
    let mut file = tempfile::Builder::new()
        .prefix(".whyfinder-")
        .tempfile_in(folder)
        .map_err(error)?;
    fill(file.as_file_mut()).map_err(error)?;
    open_to_readers(file.as_file()).map_err(error)?;
    Ok(Staged { file, path, what })
}

impl Staged<'_> {
    pub(crate) fn put(self) -> Result<(), ExperimentError> {
        let Self { file, path, what } = self;
        file.persist(path).map_err(|e| ExperimentError::File {
            what,
            path: path.to_path_buf(),
            source: e.error,
        })?;
        Ok(())
    }
}

/// Temporary files are made for their owner alone; a result is for whoever may read the folder.
#[cfg(unix)]
fn open_to_readers(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn open_to_readers(_file: &fs::File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("inner").join("a.txt");
        write_whole(&path, "write", b"one").expect("writes");
        write_whole(&path, "write", b"two").expect("writes");
        assert_eq!(fs::read(&path).expect("reads"), b"two");
        let beside = fs::read_dir(path.parent().expect("has one")).expect("lists");
        assert_eq!(beside.count(), 1);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, b"x").expect("writes");
        let message = write_whole(&file.join("a.txt"), "write the result", b"x")
            .expect_err("a file is no folder")
            .to_string();
        assert!(
            message.starts_with("Could not write the result"),
            "{message}"
        );
        assert!(message.contains("a.txt"), "{message}");
        assert!(message.contains("a file stands where"), "{message}");
    }
}
