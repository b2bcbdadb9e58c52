//! Files and the history of runs, as a person uses them.

mod compared;
mod files;
mod runs;
#[path = "../support/stage.rs"]
mod stage;

use std::path::Path;
use std::time::{Duration, Instant};

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use stage::Stage;
use whyfinder::window::State;
use whyfinder::window::dialogs::Answer;

const FACT: &str = "Scene: Where a fact is kept";
/// What the second of two traces has changed.
const SECOND: &str = "answer “Jorath” → “Kasdin”";

fn state(stage: &Stage) -> &State {
    stage.window.state().state()
}

/// Lets time pass until it is so.
fn wait(stage: &mut Stage, what: &str, so: impl Fn(&Stage) -> bool) {
    let began = Instant::now();
    while !so(stage) {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "waited in vain for {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
        stage.window.run_steps(2);
    }
    stage.window.run_steps(3);
}

fn window(answers: Vec<Answer>, history: &Path) -> Stage {
    Stage::keeping(1440.0, 900.0, 1.0, answers, &[], Some(history.into()))
}

fn click(stage: &mut Stage, label: &str) {
    stage.window.get_by_label(label).click();
    stage.settle();
}

fn click_containing(stage: &mut Stage, label: &str) {
    stage.window.get_by_label_contains(label).click();
    stage.settle();
}

/// A traced fact, with a second trace of another answer behind it, and the history open.
fn two_traces(stage: &mut Stage) {
    click_containing(stage, FACT);
    stage.finish();
    click(stage, "Answer ␣Jorath");
    click_containing(stage, "␣Kasdin 2.1 %");
    stage.finish();
    wait(stage, "both results on disk", |s| {
        state(s).run_history.bytes > 0 && kept(s) == 2
    });
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::H);
    stage.settle();
}

/// Runs whose results can be brought back.
fn kept(stage: &Stage) -> usize {
    let run_history = &state(stage).run_history;
    run_history
        .nodes
        .iter()
        .filter(|n| run_history.is_kept(n))
        .count()
}

fn strongest(stage: &Stage) -> f32 {
    let trace = state(stage).results.trace.as_ref().expect("a trace");
    let values = trace.grids.iter().flat_map(|g| &g.values);
    values.copied().fold(f32::NEG_INFINITY, f32::max)
}

/// A run of each prompt, one after the other from files, with the history open.
fn runs_of(prompts: &[&str], [width, height]: [f32; 2], scale: f32) -> (Stage, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut answers = Vec::new();
    for (i, prompt) in prompts.iter().enumerate() {
        let path = folder.path().join(format!("{i}.toml"));
        let text =
            format!("instrument = \"run\"\nmodel = \"demo:isles\"\n[input]\nprompt = {prompt:?}\n");
        std::fs::write(&path, text).expect("writes");
        answers.push(Answer::Picked(path));
    }
    let history = Some(folder.path().join("history"));
    let mut stage = Stage::keeping(width, height, scale, answers, &[], history);
    for (i, prompt) in prompts.iter().enumerate() {
        stage.window.key_press_modifiers(Modifiers::COMMAND, Key::O);
        stage.settle();
        wait(&mut stage, "the file", |s| {
            state(s).question.prompt == *prompt
        });
        stage.settle();
        wait(&mut stage, "the run", |s| {
            state(s).run_history.nodes.len() == i + 1 && kept(s) == i + 1
        });
    }
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::H);
    stage.settle();
    (stage, folder)
}
