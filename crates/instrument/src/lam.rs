//! Local attribution maps (Gu and Dong 2021, "Interpreting Super-Resolution Networks with Local Attribution Maps"):
//! gradients of the detail in a region, added up along a path on which the picture gains its detail.

use std::collections::BTreeMap;
use std::time::Instant;

use whyfinder_experiment::image_experiment::LamSettings;
use whyfinder_experiment::{Experiment, Field, ImageInput, Outcome};
use whyfinder_model::network::ImageModel;

use crate::attribution::asked::{Asked, PASSES_PER_GRADIENT, Telling, start};
use crate::attribution::concentration::{area_of, diffusion_index, gini};
use crate::attribution::density::density;
use crate::attribution::integral::{Attribution, along, nothing, strengths};
use crate::attribution::path::Path;
use crate::error::Result;
use crate::measure::Cost;
use crate::memory::Budget;
use crate::report::{Observer, Report, Stage};
use crate::sums;

/// The share of a map's sum whose pixels are counted as its area.
const AREA_SHARE: f64 = 0.95;

pub(crate) fn estimate(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &LamSettings,
    budget: &Budget,
) -> Result<Cost> {
    let asked =
        Asked::read(model, experiment, input, settings.detector)?.in_precision(settings.precision);
    estimate_path(&asked, settings.fold, budget)
}

/// What a path of so many steps costs; one is timed.
pub(crate) fn estimate_path(asked: &Asked<'_>, steps: usize, budget: &Budget) -> Result<Cost> {
    let (passes, bytes) = needs(asked, steps);
    let bytes = asked.check(bytes, budget)?;
    let seconds = asked.seconds_per_gradient()? * (steps as f64 + 2.0 / PASSES_PER_GRADIENT);
    asked.estimate(passes, (bytes, result_bytes(asked)), seconds, budget)
}

/// The map, its signed sums, its density, and what can be reached.
fn result_bytes(asked: &Asked<'_>) -> u64 {
    asked.result_bytes(4, 0, 0)
}

/// Passes to the region, and bytes.
fn needs(asked: &Asked<'_>, steps: usize) -> (f64, u64) {
    let kept = sums::bytes(asked.picture.height * asked.picture.width);
    let bytes = asked.bytes(9, 8, asked.gradient_bytes() + kept);
    (PASSES_PER_GRADIENT * steps as f64 + 2.0, bytes)
}

pub(crate) fn measure(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &LamSettings,
    observer: &mut dyn Observer,
    budget: &Budget,
) -> Result<Outcome> {
    let asked =
        Asked::read(model, experiment, input, settings.detector)?.in_precision(settings.precision);
    let path = Path::of_lam(&asked.picture, settings, asked.within.clone());
    integrate(&asked, experiment, &path, observer, budget)
}

/// Follows a path and says what it came to.
pub(crate) fn integrate(
    asked: &Asked<'_>,
    experiment: &Experiment,
    path: &Path,
    observer: &mut dyn Observer,
    budget: &Budget,
) -> Result<Outcome> {
    let began = Instant::now();
    let (passes, bytes) = needs(asked, path.fold());
    let bytes = asked.check(bytes, budget)?;
    observer.announce(result_bytes(asked))?;
    let reading = asked.reading()?;
    let (mut fields, qualities) = asked.pictures(observer, budget)?;
    fields.push(asked.reachable()?);
    let mut summary = asked.summary(asked.detector_name(), qualities);
    let empty = ["attribution", "attribution.signed"].map(|name| asked.empty_pixel_map(name));
    start(observer, empty.to_vec(), &summary, &fields);
    let mut telling = Telling::new(observer, path.fold());
    let stage = Stage::only("attribution.signed");
    let mut signed = nothing(path);
    let first = telling.take_up(stage, &mut [&mut signed]);
    let mut attribution = along(&reading, path, (first, signed), &mut |done, signed| {
        telling.keep(stage, done, &[signed]);
        telling.step(done, || maps(asked, signed))
    })?;
    asked.keep_reached(&mut attribution.signed);
    let strengths = attribution.strengths();
    let mut found = maps(asked, &attribution.signed)?;
    let (height, width) = (asked.picture.height, asked.picture.width);
    if let Some(density) = density(&strengths, height, width) {
        found.push(asked.pixel_map("density", density)?);
    }
    for field in &found {
        telling.report(Report::Field(field.clone()));
    }
    summary.reference.extend(numbers(&attribution, &strengths));
    found.extend(fields);
    Ok(asked.outcome(experiment, found, summary, (passes, bytes), began))
}

/// The strengths, and the signed sums behind them.
pub(crate) fn maps(asked: &Asked<'_>, signed: &[f64]) -> Result<Vec<Field>> {
    let sums = signed.iter().map(|&a| a as f32).collect();
    Ok(vec![
        asked.pixel_map("attribution", strengths(signed))?,
        asked.pixel_map("attribution.signed", sums)?,
    ])
}

fn numbers(attribution: &Attribution, strengths: &[f32]) -> BTreeMap<String, f32> {
    let mut numbers = spread_of(strengths);
    for (name, value) in [
        ("detector", attribution.end),
        ("detector.baseline", attribution.start),
        ("completeness", attribution.residual()),
    ] {
        numbers.insert(name.to_string(), value as f32);
    }
    numbers
}

/// How far a map is spread.
pub(crate) fn spread_of(strengths: &[f32]) -> BTreeMap<String, f32> {
    BTreeMap::from([
        ("gini".to_string(), gini(strengths) as f32),
        (
            "diffusion-index".to_string(),
            diffusion_index(strengths) as f32,
        ),
        ("area".to_string(), area_of(strengths, AREA_SHARE) as f32),
    ])
}
