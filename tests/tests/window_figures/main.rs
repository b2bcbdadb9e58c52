//! Figures made in the window, and figures that bring back what they show.

mod dropped;
mod looked;
mod preview;
#[path = "../support/stage.rs"]
mod stage;
mod views;

use std::path::Path;
use std::time::{Duration, Instant};

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use stage::Stage;
use whyfinder::window::dialogs::Answer;
use whyfinder::window::state::Notice;
use whyfinder_figure::read_origin;

/// A traced fact, with the dialog for figures open and its preview drawn.
fn exporting(answers: Vec<Answer>) -> Stage {
    exporting_at(1.0, answers)
}

/// The same in a window of so many pixels per point.
fn exporting_at(scale: f32, answers: Vec<Answer>) -> Stage {
    let mut stage = Stage::new(1280.0, 800.0, scale, answers);
    stage
        .window
        .get_by_label_contains("Scene: Where a fact is kept")
        .click();
    stage.settle();
    stage.finish();
    open_dialog(&mut stage);
    stage
}

fn open_dialog(stage: &mut Stage) {
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::E);
    stage.window.run_steps(3);
    wait(stage, |s| drawn(s).is_some());
}

/// Lets time pass until it is so.
fn wait(stage: &mut Stage, so: impl Fn(&Stage) -> bool) {
    let began = Instant::now();
    while !so(stage) {
        assert!(began.elapsed() < Duration::from_secs(60), "it never came");
        std::thread::sleep(Duration::from_millis(10));
        // What a file that was read in between asks for is answered too.
        stage.settle();
    }
    stage.window.run_steps(2);
}

/// Size on paper of the figure that is shown, where it is the current one.
fn drawn(stage: &Stage) -> Option<[f32; 2]> {
    let export = stage.window.state().state().export.as_ref()?;
    let drawn = export
        .drawn
        .as_ref()
        .filter(|d| d.version == export.version)?;
    Some(drawn.outcome.as_ref().expect("it can be drawn").cm)
}

fn origin_of(path: &Path) -> whyfinder_figure::Origin {
    let bytes = std::fs::read(path).expect("written");
    read_origin(&bytes).expect("readable").expect("there")
}

/// Writes the figure in the format of this name, where the person has answered that it goes.
fn write(stage: &mut Stage, format: &str) {
    stage.window.get_by_label(format).click();
    stage.window.run_steps(2);
    stage
        .window
        .get_by_label(&format!("Write {format}…"))
        .click();
    stage.window.run_steps(3);
    wait(stage, |s| s.window.state().state().export.is_none());
}

/// What a window says that is opened with a file.
fn notice_on_opening(path: &Path) -> Notice {
    let path = path.display().to_string();
    let mut stage = Stage::opening(1280.0, 800.0, 1.0, Vec::new(), &[&path]);
    wait(&mut stage, |s| s.window.state().state().notice.is_some());
    stage.window.state().state().notice.clone().expect("one")
}

#[test]
fn a_figure_is_shown_as_its_file_will_be_and_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trace.pdf");
    let mut stage = exporting(vec![Answer::Picked(path.clone())]);
    assert!((drawn(&stage).expect("drawn")[0] - 8.4).abs() < 0.01);
    stage.picture("export_dark");
    stage.window.get_by_label("Double").click();
    stage.window.get_by_label("Serif").click();
    stage.window.run_steps(3);
    wait(&mut stage, |s| {
        drawn(s).is_some_and(|cm| (cm[0] - 17.4).abs() < 0.01)
    });
    stage
        .window
        .get_by_label("causal trace: residual.lines")
        .click();
    stage.window.run_steps(3);
    wait(&mut stage, |s| drawn(s).is_some());
    stage.picture("export_double");
    write(&mut stage, "PDF");
    let said = stage
        .window
        .state()
        .state()
        .said
        .clone()
        .expect("something is said");
    assert!(said.0.contains("trace.pdf"), "{}", said.0);
    let origin = origin_of(&path);
    assert_eq!(origin.description.font, "serif");
    let views: Vec<String> = origin
        .description
        .panels
        .iter()
        .map(|p| p.view.to_string())
        .collect();
    assert_eq!(views, ["residual", "mlp", "attention", "residual.lines"]);
    let selected = origin
        .description
        .selected
        .clone()
        .expect("a cell is selected");
    assert!(selected.layer.is_some() && selected.token.is_some());
}

#[test]
fn a_figure_that_is_opened_brings_back_question_selection_and_settings() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, words) in [("f.svg", "SVG"), ("f.png", "PNG"), ("f.pdf", "PDF")] {
        let path = folder.path().join(name);
        let mut stage = exporting(vec![Answer::Picked(path.clone())]);
        stage.window.get_by_label("Serif").click();
        write(&mut stage, words);
        let asked = stage.window.state().state().question.clone();
        let selection = stage.window.state().state().selection;

        let mut stage = Stage::of_figure(&path);
        let state = stage.window.state().state();
        assert_eq!(state.question.prompt, asked.prompt, "{name}");
        assert_eq!(state.question.trace, asked.trace);
        assert_eq!(state.selection.layer, selection.layer);
        assert_eq!(state.selection.token, selection.token);
        stage.window.key_press_modifiers(Modifiers::COMMAND, Key::E);
        stage.window.run_steps(2);
        let export = stage.window.state().state().export.as_ref().expect("open");
        assert_eq!(export.description.font, "serif");
    }
}

#[test]
fn a_figure_whose_model_is_gone_says_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("f.svg");
    let mut stage = exporting(vec![Answer::Picked(path.clone())]);
    write(&mut stage, "SVG");
    let svg = std::fs::read_to_string(&path).expect("written");
    let svg = svg.replace("demo:isles", "/broken/model").replace(
        "&quot;model_digest&quot;:&quot;&quot;",
        "&quot;model_digest&quot;:&quot;0123abcd&quot;",
    );
    std::fs::write(&path, svg).expect("writes");
    let notice = notice_on_opening(&path);
    assert!(
        notice.message.contains("/broken/model") && notice.message.contains("0123abcd"),
        "{notice:?}"
    );
}

#[test]
fn pictures_and_files_without_an_origin_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("drawing.svg");
    std::fs::write(&path, "<svg xmlns=\"http://www.w3.org/2000/svg\"/>").expect("writes");
    let notice = notice_on_opening(&path);
    assert!(
        notice.title.contains("drawing.svg") && notice.message.contains("holds no experiment"),
        "{notice:?}"
    );
}

#[test]
fn without_anything_measured_there_is_nothing_to_export() {
    let mut stage = Stage::new(1280.0, 800.0, 1.0, Vec::new());
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::E);
    stage.window.run_steps(2);
    let state = stage.window.state().state();
    assert!(state.export.is_none());
    assert!(
        state
            .said
            .as_ref()
            .is_some_and(|(words, _)| words.contains("nothing measured"))
    );
}

#[test]
fn networks_that_are_compared_are_exported_side_by_side() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("maps.svg");
    let open = ["demo:denoise"];
    let mut stage = Stage::opening(
        1440.0,
        900.0,
        1.0,
        vec![Answer::Picked(path.clone())],
        &open,
    );
    stage.settle();
    stage.window.get_by_label("Open another network").click();
    stage.window.run_steps(3);
    stage.window.get_by_label_contains("sr-local").click();
    stage.settle();
    stage.window.get_by_label("Run").click();
    stage.settle();
    stage.finish_maps();
    stage.window.get_by_label("Export").click();
    stage.window.run_steps(3);
    wait(&mut stage, |stage| drawn(stage).is_some());
    stage.picture("export_networks");
    write(&mut stage, "SVG");
    let origin = origin_of(&path);
    let models: Vec<&str> = origin
        .description
        .panels
        .iter()
        .map(|p| origin.sources[p.source].experiment.model.as_str())
        .collect();
    assert_eq!(models, ["demo:denoise", "demo:sr-local"]);
    assert!(
        origin
            .description
            .panels
            .iter()
            .all(|p| p.view.to_string() == "effect")
    );

    // Opened, it asks both networks again, and its own settings fit what they answer.
    let opened = path.display().to_string();
    let mut stage = Stage::opening(1440.0, 900.0, 1.0, Vec::new(), &[&opened]);
    wait(&mut stage, |s| {
        s.window.state().state().question.images.networks.len() == 2
    });
    for _ in 0..3 {
        stage.settle();
        stage.finish_maps();
    }
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::E);
    stage.window.run_steps(2);
    let export = stage.window.state().state().export.as_ref().expect("open");
    let panels = export.description.panels.iter();
    let again: Vec<(&str, String)> = panels
        .map(|p| {
            let model = &export.sources[p.source].outcome.experiment.model;
            (model.as_str(), p.view.to_string())
        })
        .collect();
    let effect = || "effect".to_string();
    assert_eq!(
        again,
        [("demo:denoise", effect()), ("demo:sr-local", effect())]
    );
}

/// What a script says that is written once it is there.
fn script_at(stage: &mut Stage, path: &Path) -> String {
    wait(stage, |s| {
        let said = &s.window.state().state().said;
        said.as_ref().is_some_and(|said| said.0.contains(".py"))
    });
    std::fs::read_to_string(path).expect("written")
}

#[test]
fn the_dialog_writes_a_python_script_of_what_is_shown_with_all_that_it_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tower.py");
    let mut stage = exporting(vec![Answer::Picked(path.clone())]);
    stage.window.get_by_label("Python script…").click();
    let text = script_at(&mut stage, &path);
    assert!(
        text.contains("(causal-trace)") && text.contains("Tarlithmi"),
        "{text}"
    );
    for beside in ["tower.whyfinder.npz", "isles/model.safetensors"] {
        assert!(folder.path().join(beside).is_file(), "{beside}");
    }
    assert!(stage.window.state().state().export.is_some());
}

#[test]
fn the_palette_writes_a_script_of_the_question_before_anything_is_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("asked");
    let open = ["demo:denoise"];
    let answers = vec![Answer::Picked(path.clone())];
    let mut stage = Stage::opening(1280.0, 800.0, 1.0, answers, &open);
    stage.settle();
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::K);
    stage.window.run_steps(3);
    // There are more commands than lines to show them.
    stage
        .window
        .event(egui::Event::Text("Python script".into()));
    stage.window.run_steps(3);
    stage
        .window
        .get_by_label_contains("Write a Python script")
        .click();
    let text = script_at(&mut stage, &folder.path().join("asked.py"));
    assert!(
        text.contains("(causal-effect-map)") || text.contains("(restore)"),
        "{text}"
    );
    assert!(folder.path().join("denoise.safetensors").is_file());
}

#[test]
fn a_script_that_cannot_be_written_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("written");
    let mut stage = exporting(vec![Answer::Picked(file.join("tower.py"))]);
    stage.window.get_by_label("Python script…").click();
    wait(&mut stage, |s| s.window.state().state().notice.is_some());
    let notice = stage.window.state().state().notice.clone().expect("one");
    assert!(notice.title.contains("tower.py"), "{notice:?}");
}

#[test]
fn a_figure_that_cannot_be_written_is_said_and_what_is_there_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("file"), "no folder").expect("writes");
    std::fs::write(at("taken.pdf"), "mine").expect("writes");
    let answers = [at("file/f.pdf"), at("taken"), at("good.pdf")];
    let answers = answers.into_iter().map(Answer::Picked).collect();
    let mut stage = Stage::new(1280.0, 800.0, 2.0, answers);
    stage.window.get_by_label("Light").click();
    stage
        .window
        .get_by_label_contains("Scene: Where a fact is kept")
        .click();
    stage.settle();
    stage.finish();
    for (title, said) in [("f.pdf", "file"), ("taken.pdf", "taken.pdf")] {
        open_dialog(&mut stage);
        write(&mut stage, "PDF");
        wait(&mut stage, |s| s.window.state().state().notice.is_some());
        let notice = stage.window.state().state().notice.clone().expect("one");
        assert!(
            notice.title.contains(title) && notice.message.contains(said),
            "{notice:?}"
        );
        stage.picture(&format!("export_refused_{title}"));
        stage.window.get_by_label("Dismiss").click();
        stage.window.run_steps(3);
    }
    assert_eq!(std::fs::read(at("taken.pdf")).expect("there"), b"mine");
    open_dialog(&mut stage);
    // One colour map for all: they share a bar.
    stage
        .window
        .get_by_label("Colours of causal trace: mlp")
        .click();
    stage.window.run_steps(3);
    stage.picture("export_colours_light");
    stage.window.get_by_label("viridis").click();
    stage.window.run_steps(3);
    wait(&mut stage, |s| drawn(s).is_some());
    stage.picture("export_own_colours_light");
    write(&mut stage, "PDF");
    let origin = origin_of(&at("good.pdf"));
    let maps = origin.description.panels.iter().map(|p| p.map.as_deref());
    assert_eq!(maps.collect::<Vec<_>>(), [None, Some("viridis"), None]);
}
