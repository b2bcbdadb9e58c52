//! The pointer over pictures and maps: attention windows, regions, zoom.

use egui::vec2;
use egui_kittest::kittest::Queryable as _;
use whyfinder::maps::{Cell, Region};

use crate::stage::Stage;
use crate::{
    MAP, NETWORK, OUTPUT, compare_with_another, drag, mapped, pixel, region, small, state,
};

/// The window's attention: where it is of, by the labels of its panel.
fn attention_of(stage: &Stage) -> [usize; 2] {
    let result = state(stage).images.results.of(NETWORK).expect("known");
    let attention = result.attention.as_ref().expect("read");
    attention.pixel().expect("of a pixel")
}

#[test]
fn the_attention_follows_the_pointer_until_it_is_pinned() {
    let mut stage = small();
    assert_eq!(attention_of(&stage), [32, 32], "the region's middle");
    let rect = stage.window.get_by_label(OUTPUT).rect();
    let go = |stage: &mut Stage, x: f32, y: f32| {
        stage.window.hover_at(pixel(rect, x, y));
        stage.settle();
    };
    go(&mut stage, 41.0, 202.0);
    assert_eq!(attention_of(&stage), [10, 50]);
    stage.window.get_by_label_contains("at 10, 50 · pointer");
    assert!(state(&stage).jobs.current().is_none(), "no bar at the foot");
    let at = pixel(rect, 41.0, 202.0);
    stage.window.drag_at(at);
    stage.window.run_steps(1);
    stage.window.drop_at(at);
    stage.settle();
    go(&mut stage, 150.0, 60.0);
    assert_eq!(attention_of(&stage), [10, 50], "pinned");
    stage.window.get_by_label_contains("at 10, 50 · pinned");
    stage.window.get_by_label("Unpin").click();
    stage.settle();
    assert_eq!(attention_of(&stage), [32, 32]);
    // On the map as on the output.
    let rect = stage.window.get_by_label(MAP).rect();
    stage.window.hover_at(pixel(rect, 150.0, 60.0));
    stage.settle();
    assert_eq!(attention_of(&stage), [37, 15]);
}

#[test]
fn the_region_is_dragged_on_the_map_too() {
    let mut stage = mapped();
    let rect = stage.window.get_by_label(MAP).rect();
    let (from, to) = (pixel(rect, 128.0, 128.0), pixel(rect, 144.0, 104.0));
    drag(&mut stage, from, to);
    assert_eq!(region(&stage), Region::new(128, 88, 32, 32));
    stage.finish_maps();
    // Beside it a new one is drawn; inside it a click is on the block.
    let (from, to) = (pixel(rect, 20.5, 30.5), pixel(rect, 51.5, 69.5));
    drag(&mut stage, from, to);
    assert_eq!(region(&stage), Region::new(20, 30, 32, 40));
    stage.finish_maps();
    let at = pixel(rect, 36.0, 44.0);
    stage.window.drag_at(at);
    stage.window.run_steps(1);
    stage.window.drop_at(at);
    stage.settle();
    assert_eq!(state(&stage).images.block, Some(Cell::new(5, 4)));
    assert_eq!(region(&stage), Region::new(20, 30, 32, 40));
    stage.window.get_by_label(&format!("Region over {MAP}"));
}

#[test]
fn the_wheel_zooms_at_the_pointer_over_the_region_too() {
    let mut stage = mapped();
    for label in ["Region of the output", &format!("Region over {MAP}")] {
        let before = stage.window.get_by_label(label).rect();
        let at = before.lerp_inside(vec2(0.3, 0.6));
        stage.wheel(at, 4.0);
        let after = stage.window.get_by_label(label).rect();
        assert!(
            after.width() > 1.5 * before.width(),
            "{label}: {before:?} {after:?}"
        );
        // What is under the pointer stays there.
        let there = after.lerp_inside(vec2(0.3, 0.6));
        assert!(there.distance(at) < 2.0, "{label}: {there:?} {at:?}");
        stage.wheel(at, -8.0);
        let back = stage.window.get_by_label(label).rect();
        assert!((back.width() - before.width()).abs() < 0.5, "{label}");
    }
}

/// What a network's attention is known of.
fn attention_in(stage: &Stage, network: &str) -> Option<[usize; 2]> {
    let result = state(stage).images.results.of(network)?;
    result.attention.as_ref()?.pixel()
}

#[test]
fn in_a_comparison_the_attention_is_of_the_panel_under_the_pointer() {
    let other = "/nets/sr-window-b.pth";
    let mut stage = Stage::comparing(1280.0, 720.0, 1.0, NETWORK, &[other, "/nets/sr-local.pth"]);
    compare_with_another(&mut stage);
    compare_with_another(&mut stage);
    let go = |stage: &mut Stage, label: &str, x: f32, y: f32| {
        let rect = stage.window.get_by_label(label).rect();
        stage.window.hover_at(pixel(rect, x, y));
        stage.settle();
    };
    go(&mut stage, "Output of sr-window-b", 41.0, 202.0);
    assert_eq!(attention_in(&stage, other), Some([10, 50]));
    stage
        .window
        .get_by_label_contains("sr-window-b · at 10, 50 · pointer");
    assert_eq!(attention_in(&stage, NETWORK), Some([32, 32]), "left alone");
    go(&mut stage, OUTPUT, 150.0, 60.0);
    assert_eq!(attention_in(&stage, NETWORK), Some([37, 15]));
    assert_eq!(attention_in(&stage, other), Some([10, 50]), "left alone");
    stage
        .window
        .get_by_label_contains("sr-window · at 37, 15 · pointer");
    // A network without windows is read through the one whose numbers are read out.
    go(&mut stage, "Output of sr-local", 100.0, 20.0);
    assert_eq!(attention_in(&stage, NETWORK), Some([25, 5]));
    // Pinned in one panel, it stays that panel's.
    let rect = stage.window.get_by_label("Output of sr-window-b").rect();
    let at = pixel(rect, 200.0, 40.0);
    stage.window.drag_at(at);
    stage.window.run_steps(1);
    stage.window.drop_at(at);
    stage.settle();
    go(&mut stage, OUTPUT, 20.0, 20.0);
    stage
        .window
        .get_by_label_contains("sr-window-b · at 50, 10 · pinned");
}

#[test]
fn attention_that_has_to_wait_for_a_map_says_so() {
    let mut stage = small();
    stage.window.get_by_label("Run").click();
    stage.settle();
    stage.measure_maps(0.3);
    let rect = stage.window.get_by_label(OUTPUT).rect();
    // In between, as the worker does it.
    stage.window.hover_at(pixel(rect, 41.0, 202.0));
    stage.settle();
    stage.window.get_by_label_contains("at 10, 50 · pointer");
    assert!(
        stage
            .window
            .query_by_label_contains("the next after")
            .is_none()
    );
    stage.hold_attention = true;
    stage.window.hover_at(pixel(rect, 150.0, 60.0));
    stage.settle();
    std::thread::sleep(std::time::Duration::from_millis(450));
    stage.window.run_steps(2);
    stage
        .window
        .get_by_label_contains("at 10, 50 · the next after this run");
    stage.hold_attention = false;
    stage.finish_maps();
    stage.answer_attention();
    stage.window.get_by_label_contains("at 37, 15 · pointer");
}
