//! Both engines give the same numbers on random networks, prompts and cells.

use candle_core::{Device, Tensor};
use proptest::prelude::*;
use whyfinder_experiment::Field;
use whyfinder_instrument::{Budget, InstrumentError, measure};
use whyfinder_model::config::{
    Activation, AttentionSpan, BlockForm, NormKind, Positions, RopeScaling, Rotary,
};
use whyfinder_model::{
    BlockWeights, Decoder, DecoderConfig, DecoderWeights, LanguageModel, Linear, NormWeights,
};

use crate::{Listener, experiment, model};

/// What tells the families apart, in the sizes of the fixture's vocabulary.
fn config(family: usize, layers: usize, vocab: usize) -> DecoderConfig {
    let rotary = Positions::Rotary(Rotary {
        dims: 4,
        theta: 10_000.0,
        theta_sliding: (family == 4).then_some(1_000.0),
        scaling: RopeScaling::None,
    });
    let gpt2 = DecoderConfig {
        architecture: "GPT2LMHeadModel".into(),
        vocab,
        d_model: 12,
        layers,
        heads: 4,
        kv_heads: 4,
        d_head: 4,
        d_mlp: 20,
        max_positions: 16,
        norm: NormKind::Layer,
        norm_eps: 1e-5,
        positions: Positions::Learned,
        block: BlockForm::Sequential,
        gated_mlp: false,
        activation: Activation::GeluTanh,
        attention_scale: 0.5,
        attention_softcap: None,
        logit_softcap: None,
        qk_norm: false,
        spans: vec![AttentionSpan::Full; layers],
        embedding_scale: None,
        tied: false,
    };
    let llama = DecoderConfig {
        kv_heads: 2,
        norm: NormKind::Rms,
        positions: rotary.clone(),
        gated_mlp: true,
        activation: Activation::Silu,
        ..gpt2.clone()
    };
    let spans = [AttentionSpan::Sliding(3), AttentionSpan::Full];
    let gemma2 = DecoderConfig {
        norm: NormKind::RmsPlusOne,
        block: BlockForm::Sandwich,
        activation: Activation::GeluTanh,
        attention_softcap: Some(3.0),
        logit_softcap: Some(5.0),
        spans: spans.into_iter().cycle().take(layers).collect(),
        embedding_scale: Some(3.0),
        ..llama.clone()
    };
    match family {
        0 => gpt2,
        1 => llama,
        2 => DecoderConfig {
            positions: rotary,
            block: BlockForm::Parallel,
            activation: Activation::GeluErf,
            ..gpt2
        },
        3 => gemma2,
        4 => DecoderConfig {
            attention_softcap: None,
            logit_softcap: None,
            qk_norm: true,
            ..gemma2
        },
        5 => DecoderConfig {
            qk_norm: true,
            ..llama
        },
        _ => DecoderConfig {
            spans: vec![AttentionSpan::Sliding(2); layers],
            ..llama
        },
    }
}

/// Values from a seed.
struct Draws(u64);

impl Draws {
    fn tensor(&mut self, shape: &[usize], spread: f32, mean: f32) -> Tensor {
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| {
                self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
                self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
                mean + spread * ((self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
            })
            .collect();
        Tensor::from_vec(values, shape, &Device::Cpu).expect("shape fits")
    }

    fn linear(&mut self, out: usize, width: usize) -> Linear {
        Linear {
            weight: self
                .tensor(&[out, width], 2.0 / (width as f32).sqrt(), 0.0)
                .into(),
            bias: Some(self.tensor(&[out], 0.3, 0.0)),
        }
    }

    fn norm(&mut self, config: &DecoderConfig, width: usize) -> NormWeights {
        let mean = f32::from(u8::from(config.norm != NormKind::RmsPlusOne));
        NormWeights {
            weight: self.tensor(&[width], 0.3, mean),
            bias: (config.norm == NormKind::Layer).then(|| self.tensor(&[width], 0.2, 0.0)),
        }
    }
}

fn decoder(c: &DecoderConfig, seed: u64) -> Decoder {
    let mut d = Draws(seed);
    let (queries, keys) = (c.heads * c.d_head, c.kv_heads * c.d_head);
    let sandwich = c.block == BlockForm::Sandwich;
    let blocks = (0..c.layers)
        .map(|_| BlockWeights {
            ln1: d.norm(c, c.d_model),
            q: d.linear(queries, c.d_model),
            k: d.linear(keys, c.d_model),
            v: d.linear(keys, c.d_model),
            o: d.linear(c.d_model, queries),
            q_norm: c.qk_norm.then(|| d.norm(c, c.d_head)),
            k_norm: c.qk_norm.then(|| d.norm(c, c.d_head)),
            ln1_post: sandwich.then(|| d.norm(c, c.d_model)),
            ln2: d.norm(c, c.d_model),
            gate: c.gated_mlp.then(|| d.linear(c.d_mlp, c.d_model)),
            up: d.linear(c.d_mlp, c.d_model),
            down: d.linear(c.d_model, c.d_mlp),
            ln2_post: sandwich.then(|| d.norm(c, c.d_model)),
        })
        .collect();
    let weights = DecoderWeights {
        embed: d.tensor(&[c.vocab, c.d_model], 1.0, 0.0).into(),
        pos_embed: matches!(c.positions, Positions::Learned)
            .then(|| d.tensor(&[c.max_positions, c.d_model], 0.5, 0.0)),
        blocks,
        final_norm: d.norm(c, c.d_model),
        unembed: Linear {
            bias: None,
            ..d.linear(c.vocab, c.d_model)
        },
    };
    // Every other model as those that are opened, which take another way through a pass.
    let weights = match seed % 2 {
        0 => weights.packed().expect("matrices"),
        _ => weights,
    };
    Decoder::new(c.clone(), weights).expect("weights fit")
}

/// One of the fixtures with another network in it.
fn random_model(family: usize, layers: usize, seed: u64) -> LanguageModel {
    let fixture = model("gpt2");
    let config = config(family, layers, fixture.config().vocab);
    LanguageModel {
        decoder: decoder(&config, seed),
        ..fixture
    }
}

#[derive(Clone, Debug)]
struct Question {
    tokens: Vec<u32>,
    subject: (usize, usize),
    kinds: Vec<&'static str>,
    severed: Vec<&'static str>,
    window: usize,
    samples: usize,
    metric: &'static str,
    /// Memory, in times the least that there must be.
    room: Option<u64>,
    threads: usize,
}

fn question() -> impl Strategy<Value = Question> {
    let tokens = prop::collection::vec(0u32..60, 1..10);
    let kinds = prop::sample::subsequence(vec!["residual", "mlp", "attention"], 1..=3);
    let severed = prop::sample::subsequence(vec!["mlp", "attention"], 0..=2);
    let metric = prop::sample::select(vec!["probability", "log-probability", "logit"]);
    let ends = (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    let sizes = (1usize..8, 1usize..4);
    let place = (prop::option::of(1u64..40), 1usize..5);
    (tokens, ends, kinds, severed, metric, sizes, place).prop_map(
        |(tokens, (a, b), kinds, severed, metric, (window, samples), (room, threads))| {
            // What is restored is not held as well.
            let severed = severed
                .into_iter()
                .filter(|part| !kinds.contains(part))
                .collect();
            let first = a.index(tokens.len());
            let end = first + 1 + b.index(tokens.len() - first);
            Question {
                tokens,
                subject: (first, end),
                kinds,
                severed,
                window,
                samples,
                metric,
                room,
                threads,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_exact_engine_is_the_plain_one_sooner(
        family in 0usize..7,
        layers in 1usize..6,
        seed in any::<u64>(),
        asked in question(),
    ) {
        let model = random_model(family, layers, seed);
        let Question { tokens, subject, kinds, severed, window, samples, metric, room, threads } = asked;
        let text = format!(
            r#"{{"instrument": "causal-trace", "model": "random", "seed": 3,
                "input": {{"tokens": {tokens:?}, "subject_tokens": [{}, {}]}},
                "corruption": {{"kind": "noise", "samples": {samples}, "scale": 2.0}},
                "trace": {{"kinds": {kinds:?}, "severed": {severed:?}, "window": {window}, "metric": "{metric}"}}}}"#,
            subject.0, subject.1
        );
        let exact = experiment(&text, &[]);
        let run = |experiment, bytes| {
            measure(&model, experiment, &mut Listener::default(), &Budget { bytes })
        };
        let bytes = match (room, run(&exact, 1)) {
            (Some(times), Err(InstrumentError::Memory { needed_bytes, .. })) => times * needed_bytes,
            _ => u64::MAX,
        };
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let outcome = pool.expect("threads").install(|| run(&exact, bytes).map(|run| run.fields));
            outcome.expect("runs")
        };
        let plain = experiment(&text, &["trace.engine=plain"]);
        let plain = run(&plain, u64::MAX).expect("runs");
        let (side_by_side, exact) = (on(threads), run(&exact, bytes).expect("runs"));
        // Written out, since NaN is not equal to itself.
        let bits = |fields: &[Field]| format!("{fields:?}");
        prop_assert_eq!(bits(&side_by_side), bits(&on(1)), "{} threads", threads);
        prop_assert_eq!(bits(&side_by_side), bits(&exact.fields), "{} threads", threads);
        prop_assert!(exact.summary.passes <= plain.summary.passes);
        for field in plain.fields.iter().filter(|field| field.samples.is_some()) {
            let other = exact.field(&field.name).expect("both engines measure it");
            prop_assert_eq!(&field.mask, &other.mask);
            let values = [field, other].map(|field| field.samples.clone().expect("sampled"));
            for (a, b) in values[0].iter().zip(&values[1]) {
                prop_assert!((a - b).abs() < 1e-5 * b.abs().max(1.0), "{} {a} {b}", field.name);
            }
        }
    }
}
