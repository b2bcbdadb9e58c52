//! What interventions do.

use candle_core::Tensor;
use whyfinder_experiment::{Action, Array, Intervention, Part, Select, Site};

use super::{array, bits, capture_all, close, flat, patched, setup};
use crate::tiny::{self, Draws};
use crate::{Both, Capture, Decoder, ModelError, Pass, Patcher, Result};

#[test]
fn setting_a_value_to_itself_leaves_the_logits_bit_identical() {
    for config in tiny::all() {
        let (decoder, tokens) = setup(&config);
        let plain = decoder.logits(&tokens, &Pass::default()).expect("runs");
        for (site, value) in capture_all(&decoder, &tokens).values() {
            let own = Intervention::everywhere(*site, Action::Set(array(value)));
            let logits = patched(&decoder, &tokens, &[own]).expect("runs");
            assert!(bits(&logits) == bits(&plain), "{site}");
        }
    }
}

#[test]
fn restoring_a_row_from_itself_changes_nothing_and_from_another_makes_it_that_row() {
    for config in tiny::all() {
        let (decoder, tokens) = setup(&config);
        let plain = decoder.logits(&tokens, &Pass::default()).expect("runs");
        for site in decoder.sites() {
            let mut own = Intervention::everywhere(site, Action::Restore { from_row: 1 });
            own.rows = Select::one(1);
            let logits = patched(&decoder, &tokens, &[own]).expect("runs");
            assert!(bits(&logits) == bits(&plain), "{site}");
        }
        let whole = Intervention::everywhere(
            Site::block(1, Part::ResidPre),
            Action::Restore { from_row: 1 },
        );
        let logits = patched(&decoder, &tokens, &[whole]).expect("runs");
        for row in 0..3 {
            let got = logits.get(row).expect("row");
            assert!(
                bits(&got) == bits(&plain.get(1).expect("row")),
                "the same bits"
            );
        }
    }
}

#[test]
fn a_write_at_any_site_is_felt_in_its_row_alone() {
    for config in tiny::all() {
        let (decoder, tokens) = setup(&config);
        let plain = decoder.logits(&tokens, &Pass::default()).expect("runs");
        for site in decoder.sites() {
            let mut change = Intervention::everywhere(site, Action::Scale(1.5));
            change.rows = Select::one(1);
            let logits = patched(&decoder, &tokens, &[change]).expect("runs");
            let row = |x: &Tensor, i: usize| x.get(i).expect("row");
            assert!(bits(&row(&logits, 1)) != bits(&row(&plain, 1)), "{site}");
            for other in [0, 2] {
                assert!(
                    bits(&row(&logits, other)) == bits(&row(&plain, other)),
                    "{site} of {}",
                    config.architecture
                );
            }
        }
    }
}

#[test]
fn a_head_result_set_to_zero_is_that_head_removed() {
    let (decoder, tokens) = setup(&tiny::llama());
    let at = |part, action| {
        let mut change = Intervention::everywhere(Site::block(1, part), action);
        change.heads = Select::one(4);
        patched(&decoder, &tokens, &[change]).expect("runs")
    };
    close(
        &at(Part::AttnResult, Action::Zero),
        &at(Part::Z, Action::Zero),
        1e-5,
        "z and result",
    );
}

#[test]
fn scaling_by_zero_is_zeroing() {
    for config in tiny::all() {
        let (decoder, tokens) = setup(&config);
        for site in decoder.sites() {
            if matches!(site.part, Part::AttnScores) || site.to_string().ends_with("scale") {
                continue;
            }
            let of = |action| {
                let mut change = Intervention::everywhere(site, action);
                change.positions = Select::Only(vec![5, 2]);
                flat(&patched(&decoder, &tokens, &[change]).expect("runs"))
            };
            assert!(of(Action::Scale(0.0)) == of(Action::Zero), "{site}");
        }
    }
}

#[test]
fn the_group_and_its_expanded_heads_are_one() {
    let (decoder, tokens) = setup(&tiny::llama());
    let mut group = Intervention::everywhere(Site::block(0, Part::V), Action::Scale(2.0));
    group.heads = Select::one(1);
    let mut heads = Intervention::everywhere(Site::block(0, Part::VExpanded), Action::Scale(2.0));
    heads.heads = Select::range(3..6);
    assert!(
        bits(&patched(&decoder, &tokens, &[group]).expect("runs"))
            == bits(&patched(&decoder, &tokens, &[heads]).expect("runs")),
        "the same bits"
    );
}

fn pattern_under(
    decoder: &Decoder,
    tokens: &Tensor,
    intervention: Intervention,
) -> Result<(Vec<f32>, Vec<f32>)> {
    let site = Site::block(1, Part::Pattern);
    let mut before = Capture::new(&[site.into()]);
    decoder.forward(tokens, &mut before, &Pass::default())?;
    let mut patcher = Patcher::new(&[intervention])?;
    let mut after = Capture::new(&[site.into()]);
    decoder.forward(
        tokens,
        &mut Both(&mut patcher, &mut after),
        &Pass::default(),
    )?;
    patcher.finish()?;
    let of = |capture: &Capture| flat(capture.get(site).expect("kept"));
    Ok((of(&before), of(&after)))
}

#[test]
fn the_two_knock_outs_differ_as_they_should() {
    for config in tiny::all() {
        let (decoder, tokens) = setup(&config);
        let heads = config.heads;
        for renormalised in [true, false] {
            let action = if renormalised {
                Action::KnockOutRenormalised
            } else {
                Action::KnockOutUnnormalised
            };
            let mut cut = Intervention::everywhere(Site::block(1, Part::Pattern), action);
            cut.rows = Select::one(2);
            cut.heads = Select::one(1);
            cut.positions = Select::Only(vec![8, 6]);
            cut.keys = Select::Only(vec![5]);
            let (before, after) = pattern_under(&decoder, &tokens, cut).expect("runs");
            for (i, (a, b)) in before.chunks(9).zip(after.chunks(9)).enumerate() {
                let (query, head, row) = (i % 9, i / 9 % heads, i / 9 / heads);
                if row != 2 || head != 1 || ![8, 6].contains(&query) {
                    assert_eq!(a, b);
                    continue;
                }
                assert_eq!(b[5], 0.0);
                for key in (0..=query).filter(|&key| key != 5) {
                    let expected = if renormalised {
                        a[key] / (1.0 - a[5])
                    } else {
                        a[key]
                    };
                    assert!((b[key] - expected).abs() < 1e-6);
                }
                let sum = if renormalised { 1.0 } else { 1.0 - a[5] };
                assert!((b.iter().sum::<f32>() - sum).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn uniform_attention_spreads_over_the_keys_that_are_seen() {
    let (decoder, tokens) = setup(&tiny::gemma2());
    for layer in [0usize, 1] {
        let site = Site::block(layer, Part::Pattern);
        let mut level = Intervention::everywhere(site, Action::Uniform);
        level.positions = Select::one(7);
        let mut patcher = Patcher::new(&[level]).expect("fits");
        let mut capture = Capture::new(&[site.into()]);
        decoder
            .forward(
                &tokens,
                &mut Both(&mut patcher, &mut capture),
                &Pass::default(),
            )
            .expect("runs");
        let pattern = flat(capture.get(site).expect("kept"));
        let seen = if layer == 0 { 3 } else { 8 };
        for row in pattern.chunks(9).skip(7).step_by(9) {
            for (key, &weight) in row.iter().enumerate() {
                let expected = if key <= 7 && key + seen > 7 {
                    1.0 / seen as f32
                } else {
                    0.0
                };
                assert!((weight - expected).abs() < 1e-7);
            }
        }
    }
}

#[test]
fn a_mean_is_over_the_selected_positions_of_the_same_row() {
    let (decoder, tokens) = setup(&tiny::gpt2());
    let site = Site::block(0, Part::MlpPost);
    let before = capture_all(&decoder, &tokens);
    let before = flat(before.get(site).expect("kept"));
    let mut mean = Intervention::everywhere(site, Action::Mean);
    mean.positions = Select::Only(vec![4, 1]);
    let mut patcher = Patcher::new(&[mean]).expect("fits");
    let mut after = Capture::new(&[site.into()]);
    decoder
        .forward(
            &tokens,
            &mut Both(&mut patcher, &mut after),
            &Pass::default(),
        )
        .expect("runs");
    let after = flat(after.get(site).expect("kept"));
    for row in 0..3 {
        for f in 0..40 {
            let at = |x: &[f32], t: usize| x[(row * 9 + t) * 40 + f];
            let expected = (at(&before, 4) + at(&before, 1)) / 2.0;
            assert!((at(&after, 4) - expected).abs() < 1e-6);
            assert!((at(&after, 1) - expected).abs() < 1e-6);
            assert_eq!(at(&after, 2), at(&before, 2));
        }
    }
}

#[test]
fn arrays_broadcast_from_the_right() {
    let (decoder, tokens) = setup(&tiny::llama());
    let site = Site::block(0, Part::Z);
    let add = |shape: &[usize], data: Vec<f32>| {
        let array = Array::new(shape.to_vec(), data).expect("fits");
        let mut change = Intervention::everywhere(site, Action::Add(array));
        change.positions = Select::Only(vec![3, 8]);
        change.heads = Select::Only(vec![5, 0]);
        patched(&decoder, &tokens, &[change])
    };
    let small = Draws::new(3).values(20, 1.0);
    let mut large = Vec::new();
    for _ in 0..6 {
        large.extend_from_slice(&small);
    }
    assert!(
        bits(&add(&[2, 10], small.clone()).expect("runs"))
            == bits(&add(&[3, 2, 2, 10], large).expect("runs")),
        "the same bits"
    );
    assert!(
        bits(&add(&[], vec![0.5]).expect("runs"))
            == bits(&add(&[2, 1], vec![0.5; 2]).expect("runs")),
        "the same bits"
    );
    assert!(matches!(
        add(&[3, 10], vec![0.0; 30]),
        Err(ModelError::Input(_))
    ));
}
