//! The named tensors of a weights file, whatever its format.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::element_type::ElementType;
use crate::error::{ModelError, Result};
use crate::safetensors_header;
use crate::source::{OpenSource, Source, name_of};
pub use crate::stored_tensor::StateTensor;
use crate::stored_tensor::{Content, Storage};
use crate::torch_file;

/// What wrappers for training on several devices put before every name.
const PREFIXES: [&str; 2] = ["module.", "netG."];

/// How a weights file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightsFormat {
    Safetensors,
    /// PyTorch 1.6 and later: an archive.
    TorchZip,
    /// PyTorch before 1.6: pickles in a row.
    TorchLegacy,
}

impl WeightsFormat {
    /// `safetensors`, `PyTorch`, `PyTorch (legacy)`.
    pub fn name(self) -> &'static str {
        match self {
            WeightsFormat::Safetensors => "safetensors",
            WeightsFormat::TorchZip => "PyTorch",
            WeightsFormat::TorchLegacy => "PyTorch (legacy)",
        }
    }
}

/// Tensors by name, as a network's authors named them. The numbers stay in the file until they are asked for.
#[derive(Clone, Debug)]
pub struct StateDict {
    file: Arc<OpenSource>,
    path: PathBuf,
    format: WeightsFormat,
    file_bytes: u64,
    digest: String,
    wrapper: Option<String>,
    tensors: BTreeMap<String, StateTensor>,
}

impl StateDict {
    /// In alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// In the alphabetical order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &StateTensor)> {
        self.tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor))
    }

    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    pub fn get(&self, name: &str) -> Option<&StateTensor> {
        self.tensors.get(name)
    }

    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.get(name).map(StateTensor::shape)
    }

    /// # Errors
    /// A sentence with the name, if there is no such tensor.
    pub fn tensor(&self, name: &str) -> Result<&StateTensor> {
        self.get(name).ok_or_else(|| {
            ModelError::file(
                &self.path,
                format!(
                    "{} has no tensor \"{name}\", which its network needs",
                    name_of(&self.path)
                ),
            )
        })
    }

    /// The values in float32, row-major; of integers too.
    ///
    /// # Errors
    /// A sentence if there is no such tensor, the file cannot be read, a value is NaN or infinite, or the numbers are
    /// of a type that is no weight.
    pub fn load(&self, name: &str) -> Result<Vec<f32>> {
        self.tensor(name)?.floats(name)
    }

    /// The values of a tensor of integers or booleans, row-major.
    ///
    /// # Errors
    /// A sentence if there is no such tensor, the file cannot be read, or the numbers are no integers.
    pub fn load_integers(&self, name: &str) -> Result<Vec<i64>> {
        self.tensor(name)?.integers(name)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn format(&self) -> WeightsFormat {
        self.format
    }

    /// Size of the file, bytes.
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Whether the tensors that were taken so far are of one content, that of the digest.
    ///
    /// # Errors
    /// If another program has written the file meanwhile.
    pub fn check_unchanged(&self) -> Result<()> {
        self.file.check_unchanged()
    }

    /// BLAKE3 of the file, hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The key whose value the tensors were, such as `params_ema`; none if they lay bare.
    pub fn wrapper(&self) -> Option<&str> {
        self.wrapper.as_deref()
    }
}

/// Reads the file at `path`, as [`StateDict`] says; its format is told from its first bytes, not from its name.
///
/// Of a PyTorch file nothing is ever executed: what is not plain data or a tensor is refused by name.
///
/// # Errors
/// A sentence that says what is wrong and where the file lies.
pub fn read_file(path: &Path) -> Result<StateDict> {
    read(&Source::File(path.to_path_buf()))
}

pub(crate) fn read(source: &Source) -> Result<StateDict> {
    let file = Arc::new(source.open()?);
    let (format, wrapper, tensors) = match torch_file::format_of(&file)? {
        Some(format) => {
            let contents = torch_file::read(&file, format)?;
            (format, contents.wrapper, contents.tensors)
        }
        None if is_torch_name(&file.path) => {
            return Err(ModelError::file(
                &file.path,
                format!(
                    "{} does not begin as a PyTorch file does, so it is another file or cut off; download it again",
                    name_of(&file.path)
                ),
            ));
        }
        None => (WeightsFormat::Safetensors, None, safetensors(&file)?),
    };
    if tensors.is_empty() {
        return Err(ModelError::file(
            &file.path,
            format!("{} holds no tensors", name_of(&file.path)),
        ));
    }
    Ok(StateDict {
        digest: file.digest()?.to_hex().to_string(),
        file: Arc::clone(&file),
        path: file.path.clone(),
        format,
        file_bytes: file.length,
        wrapper,
        tensors: without_prefixes(tensors),
    })
}

/// Whether a file's name promises one of PyTorch's.
pub(crate) fn is_torch_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["pth", "pt", "ckpt", "bin"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

fn safetensors(file: &Arc<OpenSource>) -> Result<BTreeMap<String, StateTensor>> {
    safetensors_header::read(file)?
        .into_iter()
        .map(|(name, entry)| {
            let storage = Storage {
                content: Content::File(Arc::clone(file), entry.offset),
                element: ElementType::of_safetensors(&entry.dtype, entry.stored),
                count: entry.elements() as u64,
                big_endian: false,
            };
            let tensor = StateTensor::whole(storage, entry.shape).ok_or_else(|| {
                ModelError::file(
                    &file.path,
                    format!("The tensor \"{name}\" has an impossible shape"),
                )
            })?;
            Ok((name, tensor))
        })
        .collect()
}

/// Takes off each prefix that all names have.
fn without_prefixes(mut tensors: BTreeMap<String, StateTensor>) -> BTreeMap<String, StateTensor> {
    for prefix in PREFIXES {
        if tensors.keys().all(|name| name.starts_with(prefix)) {
            tensors = tensors
                .into_iter()
                .map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor))
                .collect();
        }
    }
    tensors
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A safetensors file of `(name, dtype, shape, bytes)`.
    fn file(tensors: &[(&str, &str, &[usize], &[u8])]) -> Source {
        let mut header = serde_json::Map::new();
        let mut data = Vec::new();
        for (name, dtype, shape, bytes) in tensors {
            let start = data.len();
            data.extend_from_slice(bytes);
            header.insert(
                (*name).to_owned(),
                serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]}),
            );
        }
        let header = serde_json::Value::Object(header).to_string();
        let mut whole = (header.len() as u64).to_le_bytes().to_vec();
        whole.extend_from_slice(header.as_bytes());
        whole.extend_from_slice(&data);
        Source::Bundled(whole.leak(), PathBuf::from("demo:tiny/weights.safetensors"))
    }

    #[test]
    fn safetensors_are_read_and_prefixes_go_if_all_have_them() {
        let weights = [1.0_f32, -2.5].map(f32::to_le_bytes).concat();
        let index = [3_i64, -4].map(i64::to_le_bytes).concat();
        let both = file(&[
            ("module.netG.a", "F32", &[2, 1], &weights),
            ("module.netG.index", "I64", &[2], &index),
        ]);
        let read = read(&both).expect("readable");
        assert_eq!(read.names().collect::<Vec<_>>(), ["a", "index"]);
        assert_eq!(read.shape("a"), Some(&[2, 1][..]));
        assert_eq!(read.load("a").expect("floats"), [1.0, -2.5]);
        assert_eq!(read.load("index").expect("floats"), [3.0, -4.0]);
        assert_eq!(read.load_integers("index").expect("integers"), [3, -4]);
        assert!(read.load_integers("a").is_err());
        let missing = read.load("b").expect_err("no such tensor").to_string();
        assert!(missing.contains("\"b\""), "{missing}");
        assert_eq!(read.digest().len(), 64);
    }

    #[test]
    fn a_prefix_of_some_stays() {
        let some = file(&[
            ("module.a", "U8", &[1], &[255]),
            ("b", "I8", &[1], &[255]),
            ("c", "BOOL", &[2], &[0, 1]),
        ]);
        let read = read(&some).expect("readable");
        assert_eq!(read.names().collect::<Vec<_>>(), ["b", "c", "module.a"]);
        assert_eq!(read.load_integers("module.a").expect("integers"), [255]);
        assert_eq!(read.load_integers("b").expect("integers"), [-1]);
        assert_eq!(read.load_integers("c").expect("integers"), [0, 1]);
    }
}
