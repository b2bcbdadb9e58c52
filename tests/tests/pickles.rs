//! Weights files as PyTorch saves them, read back value by value; hostile and damaged ones are refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde::Deserialize;
use whyfinder_model::state_dict::{StateDict, WeightsFormat, read_file};

#[derive(Deserialize)]
struct Expected {
    shape: Vec<usize>,
    r#type: String,
    values: Vec<f64>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pickles")
}

fn fixture(name: &str) -> PathBuf {
    folder().join(format!("{name}.pth"))
}

fn expected() -> BTreeMap<String, BTreeMap<String, Expected>> {
    let text = std::fs::read_to_string(folder().join("expected.json")).expect("readable");
    serde_json::from_str(&text).expect("JSON")
}

fn read(name: &str) -> StateDict {
    read_file(&fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn what_pytorch_saved_is_read_value_by_value() {
    let expected = expected();
    assert!(expected.len() > 30);
    for (file, tensors) in &expected {
        let read = read(file);
        let names: Vec<&str> = tensors.keys().map(String::as_str).collect();
        assert_eq!(read.names().collect::<Vec<_>>(), names, "{file}");
        for (name, tensor) in tensors {
            let found = read.tensor(name).expect("there");
            assert_eq!(found.shape(), tensor.shape, "{file} {name}");
            assert_eq!(found.element().name(), tensor.r#type, "{file} {name}");
            let values: Vec<f32> = tensor.values.iter().map(|&value| value as f32).collect();
            assert_eq!(read.load(name).expect("floats"), values, "{file} {name}");
            if found.element().is_float() {
                assert!(read.load_integers(name).is_err(), "{file} {name}");
            } else {
                let values: Vec<i64> = tensor.values.iter().map(|&value| value as i64).collect();
                assert_eq!(read.load_integers(name).expect("integers"), values);
            }
        }
        let legacy = file.ends_with("-legacy");
        let format = if legacy {
            WeightsFormat::TorchLegacy
        } else {
            WeightsFormat::TorchZip
        };
        assert_eq!(read.format(), format, "{file}");
        let bytes = std::fs::read(fixture(file)).expect("readable");
        assert_eq!(read.file_bytes(), bytes.len() as u64);
        assert_eq!(read.digest(), blake3::hash(&bytes).to_hex().as_str());
    }
}

#[test]
fn the_wrapper_is_told() {
    for (name, wrapper) in [
        ("bare", None),
        ("not-a-wrapper", None),
        ("params", Some("params")),
        ("wrapped", Some("params_ema")),
        ("one-entry", Some("generator")),
        ("state-of-one", Some("net_g")),
    ] {
        for layout in ["zip", "legacy"] {
            assert_eq!(read(&format!("{name}-{layout}")).wrapper(), wrapper);
        }
    }
}

#[test]
fn hostile_files_are_refused_with_a_sentence() {
    for (name, says) in [
        ("call-zip", "posix.getcwd"),
        ("call-legacy", "posix.getcwd"),
        ("bare", "posix.getcwd"),
        ("whole-module", "torch.nn.modules.conv.Conv2d"),
        ("reaches-out", "\"a\" of shape [7] reaches out of the 6"),
        ("offset", "\"a\" of shape [6] reaches out of the 6"),
        ("offset-overflow", "reaches out"),
        ("strides-overflow", "reaches out"),
        ("sizes-overflow", "reaches out"),
        ("repeats", "reaches out"),
        ("negative", "negative size -6"),
        ("count", "24 bytes, where 2305843009213693958 f32"),
        ("short-storage", "20 bytes, where 6 f32"),
        ("no-storage", "x/data/0: it is not there"),
        ("two", "more than one data.pkl"),
        ("path", "no data.pkl"),
        ("no-description", "no data.pkl"),
        ("script", "TorchScript"),
        ("order", "byteorder"),
        ("bomb", "would unpack to 5242880 bytes"),
        ("count-more-legacy", "18 numbers were announced"),
        ("count-negative-legacy", "18 numbers were announced"),
        ("count-huge-legacy", "18 numbers were announced"),
        ("longer-legacy", "1 bytes follow"),
        ("cut-legacy", "cut off"),
    ] {
        let path = fixture(&format!("hostile-{name}"));
        let message = read_file(&path).expect_err(name).to_string();
        assert!(message.contains(says), "{name}: {message}");
        assert!(
            message.contains(&format!("hostile-{name}.pth")),
            "{message}"
        );
        assert!(message.contains(&path.display().to_string()), "{message}");
    }
    let hostile = std::fs::read_dir(folder())
        .expect("a folder")
        .filter(|entry| {
            let name = entry.as_ref().expect("an entry").file_name();
            name.to_string_lossy().starts_with("hostile-")
        })
        .count();
    assert_eq!(hostile, 25);
}

#[test]
fn what_is_no_weights_file_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    for (content, says) in [
        (&b""[..], "does not begin as a PyTorch file does"),
        (b"PK", "does not begin as a PyTorch file does"),
        (b"<html>not found</html>", "does not begin as"),
        (b"PK\x03\x04 and nothing else", "list of members"),
        (b"\x80\x02and nothing else", "damaged"),
        (b"\x80\x02}q\x00.and more", "not one that PyTorch saved"),
    ] {
        let path = folder.path().join("net.pth");
        std::fs::write(&path, content).expect("written");
        let message = read_file(&path).expect_err("no weights").to_string();
        assert!(message.contains(says), "{message}");
    }
    let missing = read_file(&folder.path().join("none.pth")).expect_err("missing");
    assert!(missing.to_string().contains("none.pth"), "{missing}");
}

/// Every end of an archive leads to a list of members; false ones must not be followed again and again.
#[test]
fn an_archive_of_many_ends_is_refused_at_once() {
    let mut member = b"PK\x01\x02".to_vec();
    member.extend([0; 42]);
    let list = member.repeat(20_000);
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.extend(&list);
    for _ in 0..40_000 {
        bytes.extend(b"PK\x05\x06\0\0\0\0");
        bytes.extend([0x21, 0x4e, 0x21, 0x4e]);
        bytes.extend((list.len() as u32).to_le_bytes());
        bytes.extend([4, 0, 0, 0, 0, 0]);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.pth");
    std::fs::write(&path, bytes).expect("written");
    let start = Instant::now();
    let message = read_file(&path).expect_err("no weights").to_string();
    assert!(message.contains("net.pth"), "{message}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

/// Reads all that a file promises, so that damage shows wherever it lies.
fn read_all(path: &Path) -> Result<(), String> {
    let read = read_file(path).map_err(|error| error.to_string())?;
    for name in read.names() {
        let floats = read.load(name).map_err(|error| error.to_string());
        if let Ok(floats) = floats {
            assert_eq!(floats.len(), read.tensor(name).expect("there").elements());
        }
    }
    Ok(())
}

const DAMAGED: [&str; 6] = [
    "views-zip",
    "views-legacy",
    "wrapped-zip",
    "wrapped-legacy",
    "protocol-4-zip",
    "packed-zip",
];

#[test]
fn every_cut_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.pth");
    for name in ["bare-zip", "bare-legacy"] {
        let whole = std::fs::read(fixture(name)).expect("readable");
        for length in (0..whole.len()).step_by(3) {
            std::fs::write(&path, &whole[..length]).expect("written");
            let message = read_all(&path).expect_err("cut off");
            assert!(message.contains("net.pth"), "{message}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_gives_values_or_a_sentence_at_once(
        file in prop::sample::select(&DAMAGED[..]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = std::fs::read(fixture(file)).expect("readable");
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("net.pth");
        std::fs::write(&path, bytes).expect("written");
        let start = Instant::now();
        if let Err(message) = read_all(&path) {
            prop_assert!(message.contains("net.pth"), "{}", message);
        }
        prop_assert!(start.elapsed() < Duration::from_secs(5));
    }
}

/// A published network, from the folder that `WHYFINDER_DATA` names.
fn published(file: &str) -> StateDict {
    let folder = std::env::var_os("WHYFINDER_DATA").expect("WHYFINDER_DATA names a folder");
    read_file(&Path::new(&folder).join(file)).unwrap_or_else(|error| panic!("{error}"))
}

/// As PyTorch counts and sums them, in f64.
fn assert_sum(read: &StateDict, count: usize, sum: f64) {
    let values: Vec<f32> = read
        .names()
        .flat_map(|name| read.load(name).expect("floats"))
        .collect();
    assert_eq!(values.len(), count);
    let found: f64 = values.iter().map(|&value| f64::from(value)).sum();
    assert!((found - sum).abs() < 1e-6 * sum.abs(), "{found}, not {sum}");
}

#[test]
#[ignore = "needs published weights: set WHYFINDER_DATA to the folder with dncnn_25.pth, and run with -- --ignored"]
fn a_published_legacy_file_is_read() {
    let read = published("dncnn_25.pth");
    assert_eq!(read.format(), WeightsFormat::TorchLegacy);
    assert_eq!(read.len(), 34);
    assert_eq!(read.shape("model.0.weight"), Some(&[64, 1, 3, 3][..]));
    assert_eq!(read.shape("model.32.weight"), Some(&[1, 64, 3, 3][..]));
    assert_sum(&read, 555_137, -464.571_679_071_822);
}

#[test]
#[ignore = "needs published weights: set WHYFINDER_DATA to the folder with ffdnet_vl.pth, and run with -- --ignored"]
fn a_published_archive_is_read() {
    let read = published("ffdnet_vl.pth");
    assert_eq!(read.format(), WeightsFormat::TorchZip);
    assert!(read.names().all(|name| !name.starts_with("module.")));
    assert_sum(&read, 856_618, 945_266.410_774_675_9);
}
