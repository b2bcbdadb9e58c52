//! The token that a text stands for, right behind the prompt.

use whyfinder_model::Tokenizer;

use crate::error::{InstrumentError, Result};

/// The first token of `text` when it follows `prompt`; without a prompt, the first token of `text` alone.
///
/// A text of several tokens is read by its first one, which is the one that the model has to say next. Some
/// tokenizers split the end of the prompt differently once something follows it; then the text alone decides.
pub(crate) fn token_of(tokenizer: &Tokenizer, prompt: Option<&str>, text: &str) -> Result<u32> {
    if let Some(prompt) = prompt {
        let before = tokenizer.encode_bare(prompt)?.ids;
        let joint = tokenizer.encode_bare(&format!("{prompt}{text}"))?.ids;
        if joint.len() > before.len() && joint.starts_with(&before) {
            return Ok(joint[before.len()]);
        }
    }
    let alone = tokenizer.encode_bare(text)?;
    alone.ids.first().copied().ok_or_else(|| {
        InstrumentError::unfit(format!(
            "The tokenizer makes no token of \"{text}\"; write another answer or foil."
        ))
    })
}
