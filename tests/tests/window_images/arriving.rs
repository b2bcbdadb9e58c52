//! Pictures and networks that are dropped on the window or pasted into it.

use std::path::PathBuf;

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use whyfinder::maps::Region;
use whyfinder::window::images::PictureRole;
use whyfinder::window::images::state::Part;
use whyfinder_experiment::ImageSource;

use crate::stage::Stage;
use crate::{small, state, with_picture};

/// A path let go over the window.
#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|e| e.to_string())
    }
}

fn drop_on(stage: &mut Stage, paths: &[PathBuf]) {
    for path in paths {
        let file = std::sync::Arc::new(Dropped(path.clone()));
        stage.window.input_mut().dropped_files.push(file);
    }
    stage.window.step();
    stage.settle();
}

#[test]
fn pictures_and_networks_are_dropped_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let [seen, clean, third, a, b] = [
        "a-96x64.png",
        "b-96x64.png",
        "c.png",
        "sr-a.pth",
        "sr-b.pth",
    ]
    .map(|name| {
        let path = folder.path().join(name);
        std::fs::write(&path, "not read on the stage").expect("a file");
        path
    });
    let mut stage = small();
    drop_on(&mut stage, &[seen.clone(), clean.clone(), third]);
    let q = &state(&stage).question.images;
    assert_eq!(q.picture, Some(ImageSource::File(seen)));
    assert_eq!((q.role, q.truth.clone()), (PictureRole::Input, None));
    stage.window.get_by_label("Two pictures were dropped");
    stage.window.get_by_label_contains("Not opened: c.png.");
    stage.picture("images_two_dropped");
    stage
        .window
        .get_by_label("Use b-96x64.png as the truth")
        .click();
    stage.settle();
    assert_eq!(
        state(&stage).question.images.truth,
        Some(ImageSource::File(clean))
    );
    assert!(state(&stage).notice.is_none());
    drop_on(&mut stage, &[a.clone(), b.clone()]);
    let networks = [a, b].map(|path| path.display().to_string());
    assert_eq!(state(&stage).question.images.networks, networks);
    stage.window.get_by_label("Output of sr-a");
    stage.window.get_by_label("Output of sr-b");
}

#[test]
fn the_question_of_an_experiment_is_put_to_networks_that_are_dropped_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let [experiment, network] = ["map.toml", "sr-b.pth"].map(|name| folder.path().join(name));
    std::fs::write(&network, "not read on the stage").expect("a file");
    let text = "instrument = \"causal-effect-map\"\nmodel = \"demo:sr-window\"\n\
                [input]\ntruth = \"picture:market\"\nregion = [64, 72, 16, 16]\ntask = \"super-resolution\"\n";
    std::fs::write(&experiment, text).expect("a file");
    let mut stage = small();
    drop_on(&mut stage, &[experiment, network.clone()]);
    // The file is read by a thread of its own.
    let began = std::time::Instant::now();
    while state(&stage).question.images.networks.len() < 2 && began.elapsed().as_secs() < 20 {
        std::thread::yield_now();
        stage.window.step();
    }
    stage.settle();
    let q = &state(&stage).question.images;
    let network = network.display().to_string();
    assert_eq!(q.networks, ["demo:sr-window".to_string(), network]);
    assert_eq!(q.asked_region(), Some(Region::new(64, 72, 16, 16)));
    assert!(state(&stage).notice.is_none());
}

#[test]
fn a_picture_is_pasted() {
    let mut stage = small();
    let pixels: Vec<u8> = (0..40 * 24 * 4)
        .map(|i| if i % 4 == 3 { 255 } else { i as u8 })
        .collect();
    let image = egui::ColorImage::from_rgba_unmultiplied([40, 24], &pixels);
    stage
        .window
        .event(egui::Event::PasteImage(std::sync::Arc::new(image)));
    stage.settle();
    let Some(ImageSource::File(path)) = state(&stage).question.images.picture.clone() else {
        panic!("a file: experiments name files");
    };
    let kept = image::open(&path).expect("a picture").to_rgba8();
    std::fs::remove_file(&path).expect("ours");
    assert_eq!((kept.dimensions(), kept.into_raw()), ((40, 24), pixels));
    stage.window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    stage.settle();
    assert!(matches!(
        state(&stage).question.images.picture,
        Some(ImageSource::Picture(_))
    ));
}

#[test]
fn a_picture_that_was_written_again_is_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a-96x64.png");
    std::fs::write(&path, "not read on the stage").expect("a file");
    let mut stage = with_picture(&path.display().to_string());
    let restores_on_run = |stage: &mut Stage| {
        stage.window.get_by_label("Run").click();
        let restores = (0..6).any(|_| {
            stage.window.step();
            let jobs = &state(stage).jobs.images;
            jobs.iter().any(|job| job.part == Part::Restore)
        });
        stage.settle();
        stage.finish_maps();
        restores
    };
    assert!(
        !restores_on_run(&mut stage),
        "it was read when it was chosen"
    );
    std::fs::write(&path, "written again, longer").expect("a file");
    assert!(restores_on_run(&mut stage));
    assert!(!restores_on_run(&mut stage));
}
