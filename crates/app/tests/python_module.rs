//! `docs/python/whyfinder.py` against the real binary.
//!
//! Needs numpy, in the Python that `WHYFINDER_PYTHON` names or the first `python3` that has it.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

#[path = "../../../tests/tests/support/interpreter.rs"]
mod interpreter;

use interpreter::interpreter;
use serde_json::Value;

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/python");
const BINARY: &str = env!("CARGO_BIN_EXE_whyfinder");

fn python(folder: &Path, script: &str) -> String {
    let run = Command::new(interpreter())
        .args(["-c", script])
        .current_dir(folder)
        .env("PYTHONPATH", MODULE)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("WHYFINDER", BINARY)
        .env("XDG_RUNTIME_DIR", folder)
        .output()
        .expect("python3 starts");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(
        run.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&run.stderr)
    );
    said
}

fn inspect(folder: &Path, file: &str) -> Value {
    let run = Command::new(BINARY)
        .args(["inspect", "--json", file])
        .current_dir(folder)
        .output()
        .expect("the binary starts");
    assert!(
        run.status.success(),
        "{file}: {}",
        String::from_utf8_lossy(&run.stderr)
    );
    serde_json::from_slice(&run.stdout).expect("JSON")
}

const CALLS: &str = r#"
import numpy as np
import whyfinder
random = np.random.default_rng(0)
tokens = ["a", " b", " c", " d"]
scores = random.standard_normal((3, 1, 2, 4, 4))
attention = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
whyfinder.head_view([layer for layer in attention], tokens, save="head_view.npz")
whyfinder.head_view([layer for layer in attention], tokens, include_layers=[2], heads=[1], save="some.npz")
whyfinder.model_view(attention[:, 0].astype(np.float16), tokens, save="model_view.npz")
whyfinder.attention_patterns(tokens=tokens, attention=attention[0, 0], save="patterns.npz")
whyfinder.attention_pattern(tokens=tokens, attention=attention[0, 0, 1], save="pattern.npz")
whyfinder.imshow(random.standard_normal((3, 2)), x="head", y="layer", title="effects of heads", zmin=-1, save="imshow.npz")
whyfinder.imshow(random.standard_normal((3, 4)), x=tokens, xaxis="Position", yaxis="Layer", save="positions.npz")
whyfinder.trace(random.random((4, 3)), tokens, 0.1, 0.9, subject=(1, 3), answer=" e", save="trace.npz")
whyfinder.plot_trace_heatmap(dict(scores=random.random((4, 3)), input_tokens=tokens, low_score=0.1, high_score=0.9,
    subject_range=(1, 3), answer=" e", kind="mlp"), save="rome.npz")
psnr = 27 - random.normal(0.2, 0.1, (2, 3, 5))
psnr[0, 0] = 0
whyfinder.effect_map(psnr, 27.0, save="effect_map.npz")
for wrong in ([], [np.zeros((2, 2, 4, 4))], np.zeros(4)):
    try:
        whyfinder.head_view(wrong, tokens, save="wrong.npz")
    except ValueError:
        continue
    raise AssertionError(wrong)
"#;

#[test]
fn calls_that_notebooks_type_write_files_that_open() {
    let folder = tempfile::tempdir().expect("a folder");
    python(folder.path(), CALLS);
    assert!(!folder.path().join("wrong.npz").exists());
    let first = |file: &str| {
        let said = inspect(folder.path(), file);
        let field = &said["fields"][0];
        (
            said["form"].as_str().unwrap_or_default().to_string(),
            field["name"].as_str().unwrap_or_default().to_string(),
            field["shape"].clone(),
        )
    };
    let is = |file: &str, form: &str, name: &str, shape: Value| {
        assert_eq!(
            first(file),
            (form.to_string(), name.to_string(), shape),
            "{file}"
        );
    };
    let pattern = |layer: usize| format!("blocks.{layer}.attn.hook_pattern");
    is(
        "head_view.npz",
        "attention",
        &pattern(0),
        [2, 4, 4].as_slice().into(),
    );
    is(
        "some.npz",
        "attention",
        &pattern(2),
        [1, 4, 4].as_slice().into(),
    );
    is(
        "model_view.npz",
        "attention",
        &pattern(0),
        [2, 4, 4].as_slice().into(),
    );
    is(
        "patterns.npz",
        "attention",
        &pattern(0),
        [2, 4, 4].as_slice().into(),
    );
    is(
        "pattern.npz",
        "attention",
        &pattern(0),
        [1, 4, 4].as_slice().into(),
    );
    is(
        "imshow.npz",
        "effects",
        "effects of heads",
        [3, 2].as_slice().into(),
    );
    is(
        "positions.npz",
        "effects",
        "values",
        [4, 3].as_slice().into(),
    );
    is("trace.npz", "trace", "residual", [4, 3].as_slice().into());
    is("rome.npz", "trace", "mlp", [4, 3].as_slice().into());
    is(
        "effect_map.npz",
        "effects",
        "effect",
        [2, 3].as_slice().into(),
    );
    assert_eq!(inspect(folder.path(), "head_view.npz")["tokens"][1], " b");
    assert_eq!(
        inspect(folder.path(), "trace.npz")["reference"]["clean"],
        0.9f32
    );
}

const LIVE: &str = r#"
import time
import numpy as np
import whyfinder
with whyfinder.connect(patience=120) as window:
    assert window.program.startswith("whyfinder"), window.program
    live = window.begin((4, 3), axes=("token", "layer"), tokens=list("abcd"), title="effects")
    for token in range(4):
        for layer in range(3):
            live[token, layer] = token - layer
    live[1:3] = np.ones((2, 3))
    try:
        window.begin((4, 3), axes=("sample", "layer"))
    except whyfinder.WhyfinderError as error:
        assert "two axes" in str(error) or "map needs" in str(error), error
    else:
        raise AssertionError("a map of one axis")
    whyfinder.trace(np.random.random((4, 3)), list("abcd"), 0.1, 0.9)
    window.open(whyfinder.imshow(np.eye(3), save="eye.npz"))
print("done")
"#;

#[test]
fn numbers_are_sent_to_a_window_that_python_started() {
    use std::io::BufRead as _;
    let folder = tempfile::tempdir().expect("a folder");
    let mut screen = Command::new("Xvfb")
        .args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            "1280x800x24",
            "-nolisten",
            "tcp",
        ])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("Xvfb is there");
    let mut number = String::new();
    let out = screen.stdout.take().expect("piped");
    std::io::BufReader::new(out)
        .read_line(&mut number)
        .expect("Xvfb says its display");
    let script = format!(
        "import os\nos.environ['DISPLAY'] = ':{}'\nos.environ['XDG_DATA_HOME'] = os.path.join(os.getcwd(), 'data')\n{LIVE}",
        number.trim()
    );
    let said = python(folder.path(), &script);
    // The window ends with its display.
    screen.kill().expect("it ran");
    screen.wait().expect("it ended");
    assert!(said.contains("done"), "{said}");
}
