//! Receptive fields: what a region of the output can depend on by the network's own operations, and what it does
//! depend on, by gradients averaged over random pictures (Luo, Li, Urtasun and Zemel 2016).

use std::collections::BTreeMap;
use std::time::Instant;

use whyfinder_experiment::image_experiment::{Detector, ReceptiveFieldSettings};
use whyfinder_experiment::{Experiment, Field, ImageInput, Outcome, RandomState};
use whyfinder_model::network::ImageModel;

use crate::attribution::asked::{Asked, PASSES_PER_GRADIENT, Telling, start};
use crate::attribution::pixels::Pixels;
use crate::attribution::reading::Reading;
use crate::error::Result;
use crate::lam::spread_of;
use crate::measure::Cost;
use crate::memory::Budget;
use crate::report::{Observer, Report, Stage};
use crate::sums;

/// A pixel is in the effective field from this part of the greatest value on: what lies within two standard
/// deviations of a Gaussian (Luo et al. 2016, section 3).
const IN_FIELD: f32 = 1.0 - 0.9545;

fn needs(asked: &Asked<'_>, settings: &ReceptiveFieldSettings) -> (f64, u64) {
    let passes = PASSES_PER_GRADIENT * (settings.inputs + 1) as f64;
    let kept = 2 * sums::bytes(2 * asked.picture.height * asked.picture.width);
    let passes_bytes = asked.gradient_bytes() + kept;
    (passes, asked.bytes(6, 10, passes_bytes))
}

/// The average with its errors, the map of the picture itself, and what can be reached.
fn result_bytes(asked: &Asked<'_>) -> u64 {
    asked.result_bytes(3, 1, 0)
}

pub(crate) fn estimate(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &ReceptiveFieldSettings,
    budget: &Budget,
) -> Result<Cost> {
    let asked = Asked::read(model, experiment, input, Detector::Sum)?;
    let (passes, bytes) = needs(&asked, settings);
    let bytes = asked.check(bytes, budget)?;
    let seconds = asked.seconds_per_gradient()? * (settings.inputs + 1) as f64;
    asked.estimate(passes, (bytes, result_bytes(&asked)), seconds, budget)
}

pub(crate) fn measure(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &ReceptiveFieldSettings,
    observer: &mut dyn Observer,
    budget: &Budget,
) -> Result<Outcome> {
    let began = Instant::now();
    let asked = Asked::read(model, experiment, input, Detector::Sum)?;
    let (passes, bytes) = needs(&asked, settings);
    let bytes = asked.check(bytes, budget)?;
    observer.announce(result_bytes(&asked))?;
    let reading = asked.reading()?;
    let (mut fields, qualities) = asked.pictures(observer, budget)?;
    fields.push(asked.reachable()?);
    let mut summary = asked.summary("sum", qualities);
    let empty = ["attribution", "attribution.image"].map(|name| asked.empty_pixel_map(name));
    start(observer, empty.to_vec(), &summary, &fields);
    let mut telling = Telling::new(observer, settings.inputs + 1);
    telling.step(0, || Ok(Vec::new()))?;
    let mut of_image = Average::new(asked.picture.height * asked.picture.width);
    let of_own = Stage::only("attribution.image");
    if of_image.take_up(of_own, &mut telling) == 0 {
        of_image.add(&magnitudes(&reading, &asked.picture)?);
        of_image.keep(of_own, &mut telling);
    }
    let own = of_image.field(&asked, "attribution.image")?;
    telling.report(Report::Field(own.clone()));
    telling.step(1, || Ok(Vec::new()))?;
    let mut average = Average::new(of_image.sums.len());
    let mut random = RandomState::new(experiment.seed);
    let of_random = Stage::only("attribution");
    let before = average.take_up(of_random, &mut telling);
    for done in 0..settings.inputs {
        let mut picture = asked.picture.clone();
        picture.values.fill_with(|| random.uniform() as f32);
        if done < before {
            continue;
        }
        average.add(&magnitudes(&reading, &picture)?);
        average.keep(of_random, &mut telling);
        telling.step(done + 2, || Ok(vec![average.field(&asked, "attribution")?]))?;
    }
    let field = match settings.inputs {
        0 => Field {
            name: "attribution".into(),
            ..own.clone()
        },
        _ => average.field(&asked, "attribution")?,
    };
    telling.report(Report::Field(field.clone()));
    summary.reference.extend(numbers(&asked, &field));
    let mut found = vec![field, own];
    found.extend(fields);
    Ok(asked.outcome(experiment, found, summary, (passes, bytes), began))
}

/// `|d (sum of the region) / d pixel|`, summed over the pixel's channels.
fn magnitudes(reading: &Reading<'_>, picture: &Pixels) -> Result<Vec<f32>> {
    let slope = reading.gradient(picture)?.slope;
    let pixels = slope.chunks_exact(picture.channels.max(1));
    Ok(pixels
        .map(|pixel| pixel.iter().map(|g| g.abs()).sum::<f64>() as f32)
        .collect())
}

/// Maps added up.
struct Average {
    count: u32,
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Average {
    fn new(pixels: usize) -> Self {
        Self {
            count: 0,
            sums: vec![0.0; pixels],
            squares: vec![0.0; pixels],
        }
    }

    /// What an interrupted run has added up; says of how many maps.
    fn take_up(&mut self, of: Stage<'_>, telling: &mut Telling<'_>) -> usize {
        let maps = telling.take_up(of, &mut [&mut self.sums, &mut self.squares]);
        self.count = maps as u32;
        maps
    }

    fn keep(&self, of: Stage<'_>, telling: &mut Telling<'_>) {
        telling.keep(of, self.count as usize, &[&self.sums, &self.squares]);
    }

    fn add(&mut self, map: &[f32]) {
        self.count += 1;
        for ((sum, square), &value) in self.sums.iter_mut().zip(&mut self.squares).zip(map) {
            *sum += f64::from(value);
            *square += f64::from(value).powi(2);
        }
    }

    /// The mean in parts of its greatest value.
    fn field(&self, asked: &Asked<'_>, name: &str) -> Result<Field> {
        let n = f64::from(self.count.max(1));
        let mut means: Vec<f64> = self.sums.iter().map(|sum| sum / n).collect();
        asked.keep_reached(&mut means);
        let greatest = means.iter().copied().fold(0.0, f64::max);
        let scale = if greatest > 0.0 { 1.0 / greatest } else { 0.0 };
        let mut field = asked.pixel_map(
            name,
            means.iter().map(|mean| (mean * scale) as f32).collect(),
        )?;
        if self.count > 1 {
            let errors = self.squares.iter().zip(&means).map(|(square, mean)| {
                let variance = (square / n - mean * mean).max(0.0) * n / (n - 1.0);
                ((variance / n).sqrt() * scale) as f32
            });
            let mut errors: Vec<f32> = errors.collect();
            asked.keep_reached(&mut errors);
            field.stderr = Some(errors);
            field.count = Some(vec![self.count; means.len()]);
        }
        Ok(field)
    }
}

fn numbers(asked: &Asked<'_>, field: &Field) -> BTreeMap<String, f32> {
    let width = asked.picture.width.max(1);
    let scale = asked.scene.scale as f64;
    let middle = |range: &std::ops::Range<usize>| (range.start + range.end) as f64 / 2.0 / scale;
    let (y, x) = (middle(&asked.region.rows), middle(&asked.region.columns));
    let (mut sum, mut spread) = (0.0f64, 0.0f64);
    for (i, &value) in field.values.iter().enumerate() {
        let (down, across) = ((i / width) as f64 + 0.5 - y, (i % width) as f64 + 0.5 - x);
        sum += f64::from(value);
        spread += f64::from(value) * (down * down + across * across);
    }
    let inside = field
        .values
        .iter()
        .filter(|&&value| value >= IN_FIELD)
        .count();
    let mut numbers = spread_of(&field.values);
    numbers.insert("field.theoretical".into(), asked.reached.count() as f32);
    numbers.insert("field.effective".into(), inside as f32);
    if sum > 0.0 {
        numbers.insert("field.radius".into(), (spread / sum).sqrt() as f32);
    }
    numbers
}
