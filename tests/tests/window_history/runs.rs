//! The tree of runs: what comes back, after a restart too, and what makes room.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use whyfinder_worker::Request;

use super::stage::{CLEAN, CORRUPTED, WEAK};
use super::{
    FACT, SECOND, click, click_containing, kept, runs_of, state, strongest, two_traces, wait,
    window,
};

#[test]
fn every_run_stands_below_what_it_came_from_and_comes_back_without_computing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = window(Vec::new(), folder.path());
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::H);
    stage.settle();
    stage.window.get_by_label("No runs yet");
    stage.picture("history_empty");
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::H);
    two_traces(&mut stage);
    let nodes = state(&stage).run_history.nodes.clone();
    assert_eq!(nodes.len(), 2);
    assert_eq!(nodes[1].parent.as_ref(), Some(&nodes[0].id));
    assert_eq!(nodes[1].change, SECOND);
    assert!(nodes[0].change.contains("“The"), "{}", nodes[0].change);
    assert!(nodes.iter().all(|n| n.thumbnail.is_some()));
    stage.window.get_by_label_contains(
        "Run: answer “Jorath” → “Kasdin”, Causal trace · isles, just now, on screen",
    );
    stage.picture("history_dark");
    let weak = strongest(&stage);
    assert!((weak - CORRUPTED) < 0.6 * (CLEAN - CORRUPTED));

    stage.worker.take_requests();
    let first = nodes[0].change.clone();
    stage
        .window
        .get_by_label_contains(&format!("Run: {first}"))
        .click();
    for _ in 0..4 {
        stage.window.run_steps(2);
    }
    wait(&mut stage, "the first run", |s| {
        state(s).question.answer.as_deref() != Some(WEAK)
    });
    let asked = stage.worker.take_requests();
    assert!(
        asked.iter().all(|r| matches!(r, Request::Tokenize { .. })),
        "nothing is computed: {asked:?}"
    );
    assert!(strongest(&stage) > weak);
    let now = state(&stage);
    assert_eq!(now.run_history.current.as_ref(), Some(&nodes[0].id));
    assert!(
        now.results
            .run
            .as_ref()
            .is_some_and(|r| r.complete && r.attention.is_some())
    );

    // What is asked next is a branch of it.
    stage.settle();
    stage
        .window
        .get_by_label_contains("Metric: probability")
        .click();
    stage.settle();
    stage.window.get_by_label("log probability").click();
    stage.settle();
    stage.finish();
    let branch = state(&stage)
        .run_history
        .nodes
        .last()
        .cloned()
        .expect("a third");
    assert_eq!(branch.parent.as_ref(), Some(&nodes[0].id));
    assert_eq!(branch.change, "metric probability → log probability");
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::T);
    stage.settle();
    stage.picture("history_light");
}

#[test]
fn the_history_is_there_after_a_restart_and_in_another_window() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = window(Vec::new(), folder.path());
    two_traces(&mut stage);
    let nodes = state(&stage).run_history.nodes.clone();
    let mut other = window(Vec::new(), folder.path());
    wait(&mut other, "the runs", |s| {
        state(s).run_history.nodes.len() == 2
    });
    // Each adds a run of its own; neither loses the other's.
    click_containing(&mut other, FACT);
    other.finish();
    drop(stage);
    drop(other);
    let mut again = window(Vec::new(), folder.path());
    wait(&mut again, "the results", |s| {
        state(s).run_history.nodes.len() >= 2
    });
    again.window.key_press_modifiers(Modifiers::COMMAND, Key::H);
    again.settle();
    again
        .window
        .get_by_label_contains("Run: answer “Jorath” → “Kasdin”")
        .click();
    wait(&mut again, "the result", |s| {
        state(s).results.trace.is_some()
    });
    again.settle();
    let now = state(&again);
    assert_eq!(now.run_history.current.as_ref(), Some(&nodes[1].id));
    assert_eq!(now.question.answer.as_deref(), Some(WEAK));
    assert!(now.trace_is_current(), "nothing is left to be measured");
}

#[test]
fn results_make_room_and_their_runs_can_be_run_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = window(Vec::new(), folder.path());
    two_traces(&mut stage);
    // A pinned run keeps its result whatever the room.
    let place = stage
        .window
        .get_by_label_contains("Run: answer “Jorath” → “Kasdin”")
        .rect();
    stage.window.hover_at(place.center());
    stage.window.run_steps(3);
    click(&mut stage, "Pin “answer “Jorath” → “Kasdin””");
    click(&mut stage, "Room for results: 2 GiB");
    click(&mut stage, "no results");
    let files = || {
        let results = folder.path().join("results");
        std::fs::read_dir(results).expect("lists").count()
    };
    let began = Instant::now();
    // The pinned trace and the run that it shows.
    while files() > 2 {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{} files",
            files()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(stage);
    let mut again = window(Vec::new(), folder.path());
    wait(&mut again, "the runs", |s| {
        state(s).run_history.nodes.len() == 2 && state(s).run_history.bytes > 0
    });
    assert_eq!(kept(&again), 1);
    again.window.key_press_modifiers(Modifiers::COMMAND, Key::H);
    again.settle();
    let first = state(&again).run_history.nodes[0].clone();
    again.picture("history_not_kept");
    again
        .window
        .get_by_label_contains("result not kept")
        .click();
    wait(&mut again, "the question", |s| {
        state(s).question == first.question
    });
    again
        .window
        .get_by_label_contains("no longer kept; run it again");
    again.settle();
    click(&mut again, "Run");
    again.finish();
    wait(&mut again, "the result", |s| kept(s) == 2);
    assert_eq!(
        state(&again).run_history.nodes.len(),
        2,
        "it is the same run"
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_said_and_nothing_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let file: PathBuf = folder.path().join("file");
    std::fs::write(&file, "in the way").expect("writes");
    let mut stage = window(Vec::new(), &file);
    click_containing(&mut stage, FACT);
    stage.finish();
    wait(&mut stage, "the sentence", |s| {
        state(s).run_history.trouble.is_some()
    });
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::H);
    stage.settle();
    stage
        .window
        .get_by_label_contains("Could not keep the run in the history");
    assert_eq!(state(&stage).run_history.nodes.len(), 1);
    assert_eq!(kept(&stage), 1, "it is held in memory");
    click(&mut stage, "Dismiss the history's message");
    assert!(state(&stage).run_history.trouble.is_none());
}

#[test]
fn runs_of_prompts_that_begin_alike_are_told_apart() {
    for (name, scale, light) in [
        ("dark", 1.0, false),
        ("light", 1.0, true),
        ("2x", 2.0, false),
    ] {
        let prompts = [
            "The lighthouse of Varn stands on the island of",
            "The lighthouse of Varn stands on the coast of",
            "The lighthouse of Varn stands beside the port of",
        ];
        let (mut stage, _folder) = runs_of(&prompts, [1440.0, 900.0], scale);
        if light {
            stage.window.key_press_modifiers(Modifiers::COMMAND, Key::T);
            stage.settle();
        }
        for label in [
            "Run: “The lighthouse of Varn st…”, Run · isles",
            "Run: “…the coast of”, Run · isles",
            "Run: “…beside the port of”, Run · isles",
        ] {
            stage.window.get_by_label_contains(label);
        }
        stage.picture(&format!("history_alike_{name}"));
        let row = stage.window.get_by_label_contains("the coast of").rect();
        stage
            .window
            .hover_at(row.left_top() + egui::vec2(120.0, 12.0));
        wait(&mut stage, "the whole prompt", |s| {
            let whole = format!("“{}”", prompts[1]);
            s.window.query_by_label_contains(&whole).is_some()
        });
        stage.picture(&format!("history_alike_hovered_{name}"));
    }
}
