//! From an experiment to its script.

use std::borrow::Cow;
use std::path::{Path, absolute};

use whyfinder_experiment::{Experiment, InstrumentSettings, pack_fields};
use whyfinder_model::OpenOptions;

use crate::answered::Answered;
use crate::error::ScriptError;
use crate::facts::facts;
use crate::language::Model;
use crate::literal::{list, number32, text};
use crate::program::Program;
use crate::{image, run, trace};

/// What is to be repeated.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    pub experiment: &'a Experiment,
    /// What Whyfinder measured; the script compares itself with it.
    pub answered: Option<&'a Answered>,
    /// The script's name without its ending, for the names of the files beside it.
    pub stem: &'a str,
    /// How the model's files are found.
    pub options: &'a OpenOptions,
}

/// A script and the files that it reads, which belong beside it.
#[derive(Clone, Debug)]
pub struct Script {
    pub text: String,
    pub beside: Vec<Beside>,
}

/// A file beside a script.
#[derive(Clone, Debug)]
pub struct Beside {
    /// Relative to the script's folder, with `/` between folders.
    pub name: String,
    pub bytes: Cow<'static, [u8]>,
}

impl Beside {
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn copy(from: &Path, name: &str) -> Result<Self, ScriptError> {
        let bytes =
            std::fs::read(from).map_err(|source| whyfinder_experiment::ExperimentError::File {
                what: "read what the script needs beside it",
                path: from.to_path_buf(),
                source,
            })?;
        Ok(Self {
            name: name.to_string(),
            bytes: bytes.into(),
        })
    }
}

/// The name of a file beside the script.
pub(crate) fn beside_name(stem: &str, what: &str) -> String {
    format!("{stem}.{what}")
}

/// Python for a path that does not depend on where the script is run.
///
/// # Errors
/// A path that is no text.
pub(crate) fn path(path: &Path) -> Result<String, ScriptError> {
    let whole = absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let name = whole.to_str().ok_or_else(|| {
        ScriptError::refused(format!(
            "A Python script cannot name a path that is not Unicode; rename it. Path: {}",
            path.display()
        ))
    })?;
    Ok(format!("Path({})", text(name)))
}

/// Writes a plain Python script that repeats an experiment.
///
/// # Errors
/// A sentence where the model or a file is not at hand, or why the experiment cannot be repeated in Python.
pub fn write(asked: &Asked<'_>) -> Result<Script, ScriptError> {
    let Asked {
        experiment,
        answered,
        stem,
        options,
    } = asked;
    let answered = *answered;
    let name = experiment.instrument.name();
    let mut program = Program::new(format!(
        "Repeats a Whyfinder experiment ({name}) in plain PyTorch."
    ));
    program.facts(facts(experiment, answered));
    program.constant("HERE", "Path(__file__).resolve().parent");
    let mut beside = Vec::new();
    let makes: Box<dyn Fn(&str) -> bool>;
    let main;
    match &experiment.instrument {
        InstrumentSettings::Run { run } => {
            let model = Model::find(&experiment.model, options)?;
            needs(&mut program, "numpy, torch, transformers");
            run::write(&mut program, experiment, run, &model, answered)?;
            main = include_str!("../python/run_tail.py").to_string();
            beside.extend(model.files);
            makes = Box::new(|_| true);
        }
        InstrumentSettings::CausalTrace { corruption, trace } => {
            let model = Model::find(&experiment.model, options)?;
            needs(&mut program, "numpy, torch, transformers");
            beside.extend(trace::write(
                &mut program,
                experiment,
                corruption,
                trace,
                &model,
                answered,
                stem,
            )?);
            main = include_str!("../python/trace.py").to_string();
            beside.extend(model.files);
            makes = Box::new(|field| trace::makes(trace, field));
        }
        InstrumentSettings::Import { .. } => {
            return Err(ScriptError::refused(
                "Another program computed these numbers; its own code is what repeats them.",
            ));
        }
        InstrumentSettings::Image { input, method } => {
            needs(
                &mut program,
                "numpy, pillow, torch and, for .safetensors, safetensors",
            );
            let (files, function) =
                image::write(&mut program, experiment, input, method, stem, options)?;
            beside.extend(files);
            main = include_str!("../python/main_image.py")
                .replace("= instrument(", &format!("= {function}("));
            makes = Box::new(|_| true);
        }
    }
    if let Some(answered) = answered {
        beside.extend(compared(&mut program, answered, stem, &*makes)?);
    }
    program.piece(include_str!("../python/arguments.py"));
    program.piece(include_str!("../python/save.py"));
    program.piece(include_str!("../python/finish.py"));
    program.piece(&main);
    Ok(Script {
        text: program.text(),
        beside,
    })
}

fn needs(program: &mut Program, packages: &str) {
    program.facts([String::new(), format!("Needs {packages}.")]);
}

/// Whyfinder's own numbers, beside the script.
fn compared(
    program: &mut Program,
    answered: &Answered,
    stem: &str,
    makes: &dyn Fn(&str) -> bool,
) -> Result<Option<Beside>, ScriptError> {
    program.flag("against");
    let fields: Vec<_> = answered
        .fields
        .iter()
        .filter(|field| makes(&field.name))
        .cloned()
        .collect();
    let name = beside_name(stem, "whyfinder.npz");
    program.noted(
        "WHYFINDER",
        format!("HERE / {}", text(&name)),
        "what Whyfinder measured",
    );
    let references = answered
        .references
        .iter()
        .map(|(name, value)| format!("{}: {}", text(name), number32(*value)));
    let references = list(references);
    let inner = references.trim_start_matches('[').trim_end_matches(']');
    program.constant("REFERENCES", format!("{{{inner}}}"));
    program.piece(include_str!("../python/compare.py"));
    if fields.is_empty() {
        return Ok(None);
    }
    Ok(Some(Beside {
        name,
        bytes: pack_fields(&fields, &[])?.into(),
    }))
}
