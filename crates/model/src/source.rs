//! Bytes that lie in a file or inside the program.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use whyfinder_experiment::OutsideFile;

use crate::error::{ModelError, Result};

/// One file of a model.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    File(PathBuf),
    /// A bundled file: its bytes and the path to name in messages.
    Bundled(&'static [u8], PathBuf),
}

impl Source {
    /// The path that messages name.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Source::File(path) | Source::Bundled(_, path) => path,
        }
    }

    /// The whole content; refuses more than `limit` bytes.
    pub(crate) fn read_whole(&self, limit: u64) -> Result<Cow<'static, [u8]>> {
        let (Source::File(path) | Source::Bundled(_, path)) = self;
        let file = match self {
            Source::Bundled(bytes, _) => return Ok(Cow::Borrowed(bytes)),
            Source::File(path) => {
                OutsideFile::open(path).map_err(|error| unreadable(path, &error))?
            }
        };
        let length = file.length();
        if length > limit {
            return Err(ModelError::file(
                path,
                format!(
                    "{} has {length} bytes, which is more than such a file can sensibly have ({limit})",
                    name_of(path)
                ),
            ));
        }
        file.read_to_end(limit)
            .map(Cow::Owned)
            .map_err(|error| unreadable(path, &error))
    }

    pub(crate) fn open(&self) -> Result<OpenSource> {
        match self {
            Source::Bundled(bytes, path) => Ok(OpenSource {
                bytes: Bytes::Bundled(bytes),
                length: bytes.len() as u64,
                path: path.clone(),
            }),
            Source::File(path) => {
                let file = OutsideFile::open(path).map_err(|error| unreadable(path, &error))?;
                Ok(OpenSource {
                    length: file.length(),
                    bytes: Bytes::File(file),
                    path: path.clone(),
                })
            }
        }
    }
}

/// A source that can be read from several threads at once, at any offset.
///
/// Read by position and not by memory map: a file that shrinks while it is read is then an error and not a fault.
#[derive(Debug)]
pub(crate) struct OpenSource {
    bytes: Bytes,
    pub(crate) length: u64,
    pub(crate) path: PathBuf,
}

#[derive(Debug)]
enum Bytes {
    File(OutsideFile),
    Bundled(&'static [u8]),
}

impl OpenSource {
    /// Fills `into` with the bytes from `offset` on.
    pub(crate) fn read_at(&self, into: &mut [u8], offset: u64) -> Result<()> {
        match &self.bytes {
            Bytes::File(file) => read_exact_at(file.file(), into, offset)
                .map_err(|error| unreadable(&self.path, &error)),
            Bytes::Bundled(bytes) => {
                let found = usize::try_from(offset)
                    .ok()
                    .and_then(|start| bytes.get(start..start.checked_add(into.len())?));
                match found {
                    Some(found) => {
                        into.copy_from_slice(found);
                        Ok(())
                    }
                    None => Err(unreadable(
                        &self.path,
                        &std::io::ErrorKind::UnexpectedEof.into(),
                    )),
                }
            }
        }
    }

    /// Whether what was read since the opening is of one content. A file that was put in this one's place does not
    /// matter, for the old one stays open.
    ///
    /// # Errors
    /// If the file was written meanwhile.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        match &self.bytes {
            Bytes::File(file) => file
                .check_unchanged()
                .map_err(|error| unreadable(&self.path, &error)),
            Bytes::Bundled(_) => Ok(()),
        }
    }

    /// BLAKE3 of the whole content.
    ///
    /// # Errors
    /// Also if the file was written since it was opened.
    pub(crate) fn digest(&self) -> Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        match &self.bytes {
            Bytes::Bundled(bytes) => {
                hasher.update(bytes);
            }
            Bytes::File(_) => {
                let mut buffer = vec![0; (1 << 20).min(self.length as usize)];
                let mut offset = 0;
                while offset < self.length {
                    let count = (buffer.len() as u64).min(self.length - offset) as usize;
                    self.read_at(&mut buffer[..count], offset)?;
                    hasher.update(&buffer[..count]);
                    offset += count as u64;
                }
            }
        }
        self.check_unchanged()?;
        Ok(hasher.finalize())
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, into: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut into: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !into.is_empty() {
        match file.seek_read(into, offset)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => {
                into = &mut into[count..];
                offset += count as u64;
            }
        }
    }
    Ok(())
}

/// The last part of a path, for messages.
pub(crate) fn name_of(path: &Path) -> Cow<'_, str> {
    path.file_name()
        .map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy())
}

fn unreadable(path: &Path, error: &std::io::Error) -> ModelError {
    ModelError::file(path, format!("Could not read {}: {error}", name_of(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_while_it_is_open_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("weights");
        std::fs::write(&path, "first").expect("writes");
        let open = Source::File(path.clone()).open().expect("opens");
        let first = open.digest().expect("nothing has changed");

        // Another one in its place: the one that is open stays.
        let beside = folder.path().join("beside");
        std::fs::write(&beside, "other").expect("writes");
        std::fs::rename(&beside, &path).expect("renames");
        assert_eq!(open.digest().expect("still the old one"), first);

        // Written over in place.
        let open = Source::File(path.clone()).open().expect("opens");
        std::fs::write(&path, "longer than before").expect("writes");
        let message = open.digest().expect_err("mixed").to_string();
        assert!(
            message.contains("while it was read") && message.contains("weights"),
            "{message}"
        );
        std::fs::write(&path, "no").expect("writes");
        assert!(open.check_unchanged().is_err(), "shorter");
    }
}
