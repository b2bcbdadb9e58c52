//! Every state, drawn at several sizes: nothing is cut.

use egui::{Key, Pos2, Rect, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::stage::Stage;
use crate::{compare_with_another, mapped, opened, with_picture};

/// Draws one state in both themes.
fn both(stage: &mut Stage, name: &str) {
    stage.picture(&format!("{name}_dark"));
    stage.window.get_by_label("Light").click();
    stage.window.run_steps(3);
    stage.picture(&format!("{name}_light"));
    stage.window.get_by_label("Dark").click();
    stage.window.run_steps(3);
}

/// Nothing with a name reaches beyond the window.
fn assert_nothing_is_cut(stage: &Stage, size: egui::Vec2) {
    let window = Rect::from_min_size(Pos2::ZERO, size).expand(1.0);
    for node in stage.window.root().children_recursive() {
        let inner = node.accesskit_node();
        if let Some(name) = inner.label() {
            let rect = node.rect();
            assert!(window.contains_rect(rect), "{name}: {rect:?}");
        }
    }
}

#[test]
fn every_state_can_be_drawn() {
    let looked_at = std::env::var_os("WHYFINDER_PICTURES").is_some();
    let large = [
        (1440.0, 900.0, 1.0),
        (1440.0, 900.0, 2.0),
        (2560.0, 1440.0, 1.0),
    ];
    let sizes = [(1280.0, 720.0, 1.0), (960.0, 600.0, 1.0)]
        .into_iter()
        .chain(large.into_iter().filter(|_| looked_at));
    for (width, height, scale) in sizes {
        let size = format!("images_{width}x{height}@{scale}");
        let mut stage = opened(width, height, scale);
        stage.picture(&format!("{size}_opened"));
        stage.window.get_by_label("Run").click();
        stage.settle();
        stage.measure_maps(0.6);
        stage.picture(&format!("{size}_running"));
        stage.finish_maps();
        stage.window.get_by_label("Score the maps").click();
        stage.settle();
        both(&mut stage, &format!("{size}_done"));
        assert_nothing_is_cut(&stage, vec2(width, height));
        compare_with_another(&mut stage);
        stage.finish_maps();
        stage.picture(&format!("{size}_two"));
        compare_with_another(&mut stage);
        stage.finish_maps();
        both(&mut stage, &format!("{size}_three"));
        stage
            .window
            .get_by_label("Difference from sr-window")
            .click();
        stage.settle();
        stage.picture(&format!("{size}_difference"));
        assert_nothing_is_cut(&stage, vec2(width, height));
    }
}

#[test]
fn popups_can_be_drawn() {
    let mut stage = mapped();
    for (label, name) in [
        ("Settings: ", "settings"),
        ("Interventions: ", "interventions"),
        ("Task: ", "task"),
        ("Picture: ", "picture"),
        ("Open another network", "networks"),
        ("Model demo", "models"),
    ] {
        stage.window.get_by_label_contains(label).click();
        stage.settle();
        stage.picture(&format!("images_popup_{name}"));
        stage.window.key_press(Key::Escape);
        stage.settle();
    }
}

#[test]
fn pictures_of_any_shape_have_their_place() {
    for picture in [
        "/p/a-1x1.png",
        "/p/a-600x40.png",
        "/p/a-52x300.png",
        "/p/a-250x130.png",
    ] {
        let mut stage = with_picture(picture);
        stage.window.get_by_label("Run").click();
        stage.settle();
        stage.finish_maps();
        let name = picture.trim_start_matches("/p/a-").trim_end_matches(".png");
        stage.picture(&format!("images_shape_{name}"));
        assert_nothing_is_cut(&stage, vec2(1280.0, 720.0));
    }
}
