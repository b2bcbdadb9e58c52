//! Two runs side by side, and one minus the other.

use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use whyfinder::window::run_history::comparing::Comparison;
use whyfinder_worker::Request;

use super::stage::{CORRUPTED, Stage};
use super::{FACT, click, click_containing, kept, runs_of, state, two_traces, wait, window};

/// Two prompts without a subject.
const TWO: [&str; 2] = [
    "The tower of Tarlithmi stands in",
    "The port of Varn lies on",
];

#[test]
fn two_runs_are_set_side_by_side_and_subtracted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = window(Vec::new(), folder.path());
    two_traces(&mut stage);
    let first = state(&stage).run_history.nodes[0].change.clone();
    let hover = |stage: &mut Stage, label: &str| {
        let place = stage.window.get_by_label_contains(label).rect().center();
        stage.window.hover_at(place);
        stage.window.run_steps(3);
    };
    hover(&mut stage, &format!("Run: {first}"));
    click(&mut stage, &format!("Compare “{first}”"));
    stage.window.get_by_label("A is chosen: choose another");
    hover(&mut stage, "Run: answer “Jorath” → “Kasdin”");
    click(&mut stage, "Compare “answer “Jorath” → “Kasdin””");
    click(&mut stage, "Compare the two runs");
    wait(&mut stage, "the comparison", |s| {
        state(s)
            .run_history
            .compared
            .as_ref()
            .is_some_and(|c| c.what.is_some())
    });
    let grids = stage
        .window
        .query_all_by_label_contains("causal trace: ")
        .count();
    assert_eq!(grids, 6, "three kinds of each run");
    // One range of colours for both.
    let ends: Vec<f64> = stage
        .window
        .query_all_by_label_contains(", high end")
        .filter_map(|n| n.accesskit_node().numeric_value())
        .collect();
    assert_eq!(ends.len(), 6);
    assert!(
        ends.windows(2).all(|w| (w[0] - w[1]).abs() < 1e-6),
        "{ends:?}"
    );
    stage.picture("compared_dark");

    click(&mut stage, "Difference");
    let grid = stage
        .window
        .get_by_label_contains("Residual stream difference: ");
    grid.focus();
    stage.window.run_steps(2);
    stage.window.key_press(Key::ArrowRight);
    stage.window.run_steps(3);
    let read = stage
        .window
        .get_by_label_contains("Residual stream difference: ")
        .accesskit_node()
        .value()
        .unwrap_or_default();
    assert!(read.contains("second run minus first"), "{read}");
    // Both runs have the same seed, and their draws are kept.
    stage.window.get_by_label_contains("errors paired by draw");
    let differences = match &state(&stage)
        .run_history
        .compared
        .as_ref()
        .expect("open")
        .what
    {
        Some(Ok(comparison)) => comparison.clone(),
        other => panic!("{other:?}"),
    };
    let Comparison::Traces(traces) = &*differences else {
        panic!("traces");
    };
    let fields = traces.differences.as_ref().expect("the same axes");
    let residual = &fields[0].field;
    let own = &traces.sides[0].grids[0];
    for (d, v) in residual.values.iter().zip(&own.values) {
        assert!((d + 0.5 * (v - CORRUPTED)).abs() < 1e-4, "{d} {v}");
    }
    stage.picture("difference_dark");
    stage.window.key_press(Key::Escape);
    stage.settle();
    assert!(state(&stage).run_history.compared.is_none());
}

fn compare_all(stage: &mut Stage) {
    let changes: Vec<String> = state(stage)
        .run_history
        .nodes
        .iter()
        .map(|n| n.change.clone())
        .collect();
    for change in &changes {
        let run = format!("Run: {change}");
        let place = stage.window.get_by_label_contains(&run).rect();
        stage.window.hover_at(place.center());
        stage.window.run_steps(3);
        click(stage, &format!("Compare “{change}”"));
    }
    click(stage, "Compare the two runs");
    wait(stage, "the comparison", |s| {
        let compared = state(s).run_history.compared.as_ref();
        compared.is_some_and(|c| c.what.is_some())
    });
}

#[test]
fn next_tokens_of_two_runs_are_compared() {
    for (name, width, scale) in [("1440", 1440.0, 1.0), ("960", 960.0, 2.0)] {
        let (mut stage, _folder) = runs_of(&TWO, [width, 900.0], scale);
        stage.picture(&format!("history_{name}"));
        compare_all(&mut stage);
        let rows = match &state(&stage)
            .run_history
            .compared
            .as_ref()
            .expect("open")
            .what
        {
            Some(Ok(comparison)) => match &**comparison {
                Comparison::Predictions(rows) => rows.clone(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        // Both lists in turn, best first, each token once.
        let said: Vec<&str> = rows.iter().map(|r| r.token.as_str()).collect();
        assert_eq!(
            said,
            [" Jorath", " Muren", " Kasdin", " Ostra", " Sel", " the"]
        );
        assert_eq!(rows[0].probability, [Some(0.931), Some(0.12)]);
        assert_eq!(rows[1].probability, [Some(0.009), Some(0.61)]);
        assert_eq!(rows[4].probability, [None, Some(0.05)]);
        stage.picture(&format!("predictions_{name}"));
        stage.window.get_by_label("93 %");
        stage.window.get_by_label("5.0 %");
        click(&mut stage, "Difference");
        stage.window.get_by_label("−81.1 points");
        stage.window.get_by_label("+60.1 points");
        assert!(stage.window.query_all_by_label("not in both").count() >= 3);
        stage.picture(&format!("predictions_difference_{name}"));
        stage.window.key_press_modifiers(Modifiers::COMMAND, Key::T);
        stage.window.run_steps(5);
        stage.picture(&format!("predictions_light_{name}"));
    }
}

/// The high ends of all colour bars, with what they are called.
fn high_ends(stage: &Stage) -> Vec<f64> {
    let ends = stage.window.query_all_by_label_contains(", high end");
    ends.filter_map(|n| n.accesskit_node().numeric_value())
        .collect()
}

#[test]
fn unlike_traces_have_their_own_colours_and_cannot_be_subtracted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = window(Vec::new(), folder.path());
    click_containing(&mut stage, FACT);
    stage.finish();
    stage
        .window
        .get_by_label_contains("Metric: probability")
        .click();
    stage.settle();
    click(&mut stage, "log probability");
    stage.finish();
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::H);
    stage.settle();
    compare_all(&mut stage);
    stage
        .window
        .get_by_label_contains("each with its own range of colours");
    // Three bars above, three below.
    let before = high_ends(&stage);
    assert_eq!(before.len(), 6);
    let mut bars = stage.window.query_all_by_label_contains(", high end");
    bars.next().expect("there are six").focus();
    drop(bars);
    stage.window.run_steps(2);
    stage.window.key_press(Key::ArrowLeft);
    stage.window.run_steps(3);
    let after = high_ends(&stage);
    for (bar, (before, after)) in before.iter().zip(&after).enumerate() {
        assert_eq!(before == after, bar >= 3, "bar {bar}: {before} {after}");
    }
    stage.picture("compared_unlike");
    // Another comparison begins with ranges of its own.
    click(&mut stage, "Close the comparison");
    click(&mut stage, "Compare the two runs");
    wait(&mut stage, "the comparison", |s| high_ends(s).len() == 6);
    assert_eq!(high_ends(&stage), before);
    click(&mut stage, "Difference");
    wait(&mut stage, "the sentence", |s| {
        s.window
            .query_by_label_contains("which cannot be subtracted")
            .is_some()
    });
    stage.picture("difference_refused");
}

#[test]
fn unlike_maps_have_their_own_colours_and_cannot_be_subtracted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = Stage::keeping(
        1440.0,
        900.0,
        1.0,
        Vec::new(),
        &["demo:sr-window"],
        Some(folder.path().into()),
    );
    click(&mut stage, "Run");
    stage.finish_maps();
    wait(&mut stage, "the result", |s| kept(s) == 1);
    click(&mut stage, "Method LAM");
    stage.finish_maps();
    click(&mut stage, "Run");
    stage.finish_maps();
    wait(&mut stage, "the second", |s| kept(s) == 2);
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::H);
    stage.settle();
    compare_all(&mut stage);
    stage
        .window
        .get_by_label_contains("each with its own range of colours");
    stage.window.get_by_label("Effects, run A");
    stage.window.get_by_label("Attribution, run B");
    // A map of effects has two ends, an attribution one.
    stage.window.get_by_label("run A, low end");
    let low = stage.window.query_by_label("run B, low end");
    assert!(low.is_none(), "it begins at zero");
    let before = high_ends(&stage);
    stage.window.get_by_label("run B, high end").focus();
    stage.window.run_steps(2);
    stage.window.key_press(Key::ArrowLeft);
    stage.window.run_steps(3);
    let after = high_ends(&stage);
    assert_eq!((before.len(), after.len()), (2, 2));
    assert_eq!(before[0], after[0]);
    assert!(after[1] < before[1], "{before:?} {after:?}");
    stage.picture("compared_unlike_maps");
    click(&mut stage, "Difference");
    stage.window.get_by_label_contains("do not mean the same");
}

#[test]
fn maps_of_pictures_come_back_and_are_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let network = "demo:sr-window";
    let mut stage = Stage::keeping(
        1440.0,
        900.0,
        1.0,
        Vec::new(),
        &[network],
        Some(folder.path().into()),
    );
    click(&mut stage, "Run");
    stage.finish_maps();
    wait(&mut stage, "the result", |s| kept(s) == 1);
    click(&mut stage, "Add a region");
    stage.finish_maps();
    click(&mut stage, "Run");
    stage.finish_maps();
    wait(&mut stage, "the second", |s| kept(s) == 2);
    let nodes = state(&stage).run_history.nodes.clone();
    assert!(
        nodes[1].change.starts_with("region "),
        "{}",
        nodes[1].change
    );
    assert_eq!(nodes[1].parent.as_ref(), Some(&nodes[0].id));
    let small = nodes[0].thumbnail.as_ref().expect("a small picture");
    let strong = |cell: &Option<u8>| cell.is_some_and(|v| v > 200);
    assert!(small.maps[0].cells.iter().any(strong), "{small:?}");
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::H);
    stage.settle();
    stage.picture("history_pictures");
    stage.worker.take_requests();
    let first = format!("Run: {}", nodes[0].change);
    stage.window.get_by_label_contains(&first).click();
    wait(&mut stage, "the first map", |s| {
        state(s).question.images.regions == nodes[0].question.images.regions
    });
    let asked = stage.worker.take_requests();
    let computes = |r: &Request| {
        matches!(r, Request::Start { experiment, .. }
            if experiment.instrument.name() == "causal-effect-map" || experiment.instrument.name() == "restore")
    };
    assert!(!asked.iter().any(computes), "{asked:?}");
    stage.settle();
    for node in &nodes {
        let place = stage
            .window
            .get_by_label_contains(&format!("Run: {}", node.change))
            .rect();
        stage.window.hover_at(place.center());
        stage.window.run_steps(3);
        click(&mut stage, &format!("Compare “{}”", node.change));
    }
    click(&mut stage, "Compare the two runs");
    wait(&mut stage, "the comparison", |s| {
        s.window.query_by_label("Effects, run B").is_some()
    });
    stage.window.get_by_label("Effects, run A");
    stage.picture("compared_maps");
    click(&mut stage, "Difference");
    stage.window.get_by_label("Difference of effects");
    stage.window.get_by_label_contains("of different regions");
    stage.picture("difference_maps");
}
