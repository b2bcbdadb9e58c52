//! What a pass shows, and how its entrances and ends agree.

use candle_core::{D, DType, Tensor};
use whyfinder_experiment::{Action, Intervention, Part, Select, Site};

use super::{bits, capture_all, close, flat, patched, patterns, setup};
use crate::config::{AttentionSpan, BlockForm, Positions};
use crate::tiny;
use crate::{Capture, Decoder, ModelError, NoProbe, Pass, Unembed};

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
