//! From a file to the answer that is drawn.

use std::path::{Path, PathBuf};

use whyfinder_experiment::date::rfc3339;
use whyfinder_experiment::outcome::Summary;
use whyfinder_experiment::{
    Experiment, ImportForm, ImportSettings, ImportedFile, Input, InstrumentSettings, Outcome,
    Provenance,
};

use crate::array::Limits;
use crate::assemble::{self, Draft};
use crate::contents::{Contents, read_contents};
use crate::known::known;
use crate::plan::Plan;
use crate::{AxisRole, ImportError, read_tokens, recognise, statements, tokens};

/// How the name of the model begins that such numbers stand under.
pub const MADE_ELSEWHERE: &str = "computed elsewhere";

/// What a person says about a file; nothing by default, and then it is told from names and shapes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// The array that is meant.
    pub array: Option<String>,
    /// What its axes are, outermost first.
    pub axes: Vec<AxisRole>,
    /// A file of tokens.
    pub tokens: Option<PathBuf>,
    pub limits: Limits,
}

impl Asked {
    /// What was said when these numbers were read before.
    ///
    /// # Errors
    /// A sentence if an axis has no name.
    pub fn again(settings: &ImportSettings) -> Result<Self, ImportError> {
        Ok(Self {
            array: settings.array.clone(),
            axes: settings
                .axes
                .iter()
                .map(|name| name.parse())
                .collect::<Result<_, _>>()?,
            tokens: settings.tokens.clone(),
            limits: Limits::default(),
        })
    }
}

/// Numbers that were taken over.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    pub outcome: Outcome,
    /// Name, shape and type of every array of the file.
    pub arrays: Vec<(String, Vec<usize>, &'static str)>,
}

/// Reads a file of another program.
///
/// # Errors
/// A sentence if it cannot be read; [`ImportError::Unclear`], with a guess, if its meaning has to be said.
pub fn import(path: &Path, asked: &Asked) -> Result<Import, ImportError> {
    // Files beside it are looked for in its folder, which a bare name does not tell.
    let path = &std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let contents = read_contents(path, asked.limits)?;
    if asked.axes.is_empty()
        && asked.array.is_none()
        && let Some(mut draft) = known(&contents, path, asked.limits)?
    {
        if let Some(file) = &asked.tokens {
            draft.tokens = read_tokens(file)?;
        }
        return finish(draft, &contents, path, asked);
    }
    let plan = plan(&contents, asked)?;
    if !plan.certain {
        return Err(recognise::unclear(plan));
    }
    import_contents(&contents, path, &plan, asked)
}

/// The likeliest reading of a file's contents, whether certain or not.
///
/// # Errors
/// A sentence if nothing in it can be drawn, or what was asked does not fit it.
pub fn plan(contents: &Contents, asked: &Asked) -> Result<Plan, ImportError> {
    let tokens = match &asked.tokens {
        Some(path) => read_tokens(path)?,
        None => Vec::new(),
    };
    recognise::plan(contents, asked.array.as_deref(), &asked.axes, &tokens)
}

/// A file's contents read as a plan says; `asked` is kept, so that they can be read so again.
///
/// # Errors
/// A sentence if the plan does not fit.
pub fn import_contents(
    contents: &Contents,
    path: &Path,
    plan: &Plan,
    asked: &Asked,
) -> Result<Import, ImportError> {
    plan.check(contents)?;
    finish(assemble::draft(contents, plan)?, contents, path, asked)
}

pub(crate) fn finish(
    mut draft: Draft,
    contents: &Contents,
    path: &Path,
    asked: &Asked,
) -> Result<Import, ImportError> {
    if draft.form == ImportForm::Trace && !draft.reference.contains_key("corrupted") {
        // A trace is read from its corrupted value up; without one there are only values.
        draft.form = ImportForm::Effects;
    }
    let along = token_places(&draft);
    if !draft.tokens.is_empty() && draft.tokens.len() != along && along > 0 {
        return Err(ImportError::refused(format!(
            "There are {} tokens, and {along} places for them along the axis of tokens.",
            draft.tokens.len()
        )));
    }
    for token in &mut draft.tokens {
        *token = tokens::plain(token);
    }
    for field in &mut draft.fields {
        for axis in field.axes.iter_mut().filter(|a| a.name == "token") {
            if axis.len() == draft.tokens.len() {
                axis.labels = whyfinder_experiment::Labels::Text(draft.tokens.clone());
            }
        }
    }
    let mut notices = match draft.form {
        ImportForm::Attention => statements::of_attention(&draft.fields),
        ImportForm::Trace | ImportForm::Effects => statements::of_maps(&draft.fields),
    };
    notices.append(&mut draft.notices);
    if draft.tokens.is_empty() && draft.form != ImportForm::Effects {
        draft.tokens = (0..along).map(|i| i.to_string()).collect();
        notices.push("The file names no tokens; they are numbered.".into());
    }
    let files = std::iter::once((path.to_path_buf(), contents.digest.clone()))
        .chain(draft.files)
        .filter(|(path, _)| !path.as_os_str().is_empty())
        .map(|(path, digest)| ImportedFile {
            path: std::path::absolute(&path).unwrap_or(path),
            digest,
        })
        .collect();
    let name = path
        .file_name()
        .map_or_else(|| "a running program".into(), |n| n.to_string_lossy());
    let dtype = contents.arrays.first().map_or("", |a| a.dtype);
    let outcome = Outcome {
        experiment: Experiment {
            model: format!("{MADE_ELSEWHERE}: {name}"),
            seed: 0,
            input: Input::default(),
            instrument: InstrumentSettings::Import {
                import: ImportSettings {
                    form: draft.form,
                    recognised: draft.recognised,
                    array: asked.array.clone(),
                    axes: asked.axes.iter().map(ToString::to_string).collect(),
                    tokens: asked.tokens.clone(),
                    files,
                },
            },
        },
        fields: draft.fields,
        summary: Summary {
            reference: draft.reference,
            metric: draft.metric,
            answer: draft.answer,
            tokens: draft.tokens,
            subject: draft.subject,
            effects: draft.effects,
            notices,
            ..Summary::default()
        },
        provenance: Provenance {
            program: concat!("whyfinder ", env!("CARGO_PKG_VERSION")).to_string(),
            model: draft.model.unwrap_or_else(|| MADE_ELSEWHERE.to_string()),
            architecture: MADE_ELSEWHERE.to_string(),
            device: MADE_ELSEWHERE.to_string(),
            dtype: dtype.to_string(),
            date: rfc3339(std::time::SystemTime::now()),
            ..Provenance::default()
        },
        distributions: Vec::new(),
        attention: Vec::new(),
    };
    Ok(Import {
        outcome,
        arrays: contents
            .arrays
            .iter()
            .map(|a| (a.name.clone(), a.shape.clone(), a.dtype))
            .collect(),
    })
}

/// How many tokens there are places for: along the axis of tokens, or the keys of a pattern.
fn token_places(draft: &Draft) -> usize {
    let Some(field) = draft.fields.first() else {
        return 0;
    };
    match draft.form {
        ImportForm::Attention => field.axes.last().map_or(0, whyfinder_experiment::Axis::len),
        ImportForm::Trace | ImportForm::Effects => field
            .axes
            .iter()
            .find(|a| a.name == "token")
            .map_or(0, whyfinder_experiment::Axis::len),
    }
}
