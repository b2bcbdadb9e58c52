//! The bundled language model knows its world, also what it was never shown.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use whyfinder_model::{LanguageModel, OpenOptions, Pass, Unembed, open};
use whyfinder_world::evaluation::{Exam, Score, ask, exams};
use whyfinder_world::{Isles, facts};

/// As in docs/world.md.
const SEED: u64 = 1;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/models/isles")
}

fn model() -> LanguageModel {
    open("demo:isles", &OpenOptions::default()).expect("the bundled model opens")
}

fn asked(task: &str, samples: usize) -> Score {
    let isles = Isles::new(SEED).expect("a world");
    let all = exams(&isles, samples);
    let sentences = all
        .into_iter()
        .filter(|exam| exam.held_out && exam.task.starts_with(task))
        .flat_map(|exam| exam.sentences)
        .collect::<Vec<_>>();
    assert!(!sentences.is_empty(), "nothing is asked about {task}");
    let exam = Exam {
        task: task.to_string(),
        held_out: true,
        sentences,
    };
    ask(&isles, &model().decoder, &exam).expect("answers")
}

fn reaches(task: &str, samples: usize, target: f64) {
    let score = asked(task, samples);
    assert!(score.accuracy() >= target, "{score:?}");
}

#[test]
fn facts_are_known_in_a_template_they_were_never_shown_in() {
    reaches("fact", 1, 0.95);
}

#[test]
fn the_indirect_object_is_found_also_with_names_and_templates_never_shown() {
    reaches("indirect object", 100, 0.95);
}

#[test]
fn random_sequences_are_continued_in_their_second_copy() {
    reaches("induction", 60, 0.95);
}

#[test]
fn pronouns_and_examples_are_followed() {
    reaches("pronoun", 100, 0.95);
    reaches("few-shot", 60, 0.95);
}

#[test]
fn the_bundled_files_are_those_of_the_world() {
    let isles = Isles::new(SEED).expect("a world");
    let bundled: serde_json::Value = serde_json::from_str(
        &std::fs::read_to_string(folder().join("tokenizer.json")).expect("is there"),
    )
    .expect("is JSON");
    let made: serde_json::Value =
        serde_json::from_str(&isles.tokenizer.to_string(false).expect("serialises"))
            .expect("is JSON");
    assert_eq!(bundled, made);
    let table = std::fs::read_to_string(folder().join("facts.tsv")).expect("is there");
    assert_eq!(table, facts::table(&isles.facts));
    assert_eq!(model().config(), &isles.decoder_config());
}

#[test]
fn the_same_tokens_give_the_same_logits() {
    let model = model();
    let ids = model
        .tokenizer
        .encode("The tower of Corkado stands in the town of")
        .expect("splits")
        .ids;
    let tokens = Tensor::from_slice(&ids, (1, ids.len()), &Device::Cpu).expect("tokens");
    let pass = Pass {
        differentiable: false,
        unembed: Unembed::All,
    };
    let logits = || -> Vec<f32> {
        model
            .decoder
            .logits(&tokens, &pass)
            .and_then(|l| Ok(l.flatten_all()?.to_vec1()?))
            .expect("logits")
    };
    assert_eq!(logits(), logits());
}

#[test]
fn every_example_prompt_gets_its_answer() {
    let text =
        std::fs::read_to_string(folder().join("../../prompts/isles.toml")).expect("is there");
    let prompts: toml::Table = text.parse().expect("is TOML");
    let prompts = prompts["prompt"].as_array().expect("is a list");
    let model = model();
    for example in prompts {
        let get = |key: &str| example[key].as_str().expect("is text");
        assert!(get("prompt").contains(get("subject")), "{example}");
        let ids = model.tokenizer.encode(get("prompt")).expect("splits").ids;
        let tokens = Tensor::from_slice(&ids, (1, ids.len()), &Device::Cpu).expect("tokens");
        let pass = Pass {
            differentiable: false,
            unembed: Unembed::Last,
        };
        let best = model
            .decoder
            .logits(&tokens, &pass)
            .and_then(|l| Ok(l.flatten_all()?.argmax(0)?.to_scalar::<u32>()?))
            .expect("logits");
        assert_eq!(
            best,
            model.tokenizer.id_of(get("answer")).expect("is one token"),
            "{}",
            get("name")
        );
        model.tokenizer.id_of(get("foil")).expect("is one token");
    }
}
