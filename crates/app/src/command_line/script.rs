//! An experiment as a Python script.

use std::io::Read;
use std::path::Path;

use whyfinder_experiment::{read_experiment, read_result};
use whyfinder_figure::{may_hold_origin, open_origin};
use whyfinder_model::OpenOptions;
use whyfinder_script::ScriptError;

use super::arguments;
use super::command_error::CommandError;
use super::existing;
use super::say::say;
use crate::python_script::{Source, files, save, stem_of};

impl From<ScriptError> for CommandError {
    fn from(error: ScriptError) -> Self {
        Self::bad_request(error)
    }
}

pub(crate) fn script(arguments: &arguments::Script) -> Result<(), CommandError> {
    let source = read(&arguments.from, arguments.source)?;
    let stem = stem_of(arguments.out.as_deref().unwrap_or(&arguments.from));
    let script = source.script(&stem, &OpenOptions::default())?;
    let Some(out) = &arguments.out else {
        for file in &script.beside {
            eprintln!(
                "The script reads {} beside it; --out writes both.",
                file.name
            );
        }
        return say(script.text.trim_end());
    };
    existing::check(
        files(&script, out).iter().map(|(p, b)| (p.as_path(), *b)),
        arguments.over.force,
    )?;
    let written = save(&script, out).map_err(CommandError::failed)?;
    let names: Vec<String> = written.iter().map(|p| p.display().to_string()).collect();
    say(format!("Wrote {}", names.join(", ")))
}

/// An experiment, a result or a figure, told from its first bytes.
fn read(path: &Path, which: usize) -> Result<Source, CommandError> {
    let mut head = Vec::new();
    if !path.is_dir()
        && let Ok(file) = std::fs::File::open(path)
    {
        // What cannot be read is said by whoever reads it whole.
        let _ = file.take(4096).read_to_end(&mut head);
    }
    if path.is_dir() || head.starts_with(b"PK") {
        return Ok(Source::result(&read_result(path)?));
    }
    if may_hold_origin(&head) {
        let origin = open_origin(path).map_err(CommandError::bad_request)?;
        let there = origin.sources.len();
        let source = which.checked_sub(1).and_then(|i| origin.sources.get(i));
        let source = source.ok_or_else(|| {
            CommandError::bad_request(format!(
                "The figure shows {there} results, and --source {which} is none of them; count from 1."
            ))
        })?;
        return Ok(Source::of_figure(source));
    }
    Ok(Source::experiment(read_experiment(path, &[])?))
}
