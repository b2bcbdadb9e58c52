//! A trace while it is measured: its progress, its end, and ends before that.

use egui::Key;
use egui_kittest::kittest::Queryable as _;

use super::{FACT, stage, type_prompt};

#[test]
fn a_scene_runs_with_one_click_and_fills_in_as_it_is_measured() {
    let mut stage = stage();
    stage.window.get_by_label_contains(FACT).click();
    stage.settle();
    assert!(!stage.window.state().state().gallery_open);
    stage.window.get_by_label_contains("Attention of 24 heads");
    stage
        .window
        .get_by_label_contains("Residual stream causal trace");
    stage.measure(0.5);
    let state = stage.window.state().state();
    let (done, all) = state.results.trace.as_ref().expect("a trace").measured();
    assert_eq!(done * 2, all);
    stage.window.get_by_label("Tracing");
    stage.window.get_by_label("Cancel");
    stage.finish();
    assert!(!stage.window.state().state().jobs.busy());
    stage
        .window
        .get_by_label_contains("9.4× fewer passes than plain");
}

#[test]
fn cancelling_keeps_what_was_measured() {
    let mut stage = stage();
    stage.window.get_by_label_contains(FACT).click();
    stage.settle();
    stage.measure(0.3);
    stage.window.get_by_label("Cancel").click();
    stage.settle();
    let state = stage.window.state().state();
    assert!(!state.jobs.busy());
    let (done, all) = state.results.trace.as_ref().expect("a trace").measured();
    assert!(0 < done && done < all);
    stage.window.get_by_label_contains("Cancelled");
}

#[test]
fn a_new_run_cancels_the_old_one() {
    let mut stage = stage();
    stage.window.get_by_label_contains(FACT).click();
    stage.settle();
    let first = stage.traces[0].0;
    type_prompt(&mut stage, "The river Orvane is on");
    stage.window.key_press(Key::Enter);
    stage.settle();
    assert!(stage.traces.iter().all(|(job, _)| *job != first));
}

#[test]
fn a_cancelled_trace_can_be_run_again() {
    let mut stage = stage();
    stage.window.get_by_label_contains(FACT).click();
    stage.settle();
    stage.measure(0.3);
    stage.window.get_by_label("Cancel").click();
    stage.settle();
    stage.window.get_by_label("Run").click();
    stage.settle();
    assert_eq!(stage.traces.len(), 1, "the trace starts anew");
    stage.finish();
    let state = stage.window.state().state();
    assert!(state.results.trace.as_ref().is_some_and(|t| t.complete));
}

#[test]
fn a_failed_trace_says_why_and_can_be_run_again() {
    let mut stage = stage();
    stage.window.get_by_label_contains(FACT).click();
    stage.settle();
    let sentence = "The run needs 9.1 GB, and 7.6 GB are free. Take fewer samples.";
    stage.fail(sentence);
    stage.window.get_by_label("The trace could not be run");
    stage.window.get_by_label(sentence);
    stage.picture("failed_trace");
    stage.window.get_by_label("Run again").click();
    stage.settle();
    assert_eq!(stage.traces.len(), 1);
    stage.finish();
    assert!(stage.window.query_by_label(sentence).is_none());
}
