//! Prompt, cause, answer, foil and settings.

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use whyfinder_worker::Request;

use super::{stage, traced, type_prompt};

#[test]
fn typed_text_becomes_tokens_and_enter_runs_it() {
    let mut stage = stage();
    type_prompt(&mut stage, "The tower of Orvane is in");
    stage.window.get_by_label_contains("Token 0 The");
    stage.window.get_by_label_contains("Token 3 ␣Or");
    assert!(stage.window.state().state().results.run.is_none());
    stage.window.key_press(Key::Enter);
    stage.settle();
    let state = stage.window.state().state();
    assert!(state.results.run.as_ref().is_some_and(|r| r.complete));
    assert!(state.results.trace.is_none(), "no subject, no trace");
    stage
        .window
        .get_by_label_contains("Drag over the tokens of the cause");
}

#[test]
fn a_subject_is_marked_by_dragging_over_tokens() {
    let mut stage = stage();
    type_prompt(&mut stage, "The tower of Orvane is in");
    stage.window.key_press(Key::Enter);
    stage.settle();
    let first = stage
        .window
        .get_by_label_contains("Token 3 ")
        .rect()
        .center();
    let last = stage
        .window
        .get_by_label_contains("Token 4 ")
        .rect()
        .center();
    stage.window.drag_at(first);
    stage.window.run_steps(2);
    stage.window.hover_at(last);
    stage.window.run_steps(2);
    stage.window.drop_at(last);
    stage.settle();
    let state = stage.window.state().state();
    assert_eq!(
        state.question.subject.as_ref().map(|s| s.text.as_str()),
        Some("Orvane")
    );
    assert_eq!(state.subject_tokens(), Some([3, 5]));
    assert!(state.jobs.trace.is_some(), "the trace starts by itself");
    stage.window.get_by_label_contains("Token 4 vane, id");
    stage.finish();
    let selection = stage.window.state().state().selection;
    assert_eq!(
        selection.token,
        Some(4),
        "the strongest cell is selected by itself"
    );
    assert!(
        stage
            .window
            .state()
            .state()
            .results
            .trace
            .as_ref()
            .is_some_and(|t| t.complete)
    );
}

#[test]
fn a_drag_that_fits_between_two_frames_still_marks() {
    let mut stage = stage();
    type_prompt(&mut stage, "The tower of Orvane is in");
    let first = stage.window.get_by_label_contains("Token 1 ").rect();
    let last = stage.window.get_by_label_contains("Token 4 ").rect();
    let button = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    let input = stage.window.input_mut();
    input.events.extend([
        egui::Event::PointerMoved(first.center()),
        button(first.center(), true),
        egui::Event::PointerMoved(last.center()),
        button(last.center(), false),
    ]);
    stage.settle();
    let state = stage.window.state().state();
    assert_eq!(state.subject_tokens(), Some([1, 5]));
}

#[test]
fn undo_takes_a_mark_back_and_redo_brings_it_again() {
    let mut stage = traced();
    stage.window.get_by_label("Clear the subject").click();
    stage.settle();
    assert_eq!(stage.window.state().state().question.subject, None);
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    stage.settle();
    assert!(stage.window.state().state().question.subject.is_some());
    stage
        .window
        .key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    stage.settle();
    assert_eq!(stage.window.state().state().question.subject, None);
}

#[test]
fn another_answer_is_chosen_from_the_predictions_and_traced() {
    let mut stage = traced();
    stage.window.get_by_label("Answer ␣Jorath").click();
    stage.settle();
    stage.window.get_by_label_contains("␣Kasdin 2.1 %").click();
    stage.settle();
    let state = stage.window.state().state();
    assert_eq!(state.question.answer.as_deref(), Some(" Kasdin"));
    assert!(state.jobs.trace.is_some());
    let (_, asked) = stage.traces.last().expect("a new trace");
    assert_eq!(asked.input.answer.as_deref(), Some(" Kasdin"));
}

#[test]
fn a_foil_is_typed() {
    let mut stage = traced();
    stage.window.get_by_label("Foil: none").click();
    stage.settle();
    stage.window.get_by_label("Foil token").click();
    stage.window.run_steps(1);
    stage.window.get_by_label("Foil token").type_text(" Ostra");
    stage.window.run_steps(2);
    stage.window.key_press(Key::Enter);
    stage.settle();
    let state = stage.window.state().state();
    assert_eq!(state.question.foil.as_deref(), Some(" Ostra"));
}

#[test]
fn changing_a_setting_traces_again_with_it() {
    let mut stage = traced();
    stage
        .window
        .get_by_label_contains("Metric: probability")
        .click();
    stage.settle();
    stage.window.get_by_label("log probability").click();
    stage.window.run_steps(2);
    let asked = stage.worker.take_requests();
    assert!(
        matches!(&asked[..], [Request::Start { experiment, .. }]
            if matches!(&experiment.instrument, whyfinder_experiment::InstrumentSettings::CausalTrace { trace, .. }
                if trace.metric == whyfinder_experiment::Metric::LogProbability)),
        "{asked:?}"
    );
}
