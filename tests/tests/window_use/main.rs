//! The window used as a person would: by what is written on it.

mod asking;
mod opening;
mod reading;
mod running;
#[path = "../support/stage.rs"]
mod stage;

use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use stage::Stage;

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
