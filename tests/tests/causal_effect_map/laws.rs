//! What must hold for any network, picture and bank.

use std::path::Path;

use whyfinder_experiment::field::mean_and_stderr;

use crate::{CASES, effect, experiment, farthest, folder, from_text, model, run};

/// numpy.save of uint8 values.
pub(crate) fn write_bank(path: &Path, shape: [usize; 4], values: &[u8]) {
    let [n, h, w, c] = shape;
    let mut header =
        format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({n}, {h}, {w}, {c}), }}");
    while !(header.len() + 11).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    std::fs::write(path, bytes).expect("writes");
}

#[test]
fn the_engines_agree_and_so_do_the_ways_to_draw() {
    for case in CASES {
        let model = model(case);
        for draws in ["numpy", "stream"] {
            let draws = format!("intervention.draws={draws}");
            let exact = run(&model, &experiment(case, &[&draws]));
            let plain = run(
                &model,
                &experiment(case, &[&draws, "intervention.engine=plain"]),
            );
            let apart = farthest(effect(&exact), effect(&plain));
            assert!(apart < 1e-3, "{case} {draws}: {apart}");
            assert_eq!(exact.field("reachable"), plain.field("reachable"));
            assert!(exact.summary.passes < plain.summary.passes, "{case}");
        }
    }
}

#[test]
fn blocks_out_of_reach_have_exactly_no_effect() {
    for case in CASES {
        let model = model(case);
        let exact = run(&model, &experiment(case, &[]));
        let plain = run(
            &model,
            &experiment(
                case,
                &["intervention.engine=plain", "intervention.tolerance=0"],
            ),
        );
        let reachable = &exact.field("reachable").expect("known").values;
        let counts = effect(&exact).count.as_ref().expect("sampled");
        let stderr = effect(&exact).stderr.as_ref().expect("sampled");
        let mut out_of_reach = 0;
        for (i, &reached) in reachable.iter().enumerate() {
            if reached == 0.0 {
                out_of_reach += 1;
                assert_eq!(
                    (effect(&exact).values[i], stderr[i], counts[i]),
                    (0.0, 0.0, 0)
                );
                assert_eq!(effect(&plain).values[i], 0.0, "{case} block {i}");
                assert!(effect(&plain).samples_of(i).iter().all(|&s| s == 0.0));
            }
        }
        assert_eq!(out_of_reach > 0, case != "pooled", "{case}");
        let counts = exact.summary.effects.as_ref().expect("counted");
        assert_eq!(counts.unreachable, out_of_reach);
    }
}

#[test]
fn a_patch_that_is_what_was_there_has_no_effect() {
    let aside = tempfile::tempdir().expect("a folder");
    let bank = aside.path().join("bank.npy");
    // A picture of one colour, without noise, and a bank of the same colour.
    let colour = [90, 140, 30];
    write_bank(&bank, [2, 8, 8, 3], &colour.repeat(128));
    let flat = aside.path().join("flat.png");
    image::RgbImage::from_pixel(40, 32, image::Rgb(colour))
        .save(&flat)
        .expect("writes");
    for (case, input) in [
        ("denoise", "\"sigma\": 0,"),
        ("enlarge", ""),
        ("pooled", "\"sigma\": 0,"),
    ] {
        let text = format!(
            r#"{{"instrument": "causal-effect-map", "model": "fixture",
                "input": {{"truth": "flat.png", {input} "region": [8, 8, 9, 7]}},
                "intervention": {{"bank": "bank.npy", "fine": 4, "tolerance": 0}}}}"#
        );
        for draws in ["numpy", "stream"] {
            let draws = format!("intervention.draws={draws}");
            let outcome = run(&model(case), &from_text(aside.path(), &text, &[&draws]));
            let field = effect(&outcome);
            assert!(field.mask.iter().all(|&m| m), "{case}");
            assert!(
                field.values.iter().all(|&v| v == 0.0),
                "{case}: {:?}",
                field.values
            );
            assert!(
                field
                    .stderr
                    .as_ref()
                    .expect("sampled")
                    .iter()
                    .all(|&s| s == 0.0)
            );
        }
    }
}

#[test]
fn means_errors_and_counts_are_those_of_the_samples() {
    for case in CASES {
        let outcome = run(&model(case), &experiment(case, &[]));
        let field = effect(&outcome);
        let counts = field.count.as_ref().expect("sampled");
        for (cell, &count) in counts.iter().enumerate().filter(|(_, c)| **c > 0) {
            let samples = field.samples_of(cell);
            assert_eq!(samples.len(), count as usize);
            assert!(count == 3 || count == 7, "{case} {count}");
            let (mean, stderr) = mean_and_stderr(samples);
            let expected = if mean.abs() < 0.01 { 0.0 } else { mean };
            assert_eq!(field.values[cell], expected);
            assert_eq!(field.stderr.as_ref().expect("sampled")[cell], stderr);
            if count == 3 {
                assert!(samples.iter().all(|s| s.abs() < 0.01), "{case} {samples:?}");
            }
        }
        let counts = outcome.summary.effects.as_ref().expect("counted");
        // The authors' program counts the region's blocks among the positive ones.
        let apart = if case == "authors" { 0 } else { counts.region };
        let all = counts.negative + counts.positive + counts.zero + apart;
        assert_eq!(all, field.values.len(), "{case}");
        assert!(counts.significant_positive <= counts.positive);
        assert!(counts.significant_negative <= counts.negative);
        let most = counts.max.expect("blocks outside the region");
        assert_eq!(
            field.values[field.index(&[most.row, most.column]).expect("inside")],
            most.effect
        );
    }
}

#[test]
fn a_stream_of_its_own_does_not_depend_on_the_other_blocks() {
    let model = model("enlarge");
    let draws = "intervention.draws=stream";
    let all = run(
        &model,
        &experiment("enlarge", &[draws, "intervention.fine=0"]),
    );
    let refined = run(
        &model,
        &experiment("enlarge", &[draws, "intervention.coarse=1"]),
    );
    let other = run(
        &model,
        &experiment(
            "enlarge",
            &[draws, "intervention.coarse=1", "intervention.tolerance=0.5"],
        ),
    );
    let first = |outcome: &whyfinder_experiment::Outcome, cell: usize| {
        effect(outcome).samples_of(cell).to_vec()
    };
    for cell in 0..effect(&all).values.len() {
        let (three, seven, some) = (
            first(&all, cell),
            first(&refined, cell),
            first(&other, cell),
        );
        // The second and third coarse draws are the first two of the second stage after a single coarse one.
        if seven.len() == 7 {
            assert!((three[1] - seven[0]).abs() < 1e-4 && (three[2] - seven[1]).abs() < 1e-4);
        }
        if some.len() == 7 {
            assert_eq!(some, seven);
        }
    }
    let again = run(
        &model,
        &experiment("enlarge", &[draws, "intervention.fine=0"]),
    );
    for cell in 0..effect(&all).values.len() {
        let samples = |outcome| effect(outcome).samples_of(cell).to_vec();
        let same = samples(&again) == samples(&all);
        assert!(same || effect(&all).count.as_ref().expect("sampled")[cell] == 0);
    }
    let seeded = run(
        &model,
        &experiment("enlarge", &[draws, "intervention.fine=0", "seed=1"]),
    );
    assert!(farthest(effect(&seeded), effect(&all)) > 1e-3);
}

#[test]
fn effects_split_into_a_direct_and_a_mediated_part() {
    for case in CASES {
        let model = model(case);
        let exact = run(&model, &experiment(case, &["intervention.mediation=true"]));
        let plain = run(
            &model,
            &experiment(
                case,
                &["intervention.mediation=true", "intervention.engine=plain"],
            ),
        );
        let (direct, mediated) = (
            exact.field("effect.direct").expect("asked for"),
            exact.field("effect.mediated").expect("asked for"),
        );
        assert_eq!(
            effect(&exact).values,
            effect(&run(&model, &experiment(case, &[]))).values
        );
        let mut carried = 0.0f32;
        for cell in 0..direct.values.len() {
            let all = effect(&exact).samples_of(cell);
            let parts = direct
                .samples_of(cell)
                .iter()
                .zip(mediated.samples_of(cell));
            for (all, (direct, mediated)) in all.iter().zip(parts) {
                assert!((all - direct - mediated).abs() < 1e-5);
                carried = carried.max(mediated.abs());
            }
        }
        assert_eq!(carried > 1e-3, case == "pooled", "{case}: {carried}");
        let apart = farthest(direct, plain.field("effect.direct").expect("asked for"));
        assert!(apart < 1e-3, "{case}: {apart}");
    }
    // Far from the region only pooling carries anything.
    let outcome = run(
        &model("pooled"),
        &experiment("pooled", &["intervention.mediation=true"]),
    );
    let direct = outcome.field("effect.direct").expect("asked for");
    let corner = direct.values.len() - 1;
    assert_eq!(direct.values[corner], 0.0);
    assert!(folder("pooled").is_dir());
}
