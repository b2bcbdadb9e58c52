//! What is in a file, before anyone knows what it means.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use whyfinder_experiment::OutsideFile;

use crate::array::Limits;
use crate::npy::{self, Stored};
use crate::table::Table;
use crate::{ForeignArray, ImportError, mat, npz, safetensors_file, table};

/// Arrays and texts of one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// In the order of the file.
    pub arrays: Vec<ForeignArray>,
    /// Arrays of texts by name.
    pub texts: BTreeMap<String, Vec<String>>,
    /// Texts that stand beside the arrays, by key.
    pub metadata: BTreeMap<String, String>,
    /// What could not be read, each as `"NAME" WHY`.
    pub unread: Vec<String>,
    /// A long table, which has no arrays.
    pub(crate) table: Option<Table>,
    /// BLAKE3 of the file, hex.
    pub digest: String,
}

impl Contents {
    pub fn array(&self, name: &str) -> Option<&ForeignArray> {
        self.arrays.iter().find(|a| a.name == name)
    }

    /// The only number of the array of that name.
    pub(crate) fn scalar(&self, name: &str) -> Option<f32> {
        self.array(name)?.scalar()
    }

    /// The only text of the array of that name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.texts.get(name)?.as_slice() {
            [text] => Some(text),
            _ => None,
        }
    }
}

/// The format of a file, by its ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Npy,
    Npz,
    Safetensors,
    Mat,
    Table,
}

fn format(path: &Path) -> Option<Format> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    Some(match ending.as_str() {
        "npy" => Format::Npy,
        "npz" => Format::Npz,
        "safetensors" => Format::Safetensors,
        "mat" => Format::Mat,
        "csv" | "tsv" => Format::Table,
        _ => return None,
    })
}

/// Reads all arrays of a file.
///
/// # Errors
/// A sentence if the file cannot be read, is malformed, or does not fit the limits.
pub fn read_contents(path: &Path, limits: Limits) -> Result<Contents, ImportError> {
    let failed = |source| ImportError::File {
        path: path.to_path_buf(),
        source,
    };
    let Some(format) = format(path) else {
        return Err(ImportError::refused(format!(
            "Numbers of other programs are read from .npy, .npz, .safetensors, .mat, .csv and .tsv files, and this is \
             none of them. Path: {}",
            path.display()
        )));
    };
    let opened = OutsideFile::open(path).map_err(failed)?;
    let size = opened.length();
    // Eight bytes for a number are the most that any of the types takes.
    if size > limits.values.saturating_mul(8).saturating_add(1 << 20) {
        return Err(ImportError::refused(format!(
            "The file has {size} bytes, more than is taken into memory. Save a part of its arrays. Path: {}",
            path.display()
        )));
    }
    let mut file = opened.file();
    let digest = digest(&mut file).map_err(failed)?;
    let contents = match format {
        Format::Npy => {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let mut contents = Contents::default();
            match npy::read(&stem, BufReader::new(file), 0, limits)? {
                Stored::Numbers(array) => contents.arrays.push(array),
                Stored::Texts(texts) => {
                    contents.texts.insert(stem.into_owned(), texts);
                }
                Stored::Unreadable(why) => contents.unread.push(format!("\"{stem}\" {why}")),
            }
            Ok(contents)
        }
        Format::Npz => npz::read(BufReader::new(file), limits),
        Format::Safetensors => safetensors_file::read(file, limits),
        Format::Mat | Format::Table => {
            let bytes = opened.read_to_end(size).map_err(failed)?;
            if format == Format::Mat {
                mat::read(&bytes, limits)
            } else {
                table::read(&bytes).map(|table| Contents {
                    table: Some(table),
                    ..Contents::default()
                })
            }
        }
    };
    opened.check_unchanged().map_err(failed)?;
    contents
        .map(|contents| Contents { digest, ..contents })
        .map_err(|error| match error {
            ImportError::Refused { message } => {
                ImportError::refused(format!("{message} Path: {}", path.display()))
            }
            other => other,
        })
}

fn digest(file: &mut &File) -> std::io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        };
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Whether a file is other programs' numbers: neither a result of this program nor the weights of a network. Little of
/// the file is read.
pub fn is_foreign(path: &Path) -> bool {
    let Some(format) = format(path).filter(|_| path.is_file()) else {
        return false;
    };
    match format {
        Format::Npy | Format::Mat | Format::Table => true,
        Format::Npz => !is_result(path),
        Format::Safetensors => holds_patterns(path),
    }
}

fn is_result(path: &Path) -> bool {
    let zip = File::open(path)
        .ok()
        .and_then(|file| zip::ZipArchive::new(BufReader::new(file)).ok());
    // What is no archive is left to the reader of results, which says so.
    zip.is_none_or(|zip| {
        zip.file_names()
            .flatten()
            .any(|name| name == "experiment.npy")
    })
}

/// Whether the names in a safetensors file are those of attention or effects, or its texts say so. Weights have names
/// such as `transformer.h.0.attn.c_attn.weight`.
fn holds_patterns(path: &Path) -> bool {
    let Some((metadata, _)) = File::open(path)
        .ok()
        .and_then(|file| safetensors_file::header(file).ok())
    else {
        return false;
    };
    let said = metadata
        .metadata()
        .iter()
        .flatten()
        .any(|(key, _)| matches!(key.as_str(), "whyfinder" | "tokens" | "tokens_q" | "kind"));
    let names = metadata.offset_keys();
    let is_weight = |name: &String| name.ends_with("weight") || name.ends_with("bias");
    said || !names.is_empty()
        && !names.iter().any(is_weight)
        && names
            .iter()
            .any(|name| crate::recognise::names_attention(name))
}
