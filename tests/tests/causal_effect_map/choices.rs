//! What is looked at first, and for how long.

use super::*;

/// The cells in the order in which they were first measured.
fn order_of(listener: &Listener) -> Vec<usize> {
    let mut order = Vec::new();
    for report in &listener.reports {
        if let Report::Cells { cells, .. } = report {
            for cell in cells {
                if !order.contains(&cell.cell) {
                    order.push(cell.cell);
                }
            }
        }
    }
    order
}

#[test]
fn the_largest_estimates_are_measured_first_and_change_no_number() {
    for case in ["denoise", "enlarge"] {
        let model = model(case);
        let mut listener = Listener::default();
        let with = experiment(case, &[]);
        let guided =
            measure_image(&model, &with, &mut listener, &Budget::UNLIMITED).expect("the map runs");
        let plain = run(&model, &experiment(case, &["intervention.estimate=false"]));
        assert!(plain.field("effect.estimate").is_none());
        assert_eq!(effect(&guided).values, effect(&plain).values, "{case}");
        for cell in 0..effect(&plain).values.len() {
            let (ours, theirs) = (effect(&guided), effect(&plain));
            assert_eq!(ours.samples_of(cell), theirs.samples_of(cell), "{case}");
        }
        let estimate = guided.field("effect.estimate").expect("estimated");
        let reachable = guided.field("reachable").expect("known");
        for (estimate, reachable) in estimate.values.iter().zip(&reachable.values) {
            assert!(estimate.is_finite() && (*reachable > 0.0 || *estimate == 0.0));
        }
        let sizes: Vec<f32> = order_of(&listener)
            .into_iter()
            .map(|cell| estimate.values[cell].abs())
            .collect();
        assert!(
            sizes.len() > 3 && sizes.is_sorted_by(|a, b| a >= b),
            "{case}: {sizes:?}"
        );
        // Before anything is measured, the estimates are there.
        let first = listener.reports.iter().find_map(|report| match report {
            Report::Started { fields, .. } => Some(fields),
            _ => None,
        });
        let names: Vec<&str> = first
            .expect("started")
            .iter()
            .map(|f| f.name.as_str())
            .collect();
        assert_eq!(
            names[..3],
            ["effect", "reachable", "effect.estimate"],
            "{case}"
        );
    }
}

#[test]
fn estimates_point_where_the_effects_are() {
    let outcome = run(&model("denoise"), &experiment("denoise", &[]));
    let estimate = &outcome.field("effect.estimate").expect("estimated").values;
    let effects = &effect(&outcome).values;
    let correlation = {
        let ranks = |values: &[f32]| -> Vec<f64> {
            let below = |v: f32| values.iter().filter(|w| w.abs() < v.abs()).count() as f64;
            values.iter().map(|&v| below(v)).collect()
        };
        let (a, b) = (ranks(estimate), ranks(effects));
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        let (ma, mb) = (mean(&a), mean(&b));
        let product = |x: &[f64], mx: f64, y: &[f64], my: f64| -> f64 {
            x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum()
        };
        product(&a, ma, &b, mb) / (product(&a, ma, &a, ma) * product(&b, mb, &b, mb)).sqrt()
    };
    assert!(correlation > 0.5, "of the ranks of sizes: {correlation}");
}

#[test]
fn a_confidence_ends_early_with_the_first_draws_of_the_fixed_map() {
    let model = model("denoise");
    let fixed = run(&model, &experiment("denoise", &["intervention.fine=40"]));
    let stopped = run(
        &model,
        &experiment(
            "denoise",
            &[
                "intervention.fine=40",
                "intervention.confidence=0.9",
                "intervention.resolution=0.5",
            ],
        ),
    );
    let (fixed, stopped) = (effect(&fixed), effect(&stopped));
    let counts = |field: &Field| field.count.clone().expect("counted");
    let (all, some) = (counts(fixed), counts(stopped));
    let mut fewer = 0;
    for cell in 0..all.len() {
        assert!(some[cell] <= all[cell], "{cell}");
        if all[cell] == 40 {
            assert_eq!(some[cell] % 10, 0, "rounds of ten");
            assert!(some[cell] >= 10);
            fewer += usize::from(some[cell] < 40);
            let same = fixed.samples_of(cell).iter().zip(stopped.samples_of(cell));
            for (a, b) in same {
                // Another size of batch may round in another way, and a tie of 8 bits with it.
                assert!((a - b).abs() < 2e-3, "{cell}: {a} {b}");
            }
        }
    }
    assert!(fewer > 0, "some block was clear at once");
    assert!(some.iter().sum::<u32>() < all.iter().sum::<u32>());
}

#[test]
fn common_draws_give_all_blocks_the_same_patch() {
    let model = model("enlarge");
    let patch = |row: usize, column: usize, draws: &str| {
        let only = format!("intervention.only=[{row}, {column}]");
        let draws = format!("intervention.draws={draws}");
        let outcome = run(
            &model,
            &experiment(
                "enlarge",
                &[
                    &only,
                    &draws,
                    "intervention.coarse=1",
                    "intervention.fine=0",
                ],
            ),
        );
        outcome
            .field("tried.patch")
            .map(|field| field.values.clone())
    };
    let (first, second) = (patch(1, 1, "common"), patch(1, 2, "common"));
    assert!(first.is_some());
    assert_eq!(first, second);
    assert_ne!(patch(1, 1, "stream"), patch(1, 2, "stream"));
}

#[test]
fn a_confidence_that_is_none_is_refused_with_a_sentence() {
    let text = std::fs::read_to_string(folder("denoise").join("expected.json")).expect("reads");
    let expected: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for (changes, said) in [
        (vec!["intervention.confidence=1"], "from 0.5 to below 1"),
        (vec!["intervention.confidence=0.2"], "from 0.5 to below 1"),
        (vec!["intervention.resolution=0"], "above 0"),
        (
            vec!["intervention.confidence=0.95", "intervention.fine=0"],
            "no second stage",
        ),
    ] {
        let changes: Vec<String> = changes.into_iter().map(String::from).collect();
        let refused = parse_experiment(&expected["experiment"].to_string(), &changes)
            .expect_err("refused")
            .to_string();
        assert!(refused.contains(said), "{changes:?}: {refused}");
    }
}
