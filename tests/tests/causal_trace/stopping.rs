//! Draws that end early are the first ones of the fixed sweep; and whatever the order, the fixed sweep is the same.

use whyfinder_experiment::{Field, Outcome, TraceKind};
use whyfinder_instrument::{Budget, InstrumentError, Report, measure};
use whyfinder_model::LanguageModel;

use crate::{FAMILIES, Listener, TRACE, experiment, grid, model, run};

/// A trace within this much memory.
fn within(model: &LanguageModel, changes: &[&str], bytes: u64) -> Result<Outcome, InstrumentError> {
    let mut listener = Listener::default();
    measure(
        model,
        &experiment(TRACE, changes),
        &mut listener,
        &Budget { bytes },
    )
}

fn counts(field: &Field) -> &[u32] {
    field.count.as_deref().expect("sampled")
}

#[test]
fn cells_that_are_known_get_no_more_draws() {
    let many = ["corruption.samples=40", "corruption.scale=1.0"];
    let early = [&many[..], &["trace.confidence=0.9", "trace.resolution=0.1"]].concat();
    for family in FAMILIES {
        let model = model(family);
        let fixed = run(&model, &experiment(TRACE, &many));
        let mut listener = Listener::default();
        let ended = measure(
            &model,
            &experiment(TRACE, &early),
            &mut listener,
            &Budget::UNLIMITED,
        )
        .expect("runs");
        let mut all = Vec::new();
        for kind in TraceKind::ALL {
            let (fixed, ended) = (grid(&fixed, kind), grid(&ended, kind));
            assert!(ended.mask.iter().all(|measured| *measured));
            for cell in 0..ended.values.len() {
                let (some, most) = (ended.samples_of(cell), fixed.samples_of(cell));
                assert_eq!(some.len(), counts(ended)[cell] as usize);
                for (a, b) in some.iter().zip(most) {
                    assert!((a - b).abs() < 1e-6, "{family} {kind:?} {cell}: {a} {b}");
                }
                let error = ended.effect_errors().expect("paired")[cell];
                assert!(error.is_finite(), "{family} {kind:?} {cell}");
            }
            all.extend_from_slice(counts(ended));
        }
        assert!(all.iter().all(|count| [10, 20, 30, 40].contains(count)));
        let most = all.iter().filter(|count| **count == 40).count();
        assert!(most > 0 && most < all.len(), "{family}: {all:?}");
        let (few, many) = (ended.summary.passes, fixed.summary.passes);
        assert!(few < many, "{family}: {few} of {many}, {all:?}");
        // The window fills at once and becomes surer: what was reported last is what came out.
        let last = listener
            .reports
            .iter()
            .rev()
            .find_map(|report| match report {
                Report::Progress(progress) => Some((progress.done, progress.total)),
                _ => None,
            });
        assert_eq!(last, Some((all.len(), all.len())));
    }
}

#[test]
fn what_is_clear_from_the_start_has_one_look() {
    let model = model("gpt2");
    let outcome = run(
        &model,
        &experiment(
            TRACE,
            &[
                "corruption.samples=100",
                "trace.confidence=0.95",
                "trace.resolution=100",
            ],
        ),
    );
    // Wider than any effect: nothing is left to know but a sign, and tenths of it count as none.
    for kind in TraceKind::ALL {
        let grid = grid(&outcome, kind);
        let run = counts(grid).iter().filter(|count| **count == 10).count();
        let repeats = counts(grid).iter().filter(|count| **count == 100).count();
        assert_eq!(run + repeats, grid.values.len());
        assert!(run > 0);
    }
}

#[test]
fn the_fixed_sweep_is_the_same_in_any_order_and_in_packs_of_any_size() {
    let many = ["corruption.samples=12"];
    for family in FAMILIES {
        let model = model(family);
        let first = within(&model, &many, u64::MAX).expect("fits");
        let other_order = [&many[..], &["trace.estimate=false"]].concat();
        let other_order = within(&model, &other_order, u64::MAX).expect("fits");
        let Err(InstrumentError::Memory { needed_bytes, .. }) = within(&model, &many, 1) else {
            panic!("a byte is not enough");
        };
        let small = within(&model, &many, needed_bytes).expect("just fits");
        assert!(other_order.field("residual.estimate").is_none());
        for kind in TraceKind::ALL {
            let (first, second) = (grid(&first, kind), grid(&other_order, kind));
            assert_eq!(first.samples, second.samples, "{family} {kind:?}");
            let third = grid(&small, kind);
            assert_eq!(first.count, third.count);
            let pairs = first
                .samples
                .iter()
                .flatten()
                .zip(third.samples.iter().flatten());
            for (a, b) in pairs {
                assert!((a - b).abs() <= 1e-6, "{family} {kind:?}: {a} {b}");
            }
        }
    }
}

#[test]
fn rounds_fit_into_little_memory() {
    let changes = [
        "corruption.samples=30",
        "trace.confidence=0.95",
        "trace.resolution=0.0005",
    ];
    let model = model("llama");
    let much = within(&model, &changes, u64::MAX).expect("fits");
    let Err(InstrumentError::Memory { needed_bytes, .. }) = within(&model, &changes, 1) else {
        panic!("a byte is not enough");
    };
    let little = within(&model, &changes, needed_bytes).expect("just fits");
    for kind in TraceKind::ALL {
        let (much, little) = (grid(&much, kind), grid(&little, kind));
        let pairs = much.values.iter().zip(&little.values);
        for ((a, b), (n, m)) in pairs.zip(counts(much).iter().zip(counts(little))) {
            // A last bit may tip one more look.
            assert!(n != m || (a - b).abs() < 1e-6, "{a} {b}");
        }
    }
}

#[test]
fn what_no_confidence_can_end_is_refused() {
    use whyfinder_experiment::parse_experiment;
    for (changes, said) in [
        (&["trace.confidence=1.0"][..], "from 0.5 to below 1"),
        (&["trace.resolution=0"], "above 0"),
        (
            &["trace.confidence=0.9", "trace.engine=plain"],
            "plain engine",
        ),
    ] {
        let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
        let error = parse_experiment(TRACE, &changes)
            .expect_err("refused")
            .to_string();
        assert!(error.contains(said), "{error}");
    }
    let text = TRACE.replace(
        "[corruption]\nsamples = 3",
        "[corruption]\nkind = \"replace\"\nprompt = \"The tower of Lund stands in the old city of\"\n[trace]\nconfidence = 0.9",
    );
    let error = parse_experiment(&text, &[])
        .expect_err("refused")
        .to_string();
    assert!(error.contains("nothing to draw again"), "{error}");
}
