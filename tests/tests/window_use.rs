//! The window used as a person would: by what is written on it.

#[path = "support/stage.rs"]
mod stage;

use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use image::GenericImageView as _;
use stage::{CLEAN, CORRUPTED, HEADS, LAYERS, Stage, value};
use whyfinder::window::dialogs::Answer;
use whyfinder_experiment::TraceKind;
use whyfinder_worker::Request;

const FACT: &str = "Scene: Where a fact is kept";

fn stage() -> Stage {
    Stage::new(1280.0, 720.0, 1.0, Vec::new())
}

/// A window that shows a finished trace.
fn traced() -> Stage {
    let mut stage = stage();
    stage.window.get_by_label_contains(FACT).click();
    stage.settle();
    stage.finish();
    stage
}

/// What the map with this label reads out.
fn read(stage: &Stage, label: &str) -> String {
    stage
        .window
        .get_by_label_contains(label)
        .accesskit_node()
        .value()
        .unwrap_or_default()
}

/// Puts `text` in place of the prompt.
fn type_prompt(stage: &mut Stage, text: &str) {
    stage.window.get_by_label("Prompt").click();
    stage.window.run_steps(2);
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    stage.window.run_steps(1);
    stage.window.get_by_label("Prompt").type_text(text);
    stage.settle();
}

#[test]
fn it_starts_with_the_scenes_and_the_bundled_model() {
    let stage = stage();
    stage.window.get_by_label("Model demo:isles");
    stage.window.get_by_label_contains(FACT);
    stage.window.get_by_label("Prompt");
    assert!(stage.window.state().state().gallery_open);
}

#[test]
fn a_scene_runs_with_one_click_and_fills_in_as_it_is_measured() {
    let mut stage = stage();
    stage.window.get_by_label_contains(FACT).click();
    stage.settle();
    assert!(!stage.window.state().state().gallery_open);
    stage.window.get_by_label_contains("Attention of 24 heads");
    stage
        .window
        .get_by_label_contains("Residual stream causal trace");
    stage.measure(0.5);
    let state = stage.window.state().state();
    let (done, all) = state.results.trace.as_ref().expect("a trace").measured();
    assert_eq!(done * 2, all);
    stage.window.get_by_label("Tracing");
    stage.window.get_by_label("Cancel");
    stage.finish();
    assert!(!stage.window.state().state().jobs.busy());
    stage
        .window
        .get_by_label_contains("9.4× fewer passes than plain");
}

#[test]
fn the_selected_cell_is_explained_with_its_uncertainty() {
    let stage = traced();
    // The strongest cell is selected by itself: the name's last token in the residual stream.
    let selection = stage.window.state().state().selection;
    assert_eq!(selection.kind, TraceKind::Residual);
    let (token, layer) = (
        selection.token.expect("a token"),
        selection.layer.expect("a layer"),
    );
    let tokens = stage
        .window
        .state()
        .state()
        .results
        .trace
        .as_ref()
        .expect("a trace")
        .summary
        .tokens
        .len();
    let effect = value(TraceKind::Residual, token, layer, tokens) - CORRUPTED;
    stage.window.get_by_label(&format!("+{effect:.3}"));
    stage.window.get_by_label_contains("s.e. · 10 samples");
    let share = 100.0 * effect / (CLEAN - CORRUPTED);
    stage
        .window
        .get_by_label_contains(&format!("brings back {share:.0}\u{a0}%"));
}

#[test]
fn arrow_keys_walk_the_cells_and_every_view_follows() {
    let mut stage = traced();
    stage
        .window
        .get_by_label_contains("MLP causal trace")
        .click();
    stage.window.run_steps(3);
    let before = stage.window.state().state().selection;
    assert_eq!(before.kind, TraceKind::Mlp);
    stage.window.key_press(Key::ArrowRight);
    stage.window.run_steps(3);
    let after = stage.window.state().state().selection;
    assert_eq!(after.layer, before.layer.map(|l| (l + 1).min(LAYERS - 1)));
    let layer = after.layer.expect("a layer");
    stage
        .window
        .get_by_label_contains(&format!("Layer {layer} · Head"));
    let spoken = read(&stage, "MLP causal trace");
    assert!(spoken.contains(&format!("layer {layer}")), "{spoken}");
}

#[test]
fn pointing_at_the_atlas_reads_a_head_and_clicking_opens_it() {
    let mut stage = traced();
    let rect = stage
        .window
        .get_by_label_contains("Attention of 24 heads")
        .rect();
    stage.window.hover_at(rect.center());
    stage.window.run_steps(3);
    stage
        .window
        .get_by_label_contains("Attention of 24 heads")
        .click();
    stage.window.run_steps(3);
    let s = stage.window.state().state().selection;
    let (layer, head) = (s.layer.expect("a layer"), s.head.expect("a head"));
    assert!(layer < LAYERS && head < HEADS);
    stage
        .window
        .get_by_label_contains(&format!("Attention of layer {layer} head {head}"));
    let spoken = read(&stage, "Attention of 24 heads");
    assert!(spoken.contains(&layer.to_string()), "{spoken}");
}

#[test]
fn typed_text_becomes_tokens_and_enter_runs_it() {
    let mut stage = stage();
    type_prompt(&mut stage, "The tower of Orvane is in");
    stage.window.get_by_label_contains("Token 0 The");
    stage.window.get_by_label_contains("Token 3 ␣Or");
    assert!(stage.window.state().state().results.run.is_none());
    stage.window.key_press(Key::Enter);
    stage.settle();
    let state = stage.window.state().state();
    assert!(state.results.run.as_ref().is_some_and(|r| r.complete));
    assert!(state.results.trace.is_none(), "no subject, no trace");
    stage
        .window
        .get_by_label_contains("Drag over the tokens of the cause");
}

#[test]
fn a_subject_is_marked_by_dragging_over_tokens() {
    let mut stage = stage();
    type_prompt(&mut stage, "The tower of Orvane is in");
    stage.window.key_press(Key::Enter);
    stage.settle();
    let first = stage
        .window
        .get_by_label_contains("Token 3 ")
        .rect()
        .center();
    let last = stage
        .window
        .get_by_label_contains("Token 4 ")
        .rect()
        .center();
    stage.window.drag_at(first);
    stage.window.run_steps(2);
    stage.window.hover_at(last);
    stage.window.run_steps(2);
    stage.window.drop_at(last);
    stage.settle();
    let state = stage.window.state().state();
    assert_eq!(
        state.question.subject.as_ref().map(|s| s.text.as_str()),
        Some("Orvane")
    );
    assert_eq!(state.subject_tokens(), Some([3, 5]));
    assert!(state.jobs.trace.is_some(), "the trace starts by itself");
    stage.window.get_by_label_contains("Token 4 vane, id");
    stage.finish();
    let selection = stage.window.state().state().selection;
    assert_eq!(
        selection.token,
        Some(4),
        "the strongest cell is selected by itself"
    );
    assert!(
        stage
            .window
            .state()
            .state()
            .results
            .trace
            .as_ref()
            .is_some_and(|t| t.complete)
    );
}

#[test]
fn undo_takes_a_mark_back_and_redo_brings_it_again() {
    let mut stage = traced();
    stage.window.get_by_label("Clear the subject").click();
    stage.settle();
    assert_eq!(stage.window.state().state().question.subject, None);
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    stage.settle();
    assert!(stage.window.state().state().question.subject.is_some());
    stage
        .window
        .key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    stage.settle();
    assert_eq!(stage.window.state().state().question.subject, None);
}

#[test]
fn another_answer_is_chosen_from_the_predictions_and_traced() {
    let mut stage = traced();
    stage.window.get_by_label("Answer ␣Jorath").click();
    stage.settle();
    stage.window.get_by_label_contains("␣Kasdin 2.1 %").click();
    stage.settle();
    let state = stage.window.state().state();
    assert_eq!(state.question.answer.as_deref(), Some(" Kasdin"));
    assert!(state.jobs.trace.is_some());
    let (_, asked) = stage.traces.last().expect("a new trace");
    assert_eq!(asked.input.answer.as_deref(), Some(" Kasdin"));
}

#[test]
fn a_foil_is_typed() {
    let mut stage = traced();
    stage.window.get_by_label("Foil: none").click();
    stage.settle();
    stage.window.get_by_label("Foil token").click();
    stage.window.run_steps(1);
    stage.window.get_by_label("Foil token").type_text(" Ostra");
    stage.window.run_steps(2);
    stage.window.key_press(Key::Enter);
    stage.settle();
    let state = stage.window.state().state();
    assert_eq!(state.question.foil.as_deref(), Some(" Ostra"));
}

#[test]
fn cancelling_keeps_what_was_measured() {
    let mut stage = stage();
    stage.window.get_by_label_contains(FACT).click();
    stage.settle();
    stage.measure(0.3);
    stage.window.get_by_label("Cancel").click();
    stage.settle();
    let state = stage.window.state().state();
    assert!(!state.jobs.busy());
    let (done, all) = state.results.trace.as_ref().expect("a trace").measured();
    assert!(0 < done && done < all);
    stage.window.get_by_label_contains("Cancelled");
}

#[test]
fn a_new_run_cancels_the_old_one() {
    let mut stage = stage();
    stage.window.get_by_label_contains(FACT).click();
    stage.settle();
    let first = stage.traces[0].0;
    type_prompt(&mut stage, "The river Orvane is on");
    stage.window.key_press(Key::Enter);
    stage.settle();
    assert!(stage.traces.iter().all(|(job, _)| *job != first));
}

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

#[test]
fn the_palette_finds_commands_by_a_few_letters() {
    let mut stage = traced();
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::K);
    stage.window.run_steps(3);
    stage
        .window
        .get_by_label("Find a command")
        .type_text("head 3.2");
    stage.window.run_steps(3);
    stage.window.key_press(Key::Enter);
    stage.settle();
    let s = stage.window.state().state().selection;
    assert_eq!((s.layer, s.head), (Some(3), Some(2)));
    assert!(!stage.window.state().state().palette_open);
}

#[test]
fn numbers_are_copied_as_a_table() {
    let mut stage = traced();
    stage
        .window
        .get_by_label_contains("Residual stream causal trace")
        .click();
    stage.window.run_steps(3);
    // One frame with the key in it, because the clipboard's text leaves with that frame.
    let modifiers = Modifiers::COMMAND | Modifiers::SHIFT;
    let input = stage.window.input_mut();
    input.events.push(egui::Event::ModifiersChanged(modifiers));
    input.events.push(egui::Event::Key {
        key: Key::C,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers,
    });
    stage.window.step();
    let copied = stage
        .window
        .output()
        .platform_output
        .commands
        .iter()
        .find_map(|c| match c {
            egui::OutputCommand::CopyText(text) => Some(text.clone()),
            _ => None,
        });
    let text = copied.expect("a table on the clipboard");
    let rows: Vec<&str> = text.lines().collect();
    let tokens = stage
        .window
        .state()
        .state()
        .results
        .trace
        .as_ref()
        .expect("a trace")
        .summary
        .tokens
        .len();
    assert_eq!(rows.len(), 1 + 3 * tokens * LAYERS);
    assert!(rows[0].starts_with("kind\tposition\ttoken\tlayer\tvalue"));
    let first: Vec<&str> = rows[1].split('\t').collect();
    assert_eq!(first[..4], ["residual", "0", "The", "0"]);
    let copied: f32 = first[4].parse().expect("a number");
    let expected = value(TraceKind::Residual, 0, 0, tokens);
    assert!((copied - expected).abs() < 1e-6, "{copied} {expected}");
}

#[test]
fn changing_a_setting_traces_again_with_it() {
    let mut stage = traced();
    stage
        .window
        .get_by_label_contains("Metric: probability")
        .click();
    stage.settle();
    stage.window.get_by_label("log probability").click();
    stage.window.run_steps(2);
    let asked = stage.worker.take_requests();
    assert!(
        matches!(&asked[..], [Request::Start { experiment, .. }]
            if matches!(&experiment.instrument, whyfinder_experiment::InstrumentSettings::CausalTrace { trace, .. }
                if trace.metric == whyfinder_experiment::Metric::LogProbability)),
        "{asked:?}"
    );
}

#[test]
fn a_cancelled_trace_can_be_run_again() {
    let mut stage = stage();
    stage.window.get_by_label_contains(FACT).click();
    stage.settle();
    stage.measure(0.3);
    stage.window.get_by_label("Cancel").click();
    stage.settle();
    stage.window.get_by_label("Run").click();
    stage.settle();
    assert_eq!(stage.traces.len(), 1, "the trace starts anew");
    stage.finish();
    let state = stage.window.state().state();
    assert!(state.results.trace.as_ref().is_some_and(|t| t.complete));
}

#[test]
fn pointing_at_a_cell_marks_its_token_in_the_prompt() {
    let mut stage = traced();
    let rect = stage
        .window
        .get_by_label_contains("Residual stream causal trace")
        .rect();
    let chip = stage.window.get_by_label_contains("Token 0 ").rect();
    let chip_now = |stage: &mut Stage| {
        stage.window.run_steps(3);
        let image = stage.window.render().expect("the window can be drawn");
        image
            .view(
                chip.left() as u32,
                chip.top() as u32,
                chip.width() as u32,
                chip.height() as u32,
            )
            .to_image()
    };
    stage.window.hover_at(egui::pos2(2.0, 2.0));
    let before = chip_now(&mut stage);
    // The first row, away from the selected one.
    stage
        .window
        .hover_at(rect.left_top() + egui::vec2(8.0, 8.0));
    assert_ne!(before, chip_now(&mut stage), "its token is outlined");
    stage.window.hover_at(egui::pos2(2.0, 2.0));
    assert_eq!(before, chip_now(&mut stage), "and no longer");
}

#[test]
fn an_attention_weight_is_explained_where_there_is_no_trace() {
    let mut stage = stage();
    type_prompt(&mut stage, "The tower of Orvane is in");
    stage.window.key_press(Key::Enter);
    stage.settle();
    stage
        .window
        .get_by_label_contains("Attention of layer")
        .click();
    stage.window.run_steps(3);
    let s = stage.window.state().state().selection;
    assert!(s.query.is_some() && s.key.is_some(), "{s:?}");
    stage.window.get_by_label("of its attention");
    stage.window.get_by_label_contains(".attn.hook_pattern");
}

#[test]
fn a_drag_that_fits_between_two_frames_still_marks() {
    let mut stage = stage();
    type_prompt(&mut stage, "The tower of Orvane is in");
    let first = stage.window.get_by_label_contains("Token 1 ").rect();
    let last = stage.window.get_by_label_contains("Token 4 ").rect();
    let button = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    let input = stage.window.input_mut();
    input.events.extend([
        egui::Event::PointerMoved(first.center()),
        button(first.center(), true),
        egui::Event::PointerMoved(last.center()),
        button(last.center(), false),
    ]);
    stage.settle();
    let state = stage.window.state().state();
    assert_eq!(state.subject_tokens(), Some([1, 5]));
}

#[test]
fn a_failed_trace_says_why_and_can_be_run_again() {
    let mut stage = stage();
    stage.window.get_by_label_contains(FACT).click();
    stage.settle();
    let sentence = "The run needs 9.1 GB, and 7.6 GB are free. Take fewer samples.";
    stage.fail(sentence);
    stage.window.get_by_label("The trace could not be run");
    stage.window.get_by_label(sentence);
    stage.picture("failed_trace");
    stage.window.get_by_label("Run again").click();
    stage.settle();
    assert_eq!(stage.traces.len(), 1);
    stage.finish();
    assert!(stage.window.query_by_label(sentence).is_none());
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
