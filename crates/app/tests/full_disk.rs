//! Nothing half written, with the real binary: a disk without room, folders that cannot be written, names that are
//! taken, and files that change while they are read.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "support/binary.rs"]
mod binary;

use binary::{Said, heard, whyfinder};
use tempfile::TempDir;

const MODEL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/fixtures/parity/gpt2"
);

/// Trace, result and figure of the tiny random GPT-2, in a folder.
fn made() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = format!(
        "instrument = \"causal-trace\"\nmodel = {MODEL:?}\nseed = 3\n\
         [input]\nprompt = \"The lighthouse of Varn\"\nsubject = \"lighthouse\"\n\
         [corruption]\nsamples = 3\n[trace]\nwindow = 2\n"
    );
    fs::write(folder.path().join("trace.toml"), trace).expect("writes");
    for words in WRITERS {
        let said = whyfinder(folder.path(), words);
        assert_eq!(said.code, 0, "{words:?}: {}", said.err);
    }
    folder
}

/// Whatever writes files.
const WRITERS: [&[&str]; 6] = [
    &["run", "trace.toml", "--out", "out"],
    &["figure", "out", "--out", "figure.pdf"],
    &["figure", "out", "--out", "figure.svg"],
    &["figure", "out", "--out", "figure.png"],
    &["figure", "out", "--out", "numbers.csv"],
    &["script", "out", "--out", "script.py"],
];

/// Every file below a folder with its content.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("lists").flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).expect("reads");
            all.insert(path, bytes);
        }
    }
    all
}

/// The binary where no file may grow beyond `kilobytes`, which is what a full disk looks like to a writer.
fn without_room(folder: &Path, kilobytes: usize, words: &[&str]) -> Said {
    let mut command = Command::new("bash");
    command
        .arg("-c")
        .arg(format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$@\""))
        .arg("bash")
        .arg(env!("CARGO_BIN_EXE_whyfinder"))
        .args(words)
        .current_dir(folder)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY");
    heard(command)
}

#[test]
fn a_disk_without_room_leaves_every_old_file_as_it_was() {
    let folder = made();
    let before = contents(folder.path());
    for words in WRITERS {
        for kilobytes in [0, 1] {
            let said = without_room(folder.path(), kilobytes, words);
            if said.code == 0 {
                // So little was written that it fitted.
                assert!(kilobytes > 0, "{words:?}");
                continue;
            }
            assert_eq!(said.code, 1, "{words:?}: {}", said.err);
            let last = said.err.trim_end().lines().last().unwrap_or_default();
            assert!(last.contains("File too large"), "{words:?}: {}", said.err);
            assert!(last.contains("Path: ") || last.ends_with('.'), "{last}");
        }
    }
    let after = contents(folder.path());
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&after), names(&before), "nothing is left behind");
    for (path, bytes) in &before {
        let same = path.parent().is_some_and(|p| p.ends_with("out")) || after[path] == *bytes;
        assert!(same, "{}", path.display());
    }
    // A result carries its date, so another run differs; what is there can be read whole.
    whyfinder_experiment::read_result(&folder.path().join("out")).expect("a whole result");
}

#[test]
fn folders_that_cannot_be_written_are_said() {
    let folder = made();
    let before = contents(folder.path());
    for name in ["/proc/whyfinder", "trace.toml/deeper"] {
        for words in WRITERS {
            let mut words = words.to_vec();
            let at = words.len() - 1;
            let out = format!("{name}/{}", words[at]);
            words[at] = &out;
            let said = whyfinder(folder.path(), &words);
            let complaint = said.complaint(1);
            assert!(complaint.contains(name), "{words:?}: {complaint}");
        }
    }
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn a_folder_of_the_files_name_is_not_replaced() {
    let folder = made();
    for words in &WRITERS[1..] {
        let mut words = words.to_vec();
        let at = words.len() - 1;
        let taken = format!("taken-{}", words[at]);
        let inside = folder.path().join(&taken).join("inside.txt");
        fs::create_dir(folder.path().join(&taken)).expect("a folder");
        fs::write(&inside, "kept").expect("writes");
        words[at] = &taken;
        let said = whyfinder(folder.path(), &words);
        assert_eq!(said.code, 1, "{words:?}: {}", said.err);
        assert!(said.err.contains(&taken), "{}", said.err);
        assert_eq!(fs::read_to_string(&inside).expect("reads"), "kept");
    }
    assert!(
        contents(folder.path())
            .keys()
            .all(|path| !path.to_string_lossy().contains(".whyfinder-")),
        "no temporary file is left"
    );
}

#[test]
fn a_name_that_exists_is_a_sentence_and_the_old_file_stays() {
    let folder = made();
    let at = |name: &str| folder.path().join(name);
    // Made from the same result they would be the same, and are written.
    for words in &WRITERS[1..] {
        let said = whyfinder(folder.path(), words);
        assert_eq!(said.code, 0, "{words:?}: {}", said.err);
    }
    let kept = "x".repeat(5_000_000);
    for words in &WRITERS[1..] {
        let name = words[words.len() - 1];
        fs::write(at(name), &kept).expect("writes");
        let before = contents(folder.path());
        let said = whyfinder(folder.path(), words);
        let complaint = said.complaint(2);
        assert!(
            complaint.contains("--force") && complaint.ends_with(name),
            "{complaint}"
        );
        assert_eq!(contents(folder.path()), before);
        let said = whyfinder(folder.path(), &[words, &["--force"][..]].concat());
        assert_eq!(said.code, 0, "{}", said.err);
        let new = fs::read(at(name)).expect("reads");
        assert_ne!(new, kept.as_bytes(), "{name}");
    }
    let svg = fs::read_to_string(at("figure.svg")).expect("reads");
    assert!(svg.trim_end().ends_with("</svg>"), "{}", svg.len());
    let script = fs::read_to_string(at("script.py")).expect("reads");
    assert!(script.ends_with("    main()\n"));
}

#[test]
fn what_lies_beside_a_script_is_not_replaced() {
    let folder = made();
    let at = |name: &str| folder.path().join(name);
    let network = "instrument = \"restore\"\nmodel = \"demo:denoise\"\n\
        [input]\ntruth = \"picture:leaves-1\"\nsigma = 50\n";
    fs::write(at("restore.toml"), network).expect("writes");
    fs::write(at("denoise.safetensors"), "a person's own weights").expect("writes");
    let words = ["script", "restore.toml", "--out", "restore.py"];
    let said = whyfinder(folder.path(), &words);
    let complaint = said.complaint(2);
    assert!(complaint.ends_with("denoise.safetensors"), "{complaint}");
    assert!(!at("restore.py").exists(), "nothing of it is written");
    let own = fs::read_to_string(at("denoise.safetensors")).expect("reads");
    assert_eq!(own, "a person's own weights");
    let said = whyfinder(folder.path(), &[&words[..], &["--force"]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        fs::metadata(at("denoise.safetensors"))
            .expect("there")
            .len()
            > 10_000
    );
}

#[test]
fn a_result_of_another_experiment_is_not_replaced() {
    let folder = made();
    let before = contents(folder.path());
    let words = ["run", "trace.toml", "--out", "out", "--set", "seed=4"];
    let said = whyfinder(folder.path(), &words);
    let complaint = said.complaint(2);
    assert!(complaint.contains("another experiment"), "{complaint}");
    assert_eq!(contents(folder.path()), before);
    let said = whyfinder(folder.path(), &[&words[..], &["--force"]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    let result = whyfinder_experiment::read_result(&folder.path().join("out")).expect("whole");
    assert_eq!(result.experiment.seed, 4);
}

#[test]
fn inputs_that_shrink_or_vanish_are_said() {
    let folder = made();
    let model = folder.path().join("model");
    fs::create_dir(&model).expect("a folder");
    for entry in fs::read_dir(MODEL).expect("lists").flatten() {
        fs::copy(entry.path(), model.join(entry.file_name())).expect("copies");
    }
    let weights = model.join("model.safetensors");
    let whole = fs::read(&weights).expect("reads");
    for length in [whole.len() - 1, whole.len() / 2, 9, 0] {
        fs::write(&weights, &whole[..length]).expect("writes");
        let words = [
            "run",
            "trace.toml",
            "--out",
            "other",
            "--set",
            "model=model",
        ];
        let said = whyfinder(folder.path(), &words);
        let complaint = said.complaint(2);
        assert!(complaint.contains("model.safetensors"), "{complaint}");
    }
    let result = folder.path().join("out/result.npz");
    let whole = fs::read(&result).expect("reads");
    fs::write(&result, &whole[..whole.len() / 2]).expect("writes");
    for words in &WRITERS[1..] {
        let said = whyfinder(folder.path(), words);
        let complaint = said.complaint(2);
        assert!(
            complaint.contains("result.npz") || complaint.contains("Path: out"),
            "{complaint}"
        );
    }
}

/// Every instrument, each with the model that it is for.
const INSTRUMENTS: [(&str, &str); 12] = [
    ("run", "demo:isles"),
    ("causal-trace", "demo:isles"),
    ("restore", "demo:denoise"),
    ("causal-effect-map", "demo:denoise"),
    ("occlusion", "demo:denoise"),
    ("lam", "demo:denoise"),
    ("gradient", "demo:denoise"),
    ("integrated-gradients", "demo:denoise"),
    ("rise", "demo:denoise"),
    ("receptive-field", "demo:denoise"),
    ("window-attention", "demo:sr-window"),
    ("faithfulness", "demo:denoise"),
];

#[test]
fn every_instrument_refuses_before_it_starts_what_does_not_fit_into_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    for (instrument, model) in INSTRUMENTS {
        let input = match model {
            "demo:isles" => {
                "prompt = \"The lighthouse of Varn stands on the island of the lighthouse of Varn\"\nsubject = \"Varn\"\n"
            }
            "demo:sr-window" => "truth = \"picture:leaves-1\"\nregion = [96, 96, 32, 32]\n",
            _ => "truth = \"picture:leaves-1\"\nregion = [96, 96, 32, 32]\nsigma = 50\n",
        };
        let text = format!("instrument = \"{instrument}\"\nmodel = \"{model}\"\n[input]\n{input}");
        fs::write(folder.path().join("e.toml"), text).expect("writes");
        // What the model holds, and hardly more.
        let memory = if model == "demo:isles" {
            "5350KiB"
        } else {
            "2MiB"
        };
        let words = ["run", "e.toml", "--out", "out", "--memory", memory];
        let began = std::time::Instant::now();
        let said = whyfinder(folder.path(), &words);
        assert!(matches!(said.code, 1 | 2), "{instrument}: {}", said.err);
        let complaint = said.complaint(said.code);
        assert!(
            complaint.contains("may be used"),
            "{instrument}: {complaint}"
        );
        assert!(!folder.path().join("out").exists(), "{instrument}");
        assert!(
            began.elapsed().as_secs() < 60,
            "{instrument}: {:?}",
            began.elapsed()
        );
    }
}

#[test]
fn a_result_that_no_disk_holds_is_refused_before_anything_is_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/trace/llama"
    );
    let prompt = " of the old".repeat(70_000);
    let text = format!(
        "instrument = \"run\"\nmodel = {model:?}\n[input]\nprompt = {prompt:?}\n\
         [run]\nsites = [\"blocks.*.attn.hook_pattern\"]\n"
    );
    fs::write(folder.path().join("e.toml"), text).expect("writes");
    // As if there were memory enough: patterns of 2.4 TB.
    let memory = ["--memory", "102400GiB"];
    let said = whyfinder(
        folder.path(),
        &[&["run", "e.toml", "--out", "out"], &memory[..]].concat(),
    );
    let complaint = said.complaint(1);
    assert!(
        complaint.contains("TiB, and the disk has") && complaint.contains("make room"),
        "{complaint}"
    );
    assert!(!folder.path().join("out").exists());
}

/// What a run was of: the digest of its weights.
fn weights_of(folder: &Path, out: &str) -> String {
    let result = whyfinder_experiment::read_result(&folder.join(out)).expect("a result");
    result.provenance.model_digest
}

#[test]
fn contents_that_are_replaced_are_those_of_the_next_run_or_a_sentence() {
    let folder = made();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("model")).expect("a folder");
    for entry in fs::read_dir(MODEL).expect("lists").flatten() {
        fs::copy(entry.path(), at("model").join(entry.file_name())).expect("copies");
    }
    let run = |out: &str| {
        let words = ["run", "trace.toml", "--out", out, "--set", "model=model"];
        whyfinder(folder.path(), &words)
    };
    assert_eq!(run("first").code, 0);
    // The same number of bytes with other numbers in them.
    let weights = at("model/model.safetensors");
    let mut bytes = fs::read(&weights).expect("reads");
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&0.5f32.to_le_bytes());
    fs::write(&weights, &bytes).expect("writes");
    assert_eq!(run("second").code, 0);
    let digests = ["first", "second"].map(|out| weights_of(folder.path(), out));
    assert_ne!(
        digests[0], digests[1],
        "the digest is that of what was read"
    );

    // Something else entirely under every name that is read.
    let png = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../assets/icons/whyfinder.png"
    );
    for (file, words) in [
        (
            "model/model.safetensors",
            ["run", "trace.toml", "--out", "third"],
        ),
        (
            "model/tokenizer.json",
            ["run", "trace.toml", "--out", "third"],
        ),
        ("trace.toml", ["run", "trace.toml", "--out", "third"]),
        (
            "first/result.npz",
            ["figure", "first", "--out", "again.pdf"],
        ),
        ("figure.svg", ["script", "figure.svg", "--out", "again.py"]),
    ] {
        let whole = fs::read(at(file)).expect("reads");
        fs::copy(png, at(file)).expect("copies");
        let mut words = words.to_vec();
        if words[0] == "run" {
            words.extend(["--set", "model=model"]);
        }
        let said = whyfinder(folder.path(), &words);
        let complaint = said.complaint(2);
        let name = file.rsplit('/').next().unwrap_or(file);
        let named = complaint.contains(name) || complaint.contains("Path: first");
        assert!(named, "{file}: {complaint}");
        fs::write(at(file), whole).expect("writes");
    }
    assert!(!at("third").exists() && !at("again.pdf").exists() && !at("again.py").exists());
}

#[test]
fn weights_that_are_written_while_they_are_read_are_one_content_or_a_sentence() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("weights.safetensors");
    let source = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/cem/denoise/weights.safetensors"
    );
    let one = fs::read(source).expect("reads");
    let mut two = one.clone();
    let end = two.len();
    two[end - 4..].copy_from_slice(&0.5f32.to_le_bytes());
    fs::write(&path, &one).expect("writes");
    let digest = || {
        let words = ["inspect", "weights.safetensors", "--json"];
        whyfinder(folder.path(), &words)
    };
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .open(&path)
                .expect("opens");
            while !ended.load(Ordering::Relaxed) {
                for bytes in [&two, &one] {
                    use std::io::{Seek as _, Write as _};
                    file.rewind().expect("rewinds");
                    file.write_all(bytes).expect("writes");
                }
            }
        });
        for _ in 0..20 {
            let said = digest();
            if said.code != 0 {
                let complaint = said.complaint(2);
                assert!(complaint.contains("while it was read"), "{complaint}");
            }
        }
        ended.store(true, Ordering::Relaxed);
    });
    assert_eq!(digest().code, 0, "what is left alone opens");
}
