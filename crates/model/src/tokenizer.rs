//! Text to tokens and back.

use std::collections::HashMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{ModelError, Result};
use crate::source::Source;
use crate::token_text::Spelling;

/// The largest published `tokenizer.json` has about 35 MB.
const LONGEST_FILE: u64 = 512 << 20;

/// A model's tokenizer, as its `tokenizer.json` describes it.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    spelling: Spelling,
    /// Special and other added tokens, which stand for themselves.
    added: HashMap<u32, String>,
    /// Ids that the model has embeddings for: `0..vocab`.
    vocab: usize,
    digest: String,
    notes: Vec<String>,
}

/// A text in tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    pub ids: Vec<u32>,
    /// Each token as text, its leading space kept.
    pub tokens: Vec<String>,
    /// Bytes of the text that each token came from, half-open and between whole characters; empty for a token that is
    /// not in the text. Tokens that share a character share its bytes.
    pub spans: Vec<(usize, usize)>,
}

impl Encoding {
    /// The tokens that any of these bytes of the text came into; `None` where no token did.
    pub fn covering(&self, bytes: Range<usize>) -> Option<Range<usize>> {
        let touched = |&(start, end): &(usize, usize)| start < bytes.end && bytes.start < end;
        let first = self.spans.iter().position(touched)?;
        let last = self.spans.iter().rposition(touched)?;
        Some(first..last + 1)
    }

    /// The tokens of the first place where `part` stands in `text`, which is the text that was encoded. White space
    /// around `part` is left aside, since it may belong to a neighbouring token.
    ///
    /// # Errors
    /// A sentence where `part` is empty or not in the text.
    pub fn find(&self, text: &str, part: &str) -> Result<Range<usize>> {
        let wanted = part.trim();
        if wanted.is_empty() {
            return Err(ModelError::Input(
                "The part of the prompt to look for is empty; give at least one character of it."
                    .to_owned(),
            ));
        }
        text.find(wanted)
            .and_then(|start| self.covering(start..start + wanted.len()))
            .ok_or_else(|| {
                ModelError::Input(format!(
                    "\"{wanted}\" does not stand in the prompt \"{text}\"."
                ))
            })
    }
}

impl Tokenizer {
    /// Reads a `tokenizer.json` for a model with `vocab` embeddings.
    pub(crate) fn open(source: &Source, vocab: usize) -> Result<Self> {
        let path = source.path();
        let bytes = source.read_whole(LONGEST_FILE)?;
        let digest = blake3::hash(&bytes).to_hex().to_string();
        let broken = |why: String| {
            ModelError::file(
                path,
                format!(
                    "tokenizer.json cannot be understood: {}",
                    why.trim_end_matches('.')
                ),
            )
        };
        // The library would not say it, but panic where a decoder's name is none.
        if let Err(error) = std::str::from_utf8(&bytes) {
            return Err(broken(format!(
                "it is no UTF-8 from byte {} on",
                error.valid_up_to()
            )));
        }
        let mut inner = guarded(|| tokenizers::Tokenizer::from_bytes(&bytes)).map_err(broken)?;
        // Lengths and fill tokens of training batches; a prompt is neither cut nor filled.
        guarded(|| inner.with_truncation(None).map(|_| ())).map_err(broken)?;
        inner.with_padding(None);

        let value = |part: serde_json::Result<serde_json::Value>| part.unwrap_or_default();
        let spelling = Spelling::of(
            &value(serde_json::to_value(inner.get_decoder())),
            &value(serde_json::to_value(inner.get_pre_tokenizer())),
        );
        let added: HashMap<u32, String> = inner
            .get_added_tokens_decoder()
            .into_iter()
            .map(|(id, token)| (id, token.content))
            .collect();
        let mut notes = Vec::new();
        let beyond = |id: u32| id as usize >= vocab;
        // Looked at without the added tokens: some published vocabularies have an added token or two more than the
        // model has embeddings, which only matters if the text holds one.
        let mut outside: Vec<(u32, String)> = inner
            .get_vocab(false)
            .into_iter()
            .filter(|(_, id)| beyond(*id) && !added.contains_key(id))
            .map(|(token, id)| (id, token))
            .collect();
        outside.sort();
        if let Some((id, token)) = outside.first() {
            return Err(ModelError::file(
                path,
                format!(
                    "The tokenizer does not fit the model: the model has embeddings for {vocab} tokens, and {} of the tokenizer's lie beyond, the first being \"{}\" with number {id}",
                    outside.len(),
                    spelling.text(token)
                ),
            ));
        }
        let mut unknown: Vec<&str> = added
            .iter()
            .filter(|(id, _)| beyond(**id))
            .map(|(_, token)| token.as_str())
            .collect();
        unknown.sort_unstable();
        if !unknown.is_empty() {
            notes.push(format!(
                "The tokenizer adds {} that the model has no embedding for; a prompt must not hold any.",
                unknown.join(", ")
            ));
        }
        Ok(Self {
            inner,
            spelling,
            added,
            vocab,
            digest,
            notes,
        })
    }

    /// Splits a text, with the special tokens around it that the tokenizer adds by default (`<s>` and the like).
    ///
    /// # Errors
    /// A sentence where the tokenizer fails, or makes a token that the model has no embedding for.
    pub fn encode(&self, text: &str) -> Result<Encoding> {
        self.encode_with(text, true)
    }

    /// Splits a text into tokens of its own and nothing else.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn encode_bare(&self, text: &str) -> Result<Encoding> {
        self.encode_with(text, false)
    }

    fn encode_with(&self, text: &str, special: bool) -> Result<Encoding> {
        let split = guarded(|| self.inner.encode(text, special)).map_err(|why| {
            ModelError::Input(format!("The tokenizer could not split the text: {why}."))
        })?;
        let ids = split.get_ids().to_vec();
        for &id in &ids {
            self.check_id(id)?;
        }
        Ok(Encoding {
            tokens: ids.iter().map(|&id| self.token_text(id)).collect(),
            spans: split
                .get_offsets()
                .iter()
                .map(|&(start, end)| whole_characters(text, start, end))
                .collect(),
            ids,
        })
    }

    /// The text of several tokens together, special ones included.
    ///
    /// # Errors
    /// A sentence for an id outside the vocabulary, or where the tokenizer fails.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        for &id in ids {
            self.check_id(id)?;
        }
        guarded(|| self.inner.decode(ids, false)).map_err(|why| {
            ModelError::Input(format!("The tokenizer could not join the tokens: {why}."))
        })
    }

    /// One token as text: a leading space is kept, bytes that are no whole character are `\xNN`. A number that no
    /// token has, as in an embedding filled up to a round size, is `[unused 50300]`.
    pub fn token_text(&self, id: u32) -> String {
        if let Some(text) = self.added.get(&id) {
            return text.clone();
        }
        guarded(|| Ok(self.inner.id_to_token(id)))
            .ok()
            .flatten()
            .map_or_else(
                || format!("[unused {id}]"),
                |piece| self.spelling.text(&piece),
            )
    }

    /// The number of the one token that a text is, for answers. The text is taken as it stands: most words follow a
    /// space, `" Paris"`.
    ///
    /// # Errors
    /// A sentence that lists the tokens where the text is several; [`Self::encode_bare`] gives their numbers.
    pub fn id_of(&self, text: &str) -> Result<u32> {
        if text.is_empty() {
            return Err(ModelError::Input(
                "The answer is empty; give a text that is one token.".to_owned(),
            ));
        }
        let split = self.encode_bare(text)?;
        if let [id] = split.ids.as_slice() {
            return Ok(*id);
        }
        // Some tokenizers put a space of their own before every text, so that only the piece itself says " Paris".
        let piece = self.spelling.piece(text);
        if let Ok(Some(id)) = guarded(|| Ok(self.inner.token_to_id(&piece)))
            && self.check_id(id).is_ok()
        {
            return Ok(id);
        }
        let pieces: Vec<String> = split
            .tokens
            .iter()
            .map(|token| format!("\"{token}\""))
            .collect();
        Err(ModelError::Input(match pieces.first() {
            Some(first) => format!(
                "The text \"{text}\" is {} tokens ({}), and one is needed; its first is {first}.",
                pieces.len(),
                pieces.join(", ")
            ),
            None => format!("The text \"{text}\" is no token at all."),
        }))
    }

    /// Whether the model has an embedding for a token.
    ///
    /// # Errors
    /// A sentence with the number and the size of the vocabulary.
    pub fn check_id(&self, id: u32) -> Result<()> {
        if (id as usize) < self.vocab {
            return Ok(());
        }
        let text = self
            .added
            .get(&id)
            .map_or(String::new(), |text| format!(" ({text})"));
        Err(ModelError::Input(format!(
            "The token {id}{text} is outside the model's vocabulary, whose {} tokens count from 0.",
            self.vocab
        )))
    }

    /// Tokens that the model has embeddings and logits for.
    pub fn vocab(&self) -> usize {
        self.vocab
    }

    /// BLAKE3 of `tokenizer.json`, hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("vocab", &self.vocab)
            .field("spelling", &self.spelling)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// Runs a call into the tokenizers crate, whose regular expressions are C code and whose checks may panic.
fn guarded<T>(call: impl FnOnce() -> tokenizers::Result<T>) -> std::result::Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the tokenizer stopped in the middle".to_owned()),
    }
}

/// Widens a span to whole characters inside the text.
fn whole_characters(text: &str, start: usize, end: usize) -> (usize, usize) {
    (
        text.floor_char_boundary(start),
        text.ceil_char_boundary(end),
    )
}
