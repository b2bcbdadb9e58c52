//! Questions and results in files: saved, opened, recent.

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use whyfinder::window::dialogs::Answer;
use whyfinder_experiment::{read_experiment, read_result};

use super::stage::{Stage, WEAK};
use super::{FACT, click, click_containing, state, wait, window};

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
