//! What is on screen, read out by pointer and keys.

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use image::GenericImageView as _;
use whyfinder_experiment::TraceKind;

use super::stage::{CLEAN, CORRUPTED, HEADS, LAYERS, Stage, value};
use super::{read, stage, traced, type_prompt};

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
