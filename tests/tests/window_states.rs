//! Pictures of the window in every state, in both themes and at the sizes that people have.

#[path = "support/stage.rs"]
mod stage;

use egui::{Key, Modifiers, Rect, Role};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use stage::Stage;
use whyfinder::window::dialogs::Answer;

/// Draws one state in both themes.
fn both(stage: &mut Stage, name: &str) {
    stage.picture(&format!("{name}_dark"));
    stage.window.get_by_label("Light").click();
    stage.window.run_steps(3);
    stage.picture(&format!("{name}_light"));
    stage.window.get_by_label("Dark").click();
    stage.window.run_steps(3);
}

/// Everything with a name, with its place.
fn named(stage: &Stage) -> Vec<(Role, String, Rect)> {
    stage
        .window
        .root()
        .children_recursive()
        .filter_map(|node| {
            let inner = node.accesskit_node();
            let name = inner.label()?.to_string();
            Some((inner.role(), name, node.rect()))
        })
        .collect()
}

/// Nothing with a name reaches beyond the window.
fn assert_nothing_is_cut(stage: &Stage, size: egui::Vec2) {
    let window = Rect::from_min_size(egui::Pos2::ZERO, size).expand(1.0);
    for (role, name, rect) in named(stage) {
        assert!(window.contains_rect(rect), "{role:?} {name}: {rect:?}");
    }
}

/// No two controls or words of the bars at the top share a place.
fn assert_bars_do_not_overlap(stage: &Stage, below: f32) {
    let bars: Vec<_> = named(stage)
        .into_iter()
        .filter(|(role, _, rect)| {
            rect.bottom() < below && matches!(role, Role::Button | Role::Label | Role::TextInput)
        })
        .collect();
    assert!(bars.len() > 15, "{bars:?}");
    for (i, (_, a, here)) in bars.iter().enumerate() {
        for (_, b, there) in &bars[i + 1..] {
            let shared = here.shrink(1.0).intersect(*there);
            assert!(!shared.is_positive(), "{a} {here:?} over {b} {there:?}");
        }
    }
}

#[test]
fn nothing_is_cut_or_overlaps() {
    for size in [
        egui::vec2(1280.0, 720.0),
        egui::vec2(1440.0, 900.0),
        egui::vec2(2560.0, 1440.0),
    ] {
        let mut stage = Stage::new(size.x, size.y, 1.0, Vec::new());
        stage.window.get_by_label_contains(FACT).click();
        stage.settle();
        stage.finish();
        assert_nothing_is_cut(&stage, size);
        assert_bars_do_not_overlap(&stage, 172.0);
    }
    let mut stage = Stage::new(960.0, 600.0, 1.0, Vec::new());
    stage.window.get_by_label_contains(FACT).click();
    stage.settle();
    stage.finish();
    assert_bars_do_not_overlap(&stage, 172.0);
}

const FACT: &str = "Scene: Where a fact is kept";

#[test]
fn every_state_can_be_drawn() {
    // The large ones take their time on a software driver: only where the pictures are looked at.
    let large = [
        (1440.0, 900.0, 1.0),
        (1440.0, 900.0, 2.0),
        (2560.0, 1440.0, 1.0),
    ];
    let looked_at = std::env::var_os("WHYFINDER_PICTURES").is_some();
    let small = [(1280.0, 720.0, 1.0), (960.0, 600.0, 1.0)];
    let sizes = small
        .into_iter()
        .chain(large.into_iter().filter(|_| looked_at));
    for (width, height, scale) in sizes {
        let size = format!("{width}x{height}@{scale}");
        let mut stage = Stage::new(width, height, scale, Vec::new());
        both(&mut stage, &format!("{size}_gallery"));
        stage.window.get_by_label_contains(FACT).click();
        stage.settle();
        stage.measure(0.7);
        both(&mut stage, &format!("{size}_running"));
        stage.finish();
        both(&mut stage, &format!("{size}_done"));
    }
}

#[test]
fn empty_and_failed_states_can_be_drawn() {
    let folder = std::path::PathBuf::from("/models/broken-one");
    let mut stage = Stage::new(1280.0, 720.0, 1.0, vec![Answer::Picked(folder)]);
    stage.window.key_press(Key::Escape);
    stage.settle();
    both(&mut stage, "empty");
    stage
        .window
        .key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::O);
    stage.settle();
    both(&mut stage, "notice");
    stage.window.get_by_label("Dismiss").click();
    stage.settle();
    let open = stage.window.get_all_by_label("Show the scenes").next();
    open.expect("an empty panel leads on").click();
    stage.settle();
    assert!(stage.window.state().state().gallery_open);
}

#[test]
fn popups_can_be_drawn() {
    let mut stage = Stage::new(1280.0, 720.0, 1.0, Vec::new());
    stage.window.get_by_label_contains(FACT).click();
    stage.settle();
    stage.finish();
    for (label, name) in [
        ("Corruption: ", "corruption"),
        ("Metric: ", "metric"),
        ("Restoring: ", "restoring"),
        ("Answer ", "answer"),
        ("Model demo", "models"),
    ] {
        stage.window.get_by_label_contains(label).click();
        stage.settle();
        stage.picture(&format!("popup_{name}"));
        stage.window.key_press(Key::Escape);
        stage.settle();
    }
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::K);
    stage.settle();
    stage.picture("palette");
}

/// A long prompt: chips scroll, maps stay readable.
#[test]
fn a_long_prompt_can_be_drawn() {
    let mut stage = Stage::new(1280.0, 720.0, 1.0, Vec::new());
    stage.window.key_press(Key::Escape);
    stage.settle();
    stage.window.get_by_label("Prompt").click();
    stage.window.run_steps(2);
    let words = "Then Sara and Robert came to the harbour of Orvane, ".repeat(6);
    stage.window.get_by_label("Prompt").type_text(&words);
    stage.settle();
    stage.window.key_press(Key::Enter);
    stage.settle();
    stage.picture("long_prompt");
}

/// Signs that no font has stand as their code points.
#[test]
fn foreign_signs_can_be_drawn() {
    let mut stage = Stage::new(1280.0, 720.0, 2.0, Vec::new());
    stage.window.key_press(Key::Escape);
    stage.settle();
    stage.window.get_by_label("Prompt").click();
    stage.window.run_steps(2);
    stage
        .window
        .get_by_label("Prompt")
        .type_text("Der Turm 塔 steht 在 Łódź naïve Ωμέγα 😀");
    stage.settle();
    stage.window.key_press(Key::Enter);
    stage.settle();
    stage.window.get_by_label_contains("␣塔");
    stage.picture("foreign_signs");
}

/// The greatest difference of a channel, and how many pixels differ by more than rounding.
fn apart(a: &image::RgbaImage, b: &image::RgbaImage) -> (u8, usize) {
    assert_eq!(a.dimensions(), b.dimensions());
    let differences = a.pixels().zip(b.pixels()).map(|(a, b)| {
        let channels = a.0.iter().zip(b.0).map(|(x, y)| x.abs_diff(y));
        channels.max().unwrap_or(0)
    });
    let differences: Vec<u8> = differences.collect();
    let most = differences.iter().copied().max().unwrap_or(0);
    (most, differences.iter().filter(|&&d| d > 2).count())
}

#[test]
fn a_software_adapter_shows_what_egui_would_paint() {
    for scale in [1.0, 2.0] {
        let mut stage = Stage::new(1100.0, 700.0, scale, Vec::new());
        stage.window.get_by_label_contains(FACT).click();
        stage.settle();
        stage.measure(0.7);
        stage.window.key_press_modifiers(Modifiers::COMMAND, Key::K);
        stage.window.run_steps(3);
        let texts = |stage: &Stage| {
            let shapes = stage.window.output().shapes.iter();
            shapes
                .filter(|clipped| matches!(clipped.shape, egui::Shape::Text(_)))
                .count()
        };
        assert_eq!(
            texts(&stage),
            0,
            "all text is painted by the shorter shader"
        );
        let ours = stage.window.render().expect("the window can be drawn");
        stage.window.state_mut().paint_by_egui_alone();
        stage.window.run_steps(2);
        assert!(texts(&stage) > 50, "{}", texts(&stage));
        let theirs = stage.window.render().expect("the window can be drawn");
        let (most, beyond) = apart(&ours, &theirs);
        assert_eq!(beyond, 0, "pixels differ at {scale}, one by {most}");
    }
}
