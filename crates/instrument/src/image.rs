//! Instruments for networks that turn images into images.

pub(crate) mod bicubic_opencv;
pub(crate) mod degrade;
pub(crate) mod eight_bit;
pub(crate) mod fields;
pub(crate) mod node_by_node;
pub(crate) mod quality;
pub(crate) mod rain;
pub(crate) mod restore;
pub(crate) mod scene;
mod tile_by_tile;
pub(crate) mod whole_output;

use std::time::SystemTime;

use whyfinder_experiment::date::rfc3339;
use whyfinder_experiment::partial::digests_of;
use whyfinder_experiment::{
    Experiment, ImageMethod, InstrumentSettings, Outcome, Provenance, validate,
};
use whyfinder_model::network::ImageModel;

use crate::causal_effect_map::{self, occlusion};
use crate::error::{InstrumentError, Result};
use crate::measure::{Cost, of_files};
use crate::memory::Budget;
use crate::report::Observer;
use crate::{
    faithfulness, gradient, integrated_gradients, lam, receptive_field, rise, window_attention,
};

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
    // Read before, as the instrument reads them at its start; the instrument says what is wrong with them.
    let files = digests_of(experiment);
    let outcome = match method {
        ImageMethod::CausalEffectMap(settings) => {
            causal_effect_map::measure(model, experiment, input, settings, observer, budget)
        }
        ImageMethod::Restore => restore::measure(model, experiment, input, observer, budget),
        ImageMethod::Lam(settings) => {
            lam::measure(model, experiment, input, settings, observer, budget)
        }
        ImageMethod::Gradient(settings) => {
            gradient::measure(model, experiment, input, settings, observer, budget)
        }
        ImageMethod::IntegratedGradients(settings) => {
            integrated_gradients::measure(model, experiment, input, settings, observer, budget)
        }
        ImageMethod::Occlusion(settings) => {
            occlusion::measure(model, experiment, input, settings, observer, budget)
        }
        ImageMethod::Rise(settings) => {
            rise::measure(model, experiment, input, settings, observer, budget)
        }
        ImageMethod::ReceptiveField(settings) => {
            receptive_field::measure(model, experiment, input, settings, observer, budget)
        }
        ImageMethod::WindowAttention(settings) => {
            window_attention::measure(model, experiment, input, settings, observer, budget)
        }
        ImageMethod::Faithfulness(settings) => {
            faithfulness::measure(model, experiment, input, settings, observer, budget)
        }
    };
    Ok(of_files(outcome?, files?))
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
        ImageMethod::Lam(settings) => lam::estimate(model, experiment, input, settings, budget),
        ImageMethod::Gradient(settings) => {
            gradient::estimate(model, experiment, input, settings, budget)
        }
        ImageMethod::IntegratedGradients(settings) => {
            integrated_gradients::estimate(model, experiment, input, settings, budget)
        }
        ImageMethod::Occlusion(settings) => {
            occlusion::estimate(model, experiment, input, settings, budget)
        }
        ImageMethod::Rise(settings) => rise::estimate(model, experiment, input, settings, budget),
        ImageMethod::ReceptiveField(settings) => {
            receptive_field::estimate(model, experiment, input, settings, budget)
        }
        ImageMethod::WindowAttention(_) => {
            window_attention::estimate(model, experiment, input, budget)
        }
        ImageMethod::Faithfulness(settings) => {
            faithfulness::estimate(model, experiment, input, settings, budget)
        }
    }
}

fn needs_a_language_model(experiment: &Experiment) -> InstrumentError {
    InstrumentError::unfit(format!(
        "The instrument \"{}\" is for language models, and this network turns images into images; name a language \
         model.",
        experiment.instrument.name()
    ))
}

/// Where the numbers of a run come from.
pub(crate) fn provenance(model: &ImageModel) -> Provenance {
    let program = concat!("whyfinder ", env!("CARGO_PKG_VERSION"));
    model.card.provenance(program, &rfc3339(SystemTime::now()))
}

/// What OpenCV and numpy make of patches and seeds (`tests/fixtures/make_opencv.py`).
#[cfg(test)]
pub(crate) fn opencv_fixture() -> std::collections::HashMap<String, candle_core::Tensor> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/opencv/opencv.safetensors"
    );
    candle_core::safetensors::load(path, &candle_core::Device::Cpu).expect("the fixture")
}
