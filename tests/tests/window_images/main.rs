//! The window for image networks, used as a person would: by what is written on it.

mod arriving;
mod drawn;
mod pointing;
#[path = "../support/stage.rs"]
mod stage;

use std::path::PathBuf;

use egui::{Key, Modifiers, Pos2, Rect, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use stage::Stage;
use stage::image_answers::{self, UNTOUCHED, effect};
use whyfinder::maps::{Cell, Region};
use whyfinder::window::State;
use whyfinder::window::dialogs::Answer;

const NETWORK: &str = "demo:sr-window";
const MAP: &str = "Effect on the region, sr-window";
const OUTPUT: &str = "Output of sr-window";

/// A window on one network, which opens with a bundled picture; dialogs give networks to compare with.
fn opened(width: f32, height: f32, scale: f32) -> Stage {
    let others = ["/nets/sr-local.pth", "/nets/sr-channel.pth"];
    Stage::comparing(width, height, scale, NETWORK, &others)
}

fn small() -> Stage {
    opened(1280.0, 720.0, 1.0)
}

/// A window on one network and a picture of one's own.
fn with_picture(path: &str) -> Stage {
    let answers = vec![Answer::Picked(PathBuf::from(path))];
    let mut stage = Stage::opening(1280.0, 720.0, 1.0, answers, &[NETWORK]);
    choose_a_picture(&mut stage);
    stage
}

fn choose_a_picture(stage: &mut Stage) {
    stage.window.get_by_label_contains("Picture: ").click();
    stage.settle();
    stage.window.get_by_label("Open a picture…").click();
    stage.settle();
}

/// With its map measured.
fn mapped() -> Stage {
    let mut stage = small();
    stage.window.get_by_label("Run").click();
    stage.settle();
    stage.finish_maps();
    stage
}

fn state(stage: &Stage) -> &State {
    stage.window.state().state()
}

fn region(stage: &Stage) -> Region {
    state(stage)
        .question
        .images
        .asked_region()
        .expect("a region")
}

fn read(stage: &Stage, label: &str) -> String {
    stage
        .window
        .get_by_label(label)
        .accesskit_node()
        .value()
        .unwrap_or_default()
}

/// Where a pixel of the output lies on screen.
fn pixel(rect: Rect, x: f32, y: f32) -> Pos2 {
    rect.min + rect.size() * vec2(x, y) / 256.0
}

fn drag(stage: &mut Stage, from: Pos2, to: Pos2) {
    stage.window.drag_at(from);
    stage.window.run_steps(2);
    stage.window.hover_at(from.lerp(to, 0.5));
    stage.window.run_steps(1);
    stage.window.hover_at(to);
    stage.window.run_steps(1);
    stage.window.drop_at(to);
    stage.settle();
}

/// Adds a network by its weights file.
fn compare_with_another(stage: &mut Stage) {
    stage.window.get_by_label("Open another network").click();
    stage.settle();
    stage.window.get_by_label_contains("Weights file…").click();
    stage.settle();
}

#[test]
fn a_network_opens_with_a_picture_and_shows_what_it_makes_of_it() {
    let stage = small();
    assert!(state(&stage).is_about_images());
    stage.window.get_by_label(OUTPUT);
    stage.window.get_by_label("Swipe between input and output");
    assert_eq!(region(&stage), Region::new(112, 112, 32, 32));
    let result = state(&stage).images.results.of(NETWORK).expect("known");
    assert!(result.map.is_none(), "a map waits to be asked for");
    stage.window.get_by_label_contains("Network sr-window, ");
    stage.window.get_by_label_contains("dB here");
}

#[test]
fn a_picture_of_ones_own_takes_the_place_of_the_bundled_one() {
    let mut stage = with_picture("/pictures/a-250x130.png");
    stage.window.get_by_label("Picture: a-250x130.png");
    let width = |stage: &Stage| {
        let result = state(stage).images.results.of(NETWORK);
        let output = result.and_then(|n| n.output()).expect("restored");
        output.width()
    };
    assert_eq!(width(&stage), 250);
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    stage.settle();
    assert_eq!(width(&stage), 256);
}

#[test]
fn a_dragged_region_is_mapped_and_a_block_is_read() {
    let mut stage = small();
    let rect = stage.window.get_by_label(OUTPUT).rect();
    let (from, to) = (pixel(rect, 128.0, 128.0), pixel(rect, 112.0, 136.0));
    drag(&mut stage, from, to);
    assert_eq!(region(&stage), Region::new(96, 120, 32, 32));
    assert_eq!(stage.maps.len(), 1, "letting go asks for the map");
    stage.measure_maps(0.5);
    let map = state(&stage)
        .images
        .results
        .of(NETWORK)
        .and_then(|n| n.map.as_ref());
    assert_eq!(map.expect("a map").measured(), (512, 1024));
    stage.window.get_by_label("Mapping");
    let experiment = stage.maps[0].1.clone();
    stage.finish_maps();
    assert!(!state(&stage).jobs.busy());
    let rect = stage.window.get_by_label(MAP).rect();
    let at = pixel(rect, 17.5 * 8.0, 15.5 * 8.0);
    stage.window.drag_at(at);
    stage.window.run_steps(1);
    stage.window.drop_at(at);
    stage.settle();
    assert_eq!(state(&stage).images.block, Some(Cell::new(15, 17)));
    let value = effect(&experiment, 15, 17);
    let spoken = read(&stage, MAP);
    assert!(spoken.starts_with("row 15, column 17"), "{spoken}");
    stage
        .window
        .get_by_label(&format!("{value:+.2} dB").replace('-', "−"));
    stage.window.get_by_label_contains("row 15, column 17");
    stage
        .window
        .get_by_label_contains(&format!("{UNTOUCHED:.2} dB → {:.2} dB", UNTOUCHED - value));
    let histogram = read(&stage, "PSNR of the region, 50 draws");
    assert!(histogram.contains("untouched 27.41 dB"), "{histogram}");
    stage.window.get_by_label_contains("31.0× fewer passes");
    stage.window.get_by_label("Patch, worst");
    let caused = read(&stage, "Region after the patch, best");
    assert_eq!(caused, "27.20 dB");
}

#[test]
fn everything_is_undone_step_by_step() {
    let mut stage = mapped();
    let before = region(&stage);
    let rect = stage.window.get_by_label(OUTPUT).rect();
    let (from, to) = (pixel(rect, 128.0, 128.0), pixel(rect, 168.0, 88.0));
    drag(&mut stage, from, to);
    stage.finish_maps();
    assert_eq!(region(&stage), Region::new(152, 72, 32, 32));
    stage.window.get_by_label("Method LAM").click();
    stage.settle();
    stage.finish_maps();
    stage.window.get_by_label("Local attribution, sr-window");
    compare_with_another(&mut stage);
    assert_eq!(state(&stage).question.images.networks.len(), 2);
    let mut undo = || {
        stage.window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        stage.settle();
        stage.finish_maps();
        state(&stage).question.images.clone()
    };
    assert_eq!(undo().networks, [NETWORK]);
    let q = undo();
    assert_eq!(q.method.short(), "CEM");
    assert_eq!(q.asked_region(), Some(Region::new(152, 72, 32, 32)));
    assert_eq!(
        undo().asked_region(),
        Some(before),
        "a whole drag is one step"
    );
    stage.window.get_by_label(MAP);
    stage
        .window
        .key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    stage.settle();
    assert_eq!(region(&stage), Region::new(152, 72, 32, 32));
}

#[test]
fn networks_are_compared_on_the_same_region() {
    let mut stage = mapped();
    compare_with_another(&mut stage);
    stage.finish_maps();
    let other = "Effect on the region, sr-local";
    let [a, b] = [MAP, other].map(|label| stage.window.get_by_label(label).rect());
    assert_eq!(a.size(), b.size());
    assert_eq!(a.top(), b.top());
    stage.window.get_by_label("Output of sr-local");
    stage.window.get_by_label_contains("The same block");
    // One bar for both.
    let bars: Vec<_> = stage
        .window
        .get_all_by_label_contains("Colour range of")
        .collect();
    assert_eq!(bars.len(), 1);
    drop(bars);
    stage
        .window
        .get_by_label("Difference from sr-window")
        .click();
    stage.settle();
    assert!(state(&stage).images.differences);
    stage
        .window
        .get_by_label("Colour range of difference of effects");
    // A figure shows what the window shows.
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::E);
    stage.settle();
    let export = state(&stage).export.as_ref().expect("the dialog");
    let panels: Vec<_> = export.description.panels.iter().collect();
    assert_eq!(panels.len(), 2);
    assert_eq!((panels[0].source, panels[0].minus), (0, None));
    assert_eq!(panels[1].minus, Some(0));
    assert_eq!(export.sources[panels[1].source].name, "sr-local");
    stage
        .window
        .get_by_label("Colours of sr-local − sr-window: effect");
    stage.picture("images_export_differences");
    stage.window.key_press(Key::Escape);
    stage.settle();
    stage.window.get_by_label("Read out sr-local").click();
    stage.settle();
    assert_eq!(state(&stage).question.images.active, 1);
    stage.window.get_by_label("Model sr-local");
    stage.window.get_by_label("Remove sr-local").click();
    stage.settle();
    assert_eq!(state(&stage).question.images.networks, [NETWORK]);
    stage.window.get_by_label("Model demo:sr-window");
}

#[test]
fn regions_are_kept_as_a_list() {
    let mut stage = mapped();
    stage.window.get_by_label("Add a region").click();
    stage.settle();
    stage.finish_maps();
    assert_eq!(region(&stage), Region::new(152, 112, 32, 32));
    stage
        .window
        .get_by_label("Region 112, 112 · 32 × 32")
        .click();
    stage.settle();
    stage.finish_maps();
    assert_eq!(region(&stage), Region::new(112, 112, 32, 32));
    stage.window.get_by_label("Region of the output").click();
    stage.window.run_steps(2);
    stage
        .window
        .key_press_modifiers(Modifiers::SHIFT, Key::ArrowDown);
    stage.settle();
    assert_eq!(region(&stage), Region::new(112, 120, 32, 32));
    stage
        .window
        .get_by_label("Remove region 152, 112 · 32 × 32")
        .click();
    stage.settle();
    assert_eq!(state(&stage).question.images.regions.len(), 1);
}

#[test]
fn maps_are_scored_and_attention_is_read() {
    let mut stage = mapped();
    stage
        .window
        .get_by_label("Window attention of layer 1, head 5");
    stage.window.get_by_label("Score the maps").click();
    stage.settle();
    // The pointer stands where the button was: over the curves, it would read them there.
    stage.window.hover_at(Pos2::new(4.0, 4.0));
    stage.window.run_steps(2);
    let deletion = read(&stage, "Deletion");
    assert!(deletion.starts_with("area: CEM .20"), "{deletion}");
    assert!(deletion.contains("random .50"), "{deletion}");
    // Another region has not been scored.
    stage.window.get_by_label("Add a region").click();
    stage.settle();
    stage.finish_maps();
    stage.window.get_by_label("Score the maps");
}

#[test]
fn polarity_is_printed_and_flipped() {
    let mut stage = mapped();
    let bar = "Colour range of effect on the region";
    assert!(read(&stage, bar).contains("red helps, blue harms"));
    stage.window.get_by_label("Flip the polarity").click();
    stage.settle();
    assert!(read(&stage, bar).contains("blue helps, red harms"));
    stage.window.get_by_label_contains("blue helps, red harms");
}

#[test]
fn a_map_without_a_truth_says_what_is_missing() {
    let mut stage = small();
    stage
        .window
        .get_by_label("The picture is the truth")
        .click();
    stage.settle();
    stage
        .window
        .get_by_label_contains("The input: it is degraded")
        .click();
    stage.settle();
    stage.window.get_by_label_contains("no truth given");
    stage.window.get_by_label("Run").click();
    stage.settle();
    stage
        .window
        .get_by_label("There is no truth to compare with");
    assert!(stage.maps.is_empty());
    stage.window.get_by_label("Method LAM").click();
    stage.settle();
    stage.window.get_by_label("Run").click();
    stage.settle();
    assert_eq!(stage.maps.len(), 1, "other methods need no truth");
}

#[test]
fn what_fails_is_said_where_it_was_to_be_seen() {
    let mut stage = Stage::opening(
        1280.0,
        720.0,
        1.0,
        vec![
            Answer::Picked(PathBuf::from("/pictures/torn.png")),
            Answer::Picked(PathBuf::from("/pictures/leaves.png")),
        ],
        &[NETWORK],
    );
    stage.refuse_pictures =
        Some("The picture ends before its last row. Path: /pictures/torn.png".into());
    choose_a_picture(&mut stage);
    stage
        .window
        .get_by_label("sr-window could not take the picture");
    stage
        .window
        .get_by_label_contains("ends before its last row");
    stage.picture("images_failed");
    stage.refuse_pictures = None;
    stage.window.get_by_label("Choose another picture…").click();
    stage.settle();
    stage.window.get_by_label(OUTPUT);
}

#[test]
fn parts_of_an_answer_are_drawn_with_their_errors() {
    let mut stage = small();
    stage
        .window
        .get_by_label_contains("Interventions: ")
        .click();
    stage.settle();
    stage
        .window
        .get_by_label("Split into direct and globally carried parts")
        .click();
    stage.settle();
    stage.window.key_press(Key::Escape);
    stage.settle();
    stage.window.get_by_label("Run").click();
    stage.settle();
    let experiment = stage.maps[0].1.clone();
    stage.finish_maps();
    let all = effect(&experiment, 15, 17);
    stage.window.get_by_label("Show Direct effect").click();
    stage.settle();
    let label = "Direct effect, sr-window";
    let rect = stage.window.get_by_label(label).rect();
    let at = pixel(rect, 17.5 * 8.0, 15.5 * 8.0);
    stage.window.drag_at(at);
    stage.window.run_steps(1);
    stage.window.drop_at(at);
    stage.settle();
    let direct = format!("{:+.2} dB", image_answers::DIRECT * all).replace('-', "−");
    stage.window.get_by_label(&direct);
    stage
        .window
        .get_by_label_contains("dB of PSNR over 50 draws");
    let whole = format!("{all:+.2} ± ").replace('-', "−");
    stage.window.get_by_label_contains(&whole);
    stage.picture("images_direct");
    stage.window.get_by_label("Method LAM").click();
    stage.settle();
    stage.finish_maps();
    stage
        .window
        .get_by_label_contains("Diffusion index 12.3 of 100");
    stage
        .window
        .get_by_label_contains("off by 2.0 % of the change");
    stage.picture("images_lam");
    stage
        .window
        .get_by_label("Show Local attribution, density")
        .click();
    stage.settle();
    stage
        .window
        .get_by_label("Local attribution, density, sr-window");
    stage.picture("images_density");
}
