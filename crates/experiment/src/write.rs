//! Writing experiments, and the name a cache knows them by.

use std::path::Path;

use crate::document::Document;
use crate::whole_file::write_whole;
use crate::{Experiment, ExperimentError};

/// The experiment as TOML, every setting written out; reading it gives the same experiment.
///
/// # Errors
/// If a value has no TOML form; no experiment that [`crate::validate`] accepts has one.
pub fn to_toml(experiment: &Experiment) -> Result<String, ExperimentError> {
    toml::to_string(experiment).map_err(no_toml)
}

fn no_toml(error: toml::ser::Error) -> ExperimentError {
    ExperimentError::invalid(format!(
        "The experiment cannot be written as TOML: {error}."
    ))
}

/// The experiment as canonical JSON: one line, every setting, always the same order of keys.
///
/// # Errors
/// If a path in it is not Unicode.
pub fn to_json(experiment: &Experiment) -> Result<String, ExperimentError> {
    serde_json::to_string(experiment).map_err(no_json)
}

fn no_json(error: serde_json::Error) -> ExperimentError {
    ExperimentError::invalid(format!(
        "The experiment cannot be written as JSON: {error}."
    ))
}

/// Writes an experiment file, JSON if the path ends in `.json` and TOML otherwise; whole or not at all.
///
/// # Errors
/// If the file cannot be written.
pub fn write_experiment(path: &Path, experiment: &Experiment) -> Result<(), ExperimentError> {
    let json = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let signed = Document::from(experiment.clone()).signed();
    let text = if json {
        let text = serde_json::to_string_pretty(&signed).map_err(no_json)?;
        format!("{text}\n")
    } else {
        toml::to_string(&signed).map_err(no_toml)?
    };
    write_whole(path, "write the experiment", text.as_bytes())
}

/// BLAKE3 digest, hex, of the canonical JSON: equal for equal experiments, on every machine.
///
/// # Errors
/// As [`to_json`].
pub fn digest(experiment: &Experiment) -> Result<String, ExperimentError> {
    Ok(blake3::hash(to_json(experiment)?.as_bytes())
        .to_hex()
        .to_string())
}
