//! Experiments as Python scripts, with the files that they read beside them.

use std::path::{Path, PathBuf};

use whyfinder_experiment::{Experiment, ExperimentError, Outcome, write_whole};
use whyfinder_figure::OriginSource;
use whyfinder_model::OpenOptions;
use whyfinder_script::{Answered, Asked, Script, ScriptError, write};

/// What a script is made from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) experiment: Experiment,
    pub(crate) answered: Option<Answered>,
}

impl Source {
    pub(crate) fn experiment(experiment: Experiment) -> Self {
        Self {
            experiment,
            answered: None,
        }
    }

    pub(crate) fn result(outcome: &Outcome) -> Self {
        Self {
            experiment: outcome.experiment.clone(),
            answered: Some(Answered::of(outcome)),
        }
    }

    /// One of the results behind a figure, which keeps some of their numbers.
    pub(crate) fn of_figure(source: &OriginSource) -> Self {
        let kept = source.numbers.iter().map(|kept| {
            (
                kept.field.as_str(),
                kept.shape.as_slice(),
                kept.stride,
                kept.values.as_slice(),
            )
        });
        Self {
            experiment: source.experiment.clone(),
            answered: Some(Answered::of_kept(source.provenance.clone(), kept)),
        }
    }

    /// The script; `stem` begins the names of the files beside it.
    pub(crate) fn script(&self, stem: &str, options: &OpenOptions) -> Result<Script, ScriptError> {
        write(&Asked {
            experiment: &self.experiment,
            answered: self.answered.as_ref(),
            stem,
            options,
        })
    }
}

/// The name without its ending; files beside the script begin with it.
pub(crate) fn stem_of(path: &Path) -> String {
    path.file_stem().map_or_else(
        || "script".into(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}

/// What would be written where: the files beside the script, and the script last.
pub(crate) fn files<'a>(script: &'a Script, path: &Path) -> Vec<(PathBuf, &'a [u8])> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let beside = script.beside.iter();
    let mut files: Vec<(PathBuf, &[u8])> = beside
        .map(|file| (folder.join(&file.name), &*file.bytes))
        .collect();
    files.push((path.to_path_buf(), script.text.as_bytes()));
    files
}

/// Writes the files beside the script, then the script, each whole or not at all; gives their paths, the script's last.
///
/// # Errors
/// If one cannot be written; files that were there stay as they were.
pub(crate) fn save(script: &Script, path: &Path) -> Result<Vec<PathBuf>, ExperimentError> {
    let mut written = Vec::new();
    for (at, bytes) in files(script, path) {
        let is_script = at == path;
        // Weights are large, and often there already.
        if is_script || !std::fs::read(&at).is_ok_and(|there| there == bytes) {
            let what = match is_script {
                true => "write the script",
                false => "write what the script reads",
            };
            write_whole(&at, what, bytes)?;
        }
        written.push(at);
    }
    Ok(written)
}
