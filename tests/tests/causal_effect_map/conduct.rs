//! What is said on the way, and what is refused.

use whyfinder_experiment::{read_result, write_result};
use whyfinder_instrument::estimate_image;
use whyfinder_model::OpenOptions;
use whyfinder_model::network::open_network;

use super::*;

#[test]
fn cells_come_from_the_region_outwards_and_make_up_the_answer() {
    let changes = ["intervention.estimate=false"];
    let (model, experiment) = (model("denoise"), experiment("denoise", &changes));
    let mut listener = Listener::default();
    let outcome = measure_image(&model, &experiment, &mut listener, &Budget::UNLIMITED)
        .expect("the map runs");
    let Some(Report::Started {
        fields, summary, ..
    }) = listener
        .reports
        .iter()
        .find(|r| matches!(r, Report::Started { .. }))
    else {
        panic!("it never started");
    };
    let names: Vec<_> = fields.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["effect", "reachable", "input", "truth", "output"]);
    assert!(summary.reference["psnr"] > 10.0 && summary.reference["psnr.input"] > 10.0);
    let mut map = fields[0].clone();
    let mut order = Vec::new();
    let (mut done, mut total) = (0, 0);
    for report in &listener.reports {
        match report {
            Report::Cells { field, cells } => {
                assert_eq!(field, "effect");
                for cell in cells {
                    map.set_samples(cell.cell, &cell.samples);
                    order.push(cell.cell);
                }
            }
            Report::Progress(progress) => {
                assert!(progress.done >= done && progress.done <= progress.total);
                (done, total) = (progress.done, progress.total);
            }
            _ => {}
        }
    }
    assert_eq!(done, total);
    assert_eq!(map.values, effect(&outcome).values);
    assert_eq!(map.count, effect(&outcome).count);
    // The region lies at columns 13 to 25 and rows 17 to 26 of blocks of 8: row 2, column 2.
    assert_eq!(order[0], 2 * 7 + 2);
}

#[test]
fn a_cancelled_map_ends_soon() {
    let (model, experiment) = (model("enlarge"), experiment("enlarge", &[]));
    for after in [0, 3, 20] {
        let mut listener = Listener {
            cancel_after: Some(after),
            ..Listener::default()
        };
        let ended = measure_image(&model, &experiment, &mut listener, &Budget::UNLIMITED);
        assert!(matches!(ended, Err(InstrumentError::Cancelled)), "{after}");
        assert_eq!(listener.asked.get(), after + 1);
    }
}

#[test]
fn little_memory_gives_the_same_numbers_and_too_little_is_refused() {
    let (model, experiment) = (model("enlarge"), experiment("enlarge", &[]));
    let whole = run(&model, &experiment);
    let mut listener = Listener::default();
    let tight = |bytes: u64, listener: &mut Listener| {
        measure_image(&model, &experiment, listener, &Budget { bytes })
    };
    let Err(InstrumentError::Memory { needed_bytes, .. }) = tight(1000, &mut listener) else {
        panic!("nothing fits into a kilobyte");
    };
    let least = tight(needed_bytes.max(1 << 20), &mut listener).expect("what is needed is there");
    assert!(farthest(effect(&whole), effect(&least)) < 1e-3);
    let estimate = estimate_image(&model, &experiment, &Budget::UNLIMITED).expect("estimates");
    assert!(estimate.passes > 1.0 && estimate.passes < estimate.passes_plain);
    assert!(estimate.seconds > 0.0 && estimate.bytes > 0);
}

#[test]
fn a_map_is_written_and_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let outcome = run(&model("denoise"), &experiment("denoise", &[]));
    write_result(folder.path(), &outcome).expect("writes");
    let back = read_result(folder.path()).expect("reads");
    assert_eq!(back.experiment, outcome.experiment);
    assert_eq!(back.summary, outcome.summary);
    for (ours, back) in outcome.fields.iter().zip(&back.fields) {
        assert_eq!((&ours.name, &ours.axes), (&back.name, &back.axes));
        assert_eq!(ours.values, back.values);
        assert_eq!(ours.count, back.count);
        assert_eq!(ours.zero_below, back.zero_below);
    }
}

#[test]
fn what_does_not_fit_is_refused_with_a_sentence() {
    let (plain, large) = (model("denoise"), model("enlarge"));
    for (changes, said) in [
        (
            &["input.region=[50, 0, 12, 9]"][..],
            "reaches beyond the output of 56 x 48",
        ),
        (&["input.scale=2"], "enlarges 1 times"),
        (&["input.task=super-resolution"], "does not enlarge"),
        (&["input.image=no-such.png"], "no-such.png"),
        (&["input.truth=../enlarge/image.png"], "same picture"),
        (&["intervention.bank=image.png"], "not a .npy file"),
        (&["input.truth=picture:nothing"], "nothing"),
    ] {
        let message = refusal_of(&plain, "denoise", changes);
        assert!(message.contains(said), "{changes:?}: {message}");
    }
    let odd = refusal_of(&large, "enlarge", &["intervention.block=5"]);
    assert!(odd.contains("multiple of 2"), "{odd}");
    let noise = refusal_of(&large, "enlarge", &["input.task=denoise"]);
    assert!(noise.contains("super-resolution"), "{noise}");
}

/// Some sentences end with a path.
fn refusal_of(model: &ImageModel, case: &str, changes: &[&str]) -> String {
    let experiment = experiment(case, changes);
    assert!(matches!(
        experiment.instrument,
        InstrumentSettings::Image { .. }
    ));
    measure_image(
        model,
        &experiment,
        &mut Listener::default(),
        &Budget::UNLIMITED,
    )
    .expect_err("must be refused")
    .to_string()
}

#[test]
fn on_the_bundled_denoiser_little_is_computed_and_nothing_is_lost() {
    let model = open_network("demo:denoise", &OpenOptions::default()).expect("bundled");
    let text = r#"{"instrument": "causal-effect-map", "model": "demo:denoise",
        "input": {"truth": "truth.png", "region": [40, 40, 8, 8], "sigma": 50},
        "intervention": {"coarse": 2, "fine": 4}}"#;
    let aside = tempfile::tempdir().expect("a folder");
    let picture = whyfinder_experiment::read_picture("picture:market").expect("bundled");
    let part = picture.picture.cropped(64, 112, 96, 96).expect("inside");
    image::RgbImage::from_raw(96, 96, part.rgb)
        .expect("fits")
        .save(aside.path().join("truth.png"))
        .expect("writes");
    let exact = run(&model, &from_text(aside.path(), text, &[]));
    let plain = ["intervention.engine=plain"];
    let plain = run(&model, &from_text(aside.path(), text, &plain));
    assert!(farthest(effect(&exact), effect(&plain)) < 1e-3);
    let counts = exact.summary.effects.as_ref().expect("counted");
    assert!(counts.refined >= 5 && counts.unreachable > 90, "{counts:?}");
    assert!(exact.summary.passes * 4.0 < plain.summary.passes);
    let saved = plain.summary.seconds / exact.summary.seconds;
    println!("{saved:.1} times as fast as whole passes");
}
