//! Gradients reach every parameter and every tapped site.

use candle_core::Tensor;
use whyfinder_experiment::{Action, Array, Intervention, Part, Select, Site, SitePattern};

use super::{DIFFERENTIABLE, close, flat, loss, patched, patterns, setup};
use crate::config::Positions;
use crate::tiny::{self, Draws};
use crate::{Both, Decoder, GradientTap, ModelError, Pass, Patcher};

#[test]
fn every_parameter_and_every_site_gets_a_gradient() {
    for config in tiny::all() {
        let (weights, vars) = tiny::weights(&config, 7).expect("draws");
        let decoder = Decoder::new(config.clone(), weights).expect("fits");
        let tokens = Draws::new(11).tokens(2, 6, config.vocab).expect("tokens");
        let mut tap = GradientTap::new(&patterns(&decoder.sites()));
        let logits = decoder
            .forward(&tokens, &mut tap, &DIFFERENTIABLE)
            .expect("runs");
        let store = loss(&logits).backward().expect("goes back");
        for gradient in tap.gradients_in(&store).expect("all reached") {
            let norm: f32 = flat(&gradient.gradient).iter().map(|g| g * g).sum();
            assert!(norm > 1e-8, "{}: {norm}", gradient.site);
            assert_eq!(gradient.gradient.dims(), gradient.value.dims());
        }
        let plain = decoder.logits(&tokens, &DIFFERENTIABLE).expect("runs");
        let plain = loss(&plain).backward().expect("goes back");
        for (name, var) in &vars {
            for (store, what) in [(&store, "tapped"), (&plain, "untapped")] {
                let gradient = store.get(var).unwrap_or_else(|| {
                    panic!("no gradient for {name} of {} ({what})", config.architecture)
                });
                let norm: f32 = flat(gradient).iter().map(|g| g * g).sum();
                // A key bias shifts all scores of a query alike where keys are not rotated: its gradient is zero.
                let idle = name.ends_with("k.bias") && config.positions == Positions::Learned;
                assert!(idle || norm > 1e-8, "{name}: {norm}");
            }
            close(
                store.get(var).expect("seen above"),
                plain.get(var).expect("seen above"),
                2e-3,
                name,
            );
        }
    }
}

#[test]
fn weights_count_as_constants_unless_gradients_are_asked_for() {
    let (decoder, tokens) = setup(&tiny::llama());
    let logits = decoder.logits(&tokens, &Pass::default()).expect("runs");
    assert!(!logits.track_op());
    let logits = decoder.logits(&tokens, &DIFFERENTIABLE).expect("runs");
    assert!(logits.track_op());
}

#[test]
fn gradients_equal_central_differences() {
    for config in tiny::all() {
        let (decoder, _) = setup(&config);
        let tokens = Draws::new(11).tokens(2, 6, config.vocab).expect("tokens");
        let mut tap = GradientTap::new(&patterns(&decoder.sites()));
        let logits = decoder
            .forward(&tokens, &mut tap, &DIFFERENTIABLE)
            .expect("runs");
        let exact = |logits: &Tensor| -> f64 {
            let weights = Draws::new(5).values(logits.elem_count(), 1.0);
            let terms = flat(logits).into_iter().zip(weights);
            terms.map(|(x, w)| f64::from(x) * f64::from(w)).sum()
        };
        for gradient in tap.gradients(&loss(&logits)).expect("all reached") {
            let direction = Draws::new(23).values(gradient.gradient.elem_count(), 1.0);
            let step = 2e-3f32;
            let along = |sign: f32| {
                let data = direction.iter().map(|u| u * step * sign).collect();
                let delta = Array::new(gradient.gradient.dims().to_vec(), data).expect("fits");
                let nudge = Intervention::everywhere(gradient.site, Action::Add(delta));
                exact(&patched(&decoder, &tokens, &[nudge]).expect("runs"))
            };
            let measured = (along(1.0) - along(-1.0)) / (2.0 * f64::from(step));
            let expected: f64 = flat(&gradient.gradient)
                .into_iter()
                .zip(&direction)
                .map(|(g, &u)| f64::from(g) * f64::from(u))
                .sum();
            let scale: f64 = flat(&gradient.gradient)
                .into_iter()
                .map(|g| f64::from(g).powi(2))
                .sum::<f64>()
                .sqrt();
            assert!(
                (measured - expected).abs() < 0.01 * scale + 0.02,
                "{} of {}: {measured} is not {expected} (gradient norm {scale})",
                gradient.site,
                config.architecture
            );
        }
    }
}

#[test]
fn gradients_flow_through_interventions() {
    let (decoder, tokens) = setup(&tiny::gpt2());
    let resid = Site::block(0, Part::ResidPost);
    let mut scaled = Intervention::everywhere(resid, Action::Scale(3.0));
    scaled.positions = Select::one(4);
    let mut restored = Intervention::everywhere(resid, Action::Restore { from_row: 0 });
    restored.rows = Select::one(2);
    let mut mean = Intervention::everywhere(resid, Action::Mean);
    mean.rows = Select::one(1);
    mean.positions = Select::Only(vec![3, 0, 6]);
    let interventions = [scaled, restored, mean];
    let gradient_at = |interventions: &[Intervention]| {
        let mut before = GradientTap::new(&[resid.into()]);
        let mut patcher = Patcher::new(interventions).expect("fits");
        let logits = decoder
            .forward(
                &tokens,
                &mut Both(&mut before, &mut patcher),
                &DIFFERENTIABLE,
            )
            .expect("runs");
        before.gradients(&loss(&logits)).expect("reached")[0]
            .gradient
            .clone()
    };
    let gradient = flat(&gradient_at(&interventions));
    let exact = |logits: &Tensor| -> f64 {
        let weights = Draws::new(5).values(logits.elem_count(), 1.0);
        let terms = flat(logits).into_iter().zip(weights);
        terms.map(|(x, w)| f64::from(x) * f64::from(w)).sum()
    };
    for (row, position) in [(0, 4), (0, 2), (1, 3), (1, 5), (2, 1)] {
        let step = 5e-3;
        let along = |sign: f32| {
            let nudge = Array::new(vec![24], vec![step * sign; 24]).expect("fits");
            let mut nudge = Intervention::everywhere(resid, Action::Add(nudge));
            nudge.rows = Select::one(row);
            nudge.positions = Select::one(position);
            let mut all = vec![nudge];
            all.extend_from_slice(&interventions);
            exact(&patched(&decoder, &tokens, &all).expect("runs"))
        };
        let measured = (along(1.0) - along(-1.0)) / (2.0 * f64::from(step));
        let start = (row * 9 + position) * 24;
        let expected: f64 = gradient[start..start + 24]
            .iter()
            .map(|&g| f64::from(g))
            .sum();
        assert!(
            (measured - expected).abs() < 0.05 + 0.01 * expected.abs(),
            "row {row} position {position}: {measured} is not {expected}"
        );
    }
}

#[test]
fn a_gradient_that_never_comes_is_an_error() {
    let (decoder, tokens) = setup(&tiny::gpt2());
    let logits_site: SitePattern = Site::outside(Part::Logits).into();
    let mut tap = GradientTap::new(&[logits_site]);
    decoder
        .forward(&tokens, &mut tap, &DIFFERENTIABLE)
        .expect("runs");
    let other = decoder.logits(&tokens, &DIFFERENTIABLE).expect("runs");
    assert!(matches!(
        tap.gradients(&loss(&other)),
        Err(ModelError::NeverReached(_))
    ));
    let mut absent = GradientTap::new(&[Site::block(0, Part::MlpPreLinear).into()]);
    let logits = decoder
        .forward(&tokens, &mut absent, &DIFFERENTIABLE)
        .expect("runs");
    assert!(matches!(
        absent.gradients(&loss(&logits)),
        Err(ModelError::NeverReached(_))
    ));
}
