//! The bundled scenes in the window, on the bundled model, with the real worker behind it.
//!
//! `WHYFINDER_UPDATE_THUMBNAILS=1` writes each scene's result in small beside the scene.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use whyfinder::window::scenes::Scene;
use whyfinder::window::thumbnail::{SmallMap, Thumbnail};
use whyfinder::window::{Application, dialogs, scenes};
use whyfinder_experiment::InstrumentSettings;
use whyfinder_worker::{Worker, WorkerOptions};

/// A window with a worker of its own.
fn window() -> Harness<'static, Application> {
    Harness::builder()
        .with_size(egui::vec2(1280.0, 720.0))
        .wgpu()
        .build_eframe(|creation| {
            let worker = Worker::spawn(WorkerOptions::default());
            let dialogs = dialogs::Scripted::default();
            Application::new(creation, Box::new(worker), Box::new(dialogs), Vec::new())
        })
}

/// Draws until `done` holds.
fn wait(window: &mut Harness<'static, Application>, what: &str, done: fn(&Application) -> bool) {
    let began = Instant::now();
    while !done(window.state()) {
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "waited in vain for {what}"
        );
        window.run_steps(1);
        std::thread::sleep(Duration::from_millis(5));
    }
    window.run_steps(2);
}

fn scene_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../assets/scenes")
}

#[test]
fn every_scene_runs_in_the_window() {
    let mut window = window();
    wait(&mut window, "the bundled model", |a| {
        a.state().model.open.is_some()
    });
    for scene in scenes::bundled() {
        if !window.state().state().gallery_open {
            window.get_by_label("Scenes").click();
            window.run_steps(3);
        }
        let label = format!("Scene: {}. {}", scene.title, scene.sentence);
        let card = window.get_by_label(&label);
        card.scroll_to_me();
        card.click();
        window.run_steps(3);
        wait(&mut window, &scene.title, |a| !a.state().jobs.busy());
        if let InstrumentSettings::Image { .. } = &scene.experiment.instrument {
            see_image_scene(&mut window, &scene);
            continue;
        }
        let state = window.state().state();
        assert_eq!(state.jobs.run_failure, None, "{}", scene.name);
        assert_eq!(state.jobs.trace_failure, None, "{}", scene.name);
        let run = state.results.run.as_ref().expect("a run");
        assert!(run.complete && run.attention.is_some(), "{}", scene.name);
        if let Some(answer) = &scene.experiment.input.answer {
            let first = run.top().first().expect("a prediction");
            assert_eq!(&first.text, answer, "{}", scene.name);
        }
        let traces = scene.experiment.instrument.name() == "causal-trace";
        let trace = state.results.trace.as_ref();
        assert_eq!(trace.is_some_and(|t| t.complete), traces, "{}", scene.name);
        if let Some(trace) = trace {
            let (done, all) = trace.measured();
            assert!(done == all && all > 0, "{}: {done} of {all}", scene.name);
        }
        let s = state.selection;
        keep_thumbnail(&scene, Thumbnail::of(&state.results, s.layer.zip(s.head)));
        keep_picture(&mut window, &scene);
    }
}

fn keep_thumbnail(scene: &Scene, thumbnail: Option<Thumbnail>) {
    if std::env::var_os("WHYFINDER_UPDATE_THUMBNAILS").is_some() {
        let text = serde_json::to_string(&thumbnail).expect("plain numbers");
        let path = scene_folder().join(format!("{}.json", scene.name));
        std::fs::write(path, text + "\n").expect("the folder can be written");
    }
}

fn keep_picture(window: &mut Harness<'static, Application>, scene: &Scene) {
    if let Some(folder) = std::env::var_os("WHYFINDER_PICTURES") {
        let image = window.render().expect("the window can be drawn");
        let path = PathBuf::from(folder).join(format!("scene_{}.png", scene.name));
        image.save(path).expect("the picture can be saved");
    }
}

/// Waits until every network of the scene has its map, and looks at them.
fn see_image_scene(window: &mut Harness<'static, Application>, scene: &Scene) {
    wait(window, &scene.title, |a| {
        let state = a.state();
        let networks = &state.question.images.networks;
        let complete = |network: &String| {
            let result = state.images.results.of(network);
            result.is_some_and(|r| r.map.as_ref().is_some_and(|m| m.complete))
        };
        !networks.is_empty() && networks.iter().all(complete)
    });
    let state = window.state().state();
    let expected = std::iter::once(&scene.experiment.model).chain(&scene.beside);
    assert!(
        state.question.images.networks.iter().eq(expected),
        "{}: {:?}",
        scene.name,
        state.question.images.networks
    );
    let mut maps = Vec::new();
    for network in &state.question.images.networks {
        let result = state.images.results.of(network).expect("a result");
        assert_eq!(result.map_failure, None, "{}", scene.name);
        let map = result.map.as_ref().expect("a map");
        let (done, all) = map.measured();
        assert!(done == all && all > 0, "{}: {done} of {all}", scene.name);
        let block = map.summary.image.as_ref().and_then(|i| i.block);
        let small = |field| SmallMap::of_effects(field, map.region(), block.unwrap_or(1));
        maps.extend(map.map().and_then(small));
    }
    keep_thumbnail(scene, Some(Thumbnail { maps }));
    keep_picture(window, scene);
}

#[test]
fn every_scene_has_its_result_in_small() {
    for scene in scenes::bundled() {
        assert!(
            scene.thumbnail.is_some_and(|t| !t.maps.is_empty()),
            "{} has no thumbnail: run the tests of this file with WHYFINDER_UPDATE_THUMBNAILS=1",
            scene.name
        );
    }
}

#[test]
fn a_broken_folder_is_refused_with_the_workers_sentence_and_the_model_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("config.json"), "{ not json").expect("a file");
    let picked = dialogs::Answer::Picked(folder.path().to_path_buf());
    let mut window = Harness::builder()
        .with_size(egui::vec2(1280.0, 720.0))
        .wgpu()
        .build_eframe(move |creation| {
            let worker = Worker::spawn(WorkerOptions::default());
            let dialogs = dialogs::Scripted::new([picked]);
            Application::new(creation, Box::new(worker), Box::new(dialogs), Vec::new())
        });
    wait(&mut window, "the bundled model", |a| {
        a.state().model.open.is_some()
    });
    window.key_press_modifiers(
        egui::Modifiers::COMMAND | egui::Modifiers::SHIFT,
        egui::Key::O,
    );
    window.run_steps(2);
    wait(&mut window, "the refusal", |a| a.state().notice.is_some());
    window.get_by_label_contains("Could not open");
    let notice = window.state().state().notice.clone().expect("a notice");
    assert!(notice.message.contains("no weights"), "{notice:?}");
    window.get_by_label(&notice.message);
    window.get_by_label("Model demo:isles");
}
