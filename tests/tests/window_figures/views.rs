//! What a figure brings back of each kind of map, and of numbers of other programs.

use std::path::{Path, PathBuf};

use egui::vec2;
use egui_kittest::kittest::Queryable as _;
use whyfinder::window::State;
use whyfinder::window::dialogs::Answer;
use whyfinder_figure::{Looked, Part};

use super::stage::Stage;
use super::{drawn, exporting, open_dialog, origin_of, wait, write};

fn state(stage: &Stage) -> &State {
    stage.window.state().state()
}

fn close_dialog(stage: &mut Stage) {
    stage.window.get_by_label("Close").click();
    stage.window.run_steps(3);
}

/// Zooms the map of this name in, about a place that is not its middle.
fn zoom(stage: &mut Stage, label: &str) {
    let rect = stage.largest(label);
    // The atlas is tall, and stands at the left of its room.
    let x = if label.ends_with(" heads") {
        0.14
    } else {
        0.45
    };
    stage.wheel(rect.lerp_inside(vec2(x, 0.35)), 5.0);
}

/// How a figure says that its maps were looked at.
fn looked(path: &Path) -> Looked {
    let described = origin_of(path).description;
    described.looked.expect("it is not as at first")
}

/// How the window looks at its maps, with the dialog open.
fn looked_now(stage: &Stage) -> Looked {
    let export = state(stage).export.as_ref().expect("open");
    export.description.looked.clone().unwrap_or_default()
}

#[track_caller]
fn is_zoomed(looked: &Looked, map: &str) {
    let zoomed = looked.maps.get(map);
    let zoomed = zoomed.unwrap_or_else(|| panic!("{map} is at rest: {looked:?}"));
    assert!(
        zoomed.zoom > 1.2 && zoomed.origin[0] > 0.01,
        "{map}: {zoomed:?}"
    );
}

#[test]
fn the_atlas_one_head_and_the_lines_between_tokens_come_back_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("f.svg");
    let mut stage = exporting(vec![Answer::Picked(path.clone())]);
    close_dialog(&mut stage);
    zoom(&mut stage, "Attention of 24 heads");
    zoom(&mut stage, "Attention of layer");
    let selection = state(&stage).selection;
    open_dialog(&mut stage);
    let [layer, head] = [selection.layer, selection.head].map(|n| n.expect("one is shown"));
    for view in [
        "run: atlas".to_string(),
        format!("run: head:{layer}.{head}"),
    ] {
        stage.window.get_by_label(&view).click();
        stage.window.run_steps(2);
    }
    stage.window.get_by_label("Only what is in view").click();
    stage.window.run_steps(3);
    wait(&mut stage, |s| drawn(s).is_some());
    stage.picture("export_heads_in_view");
    write(&mut stage, "SVG");
    let before = looked(&path);
    is_zoomed(&before, "atlas");
    is_zoomed(&before, "head");
    let parts = |panels: &[whyfinder_figure::Panel]| -> Vec<(String, Option<Part>)> {
        let named = panels.iter().map(|p| (p.view.to_string(), p.part));
        named.collect()
    };
    let written = parts(&origin_of(&path).description.panels);
    for (view, part) in &written {
        let cut = view == "atlas" || view.starts_with("head:");
        assert_eq!(part.is_some(), cut, "{view}: {part:?}");
    }

    let mut stage = Stage::of_figure(&path);
    open_dialog(&mut stage);
    assert_eq!(looked_now(&stage), before);
    assert_eq!(state(&stage).selection, selection);
    let export = state(&stage).export.as_ref().expect("open");
    assert_eq!(parts(&export.description.panels), written);
}

/// A network with its map measured.
fn mapped(answers: Vec<Answer>) -> Stage {
    let open = ["demo:sr-window"];
    let mut stage = Stage::opening(1280.0, 800.0, 1.0, answers, &open);
    stage.window.get_by_label("Run").click();
    stage.settle();
    stage.finish_maps();
    stage
}

const MAP: &str = "Effect on the region, sr-window";
const OUTPUT: &str = "Output of sr-window";

#[test]
fn maps_over_pictures_come_back_zoomed_pinned_and_in_their_colours() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("f.svg");
    let mut stage = mapped(vec![Answer::Picked(path.clone())]);
    let at = stage.largest(OUTPUT).lerp_inside(vec2(0.2, 0.75));
    stage.window.drag_at(at);
    stage.window.run_steps(1);
    stage.window.drop_at(at);
    stage.settle();
    zoom(&mut stage, MAP);
    stage.window.get_by_label("Flip the polarity").click();
    stage.settle();
    let block = state(&stage).images.block;
    open_dialog(&mut stage);
    stage.picture("export_flipped");
    write(&mut stage, "SVG");
    let before = looked(&path);
    is_zoomed(&before, "pictures");
    assert!(before.flipped, "{before:?}");
    let pinned = before.pinned.clone().expect("one pixel is");
    assert_eq!(pinned.network, "demo:sr-window");
    let panels = origin_of(&path).description.panels;
    assert!(panels.iter().any(|p| p.inverted), "{panels:?}");
    let svg = std::fs::read_to_string(&path).expect("written");
    assert!(svg.contains("blue helps the region, red harms it"));
    assert!(!svg.contains("red helps"));

    let mut stage = Stage::of_figure(&path);
    stage.window.get_by_label_contains(" · pinned");
    stage.window.get_by_label_contains("blue helps, red harms");
    assert_eq!(state(&stage).images.block, block);
    open_dialog(&mut stage);
    assert_eq!(looked_now(&stage), before);
    // As it is then shown, it is drawn.
    close_dialog(&mut stage);
    stage.window.get_by_label("Flip the polarity").click();
    stage.settle();
    open_dialog(&mut stage);
    let export = state(&stage).export.as_ref().expect("open");
    let panels = &export.description.panels;
    assert!(panels.iter().all(|p| !p.inverted), "{panels:?}");
}

/// A figure of a trace whose panel of the residual stream is described by this, too, as `whyfinder figure` writes it:
/// of no map in the window.
fn by_command(path: &Path, more: &str) -> Stage {
    let mut stage = exporting(vec![Answer::Picked(path.to_path_buf())]);
    write(&mut stage, "SVG");
    let svg = std::fs::read_to_string(path).expect("written");
    let view = "&quot;view&quot;:&quot;residual&quot;";
    assert!(svg.contains(view), "{svg:.3000}");
    let more = more.replace('"', "&quot;");
    std::fs::write(path, svg.replace(view, &format!("{view},{more}"))).expect("writes");
    let mut stage = Stage::of_figure(path);
    open_dialog(&mut stage);
    stage
}

#[test]
fn a_range_that_a_figure_was_given_by_command_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let stage = by_command(&folder.path().join("f.svg"), "\"range\":[0.25,0.75]");
    let range = Some([0.25, 0.75]);
    assert_eq!(looked_now(&stage).maps["trace"].range, range);
    let export = state(&stage).export.as_ref().expect("open");
    assert_eq!(export.description.panels[0].range, range);
}

#[test]
fn a_part_that_a_figure_came_with_can_be_left_and_taken_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("f.svg");
    let mut stage = by_command(&path, "\"part\":{\"rows\":[1,4],\"columns\":[0,3]}");
    let part = Part {
        rows: [1, 4],
        columns: [0, 3],
    };
    for (only, expected) in [(true, Some(part)), (false, None), (true, Some(part))] {
        let export = state(&stage).export.as_ref().expect("open");
        assert!(export.zoomed, "the box can be ticked");
        assert_eq!(export.only_in_view, only);
        assert_eq!(export.description.panels[0].part, expected);
        stage.window.get_by_label("Only what is in view").click();
        stage.window.run_steps(3);
    }
}

fn import(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/import")
        .join(name)
}

#[test]
fn numbers_of_other_programs_come_back_with_their_figures_settings() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, label, map) in [
        (
            "demo_1-PSNR_all_perturb-F8.mat",
            "loss of the region's PSNR: ",
            "field",
        ),
        ("knowledge_7.npz", "Residual stream causal trace", "trace"),
        ("list_of_layers.npz", "Attention of 24 heads", "atlas"),
        ("list_of_layers.npz", "Attention of layer", "head"),
    ] {
        let path = folder.path().join("f.svg");
        let file = import(name).display().to_string();
        let answers = vec![Answer::Picked(path.clone())];
        let mut stage = Stage::opening(1280.0, 800.0, 1.0, answers, &[&file]);
        stage.until(|s| s.imported.is_some());
        zoom(&mut stage, label);
        if map == "field" {
            // Another cell than the one that the window chooses.
            stage.window.get_by_label_contains(label).focus();
            stage.window.run_steps(2);
            stage.window.key_press(egui::Key::ArrowLeft);
            stage.window.run_steps(3);
        }
        let cell = state(&stage).imported.as_ref().expect("shown").cell;
        let selection = state(&stage).selection;
        open_dialog(&mut stage);
        stage.window.get_by_label("Serif").click();
        stage.window.get_by_label("Double").click();
        stage.window.run_steps(3);
        if let (Some(layer), Some(head)) = (selection.layer, selection.head) {
            let head = format!("head:{layer}.{head}");
            let described = &state(&stage).export.as_ref().expect("open").description;
            if described.panels.iter().all(|p| p.view.to_string() != head) {
                stage.window.get_by_label(&head).click();
                stage.window.run_steps(3);
            }
        }
        stage.window.get_by_label("Only what is in view").click();
        stage.window.run_steps(3);
        wait(&mut stage, |s| drawn(s).is_some());
        write(&mut stage, "SVG");
        let before = looked(&path);
        is_zoomed(&before, map);
        let described = origin_of(&path).description;
        assert!(described.panels.iter().any(|p| p.part.is_some()), "{name}");

        let mut stage = Stage::of_figure(&path);
        let imported = state(&stage).imported.as_ref().expect("shown");
        assert_eq!(imported.cell, cell, "{name}");
        assert_eq!(state(&stage).selection, selection, "{name}");
        open_dialog(&mut stage);
        assert_eq!(looked_now(&stage), before, "{name}");
        let export = state(&stage).export.as_ref().expect("open");
        assert_eq!(export.description, described, "{name}");
        std::fs::remove_file(&path).expect("removed");
    }
}

#[test]
fn the_next_figure_goes_on_from_the_last_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let answers = ["f.svg", "g.svg"].map(|name| Answer::Picked(at(name)));
    let mut stage = exporting(answers.into());
    stage.window.get_by_label("Serif").click();
    stage.window.run_steps(2);
    stage
        .window
        .get_by_label("causal trace: residual.lines")
        .click();
    stage.window.run_steps(2);
    write(&mut stage, "SVG");
    open_dialog(&mut stage);
    let export = state(&stage).export.as_ref().expect("open");
    assert_eq!(export.format, whyfinder_figure::Format::Svg);
    write(&mut stage, "SVG");
    let described = |name: &str| origin_of(&at(name)).description;
    assert_eq!(described("g.svg"), described("f.svg"));
    assert_eq!(described("g.svg").panels.len(), 4);

    stage.window.get_by_label("Light").click();
    stage.window.run_steps(3);
    open_dialog(&mut stage);
    stage.picture("export_light_1x");
    close_dialog(&mut stage);
    // Of other results the look stays, and what is shown is theirs.
    stage.window.get_by_label("Scenes").click();
    stage.window.run_steps(3);
    stage
        .window
        .get_by_label_contains("Scene: What came next the last time")
        .click();
    stage.settle();
    stage.finish();
    open_dialog(&mut stage);
    let export = state(&stage).export.as_ref().expect("open");
    assert_eq!(export.description.font, "serif");
    assert_ne!(export.description.panels.len(), 4);
}
