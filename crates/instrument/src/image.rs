//! Instruments for networks that turn images into images.

pub(crate) mod bicubic_opencv;
pub(crate) mod degrade;
pub(crate) mod eight_bit;
pub(crate) mod fields;
pub(crate) mod quality;
pub(crate) mod rain;
pub(crate) mod restore;
pub(crate) mod scene;
pub(crate) mod whole_output;

use std::time::SystemTime;

use whyfinder_experiment::date::rfc3339;
use whyfinder_experiment::{
    Experiment, ImageMethod, InstrumentSettings, Outcome, Provenance, validate,
};
use whyfinder_model::network::ImageModel;

use crate::causal_effect_map;
use crate::error::{InstrumentError, Result};
use crate::measure::Cost;
use crate::memory::Budget;
use crate::report::Observer;

/// Carries out an experiment on images; the observer hears of every field and cell as it is measured.
///
/// # Errors
/// [`InstrumentError::Cancelled`] soon after the observer says so; otherwise a sentence that says why the experiment
/// cannot be carried out on this network or within this budget.
pub fn measure_image(
    model: &ImageModel,
    experiment: &Experiment,
    observer: &mut dyn Observer,
    budget: &Budget,
) -> Result<Outcome> {
    validate(experiment)?;
    let InstrumentSettings::Image { input, method } = &experiment.instrument else {
        return Err(needs_a_language_model(experiment));
    };
    match method {
        ImageMethod::CausalEffectMap(settings) => {
            causal_effect_map::measure(model, experiment, input, settings, observer, budget)
        }
        ImageMethod::Restore => restore::measure(model, experiment, input, observer, budget),
        other => Err(not_yet(other)),
    }
}

/// Says what an experiment on images would cost.
///
/// # Errors
/// As [`measure_image`].
pub fn estimate_image(
    model: &ImageModel,
    experiment: &Experiment,
    budget: &Budget,
) -> Result<Cost> {
    validate(experiment)?;
    let InstrumentSettings::Image { input, method } = &experiment.instrument else {
        return Err(needs_a_language_model(experiment));
    };
    match method {
        ImageMethod::CausalEffectMap(settings) => {
            causal_effect_map::estimate(model, experiment, input, settings, budget)
        }
        ImageMethod::Restore => restore::estimate(model, experiment, input, budget),
        other => Err(not_yet(other)),
    }
}

fn needs_a_language_model(experiment: &Experiment) -> InstrumentError {
    InstrumentError::unfit(format!(
        "The instrument \"{}\" is for language models, and this network turns images into images; name a language \
         model.",
        experiment.instrument.name()
    ))
}

fn not_yet(method: &ImageMethod) -> InstrumentError {
    InstrumentError::unfit(format!(
        "The instrument \"{}\" cannot be carried out yet.",
        method.name()
    ))
}

/// Where the numbers of a run come from.
pub(crate) fn provenance(model: &ImageModel) -> Provenance {
    let program = concat!("whyfinder ", env!("CARGO_PKG_VERSION"));
    model.card.provenance(program, &rfc3339(SystemTime::now()))
}
