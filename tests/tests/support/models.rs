//! Where the tiny models lie, and how a copy of one is changed.

// Each test binary uses its own part of this.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

/// A path below `tests/fixtures`.
pub(crate) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(path)
}

/// Names of the tiny models that `make_parity.py` makes, sorted.
pub(crate) fn parity_models() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(fixture("parity"))
        .map(|entries| {
            entries
                .flatten()
                .filter(|entry| entry.path().join("expected.safetensors").is_file())
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect()
        })
        .unwrap_or_default();
    names.sort();
    assert!(!names.is_empty(), "run tests/fixtures/make_parity.py");
    names
}

/// Copies the files of a folder into a new temporary one.
pub(crate) fn copied(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a temporary folder");
    for entry in std::fs::read_dir(folder).expect("the fixture").flatten() {
        let to = copy.path().join(entry.file_name());
        std::fs::copy(entry.path(), to).expect("copied");
    }
    copy
}

/// Changes the `config.json` of a folder.
pub(crate) fn edit_config(
    folder: &Path,
    edit: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>),
) {
    let path = folder.join("config.json");
    let text = std::fs::read_to_string(&path).expect("a configuration");
    let mut config: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&text).expect("a configuration");
    edit(&mut config);
    let text = serde_json::Value::Object(config).to_string();
    std::fs::write(&path, text).expect("written");
}
