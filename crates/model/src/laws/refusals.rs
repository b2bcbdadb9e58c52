//! What cannot be done is refused with a sentence.

use candle_core::Tensor;
use whyfinder_experiment::{Action, Intervention, Part, Select, Site};

use super::{patched, setup};
use crate::config::{DecoderConfig, Positions};
use crate::tiny;
use crate::{Capture, Decoder, DecoderWeights, Pass, Probe, Result};

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
    let refused = |change: &dyn Fn(&mut DecoderConfig, &mut DecoderWeights), words: &str| {
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
