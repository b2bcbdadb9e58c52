//! Images made from the truth, rain, edges that are no whole blocks, quirks, and the plain restoration.

use super::*;

fn text(region: [usize; 4], input: &str, intervention: &str) -> String {
    format!(
        r#"{{"instrument": "causal-effect-map", "model": "fixture", "seed": 3,
            "input": {{"truth": "truth.png", "region": {region:?}{input}}},
            "intervention": {{"bank": "../bank.npy", "fine": 4{intervention}}}}}"#
    )
}

#[test]
fn a_degraded_image_is_made_from_the_truth() {
    // The fixture's image is numpy's noise of seed 101 on its truth.
    let made = text([13, 17, 12, 9], r#", "sigma": 30"#, "");
    let made = run(
        &model("denoise"),
        &from_text(&folder("denoise"), &made, &["seed=101"]),
    );
    let given = run(&model("denoise"), &experiment("denoise", &[]));
    assert_eq!(made.field("input"), given.field("input"));
    // Numpy's and OpenCV's rain: the fixture's image.
    let made = run(&model("derain"), &experiment("derain", &[]));
    let given = experiment("derain", &["input.image=image.png"]);
    let given = run(&model("derain"), &given);
    assert_eq!(made.field("input"), given.field("input"));
    let made = text([21, 9, 16, 16], "", "");
    let made = run(
        &model("enlarge"),
        &from_text(&folder("enlarge"), &made, &[]),
    );
    let given = run(&model("enlarge"), &experiment("enlarge", &[]));
    assert_eq!(made.field("input"), given.field("input"));
    let image = made.summary.image.as_ref().expect("an image");
    assert_eq!((image.input_size, image.output_size), ([32, 24], [64, 48]));
    assert_eq!((image.task.as_str(), image.scale), ("super-resolution", 2));
}

#[test]
fn rain_falls_again_with_every_patch() {
    let made = text([13, 17, 12, 9], r#", "task": "derain""#, "");
    let outcome = run(
        &model("denoise"),
        &from_text(&folder("denoise"), &made, &[]),
    );
    let (input, truth) = (
        outcome.field("input").expect("there"),
        outcome.field("truth").expect("there"),
    );
    let mut drops = 0;
    for (rainy, clean) in input.values.iter().zip(&truth.values) {
        assert!(rainy >= clean, "rain adds light");
        drops += usize::from(rainy > clean);
    }
    assert!(drops > input.values.len() / 100);
    assert!(effect(&outcome).values.iter().any(|&v| v != 0.0));
    // A bank of the truth's own colours under the same rain is no change: tried with a flat picture.
    let aside = tempfile::tempdir().expect("a folder");
    let colour = [60, 60, 60];
    laws::write_bank(
        &aside.path().join("bank.npy"),
        [1, 8, 8, 3],
        &colour.repeat(64),
    );
    image::RgbImage::from_pixel(56, 48, image::Rgb(colour))
        .save(aside.path().join("truth.png"))
        .expect("writes");
    let made = made.replace("../bank.npy", "bank.npy");
    let flat = from_text(aside.path(), &made, &["intervention.tolerance=0"]);
    let outcome = run(&model("denoise"), &flat);
    assert!(effect(&outcome).values.iter().all(|&v| v == 0.0));
}

#[test]
fn any_width_and_height_is_covered() {
    let aside = tempfile::tempdir().expect("a folder");
    std::fs::copy(fixtures().join("bank.npy"), aside.path().join("bank.npy")).expect("copies");
    for (width, height) in [(1, 1), (9, 3), (8, 17), (43, 21)] {
        let picture = image::RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([
                (x * 37 % 256) as u8,
                (y * 91 % 256) as u8,
                ((x + y) * 53 % 256) as u8,
            ])
        });
        picture
            .save(aside.path().join("truth.png"))
            .expect("writes");
        let made = text([0, 0, 1, 1], r#", "sigma": 10"#, "").replace("../bank.npy", "bank.npy");
        let exact = run(&model("denoise"), &from_text(aside.path(), &made, &[]));
        let plain = ["intervention.engine=plain"];
        let plain = run(&model("denoise"), &from_text(aside.path(), &made, &plain));
        let blocks = [height.div_ceil(8) as usize, width.div_ceil(8) as usize];
        assert_eq!(effect(&exact).shape(), blocks);
        assert!(effect(&exact).mask.iter().all(|&m| m));
        assert!(
            farthest(effect(&exact), effect(&plain)) < 1e-3,
            "{width} x {height}"
        );
        let square = from_text(
            aside.path(),
            &made,
            &["intervention.compatible=square-grid"],
        );
        let square = run(&model("denoise"), &square);
        assert_eq!(
            effect(&square).shape(),
            [blocks[0].min(blocks[1]), blocks[1]]
        );
    }
}

#[test]
fn each_quirk_changes_what_it_says() {
    let ours = run(&model("enlarge"), &experiment("enlarge", &[]));
    let with = |quirk: &str| {
        let quirk = format!("intervention.compatible={quirk}");
        run(&model("enlarge"), &experiment("enlarge", &[&quirk]))
    };
    for quirk in ["bgr-patches", "opencv-resize"] {
        assert!(
            farthest(effect(&ours), effect(&with(quirk))) > 1e-3,
            "{quirk}"
        );
    }
    let counted = with("region-counted");
    assert_eq!(farthest(effect(&ours), effect(&counted)), 0.0);
    let counts = |outcome: &Outcome| outcome.summary.effects.clone().expect("counted");
    assert_eq!(
        counts(&counted).positive,
        counts(&ours).positive + counts(&ours).region
    );
    assert_eq!(farthest(effect(&ours), effect(&with("square-grid"))), 0.0);
}

#[test]
fn another_block_size_and_another_bank_size_go_together() {
    for block in ["4", "8", "16"] {
        let block = format!("intervention.block={block}");
        let exact = run(&model("denoise"), &experiment("denoise", &[&block]));
        let plain = [block.as_str(), "intervention.engine=plain"];
        let plain = run(&model("denoise"), &experiment("denoise", &plain));
        assert!(farthest(effect(&exact), effect(&plain)) < 1e-3, "{block}");
    }
    let builtin = run(
        &model("denoise"),
        &experiment("denoise", &["intervention.bank=builtin"]),
    );
    assert!(effect(&builtin).values.iter().any(|&v| v > 0.1));
}

#[test]
fn restoring_gives_the_output_and_how_near_it_is() {
    for case in CASES {
        let model = model(case);
        let map = run(&model, &experiment(case, &[]));
        let restored = run(&model, &experiment(case, &["instrument=restore"]));
        let output = restored.field("output").expect("restored");
        assert_eq!(
            output.values,
            map.field("output").expect("there").values,
            "{case}"
        );
        for name in ["psnr", "psnr.image", "psnr.input"] {
            let (a, b) = (
                restored.summary.reference[name],
                map.summary.reference[name],
            );
            assert!((a - b).abs() < 1e-3, "{case} {name}: {a} {b}");
        }
        // In tiles, as if memory did not do for all at once.
        let (mut bytes, mut tiled) = (200_000, None);
        while tiled.is_none() {
            let budget = Budget { bytes };
            let asked = experiment(case, &["instrument=restore"]);
            tiled = measure_image(&model, &asked, &mut Listener::default(), &budget).ok();
            bytes += 20_000;
        }
        let tiled = tiled.expect("some memory does");
        let tiled = tiled.field("output").expect("restored");
        let pairs = output.values.iter().zip(&tiled.values);
        assert!(
            pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 1e-5,
            "{case}"
        );
    }
    let mut alone = experiment("denoise", &["instrument=restore"]);
    if let InstrumentSettings::Image { input, .. } = &mut alone.instrument {
        input.truth = None;
        input.region = None;
    }
    let outcome = run(&model("denoise"), &alone);
    assert!(outcome.summary.reference.is_empty());
    assert!(!outcome.summary.image.as_ref().expect("an image").truth);
}
