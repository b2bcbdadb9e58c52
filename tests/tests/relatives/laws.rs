use super::*;

#[test]
fn maps_are_zero_wherever_the_region_cannot_reach() {
    let folder = tempfile::tempdir().expect("a folder");
    for (instrument, settings) in INSTRUMENTS {
        for model in [local(), windowed()] {
            if instrument == "faithfulness" {
                continue;
            }
            let outcome = run(&model, &experiment(folder.path(), instrument, settings));
            let reachable = field(&outcome, "reachable");
            let map = outcome.field("attribution").or(outcome.field("effect"));
            let map = map.expect("a map");
            assert_eq!(map.shape(), reachable.shape(), "{instrument}");
            let (mut inside, mut outside) = (0, 0);
            for (cell, &value) in map.values.iter().enumerate() {
                assert!(value.is_finite(), "{instrument}: {value}");
                if reachable.values[cell] == 0.0 {
                    outside += 1;
                    assert_eq!(value, 0.0, "{instrument}");
                } else if value != 0.0 {
                    inside += 1;
                }
            }
            assert!(
                inside > 4 && outside > 4,
                "{instrument}: {inside} {outside}"
            );
        }
    }
}

#[test]
fn everything_is_reachable_where_the_whole_picture_is_pooled() {
    let folder = tempfile::tempdir().expect("a folder");
    let outcome = run(
        &pooled(),
        &experiment(folder.path(), "receptive-field", &[]),
    );
    assert!(
        field(&outcome, "reachable")
            .values
            .iter()
            .all(|&r| r == 1.0)
    );
    assert!(
        field(&outcome, "attribution")
            .values
            .iter()
            .all(|&a| a > 0.0)
    );
}

#[test]
fn the_effective_field_lies_in_the_theoretical_one_and_knows_its_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = ["receptive-field.inputs=4"];
    let outcome = run(
        &local(),
        &experiment(folder.path(), "receptive-field", &settings),
    );
    let theoretical = number(&outcome, "field.theoretical");
    let effective = number(&outcome, "field.effective");
    assert!(effective > 0.0 && effective <= theoretical);
    assert!(number(&outcome, "field.radius") > 0.0);
    let map = field(&outcome, "attribution");
    assert_eq!(map.values.iter().copied().fold(0.0, f32::max), 1.0);
    assert_eq!(map.count.as_ref().expect("averaged")[0], 4);
    let errors = map.stderr.as_ref().expect("averaged");
    assert!(errors.iter().all(|e| e.is_finite()) && errors.iter().any(|&e| e > 0.0));
    let alone = ["receptive-field.inputs=0"];
    let alone = run(
        &local(),
        &experiment(folder.path(), "receptive-field", &alone),
    );
    let own = field(&outcome, "attribution.image");
    assert_eq!(field(&alone, "attribution").values, own.values);
}

#[test]
fn what_is_left_unaccounted_shrinks_with_the_steps() {
    let folder = tempfile::tempdir().expect("a folder");
    for (instrument, key) in [
        ("lam", "lam.fold"),
        ("integrated-gradients", "integrated-gradients.steps"),
    ] {
        for detector in ["gradient", "sum", "psnr"] {
            let residual = |steps: usize| {
                let steps = format!("{key}={steps}");
                let detector = format!("{instrument}.detector={detector}");
                let asked = experiment(folder.path(), instrument, &[&steps, &detector]);
                let outcome = run(&pooled(), &asked);
                let way = number(&outcome, "detector") - number(&outcome, "detector.baseline");
                let signed = field(&outcome, "attribution.signed");
                let sum: f32 = signed.values.iter().sum();
                let residual = number(&outcome, "completeness");
                assert!((sum - way - residual).abs() < 1e-3 * way.abs().max(1.0));
                (residual.abs(), way.abs())
            };
            let ((coarse, _), (fine, way)) = (residual(4), residual(24));
            assert!(
                fine < 0.4 * coarse + 1e-3 * way.max(1.0),
                "{instrument} {detector}: {coarse} {fine} of {way}"
            );
        }
    }
}

#[test]
fn spread_numbers_are_those_of_the_map() {
    let folder = tempfile::tempdir().expect("a folder");
    let outcome = run(&local(), &experiment(folder.path(), "lam", &["lam.fold=3"]));
    let (gini, index) = (
        number(&outcome, "gini"),
        number(&outcome, "diffusion-index"),
    );
    assert!((index - 100.0 * (1.0 - gini)).abs() < 1e-3 && gini > 0.0 && gini < 1.0);
    let map = field(&outcome, "attribution");
    assert_eq!(map.values.iter().copied().fold(0.0, f32::max), 1.0);
    let area = number(&outcome, "area") as usize;
    let mut sorted = map.values.clone();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let all: f32 = sorted.iter().sum();
    assert!(sorted[..area].iter().sum::<f32>() >= 0.949 * all);
    assert!(sorted[..area - 1].iter().sum::<f32>() <= 0.951 * all);
    let density = field(&outcome, "density");
    assert_eq!(density.shape(), map.shape());
    assert_eq!(density.values.iter().copied().fold(0.0, f32::max), 1.0);
}

#[test]
fn curves_begin_and_end_where_they_must() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = [
        "faithfulness.maps=occlusion,gradient",
        "faithfulness.steps=8",
        "faithfulness.random=3",
        "faithfulness.baseline=mean",
    ];
    for model in [local(), pooled()] {
        let outcome = run(
            &model,
            &experiment(folder.path(), "faithfulness", &settings),
        );
        let (whole, none) = (number(&outcome, "psnr"), number(&outcome, "psnr.replaced"));
        assert!(whole > none + 0.5, "{whole} {none}");
        let deletion = field(&outcome, "deletion");
        let insertion = field(&outcome, "insertion");
        assert_eq!(deletion.shape(), [2, 9]);
        for map in 0..2 {
            let at = |field: &Field, share: usize| field.values[map * 9 + share];
            assert!((at(deletion, 0) - whole).abs() < 1e-3);
            assert!((at(deletion, 8) - none).abs() < 1e-3);
            assert!((at(insertion, 0) - none).abs() < 1e-3);
            assert!((at(insertion, 8) - whole).abs() < 1e-3);
        }
        let random = field(&outcome, "deletion.random");
        assert_eq!(random.samples_of(3).len(), 3);
        // What was found by trying is better than chance.
        assert!(number(&outcome, "deletion.occlusion") < number(&outcome, "deletion.random"));
        assert!(number(&outcome, "insertion.occlusion") > number(&outcome, "insertion.random"));
        assert!(
            outcome
                .summary
                .reference_stderr
                .contains_key("deletion.random")
        );
        field(&outcome, "map.occlusion");
        field(&outcome, "map.gradient");
    }
}

#[test]
fn each_heads_attention_adds_up_to_one() {
    let folder = tempfile::tempdir().expect("a folder");
    for (pixel, inner) in [("[17, 13]", true), ("[0, 0]", false), ("[45, 37]", false)] {
        let pixel = format!("window-attention.pixel={pixel}");
        let asked = experiment(folder.path(), "window-attention", &[&pixel]);
        let outcome = run(&windowed(), &asked);
        for layer in ["0.pattern", "1.pattern", "2.pattern"] {
            let map = field(&outcome, &format!("attention.{layer}"));
            let [heads, rows, columns] = map.shape()[..] else {
                panic!("{layer} is no map per head");
            };
            assert_eq!(heads, 2);
            for head in map.values.chunks_exact(rows * columns) {
                let sum: f32 = head.iter().sum();
                assert!(sum <= 1.0 + 1e-5 && sum > 0.2, "{layer}: {sum}");
                assert!(!inner || (sum - 1.0).abs() < 1e-5, "{layer}: {sum}");
            }
        }
    }
    let asked = experiment(folder.path(), "window-attention", &[]);
    let mut listener = Listener::default();
    let message = measure_image(&local(), &asked, &mut listener, &Budget::UNLIMITED)
        .expect_err("has no windows")
        .to_string();
    assert!(message.contains("no attention inside windows"), "{message}");
}

#[test]
fn a_masked_picture_says_what_each_pixel_gains() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = ["rise.masks=200", "rise.grid=5"];
    let outcome = run(&local(), &experiment(folder.path(), "rise", &settings));
    let gained = field(&outcome, "attribution");
    let expected = field(&outcome, "saliency");
    assert_eq!(gained.count.as_ref().expect("counted")[0], 200);
    let errors = gained.stderr.as_ref().expect("errors");
    let of_published = expected.stderr.as_ref().expect("errors");
    let inside = field(&outcome, "reachable")
        .values
        .iter()
        .position(|&r| r > 0.0);
    let inside = inside.expect("reaches something");
    assert!(errors[inside] > 0.0 && errors[inside] < of_published[inside]);
    // Keeping what the region is made from helps it.
    let strongest = gained.values.iter().copied().fold(f32::MIN, f32::max);
    assert!(strongest > 0.1, "{strongest}");
}
