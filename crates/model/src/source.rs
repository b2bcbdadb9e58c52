//! Bytes that lie in a file or inside the program.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

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
        let length = match self {
            Source::Bundled(bytes, _) => return Ok(Cow::Borrowed(bytes)),
            Source::File(path) => std::fs::metadata(path)
                .map_err(|error| unreadable(path, &error))?
                .len(),
        };
        if length > limit {
            return Err(ModelError::file(
                path,
                format!(
                    "{} has {length} bytes, which is more than such a file can sensibly have ({limit})",
                    name_of(path)
                ),
            ));
        }
        std::fs::read(path)
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
                let file = File::open(path).map_err(|error| unreadable(path, &error))?;
                let length = file
                    .metadata()
                    .map_err(|error| unreadable(path, &error))?
                    .len();
                Ok(OpenSource {
                    bytes: Bytes::File(file),
                    length,
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
    File(File),
    Bundled(&'static [u8]),
}

impl OpenSource {
    /// Fills `into` with the bytes from `offset` on.
    pub(crate) fn read_at(&self, into: &mut [u8], offset: u64) -> Result<()> {
        match &self.bytes {
            Bytes::File(file) => {
                read_exact_at(file, into, offset).map_err(|error| unreadable(&self.path, &error))
            }
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

    /// BLAKE3 of the whole content.
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
