use super::*;

#[test]
fn every_instrument_says_what_it_does_and_what_came_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    for (instrument, settings) in INSTRUMENTS {
        for model in [local(), pooled()] {
            let asked = experiment(folder.path(), instrument, settings);
            let mut listener = Listener::default();
            let outcome = measure_image(&model, &asked, &mut listener, &Budget::UNLIMITED);
            let outcome = outcome.unwrap_or_else(|error| panic!("{instrument}: {error}"));
            assert_eq!(outcome.experiment, asked);
            for name in ["input", "truth", "output"] {
                field(&outcome, name);
            }
            let summary = &outcome.summary;
            assert!(summary.passes > 0.0 && summary.passes <= summary.passes_plain + 1e-9);
            assert!(summary.peak_bytes > 0 && summary.image.is_some());
            assert!(number(&outcome, "psnr").is_finite());
            let started = listener
                .reports
                .iter()
                .position(|r| matches!(r, Report::Started { .. }));
            let progress: Vec<(usize, usize)> = listener
                .reports
                .iter()
                .filter_map(|r| match r {
                    Report::Progress(p) => Some((p.done, p.total)),
                    _ => None,
                })
                .collect();
            assert!(started.is_some(), "{instrument}");
            let (done, total) = *progress.last().expect("progress");
            assert_eq!(done, total, "{instrument}");
            let again = run(&model, &asked);
            for (a, b) in outcome.fields.iter().zip(&again.fields) {
                let same = a
                    .values
                    .iter()
                    .zip(&b.values)
                    .all(|(a, b)| a == b || a.is_nan() && b.is_nan());
                assert!(same, "{instrument} {}", a.name);
            }
            let cost = estimate_image(&model, &asked, &Budget::UNLIMITED).expect("costs");
            assert!(cost.bytes > 0 && cost.passes > 0.0 && cost.seconds.is_finite());
        }
    }
}

#[test]
fn every_instrument_ends_soon_when_cancelled() {
    let folder = tempfile::tempdir().expect("a folder");
    let windows = ("window-attention", &[][..]);
    for (instrument, settings) in INSTRUMENTS.into_iter().chain([windows]) {
        for after in [0, 12] {
            let mut listener = Listener {
                cancel_after: Some(after),
                ..Listener::default()
            };
            let asked = experiment(folder.path(), instrument, settings);
            let result = measure_image(&windowed(), &asked, &mut listener, &Budget::UNLIMITED);
            match result {
                Err(InstrumentError::Cancelled) => {}
                Ok(_) if after > 0 && instrument == "gradient" => {}
                other => panic!("{instrument} after {after}: {other:?}"),
            }
            assert!(listener.asked.get() <= after + 3, "{instrument}");
        }
    }
}

#[test]
fn too_little_memory_is_said_beforehand() {
    let folder = tempfile::tempdir().expect("a folder");
    let windows = ("window-attention", &[][..]);
    for (instrument, settings) in INSTRUMENTS.into_iter().chain([windows]) {
        let asked = experiment(folder.path(), instrument, settings);
        let little = Budget { bytes: 20_000 };
        let mut listener = Listener::default();
        let error = measure_image(&windowed(), &asked, &mut listener, &little);
        let error = error.expect_err("does not fit");
        assert!(
            matches!(error, InstrumentError::Memory { .. }),
            "{instrument}: {error}"
        );
        assert!(
            estimate_image(&windowed(), &asked, &little).is_err(),
            "{instrument}"
        );
    }
}
