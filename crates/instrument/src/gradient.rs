//! The gradient of a number of the region at the picture itself, and gradient times input (Simonyan et al. 2014;
//! Shrikumar et al. 2016).

use std::time::Instant;

use whyfinder_experiment::image_experiment::GradientSettings;
use whyfinder_experiment::{Experiment, ImageInput, Outcome};
use whyfinder_model::network::ImageModel;

use crate::attribution::asked::{Asked, PASSES_PER_GRADIENT, Telling, start};
use crate::attribution::integral::strengths;
use crate::error::Result;
use crate::lam::spread_of;
use crate::measure::Cost;
use crate::memory::Budget;
use crate::report::{Observer, Report};

pub(crate) fn estimate(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &GradientSettings,
    budget: &Budget,
) -> Result<Cost> {
    let asked =
        Asked::read(model, experiment, input, settings.detector)?.in_precision(settings.precision);
    let bytes = asked.bytes(5, 8, asked.gradient_bytes());
    let bytes = asked.check(bytes, budget)?;
    let seconds = asked.seconds_per_gradient()?;
    let bytes = (bytes, result_bytes(&asked));
    asked.estimate(PASSES_PER_GRADIENT, bytes, seconds, budget)
}

/// Three maps, and what can be reached.
fn result_bytes(asked: &Asked<'_>) -> u64 {
    asked.result_bytes(4, 0, 0)
}

pub(crate) fn measure(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &GradientSettings,
    observer: &mut dyn Observer,
    budget: &Budget,
) -> Result<Outcome> {
    let began = Instant::now();
    let asked =
        Asked::read(model, experiment, input, settings.detector)?.in_precision(settings.precision);
    let bytes = asked.bytes(5, 8, asked.gradient_bytes());
    let bytes = asked.check(bytes, budget)?;
    observer.announce(result_bytes(&asked))?;
    let reading = asked.reading()?;
    let (mut fields, qualities) = asked.pictures(observer, budget)?;
    fields.push(asked.reachable()?);
    let mut summary = asked.summary(asked.detector_name(), qualities);
    let names = ["attribution", "attribution.signed", "gradient-times-input"];
    let empty = names.map(|name| asked.empty_pixel_map(name)).to_vec();
    start(observer, empty, &summary, &fields);
    let mut telling = Telling::new(observer, 1);
    telling.step(0, || Ok(Vec::new()))?;
    let gradient = reading.gradient(&asked.picture)?;
    let channels = asked.picture.channels.max(1);
    let sums = |each: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
        let slopes = gradient.slope.chunks_exact(channels).enumerate();
        let mut sums: Vec<f64> = slopes
            .map(|(pixel, slope)| {
                let values = slope.iter().enumerate();
                values.map(|(c, &g)| each(pixel * channels + c, g)).sum()
            })
            .collect();
        asked.keep_reached(&mut sums);
        sums
    };
    let strengths = strengths(&sums(&|_, g| g.abs()));
    let signed = sums(&|_, g| g);
    let times_input = sums(&|i, g| g * f64::from(asked.picture.values[i]));
    let narrow = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect();
    summary.reference.extend(spread_of(&strengths));
    summary
        .reference
        .insert("detector".into(), gradient.number as f32);
    let mut found = vec![
        asked.pixel_map(names[0], strengths)?,
        asked.pixel_map(names[1], narrow(signed))?,
        asked.pixel_map(names[2], narrow(times_input))?,
    ];
    for field in &found {
        telling.report(Report::Field(field.clone()));
    }
    telling.step(1, || Ok(Vec::new()))?;
    found.extend(fields);
    let cost = (PASSES_PER_GRADIENT, bytes);
    Ok(asked.outcome(experiment, found, summary, cost, began))
}
