//! Numbers that other programs computed, on the command line.

use std::path::Path;

use serde_json::json;
use whyfinder_experiment::{InstrumentSettings, Outcome, read_experiment, read_result};
use whyfinder_import::{Asked, AxisRole, Import, ImportError, import, is_foreign};

use super::arguments;
use super::command_error::CommandError;
use super::say::say;

impl From<ImportError> for CommandError {
    fn from(error: ImportError) -> Self {
        Self::bad_request(error)
    }
}

/// What was said about files of other programs.
///
/// # Errors
/// A sentence if an axis has no name, or two have one.
pub(crate) fn asked(arguments: &arguments::Elsewhere) -> Result<Asked, CommandError> {
    Ok(Asked {
        array: arguments.array.clone(),
        axes: match &arguments.axes {
            Some(list) => AxisRole::list(list)?,
            None => Vec::new(),
        },
        tokens: arguments.tokens.clone(),
        ..Asked::default()
    })
}

/// A result of this program, numbers of another, or an experiment that names such numbers.
pub(crate) fn read_answer(path: &Path, asked: &Asked) -> Result<Outcome, CommandError> {
    if is_foreign(path) {
        return Ok(import(path, asked)?.outcome);
    }
    let is_text = path.extension().is_some_and(|e| e == "toml" || e == "json");
    if is_text
        && let Ok(experiment) = read_experiment(path, &[])
        && let InstrumentSettings::Import { import } = &experiment.instrument
    {
        return Ok(again(import)?.outcome);
    }
    Ok(read_result(path)?)
}

/// Numbers that were taken over before, read once more from their file.
pub(crate) fn again(
    settings: &whyfinder_experiment::ImportSettings,
) -> Result<Import, ImportError> {
    let Some(file) = settings.files.first() else {
        return Err(ImportError::Refused {
            message: "The numbers came from a running program; no file holds them.".into(),
        });
    };
    import(&file.path, &Asked::again(settings)?)
}

/// Says what a file was taken for.
pub(crate) fn inspect(path: &Path, arguments: &arguments::Inspect) -> Result<(), CommandError> {
    let read = match import(path, &asked(&arguments.elsewhere)?) {
        Ok(read) => read,
        Err(ImportError::Unclear { message, guess }) if arguments.json => {
            let axes: Vec<&str> = guess.axes.iter().map(AxisRole::name).collect();
            return say(json!({
                "file": path,
                "certain": false,
                "guess": { "arrays": guess.arrays, "axes": axes, "form": guess.form },
                "message": message,
            }));
        }
        Err(error) => return Err(error.into()),
    };
    let InstrumentSettings::Import { import } = &read.outcome.experiment.instrument else {
        return Ok(());
    };
    let summary = &read.outcome.summary;
    if arguments.json {
        let arrays: Vec<_> = read
            .arrays
            .iter()
            .map(|(name, shape, dtype)| json!({"name": name, "shape": shape, "dtype": dtype}))
            .collect();
        let fields: Vec<_> = read
            .outcome
            .fields
            .iter()
            .map(|f| {
                let axes: Vec<&str> = f.axes.iter().map(|a| a.name.as_str()).collect();
                json!({"name": f.name, "axes": axes, "shape": f.shape()})
            })
            .collect();
        return say(json!({
            "file": path,
            "certain": true,
            "form": import.form,
            "recognised": import.recognised,
            "arrays": arrays,
            "fields": fields,
            "tokens": summary.tokens,
            "reference": summary.reference,
            "notices": summary.notices,
            "digest": import.files.first().map(|f| &f.digest),
        }));
    }
    let mut lines = vec![
        format!("file        {}", path.display()),
        format!("taken for   {}", import.recognised),
    ];
    for (name, shape, dtype) in read.arrays.iter().take(24) {
        lines.push(format!("array       {name} {shape:?} {dtype}"));
    }
    if read.arrays.len() > 24 {
        lines.push(format!("array       and {} more", read.arrays.len() - 24));
    }
    for field in read.outcome.fields.iter().take(24) {
        let axes: Vec<String> = field
            .axes
            .iter()
            .map(|a| format!("{} {}", a.name, a.len()))
            .collect();
        lines.push(format!(
            "drawn as    {} over {}",
            field.name,
            axes.join(", ")
        ));
    }
    if read.outcome.fields.len() > 24 {
        lines.push(format!(
            "drawn as    and {} more",
            read.outcome.fields.len() - 24
        ));
    }
    if !summary.tokens.is_empty() {
        let shown: Vec<String> = summary
            .tokens
            .iter()
            .take(12)
            .map(|t| format!("{t:?}"))
            .collect();
        let more = if summary.tokens.len() > 12 {
            ", …"
        } else {
            ""
        };
        lines.push(format!(
            "tokens      {}: {}{more}",
            summary.tokens.len(),
            shown.join(", ")
        ));
    }
    for (name, value) in &summary.reference {
        lines.push(format!("{name:<11} {value:.4}"));
    }
    lines.extend(summary.notices.iter().map(|n| format!("note        {n}")));
    for file in &import.files {
        lines.push(format!(
            "digest      {} {}",
            file.digest,
            file.path.display()
        ));
    }
    say(lines.join("\n"))
}
