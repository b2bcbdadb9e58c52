//! Figures bring back how maps were looked at, and draw what is in view if that is asked for.

use std::path::Path;

use egui::{Key, vec2};
use egui_kittest::kittest::Queryable as _;
use whyfinder_figure::{Looked, Origin};

use super::stage::Stage;
use super::{Answer, drawn, exporting, open_dialog, origin_of, wait, write};

const TRACE: &str = "Residual stream";

fn close_dialog(stage: &mut Stage) {
    stage.window.get_by_label("Close").click();
    stage.window.run_steps(3);
}

fn looked(origin: &Origin) -> Looked {
    origin
        .description
        .looked
        .clone()
        .expect("it is not as at first")
}

/// A window in which a figure is opened, with the dialog for figures.
fn opened(path: &Path) -> Stage {
    let mut stage = Stage::of_figure(path);
    open_dialog(&mut stage);
    stage
}

fn looked_now(stage: &Stage) -> Looked {
    let export = stage.window.state().state().export.as_ref().expect("open");
    export.description.looked.clone().unwrap_or_default()
}

#[test]
fn zoom_and_selection_come_back_and_the_figure_is_whole_unless_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole.svg");
    let part = folder.path().join("part.svg");
    let answers = vec![Answer::Picked(whole.clone()), Answer::Picked(part.clone())];
    let mut stage = exporting(answers);
    // Nothing is zoomed: there is nothing to leave out.
    let export = stage.window.state().state().export.as_ref().expect("open");
    assert!(!export.zoomed && export.description.looked.is_none());
    close_dialog(&mut stage);
    let at = stage.largest(TRACE).lerp_inside(vec2(0.6, 0.9));
    stage.wheel(at, 6.0);
    // A cell that is not the one that the window would choose.
    let by_itself = stage.window.state().state().selection;
    stage
        .window
        .get_by_label_contains("Residual stream causal trace")
        .focus();
    stage.window.run_steps(2);
    stage.window.key_press(Key::ArrowLeft);
    stage.window.run_steps(3);
    let selection = stage.window.state().state().selection;
    assert_ne!(selection, by_itself);
    open_dialog(&mut stage);
    write(&mut stage, "SVG");
    let origin = origin_of(&whole);
    let zoomed = looked(&origin).maps["trace"];
    assert!(zoomed.zoom > 1.3, "{zoomed:?}");
    assert!(zoomed.origin[1] > 0.05, "{zoomed:?}");
    assert!(origin.description.panels.iter().all(|p| p.part.is_none()));

    open_dialog(&mut stage);
    stage.window.get_by_label("Only what is in view").click();
    stage.window.run_steps(3);
    wait(&mut stage, |s| drawn(s).is_some());
    stage.picture("export_in_view");
    write(&mut stage, "SVG");
    let origin = origin_of(&part);
    let tokens = stage.window.state().state().results.trace.as_ref();
    let tokens = tokens.expect("traced").summary.tokens.len();
    for panel in &origin.description.panels {
        let cut = panel.part.expect("of every kind");
        let shown = |origin: f32| {
            let n = tokens as f32;
            let end = ((origin + 1.0 / zoomed.zoom) * n - 1e-3).ceil();
            [(origin * n).floor() as usize, end as usize]
        };
        assert_eq!(cut.rows, shown(zoomed.origin[1]));
        assert!(cut.rows[1] - cut.rows[0] < tokens, "{cut:?}");
    }
    let svg = std::fs::read_to_string(&part).expect("written");
    assert!(svg.contains("shown: tokens "), "the part is told");

    for path in [&whole, &part] {
        let stage = opened(path);
        assert_eq!(looked_now(&stage), looked(&origin_of(path)));
        let state = stage.window.state().state();
        assert_eq!(state.selection, selection);
        let export = state.export.as_ref().expect("open");
        assert_eq!(export.only_in_view, path == &part);
        let parts = |panels: &[whyfinder_figure::Panel]| -> Vec<Option<whyfinder_figure::Part>> {
            panels.iter().map(|p| p.part).collect()
        };
        assert_eq!(
            parts(&export.description.panels),
            parts(&origin_of(path).description.panels)
        );
    }
}

#[test]
fn ranges_that_a_person_has_set_are_drawn_and_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("f.svg");
    let mut stage = exporting(vec![Answer::Picked(path.clone())]);
    close_dialog(&mut stage);
    let end = stage
        .window
        .get_all_by_label_contains(", high end")
        .last()
        .expect("a colour bar");
    end.focus();
    stage.window.run_steps(2);
    for _ in 0..20 {
        stage.window.key_press(Key::ArrowLeft);
        stage.window.run_steps(1);
    }
    open_dialog(&mut stage);
    let looked = looked_now(&stage);
    let (name, map) = looked.maps.iter().next().expect("one has a range");
    let range = map.range.expect("set");
    let export = stage.window.state().state().export.as_ref().expect("open");
    if name == "trace" {
        let panels = &export.description.panels;
        assert!(panels.iter().all(|p| p.range == Some(range)), "{panels:?}");
    }
    write(&mut stage, "SVG");
    let stage = opened(&path);
    assert_eq!(looked_now(&stage), looked);
}
