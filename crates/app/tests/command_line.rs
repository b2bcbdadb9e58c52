//! The real binary, as a script uses it.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "support/binary.rs"]
mod binary;

use binary::{Said, command, heard, whyfinder};
use serde_json::Value;
use tempfile::TempDir;
use whyfinder_experiment::{Outcome, read_result};

const MODEL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/fixtures/parity/gpt2"
);

/// A folder with `run.toml` and `trace.toml` about the tiny random GPT-2.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let run = format!(
        "instrument = \"run\"\nmodel = {MODEL:?}\n[input]\nprompt = \"The lighthouse of Varn\"\n\
         [run]\nsites = [\"blocks.*.attn.hook_pattern\", \"logits\"]\ntop = 5\n"
    );
    let trace = format!(
        "instrument = \"causal-trace\"\nmodel = {MODEL:?}\nseed = 3\n\
         [input]\nprompt = \"The lighthouse of Varn\"\nsubject = \"lighthouse\"\n\
         [corruption]\nkind = \"noise\"\nsamples = 3\n[trace]\nwindow = 2\n"
    );
    fs::write(folder.path().join("run.toml"), run).expect("writes");
    fs::write(folder.path().join("trace.toml"), trace).expect("writes");
    folder
}

fn result(folder: &TempDir, out: &str) -> Outcome {
    read_result(&folder.path().join(out).join("result.npz")).expect("the result reads back")
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let folder = folder();
    for words in [
        &["--help"][..],
        &["open", "--help"],
        &["run", "--help"],
        &["estimate", "--help"],
        &["inspect", "--help"],
        &["gallery", "--help"],
    ] {
        let said = whyfinder(folder.path(), words);
        assert_eq!(said.code, 0);
        assert!(said.out.contains("Example: whyfinder"), "{}", said.out);
        assert_eq!(said.err, "");
    }
    let said = whyfinder(folder.path(), &["--version"]);
    assert!(said.out.starts_with("whyfinder "), "{}", said.out);
}

#[test]
fn a_run_writes_what_it_was_asked_for() {
    let folder = folder();
    let said = whyfinder(folder.path(), &["run", "run.toml", "--out", "deep/er"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(said.err, "", "there is no terminal to draw a bar on");
    assert!(
        said.out.contains("Wrote deep/er/result.npz"),
        "{}",
        said.out
    );
    let outcome = result(&folder, "deep/er");
    let pattern = outcome
        .field("blocks.2.attn.hook_pattern")
        .expect("the last layer's pattern");
    assert_eq!(pattern.shape(), [6, 14, 14]);
    for row in pattern.values.chunks(14) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
    assert!(outcome.field("logits").is_some());
    let scalars = fs::read(folder.path().join("deep/er/result.json")).expect("reads");
    let scalars: Value = serde_json::from_slice(&scalars).expect("is JSON");
    assert!(scalars["seconds"].as_f64().expect("a number") > 0.0);
}

#[test]
fn with_json_everything_said_is_json() {
    let folder = folder();
    let said = whyfinder(
        folder.path(),
        &["run", "trace.toml", "--out", "out", "--json"],
    );
    assert_eq!(said.code, 0, "{}", said.err);
    let events: Vec<Value> = said
        .err
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    assert!(events.iter().any(|e| e["event"] == "opening"));
    let last = events
        .iter()
        .rfind(|e| e["event"] == "progress")
        .expect("there was progress");
    assert_eq!(last["done"], last["total"]);
    let answer = said.json();
    let outcome = result(&folder, "out");
    let clean = answer["reference"]["clean"].as_f64().expect("a number");
    assert!((clean - f64::from(outcome.summary.reference["clean"])).abs() < 1e-6);
    for kind in ["residual", "mlp", "attention"] {
        let field = outcome.field(kind).expect(kind);
        assert_eq!(field.shape(), [14, 3]);
        assert!(field.mask.iter().all(|&measured| measured));
    }
}

#[test]
fn settings_can_be_changed_for_one_run() {
    let folder = folder();
    let said = whyfinder(
        folder.path(),
        &[
            "run",
            "trace.toml",
            "--out",
            "out",
            "--set",
            "trace.kinds=mlp",
            "--set",
            "corruption.samples=2",
        ],
    );
    assert_eq!(said.code, 0, "{}", said.err);
    let outcome = result(&folder, "out");
    assert!(outcome.field("mlp").is_some());
    assert!(outcome.field("residual").is_none());
    let counts = outcome.field("mlp").and_then(|f| f.count.clone());
    assert_eq!(counts.expect("there are samples")[0], 2);
}

#[test]
fn the_number_of_threads_does_not_change_the_numbers() {
    let folder = folder();
    for (threads, out) in [("1", "one"), ("2", "two")] {
        let words = ["run", "trace.toml", "--out", out, "--threads", threads];
        let said = whyfinder(folder.path(), &words);
        assert_eq!(said.code, 0, "{}", said.err);
    }
    let (one, two) = (result(&folder, "one"), result(&folder, "two"));
    for (a, b) in one.fields.iter().zip(&two.fields) {
        for (a, b) in a.values.iter().zip(&b.values) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}

#[test]
fn requests_that_cannot_be_meant_end_with_two() {
    let folder = folder();
    let complaint = |words: &[&str]| whyfinder(folder.path(), words).complaint(2).to_string();
    assert!(complaint(&["run", "nothing.toml", "--out", "out"]).ends_with("nothing.toml"));
    assert!(complaint(&["run", "run.toml"]).contains("--out"));
    assert!(complaint(&["runn"]).contains("run"));
    let unknown = complaint(&["run", "run.toml", "--out", "out", "--set", "run.tops=3"]);
    assert!(unknown.contains("top"), "{unknown}");
    let device = ["run", "run.toml", "--out", "out", "--device", "abacus"];
    assert!(complaint(&device).contains("abacus"));
    assert!(complaint(&["open", "demo:isles", "--device", "abacus"]).contains("abacus"));
    let model = [
        "run",
        "run.toml",
        "--out",
        "out",
        "--set",
        "model=./no/such",
    ];
    assert!(complaint(&model).contains("no/such"));
    assert!(complaint(&["inspect", "demo:atlantis"]).contains("atlantis"));
    assert!(complaint(&["gallery", "no-scene", "--out", "x"]).contains("no-scene"));
    assert!(!folder.path().join("out").exists(), "nothing was run");
}

#[test]
fn a_run_that_fails_leaves_the_former_result_as_it_was() {
    let folder = folder();
    let first = whyfinder(folder.path(), &["run", "run.toml", "--out", "out"]);
    assert_eq!(first.code, 0, "{}", first.err);
    let files = ["result.npz", "result.json"];
    let read = || files.map(|f| fs::read(folder.path().join("out").join(f)).expect("reads"));
    let before = read();
    let words = [
        "run",
        "run.toml",
        "--out",
        "out",
        "--force",
        "--set",
        "run.sites=blocks.9.hook_resid_post",
    ];
    let said = whyfinder(folder.path(), &words);
    assert!(said.complaint(1).contains("blocks.9"), "{}", said.err);
    assert_eq!(before, read());
}

#[test]
fn a_folder_that_cannot_be_written_is_said() {
    let folder = folder();
    fs::write(folder.path().join("taken"), "a file").expect("writes");
    let said = whyfinder(folder.path(), &["run", "run.toml", "--out", "taken"]);
    assert!(said.complaint(1).contains("taken"), "{}", said.err);
}

#[test]
fn an_estimate_says_the_cost_and_runs_nothing() {
    let folder = folder();
    let said = whyfinder(folder.path(), &["estimate", "trace.toml"]);
    assert_eq!(said.code, 0, "{}", said.err);
    for word in ["memory ", "passes", "time "] {
        assert!(said.out.contains(word), "{}", said.out);
    }
    let one = whyfinder(folder.path(), &["estimate", "trace.toml", "--json"]).json();
    let words = [
        "estimate",
        "trace.toml",
        "--json",
        "--set",
        "corruption.samples=6",
    ];
    let two = whyfinder(folder.path(), &words).json();
    assert_eq!(one["fits"], true);
    let plain = |v: &Value| v["passes_plain"].as_f64().expect("a number");
    assert!(plain(&two) > 1.5 * plain(&one), "{one} {two}");
    let files = fs::read_dir(folder.path()).expect("lists").count();
    assert_eq!(files, 2, "nothing was written");
}

#[test]
fn a_model_says_what_it_is() {
    let folder = folder();
    let said = whyfinder(folder.path(), &["inspect", MODEL]);
    assert_eq!(said.code, 0, "{}", said.err);
    for words in [
        "GPT-2 (GPT2LMHeadModel)",
        "3, each 6 heads of width 5",
        "283 tokens",
        "blocks.*.attn.hook_pattern",
        "layers 0 to 2",
    ] {
        assert!(said.out.contains(words), "{words} is not in {}", said.out);
    }
    let json = whyfinder(folder.path(), &["inspect", MODEL, "--json"]).json();
    assert_eq!(json["layers"], 3);
    assert_eq!(json["d_model"], 30);
    let sites = json["sites"].as_array().expect("a list");
    assert!(sites.iter().any(|s| s == "blocks.1.hook_mlp_out"));
    assert_eq!(json["model_digest"].as_str().expect("text").len(), 64);
}

#[test]
fn the_gallery_lists_its_scenes() {
    let folder = folder();
    let said = whyfinder(folder.path(), &["gallery"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.lines().any(|l| l.starts_with("tower ")));
    assert!(said.out.lines().all(|l| l.ends_with('.')), "{}", said.out);
}

#[test]
fn a_scene_is_run_and_drawn() {
    let folder = folder();
    let said = whyfinder(folder.path(), &["gallery", "tower", "--out", "out"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let outcome = result(&folder, "out");
    let answer = outcome
        .summary
        .answer
        .as_ref()
        .expect("a trace has an answer");
    assert_eq!(answer.text, " Jorath");
    let reference = &outcome.summary.reference;
    assert!(
        reference["clean"] > 2.0 * reference["corrupted"],
        "{reference:?}"
    );
    let residual = outcome.field("residual").expect("a trace has it");
    assert!(residual.mask.iter().all(|&measured| measured));
    let svg = fs::read_to_string(folder.path().join("out/tower.svg")).expect("reads");
    assert!(svg.starts_with("<svg") || svg.starts_with("<?xml"));
    let picture = image::open(folder.path().join("out/tower.png")).expect("a picture");
    assert!(picture.width() > 400 && picture.height() > 200);
}

#[test]
#[cfg(target_os = "linux")]
fn without_a_display_the_gallery_is_drawn_into_files() {
    let folder = folder();
    let said = whyfinder(folder.path(), &[]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("no display"), "{}", said.err);
    assert!(said.err.contains("whyfinder-gallery"), "{}", said.err);
    let scenes = whyfinder(folder.path(), &["gallery"]).out.lines().count();
    let mut drawn = 0;
    for file in fs::read_dir(folder.path().join("whyfinder-gallery"))
        .expect("the folder is there")
        .flatten()
        .filter(|file| file.path().extension().is_some_and(|e| e == "png"))
    {
        image::open(file.path()).expect("a picture");
        drawn += 1;
    }
    assert_eq!(drawn, scenes);
}

#[test]
#[cfg(target_os = "linux")]
fn without_a_display_the_window_says_so() {
    let folder = folder();
    let said = whyfinder(folder.path(), &["open", MODEL]);
    assert!(said.complaint(1).contains("display"), "{}", said.err);
    let mut dead = command(folder.path(), &["open", MODEL]);
    dead.env("DISPLAY", ":9999");
    let said = heard(dead);
    assert!(said.complaint(1).contains("display"), "{}", said.err);
}

#[test]
fn a_model_may_be_named_relative_to_where_one_is() {
    let folder = folder();
    let there = folder.path().join("copy");
    fs::create_dir(&there).expect("makes a folder");
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(PathBuf::from(MODEL).join(file), there.join(file)).expect("copies");
    }
    let said = whyfinder(folder.path(), &["inspect", "copy"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("model       copy"), "{}", said.out);
}

const CEM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/fixtures/cem/denoise"
);

/// A folder with `map.toml` about the tiny random denoiser.
fn map_folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["truth.png", "image.png"] {
        fs::copy(Path::new(CEM).join(name), folder.path().join(name)).expect("copies");
    }
    let model = Path::new(CEM).join("weights.safetensors");
    let map = format!(
        "instrument = \"causal-effect-map\"\nmodel = {model:?}\nseed = 3\n\
         [input]\nimage = \"image.png\"\ntruth = \"truth.png\"\nregion = [13, 17, 12, 9]\nsigma = 30\n\
         [intervention]\nfine = 5\n"
    );
    fs::write(folder.path().join("map.toml"), map).expect("writes");
    folder
}

#[test]
fn a_map_of_effects_goes_from_file_to_result() {
    let folder = map_folder();
    let said = whyfinder(folder.path(), &["run", "map.toml", "--out", "map"]);
    assert_eq!(said.code, 0, "{}", said.err);
    for part in [
        "denoise, sigma 30, 56 x 48 pixels, region 12 x 9 at 13, 17",
        " dB",
        "out of the region's reach",
        "effect [6 row, 7 column]",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let outcome = result(&folder, "map");
    assert!(
        outcome
            .field("effect")
            .is_some_and(|f| f.mask.iter().all(|&m| m))
    );
    assert!(outcome.summary.passes < outcome.summary.passes_plain);
    let words = ["run", "map.toml", "--out", "plain", "--json"];
    let changes = ["--set", "intervention.engine=plain"];
    let plain = whyfinder(folder.path(), &[&words[..], &changes[..]].concat());
    assert_eq!(plain.code, 0, "{}", plain.err);
    let scalars = plain.json();
    assert_eq!(
        scalars["effects"]["unreachable"],
        serde_json::json!(
            outcome
                .summary
                .effects
                .as_ref()
                .expect("counted")
                .unreachable
        )
    );
    assert_eq!(scalars["image"]["task"], "denoise");
    let words = [
        "run",
        "map.toml",
        "--out",
        "output",
        "--set",
        "instrument=restore",
    ];
    let restored = whyfinder(folder.path(), &words);
    assert_eq!(restored.code, 0, "{}", restored.err);
    assert!(result(&folder, "output").field("output").is_some());
    let words = [
        "run",
        "map.toml",
        "--out",
        "no",
        "--set",
        "input.region=[50, 40, 12, 9]",
    ];
    let outside = whyfinder(folder.path(), &words);
    assert!(
        outside
            .complaint(1)
            .contains("beyond the output of 56 x 48")
    );
}

#[test]
fn what_is_too_large_for_the_memory_is_refused_before_it_starts() {
    let folder = map_folder();
    let wide = image::GrayImage::from_fn(8000, 8000, |x, y| image::Luma([(x / 40 + y / 56) as u8]));
    let file =
        std::io::BufWriter::new(fs::File::create(folder.path().join("wide.png")).expect("a file"));
    let fast = image::codecs::png::CompressionType::Fast;
    let filter = image::codecs::png::FilterType::NoFilter;
    let png = image::codecs::png::PngEncoder::new_with_quality(file, fast, filter);
    wide.write_with_encoder(png).expect("written");
    let asked = |instrument: &str| -> Said {
        let set = [
            "input.image=wide.png".to_string(),
            "input.truth=wide.png".to_string(),
            "input.region=[4000,4000,16,16]".to_string(),
            format!("instrument={instrument}"),
        ];
        let mut arguments = vec!["run", "map.toml", "--out", "out", "--memory", "600MiB"];
        for each in &set {
            arguments.extend(["--set", each]);
        }
        whyfinder(folder.path(), &arguments)
    };
    for instrument in ["restore", "causal-effect-map"] {
        let began = std::time::Instant::now();
        let said = asked(instrument);
        let complaint = said.complaint(1);
        assert!(complaint.contains("MiB may be used"), "{complaint}");
        assert!(complaint.contains("use a smaller image"), "{complaint}");
        assert!(!folder.path().join("out/result.npz").exists());
        // Reading the picture is all that was done.
        assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    }
    let estimate = [
        "estimate",
        "map.toml",
        "--set",
        "input.image=wide.png",
        "--set",
        "input.truth=wide.png",
        "--memory",
        "600MiB",
    ];
    let said = whyfinder(folder.path(), &estimate);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.out.contains("the run would be refused"),
        "{}",
        said.out
    );
}

#[test]
fn the_cost_of_a_map_is_said_before_it_runs() {
    let folder = map_folder();
    let said = whyfinder(folder.path(), &["estimate", "map.toml", "--json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let cost = said.json();
    assert_eq!(cost["fits"], true);
    assert!(cost["passes"].as_f64() < cost["passes_plain"].as_f64());
    assert!(cost["seconds"].as_f64().is_some_and(|s| s > 0.0));
}

#[test]
fn a_network_says_what_it_is() {
    let folder = map_folder();
    let model = Path::new(CEM).join("weights.safetensors");
    let model = model.to_str().expect("a plain path");
    let said = whyfinder(folder.path(), &["inspect", model]);
    assert_eq!(said.code, 0, "{}", said.err);
    for part in [
        "DnCNN",
        "RGB, as large as the input",
        "7 x 7 pixels of the input",
        "convolution 3 x 3, 8 to 8 channels",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let said = whyfinder(folder.path(), &["inspect", model, "--json"]).json();
    assert_eq!(said["scale"], 1);
    assert_eq!(said["receptive_field"], serde_json::json!([7, 7]));
    assert_eq!(said["reads_everything"], false);
    assert_eq!(said["sites"][1], "model.0");
}
