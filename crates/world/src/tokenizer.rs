//! The tokenizer of the Isles: a byte-level BPE as GPT-2 has, trained on the world's words.
//!
//! It is trained on the lexicon instead of on running text, so that the world decides what a token is: every word
//! that stands alone becomes one token, and a name splits into exactly the parts it was built from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer};

use crate::error::{Result, WorldError};
use crate::sentence::Sentence;

/// Stands between sentences that have nothing to do with each other.
pub const END_OF_TEXT: &str = "<|endoftext|>";

/// How GPT-2's byte-level alphabet writes a space.
const SPACE: char = '\u{120}';

/// Far more than the lexicon needs: training ends when every word is one token.
const MOST_TOKENS: usize = 10_000;

/// Counts of the training words. Openings of a name's parts come first and shorter ones before longer ones, so that
/// every part grows from its left end and no merge ever reaches over the seam between two parts.
const PART_OPENING: u64 = 1_000_000;
const SHORTER: u64 = 30;
const WORD: u64 = 1;

/// Trains on `words` (each with its leading space where it has one) and on the parts of names.
///
/// # Errors
/// When the trainer fails, or a word does not come out as one token.
pub fn train(words: &BTreeSet<String>, opening: &[&str], inner: &[&str]) -> Result<Tokenizer> {
    let fail = |e: tokenizers::Error| WorldError::Tokenizer(e.to_string());
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let parts = opening
        .iter()
        .map(|p| format!("{SPACE}{p}"))
        .chain(inner.iter().map(|p| (*p).to_string()));
    for part in parts {
        let mut count = PART_OPENING;
        for (end, _) in part.char_indices().skip(2).chain([(part.len(), ' ')]) {
            *counts.entry(part[..end].to_string()).or_default() += count;
            count /= SHORTER;
        }
    }
    for word in words {
        *counts
            .entry(word.replace(' ', &SPACE.to_string()))
            .or_default() += WORD;
    }

    let trainer = BpeTrainer::builder()
        .show_progress(false)
        .min_frequency(1)
        .vocab_size(MOST_TOKENS)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(vec![AddedToken::from(END_OF_TEXT, true)])
        .build();
    let mut model = BPE::default();
    let counts = counts
        .into_iter()
        .map(|(word, count)| (word.into(), count))
        .collect();
    let special = trainer.do_train(&counts, &mut model).map_err(fail)?;

    let mut tokenizer = Tokenizer::new(model);
    // As GPT-2: no space is added in front, offsets are kept whole.
    tokenizer
        .with_pre_tokenizer(Some(ByteLevel::new(false, true, true)))
        .with_decoder(Some(ByteLevel::new(true, true, true)))
        .with_post_processor(Some(ByteLevel::new(true, false, true)));
    tokenizer.add_special_tokens(special).map_err(fail)?;
    for word in words {
        single_token(&tokenizer, word)?;
    }
    Ok(tokenizer)
}

/// The one token of a word.
///
/// # Errors
/// When the word splits into several.
pub fn single_token(tokenizer: &Tokenizer, word: &str) -> Result<u32> {
    match ids(tokenizer, word)?.as_slice() {
        [id] => Ok(*id),
        several => Err(WorldError::Word(format!(
            "\"{word}\" was to be one token and is {}.",
            several.len()
        ))),
    }
}

/// The tokens of a text.
///
/// # Errors
/// When the tokenizer fails.
pub fn ids(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>> {
    let encoding = tokenizer
        .encode_fast(text, false)
        .map_err(|e| WorldError::Tokenizer(e.to_string()))?;
    Ok(encoding.get_ids().to_vec())
}

/// Encodes sentences word by word and remembers the words.
///
/// GPT-2's splitting never joins two words, so this gives the tokens of the whole text.
#[derive(Debug)]
pub struct Encoder<'a> {
    tokenizer: &'a Tokenizer,
    seen: HashMap<String, Vec<u32>>,
}

/// A sentence as tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    pub ids: Vec<u32>,
    /// Weight of predicting each token, see [`crate::sentence::weight`].
    pub weights: Vec<f32>,
    /// Positions of the answers' tokens.
    pub answers: Vec<usize>,
    /// Positions of the subject's tokens.
    pub subject: Vec<usize>,
    /// Token spans, half-open, of names built from shared parts.
    pub names: Vec<(usize, usize)>,
}

impl<'a> Encoder<'a> {
    pub fn new(tokenizer: &'a Tokenizer) -> Self {
        Self {
            tokenizer,
            seen: HashMap::new(),
        }
    }

    /// # Errors
    /// When the tokenizer fails.
    pub fn encode(&mut self, sentence: &Sentence) -> Result<Encoded> {
        let mut out = Encoded::default();
        let mut in_name = false;
        for word in &sentence.words {
            if !self.seen.contains_key(&word.text) {
                self.seen
                    .insert(word.text.clone(), ids(self.tokenizer, &word.text)?);
            }
            let start = out.ids.len();
            for id in self.seen.get(&word.text).map_or(&[][..], Vec::as_slice) {
                if word.answer {
                    out.answers.push(out.ids.len());
                }
                if word.subject {
                    out.subject.push(out.ids.len());
                }
                out.ids.push(*id);
                out.weights.push(word.weight);
            }
            match out.names.last_mut() {
                Some(name) if in_name && word.shared_name => name.1 = out.ids.len(),
                _ if word.shared_name => out.names.push((start, out.ids.len())),
                _ => {}
            }
            in_name = word.shared_name;
        }
        Ok(out)
    }
}
