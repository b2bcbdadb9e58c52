//! The window on the bundled denoiser, with the real worker behind it.

use std::time::{Duration, Instant};

use egui::vec2;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use whyfinder::window::images::results::{MapResult, NetworkResult};
use whyfinder::window::{Application, dialogs};
use whyfinder_worker::{Worker, WorkerOptions};

const NETWORK: &str = "demo:denoise";
const MAP: &str = "Effect on the region, denoise";

/// A window with a worker of its own.
fn window() -> Harness<'static, Application> {
    Harness::builder()
        .with_size(vec2(1280.0, 720.0))
        .wgpu()
        .build_eframe(|creation| {
            let worker = Worker::spawn(WorkerOptions::default());
            let dialogs = dialogs::Scripted::default();
            let open = vec![NETWORK.to_string()];
            Application::new(creation, Box::new(worker), Box::new(dialogs), open)
        })
}

/// Draws until `done` holds.
fn wait(window: &mut Harness<'static, Application>, what: &str, done: fn(&Application) -> bool) {
    let began = Instant::now();
    while !done(window.state()) {
        assert!(
            began.elapsed() < Duration::from_secs(240),
            "waited in vain for {what}"
        );
        window.run_steps(1);
        std::thread::sleep(Duration::from_millis(5));
    }
    window.run_steps(3);
}

fn result(application: &Application) -> Option<&NetworkResult> {
    application.state().images.results.of(NETWORK)
}

fn complete(answer: Option<&MapResult>) -> bool {
    answer.is_some_and(|a| a.complete)
}

#[test]
fn a_region_is_dragged_and_a_block_is_read_with_its_interventions() {
    let mut window = window();
    wait(&mut window, "the output", |a| {
        result(a).is_some_and(|r| r.output().is_some())
    });
    let from = window.get_by_label("Region of the output").rect().center();
    let to = from + vec2(-44.0, 30.0);
    window.drag_at(from);
    window.run_steps(2);
    window.hover_at(from.lerp(to, 0.5));
    window.run_steps(1);
    window.hover_at(to);
    window.run_steps(1);
    window.drop_at(to);
    window.run_steps(2);
    wait(&mut window, "the map", |a| {
        complete(result(a).and_then(|r| r.map.as_ref()))
    });
    // The strongest block outside the region is selected by itself; where none is, the region's own first one.
    let map_rect = window.get_by_label(MAP).rect();
    let region = window.state().state().question.images.asked_region();
    let region = region.expect("a region");
    let at = vec2(region.x as f32 + 12.0, region.y as f32 + 12.0) / 256.0;
    let at = map_rect.min + map_rect.size() * at;
    window.drag_at(at);
    window.run_steps(1);
    window.drop_at(at);
    window.run_steps(2);
    let cell = window.state().state().images.block.expect("a block");
    wait(&mut window, "the interventions", |a| {
        complete(result(a).and_then(|r| r.tried.as_ref()))
    });
    let answers = result(window.state()).expect("measured");
    let map = answers.map.as_ref().expect("measured");
    let effects = map.map().expect("effects");
    let index = effects.index(&[cell.row, cell.col]).expect("inside");
    let value = effects.values[index];
    assert!(
        value > 0.1,
        "a block of the region itself helps it: {value}"
    );
    let spoken = window.get_by_label(MAP).accesskit_node().value();
    let spoken = spoken.unwrap_or_default();
    let place = format!("row {}, column {}", cell.row, cell.col);
    assert!(spoken.starts_with(&place), "{spoken}");
    assert!(spoken.contains("50 draws"), "{spoken}");
    window.get_by_label(&format!("+{value:.2} dB"));
    window.get_by_label("Patch, worst");
    window.get_by_label("Region after the patch, best");

    // The block alone draws what it drew in the whole map.
    let tried = answers.tried.as_ref().expect("tried");
    let alone = tried.map().expect("effects");
    let (all, one) = (effects.samples_of(index), alone.samples_of(index));
    assert_eq!(all.len(), one.len());
    for (a, b) in all.iter().zip(one) {
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }
    let untouched = map.untouched().expect("a truth");
    let worst = all.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let psnr = tried.field("tried.psnr").expect("three draws");
    assert!((psnr.values[0] - (untouched - worst)).abs() < 1e-3);
}
