//! Other programs' files on the command line, with the real binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/import");

/// Exit code, standard output and standard error.
fn whyfinder(folder: &Path, words: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_whyfinder"))
        .args(words)
        .current_dir(folder)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("the program speaks UTF-8");
    (
        output.status.code().expect("it ended by itself"),
        text(output.stdout),
        text(output.stderr),
    )
}

fn with(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in names {
        fs::copy(PathBuf::from(FILES).join(name), folder.path().join(name)).expect("copied");
    }
    folder
}

#[test]
fn a_figure_of_another_programs_numbers_is_verified_against_their_file() {
    let folder = with(&["knowledge_7.npz", "knowledge_8.npz"]);
    let at = folder.path();
    let (code, _, err) = whyfinder(at, &["figure", "knowledge_7.npz", "--out", "trace.svg"]);
    assert_eq!(code, 0, "{err}");
    let svg = fs::read_to_string(at.join("trace.svg")).expect("written");
    assert!(svg.contains("computed elsewhere: knowledge_7.npz"));
    let (code, said, err) = whyfinder(at, &["verify", "trace.svg"]);
    assert_eq!(code, 0, "{err}");
    assert!(
        said.contains("the same in every bit") && said.contains("another program"),
        "{said}"
    );
    // Without the file, the figure's own digest is what there is.
    fs::rename(at.join("knowledge_7.npz"), at.join("away.npz")).expect("moved");
    let (code, said, err) = whyfinder(at, &["verify", "trace.svg"]);
    assert_eq!(code, 0, "{err}");
    assert!(
        said.contains("cannot be computed again") && said.contains("not here"),
        "{said}"
    );
    // A figure whose numbers were changed says so.
    let cut = svg.replacen("&quot;values&quot;:[0.", "&quot;values&quot;:[9.", 1);
    let cut = if cut == svg {
        svg.replacen("\"values\":[0.", "\"values\":[9.", 1)
    } else {
        cut
    };
    assert_ne!(cut, svg, "the numbers are in the figure");
    fs::write(at.join("changed.svg"), cut).expect("written");
    let (code, said, _) = whyfinder(at, &["verify", "changed.svg"]);
    assert_eq!(code, 1, "{said}");
    // Another file of that name is told from the first.
    fs::copy(
        PathBuf::from(FILES).join("knowledge_7_mlp.npz"),
        at.join("knowledge_7.npz"),
    )
    .expect("copied");
    let (code, _, err) = whyfinder(at, &["verify", "trace.svg"]);
    assert_eq!(code, 1, "{err}");
}

#[test]
fn what_the_axes_mean_is_said() {
    let folder = with(&["heads.npy", "tokens.txt", "huge.npy"]);
    let at = folder.path();
    let (code, _, err) = whyfinder(at, &["figure", "heads.npy", "--out", "a.csv"]);
    assert_eq!(code, 2);
    assert!(err.contains("--axes row,column"), "{err}");
    let (code, _, err) = whyfinder(
        at,
        &[
            "figure",
            "heads.npy",
            "--axes",
            "layer,head",
            "--out",
            "a.csv",
        ],
    );
    assert_eq!(code, 0, "{err}");
    let table = fs::read_to_string(at.join("a.csv")).expect("written");
    assert_eq!(table.lines().count(), 25, "{table}");
    let (code, said, _) = whyfinder(at, &["inspect", "heads.npy", "--json"]);
    assert_eq!(code, 0);
    assert!(said.contains("\"certain\":false"), "{said}");
    let (code, _, err) = whyfinder(at, &["inspect", "huge.npy"]);
    assert_eq!(code, 2);
    assert!(err.contains("1.9 TiB"), "{err}");
}

#[test]
fn an_experiment_of_such_numbers_is_drawn_but_not_run() {
    let folder = with(&["knowledge_7.npz"]);
    let at = folder.path();
    let toml = "instrument = \"import\"\nmodel = \"computed elsewhere\"\n[import]\nform = \"trace\"\n\
                [[import.files]]\npath = \"knowledge_7.npz\"\ndigest = \"\"\n";
    fs::write(at.join("a.toml"), toml).expect("written");
    let (code, _, err) = whyfinder(at, &["run", "a.toml", "--out", "out"]);
    assert_eq!(code, 2);
    assert!(err.contains("computed by another program"), "{err}");
    let (code, _, err) = whyfinder(at, &["figure", "a.toml", "--out", "a.pdf"]);
    assert_eq!(code, 0, "{err}");
}
