//! One forward pass with its inside kept.

use std::path::PathBuf;

use whyfinder_experiment::{Experiment, Outcome, parse_experiment};
use whyfinder_instrument::{Budget, InstrumentError, Observer, Report, estimate, measure};
use whyfinder_model::kernel::attention_tile::weights;
use whyfinder_model::{LanguageModel, OpenOptions, open};

const FAMILIES: [&str; 3] = ["gpt2", "llama", "neox"];
const PROMPT: &str = "The tower of Varn stands in the old city of";

fn model(family: &str) -> LanguageModel {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/trace")
        .join(family);
    open(&folder.display().to_string(), &OpenOptions::default()).expect("the fixture opens")
}

#[derive(Default)]
struct Listener {
    reports: Vec<Report>,
    cancel: bool,
}

impl Observer for Listener {
    fn report(&mut self, report: Report) {
        self.reports.push(report);
    }

    fn cancelled(&self) -> bool {
        self.cancel
    }
}

fn experiment(run: &str) -> Experiment {
    let text = format!(
        "instrument = \"run\"\nmodel = \"fixture\"\n[input]\nprompt = \"{PROMPT}\"\n[run]\n{run}\n"
    );
    parse_experiment(&text, &[]).expect("a good experiment")
}

fn run(model: &LanguageModel, settings: &str) -> (Outcome, Vec<Report>) {
    let mut listener = Listener::default();
    let outcome = measure(
        model,
        &experiment(settings),
        &mut listener,
        &Budget::UNLIMITED,
    );
    (outcome.expect("runs"), listener.reports)
}

#[test]
fn attention_rows_sum_to_one_and_look_at_nothing_later() {
    for family in FAMILIES {
        let model = model(family);
        let (outcome, _) = run(&model, "sites = [\"blocks.*.attn.pattern\"]");
        let (layers, heads) = (model.config().layers, model.config().heads);
        let tokens = outcome.summary.tokens.len();
        for layer in 0..layers {
            let field = outcome
                .field(&format!("blocks.{layer}.attn.hook_pattern"))
                .expect("asked for");
            let names: Vec<&str> = field.axes.iter().map(|a| a.name.as_str()).collect();
            assert_eq!(names, ["head", "query", "key"]);
            assert_eq!(field.shape(), [heads, tokens, tokens]);
            assert_eq!(field.axes[1].labels.text(0), "The");
            for (row, values) in field.values.chunks_exact(tokens).enumerate() {
                let query = row % tokens;
                let sum: f32 = values.iter().sum();
                assert!((sum - 1.0).abs() < 1e-5, "{family} {layer} {row}");
                assert!(values[query + 1..].iter().all(|&p| p == 0.0));
            }
        }
    }
}

#[test]
fn every_site_of_every_family_becomes_a_field_that_can_be_written() {
    let folder = tempfile::tempdir().expect("a folder");
    for family in FAMILIES {
        let model = model(family);
        let sites = model.decoder.sites();
        let list: Vec<String> = sites.iter().map(|s| format!("\"{s}\"")).collect();
        let (outcome, reports) = run(&model, &format!("sites = [{}]", list.join(", ")));
        assert_eq!(outcome.fields.len(), sites.len() + 2);
        for (site, field) in sites.iter().zip(&outcome.fields) {
            assert_eq!(field.name, site.to_string());
            assert!(field.values.iter().all(|v| !v.is_nan()), "{site}");
        }
        let streamed = reports.iter().filter(|r| matches!(r, Report::Field(_)));
        assert_eq!(streamed.count(), outcome.fields.len());
        let into = folder.path().join(family);
        whyfinder_experiment::write_result(&into, &outcome).expect("writes");
        let back = whyfinder_experiment::read_result(&into).expect("reads");
        assert_eq!(back.fields.len(), outcome.fields.len());
        assert_eq!(back.summary, outcome.summary);
    }
}

#[test]
fn predictions_are_the_softmax_of_the_logits_whether_or_not_those_are_kept() {
    for family in FAMILIES {
        let model = model(family);
        let (with, _) = run(&model, "sites = [\"logits\"]\ntop = 4");
        let (without, _) = run(&model, "top = 4");
        let vocab = model.config().vocab;
        let logits = with.field("logits").expect("asked for");
        let ids = with.field("top").expect("always there");
        let probabilities = with.field("top.probability").expect("always there");
        assert_eq!(ids.shape(), [with.summary.tokens.len(), 4]);
        for (position, row) in logits.values.chunks_exact(vocab).enumerate() {
            let sum: f64 = row.iter().map(|&x| f64::from(x).exp()).sum();
            for rank in 0..4 {
                let id = ids.values[position * 4 + rank] as usize;
                let expected = f64::from(row[id]).exp() / sum;
                let p = f64::from(probabilities.values[position * 4 + rank]);
                assert!((p - expected).abs() < 1e-6, "{family} {position} {rank}");
            }
        }
        assert_eq!(ids.values, without.field("top").expect("there").values);
        let clean = &with.distributions[0];
        assert_eq!((clean.name.as_str(), clean.top.len()), ("clean", 4));
        let last = (with.summary.tokens.len() - 1) * 4;
        assert_eq!(clean.top[0].id as f32, ids.values[last]);
        assert_eq!(with.summary.answer.as_ref(), clean.top.first());
        assert_eq!(with.provenance.model_digest.len(), 64);
    }
}

#[test]
fn more_ranks_than_tokens_are_all_tokens() {
    let model = model("llama");
    let (outcome, _) = run(&model, "top = 9000000000000000000");
    let vocab = model.config().vocab;
    let top = outcome.field("top").expect("always there");
    assert_eq!(top.shape(), [outcome.summary.tokens.len(), vocab]);
    assert_eq!(outcome.distributions[0].top.len(), vocab);
}

#[test]
fn a_site_that_the_model_lacks_is_named() {
    let error = measure(
        &model("gpt2"),
        &experiment("sites = [\"blocks.0.attn.rot_q\"]"),
        &mut Listener::default(),
        &Budget::UNLIMITED,
    );
    let message = error.expect_err("GPT-2 rotates nothing").to_string();
    assert!(message.contains("blocks.0.attn.hook_rot_q"), "{message}");
}

#[test]
fn a_run_can_be_cancelled_and_refused_for_memory() {
    let model = model("neox");
    let experiment = experiment("sites = [\"blocks.*.attn.pattern\"]");
    let mut listener = Listener {
        cancel: true,
        ..Listener::default()
    };
    let result = measure(&model, &experiment, &mut listener, &Budget::UNLIMITED);
    assert!(matches!(result, Err(InstrumentError::Cancelled)));
    let cost = estimate(&model, &experiment, &Budget::UNLIMITED).expect("estimates");
    let tight = Budget {
        bytes: cost.bytes - 1,
    };
    match estimate(&model, &experiment, &tight) {
        Err(InstrumentError::Memory {
            needed_bytes,
            available_bytes,
            ..
        }) => assert_eq!((needed_bytes, available_bytes), (cost.bytes, tight.bytes)),
        other => panic!("must be refused: {other:?}"),
    }
}

#[test]
fn recorded_attention_is_the_pattern_and_survives_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    for family in FAMILIES {
        let model = model(family);
        let settings = "sites = [\"blocks.*.attn.pattern\"]\nattention = true";
        let (outcome, reports) = run(&model, settings);
        let config = model.config();
        assert_eq!(outcome.attention.len(), config.layers);
        let streamed = reports.iter().filter(|r| matches!(r, Report::Attention(_)));
        assert_eq!(streamed.count(), config.layers);
        let into = folder.path().join(family);
        whyfinder_experiment::write_result(&into, &outcome).expect("writes");
        let back = whyfinder_experiment::read_result(&into).expect("reads");
        assert_eq!(back.attention, outcome.attention);
        assert_eq!(back.fields.len(), outcome.fields.len());
        let tokens = outcome.summary.tokens.len();
        for record in &back.attention {
            let name = format!("blocks.{}.attn.hook_pattern", record.layer);
            let pattern = outcome.field(&name).expect("asked for");
            for head in 0..config.heads {
                let weights = weights(record, head, 0..tokens, 0..tokens);
                let expected = &pattern.values[head * tokens * tokens..][..tokens * tokens];
                for (got, expected) in weights.iter().zip(expected) {
                    assert!((got - expected).abs() <= 1e-5, "{family} {got} {expected}");
                }
            }
        }
    }
}

#[test]
fn a_prompt_whose_patterns_do_not_fit_can_be_recorded() {
    let model = model("llama");
    let tokens: Vec<String> = (0..1500).map(|i| (i % 40).to_string()).collect();
    let experiment = |run: &str| {
        let text = format!(
            "instrument = \"run\"\nmodel = \"fixture\"\n[input]\ntokens = [{}]\n[run]\n{run}\n",
            tokens.join(", ")
        );
        parse_experiment(&text, &[]).expect("a good experiment")
    };
    let budget = Budget { bytes: 24 << 20 };
    let whole = experiment("sites = [\"blocks.*.attn.pattern\"]");
    let message = estimate(&model, &whole, &budget)
        .expect_err("the patterns alone take more")
        .to_string();
    assert!(message.contains("attention = true"), "{message}");
    let recorded = experiment("attention = true");
    let outcome = measure(&model, &recorded, &mut Listener::default(), &budget).expect("fits");
    let record = &outcome.attention[0];
    assert_eq!((record.sizes.tokens, record.overview().side), (1500, 94));
    let row: f32 = weights(record, 1, 1499..1500, 0..1500).iter().sum();
    assert!((row - 1.0).abs() < 1e-5);
}
