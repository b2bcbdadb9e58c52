//! The bundled model's causal traces show what is known to be true of it: a name of shared parts is put together at its
//! last token in the early layers, and read from the end of the sentence later.

use whyfinder_experiment::{
    Corruption, Experiment, Input, InstrumentSettings, Outcome, TraceKind, TraceSettings,
};
use whyfinder_instrument::memory::Budget;
use whyfinder_instrument::{Observer, Report, measure};
use whyfinder_model::{LanguageModel, OpenOptions, open};
use whyfinder_world::Isles;
use whyfinder_world::facts::{Fact, Relation};

struct Deaf;

impl Observer for Deaf {
    fn report(&mut self, _report: Report) {}

    fn cancelled(&self) -> bool {
        false
    }
}

const LAYERS: usize = 6;
const NAMED: [Relation; 5] = [
    Relation::TowerInTown,
    Relation::RiverOnIsle,
    Relation::DishFromTown,
    Relation::PersonFromTown,
    Relation::PersonTrade,
];

/// Whose embeddings the noise goes on.
#[derive(Clone, Copy, PartialEq)]
enum Noise {
    Name,
    First,
    Last,
}

fn trace(model: &LanguageModel, fact: &Fact, noise: Noise) -> Outcome {
    let (prompt, answer) = fact.say(0).question().expect("asks for an answer");
    let encoding = model.tokenizer.encode(&prompt).expect("splits");
    let name = encoding.find(&prompt, &fact.subject).expect("is named");
    let (start, end) = match noise {
        Noise::Name => (name.start, name.end),
        Noise::First => (name.start, name.start + 1),
        Noise::Last => (name.end - 1, name.end),
    };
    let experiment = Experiment {
        model: "demo:isles".into(),
        seed: 1,
        input: Input {
            prompt: Some(prompt),
            subject_tokens: Some([start, end]),
            answer: Some(answer),
            ..Input::default()
        },
        instrument: InstrumentSettings::CausalTrace {
            corruption: Corruption::default(),
            trace: TraceSettings {
                kinds: if noise == Noise::Name {
                    TraceKind::ALL.to_vec()
                } else {
                    vec![TraceKind::Residual]
                },
                window: 2,
                ..TraceSettings::default()
            },
        },
    };
    measure(model, &experiment, &mut Deaf, &Budget::UNLIMITED).expect("is traced")
}

/// Means over facts, as effects: metric minus the corrupted run's.
#[derive(Default)]
struct Mean {
    facts: usize,
    clean: f64,
    total: f64,
    /// [kind][place][layer]; places are the name's first token, those between, its last, those behind, the end.
    effect: [[[f64; LAYERS]; 5]; 3],
}

const PLACES: [&str; 5] = ["first", "middle", "last", "behind", "end"];

fn mean<'a>(model: &LanguageModel, facts: impl Iterator<Item = &'a Fact>) -> Mean {
    let mut mean = Mean::default();
    let mut counted = [0usize; 5];
    for fact in facts {
        let outcome = trace(model, fact, Noise::Name);
        let corrupted = f64::from(outcome.summary.reference["corrupted"]);
        mean.facts += 1;
        mean.clean += f64::from(outcome.summary.reference["clean"]);
        mean.total += f64::from(outcome.summary.reference["clean"]) - corrupted;
        let [start, end] = outcome.summary.subject.expect("has a subject");
        let tokens = outcome.summary.tokens.len();
        for token in start..tokens {
            let place = match token {
                t if t + 1 == tokens => 4,
                t if t >= end => 3,
                t if t + 1 == end => 2,
                t if t == start => 0,
                _ => 1,
            };
            counted[place] += 1;
            for (kind, sums) in TraceKind::ALL.iter().zip(&mut mean.effect) {
                let field = outcome.field(kind.name()).expect("was asked for");
                for (layer, sum) in sums[place].iter_mut().enumerate() {
                    let cell = field.index(&[token, layer]).expect("is a cell");
                    *sum += f64::from(field.values[cell]) - corrupted;
                }
            }
        }
    }
    let facts = mean.facts as f64;
    mean.clean /= facts;
    mean.total /= facts;
    for kind in &mut mean.effect {
        for (place, count) in kind.iter_mut().zip(counted) {
            place.iter_mut().for_each(|e| *e /= count.max(1) as f64);
        }
    }
    mean
}

fn some(
    isles: &Isles,
    relation: Relation,
    shared: bool,
    count: usize,
) -> impl Iterator<Item = &Fact> {
    isles
        .facts
        .iter()
        .filter(move |f| f.relation == relation && f.shared == shared)
        .take(count)
}

fn model() -> LanguageModel {
    open("demo:isles", &OpenOptions::default()).expect("the bundled model opens")
}

fn largest(effects: &[f64]) -> f64 {
    effects.iter().copied().fold(f64::MIN, f64::max)
}

#[test]
fn the_early_site_stands_at_the_last_token_of_a_name_and_the_late_site_at_the_end() {
    let (model, isles) = (model(), Isles::new(1).expect("a world"));
    for relation in NAMED {
        let mean = mean(&model, some(&isles, relation, true, 8));
        let [residual, ..] = mean.effect;
        let early = largest(&residual[2][..3]);
        let name = relation.name();
        assert!(mean.total > 0.5, "{name}: total effect {}", mean.total);
        assert!(
            early > 0.1 * mean.total,
            "{name}: {early} of {}",
            mean.total
        );
        assert!(
            early > 2.0 * largest(&residual[0]),
            "{name}: first token {:?}",
            residual[0]
        );
        assert!(
            residual[2][LAYERS - 1].abs() < 1e-3,
            "{name}: nothing is left to read"
        );
        assert!(
            residual[4][0] < 0.3 * mean.total,
            "{name}: {:?}",
            residual[4]
        );
        assert!(
            residual[4][LAYERS - 1] > 0.99 * mean.total,
            "{name}: {:?}",
            residual[4]
        );
    }
}

#[test]
#[ignore = "prints the table of docs/world.md"]
#[allow(clippy::print_stdout, reason = "this is what it is for")]
fn table_of_traces() {
    let (model, isles) = (model(), Isles::new(1).expect("a world"));
    for relation in NAMED {
        for shared in [true, false] {
            let mean = mean(&model, some(&isles, relation, shared, 24));
            if mean.facts == 0 {
                continue;
            }
            println!(
                "{}, {} parts: {} facts, clean {:.3}, total effect {:.3}",
                relation.name(),
                if shared { "shared" } else { "own" },
                mean.facts,
                mean.clean,
                mean.total
            );
            for (kind, places) in TraceKind::ALL.iter().zip(&mean.effect) {
                for (place, effects) in PLACES.iter().zip(places) {
                    let cells: Vec<String> = effects.iter().map(|e| format!("{e:.2}")).collect();
                    println!("| {} | {place} | {} |", kind.name(), cells.join(" | "));
                }
            }
            for (noise, words) in [(Noise::First, "first"), (Noise::Last, "last")] {
                let totals: Vec<f64> = some(&isles, relation, shared, 24)
                    .map(|fact| {
                        let reference = trace(&model, fact, noise).summary.reference;
                        f64::from(reference["clean"] - reference["corrupted"])
                    })
                    .collect();
                println!(
                    "noise on the {words} token alone: total effect {:.3}",
                    totals.iter().sum::<f64>() / totals.len() as f64
                );
            }
        }
    }
}
