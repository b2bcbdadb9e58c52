//! An open restoration network and where it came from.

use std::path::{Path, PathBuf};

use whyfinder_experiment::Provenance;

use super::demo::NETWORK_DEMOS;
use super::detect;
use super::node::Network;
use crate::error::{ModelError, Result};
use crate::open::{OpenOptions, device_name, with_home};
use crate::source::{Source, name_of};
use crate::state_dict::{self, StateDict};

/// A restoration network, ready to run.
#[derive(Clone, Debug)]
pub struct ImageModel {
    pub network: Network,
    pub card: NetworkCard,
}

/// Everything about an open restoration network that is not its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkCard {
    /// As it was asked for.
    pub reference: String,
    /// Short, for a title.
    pub name: String,
    /// Family in words, such as `SwinIR`.
    pub family: String,
    /// Sizes in words, such as `12 blocks of 48 channels`.
    pub details: String,
    /// The file; none for a bundled network.
    pub path: Option<PathBuf>,
    pub parameters: u64,
    /// Memory that the weights take, bytes.
    pub bytes: u64,
    /// Size of the file, bytes.
    pub file_bytes: u64,
    /// How the file is laid out, such as `PyTorch (legacy)`.
    pub format: String,
    /// `cpu`, `cuda:0`, `metal`.
    pub device: String,
    /// BLAKE3 of the file, hex.
    pub digest: String,
}

impl NetworkCard {
    /// The origin of a result. `date` is RFC 3339, UTC.
    pub fn provenance(&self, program: &str, date: &str) -> Provenance {
        Provenance {
            program: program.to_owned(),
            model: self.reference.clone(),
            architecture: self.family.clone(),
            model_digest: self.digest.clone(),
            tokenizer_digest: String::new(),
            device: self.device.clone(),
            dtype: "f32".to_owned(),
            date: date.to_owned(),
            ..Provenance::default()
        }
    }
}

/// Endings of weights files that are no folder's part.
const ENDINGS: [&str; 4] = ["pth", "pt", "ckpt", "safetensors"];

/// Whether a reference means a restoration network: a bundled one, or a weights file without a language model's
/// `config.json` beside it.
pub fn is_network(reference: &str) -> bool {
    if let Some(name) = reference.strip_prefix("demo:") {
        return NETWORK_DEMOS.iter().any(|demo| demo.name == name);
    }
    let path = with_home(reference);
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    let known = ENDINGS.iter().any(|e| ending.eq_ignore_ascii_case(e));
    let beside = path.parent().map(|folder| folder.join("config.json"));
    known && !path.is_dir() && !beside.is_some_and(|config| config.is_file())
}

/// The file of a reference to a restoration network; none for a bundled one.
pub fn network_file(reference: &str) -> Option<PathBuf> {
    (!reference.starts_with("demo:")).then(|| with_home(reference))
}

/// Opens a bundled network (`demo:NAME`) or a weights file, `.safetensors` or `.pth`. Architecture and sizes are told
/// from the tensors' names and shapes.
///
/// # Errors
/// A sentence that says what is wrong with the file, or that its network is not known.
pub fn open_network(reference: &str, options: &OpenOptions) -> Result<ImageModel> {
    let (source, path, name) = locate(reference)?;
    let state = state_dict::read(&source)?;
    let recognised = detect::build(&state, &options.device)?;
    state.check_unchanged()?;
    let parameters = recognised.network.parameters();
    Ok(ImageModel {
        card: NetworkCard {
            reference: reference.to_owned(),
            name,
            family: recognised.family.to_owned(),
            details: recognised.details,
            path,
            parameters,
            bytes: 4 * parameters,
            file_bytes: state.file_bytes(),
            format: state.format().name().to_owned(),
            device: device_name(&options.device),
            digest: state.digest().to_owned(),
        },
        network: recognised.network,
    })
}

/// The tensors that [`open_network`] makes a network of.
///
/// # Errors
/// A sentence that says what is wrong with the file.
pub fn network_tensors(reference: &str) -> Result<StateDict> {
    state_dict::read(&locate(reference)?.0)
}

fn locate(reference: &str) -> Result<(Source, Option<PathBuf>, String)> {
    if let Some(name) = reference.strip_prefix("demo:") {
        let Some(demo) = NETWORK_DEMOS.iter().find(|demo| demo.name == name) else {
            let names: Vec<String> = NETWORK_DEMOS
                .iter()
                .map(|demo| format!("demo:{}", demo.name))
                .collect();
            return Err(ModelError::Input(format!(
                "There is no bundled network \"{name}\"; there are: {}.",
                names.join(", ")
            )));
        };
        let path = Path::new(reference).join("model.safetensors");
        return Ok((
            Source::Bundled(demo.weights, path),
            None,
            demo.name.to_owned(),
        ));
    }
    let path = with_home(reference);
    if !path.is_file() {
        return Err(ModelError::file(
            path,
            "There is no such file to open a network from",
        ));
    }
    let name = path.file_stem().map_or_else(
        || name_of(&path).into_owned(),
        |s| s.to_string_lossy().into_owned(),
    );
    Ok((Source::File(path.clone()), Some(path), name))
}
