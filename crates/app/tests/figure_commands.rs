//! `whyfinder figure` and `whyfinder verify`, with the real binary.

use std::fs;
use std::path::Path;

#[path = "support/binary.rs"]
mod binary;

use binary::{Said, whyfinder};
use tempfile::TempDir;
use whyfinder_experiment::read_result;
use whyfinder_figure::read_origin;

const MODEL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/fixtures/parity/gpt2"
);

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("lists") {
        let entry = entry.expect("an entry");
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("copies");
        }
    }
}

/// A folder with a model, a trace of it and its result in `out`.
fn traced() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy(Path::new(MODEL), &folder.path().join("model"));
    let trace = "instrument = \"causal-trace\"\nmodel = \"model\"\nseed = 3\n\
                 [input]\nprompt = \"The lighthouse of Varn\"\nsubject = \"lighthouse\"\n\
                 [corruption]\nkind = \"noise\"\nsamples = 3\n[trace]\nwindow = 2\n";
    fs::write(folder.path().join("trace.toml"), trace).expect("writes");
    let Said { code, err, .. } = whyfinder(folder.path(), &["run", "trace.toml", "--out", "out"]);
    assert_eq!(code, 0, "{err}");
    folder
}

#[test]
fn a_result_is_drawn_in_every_format_and_verified() {
    let folder = traced();
    let at = |name: &str| folder.path().join(name);
    for name in [
        "f.svg",
        "f.pdf",
        "f.png",
        "f.tex",
        "f.table.tex",
        "f.csv",
        "f.npz",
    ] {
        let words = [
            "figure",
            "out/result.npz",
            "--out",
            name,
            "--width",
            "double",
            "--dpi",
            "100",
        ];
        let Said { code, out, err } = whyfinder(folder.path(), &words);
        assert_eq!(code, 0, "{name}: {err}");
        assert!(out.contains(name) && out.contains("17.4 x"), "{out}");
        assert!(at(name).metadata().expect("written").len() > 100);
    }
    let svg = fs::read(at("f.svg")).expect("reads");
    let origin = read_origin(&svg).expect("readable").expect("there");
    let outcome = read_result(&at("out")).expect("reads");
    assert_eq!(origin.sources[0].provenance, outcome.provenance);
    assert_eq!(origin.sources[0].provenance.model_digest.len(), 64);
    for name in ["f.svg", "f.pdf", "f.png"] {
        let Said { code, out, err } = whyfinder(folder.path(), &["verify", name]);
        assert_eq!(code, 0, "{name}: {err}");
        assert!(out.contains("The numbers of the figure hold."), "{out}");
        assert!(
            out.contains("weights     the same") && out.contains("residual    "),
            "{out}"
        );
    }
    // The same description on other results; the width of the paper is kept.
    let like = [
        "figure", "out", "--like", "f.pdf", "--font", "serif", "--out", "g.svg",
    ];
    let Said { code, out, err } = whyfinder(folder.path(), &like);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("17.4 x"), "{out}");
}

#[test]
fn numbers_that_no_longer_hold_and_models_that_are_gone_are_told() {
    let folder = traced();
    let Said { code, err, .. } = whyfinder(folder.path(), &["figure", "out", "--out", "f.pdf"]);
    assert_eq!(code, 0, "{err}");
    let weights = folder.path().join("model/model.safetensors");
    let mut bytes = fs::read(&weights).expect("reads");
    // The last weights, an eighth of them, all a little other than they were.
    let start = bytes.len() - bytes.len() / 8 / 4 * 4;
    for number in bytes[start..].chunks_exact_mut(4) {
        number[2] ^= 0x10;
    }
    fs::write(&weights, bytes).expect("writes");
    let Said { code, out, err } = whyfinder(folder.path(), &["verify", "f.pdf", "--json"]);
    assert_eq!(code, 1, "{out}{err}");
    let said: serde_json::Value = serde_json::from_str(out.trim()).expect("JSON");
    assert_eq!(said["same_weights"], false);
    assert_eq!(said["same_tokenizer"], true);
    assert_eq!(said["fields"][0]["holds"], false);
    let Said { out, err, .. } = whyfinder(folder.path(), &["verify", "f.pdf"]);
    assert!(
        out.contains("another one (") && out.contains("does not hold: at most"),
        "{out}"
    );
    assert!(
        err.contains("The numbers of the figure do not hold."),
        "{err}"
    );

    let digest = {
        let bytes = fs::read(folder.path().join("f.pdf")).expect("reads");
        read_origin(&bytes)
            .expect("readable")
            .expect("there")
            .sources[0]
            .provenance
            .model_digest
            .clone()
    };
    fs::remove_dir_all(folder.path().join("model")).expect("removes");
    let Said { code, err, .. } = whyfinder(folder.path(), &["verify", "f.pdf"]);
    assert_eq!(code, 2, "{err}");
    assert!(
        err.contains("not at hand") && err.contains(&digest),
        "{err}"
    );
}

#[test]
fn what_cannot_be_meant_ends_with_two_and_a_sentence() {
    let folder = traced();
    fs::write(folder.path().join("plain.png"), b"\x89PNG\r\n\x1a\n").expect("writes");
    for (words, said) in [
        (&["figure", "out", "--out", "f.jpg"][..], "svg, pdf, png"),
        (
            &["figure", "out", "--out", "f.pdf", "--width", "9"],
            "8.4cm",
        ),
        (
            &["figure", "out", "--out", "f.pdf", "--size", "3"],
            "5 to 14 pt",
        ),
        (
            &["figure", "out", "--out", "f.pdf", "--map", "jet"],
            "viridis",
        ),
        (
            &["figure", "out", "--out", "f.pdf", "--range", "1"],
            "0,0.5",
        ),
        (
            &["figure", "out", "--out", "f.pdf", "--field", "effect"],
            "residual.lines",
        ),
        (
            &["figure", "out", "--out", "f.pdf", "--difference"],
            "two results",
        ),
        (
            &["figure", "out", "--out", "f.pdf", "--theme", "blue"],
            "light or dark",
        ),
        (&["figure", "out", "--out", "f.png", "--dpi", "0"], "--dpi"),
        (
            &["figure", "out", "--out", "f.png", "--dpi", "nan"],
            "--dpi",
        ),
        (
            &[
                "figure", "out", "--out", "f.png", "--dpi", "9600", "--width", "40cm",
            ],
            "dots per inch",
        ),
        (
            &["figure", "out", "--out", "f.pdf", "--font", "trace.toml"],
            "trace.toml",
        ),
        (
            &["figure", "out", "--out", "f.pdf", "--font", "gone.ttf"],
            "gone.ttf",
        ),
        (
            &["verify", "plain.png"],
            "no SVG, PDF or PNG that Whyfinder wrote",
        ),
        (&["verify", "gone.pdf"], "gone.pdf"),
    ] {
        let Said { code, out, err } = whyfinder(folder.path(), words);
        assert_eq!((code, out.as_str()), (2, ""), "{words:?}: {err}");
        assert_eq!(err.trim_end().lines().count(), 1, "{err}");
        assert!(err.contains(said), "{words:?}: {err}");
    }
    let Said { code, out, .. } = whyfinder(folder.path(), &["figure", "out", "--list"]);
    assert_eq!(code, 0);
    assert!(out.contains("out: residual.lines\n"), "{out}");
}

#[test]
fn a_picture_that_was_replaced_or_is_gone_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let paint = |name: &str, (width, height): (u32, u32), shade: u8| {
        let picture = image::RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([shade, (x * 7 % 256) as u8, (y * 11 % 256) as u8])
        });
        picture.save(at(name)).expect("writes");
    };
    paint("truth.png", (24, 20), 90);
    let map = "instrument = \"gradient\"\nmodel = \"demo:denoise\"\nseed = 1\n\
               [input]\ntruth = \"truth.png\"\nregion = [8, 6, 8, 8]\n";
    fs::write(at("map.toml"), map).expect("writes");
    for words in [
        ["run", "map.toml", "--out", "out"],
        ["figure", "out", "--out", "f.pdf"],
    ] {
        let Said { code, err, .. } = whyfinder(folder.path(), &words);
        assert_eq!(code, 0, "{err}");
    }
    let origin = read_origin(&fs::read(at("f.pdf")).expect("reads"));
    let origin = origin.expect("readable").expect("there");
    let digest = origin.sources[0].provenance.file_digests[0].clone();
    assert_eq!(digest.len(), 64);
    let verify = |more: &[&str]| whyfinder(folder.path(), &[&["verify", "f.pdf"], more].concat());
    let Said { code, out, err } = verify(&[]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("file        the same ("), "{out}");

    paint("truth.png", (24, 20), 91);
    let Said { code, out, .. } = verify(&[]);
    assert_eq!(code, 1, "{out}");
    assert!(
        out.contains("file        changed since (") && out.contains("does not hold"),
        "{out}"
    );
    let said: serde_json::Value =
        serde_json::from_str(verify(&["--json"]).out.trim()).expect("JSON");
    assert_eq!(said["files"][0]["same"], false);

    // The region would lie outside.
    paint("truth.png", (10, 10), 90);
    let Said { code, err, .. } = verify(&[]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("truth.png has changed since"), "{err}");

    fs::remove_file(at("truth.png")).expect("removes");
    let Said { code, err, .. } = verify(&[]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("truth.png") && err.contains(&digest), "{err}");
}
