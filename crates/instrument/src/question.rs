//! An experiment's input in the model's own terms.

use std::ops::Range;

use whyfinder_experiment::Input;
use whyfinder_model::LanguageModel;

use crate::answer::token_of;
use crate::error::{InstrumentError, Result};

/// Token ids, their texts, and what is asked about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) ids: Vec<u32>,
    pub(crate) texts: Vec<String>,
    pub(crate) subject: Option<Range<usize>>,
    /// `None`: whatever the clean run says.
    pub(crate) answer: Option<u32>,
    pub(crate) foil: Option<u32>,
}

impl Question {
    /// # Errors
    /// A token outside the vocabulary, a subject that is not in the prompt or beyond its tokens.
    pub(crate) fn read(model: &LanguageModel, input: &Input) -> Result<Self> {
        let (ids, texts, named) = match (&input.prompt, &input.tokens) {
            (Some(prompt), _) => {
                let encoding = model.tokenizer.encode(prompt)?;
                let named = match &input.subject {
                    Some(subject) => Some(encoding.find(prompt, subject)?),
                    None => None,
                };
                (encoding.ids, encoding.tokens, named)
            }
            (None, Some(ids)) => {
                let vocab = model.config().vocab;
                if let Some(id) = ids.iter().find(|&&id| id as usize >= vocab) {
                    return Err(InstrumentError::unfit(format!(
                        "Token id {id} is outside the vocabulary of {vocab} tokens; change input.tokens."
                    )));
                }
                let texts = ids
                    .iter()
                    .map(|&id| model.tokenizer.token_text(id))
                    .collect();
                (ids.clone(), texts, None)
            }
            (None, None) => {
                return Err(InstrumentError::unfit(
                    "The experiment has no input; add a prompt.",
                ));
            }
        };
        if ids.is_empty() {
            return Err(InstrumentError::unfit(
                "The tokenizer makes no token of the prompt; write a longer one.",
            ));
        }
        let subject = match (named, input.subject_tokens) {
            (Some(range), _) => Some(range),
            (None, Some([first, end])) if first < end && end <= ids.len() => Some(first..end),
            (None, Some([first, end])) => {
                return Err(InstrumentError::unfit(format!(
                    "The range subject_tokens = [{first}, {end}] does not lie within the {} tokens of the prompt.",
                    ids.len()
                )));
            }
            (None, None) => None,
        };
        let token = |text: &Option<String>| {
            text.as_ref()
                .map(|text| token_of(&model.tokenizer, input.prompt.as_deref(), text))
                .transpose()
        };
        let (answer, foil) = (token(&input.answer)?, token(&input.foil)?);
        if answer.is_some() && answer == foil {
            return Err(InstrumentError::unfit(format!(
                "The answer and the foil begin with the same token, \"{}\", so this model cannot tell them apart at the next token; choose another foil.",
                answer
                    .map(|id| model.tokenizer.token_text(id))
                    .unwrap_or_default()
            )));
        }
        Ok(Self {
            ids,
            texts,
            subject,
            answer,
            foil,
        })
    }
}
