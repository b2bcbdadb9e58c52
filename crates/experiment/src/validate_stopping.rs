//! What can be wrong with a rule that ends draws early.

use crate::ExperimentError;
use crate::validate::refuse;

/// The keys `confidence` and `resolution` of a section; `unit` is what the resolution is in.
pub(crate) fn check(
    section: &str,
    unit: &str,
    confidence: Option<f64>,
    resolution: f64,
) -> Result<(), ExperimentError> {
    if !(resolution.is_finite() && resolution > 0.0) {
        return refuse(format!(
            "The resolution {resolution} is not usable; set {section}.resolution to a number of {unit} above 0."
        ));
    }
    match confidence {
        Some(confidence) if !(0.5..1.0).contains(&confidence) => refuse(format!(
            "The confidence {confidence} is not usable; set {section}.confidence to a number from 0.5 to below 1, such \
             as 0.95, or remove it to have all draws everywhere."
        )),
        _ => Ok(()),
    }
}
