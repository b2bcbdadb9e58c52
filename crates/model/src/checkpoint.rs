//! The tensors of one or several safetensors files as one table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use rayon::prelude::*;

use crate::error::{ModelError, Result};
use crate::safetensors_header::{self, Entry, Stored};
use crate::source::{OpenSource, Source, name_of};

/// Read at a time; small enough to stay in the cache while it is converted.
const CHUNK: usize = 1 << 18;

/// An index of shards has a name per tensor; this allows for a million of them.
const LONGEST_INDEX: u64 = 256 << 20;

#[derive(Debug)]
pub(crate) struct Checkpoint {
    files: Vec<OpenSource>,
    entries: BTreeMap<String, (usize, Entry)>,
}

impl Checkpoint {
    /// Opens the files and reads their headers. `index` is the JSON that says which tensor lies in which of them.
    pub(crate) fn open(sources: &[Source], index: Option<&Source>) -> Result<Self> {
        let mut files = Vec::with_capacity(sources.len());
        let mut entries: BTreeMap<String, (usize, Entry)> = BTreeMap::new();
        for source in sources {
            let file = source.open()?;
            for (tensor, entry) in safetensors_header::read(&file)? {
                if let Some((first, _)) = entries.get(&tensor) {
                    return Err(ModelError::file(
                        &file.path,
                        format!(
                            "The tensor \"{tensor}\" lies in two files, {} and {}",
                            name_of(&files_path(&files, *first)),
                            name_of(&file.path)
                        ),
                    ));
                }
                entries.insert(tensor, (files.len(), entry));
            }
            files.push(file);
        }
        let checkpoint = Self { files, entries };
        if let Some(index) = index {
            checkpoint.holds_what_is_promised(index)?;
        }
        Ok(checkpoint)
    }

    fn holds_what_is_promised(&self, index: &Source) -> Result<()> {
        for (tensor, file) in read_index(index)? {
            let there = self.entries.get(&tensor);
            if there.is_none_or(|(at, _)| name_of(&self.files[*at].path) != file) {
                return Err(ModelError::file(
                    index.path(),
                    format!(
                        "{} says that {file} holds the tensor \"{tensor}\", and it does not; download the model again",
                        name_of(index.path())
                    ),
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub(crate) fn entry(&self, tensor: &str) -> Option<&Entry> {
        self.entries.get(tensor).map(|(_, entry)| entry)
    }

    /// Where messages about the whole checkpoint point.
    pub(crate) fn path(&self) -> &Path {
        self.files
            .first()
            .map_or(Path::new(""), |file| file.path.as_path())
    }

    pub(crate) fn path_of(&self, tensor: &str) -> &Path {
        self.entries
            .get(tensor)
            .map_or(self.path(), |(at, _)| self.files[*at].path.as_path())
    }

    /// Bytes of all files.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.length).sum()
    }

    /// The values in float32, row-major. Refuses NaN and infinities, and types that are no weights.
    pub(crate) fn read(&self, tensor: &str) -> Result<Vec<f32>> {
        let Some((at, entry)) = self.entries.get(tensor) else {
            return Err(ModelError::file(
                self.path(),
                format!("The weights have no tensor \"{tensor}\""),
            ));
        };
        let file = &self.files[*at];
        let refuse = |what: String| ModelError::file(&file.path, what);
        if let Stored::Other(kind, _) = entry.stored {
            return Err(refuse(format!(
                "The tensor \"{tensor}\" is stored in {kind}; quantised weights cannot be read, only f32, f16, bf16 and f64"
            )));
        }
        let mut values: Vec<f32> = Vec::with_capacity(entry.elements());
        let mut buffer = vec![0; CHUNK.min(entry.bytes as usize)];
        let mut halves = Vec::new();
        let mut done = 0;
        while done < entry.bytes {
            let count = (buffer.len() as u64).min(entry.bytes - done) as usize;
            let bytes = &mut buffer[..count];
            file.read_at(bytes, entry.offset + done)?;
            let start = values.len();
            append(entry.stored, bytes, &mut halves, &mut values);
            // Folded without a branch, so that the compiler can look at many values at once.
            let bad = values[start..]
                .iter()
                .fold(false, |bad, value| bad | !value.is_finite());
            if bad {
                return Err(refuse(format!(
                    "The tensor \"{tensor}\" holds values that are NaN or infinite, so every result would be; the weights are damaged or their training diverged"
                )));
            }
            done += count as u64;
        }
        Ok(values)
    }

    /// BLAKE3 of the weights, hex: of the file, or of the shards' digests (32 bytes each) in the order of their names.
    pub(crate) fn digest(&self) -> Result<String> {
        digest_of(&self.files)
    }

    /// # Errors
    /// If one of the files was written since it was opened.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        self.files.iter().try_for_each(OpenSource::check_unchanged)
    }

    pub(crate) fn into_files(self) -> Vec<OpenSource> {
        self.files
    }
}

/// As [`Checkpoint::digest`], of its files alone.
///
/// # Errors
/// If one cannot be read, or was written since it was opened.
pub(crate) fn digest_of(files: &[OpenSource]) -> Result<String> {
    let mut digests: Vec<(&Path, blake3::Hash)> = files
        .par_iter()
        .map(|file| Ok((file.path.as_path(), file.digest()?)))
        .collect::<Result<_>>()?;
    digests.sort_by_key(|(path, _)| *path);
    match digests.as_slice() {
        [(_, only)] => Ok(only.to_hex().to_string()),
        many => {
            let mut whole = blake3::Hasher::new();
            for (_, digest) in many {
                whole.update(digest.as_bytes());
            }
            Ok(whole.finalize().to_hex().to_string())
        }
    }
}

fn files_path(files: &[OpenSource], at: usize) -> std::path::PathBuf {
    files
        .get(at)
        .map(|file| file.path.clone())
        .unwrap_or_default()
}

/// Decodes little-endian floats behind `values`; `halves` is scratch.
pub(crate) fn append(stored: Stored, bytes: &[u8], halves: &mut Vec<u16>, values: &mut Vec<f32>) {
    match stored {
        Stored::F32 => values.extend(
            bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|chunk| f32::from_le_bytes(*chunk)),
        ),
        Stored::F64 => values.extend(
            bytes
                .as_chunks::<8>()
                .0
                .iter()
                .map(|chunk| f64::from_le_bytes(*chunk) as f32),
        ),
        Stored::Bf16 => values.extend(
            bytes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|chunk| f32::from_bits(u32::from(u16::from_le_bytes(*chunk)) << 16)),
        ),
        Stored::F16 => {
            halves.clear();
            halves.extend(
                bytes
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|chunk| u16::from_le_bytes(*chunk)),
            );
            let start = values.len();
            values.resize(start + halves.len(), 0.0);
            halves
                .as_slice()
                .reinterpret_cast::<half::f16>()
                .convert_to_f32_slice(&mut values[start..]);
        }
        Stored::Other(..) => {}
    }
}

#[derive(serde::Deserialize)]
struct RawIndex {
    weight_map: BTreeMap<String, String>,
}

/// Tensor to file name, as an index of shards tells it. Only plain names of files beside the index are let through.
pub(crate) fn read_index(index: &Source) -> Result<BTreeMap<String, String>> {
    let path = index.path();
    let name = name_of(path);
    let raw: RawIndex = serde_json::from_slice(&index.read_whole(LONGEST_INDEX)?)
        .map_err(|error| ModelError::file(path, format!("{name} cannot be understood: {error}")))?;
    if raw.weight_map.is_empty() {
        return Err(ModelError::file(path, format!("{name} names no tensors")));
    }
    let files: BTreeSet<&String> = raw.weight_map.values().collect();
    for file in files {
        let mut parts = Path::new(file).components();
        let plain = matches!(
            (parts.next(), parts.next()),
            (Some(Component::Normal(_)), None)
        );
        if !plain || file.contains(['\\', '/']) {
            return Err(ModelError::file(
                path,
                format!(
                    "{name} names the file \"{file}\", which is not a plain file name beside it"
                ),
            ));
        }
    }
    Ok(raw.weight_map)
}
