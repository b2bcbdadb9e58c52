//! Asking a model about the world: what it was shown, and what it was not.

use std::collections::BTreeMap;

use candle_core::{D, Device, Tensor};
use whyfinder_model::{Decoder, NoProbe, Pass, Unembed};

use crate::draw::Draw;
use crate::error::Result;
use crate::facts::Relation;
use crate::few_shot::{self, Task};
use crate::isles::Isles;
use crate::sentence::Sentence;
use crate::tokenizer::{Encoded, Encoder};
use crate::{facts, indirect_object, induction, pronouns, returning_names, sums};

/// What is asked and how often the first guess was right.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    pub task: String,
    /// Whether this was kept from training.
    pub held_out: bool,
    /// Answers asked for.
    pub asked: usize,
    /// Answers that were the likeliest next token.
    pub right: usize,
    /// Sentences of which every answer was right.
    pub whole: usize,
    pub sentences: usize,
    /// Mean probability of the right answer.
    pub probability: f64,
}

impl Score {
    /// Share of right answers, 0 to 1.
    pub fn accuracy(&self) -> f64 {
        self.right as f64 / self.asked.max(1) as f64
    }
}

/// Sentences that are asked of a model under one name.
#[derive(Clone, Debug)]
pub struct Exam {
    pub task: String,
    pub held_out: bool,
    pub sentences: Vec<Sentence>,
}

/// Everything that is asked; drawn from a stream that training never uses.
///
/// `samples` is how many sentences are drawn for tasks without an end; facts and sums are asked completely.
pub fn exams(isles: &Isles, samples: usize) -> Vec<Exam> {
    let mut draw = Draw::stream(isles.seed, u64::MAX - 2);
    let mut exams = Vec::new();
    let mut add = |task: String, held_out: bool, sentences: Vec<Sentence>| {
        exams.push(Exam {
            task,
            held_out,
            sentences,
        });
    };
    for relation in Relation::ALL {
        let facts: Vec<_> = isles
            .facts
            .iter()
            .filter(|f| f.relation == relation)
            .collect();
        let templates = relation.templates().len() - 1;
        add(
            format!("fact: {}", relation.name()),
            false,
            facts
                .iter()
                .flat_map(|f| (0..templates).map(|t| f.say(t)))
                .collect(),
        );
        add(
            format!("fact: {}", relation.name()),
            true,
            facts
                .iter()
                .filter(|f| f.held_out)
                .map(|f| f.say(f.held_out_template()))
                .collect(),
        );
    }
    let pairs = (0..samples)
        .map(|_| {
            loop {
                let (a, b) = (draw.pick(&isles.facts), draw.pick(&isles.facts));
                if a.relation == b.relation && a.subject != b.subject {
                    break facts::pair(a, b);
                }
            }
        })
        .collect();
    add("two facts in a sentence".into(), false, pairs);
    let mut sample = |task: &str, held_out, say: &mut dyn FnMut(&mut Draw) -> Sentence| {
        let sentences = (0..samples).map(|_| say(&mut draw)).collect();
        add(task.to_string(), held_out, sentences);
    };
    sample("indirect object", false, &mut indirect_object::sentence);
    sample(
        "indirect object: names",
        true,
        &mut indirect_object::held_out_names,
    );
    sample(
        "indirect object: template",
        true,
        &mut indirect_object::held_out_template,
    );
    sample("a name that returns", false, &mut returning_names::sentence);
    sample("induction: second copy", true, &mut induction::sentence);
    sample("pronoun", false, &mut pronouns::sentence);
    sample("pronoun: template", true, &mut pronouns::held_out);
    for task in Task::ALL {
        sample(&format!("few-shot: {}", task.name()), true, &mut |draw| {
            few_shot::say(task, 3, draw)
        });
    }
    add("sum".into(), false, sums::all(false));
    add("sum".into(), true, sums::all(true));
    exams
}

/// Rows of one pass.
const ROWS: usize = 64;

/// Asks one exam.
///
/// # Errors
/// When the model cannot be run.
pub fn ask(isles: &Isles, decoder: &Decoder, exam: &Exam) -> Result<Score> {
    let mut encoder = Encoder::new(&isles.tokenizer);
    let mut by_length: BTreeMap<usize, Vec<Encoded>> = BTreeMap::new();
    for sentence in &exam.sentences {
        let encoded = encoder.encode(sentence)?;
        by_length
            .entry(encoded.ids.len())
            .or_default()
            .push(encoded);
    }
    let mut score = Score {
        task: exam.task.clone(),
        held_out: exam.held_out,
        asked: 0,
        right: 0,
        whole: 0,
        sentences: exam.sentences.len(),
        probability: 0.0,
    };
    for (length, encoded) in by_length {
        for rows in encoded.chunks(ROWS) {
            let ids: Vec<u32> = rows.iter().flat_map(|e| e.ids.iter().copied()).collect();
            let tokens = Tensor::from_vec(ids, (rows.len(), length), &Device::Cpu)?;
            let pass = Pass {
                differentiable: false,
                unembed: Unembed::All,
            };
            let logits = decoder.forward(&tokens, &mut NoProbe, &pass)?;
            let best = logits.argmax(D::Minus1)?.to_vec2::<u32>()?;
            let logits = logits.to_vec3::<f32>()?;
            for (row, encoded) in rows.iter().enumerate() {
                let mut right = 0;
                for &at in encoded.answers.iter().filter(|at| **at > 0) {
                    let answer = encoded.ids[at];
                    right += usize::from(best[row][at - 1] == answer);
                    score.probability += probability(&logits[row][at - 1], answer);
                    score.asked += 1;
                }
                score.right += right;
                score.whole += usize::from(right == encoded.answers.len());
            }
        }
    }
    score.probability /= score.asked.max(1) as f64;
    Ok(score)
}

fn probability(logits: &[f32], answer: u32) -> f64 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|l| f64::from(l - top).exp()).sum();
    logits
        .get(answer as usize)
        .map_or(0.0, |l| f64::from(l - top).exp() / sum)
}

/// Asks all exams.
///
/// # Errors
/// When the model cannot be run.
pub fn ask_all(isles: &Isles, decoder: &Decoder, samples: usize) -> Result<Vec<Score>> {
    exams(isles, samples)
        .iter()
        .map(|exam| ask(isles, decoder, exam))
        .collect()
}

/// The scores as a Markdown table.
pub fn table(scores: &[Score]) -> String {
    let mut table = String::from(
        "| asked | in training | answers | first guess right | whole sentences right | mean probability |\n\
         |---|---|---|---|---|---|\n",
    );
    for score in scores {
        table += &format!(
            "| {} | {} | {} | {:.1} % | {:.1} % | {:.3} |\n",
            score.task,
            if score.held_out { "held out" } else { "seen" },
            score.asked,
            100.0 * score.accuracy(),
            100.0 * score.whole as f64 / score.sentences.max(1) as f64,
            score.probability,
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mixture;
    use std::collections::HashSet;

    #[test]
    fn nothing_held_out_is_ever_drawn_for_training() {
        let isles = Isles::new(1).expect("a world");
        let held_out: HashSet<String> = exams(&isles, 200)
            .iter()
            // Random sequences and pairs repeat by chance, not from a list.
            .filter(|e| e.held_out && !e.task.starts_with("few-shot"))
            .flat_map(|e| e.sentences.iter().map(Sentence::text))
            .collect();
        let mut draw = Draw::new(5);
        for _ in 0..60_000 {
            let text = mixture::sentence(&isles, &mut draw).text();
            assert!(!held_out.contains(&text), "{text}");
        }
    }

    #[test]
    fn an_untrained_model_knows_nothing() {
        let isles = Isles::new(1).expect("a world");
        let config = isles.decoder_config();
        let decoder = crate::parameters::Parameters::new(&config, 1)
            .and_then(|p| p.decoder(&config))
            .expect("a decoder");
        let exam = exams(&isles, 1).swap_remove(0);
        let score = ask(&isles, &decoder, &exam).expect("answers");
        assert_eq!(score.asked, exam.sentences.len());
        assert!(score.accuracy() < 0.2 && score.probability < 0.05);
    }
}
