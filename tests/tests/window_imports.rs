//! Other programs' numbers in the window: opened, asked about, read out, and sent by a running program.

#[path = "support/stage.rs"]
mod stage;

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use stage::Stage;
use whyfinder::window::background::Scripted;
use whyfinder::window::dialogs::{self, Answer};
use whyfinder::window::{Application, State};
use whyfinder_experiment::ImportForm;

fn at(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/import")
        .join(name)
}

/// Lets time pass until it is so.
fn wait(window: &mut Harness<'_, Application>, so: impl Fn(&State) -> bool) {
    let began = Instant::now();
    while !so(window.state().state()) {
        assert!(began.elapsed() < Duration::from_secs(60), "it never came");
        std::thread::sleep(Duration::from_millis(10));
        window.run_steps(2);
    }
    window.run_steps(3);
}

fn opened(name: &str, answers: Vec<Answer>) -> Stage {
    let path = at(name).display().to_string();
    let mut stage = Stage::opening(1280.0, 800.0, 1.0, answers, &[&path]);
    wait(&mut stage.window, |s| {
        s.imported.is_some() || s.axes.is_some() || s.notice.is_some()
    });
    stage
}

#[test]
fn attention_is_looked_at_without_a_model() {
    let stage = opened("list_of_layers.npz", Vec::new());
    let state = stage.window.state().state();
    assert!(state.model.open.is_none());
    let run = state.results.run.as_ref().expect("shown");
    let attention = run.attention.as_ref().expect("all heads");
    assert_eq!(
        (attention.layers, attention.heads, attention.keys),
        (12, 2, 5)
    );
    assert!(attention.causal);
    stage.window.get_by_label("list_of_layers.npz");
    stage
        .window
        .get_by_label("No query attends to a later key.");
    assert!(stage.window.query_by_label("Prompt").is_none());
    assert!(stage.window.query_by_label("Run").is_none());
}

#[test]
fn an_encoder_looks_both_ways() {
    let stage = opened("hooks.safetensors", Vec::new());
    let run = stage.window.state().state().results.run.as_ref();
    assert!(
        !run.and_then(|r| r.attention.as_ref())
            .expect("shown")
            .causal
    );
}

#[test]
fn a_trace_of_rome_is_read_out_and_closed() {
    let mut stage = opened("knowledge_7.npz", Vec::new());
    let state = stage.window.state().state();
    let trace = state.results.trace.as_ref().expect("shown");
    assert_eq!(trace.grids.len(), 3);
    assert_eq!((trace.corrupted(), trace.clean()), (Some(0.05), Some(0.93)));
    stage
        .window
        .get_by_label_contains("Residual stream causal trace: 5 tokens by 4 layers");
    stage.window.get_by_label("Close").click();
    stage.settle();
    let state = stage.window.state().state();
    assert!(state.imported.is_none() && state.results.trace.is_none());
    assert!(state.gallery_open);
}

#[test]
fn a_map_of_cem_has_its_errors() {
    let stage = opened("demo_1-PSNR_all_perturb-F8.mat", Vec::new());
    let imported = stage
        .window
        .state()
        .state()
        .imported
        .as_ref()
        .expect("shown");
    assert_eq!(imported.form(), ImportForm::Effects);
    assert_eq!(imported.field().map(|f| f.shape()), Some(vec![4, 6]));
    assert!(imported.cell.is_some());
    stage
        .window
        .get_by_label_contains("loss of the region's PSNR: 4 row by 6 column");
}

#[test]
fn figures_are_made_of_such_numbers() {
    for name in [
        "demo_1-PSNR_all_perturb-F8.mat",
        "knowledge_7.npz",
        "stack.npy",
    ] {
        let mut stage = opened(name, Vec::new());
        stage
            .window
            .key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::E);
        stage.window.run_steps(3);
        wait(&mut stage.window, |s| {
            let drawn = s.export.as_ref().and_then(|e| e.drawn.as_ref());
            drawn.is_some_and(|d| d.outcome.is_ok())
        });
    }
}

#[test]
fn what_the_axes_mean_is_asked_and_answered() {
    let mut stage = opened("heads.npy", vec![Answer::Picked(at("tokens.txt"))]);
    assert!(stage.window.state().state().imported.is_none());
    stage.window.get_by_label("What is in heads.npy?");
    // Six columns are not five tokens.
    stage.window.get_by_label("From a file…").click();
    stage.settle();
    let question = |stage: &Stage| stage.window.state().state().axes.clone().expect("asked");
    assert_eq!(question(&stage).plan.tokens.len(), 5);
    assert_eq!(question(&stage).problem, None);
    let preview = question(&stage).preview.expect("drawn");
    assert_eq!((preview.rows, preview.columns), (4, 6));
    stage.window.get_by_label("Open").click();
    stage.settle();
    wait(&mut stage.window, |s| s.imported.is_some());
    let state = stage.window.state().state();
    assert!(state.axes.is_none());
    let imported = state.imported.as_ref().expect("shown");
    assert_eq!(imported.settings().axes, ["row", "column"]);
    stage.window.get_by_label("Read it otherwise…").click();
    stage.settle();
    wait(&mut stage.window, |s| s.axes.is_some());
    stage.window.get_by_label("Cancel").click();
    stage.settle();
    assert!(stage.window.state().state().axes.is_none());
    assert!(stage.window.state().state().imported.is_some());
}

#[test]
fn what_cannot_be_opened_is_said() {
    for (name, part) in [
        ("huge.npy", "1.9 TiB"),
        ("knowledge_8.npz", "did not know the answer"),
    ] {
        let stage = opened(name, Vec::new());
        let notice = stage.window.state().state().notice.clone().expect("said");
        assert!(notice.message.contains(part), "{}", notice.message);
        assert_eq!(notice.title, format!("Could not open {name}"));
    }
}

/// A window that listens in this folder.
fn listening(folder: &Path) -> Harness<'static, Application> {
    let folder = folder.to_path_buf();
    let mut window = Harness::builder()
        .with_size(egui::vec2(1280.0, 800.0))
        .wgpu()
        .build_eframe(move |creation| {
            Application::new(
                creation,
                Box::new(Scripted::default()),
                Box::new(dialogs::Scripted::new(Vec::new())),
                Vec::new(),
            )
            .listening(&creation.egui_ctx, Some(folder))
        });
    window.run_steps(2);
    window
}

fn line(folder: &Path) -> UnixStream {
    let socket = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|e| e.expect("an entry").path())
        .find(|p| p.extension().is_some_and(|e| e == "sock"))
        .expect("a socket");
    UnixStream::connect(socket).expect("listened to")
}

/// Sends a frame, and gives the answer.
fn say(line: &mut UnixStream, header: &str, numbers: &[f32]) -> String {
    let mut bytes = (header.len() as u32).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(numbers.iter().flat_map(|n| n.to_le_bytes()));
    line.write_all(&bytes).expect("sent");
    let mut length = [0u8; 4];
    line.read_exact(&mut length).expect("answered");
    let mut answer = vec![0u8; u32::from_le_bytes(length) as usize];
    line.read_exact(&mut answer).expect("answered");
    String::from_utf8(answer).expect("text")
}

const BEGIN: &str = r#"{"do": "begin", "arrays": {"values": [4, 3]}, "manifest": {"axes": ["token", "layer"], "kind": "effects", "tokens": ["a", "b", "c", "d"]}}"#;

#[test]
fn numbers_of_a_running_program_fill_in_and_stay() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("whyfinder");
    let mut window = listening(&folder);
    let mode = std::fs::metadata(&folder).expect("made").permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o700
    );
    let mut first = line(&folder);
    assert!(say(&mut first, r#"{"do": "hello"}"#, &[]).contains("whyfinder"));
    assert_eq!(say(&mut first, BEGIN, &[]), r#"{"ok":true}"#);
    wait(&mut window, |s| s.imported.is_some());
    let measured = |s: &State| {
        let field = s.imported.as_ref().and_then(|i| i.field());
        field.map_or(0, |f| f.mask.iter().filter(|m| **m).count())
    };
    assert_eq!(measured(window.state().state()), 0);
    for cell in 0..5 {
        let header =
            format!(r#"{{"do": "cells", "array": "values", "at": [{cell}], "payload": 4}}"#);
        assert_eq!(say(&mut first, &header, &[0.5]), r#"{"ok":true}"#);
    }
    wait(&mut window, |s| measured(s) == 5);
    // A second program talks nonsense, a third ends in the middle of a word: neither harms.
    line(&folder)
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .expect("sent");
    line(&folder)
        .write_all(&[200, 0, 0, 0, b'{'])
        .expect("sent");
    let row = r#"{"do": "cells", "array": "values", "from": 6, "payload": 12}"#;
    say(&mut first, row, &[1.0, -2.0, 3.0]);
    wait(&mut window, |s| measured(s) == 8);
    let refused = say(
        &mut first,
        r#"{"do": "cells", "array": "values", "from": 12, "payload": 4}"#,
        &[1.0],
    );
    assert!(refused.contains("outside"), "{refused}");
    drop(first);
    wait(&mut window, |s| {
        s.imported.as_ref().is_some_and(|i| !i.connected)
    });
    assert_eq!(measured(window.state().state()), 8);
    // Another program takes its place, and can have a file opened.
    let mut other = line(&folder);
    say(&mut other, &BEGIN.replace("[4, 3]", "[4, 2]"), &[]);
    wait(&mut window, |s| {
        s.imported
            .as_ref()
            .and_then(|i| i.field())
            .map(|f| f.shape())
            == Some(vec![4, 2])
    });
    let path = serde_json::to_string(&at("knowledge_7.npz")).expect("text");
    say(
        &mut other,
        &format!(r#"{{"do": "open", "path": {path}}}"#),
        &[],
    );
    wait(&mut window, |s| s.results.trace.is_some());
    drop(window);
    let left = std::fs::read_dir(&folder).expect("there").count();
    assert_eq!(left, 0, "the socket goes with the window");
}
