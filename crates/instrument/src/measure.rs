//! The door of the room: an experiment in, an outcome out.

use std::time::{Instant, SystemTime};

use candle_core::Tensor;
use whyfinder_experiment::date::rfc3339;
use whyfinder_experiment::partial::digests_of;
use whyfinder_experiment::{
    Experiment, ImageMethod, InstrumentSettings, Outcome, Provenance, validate,
};
use whyfinder_model::{Decoder, LanguageModel, Pass, Unembed};

use crate::error::{InstrumentError, Result};
use crate::memory::{Budget, row_flops};
use crate::report::Observer;
use crate::{causal_trace, run};

/// What an experiment would cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Bytes beside the model's weights.
    pub bytes: u64,
    /// Bytes of the result's arrays, at most; on the disk they are packed.
    pub result_bytes: u64,
    /// Batch rows through the whole network, a row through part of it counted as that part.
    pub passes: f64,
    /// Batch rows that one full pass per cell would take.
    pub passes_plain: f64,
    pub seconds: f64,
}

/// Carries out an experiment; the observer hears of every field and cell as it is measured.
///
/// # Errors
/// [`crate::InstrumentError::Cancelled`] soon after the observer says so; otherwise a sentence that says why the
/// experiment cannot be carried out on this model or within this budget.
pub fn measure(
    model: &LanguageModel,
    experiment: &Experiment,
    observer: &mut dyn Observer,
    budget: &Budget,
) -> Result<Outcome> {
    validate(experiment)?;
    match &experiment.instrument {
        InstrumentSettings::Run { run: settings } => {
            run::measure(model, experiment, settings, observer, budget)
        }
        InstrumentSettings::CausalTrace { corruption, trace } => {
            let files = digests_of(experiment);
            let outcome =
                causal_trace::measure(model, experiment, corruption, trace, observer, budget)?;
            Ok(of_files(outcome, files?))
        }
        InstrumentSettings::Image { method, .. } => Err(needs_an_image_network(method)),
        InstrumentSettings::Import { .. } => Err(nothing_to_run()),
    }
}

/// An outcome that says which content the files of its experiment had.
pub(crate) fn of_files(mut outcome: Outcome, digests: Vec<String>) -> Outcome {
    outcome.provenance.file_digests = digests;
    outcome
}

/// Says what an experiment would cost. The time is that of a short pass, measured now, scaled by the arithmetic of
/// the whole.
///
/// # Errors
/// As [`measure`].
pub fn estimate(model: &LanguageModel, experiment: &Experiment, budget: &Budget) -> Result<Cost> {
    validate(experiment)?;
    match &experiment.instrument {
        InstrumentSettings::Run { run: settings } => {
            run::estimate(model, experiment, settings, budget)
        }
        InstrumentSettings::CausalTrace { corruption, trace } => {
            causal_trace::estimate(model, experiment, corruption, trace, budget)
        }
        InstrumentSettings::Image { method, .. } => Err(needs_an_image_network(method)),
        InstrumentSettings::Import { .. } => Err(nothing_to_run()),
    }
}

fn nothing_to_run() -> InstrumentError {
    InstrumentError::unfit(
        "The numbers of this experiment were computed by another program, so there is nothing to run; their file can be \
         opened and drawn.",
    )
}

fn needs_an_image_network(method: &ImageMethod) -> InstrumentError {
    InstrumentError::unfit(format!(
        "The instrument \"{}\" is for networks that turn images into images, and this is a language model; name a \
         restoration network.",
        method.name()
    ))
}

/// Where the numbers of a run come from.
pub(crate) fn provenance(model: &LanguageModel) -> Result<Provenance> {
    let program = concat!("whyfinder ", env!("CARGO_PKG_VERSION"));
    Ok(model
        .card
        .provenance(program, &rfc3339(SystemTime::now()))?)
}

/// Arithmetic of the pass that time is estimated from, unless a single row already takes more.
const PROBE_FLOPS: f64 = 5e9;
const PROBE_ROWS: f64 = 16.0;

/// Measures how long this network takes for its arithmetic on this machine.
pub(crate) fn seconds_per_flop(decoder: &Decoder, ids: &[u32]) -> Result<f64> {
    let layers = decoder.config().layers;
    let flops = row_flops(decoder.config(), ids.len(), layers, 1);
    let rows = (PROBE_FLOPS / flops).clamp(1.0, PROBE_ROWS) as usize;
    let tokens = Tensor::from_vec(ids.repeat(rows), (rows, ids.len()), decoder.device())?;
    let pass = Pass {
        unembed: Unembed::Last,
        ..Pass::default()
    };
    let mut seconds = f64::INFINITY;
    // The first pass may still be bringing the weights into memory.
    for _ in 0..2 {
        let began = Instant::now();
        crate::kept::to_host(&decoder.logits(&tokens, &pass)?)?;
        seconds = seconds.min(began.elapsed().as_secs_f64());
        if seconds > 1.0 {
            break;
        }
    }
    Ok(seconds / (flops * rows as f64))
}
