//! Estimates come first, are right to first order, and change nothing.

use whyfinder_experiment::{Field, TraceKind};
use whyfinder_instrument::{Budget, Report, measure};

use crate::{FAMILIES, Listener, TRACE, experiment, grid, model, run};

fn named(kind: TraceKind) -> String {
    format!("{}.estimate", kind.name())
}

/// The largest distance from the corrupted value, and from the estimate.
fn distances(field: &Field, estimate: &Field) -> (f32, f32) {
    let floor = field.reference["corrupted"];
    let pairs = field.values.iter().zip(&estimate.values);
    pairs.fold((0.0, 0.0), |(effect, error), (value, estimate)| {
        let far = (value - floor).abs();
        (far.max(effect), (value - estimate).abs().max(error))
    })
}

#[test]
fn of_a_small_change_the_gradient_says_all() {
    for family in FAMILIES {
        let model = model(family);
        for metric in [
            "probability",
            "log-probability",
            "logit",
            "logit-difference",
        ] {
            let outcome = run(
                &model,
                &experiment(
                    TRACE,
                    &[
                        "corruption.scale=0.002",
                        "trace.window=1",
                        &format!("trace.metric={metric}"),
                        "input.answer= Lund",
                        "input.foil= old",
                    ],
                ),
            );
            for kind in TraceKind::ALL {
                let estimate = outcome.field(&named(kind)).expect("is estimated");
                assert!(estimate.mask.iter().all(|known| *known));
                let (effect, error) = distances(grid(&outcome, kind), estimate);
                assert!(
                    error < 0.05 * effect,
                    "{family} {metric} {kind:?} {error} {effect}"
                );
            }
        }
    }
}

#[test]
fn the_estimates_come_before_the_cells_and_the_largest_are_measured_first() {
    let model = model("gpt2");
    let mut listener = Listener::default();
    let outcome = measure(
        &model,
        &experiment(TRACE, &[]),
        &mut listener,
        &Budget::UNLIMITED,
    )
    .expect("runs");
    let position = |wanted: &dyn Fn(&Report) -> bool| {
        let found = listener.reports.iter().position(wanted);
        found.expect("is reported")
    };
    let cells = position(&|report| matches!(report, Report::Cells { .. }));
    for kind in TraceKind::ALL {
        let name = named(kind);
        let at = position(&|report| matches!(report, Report::Field(f) if f.name == name));
        assert!(at < cells);
        let Report::Field(estimate) = &listener.reports[at] else {
            panic!("a field");
        };
        assert_eq!(Some(estimate), outcome.field(&name));
    }
    let mut largest = Vec::new();
    for report in &listener.reports {
        if let Report::Cells { field, cells } = report {
            let estimate = outcome.field(&format!("{field}.estimate"));
            let estimate = estimate.expect("is estimated");
            let floor = estimate.reference["corrupted"];
            let effects = cells
                .iter()
                .map(|cell| (estimate.values[cell.cell] - floor).abs());
            largest.push(effects.fold(0.0, f32::max));
        }
    }
    // Cells that cannot matter have no effect and need no measuring.
    largest.retain(|effect| *effect > 0.0);
    assert!(largest.len() >= 3);
    assert!(
        largest.windows(2).all(|two| two[0] >= two[1]),
        "{largest:?}"
    );
}

#[test]
fn nothing_is_estimated_where_the_gradient_would_mislead_or_cost_too_much() {
    let model = model("gpt2");
    for changes in [
        &["trace.engine=plain"][..],
        &["trace.kinds=residual", "trace.severed=mlp"],
        &["input.prompt=The", "input.subject=The"],
    ] {
        let outcome = run(&model, &experiment(TRACE, changes));
        for kind in TraceKind::ALL {
            assert!(outcome.field(&named(kind)).is_none(), "{changes:?}");
        }
    }
}
