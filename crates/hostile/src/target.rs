//! The readers.

use std::fs;
use std::path::{Path, PathBuf};

use whyfinder_experiment::npy::read_bytes_npy;
use whyfinder_experiment::picture::decode_picture;
use whyfinder_experiment::{parse_experiment, read_npy, read_result, to_json, to_toml};
use whyfinder_figure::read_origin;
use whyfinder_import::{Asked, Limits, import, read_contents, read_tokens};
use whyfinder_model::state_dict::read_file;
use whyfinder_model::{OpenOptions, open};

const MIB: usize = 1 << 20;

/// A format that is read from outside.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub name: &'static str,
    /// Files that can be read, below the repository's root; `*` in a last part stands for all of them.
    pub seeds: &'static [&'static str],
    /// The most bytes that reading a file of so many may hold at once.
    pub limit: fn(usize) -> usize,
    /// Reads; the error is what the person is told.
    pub ask: fn(&[u8]) -> Result<(), String>,
}

/// Every format.
pub const TARGETS: [Target; 9] = [
    Target {
        name: "npy",
        seeds: &["tests/fixtures/import/*.npy", "tests/fixtures/cem/*/*.npy"],
        limit: |bytes| 16 * bytes + 4 * MIB,
        ask: npy,
    },
    Target {
        name: "result",
        seeds: &[
            "tests/fixtures/schema/*/*.npz",
            "tests/fixtures/import/*.npz",
        ],
        // Deflate makes at most 1,032 bytes of one.
        limit: |bytes| 2500 * bytes + 64 * MIB,
        ask: result,
    },
    Target {
        name: "safetensors",
        seeds: &[
            "tests/fixtures/networks/*/weights.safetensors",
            "tests/fixtures/import/*.safetensors",
        ],
        limit: |bytes| 64 * bytes + 32 * MIB,
        ask: |bytes| tensors(bytes, "weights.safetensors"),
    },
    Target {
        name: "torch",
        seeds: &["tests/fixtures/pickles/*.pth"],
        limit: |bytes| 64 * bytes + 128 * MIB,
        ask: |bytes| tensors(bytes, "weights.pth"),
    },
    Target {
        name: "picture",
        seeds: &[
            "tests/fixtures/picture_files/*.*",
            "assets/icons/whyfinder.png",
        ],
        // A whole picture of the largest size, and what a decoder may hold.
        limit: |bytes| 4 * bytes + 1024 * MIB + 3 * 8192 * 8192,
        ask: picture,
    },
    Target {
        name: "figure",
        seeds: &[
            "docs/pictures/figures/*.svg",
            "docs/pictures/figures/*.pdf",
            "docs/pictures/figures/*.png",
        ],
        limit: |bytes| 64 * bytes + 256 * MIB,
        ask: figure,
    },
    Target {
        name: "experiment",
        seeds: &["fuzz/seeds/*.*", "tests/fixtures/schema/*/*.toml"],
        limit: |bytes| 4096 * bytes + 32 * MIB,
        ask: experiment,
    },
    Target {
        name: "tokenizer",
        seeds: &["tests/fixtures/parity/*/tokenizer.json"],
        limit: |bytes| 1024 * bytes + 256 * MIB,
        ask: tokenizer,
    },
    Target {
        name: "import",
        seeds: &["tests/fixtures/import/*.*"],
        limit: |bytes| 2500 * bytes + 256 * MIB,
        ask: foreign,
    },
];

/// The target of that name.
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

impl Target {
    /// The contents of the seeds, none larger than `most` bytes, in the order of their names.
    pub fn seeds(&self, root: &Path, most: u64) -> Vec<(PathBuf, Vec<u8>)> {
        let mut paths = Vec::new();
        for pattern in self.seeds {
            let mut found = vec![root.to_path_buf()];
            for part in pattern.split('/') {
                found = found
                    .iter()
                    .flat_map(|folder| matching(folder, part))
                    .collect();
            }
            paths.extend(found);
        }
        paths.sort();
        paths
            .into_iter()
            .filter(|path| fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() <= most))
            .filter_map(|path| Some((path.clone(), fs::read(&path).ok()?)))
            .collect()
    }
}

fn matching(folder: &Path, part: &str) -> Vec<PathBuf> {
    let Some((before, behind)) = part.split_once('*') else {
        return vec![folder.join(part)];
    };
    let behind = if behind == ".*" { "" } else { behind };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(before) && name.ends_with(behind)
        })
        .map(|entry| entry.path())
        .collect()
}

/// Reads a file of these bytes.
fn as_file<T>(bytes: &[u8], name: &str, read: impl FnOnce(&Path) -> T) -> Result<T, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let path = folder.path().join(name);
    fs::write(&path, bytes).map_err(|e| e.to_string())?;
    Ok(read(&path))
}

fn told<T, E: ToString>(answer: Result<T, E>) -> Result<T, String> {
    answer.map_err(|error| error.to_string())
}

fn npy(bytes: &[u8]) -> Result<(), String> {
    as_file(bytes, "array.npy", |path| {
        let floats = read_npy(path);
        match read_bytes_npy(path) {
            Ok(_) => Ok(()),
            Err(_) => told(floats).map(|_| ()),
        }
    })?
}

fn result(bytes: &[u8]) -> Result<(), String> {
    as_file(bytes, "result.npz", |path| {
        told(read_result(path)).map(|_| ())
    })?
}

fn tensors(bytes: &[u8], name: &str) -> Result<(), String> {
    as_file(bytes, name, |path| {
        let state = told(read_file(path))?;
        let names: Vec<String> = state.names().map(str::to_string).collect();
        for name in names {
            // One that is no number says so and leaves the others alone.
            let _ = state.load(&name);
            let _ = state.load_integers(&name);
        }
        Ok(())
    })?
}

fn picture(bytes: &[u8]) -> Result<(), String> {
    told(decode_picture(bytes, "picture")).map(|_| ())
}

fn figure(bytes: &[u8]) -> Result<(), String> {
    match told(read_origin(bytes))? {
        Some(_) => Ok(()),
        None => Err("The file holds no origin.".into()),
    }
}

/// What can be read can be written and read again.
fn experiment(bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(bytes);
    let experiment = told(parse_experiment(&text, &[]))?;
    for written in [to_toml(&experiment), to_json(&experiment)] {
        let again = told(parse_experiment(&told(written)?, &[]))?;
        assert_eq!(again, experiment, "what was written reads otherwise");
    }
    Ok(())
}

/// Beside the smallest model that it belongs to.
fn tokenizer(bytes: &[u8]) -> Result<(), String> {
    const CONFIG: &[u8] = include_bytes!("../../../tests/fixtures/parity/gpt2/config.json");
    const WEIGHTS: &[u8] = include_bytes!("../../../tests/fixtures/parity/gpt2/model.safetensors");
    let folder = told(tempfile::tempdir())?;
    for (name, bytes) in [
        ("config.json", CONFIG),
        ("model.safetensors", WEIGHTS),
        ("tokenizer.json", bytes),
    ] {
        told(fs::write(folder.path().join(name), bytes))?;
    }
    let options = OpenOptions {
        measure_parity: false,
        ..OpenOptions::default()
    };
    let model = told(open(&folder.path().display().to_string(), &options))?;
    for text in ["The lighthouse of Varn", "", "\u{0}naïve 🦊 <|end|>"] {
        // A tokenizer may have no token for a text.
        let _ = model.tokenizer.encode(text);
    }
    Ok(())
}

/// Told by its first bytes, as far as an ending decides.
fn foreign(bytes: &[u8]) -> Result<(), String> {
    let name = match bytes {
        [0x93, b'N', ..] => "numbers.npy",
        [b'P', b'K', ..] => "numbers.npz",
        [b'M', b'A', b'T', ..] => "numbers.mat",
        [_, _, _, _, _, _, _, _, b'{', ..] => "numbers.safetensors",
        [b'[' | b'"', ..] => "tokens.json",
        _ => "numbers.csv",
    };
    let limits = Limits { values: 1 << 24 };
    let asked = Asked {
        limits,
        ..Asked::default()
    };
    as_file(bytes, name, |path| {
        // Anything may be no list of tokens.
        let _ = read_tokens(path);
        told(read_contents(path, limits))?;
        told(import(path, &asked)).map(|_| ())
    })?
}
