//! Files and the history of runs, as a person uses them.

#[path = "support/stage.rs"]
mod stage;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use stage::{CLEAN, CORRUPTED, Stage, WEAK};
use whyfinder::window::State;
use whyfinder::window::dialogs::Answer;
use whyfinder::window::run_history::comparing::Comparison;
use whyfinder_experiment::{read_experiment, read_result};
use whyfinder_worker::Request;

const FACT: &str = "Scene: Where a fact is kept";
/// What the second of two traces has changed.
const SECOND: &str = "answer “Jorath” → “Kasdin”";

fn state(stage: &Stage) -> &State {
    stage.window.state().state()
}

/// Lets time pass until it is so.
fn wait(stage: &mut Stage, what: &str, so: impl Fn(&Stage) -> bool) {
    let began = Instant::now();
    while !so(stage) {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "waited in vain for {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
        stage.window.run_steps(2);
    }
    stage.window.run_steps(3);
}

fn window(answers: Vec<Answer>, history: &Path) -> Stage {
    Stage::keeping(1440.0, 900.0, 1.0, answers, &[], Some(history.into()))
}

fn click(stage: &mut Stage, label: &str) {
    stage.window.get_by_label(label).click();
    stage.settle();
}

fn click_containing(stage: &mut Stage, label: &str) {
    stage.window.get_by_label_contains(label).click();
    stage.settle();
}

/// A traced fact, with a second trace of another answer behind it, and the history open.
fn two_traces(stage: &mut Stage) {
    click_containing(stage, FACT);
    stage.finish();
    click(stage, "Answer ␣Jorath");
    click_containing(stage, "␣Kasdin 2.1 %");
    stage.finish();
    wait(stage, "both results on disk", |s| {
        state(s).run_history.bytes > 0 && kept(s) == 2
    });
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::H);
    stage.settle();
}

/// Runs whose results can be brought back.
fn kept(stage: &Stage) -> usize {
    let run_history = &state(stage).run_history;
    run_history
        .nodes
        .iter()
        .filter(|n| run_history.is_kept(n))
        .count()
}

fn strongest(stage: &Stage) -> f32 {
    let trace = state(stage).results.trace.as_ref().expect("a trace");
    let values = trace.grids.iter().flat_map(|g| &g.values);
    values.copied().fold(f32::NEG_INFINITY, f32::max)
}

#[test]
fn a_file_that_somebody_else_has_written_is_not_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fact.toml");
    let bare = folder.path().join("other");
    let answers = vec![
        Answer::Picked(path.clone()),
        Answer::Picked(bare.clone()),
        Answer::Picked(folder.path().join("own.toml")),
    ];
    let mut stage = window(answers, &folder.path().join("history"));
    click_containing(&mut stage, FACT);
    stage.finish();
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::S);
    stage.settle();
    wait(&mut stage, "the file", |s| state(s).file.is_some());
    let theirs = "# what a colleague has written meanwhile\n";
    std::fs::write(&path, theirs).expect("writes");
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::S);
    stage.settle();
    stage
        .window
        .get_by_label_contains("has changed on the disk");
    assert_eq!(std::fs::read_to_string(&path).expect("reads"), theirs);

    // The system's dialog knows nothing of the ending that is added to a name.
    std::fs::write(folder.path().join("other.toml"), theirs).expect("writes");
    click(&mut stage, "Save as…");
    wait(&mut stage, "the answer", |s| {
        state(s)
            .notice
            .as_ref()
            .is_some_and(|n| n.title == "other.toml is there already")
    });
    let other = folder.path().join("other.toml");
    assert_eq!(std::fs::read_to_string(other).expect("reads"), theirs);

    stage
        .window
        .key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
    stage.settle();
    wait(&mut stage, "the copy", |s| {
        state(s)
            .file
            .as_ref()
            .is_some_and(|f| f.path.ends_with("own.toml"))
    });
    read_experiment(&folder.path().join("own.toml"), &[]).expect("an experiment");
    assert_eq!(std::fs::read_to_string(&path).expect("reads"), theirs);
}

#[test]
fn a_question_is_saved_opened_again_and_stands_among_the_recent_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fact");
    let written = folder.path().join("fact.toml");
    let answers = vec![Answer::Picked(path), Answer::Picked(written.clone())];
    let mut stage = window(answers, &folder.path().join("history"));
    click_containing(&mut stage, FACT);
    stage.finish();
    // Without a file there is a question where it goes.
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::S);
    stage.settle();
    wait(&mut stage, "the file", |s| state(s).file.is_some());
    stage.window.get_by_label("File: fact.toml");
    let saved = read_experiment(&written, &[]).expect("an experiment");
    assert_eq!(saved.instrument.name(), "causal-trace");
    assert_eq!(
        saved.input.prompt.as_deref(),
        Some(state(&stage).question.prompt.as_str())
    );

    // A change is marked, and Save writes to the same file.
    click(&mut stage, "Answer ␣Jorath");
    click_containing(&mut stage, "␣Kasdin 2.1 %");
    stage.window.get_by_label("File: fact.toml, changed");
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::S);
    stage.settle();
    wait(&mut stage, "the change", |s| !state(s).is_changed());
    let again = read_experiment(&written, &[]).expect("an experiment");
    assert_eq!(again.input.answer.as_deref(), Some(WEAK));
    assert_eq!(again.input.subject.as_deref(), Some("Tarlithmi"));

    // Opened with the dialog, it brings its question back.
    click(&mut stage, "Answer ␣Kasdin");
    click_containing(&mut stage, "Most likely next token");
    stage.window.get_by_label("File: fact.toml, changed");
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::O);
    stage.settle();
    wait(&mut stage, "the question", |s| {
        state(s).question.answer.as_deref() == Some(WEAK)
    });
    stage.settle();
    stage.window.get_by_label("File: fact.toml");
    assert!(state(&stage).question.subject.is_some());

    click(&mut stage, "File: fact.toml");
    stage.window.get_by_label("Open fact.toml");
    stage.picture("file_menu");
    std::fs::remove_file(&written).expect("removes");
    stage.window.key_press(Key::Escape);
    stage.settle();
    click(&mut stage, "File: fact.toml");
    click(&mut stage, "Open fact.toml, missing");
    stage.window.get_by_label("fact.toml is not there any more");
    click(&mut stage, "Dismiss");
    click(&mut stage, "File: fact.toml");
    click(&mut stage, "Clear the list");
    assert!(state(&stage).recent_files.is_empty());
}

#[test]
fn a_subject_that_is_named_by_its_tokens_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokens.toml");
    let text = "instrument = \"causal-trace\"\nmodel = \"demo:isles\"\n[input]\n\
        prompt = \"The tower of Tarlithmi stands in\"\nsubject_tokens = [3, 5]\n";
    std::fs::write(&path, text).expect("writes");
    let mut stage = Stage::opening(
        1280.0,
        800.0,
        1.0,
        Vec::new(),
        &[&path.display().to_string()],
    );
    wait(&mut stage, "the file", |s| state(s).file.is_some());
    stage.settle();
    wait(&mut stage, "the subject", |s| {
        state(s).question.subject.is_some()
    });
    stage.settle();
    let subject = state(&stage).question.subject.clone().expect("found");
    assert_eq!(subject.text, "Tarlithmi");
    assert_eq!(stage.traces.len(), 1, "it is traced");
}

#[test]
fn a_result_is_saved_and_a_place_that_cannot_be_written_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("writes");
    let npz = folder.path().join("fact.npz");
    let answers = vec![
        Answer::Picked(npz.clone()),
        Answer::Picked(file.join("below.toml")),
    ];
    let mut stage = window(answers, &folder.path().join("history"));
    click_containing(&mut stage, FACT);
    stage.finish();
    let keys = Modifiers::COMMAND | Modifiers::SHIFT;
    stage.window.key_press_modifiers(keys, Key::S);
    stage.settle();
    wait(&mut stage, "the result", |_| npz.is_file());
    let outcome = read_result(&npz).expect("a result");
    assert!(outcome.field("residual").is_some());
    stage.window.key_press_modifiers(keys, Key::S);
    stage.settle();
    wait(&mut stage, "the sentence", |s| state(s).notice.is_some());
    stage.window.get_by_label("below.toml was not saved");
    stage
        .window
        .get_by_label_contains("Could not write the experiment");
}

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

/// Runs of two prompts without a subject, set against each other.
fn two_prompts(width: f32, height: f32, scale: f32) -> (Stage, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut answers = Vec::new();
    let prompts = [
        "The tower of Tarlithmi stands in",
        "The port of Varn lies on",
    ];
    for (i, prompt) in prompts.iter().enumerate() {
        let path = folder.path().join(format!("{i}.toml"));
        let text =
            format!("instrument = \"run\"\nmodel = \"demo:isles\"\n[input]\nprompt = {prompt:?}\n");
        std::fs::write(&path, text).expect("writes");
        answers.push(Answer::Picked(path));
    }
    let history = Some(folder.path().join("history"));
    let mut stage = Stage::keeping(width, height, scale, answers, &[], history);
    for (i, prompt) in prompts.iter().enumerate() {
        stage.window.key_press_modifiers(Modifiers::COMMAND, Key::O);
        stage.settle();
        wait(&mut stage, "the file", |s| {
            state(s).question.prompt == *prompt
        });
        stage.settle();
        wait(&mut stage, "the run", |s| {
            state(s).run_history.nodes.len() == i + 1 && kept(s) == i + 1
        });
    }
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::H);
    stage.settle();
    (stage, folder)
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
        let (mut stage, _folder) = two_prompts(width, 900.0, scale);
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

#[test]
fn what_cannot_be_subtracted_says_why() {
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
    let ids: Vec<String> = state(&stage)
        .run_history
        .nodes
        .iter()
        .map(|n| n.id.clone())
        .collect();
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::H);
    stage.settle();
    for id in &ids {
        let change = state(&stage)
            .run_history
            .node(id)
            .expect("there")
            .change
            .clone();
        let place = stage
            .window
            .get_by_label_contains(&format!("Run: {change}"))
            .rect();
        stage.window.hover_at(place.center());
        stage.window.run_steps(3);
        click(&mut stage, &format!("Compare “{change}”"));
    }
    click(&mut stage, "Compare the two runs");
    click(&mut stage, "Difference");
    wait(&mut stage, "the sentence", |s| {
        s.window
            .query_by_label_contains("which cannot be subtracted")
            .is_some()
    });
    stage.picture("difference_refused");
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
