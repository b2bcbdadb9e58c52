//! Figures that are dropped on the window.

use std::path::{Path, PathBuf};

use whyfinder::window::state::Notice;

use super::stage::Stage;
use super::{Answer, exporting, wait, write};

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|e| e.to_string())
    }
}

fn drop_on(stage: &mut Stage, path: &Path) {
    let file = std::sync::Arc::new(Dropped(path.to_path_buf()));
    stage.window.input_mut().dropped_files.push(file);
    stage.window.step();
}

/// A figure of a traced fact in one format.
fn figure(folder: &Path, format: &str) -> (PathBuf, Stage) {
    let path = folder.join(format!("f.{}", format.to_lowercase()));
    let mut stage = exporting(vec![Answer::Picked(path.clone())]);
    write(&mut stage, format);
    (path, stage)
}

/// What a window says that shows something else already.
fn notice_on_dropping(path: &Path) -> Notice {
    let mut stage = Stage::new(1280.0, 800.0, 1.0, Vec::new());
    drop_on(&mut stage, path);
    // The file is read on a thread of its own; what it asks for is then the worker's to refuse.
    let began = std::time::Instant::now();
    loop {
        stage.settle();
        if let Some(notice) = &stage.window.state().state().notice {
            return notice.clone();
        }
        assert!(began.elapsed().as_secs() < 60, "nothing is said");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn a_figure_of_any_format_brings_its_experiment_to_a_window_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    for format in ["SVG", "PNG", "PDF"] {
        let (path, made) = figure(folder.path(), format);
        let made = made.window.state().state();
        let mut stage = Stage::opening(1280.0, 800.0, 1.0, Vec::new(), &["demo:denoise"]);
        assert!(stage.window.state().state().is_about_images());
        drop_on(&mut stage, &path);
        wait(&mut stage, |s| {
            s.window.state().state().question.prompt == made.question.prompt
        });
        stage.settle();
        stage.finish();
        let state = stage.window.state().state();
        assert!(state.notice.is_none(), "{format}: {:?}", state.notice);
        assert_eq!(state.question.trace, made.question.trace, "{format}");
        assert_eq!(state.question.subject, made.question.subject);
        assert_eq!(state.selection, made.selection, "{format}");
        let experiment = |state: &whyfinder::window::State| {
            let trace = state.results.trace.as_ref().expect("traced");
            trace.experiment.clone()
        };
        assert_eq!(experiment(state), experiment(made));
    }
}

/// The text of an SVG's record with something else in it.
fn changed(path: &Path, changes: &[(&str, &str)]) {
    let mut svg = std::fs::read_to_string(path).expect("written");
    for (from, to) in changes {
        let from = from.replace('"', "&quot;");
        assert!(svg.contains(&from), "{from}");
        svg = svg.replace(&from, &to.replace('"', "&quot;"));
    }
    std::fs::write(path, svg).expect("writes");
}

#[test]
fn a_missing_model_is_told_by_name_and_digests() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, _) = figure(folder.path(), "SVG");
    changed(
        &path,
        &[
            ("demo:isles", "/broken/model"),
            ("\"model_digest\":\"\"", "\"model_digest\":\"0123abcd\""),
            (
                "\"tokenizer_digest\":\"\"",
                "\"tokenizer_digest\":\"4567ef\"",
            ),
        ],
    );
    let notice = notice_on_dropping(&path);
    for said in ["not at hand", "/broken/model", "0123abcd", "4567ef"] {
        assert!(notice.message.contains(said), "{said}: {notice:?}");
    }
}

#[test]
fn what_a_newer_program_wrote_is_told_and_nothing_is_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, _) = figure(folder.path(), "SVG");
    let whole = std::fs::read(&path).expect("written");
    let newer = [
        ("{\"format\":2,", "{\"format\":9,"),
        (
            "\"experiment\":{\"schema\":1,",
            "\"experiment\":{\"schema\":9,",
        ),
    ];
    for change in newer {
        std::fs::write(&path, &whole).expect("writes");
        changed(&path, &[change]);
        let mut stage = Stage::new(1280.0, 800.0, 1.0, Vec::new());
        let before = stage.window.state().state().question.clone();
        drop_on(&mut stage, &path);
        wait(&mut stage, |s| s.window.state().state().notice.is_some());
        let state = stage.window.state().state();
        let notice = state.notice.clone().expect("one");
        assert!(notice.title.contains("f.svg"), "{notice:?}");
        assert!(
            notice.message.contains("version 9") && notice.message.contains("newer"),
            "{notice:?}"
        );
        assert_eq!(state.question, before);
    }
}

#[test]
fn what_is_no_figure_of_this_program_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let files: [(&str, &[u8]); 4] = [
        (
            "drawing.svg",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        ),
        ("paper.pdf", b"%PDF-1.7\n%%EOF\n"),
        ("text.svg", b"no drawing at all"),
        ("empty.pdf", b""),
    ];
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("writes");
        let notice = notice_on_dropping(&path);
        assert!(
            notice.title.contains(name) && notice.message.contains("holds no experiment"),
            "{notice:?}"
        );
    }
    let (path, _) = figure(folder.path(), "SVG");
    changed(&path, &[("causal-trace", "casual-trace")]);
    let notice = notice_on_dropping(&path);
    assert!(notice.message.ends_with('.'), "{notice:?}");
    // A figure that is cut off has lost what it held.
    let (path, _) = figure(folder.path(), "PDF");
    let bytes = std::fs::read(&path).expect("written");
    std::fs::write(&path, &bytes[..bytes.len() / 4]).expect("writes");
    let notice = notice_on_dropping(&path);
    assert!(notice.message.contains("holds no experiment"), "{notice:?}");
}

#[test]
fn a_picture_that_is_no_figure_is_a_picture() {
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/pictures/tree.png");
    let mut stage = Stage::opening(1280.0, 800.0, 1.0, Vec::new(), &["demo:denoise"]);
    drop_on(&mut stage, Path::new(picture));
    wait(&mut stage, |s| {
        let asked = &s.window.state().state().question.images.picture;
        asked
            .as_ref()
            .is_some_and(|p| p.to_string().ends_with("tree.png"))
    });
    assert!(stage.window.state().state().notice.is_none());
}
