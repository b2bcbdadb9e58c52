//! What can be wrong with an experiment on images before any model or image is opened.

use crate::ExperimentError;
use crate::image_experiment::{
    Bank, Draws, FaithfulnessSettings, ImageInput, ImageMethod, ImageSource, ImageTask,
    IntegratedGradientsSettings, InterventionSettings, LamSettings, MapSource, RiseSettings,
};
use crate::validate::refuse;
use crate::validate_stopping;

/// Interventions on one block beyond which only the wait grows.
const MOST_DRAWS: usize = 10_000;
/// Steps, masks and inputs beyond which only the wait grows.
const MOST_STEPS: usize = 1_000_000;
/// Longest side of an image, pixels.
const LONGEST_SIDE: usize = 1 << 16;

pub(crate) fn check(input: &ImageInput, method: &ImageMethod) -> Result<(), ExperimentError> {
    check_input(input, method)?;
    match method {
        ImageMethod::CausalEffectMap(settings) => check_intervention(settings),
        ImageMethod::Lam(settings) => check_lam(settings),
        ImageMethod::IntegratedGradients(settings) => check_steps(settings),
        ImageMethod::Occlusion(settings) => check_block(settings.block, "occlusion"),
        ImageMethod::Rise(settings) => check_rise(settings),
        ImageMethod::ReceptiveField(settings) => {
            check_number(settings.inputs, 0, "receptive-field.inputs")
        }
        ImageMethod::Faithfulness(settings) => check_faithfulness(settings),
        ImageMethod::Gradient(_) | ImageMethod::WindowAttention(_) | ImageMethod::Restore => Ok(()),
    }
}

fn check_input(input: &ImageInput, method: &ImageMethod) -> Result<(), ExperimentError> {
    for (key, source) in [("image", &input.image), ("truth", &input.truth)] {
        let empty = match source {
            None => false,
            Some(ImageSource::Picture(name)) => name.trim().is_empty(),
            Some(ImageSource::File(path)) => path.as_os_str().is_empty(),
        };
        if empty {
            return refuse(format!(
                "The name of the {key} is empty; name a file or picture:NAME in input.{key}."
            ));
        }
    }
    if input.image.is_none() && input.truth.is_none() {
        return refuse(
            "The experiment has no image; add image = \"degraded.png\", truth = \"clean.png\" or both to [input].",
        );
    }
    if method.needs_truth() && input.truth.is_none() {
        return refuse(
            "What is measured is the PSNR against the true picture, and there is none; add truth = \"clean.png\" to \
             [input].",
        );
    }
    if input.task == Some(ImageTask::Derain) && input.truth.is_none() && method.needs_truth() {
        return refuse(
            "Rain is put over the clean picture again with each patch; add truth = \"clean.png\" to [input].",
        );
    }
    match input.region {
        None if method.needs_region() => {
            return refuse(
                "The experiment asks about no part of the output; add region = [x, y, width, height] to [input].",
            );
        }
        Some(region @ [.., width, height]) if width == 0 || height == 0 => {
            return refuse(format!(
                "The region {region:?} is empty; input.region is [x, y, width, height] in the output's pixels."
            ));
        }
        Some(region) if region.iter().any(|&n| n > LONGEST_SIDE) => {
            return refuse(format!(
                "The region {region:?} lies beyond every image; input.region is [x, y, width, height] in the output's \
                 pixels."
            ));
        }
        _ => {}
    }
    if let Some(sigma) = input.sigma
        && !(0.0..=255.0).contains(&sigma)
    {
        return refuse(format!(
            "The noise level {sigma} is not usable; set input.sigma to a number from 0 to 255."
        ));
    }
    if let Some(scale) = input.scale
        && !(1..=16).contains(&scale)
    {
        return refuse(format!(
            "The scale {scale} is not usable; set input.scale to a whole number from 1 to 16."
        ));
    }
    Ok(())
}

fn check_intervention(settings: &InterventionSettings) -> Result<(), ExperimentError> {
    if let Bank::File(path) = &settings.bank
        && path.as_os_str().is_empty()
    {
        return refuse(
            "The patch bank's name is empty; write builtin or name a .npy file in intervention.bank.",
        );
    }
    check_block(settings.block, "intervention")?;
    if settings.coarse == 0 {
        return refuse(
            "Each block needs an intervention to show anything; set intervention.coarse to at least 1.",
        );
    }
    for (key, draws) in [("coarse", settings.coarse), ("fine", settings.fine)] {
        if draws > MOST_DRAWS {
            return refuse(format!(
                "The number of {key} interventions is {draws}; set intervention.{key} to at most {MOST_DRAWS}."
            ));
        }
    }
    if !(settings.tolerance.is_finite() && settings.tolerance >= 0.0) {
        return refuse(format!(
            "The tolerance {} is not usable; set intervention.tolerance to a number of dB, 0 or more.",
            settings.tolerance
        ));
    }
    validate_stopping::check(
        "intervention",
        "dB",
        settings.confidence,
        settings.resolution,
    )?;
    if settings.confidence.is_some() && settings.fine == 0 {
        return refuse(
            "There is no second stage that a confidence could end; set intervention.fine to at least 1 or remove \
             intervention.confidence.",
        );
    }
    if settings.only.is_some() && settings.draws == Draws::Numpy {
        return refuse(
            "The draws of one block alone are those that it has in the whole map only if every block has a stream of \
             its own; set intervention.draws to \"stream\" or remove intervention.only.",
        );
    }
    let quirks = &settings.compatible;
    if let Some(twice) = (1..quirks.len()).find(|&i| quirks[..i].contains(&quirks[i])) {
        return refuse(format!(
            "The list intervention.compatible names \"{}\" twice; remove one of them.",
            quirks[twice].name()
        ));
    }
    Ok(())
}

fn check_block(block: usize, section: &str) -> Result<(), ExperimentError> {
    if (1..=LONGEST_SIDE).contains(&block) {
        return Ok(());
    }
    refuse(format!(
        "Blocks of {block} pixels are not usable; set {section}.block to a whole number of the output's pixels, such \
         as 8."
    ))
}

fn check_number(number: usize, least: usize, key: &str) -> Result<(), ExperimentError> {
    if (least..=MOST_STEPS).contains(&number) {
        return Ok(());
    }
    refuse(format!(
        "The number {number} is not usable; set {key} to a whole number from {least} to {MOST_STEPS}."
    ))
}

fn check_lam(settings: &LamSettings) -> Result<(), ExperimentError> {
    check_number(settings.fold, 1, "lam.fold")?;
    if settings.kernel.is_multiple_of(2) || settings.kernel > 999 {
        return refuse(format!(
            "A blur of {} pixels has no middle or no end; set lam.kernel to an odd number, such as 9.",
            settings.kernel
        ));
    }
    if !(settings.sigma.is_finite() && settings.sigma > 0.0) {
        return refuse(format!(
            "The blur {} is not usable; set lam.sigma to a number of pixels above 0.",
            settings.sigma
        ));
    }
    Ok(())
}

fn check_steps(settings: &IntegratedGradientsSettings) -> Result<(), ExperimentError> {
    check_number(settings.steps, 1, "integrated-gradients.steps")
}

fn check_rise(settings: &RiseSettings) -> Result<(), ExperimentError> {
    check_number(settings.masks, 1, "rise.masks")?;
    if !(1..=1024).contains(&settings.grid) {
        return refuse(format!(
            "A grid of {} cells is not usable; set rise.grid to a whole number from 1 to 1024.",
            settings.grid
        ));
    }
    if !(settings.probability > 0.0 && settings.probability < 1.0) {
        return refuse(format!(
            "The probability {} leaves nothing to compare; set rise.probability to a number between 0 and 1.",
            settings.probability
        ));
    }
    Ok(())
}

fn check_faithfulness(settings: &FaithfulnessSettings) -> Result<(), ExperimentError> {
    let empty =
        |map: &MapSource| matches!(map, MapSource::Result(path) if path.as_os_str().is_empty());
    if settings.maps.is_empty() || settings.maps.iter().any(empty) {
        return refuse(format!(
            "There is no map to try; name instruments ({}) or results in faithfulness.maps.",
            MapSource::INSTRUMENTS.join(", ")
        ));
    }
    check_block(settings.block, "faithfulness")?;
    check_number(settings.steps, 1, "faithfulness.steps")?;
    check_number(settings.random, 0, "faithfulness.random")
}
