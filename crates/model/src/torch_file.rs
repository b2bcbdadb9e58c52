//! PyTorch's weights files: which layout one has, and the tensors among what it describes.

mod archive;
mod legacy;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{ModelError, Result};
use crate::pickle::{Fault, Handle, Pickle, Value};
use crate::source::{OpenSource, name_of};
use crate::state_dict::WeightsFormat;
use crate::stored_tensor::{StateTensor, Storage};

/// Where training programs put the weights among other things; the first that is there counts.
const WRAPPERS: [&str; 7] = [
    "model_state_dict",
    "state_dict",
    "params_ema",
    "params-ema",
    "params",
    "model",
    "net",
];

/// Most tensors of one network.
const MOST_TENSORS: usize = 100_000;

/// Numbers that all tensors together may have, for each byte of the file: sharing makes more of few, and no network
/// shares more than a pair of layers.
const MOST_NUMBERS_PER_BYTE: u64 = 4;

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Contents {
    /// The key that the tensors lay under.
    pub(crate) wrapper: Option<String>,
    pub(crate) tensors: BTreeMap<String, StateTensor>,
}

/// The layout that the first bytes show; `None` if they are none of PyTorch's.
pub(crate) fn format_of(file: &OpenSource) -> Result<Option<WeightsFormat>> {
    let mut start = [0; 9];
    if file.length < start.len() as u64 {
        return Ok(None);
    }
    file.read_at(&mut start, 0)?;
    Ok(match start {
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Some(WeightsFormat::TorchZip),
        // The length of a safetensors header can start so too; behind it, that header starts with a brace.
        [0x80, 2..=4, .., last] if last != b'{' => Some(WeightsFormat::TorchLegacy),
        _ => None,
    })
}

/// Reads the descriptions of the tensors, and checks each against the numbers that are there.
///
/// # Errors
/// A sentence that says what is wrong and where the file lies.
pub(crate) fn read(file: &Arc<OpenSource>, format: WeightsFormat) -> Result<Contents> {
    match format {
        WeightsFormat::TorchZip => archive::read(file),
        _ => legacy::read(file),
    }
}

fn refused(file: &OpenSource, what: impl Into<String>) -> ModelError {
    ModelError::file(&file.path, what)
}

fn faulty(file: &OpenSource, fault: &Fault) -> ModelError {
    refused(file, fault.sentence(&name_of(&file.path)))
}

/// The tensors of a pickle whose storages lie at `storages`, in its order. `bytes` bounds what they may unpack to.
fn contents(
    file: &OpenSource,
    pickle: &Pickle,
    storages: &[Arc<Storage>],
    bytes: u64,
) -> Result<Contents> {
    let name = name_of(&file.path);
    let (wrapper, dict) = unwrapped(pickle);
    let mut tensors = BTreeMap::new();
    let mut numbers = 0_u64;
    for (tensor, handle) in pickle.entries(dict) {
        let Value::Tensor(parts) = pickle.value(handle) else {
            continue;
        };
        if tensors.len() == MOST_TENSORS {
            return Err(refused(
                file,
                format!("{name} was refused: it has more than {MOST_TENSORS} tensors"),
            ));
        }
        let (sizes, strides) = pickle.layout(parts);
        let shape: Option<Vec<usize>> = sizes
            .iter()
            .map(|&size| usize::try_from(size).ok())
            .collect();
        let view = storages
            .get(parts.view.storage)
            .zip(shape)
            .filter(|_| stays_within(&sizes, &strides, parts.offset, parts.view.count))
            .and_then(|(storage, shape)| {
                let offset = parts.view.start.checked_add(parts.offset)?;
                StateTensor::view(Arc::clone(storage), shape, offset, strides.clone())
            })
            .ok_or_else(|| {
                refused(
                    file,
                    format!(
                        "{name} is damaged: its tensor \"{}\" of shape {sizes:?} reaches out of the {} numbers that it is made of; download it again",
                        short(tensor),
                        parts.view.count
                    ),
                )
            })?;
        numbers = numbers.saturating_add(view.elements() as u64);
        tensors.insert(tensor.to_owned(), view);
    }
    if numbers > bytes.saturating_mul(MOST_NUMBERS_PER_BYTE) {
        return Err(refused(
            file,
            format!(
                "{name} was refused: its tensors would unpack to {numbers} numbers out of {bytes} bytes, by using the same ones again and again"
            ),
        ));
    }
    if tensors.is_empty() {
        return Err(refused(file, no_tensors(&name, pickle, dict)));
    }
    Ok(Contents { wrapper, tensors })
}

/// Whether a view reaches no further than the part of a storage that it was given.
fn stays_within(sizes: &[u64], strides: &[u64], offset: u64, count: u64) -> bool {
    if sizes.contains(&0) {
        return true;
    }
    sizes
        .iter()
        .zip(strides)
        .try_fold(offset, |last, (&size, &stride)| {
            last.checked_add((size - 1).checked_mul(stride)?)
        })
        .is_some_and(|last| last < count)
}

/// The dictionary of tensors, and the key that it lay under.
fn unwrapped(pickle: &Pickle) -> (Option<String>, Handle) {
    let mut dict = pickle.root;
    let mut wrapper = None;
    // A later entry of the same key replaces an earlier one.
    let dict_at = |dict, wanted: &str| {
        pickle
            .entries(dict)
            .filter(|&(key, _)| key == wanted)
            .last()
            .filter(|&(_, value)| pickle.is_dict(value))
    };
    if let Some((key, inner)) = WRAPPERS.iter().find_map(|wanted| dict_at(dict, wanted)) {
        wrapper = Some(key.to_owned());
        dict = inner;
    }
    let mut entries = pickle.entries(dict);
    if let (Some((key, inner)), None) = (entries.next(), entries.next())
        && pickle.is_dict(inner)
    {
        wrapper = Some(short(key));
        dict = inner;
    }
    (wrapper, dict)
}

fn no_tensors(name: &str, pickle: &Pickle, dict: Handle) -> String {
    let keys: Vec<String> = pickle
        .entries(dict)
        .take(6)
        .map(|(key, _)| format!("\"{}\"", short(key)))
        .collect();
    match keys.as_slice() {
        _ if !pickle.is_dict(dict) => format!(
            "{name} holds something else than tensors by name; save the weights in Python with torch.save(model.state_dict(), ...)"
        ),
        [] => format!("{name} holds no tensors"),
        keys => format!(
            "{name} holds no tensors where weights lie; what it has there is {}",
            keys.join(", ")
        ),
    }
}

/// The beginning of a name, for messages.
fn short(name: &str) -> String {
    name.chars().take(60).collect()
}
