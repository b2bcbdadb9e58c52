//! Logits and every attention pattern of every decoder family against Hugging Face `transformers`.
//!
//! The fixtures are tiny random models with what transformers' eager attention computes on them in float32;
//! `tests/fixtures/make_parity.py` makes them.

#[path = "support/models.rs"]
mod models;

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use models::{copied, edit_config, fixture, parity_models};
use whyfinder_experiment::{Part, Site, SitePattern};
use whyfinder_model::config::{AttentionSpan, BlockForm, Positions, RopeScaling};
use whyfinder_model::{
    Capture, Decoder, DecoderConfig, LanguageModel, NoProbe, OpenOptions, Pass, open,
};

/// Worst absolute difference that is let through, in float32.
const LIMIT: f32 = 1e-4;

fn opened(name: &str) -> LanguageModel {
    let folder = fixture("parity").join(name);
    open(&folder.to_string_lossy(), &OpenOptions::default())
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn expected(name: &str) -> HashMap<String, Tensor> {
    let path = fixture("parity").join(name).join("expected.safetensors");
    candle_core::safetensors::load(path, &Device::Cpu).expect("the expected values are readable")
}

/// The input sequences of a fixture as `[1, T]`.
fn inputs(expected: &HashMap<String, Tensor>) -> Vec<Tensor> {
    (0..)
        .map_while(|index| expected.get(&format!("tokens.{index}")))
        .map(|tokens| {
            tokens
                .to_dtype(candle_core::DType::U32)
                .and_then(|tokens| tokens.unsqueeze(0))
                .expect("token ids")
        })
        .collect()
}

/// NaN counts as infinitely far.
fn worst(ours: &Tensor, theirs: &Tensor) -> f32 {
    assert_eq!(ours.dims(), theirs.dims());
    let flat = |tensor: &Tensor| {
        tensor
            .flatten_all()
            .and_then(|tensor| tensor.to_vec1::<f32>())
            .expect("float32 values")
    };
    flat(ours)
        .into_iter()
        .zip(flat(theirs))
        .map(|(a, b)| (a - b).abs())
        .map(|difference| {
            if difference.is_nan() {
                f32::INFINITY
            } else {
                difference
            }
        })
        .fold(0.0, f32::max)
}

#[test]
fn logits_and_patterns_equal_those_of_transformers() {
    let names = parity_models();
    let mut failures = Vec::new();
    println!("{:<22} {:>12} {:>12}", "fixture", "logits", "patterns");
    for name in &names {
        let model = opened(name);
        let expected = expected(name);
        let inputs = inputs(&expected);
        assert!(!inputs.is_empty(), "{name} has inputs");
        let layers = model.config().layers;
        let (mut logit, mut pattern) = (0.0f32, 0.0f32);
        for (index, tokens) in inputs.iter().enumerate() {
            let sites: SitePattern = "blocks.*.attn.hook_pattern".parse().expect("a site");
            let mut probe = Capture::new(&[sites]);
            let logits = model
                .decoder
                .forward(tokens, &mut probe, &Pass::default())
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            logit = logit.max(worst(
                &logits.squeeze(0).expect("one row"),
                &expected[&format!("logits.{index}")],
            ));
            for layer in 0..layers {
                let ours = probe
                    .get(Site::block(layer, Part::Pattern))
                    .expect("every pattern is captured");
                pattern = pattern.max(worst(
                    &ours.squeeze(0).expect("one row"),
                    &expected[&format!("pattern.{index}.{layer}")],
                ));
            }
        }
        println!("{name:<22} {logit:>12.2e} {pattern:>12.2e}");
        if logit > LIMIT || pattern > LIMIT {
            failures.push(format!("{name}: logits {logit:e}, patterns {pattern:e}"));
        }
    }
    assert!(failures.is_empty(), "beyond {LIMIT:e}: {failures:#?}");
}

/// What one configuration setting does, taken away.
type Change = fn(&mut DecoderConfig);

/// For each setting that a family adds, a fixture whose numbers must change when it is taken away: otherwise the
/// comparison above would not notice that it is ignored.
const SETTINGS: &[(&str, &str, Change)] = &[
    ("llama", "llama3 scaling", |c| {
        rescale(c, |s| *s = RopeScaling::None)
    }),
    ("llama-linear", "linear scaling", |c| {
        rescale(c, |s| *s = RopeScaling::None)
    }),
    ("llama-dynamic", "dynamic scaling", |c| {
        rescale(c, |s| *s = RopeScaling::None)
    }),
    ("llama-yarn", "yarn scaling", |c| {
        rescale(c, |s| *s = RopeScaling::None)
    }),
    ("llama-yarn", "yarn attention factor", |c| {
        rescale(c, attention_factor_one)
    }),
    ("llama-yarn-mscale", "yarn attention factor", |c| {
        rescale(c, attention_factor_one)
    }),
    ("llama-yarn-mscale", "yarn without truncation", |c| {
        rescale(c, |s| {
            if let RopeScaling::Yarn { truncate, .. } = s {
                *truncate = true;
            }
        })
    }),
    ("llama-bias-tied", "base of rotary positions", |c| {
        rotary(c, |r| r.theta = 10_000.0)
    }),
    ("mistral", "sliding window", |c| {
        c.spans.fill(AttentionSpan::Full)
    }),
    ("mistral", "one key more in the window", |c| {
        c.spans.fill(AttentionSpan::Sliding(8))
    }),
    ("qwen2", "sliding window", |c| {
        c.spans.fill(AttentionSpan::Full)
    }),
    ("qwen3", "epsilon of the norms", |c| c.norm_eps = 1e-2),
    ("neox-parallel", "part of each head rotated", |c| {
        rotary(c, |r| r.dims = 8)
    }),
    ("neox-parallel", "parallel residual", |c| {
        c.block = BlockForm::Sequential
    }),
    ("neox-sequential", "sequential residual", |c| {
        c.block = BlockForm::Parallel
    }),
    ("gemma2", "soft cap of scores", |c| {
        c.attention_softcap = None
    }),
    ("gemma2", "soft cap of logits", |c| c.logit_softcap = None),
    ("gemma2", "scale of scores", |c| {
        c.attention_scale = 8f32.powf(-0.5)
    }),
    ("gemma2", "scale of embeddings", |c| {
        c.embedding_scale = None
    }),
    ("gemma2", "alternating windows", |c| {
        c.spans.fill(AttentionSpan::Full)
    }),
    ("gemma3", "base of sliding layers", |c| {
        rotary(c, |r| r.theta_sliding = None)
    }),
    ("gemma3", "scaling of full layers", |c| {
        rescale(c, |s| *s = RopeScaling::None)
    }),
    ("gemma3-old", "scaling of full layers", |c| {
        rescale(c, |s| *s = RopeScaling::None)
    }),
    ("gpt2-unscaled-relu", "unscaled attention", |c| {
        c.attention_scale = 5f32.powf(-0.5)
    }),
];

fn rotary(config: &mut DecoderConfig, change: impl Fn(&mut whyfinder_model::config::Rotary)) {
    match &mut config.positions {
        Positions::Rotary(rotary) => change(rotary),
        Positions::Learned => panic!("this fixture has rotary positions"),
    }
}

fn rescale(config: &mut DecoderConfig, change: impl Fn(&mut RopeScaling)) {
    rotary(config, |rotary| change(&mut rotary.scaling));
}

fn attention_factor_one(scaling: &mut RopeScaling) {
    match scaling {
        RopeScaling::Yarn {
            attention_factor, ..
        } => *attention_factor = 1.0,
        other => panic!("not yarn: {other:?}"),
    }
}

#[test]
fn the_fixtures_notice_when_a_setting_is_ignored() {
    for (name, setting, change) in SETTINGS {
        let model = opened(name);
        let mut config = model.config().clone();
        change(&mut config);
        assert_ne!(&config, model.config(), "{name}: {setting} is set at all");
        let changed = Decoder::new(config, model.decoder.weights().clone())
            .unwrap_or_else(|error| panic!("{name} without {setting}: {error}"));
        let expected = expected(name);
        let tokens = inputs(&expected).remove(0);
        let logits = changed
            .forward(&tokens, &mut NoProbe, &Pass::default())
            .expect("it still runs");
        let difference = worst(&logits.squeeze(0).expect("one row"), &expected["logits.0"]);
        println!("{name:<22} {setting:<28} {difference:>10.2e}");
        assert!(
            difference > 20.0 * LIMIT,
            "{name}: without {setting} the logits move only {difference:e}"
        );
    }
}

#[test]
fn texts_become_the_tokens_that_transformers_makes_of_them() {
    for name in parity_models() {
        let model = opened(&name);
        let path = fixture("parity")
            .join(&name)
            .join("expected_encodings.json");
        let text = std::fs::read_to_string(path).expect("readable");
        let samples: Vec<serde_json::Value> = serde_json::from_str(&text).expect("a list");
        assert!(samples.len() >= 5);
        for sample in samples {
            let text = sample["text"].as_str().expect("a text");
            let ids: Vec<u64> = sample["ids"]
                .as_array()
                .expect("ids")
                .iter()
                .filter_map(serde_json::Value::as_u64)
                .collect();
            let ours = model.tokenizer.encode(text).expect("it can be split");
            assert_eq!(
                ours.ids.iter().map(|&id| u64::from(id)).collect::<Vec<_>>(),
                ids,
                "{name}: {text:?}"
            );
            assert_eq!(ours.tokens.len(), ids.len());
            for (token, &(start, end)) in ours.tokens.iter().zip(&ours.spans) {
                let piece = text.get(start..end).unwrap_or_else(|| {
                    panic!("{name}: {start}..{end} does not cut {text:?} between characters")
                });
                // A token reads as the text that it came from, but for a space that the tokenizer put in front, which
                // shares the place of the first character, and for bytes of a character that several tokens share.
                assert!(
                    piece.is_empty()
                        || token.contains("\\x")
                        || token == " "
                        || token.trim() == piece.trim(),
                    "{name}: {token:?} came from {piece:?}"
                );
            }
        }
    }
}

/// Every tensor under another name, as base models and older checkpoints have them.
#[test]
fn names_without_the_usual_prefix_are_the_same_model() {
    for (name, prefix) in [
        ("gpt2", "transformer."),
        ("mistral", "model."),
        ("neox-parallel", "gpt_neox."),
    ] {
        let usual = opened(name);
        let copy = copied(&fixture("parity").join(name));
        let path = copy.path().join("model.safetensors");
        let tensors = candle_core::safetensors::load(&path, &Device::Cpu).expect("readable");
        let bare: HashMap<String, Tensor> = tensors
            .into_iter()
            .map(|(name, tensor)| {
                (
                    name.strip_prefix(prefix).unwrap_or(&name).to_owned(),
                    tensor,
                )
            })
            .collect();
        candle_core::safetensors::save(&bare, &path).expect("written");
        let other = open(&copy.path().to_string_lossy(), &OpenOptions::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let tokens = inputs(&expected(name)).remove(0);
        let [a, b] = [&usual, &other].map(|model| {
            model
                .decoder
                .logits(&tokens, &Pass::default())
                .expect("it runs")
        });
        assert_eq!(worst(&a, &b), 0.0, "{name}");
    }
}

/// A tied model whose file also holds an unembedding: a copy is the same model, another one is used and noted.
#[test]
fn an_unembedding_beside_a_tied_embedding_is_not_lost() {
    let usual = opened("gpt2");
    let tokens = inputs(&expected("gpt2")).remove(0);
    let logits = usual
        .decoder
        .logits(&tokens, &Pass::default())
        .expect("it runs");
    let copy = copied(&fixture("parity").join("gpt2"));
    let path = copy.path().join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).expect("readable");
    let embedding = tensors["transformer.wte.weight"].clone();
    for (factor, same) in [(1.0, true), (2.0, false)] {
        let head = (&embedding * factor).expect("scaled");
        tensors.insert("lm_head.weight".to_owned(), head);
        candle_core::safetensors::save(&tensors, &path).expect("written");
        let model = open(&copy.path().to_string_lossy(), &OpenOptions::default()).expect("opens");
        assert_eq!(model.config().tied, same);
        assert_eq!(model.card.notes.is_empty(), same, "{:?}", model.card.notes);
        let expected = (&logits * factor).expect("scaled");
        let found = model
            .decoder
            .logits(&tokens, &Pass::default())
            .expect("it runs");
        assert!(worst(&found, &expected) < LIMIT);
    }
}

/// A model that also sees: its language part is the same model under longer names.
#[test]
fn the_language_part_of_a_seeing_gemma_is_found() {
    let name = "gemma3";
    let copy = copied(&fixture("parity").join(name));
    edit_config(copy.path(), |config| {
        let inner = std::mem::take(config);
        config.insert(
            "architectures".to_owned(),
            serde_json::json!(["Gemma3ForConditionalGeneration"]),
        );
        config.insert("model_type".to_owned(), serde_json::json!("gemma3"));
        config.insert("text_config".to_owned(), serde_json::Value::Object(inner));
    });
    let path = copy.path().join("model.safetensors");
    let tensors = candle_core::safetensors::load(&path, &Device::Cpu).expect("readable");
    let mut renamed: HashMap<String, Tensor> = tensors
        .into_iter()
        .map(|(name, tensor)| (name.replacen("model.", "language_model.model.", 1), tensor))
        .collect();
    renamed.insert(
        "vision_tower.patch.weight".to_owned(),
        Tensor::zeros(3, candle_core::DType::F32, &Device::Cpu).expect("zeros"),
    );
    candle_core::safetensors::save(&renamed, &path).expect("written");
    let model = open(&copy.path().to_string_lossy(), &OpenOptions::default()).expect("opens");
    assert_eq!(
        model.config().architecture,
        "Gemma3ForConditionalGeneration"
    );
    assert!(
        model.card.notes[0].contains("also sees"),
        "{:?}",
        model.card.notes
    );
    let expected = expected(name);
    let tokens = inputs(&expected).remove(0);
    let logits = model
        .decoder
        .logits(&tokens, &Pass::default())
        .expect("it runs");
    assert!(worst(&logits.squeeze(0).expect("one row"), &expected["logits.0"]) < LIMIT);
}
