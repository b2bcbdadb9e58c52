//! Laws that hold for a pass of every family.

use candle_core::{D, DType, Tensor};
use whyfinder_experiment::{Action, Array, Intervention, Part, Select, Site, SitePattern};

use crate::config::{AttentionSpan, BlockForm, DecoderConfig, Positions};
use crate::tiny::{self, Draws};
use crate::{
    Both, Capture, Decoder, GradientTap, ModelError, NoProbe, Pass, Past, Patcher, Probe, Result,
    Tail, Unembed,
};

const DIFFERENTIABLE: Pass = Pass {
    differentiable: true,
    unembed: Unembed::All,
};

fn patterns(sites: &[Site]) -> Vec<SitePattern> {
    sites.iter().map(|&site| site.into()).collect()
}

fn flat(x: &Tensor) -> Vec<f32> {
    x.flatten_all()
        .and_then(|x| x.to_vec1())
        .expect("a value of f32")
}

fn array(x: &Tensor) -> Array {
    Array::new(x.dims().to_vec(), flat(x)).expect("shape fits")
}

fn bits(x: &Tensor) -> Vec<u32> {
    flat(x).into_iter().map(f32::to_bits).collect()
}

fn close(a: &Tensor, b: &Tensor, tolerance: f32, what: &str) {
    assert_eq!(a.dims(), b.dims(), "{what}");
    for (x, y) in flat(a).into_iter().zip(flat(b)) {
        assert!(
            x == y || (x - y).abs() <= tolerance,
            "{what}: {x} is not {y}"
        );
    }
}

fn setup(config: &DecoderConfig) -> (Decoder, Tensor) {
    let decoder = tiny::decoder(config, 7).expect("weights fit");
    let tokens = Draws::new(11).tokens(3, 9, config.vocab).expect("tokens");
    (decoder, tokens)
}

fn capture_all(decoder: &Decoder, tokens: &Tensor) -> Capture {
    let mut capture = Capture::new(&patterns(&decoder.sites()));
    decoder
        .forward(tokens, &mut capture, &Pass::default())
        .expect("runs");
    capture.finish().expect("every site is reached");
    capture
}

fn patched(decoder: &Decoder, tokens: &Tensor, interventions: &[Intervention]) -> Result<Tensor> {
    let mut patcher = Patcher::new(interventions)?;
    let logits = decoder.forward(tokens, &mut patcher, &Pass::default())?;
    patcher.finish()?;
    Ok(logits)
}

fn loss(logits: &Tensor) -> Tensor {
    let weights = Draws::new(5).tensor(logits.dims(), 1.0).expect("draws");
    (logits * weights)
        .and_then(|x| x.sum_all())
        .expect("same shape")
}

#[test]
fn sites_are_reached_in_the_order_they_are_listed_with_their_shapes() {
    for config in tiny::all() {
        let (decoder, tokens) = setup(&config);
        let capture = capture_all(&decoder, &tokens);
        let seen: Vec<Site> = capture.values().iter().map(|(site, _)| *site).collect();
        assert_eq!(seen, decoder.sites(), "{}", config.architecture);
        let (b, t, d) = (3, 9, config.d_model);
        let (h, g, w) = (config.heads, config.kv_heads, config.d_head);
        for (site, value) in capture.values() {
            let expected = match site.part {
                Part::RotaryCos | Part::RotarySin => match &config.positions {
                    Positions::Rotary(rotary) => vec![b, t, rotary.dims / 2],
                    Positions::Learned => panic!("no rotary table here"),
                },
                Part::Q | Part::RotQ | Part::KExpanded | Part::VExpanded | Part::Z => {
                    vec![b, t, h, w]
                }
                Part::K | Part::V | Part::RotK => vec![b, t, g, w],
                Part::AttnScoresUnmasked | Part::AttnScores | Part::Pattern => vec![b, h, t, t],
                Part::AttnResult => vec![b, t, h, d],
                Part::MlpPre | Part::MlpPreLinear | Part::MlpPost => vec![b, t, config.d_mlp],
                Part::Ln1Scale
                | Part::Ln2Scale
                | Part::Ln1PostScale
                | Part::Ln2PostScale
                | Part::FinalScale => vec![b, t, 1],
                Part::Logits => vec![b, t, config.vocab],
                _ => vec![b, t, d],
            };
            assert_eq!(value.dims(), expected, "{site} of {}", config.architecture);
        }
    }
}

#[test]
fn looking_changes_nothing() {
    for config in tiny::all() {
        let (decoder, tokens) = setup(&config);
        let plain = decoder.logits(&tokens, &Pass::default()).expect("runs");
        for site in decoder.sites() {
            let mut capture = Capture::new(&patterns(&[site]));
            let logits = decoder
                .forward(&tokens, &mut capture, &Pass::default())
                .expect("runs");
            assert!(bits(&logits) == bits(&plain), "{site}");
        }
        let mut capture = Capture::new(&patterns(&decoder.sites()));
        let logits = decoder
            .forward(&tokens, &mut capture, &Pass::default())
            .expect("runs");
        assert!(bits(&logits) == bits(&plain), "all sites at once");
    }
}

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
fn a_row_is_the_same_in_any_batch() {
    for config in tiny::all() {
        let (decoder, tokens) = setup(&config);
        let all = decoder.logits(&tokens, &Pass::default()).expect("runs");
        for row in 0..3 {
            let alone = tokens.narrow(0, row, 1).expect("row");
            let alone = decoder.logits(&alone, &Pass::default()).expect("runs");
            close(
                &alone,
                &all.narrow(0, row, 1).expect("row"),
                2e-5,
                &config.architecture,
            );
        }
    }
}

#[test]
fn the_future_does_not_reach_the_past() {
    for config in tiny::all() {
        let (decoder, tokens) = setup(&config);
        let all = decoder.logits(&tokens, &Pass::default()).expect("runs");
        let short = tokens.narrow(1, 0, 4).expect("prefix");
        let short = decoder.logits(&short, &Pass::default()).expect("runs");
        close(
            &short,
            &all.narrow(1, 0, 4).expect("prefix"),
            2e-5,
            &config.architecture,
        );
    }
}

#[test]
fn continuing_from_a_block_gives_the_same_logits() {
    for config in tiny::all() {
        let (decoder, tokens) = setup(&config);
        let plain = decoder.logits(&tokens, &Pass::default()).expect("runs");
        let capture = capture_all(&decoder, &tokens);
        for layer in 0..=config.layers {
            let site = if layer < config.layers {
                Site::block(layer, Part::ResidPre)
            } else {
                Site::block(layer - 1, Part::ResidPost)
            };
            let resid = capture.get(site).expect("captured").clone();
            let logits = decoder
                .forward_from(layer, resid, &mut NoProbe, &Pass::default())
                .expect("runs");
            assert!(bits(&logits) == bits(&plain), "from block {layer}");
        }
        let resid = capture
            .get(Site::block(0, Part::ResidPre))
            .expect("captured");
        let beyond = decoder.forward_from(9, resid.clone(), &mut NoProbe, &Pass::default());
        assert!(matches!(beyond, Err(ModelError::Input(_))));
    }
}

#[test]
fn the_last_position_and_nothing_are_parts_of_all() {
    for config in tiny::all() {
        let (decoder, tokens) = setup(&config);
        let of = |unembed| {
            let pass = Pass {
                unembed,
                ..Pass::default()
            };
            decoder.logits(&tokens, &pass).expect("runs")
        };
        let all = of(Unembed::All);
        close(
            &of(Unembed::Last),
            &all.narrow(1, 8, 1).expect("last"),
            2e-5,
            "last",
        );
        let normalized = of(Unembed::Nothing);
        assert!(
            bits(&decoder.unembed(&normalized).expect("unembeds")) == bits(&all),
            "the same bits"
        );
        let resid = capture_all(&decoder, &tokens)
            .get(Site::block(config.layers - 1, Part::ResidPost))
            .expect("captured")
            .clone();
        assert!(
            bits(&decoder.final_norm(&resid).expect("normalises")) == bits(&normalized),
            "the same bits"
        );
    }
}

#[test]
fn patterns_are_causal_windowed_and_sum_to_one() {
    for config in tiny::all() {
        let (decoder, tokens) = setup(&config);
        let capture = capture_all(&decoder, &tokens);
        for layer in 0..config.layers {
            let pattern = capture
                .get(Site::block(layer, Part::Pattern))
                .expect("kept");
            for (row, weights) in flat(pattern).chunks(9).enumerate() {
                let query = row % 9;
                let first = match config.spans[layer] {
                    AttentionSpan::Full => 0,
                    AttentionSpan::Sliding(n) => (query + 1).saturating_sub(n),
                };
                for (key, &weight) in weights.iter().enumerate() {
                    let seen = key <= query && key >= first;
                    assert_eq!(weight > 0.0, seen, "query {query} key {key}");
                }
                assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn head_results_and_bias_sum_to_the_attention_output() {
    for config in tiny::all() {
        if config.block == BlockForm::Sandwich {
            continue;
        }
        let (decoder, tokens) = setup(&config);
        let capture = capture_all(&decoder, &tokens);
        for layer in 0..config.layers {
            let result = capture
                .get(Site::block(layer, Part::AttnResult))
                .expect("kept");
            let mut sum = result.sum(D::Minus2).expect("sums");
            if let Some(bias) = &decoder.weights().blocks[layer].o.bias {
                sum = sum.broadcast_add(bias).expect("adds");
            }
            let out = capture
                .get(Site::block(layer, Part::AttnOut))
                .expect("kept");
            close(&sum, out, 1e-5, &config.architecture);
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

#[test]
fn what_cannot_be_done_is_refused_with_a_sentence() {
    let (decoder, tokens) = setup(&tiny::gpt2());
    let pattern = Site::block(1, Part::Pattern);
    let resid = Site::block(1, Part::ResidPre);
    let base = Intervention::everywhere;
    let refused: Vec<(Intervention, &str)> = vec![
        (
            base(resid, Action::KnockOutRenormalised),
            "attention pattern",
        ),
        (base(resid, Action::Uniform), "attention pattern"),
        (
            base(
                Site::block(1, Part::AttnScores),
                Action::KnockOutUnnormalised,
            ),
            "attention pattern",
        ),
        (
            base(pattern, Action::KnockOutRenormalised),
            "no key to attend to",
        ),
        (
            Intervention {
                positions: Select::one(2),
                keys: Select::one(7),
                ..base(pattern, Action::KnockOutRenormalised)
            },
            "mask hides",
        ),
        (
            Intervention {
                keys: Select::one(1),
                ..base(pattern, Action::Uniform)
            },
            "leave `keys` at all",
        ),
        (
            Intervention {
                heads: Select::one(0),
                ..base(resid, Action::Zero)
            },
            "has no heads",
        ),
        (
            Intervention {
                keys: Select::one(0),
                ..base(resid, Action::Zero)
            },
            "has no keys",
        ),
        (
            Intervention {
                positions: Select::one(9),
                ..base(resid, Action::Zero)
            },
            "outside the 9",
        ),
        (
            Intervention {
                rows: Select::one(3),
                ..base(resid, Action::Zero)
            },
            "outside the 3",
        ),
        (
            Intervention {
                rows: Select::Only(vec![]),
                ..base(resid, Action::Zero)
            },
            "selects no batch row",
        ),
        (
            Intervention {
                positions: Select::Only(vec![1, 1]),
                ..base(resid, Action::Zero)
            },
            "twice",
        ),
        (
            base(resid, Action::Restore { from_row: 3 }),
            "there are 3 rows",
        ),
        (
            base(Site::block(2, Part::ResidPre), Action::Zero),
            "never reached",
        ),
        (
            base(Site::outside(Part::RotaryCos), Action::Zero),
            "never reached",
        ),
        (
            base(Site::block(0, Part::MlpPreLinear), Action::Zero),
            "never reached",
        ),
    ];
    for (intervention, words) in refused {
        let error = patched(&decoder, &tokens, std::slice::from_ref(&intervention));
        let message = error.expect_err("is refused").to_string();
        assert!(message.contains(words), "{message}");
    }
    let mut capture = Capture::new(&["blocks.*.mlp.pre_linear".parse().expect("a site")]);
    decoder
        .forward(&tokens, &mut capture, &Pass::default())
        .expect("runs");
    assert!(capture.finish().is_err());
}

#[test]
fn input_that_does_not_fit_is_refused_with_a_sentence() {
    let (decoder, _) = setup(&tiny::gpt2());
    let refused = |tokens: Tensor, words: &str| {
        let error = decoder.logits(&tokens, &Pass::default());
        let message = error.expect_err("is refused").to_string();
        assert!(message.contains(words), "{message}");
    };
    let device = decoder.device().clone();
    let of = |ids: Vec<u32>, length: usize| {
        Tensor::from_vec(ids.clone(), (ids.len() / length.max(1), length), &device).expect("fits")
    };
    refused(of(vec![0, 53], 2), "53");
    refused(of(vec![0; 17], 17), "positions for 16");
    refused(of(vec![], 0), "at least one token");
    refused(
        Tensor::zeros(4, candle_core::DType::U32, &device).expect("fits"),
        "two dimensions",
    );
    refused(
        Tensor::zeros((1, 4), candle_core::DType::F32, &device).expect("fits"),
        "u32",
    );
    let (long, _) = setup(&tiny::llama());
    long.logits(&of(vec![1; 40], 40), &Pass::default())
        .expect("rotary positions have no end");
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let config = tiny::llama();
    let weights = tiny::weights(&config, 1).expect("draws").0;
    let refused = |change: &dyn Fn(&mut DecoderConfig, &mut crate::DecoderWeights), words: &str| {
        let (mut config, mut weights) = (config.clone(), weights.clone());
        change(&mut config, &mut weights);
        let message = Decoder::new(config, weights)
            .expect_err("is refused")
            .to_string();
        assert!(message.contains(words), "{message}");
    };
    refused(
        &|_, w| w.embed = w.blocks[0].q.weight.clone(),
        "token embedding",
    );
    refused(
        &|_, w| w.blocks[1].k = w.blocks[1].q.clone(),
        "key projection of block 1",
    );
    refused(&|_, w| w.blocks[1].gate = None, "MLP gate of block 1");
    refused(&|_, w| w.blocks.truncate(1), "weights for 1");
    refused(&|c, _| c.kv_heads = 4, "evenly");
    refused(&|c, _| c.spans.truncate(1), "spans for 1");
    refused(&|c, _| c.qk_norm = true, "query norm of block 0");
    refused(
        &|c, _| c.positions = Positions::Learned,
        "position embedding",
    );
}

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

#[test]
fn a_probe_that_gives_back_another_shape_is_refused() {
    struct Narrow;
    impl Probe for Narrow {
        fn wants(&self, site: Site) -> bool {
            site.part == Part::AttnOut
        }
        fn at(&mut self, _site: Site, value: Tensor) -> Result<Tensor> {
            Ok(value.narrow(1, 0, 1)?)
        }
    }
    let (decoder, tokens) = setup(&tiny::gpt2());
    let error = decoder.forward(&tokens, &mut Narrow, &Pass::default());
    let message = error.expect_err("is refused").to_string();
    assert!(message.contains("blocks.0.hook_attn_out"), "{message}");
}

#[test]
fn a_tail_is_the_end_of_the_whole() {
    for config in tiny::all() {
        let (decoder, tokens) = setup(&config);
        let mut past = Past::of(&config);
        let mut kept = Capture::new(&patterns(&decoder.sites()));
        decoder
            .forward(&tokens, &mut Both(&mut past, &mut kept), &Pass::default())
            .expect("runs");
        for layer in 0..config.layers {
            let resid = kept.get(Site::block(layer, Part::ResidPre)).expect("kept");
            for start in [0, 1, 5, 8] {
                let rows = [2usize, 0];
                let index = Tensor::new(&[2u32, 0], decoder.device()).expect("a tensor");
                let whole = resid.index_select(&index, 0).expect("rows");
                let shift = Draws::new(3)
                    .tensor(&[2, 1, config.d_model], 1.0)
                    .expect("draws");
                let before = whole.narrow(1, 0, start).expect("fits");
                let after = whole.narrow(1, start + 1, 8 - start).expect("fits");
                let here = (whole.narrow(1, start, 1).expect("fits") + shift).expect("adds");
                let whole = Tensor::cat(&[&before, &here, &after], 1).expect("fits");
                let tail = Tail {
                    layer,
                    start,
                    resid_pre: whole.narrow(1, start, 9 - start).expect("fits"),
                    past: &past,
                    rows: &rows,
                };
                let sites: Vec<Site> = decoder
                    .sites()
                    .into_iter()
                    .filter(|site| site.layer == Some(config.layers - 1))
                    .collect();
                let run = |tail: Option<&Tail<'_>>, looking: bool| {
                    let mut seen = Capture::new(&patterns(if looking { &sites } else { &[] }));
                    let logits = match tail {
                        Some(tail) => decoder.forward_tail(tail, &mut seen, &Pass::default()),
                        None => {
                            let pass = Pass::default();
                            decoder.forward_from(layer, whole.clone(), &mut seen, &pass)
                        }
                    };
                    (logits.expect("runs"), seen)
                };
                let (expected, _) = run(None, true);
                let (got, seen) = run(Some(&tail), true);
                let end = expected.narrow(1, start, 9 - start).expect("fits");
                close(&got, &end, 2e-5, &config.architecture);
                assert!(bits(&got) == bits(&run(Some(&tail), false).0), "looking");
                let last = Site::block(config.layers - 1, Part::Pattern);
                let pattern = seen.get(last).expect("kept");
                assert_eq!(pattern.dims(), [2, config.heads, 9 - start, 9]);
                let expanded = Site::block(config.layers - 1, Part::KExpanded);
                let keys = seen.get(expanded).expect("kept");
                assert_eq!(keys.dims(), [2, 9, config.heads, config.d_head]);
            }
        }
        let tail = |start, rows| Tail {
            layer: 1,
            start,
            resid_pre: Tensor::zeros((1, 2, config.d_model), DType::F32, decoder.device())
                .expect("a tensor"),
            past: &past,
            rows,
        };
        let refused = |tail: &Tail<'_>, words: &str| {
            let error = decoder.forward_tail(tail, &mut NoProbe, &Pass::default());
            let message = error.expect_err("is refused").to_string();
            assert!(message.contains(words), "{message}");
        };
        refused(&tail(10, &[0]), "9 positions");
        refused(&tail(7, &[3]), "3 rows were kept");
        refused(&tail(7, &[0, 1]), "as many reference rows");
        let empty = Past::of(&config);
        refused(
            &Tail {
                past: &empty,
                ..tail(7, &[0])
            },
            "0 rows were kept",
        );
    }
}

/// The composed forms, which other devices and types go through.
#[test]
fn a_pass_in_f64_gives_the_same_and_is_as_open() {
    for config in tiny::all() {
        let (decoder, tokens) = setup(&config);
        let plain = decoder.logits(&tokens, &Pass::default()).expect("runs");
        let wide = decoder.weights().in_type(DType::F64).expect("converts");
        let wide = Decoder::new(config.clone(), wide).expect("fits");
        let narrowed = |x: &Tensor| x.to_dtype(DType::F32).expect("converts");
        let logits = wide.logits(&tokens, &Pass::default()).expect("runs");
        close(&narrowed(&logits), &plain, 1e-4, &config.architecture);
        let here = capture_all(&decoder, &tokens);
        let there = capture_all(&wide, &tokens);
        for ((site, a), (_, b)) in here.values().iter().zip(there.values()) {
            close(a, &narrowed(b), 1e-4, &site.to_string());
        }
        let mut cut =
            Intervention::everywhere(Site::block(1, Part::Pattern), Action::KnockOutRenormalised);
        cut.keys = Select::one(0);
        cut.positions = Select::range(2..9);
        let cuts = [cut];
        close(
            &narrowed(&patched(&wide, &tokens, &cuts).expect("runs")),
            &patched(&decoder, &tokens, &cuts).expect("runs"),
            1e-4,
            "a knock-out",
        );
    }
}
