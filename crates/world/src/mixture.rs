//! Sentences of all kinds, packed into windows of equal length.

use crate::draw::Draw;
use crate::error::Result;
use crate::isles::Isles;
use crate::sentence::{Sentence, weight};
use crate::tokenizer::{END_OF_TEXT, Encoder};
use crate::{facts, few_shot, indirect_object, induction, pronouns, returning_names, sums};

/// What a sentence is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Fact,
    Induction,
    IndirectObject,
    Pronoun,
    FewShot,
    Sum,
    ReturningName,
}

/// How often each kind is drawn, relative to each other.
const SHARES: [(Kind, f64); 7] = [
    (Kind::Fact, 6.0),
    (Kind::Induction, 1.8),
    (Kind::IndirectObject, 1.2),
    (Kind::Pronoun, 1.0),
    (Kind::FewShot, 0.8),
    (Kind::Sum, 1.0),
    (Kind::ReturningName, 0.8),
];

/// How often a sentence goes on behind the last one, with a space, instead of behind the end-of-text token.
const GOES_ON: f64 = 0.25;

/// A sentence of any kind, for training.
pub fn sentence(isles: &Isles, draw: &mut Draw) -> Sentence {
    let shares = SHARES.map(|(_, share)| share);
    match SHARES[draw.weighted(&shares)].0 {
        Kind::Fact => facts::sentence(&isles.facts, draw),
        Kind::Induction => induction::sentence(draw),
        Kind::IndirectObject => indirect_object::sentence(draw),
        Kind::Pronoun => pronouns::sentence(draw),
        Kind::FewShot => few_shot::sentence(draw),
        Kind::Sum => sums::sentence(draw),
        Kind::ReturningName => returning_names::sentence(draw),
    }
}

/// Windows for one step; row after row.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    pub rows: usize,
    /// Tokens in a row.
    pub length: usize,
    pub inputs: Vec<u32>,
    /// The token behind each input.
    pub targets: Vec<u32>,
    /// What predicting each target counts.
    pub weights: Vec<f32>,
    /// Names of shared parts in each row, as half-open spans of its inputs.
    pub names: Vec<Vec<(usize, usize)>>,
    /// A number in `[0, 1)` for each row: it is trained behind the curtain if this is below the curtain's share.
    pub lots: Vec<f64>,
}

/// The windows of training step `step`: they depend on the world's seed and the step alone, so training can go on
/// from any step.
///
/// # Errors
/// When the tokenizer fails.
pub fn batch(
    isles: &Isles,
    encoder: &mut Encoder<'_>,
    step: u64,
    rows: usize,
    length: usize,
) -> Result<Batch> {
    let mut draw = Draw::stream(isles.seed, step);
    let end = crate::tokenizer::single_token(&isles.tokenizer, END_OF_TEXT)?;
    let mut batch = Batch {
        rows,
        length,
        inputs: Vec::with_capacity(rows * length),
        targets: Vec::with_capacity(rows * length),
        weights: Vec::with_capacity(rows * length),
        names: Vec::with_capacity(rows),
        lots: Vec::with_capacity(rows),
    };
    for _ in 0..rows {
        let (mut ids, mut weights, mut names) = (Vec::new(), Vec::new(), Vec::new());
        while ids.len() <= length {
            let mut sentence = sentence(isles, &mut draw);
            if !ids.is_empty() {
                if draw.unit() < GOES_ON {
                    if let Some(first) = sentence.words.first_mut() {
                        first.text.insert(0, ' ');
                    }
                } else {
                    ids.push(end);
                    weights.push(weight::TEMPLATE);
                }
            }
            let encoded = encoder.encode(&sentence)?;
            let start = ids.len();
            names.extend(
                encoded
                    .names
                    .iter()
                    .map(|n| (start + n.0, (start + n.1).min(length))),
            );
            ids.extend(encoded.ids);
            weights.extend(encoded.weights);
        }
        batch.inputs.extend(&ids[..length]);
        batch.targets.extend(&ids[1..=length]);
        batch.weights.extend(&weights[1..=length]);
        names.retain(|n: &(usize, usize)| n.0 < n.1);
        batch.names.push(names);
        batch.lots.push(draw.unit());
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::ids;

    #[test]
    fn a_batch_depends_on_seed_and_step_alone() {
        let isles = Isles::new(1).expect("a world");
        let at = |step| {
            batch(&isles, &mut Encoder::new(&isles.tokenizer), step, 4, 64).expect("a batch")
        };
        assert_eq!(at(7), at(7));
        assert_ne!(at(7), at(8));
        let batch = at(7);
        assert_eq!(batch.inputs.len(), 4 * 64);
        assert_eq!(batch.inputs[1..64], batch.targets[..63]);
    }

    #[test]
    fn word_by_word_encoding_equals_that_of_the_whole_text() {
        let isles = Isles::new(1).expect("a world");
        let mut encoder = Encoder::new(&isles.tokenizer);
        let mut draw = Draw::new(1);
        for _ in 0..2_000 {
            let sentence = sentence(&isles, &mut draw);
            let encoded = encoder.encode(&sentence).expect("encodes");
            let whole = ids(&isles.tokenizer, &sentence.text()).expect("encodes");
            assert_eq!(encoded.ids, whole, "{}", sentence.text());
        }
    }

    #[test]
    fn every_answer_of_every_sentence_is_one_token() {
        let isles = Isles::new(1).expect("a world");
        let mut encoder = Encoder::new(&isles.tokenizer);
        let mut draw = Draw::new(2);
        for _ in 0..2_000 {
            let sentence = sentence(&isles, &mut draw);
            let answers = sentence.words.iter().filter(|w| w.answer).count();
            let encoded = encoder.encode(&sentence).expect("encodes");
            assert_eq!(encoded.answers.len(), answers, "{}", sentence.text());
            assert!(answers > 0, "{}", sentence.text());
        }
    }
}
