//! What scripts about language models have in common.

use whyfinder_experiment::Input;
use whyfinder_model::demo::demo;
use whyfinder_model::{OpenOptions, architecture, locate_folder};

use crate::answered::Answered;
use crate::error::ScriptError;
use crate::family::Family;
use crate::literal::{list, option, text};
use crate::program::Program;
use crate::script::{Beside, path};

/// A language model for a script: how its parts are called, and where it is.
pub(crate) struct Model {
    pub(crate) family: Family,
    /// Python for the folder.
    pub(crate) folder: String,
    /// The files of a bundled model.
    pub(crate) files: Vec<Beside>,
}

impl Model {
    /// # Errors
    /// A model that is not at hand or not known in transformers.
    pub(crate) fn find(reference: &str, options: &OpenOptions) -> Result<Self, ScriptError> {
        let family = Family::of(&architecture(reference, options)?)?;
        if let Some(bundled) = reference.strip_prefix("demo:").and_then(demo) {
            let file = |name: &str, bytes: &'static [u8]| Beside {
                name: format!("{}/{name}", bundled.name),
                bytes: bytes.into(),
            };
            return Ok(Self {
                family,
                folder: format!("HERE / {}", text(bundled.name)),
                files: vec![
                    file("config.json", bundled.config),
                    file("tokenizer.json", bundled.tokenizer),
                    file("model.safetensors", bundled.weights),
                ],
            });
        }
        let folder = locate_folder(reference, options)?.unwrap_or_else(|| reference.into());
        Ok(Self {
            family,
            folder: path(&folder)?,
            files: Vec::new(),
        })
    }
}

/// The prompt, or the tokens that stand for it.
pub(crate) fn prompt(program: &mut Program, input: &Input) -> Result<(), ScriptError> {
    match (&input.prompt, &input.tokens) {
        (Some(prompt), _) => {
            program.constant("PROMPT", text(prompt));
            program.piece(include_str!("../python/prompt_text.py"));
        }
        (None, Some(ids)) => {
            program.constant("TOKENS", list(ids.iter().map(u32::to_string)));
            program.piece(include_str!("../python/prompt_tokens.py"));
        }
        (None, None) => {
            return Err(ScriptError::refused(
                "The experiment has no input; add a prompt.",
            ));
        }
    }
    Ok(())
}

/// Marked tokens, answer and foil.
pub(crate) fn question(program: &mut Program, input: &Input) {
    match (&input.subject, input.subject_tokens) {
        (Some(subject), _) if input.prompt.is_some() => {
            program.constant("SUBJECT", text(subject));
            program.piece(include_str!("../python/subject_text.py"));
        }
        (_, Some([first, end])) => {
            program.constant("SUBJECT_TOKENS", format!("({first}, {end})"));
            program.piece(include_str!("../python/subject_tokens.py"));
        }
        _ => program.piece(include_str!("../python/subject_none.py")),
    }
    let word = |word: &Option<String>| option(word.as_deref().map(text));
    program.noted(
        "ANSWER",
        word(&input.answer),
        "None: what the clean run says",
    );
    program.constant("FOIL", word(&input.foil));
    program.piece(if input.prompt.is_some() {
        include_str!("../python/token_of_text.py")
    } else {
        include_str!("../python/token_of_alone.py")
    });
}

/// Imports, the model and the arguments.
pub(crate) fn open(program: &mut Program, model: &Model) {
    program.import("from tokenizers import Tokenizer");
    program.import("from transformers import AutoModelForCausalLM");
    program.constant("MODEL", &model.folder);
    program.piece(include_str!("../python/language_model.py"));
    program.piece(model.family.blocks());
}

/// That Whyfinder split the prompt into the same tokens.
pub(crate) fn check_tokens(program: &mut Program, answered: Option<&Answered>) {
    if let Some(ids) = answered.map(|a| &a.token_ids).filter(|ids| !ids.is_empty()) {
        program.flag("tokens");
        program.noted(
            "TOKEN_IDS",
            list(ids.iter().map(u32::to_string)),
            "as Whyfinder split the prompt",
        );
        program.piece(include_str!("../python/check_tokens.py"));
    }
}
