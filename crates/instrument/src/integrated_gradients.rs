//! Integrated gradients (Sundararajan, Taly and Yan 2017), by the midpoint rule.

use whyfinder_experiment::image_experiment::{IntegratedGradientsSettings, LamSettings};
use whyfinder_experiment::{Experiment, ImageInput, Outcome};
use whyfinder_model::network::ImageModel;

use crate::attribution::asked::Asked;
use crate::attribution::path::{Path, baseline};
use crate::error::Result;
use crate::lam;
use crate::measure::Cost;
use crate::memory::Budget;
use crate::report::Observer;

pub(crate) fn estimate(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &IntegratedGradientsSettings,
    budget: &Budget,
) -> Result<Cost> {
    let asked =
        Asked::read(model, experiment, input, settings.detector)?.in_precision(settings.precision);
    lam::estimate_path(&asked, settings.steps, budget)
}

pub(crate) fn measure(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &IntegratedGradientsSettings,
    observer: &mut dyn Observer,
    budget: &Budget,
) -> Result<Outcome> {
    let asked =
        Asked::read(model, experiment, input, settings.detector)?.in_precision(settings.precision);
    let from = baseline(
        &asked.picture,
        settings.baseline,
        usual_blur(),
        &asked.within,
    );
    let path = Path::straight(&asked.picture, from, settings.steps, asked.within.clone());
    lam::integrate(&asked, experiment, &path, observer, budget)
}

/// Standard deviation and side of the blur: those of a local attribution map, so that the two begin alike.
pub(crate) fn usual_blur() -> (f64, usize) {
    let lam = LamSettings::default();
    (lam.sigma, lam.kernel)
}
