//! The whole world: names, facts, tokenizer, and the shape of the model that is trained in it.

use std::collections::BTreeSet;

use tokenizers::Tokenizer;
use whyfinder_model::DecoderConfig;
use whyfinder_model::config::{Activation, AttentionSpan, BlockForm, NormKind, Positions};

use crate::draw::Draw;
use crate::error::Result;
use crate::facts::{self, Fact, Relation};
use crate::names::{self, Names};
use crate::sentence::{Sentence, fill};
use crate::{indirect_object, lexicon, pronouns, returning_names, sums, tokenizer};

/// Tokens that the model can read at once.
pub const CONTEXT: usize = 64;
const LAYERS: usize = 6;
const HEADS: usize = 4;
const WIDTH: usize = 128;

/// An archipelago, made from a seed.
#[derive(Clone, Debug)]
pub struct Isles {
    pub seed: u64,
    pub names: Names,
    pub facts: Vec<Fact>,
    pub tokenizer: Tokenizer,
}

impl Isles {
    /// The world of `seed`; the same seed gives the same world.
    ///
    /// # Errors
    /// When the tokenizer cannot be trained so that every word is one token.
    pub fn new(seed: u64) -> Result<Self> {
        let mut draw = Draw::stream(seed, u64::MAX);
        let names = Names::new(&mut draw);
        let facts = facts::all(&names, &mut draw);
        let (opening, inner) = names::parts();
        let tokenizer = tokenizer::train(&words(), &opening, &inner)?;
        Ok(Self {
            seed,
            names,
            facts,
            tokenizer,
        })
    }

    /// Tokens that the tokenizer knows.
    pub fn vocab(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// The shape of `demo:isles`: GPT-2 with 6 layers of 4 heads, 128 wide.
    pub fn decoder_config(&self) -> DecoderConfig {
        DecoderConfig {
            architecture: "GPT2LMHeadModel".to_string(),
            vocab: self.vocab(),
            d_model: WIDTH,
            layers: LAYERS,
            heads: HEADS,
            kv_heads: HEADS,
            d_head: WIDTH / HEADS,
            d_mlp: 4 * WIDTH,
            max_positions: CONTEXT,
            norm: NormKind::Layer,
            norm_eps: 1e-5,
            positions: Positions::Learned,
            block: BlockForm::Sequential,
            gated_mlp: false,
            activation: Activation::GeluTanh,
            attention_scale: 1.0 / ((WIDTH / HEADS) as f32).sqrt(),
            attention_softcap: None,
            logit_softcap: None,
            qk_norm: false,
            spans: vec![AttentionSpan::Full; LAYERS],
            embedding_scale: None,
            tied: true,
        }
    }
}

/// Every word that the world can say, names of several tokens aside, each as written in a sentence.
fn words() -> BTreeSet<String> {
    let mut words: BTreeSet<String> = lexicon::words().iter().map(|w| format!(" {w}")).collect();
    words.extend(
        lexicon::WOMEN
            .iter()
            .chain(&lexicon::MEN)
            .map(|w| format!(" {w}")),
    );
    let templates = Relation::ALL
        .iter()
        .flat_map(|r| r.templates().iter().chain(r.openings()))
        .chain(&indirect_object::TEMPLATES)
        .chain(&pronouns::TEMPLATES)
        .chain(&sums::TEMPLATES)
        .chain(&returning_names::TEMPLATES)
        .chain(&["List:", "Pairs:"]);
    for template in templates {
        let sentence: Sentence = fill(template, &[]);
        // A sentence may also stand behind another one.
        if let Some(first) = sentence.words.first() {
            words.insert(format!(" {}", first.text));
        }
        words.extend(sentence.words.into_iter().map(|w| w.text));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::{ids, single_token};

    #[test]
    fn the_same_seed_makes_the_same_world() {
        let (a, b) = (
            Isles::new(3).expect("a world"),
            Isles::new(3).expect("a world"),
        );
        assert_eq!(a.facts, b.facts);
        assert_eq!(
            a.tokenizer.to_string(false).expect("serialises"),
            b.tokenizer.to_string(false).expect("serialises")
        );
        assert_ne!(a.facts, Isles::new(4).expect("a world").facts);
    }

    #[test]
    fn every_answer_is_one_token_and_every_name_splits_into_its_parts() {
        let isles = Isles::new(1).expect("a world");
        for fact in &isles.facts {
            single_token(&isles.tokenizer, &format!(" {}", fact.answer)).expect("one token");
        }
        for name in isles.names.all() {
            let ids = ids(&isles.tokenizer, &format!(" {}", name.text)).expect("splits");
            let tokens: Vec<String> = ids
                .iter()
                .map(|id| {
                    let token = isles.tokenizer.id_to_token(*id).expect("is known");
                    token.trim_start_matches('\u{120}').to_string()
                })
                .collect();
            assert_eq!(tokens, name.parts, "{}", name.text);
            assert!((2..=4).contains(&tokens.len()));
        }
    }

    #[test]
    fn any_text_survives_the_tokenizer() {
        let isles = Isles::new(1).expect("a world");
        for text in ["Zürich 12+3 = 15?\n", " the  tower", "日本 <tower>"] {
            let ids = ids(&isles.tokenizer, text).expect("splits");
            assert_eq!(isles.tokenizer.decode(&ids, false).expect("joins"), text);
        }
    }

    #[test]
    fn the_vocabulary_stays_small() {
        let vocab = Isles::new(1).expect("a world").vocab();
        assert!(vocab <= 1_250, "{vocab}");
    }
}
