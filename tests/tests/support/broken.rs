//! Tiny models with something wrong, and what must be said of them.

// Each test binary uses its own part of this.
#![allow(dead_code)]
#![allow(
    clippy::print_stdout,
    reason = "the sentences are worth reading, with --nocapture"
)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde_json::Value;
use whyfinder_model::{ModelError, OpenOptions, open};

use crate::models::{copied, edit_config, fixture};

/// A copy of a tiny model without what the comparison with transformers needs.
pub(crate) fn tiny(name: &str) -> tempfile::TempDir {
    let copy = copied(&fixture("parity").join(name));
    std::fs::remove_file(copy.path().join("expected.safetensors")).expect("removed");
    copy
}

pub(crate) fn try_open(path: &Path) -> Result<whyfinder_model::LanguageModel, ModelError> {
    open(&path.to_string_lossy(), &OpenOptions::default())
}

/// The message of a folder that must not open; checks that it is one sentence for a person.
pub(crate) fn refusal(path: &Path) -> String {
    let Err(error) = try_open(path) else {
        panic!("{} opened", path.display());
    };
    let message = error.to_string();
    assert!(!message.contains('\n'), "one line: {message}");
    assert!(message.len() < 700, "short: {message}");
    let first = message.split(' ').next().expect("a word");
    assert!(
        first.starts_with(char::is_uppercase) || first.contains('.'),
        "a sentence begins large, or with a file's name: {message}"
    );
    let folder = if path.is_dir() {
        path
    } else {
        path.parent().expect("a folder")
    };
    assert!(
        message.contains(&*folder.to_string_lossy()),
        "it says where: {message}"
    );
    println!("{}", message.replace(&*folder.to_string_lossy(), "FOLDER"));
    message
}

pub(crate) fn refused(folder: &Path, says: &[&str]) {
    let message = refusal(folder);
    for part in says {
        assert!(
            message.contains(part),
            "\"{part}\" is missing in: {message}"
        );
    }
}

pub(crate) fn edited(
    name: &str,
    edit: impl FnOnce(&mut serde_json::Map<String, Value>),
) -> tempfile::TempDir {
    let copy = tiny(name);
    edit_config(copy.path(), edit);
    copy
}

pub(crate) fn with(name: &str, key: &str, value: Value) -> tempfile::TempDir {
    edited(name, |config| {
        config.insert(key.to_owned(), value);
    })
}

pub(crate) fn weights(folder: &Path) -> PathBuf {
    folder.join("model.safetensors")
}

pub(crate) fn with_tensors(
    name: &str,
    edit: impl FnOnce(&mut HashMap<String, Tensor>),
) -> tempfile::TempDir {
    let copy = tiny(name);
    let path = weights(copy.path());
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).expect("readable");
    edit(&mut tensors);
    candle_core::safetensors::save(&tensors, &path).expect("written");
    copy
}

pub(crate) fn with_bytes(edit: impl FnOnce(&mut Vec<u8>)) -> tempfile::TempDir {
    let copy = tiny("gpt2");
    let path = weights(copy.path());
    let mut bytes = std::fs::read(&path).expect("readable");
    edit(&mut bytes);
    std::fs::write(&path, bytes).expect("written");
    copy
}

/// A safetensors file with this header and this many bytes of data.
pub(crate) fn with_header(header: &str, data: usize) -> tempfile::TempDir {
    with_bytes(|bytes| {
        *bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
    })
}
