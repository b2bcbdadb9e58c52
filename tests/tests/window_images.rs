//! The window for image networks, used as a person would: by what is written on it.

#[path = "support/stage.rs"]
mod stage;

use std::path::PathBuf;

use egui::{Key, Modifiers, Pos2, Rect, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use stage::Stage;
use stage::image_answers::{self, UNTOUCHED, effect};
use whyfinder::maps::{Cell, Region};
use whyfinder::window::State;
use whyfinder::window::dialogs::Answer;
use whyfinder::window::images::PictureRole;
use whyfinder_experiment::ImageSource;

const NETWORK: &str = "demo:sr-window";
const MAP: &str = "Effect on the region, sr-window";
const OUTPUT: &str = "Output of sr-window";

/// A window on one network, which opens with a bundled picture; dialogs give networks to compare with.
fn opened(width: f32, height: f32, scale: f32) -> Stage {
    let answers = ["/nets/sr-local.pth", "/nets/sr-channel.pth"];
    let answers = answers.map(|path| Answer::Picked(PathBuf::from(path)));
    Stage::opening(width, height, scale, answers.to_vec(), &[NETWORK])
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

/// A path let go over the window.
#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|e| e.to_string())
    }
}

fn drop_on(stage: &mut Stage, paths: &[PathBuf]) {
    for path in paths {
        let file = std::sync::Arc::new(Dropped(path.clone()));
        stage.window.input_mut().dropped_files.push(file);
    }
    stage.window.step();
    stage.settle();
}

#[test]
fn pictures_and_networks_are_dropped_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let [seen, clean, third, a, b] = [
        "a-96x64.png",
        "b-96x64.png",
        "c.png",
        "sr-a.pth",
        "sr-b.pth",
    ]
    .map(|name| {
        let path = folder.path().join(name);
        std::fs::write(&path, "not read on the stage").expect("a file");
        path
    });
    let mut stage = small();
    drop_on(&mut stage, &[seen.clone(), clean.clone(), third]);
    let q = &state(&stage).question.images;
    assert_eq!(q.picture, Some(ImageSource::File(seen)));
    assert_eq!((q.role, q.truth.clone()), (PictureRole::Input, None));
    stage.window.get_by_label("Two pictures were dropped");
    stage.window.get_by_label_contains("Not opened: c.png.");
    stage.picture("images_two_dropped");
    stage
        .window
        .get_by_label("Use b-96x64.png as the truth")
        .click();
    stage.settle();
    assert_eq!(
        state(&stage).question.images.truth,
        Some(ImageSource::File(clean))
    );
    assert!(state(&stage).notice.is_none());
    drop_on(&mut stage, &[a.clone(), b.clone()]);
    let networks = [a, b].map(|path| path.display().to_string());
    assert_eq!(state(&stage).question.images.networks, networks);
    stage.window.get_by_label("Output of sr-a");
    stage.window.get_by_label("Output of sr-b");
}

#[test]
fn a_picture_is_pasted() {
    let mut stage = small();
    let pixels: Vec<u8> = (0..40 * 24 * 4)
        .map(|i| if i % 4 == 3 { 255 } else { i as u8 })
        .collect();
    let image = egui::ColorImage::from_rgba_unmultiplied([40, 24], &pixels);
    stage
        .window
        .event(egui::Event::PasteImage(std::sync::Arc::new(image)));
    stage.settle();
    let Some(ImageSource::File(path)) = state(&stage).question.images.picture.clone() else {
        panic!("a file: experiments name files");
    };
    let kept = image::open(&path).expect("a picture").to_rgba8();
    std::fs::remove_file(&path).expect("ours");
    assert_eq!((kept.dimensions(), kept.into_raw()), ((40, 24), pixels));
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    stage.settle();
    assert!(matches!(
        state(&stage).question.images.picture,
        Some(ImageSource::Picture(_))
    ));
}

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
