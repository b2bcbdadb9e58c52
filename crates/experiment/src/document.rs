//! The shape of an experiment on disk: the same sections in TOML and in JSON.

use serde::{Deserialize, Serialize};

use crate::{
    Corruption, Experiment, ExperimentError, Input, InstrumentSettings, RunSettings, TraceSettings,
};

/// An instrument's name as written in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum InstrumentName {
    Run,
    CausalTrace,
}

/// An experiment with each section in its own place, in the order in which it is written.
///
/// Settings that serde would have to flatten cannot refuse unknown keys; sections can.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    instrument: InstrumentName,
    model: String,
    #[serde(default)]
    seed: u32,
    #[serde(default)]
    input: Input,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<RunSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    corruption: Option<Corruption>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<TraceSettings>,
}

impl From<Experiment> for Document {
    fn from(experiment: Experiment) -> Self {
        let (instrument, run, corruption, trace) = match experiment.instrument {
            InstrumentSettings::Run { run } => (InstrumentName::Run, Some(run), None, None),
            InstrumentSettings::CausalTrace { corruption, trace } => (
                InstrumentName::CausalTrace,
                None,
                Some(corruption),
                Some(trace),
            ),
        };
        Self {
            instrument,
            model: experiment.model,
            seed: experiment.seed,
            input: experiment.input,
            run,
            corruption,
            trace,
        }
    }
}

impl TryFrom<Document> for Experiment {
    type Error = ExperimentError;

    fn try_from(document: Document) -> Result<Self, Self::Error> {
        let Document {
            instrument,
            model,
            seed,
            input,
            run,
            corruption,
            trace,
        } = document;
        let misplaced = |section: &str, name: &str| {
            Err(ExperimentError::invalid(format!(
                "The section [{section}] does not belong to the instrument \"{name}\"; remove it or change the \
                 instrument."
            )))
        };
        let instrument = match instrument {
            InstrumentName::Run if corruption.is_some() => return misplaced("corruption", "run"),
            InstrumentName::Run if trace.is_some() => return misplaced("trace", "run"),
            InstrumentName::Run => InstrumentSettings::Run {
                run: run.unwrap_or_default(),
            },
            InstrumentName::CausalTrace if run.is_some() => {
                return misplaced("run", "causal-trace");
            }
            InstrumentName::CausalTrace => InstrumentSettings::CausalTrace {
                corruption: corruption.unwrap_or_default(),
                trace: trace.unwrap_or_default(),
            },
        };
        Ok(Experiment {
            model,
            seed,
            input,
            instrument,
        })
    }
}
