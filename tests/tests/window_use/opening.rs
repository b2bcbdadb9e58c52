//! Models, experiments and results that are opened or dropped.

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use whyfinder::window::dialogs::Answer;

use super::stage::Stage;
use super::{FACT, stage};

#[test]
fn a_broken_folder_says_so_and_the_open_model_stays() {
    let folder = std::path::PathBuf::from("/models/broken-one");
    let mut stage = Stage::new(1280.0, 720.0, 1.0, vec![Answer::Picked(folder)]);
    stage
        .window
        .key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::O);
    stage.settle();
    stage
        .window
        .get_by_label("Could not open /models/broken-one");
    stage.window.get_by_label_contains("has no config.json");
    stage.window.get_by_label("Open another folder…");
    stage.window.get_by_label("Model demo:isles");
    stage.window.get_by_label("Dismiss").click();
    stage.settle();
    assert!(
        stage
            .window
            .query_by_label_contains("has no config.json")
            .is_none()
    );
}

#[test]
fn a_system_without_dialogs_says_what_else_works() {
    let mut stage = Stage::new(1280.0, 720.0, 1.0, vec![Answer::NoDialog]);
    stage
        .window
        .key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::O);
    stage.settle();
    stage
        .window
        .get_by_label_contains("Drop the model's folder on the window");
}

#[test]
fn opening_another_model_clears_the_old_ones_numbers() {
    let folder = std::path::PathBuf::from("/models/other");
    let mut stage = Stage::new(1280.0, 720.0, 1.0, vec![Answer::Picked(folder)]);
    stage.window.get_by_label_contains(FACT).click();
    stage.settle();
    stage.finish();
    stage
        .window
        .key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::O);
    stage.settle();
    stage.window.get_by_label("Model other");
    let state = stage.window.state().state();
    assert!(state.results.run.is_none() && state.results.trace.is_none());
    assert_eq!(state.recent[0], "/models/other");
}

/// A path let go over the window.
#[derive(Debug)]
struct Dropped(std::path::PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|e| e.to_string())
    }
}

fn drop_on(stage: &mut Stage, path: &std::path::Path) {
    let file = std::sync::Arc::new(Dropped(path.to_path_buf()));
    stage.window.input_mut().dropped_files.push(file);
    stage.window.step();
    // A file is read on a thread of its own.
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_millis(400) {
        stage.settle();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_folder_dropped_on_the_window_is_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let weights = folder.path().join("model.safetensors");
    std::fs::write(&weights, []).expect("a file");
    let mut stage = stage();
    drop_on(&mut stage, &weights);
    let open = stage.window.state().state().model.open.clone();
    let reference = open.expect("a model").reference.clone();
    assert_eq!(std::path::Path::new(&reference), folder.path());
}

#[test]
fn an_experiment_dropped_on_the_window_is_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("question.toml");
    let text = "instrument = \"causal-trace\"\nmodel = \"demo:isles\"\nseed = 5\n[input]\nprompt = \"The town of Umbra \
                lies on the isle of\"\nsubject = \"Umbra\"\n";
    std::fs::write(&path, text).expect("a file");
    let mut stage = stage();
    drop_on(&mut stage, &path);
    assert_eq!(stage.traces.len(), 1);
    let state = stage.window.state().state();
    assert_eq!(state.question.seed, 5);
    assert!(state.question.prompt.starts_with("The town of Umbra"));
    std::fs::write(&path, "instrument = ").expect("a file");
    drop_on(&mut stage, &path);
    stage.window.get_by_label("Could not open question.toml");
}

#[test]
fn a_result_dropped_on_the_window_is_shown_without_running_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let measured = {
        let mut stage = stage();
        stage.window.get_by_label_contains(FACT).click();
        stage.settle();
        stage::trace_outcome(stage.traces[0].1.clone())
    };
    whyfinder_experiment::write_result(folder.path(), &measured).expect("written");
    let mut stage = stage();
    drop_on(&mut stage, &folder.path().join("result.npz"));
    assert!(stage.traces.is_empty() && stage.runs.is_empty());
    let state = stage.window.state().state();
    let trace = state.results.trace.as_ref().expect("a trace");
    assert!(trace.complete);
    assert_eq!(
        trace.measured().0,
        measured.fields.len() * measured.fields[0].values.len()
    );
    stage.window.get_by_label_contains("s.e. · 10 samples");
}
