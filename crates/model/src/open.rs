//! From a reference to an open model.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use candle_core::Device;

use crate::checkpoint;
use crate::config_json::ConfigJson;
use crate::demo::{DEMOS, demo};
use crate::error::{ModelError, Result};
use crate::family;
use crate::hub;
use crate::language_model::LanguageModel;
use crate::source::{Source, name_of};

const LONGEST_CONFIG: u64 = 64 << 20;

/// How a model is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Where the weights live and passes run.
    pub device: Device,
    /// Where hub names are looked up, in place of [`hub::hub_cache`].
    pub hub_cache: Option<PathBuf>,
    /// Run the reference input that a model may bring, for [`crate::ModelCard::parity`].
    pub measure_parity: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            device: Device::Cpu,
            hub_cache: None,
            measure_parity: true,
        }
    }
}

/// Opens `demo:NAME` (bundled), a folder in Hugging Face layout or a file in it, or a hub name in the local cache,
/// `organisation/name` or `organisation/name@revision`. Nothing is ever downloaded.
///
/// # Errors
/// One sentence that says what is wrong, with what, and where the file lies.
pub fn open(reference: &str, options: &OpenOptions) -> Result<LanguageModel> {
    LanguageModel::load(locate(reference, options)?, options)
}

/// Whether a reference leads to the files of a language model, without opening them.
///
/// # Errors
/// As [`open`], as far as it can be told from the files' names.
pub fn locate_folder(reference: &str, options: &OpenOptions) -> Result<Option<PathBuf>> {
    locate(reference, options).map(|files| files.path)
}

/// A language model's own name of its architecture, such as `GPT2LMHeadModel`, from its configuration alone.
///
/// # Errors
/// As [`open`], as far as it can be told without the weights.
pub fn architecture(reference: &str, options: &OpenOptions) -> Result<String> {
    let files = locate(reference, options)?;
    let (_, config, _) = family::read(&files.config_json()?)?;
    Ok(config.architecture)
}

/// Bytes that the weights of a model will take in memory, told from the files' headers.
///
/// # Errors
/// As [`open`], as far as it can be told without reading the weights.
pub fn size_in_memory(reference: &str, options: &OpenOptions) -> Result<u64> {
    let files = locate(reference, options)?;
    let checkpoint = checkpoint::Checkpoint::open(&files.weights, files.index.as_ref())?;
    let elements: u64 = checkpoint
        .names()
        .filter_map(|tensor| checkpoint.entry(tensor))
        .map(|entry| entry.elements() as u64)
        .sum();
    Ok(4 * elements)
}

/// The device of a name: `cpu`, `cuda`, `cuda:N`, `metal`.
///
/// # Errors
/// A sentence for another name, or a device that is not there or that this build does not know.
pub fn device_named(name: &str) -> Result<Device> {
    let (kind, number) = match name.split_once(':') {
        Some((kind, number)) => (
            kind,
            number.parse().map_err(|_| {
                ModelError::Input(format!(
                    "The device \"{name}\" is not known; devices are cpu, cuda:N and metal."
                ))
            })?,
        ),
        None => (name, 0),
    };
    let failed = |error: candle_core::Error| {
        ModelError::Input(format!(
            "The device {name} cannot be used: {}.",
            error
                .to_string()
                .lines()
                .next()
                .unwrap_or("no reason given")
        ))
    };
    match kind {
        "cpu" if name == "cpu" => Ok(Device::Cpu),
        "cuda" => Device::new_cuda(number).map_err(failed),
        "metal" => Device::new_metal(number).map_err(failed),
        _ => Err(ModelError::Input(format!(
            "The device \"{name}\" is not known; devices are cpu, cuda:N and metal."
        ))),
    }
}

/// Bytes of a graphics card's own memory; `None` where a device has the machine's, or does not say.
pub fn device_memory(device: &Device) -> Option<u64> {
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(card) => {
            let (_, all) = card.cuda_stream().context().mem_get_info().ok()?;
            u64::try_from(all).ok()
        }
        _ => None,
    }
}

/// `cpu`, `cuda:0`, `metal`.
pub(crate) fn device_name(device: &Device) -> String {
    match device.location() {
        candle_core::DeviceLocation::Cpu => "cpu".to_owned(),
        candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        candle_core::DeviceLocation::Metal { .. } => "metal".to_owned(),
    }
}

/// The files of a model.
#[derive(Clone, Debug)]
pub(crate) struct ModelFiles {
    pub(crate) reference: String,
    pub(crate) name: String,
    pub(crate) path: Option<PathBuf>,
    pub(crate) config: Source,
    pub(crate) tokenizer: Source,
    pub(crate) weights: Vec<Source>,
    pub(crate) index: Option<Source>,
    pub(crate) parity: Option<Source>,
}

impl ModelFiles {
    pub(crate) fn config_json(&self) -> Result<ConfigJson> {
        let bytes = self.config.read_whole(LONGEST_CONFIG)?;
        ConfigJson::parse(&bytes, self.config.path().to_owned())
    }
}

fn locate(reference: &str, options: &OpenOptions) -> Result<ModelFiles> {
    if let Some(name) = reference.strip_prefix("demo:") {
        return bundled(reference, name);
    }
    let path = with_home(reference);
    if path.is_dir() {
        return in_folder(reference, &path, None);
    }
    if path.is_file() {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let weights = path
            .extension()
            .is_some_and(|ending| ending == "safetensors");
        if !weights && path.extension().is_none_or(|ending| ending != "json") {
            return Err(ModelError::file(
                &path,
                format!(
                    "{} is no language model; open a folder with config.json, tokenizer.json and safetensors weights, or a file in it",
                    name_of(&path)
                ),
            ));
        }
        return in_folder(reference, folder, weights.then_some(path.as_path()));
    }
    if hub::is_name(reference) {
        let cache = options.hub_cache.clone().or_else(hub::hub_cache);
        let folder = hub::snapshot(reference, cache.as_deref())?;
        let mut files = in_folder(reference, &folder, None)?;
        files.name = reference.to_owned();
        return Ok(files);
    }
    Err(ModelError::file(
        path,
        "There is no such file or folder to open a model from",
    ))
}

pub(crate) fn with_home(reference: &str) -> PathBuf {
    match (reference.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(reference),
    }
}

fn bundled(reference: &str, name: &str) -> Result<ModelFiles> {
    let Some(found) = demo(name) else {
        let names: Vec<String> = DEMOS
            .iter()
            .map(|demo| format!("demo:{}", demo.name))
            .collect();
        return Err(ModelError::Input(format!(
            "There is no bundled model \"{name}\"; there are: {}.",
            names.join(", ")
        )));
    };
    let file = |bytes: &'static [u8], file: &str| {
        Source::Bundled(bytes, PathBuf::from(format!("{reference}/{file}")))
    };
    Ok(ModelFiles {
        reference: reference.to_owned(),
        name: found.name.to_owned(),
        path: None,
        config: file(found.config, "config.json"),
        tokenizer: file(found.tokenizer, "tokenizer.json"),
        weights: vec![file(found.weights, "model.safetensors")],
        index: None,
        parity: Some(file(found.parity, "parity.json")),
    })
}

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// `chosen` is the weights file that the person pointed at, if it was one.
fn in_folder(reference: &str, folder: &Path, chosen: Option<&Path>) -> Result<ModelFiles> {
    let config = folder.join("config.json");
    if !config.is_file() {
        return Err(ModelError::file(
            folder,
            "The folder has no config.json, so the network cannot be told; a model folder has config.json, tokenizer.json and safetensors weights",
        ));
    }
    let (weights, index) = weights_in(folder, chosen)?;
    let tokenizer = folder.join("tokenizer.json");
    if !tokenizer.is_file() {
        let has_model = folder.join("tokenizer.model").is_file();
        return Err(ModelError::file(
            folder,
            if has_model {
                "The folder has no tokenizer.json but a tokenizer.model; save the tokenizer once with a current transformers to get one"
            } else {
                "The folder has no tokenizer.json, so no text can be given to the model; copy it from where the model came"
            },
        ));
    }
    let parity = folder.join("parity.json");
    let shown = folder
        .canonicalize()
        .unwrap_or_else(|_| folder.to_path_buf());
    Ok(ModelFiles {
        reference: reference.to_owned(),
        name: name_of(&shown).into_owned(),
        path: Some(folder.to_path_buf()),
        config: Source::File(config),
        tokenizer: Source::File(tokenizer),
        weights: weights.into_iter().map(Source::File).collect(),
        index: index.map(Source::File),
        parity: parity.is_file().then_some(Source::File(parity)),
    })
}

/// The weights as transformers would choose them: one file, else shards by their index, else the only one there is.
fn weights_in(folder: &Path, chosen: Option<&Path>) -> Result<(Vec<PathBuf>, Option<PathBuf>)> {
    let index = folder.join(INDEX);
    let shards = |index: PathBuf| -> Result<(Vec<PathBuf>, Option<PathBuf>)> {
        let map = checkpoint::read_index(&Source::File(index.clone()))?;
        let names: BTreeSet<String> = map.into_values().collect();
        for name in &names {
            if !folder.join(name).is_file() {
                return Err(ModelError::file(
                    &index,
                    format!(
                        "The file {name} is missing, one of {} that {INDEX} names; download it again",
                        names.len()
                    ),
                ));
            }
        }
        let paths = names.iter().map(|name| folder.join(name)).collect();
        Ok((paths, Some(index)))
    };
    if let Some(chosen) = chosen {
        let shard = name_of(chosen).contains("-of-");
        return if shard && index.is_file() {
            shards(index)
        } else {
            Ok((vec![chosen.to_path_buf()], None))
        };
    }
    let single = folder.join(SINGLE);
    if single.is_file() {
        return Ok((vec![single], None));
    }
    if index.is_file() {
        return shards(index);
    }
    let with_ending = |ending: &str| -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
            .map(|entries| {
                entries
                    .flatten()
                    .map(|entry| entry.path())
                    .filter(|path| path.extension().is_some_and(|there| there == ending))
                    .collect()
            })
            .unwrap_or_default();
        found.sort();
        found
    };
    let others = with_ending("safetensors");
    match others.as_slice() {
        [only] if !name_of(only).contains("-of-") => return Ok((vec![only.clone()], None)),
        [] => {}
        many => {
            return Err(ModelError::file(
                folder,
                format!(
                    "The folder has {} safetensors files, such as {}, but neither {SINGLE} nor {INDEX} to say which belong together",
                    many.len(),
                    many.first()
                        .map_or_else(String::new, |path| name_of(path).into_owned())
                ),
            ));
        }
    }
    let old: Option<&str> = ["bin", "pt", "pth", "ckpt", "h5", "msgpack", "gguf"]
        .into_iter()
        .find(|ending| !with_ending(ending).is_empty());
    Err(ModelError::file(
        folder,
        match old {
            Some(ending) => format!(
                "The weights are in .{ending} form, which is not read here; save the model as safetensors (model.save_pretrained in transformers does)"
            ),
            None => format!("The folder has no weights: neither {SINGLE} nor {INDEX}"),
        },
    ))
}
