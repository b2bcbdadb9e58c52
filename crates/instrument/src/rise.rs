//! Randomised input sampling (Petsiuk, Das and Saenko 2018, "RISE"): many pictures with random parts blacked out, and
//! what the region's PSNR has to do with which parts were kept.

use std::ops::Range;
use std::time::Instant;

use whyfinder_experiment::image_experiment::{Detector, RiseSettings};
use whyfinder_experiment::{Experiment, Field, ImageInput, Metric, Outcome};
use whyfinder_model::network::ImageModel;

use crate::attribution::asked::{Asked, Telling, start};
use crate::attribution::masks::{Estimate, Masks, Saliency};
use crate::attribution::pixels::Pixels;
use crate::error::Result;
use crate::measure::Cost;
use crate::memory::Budget;
use crate::pace::seconds_of;
use crate::report::{Observer, Report, Stage};

/// Masked pictures that go through the network at once, at most.
const MOST_AT_ONCE: u64 = 8;
/// Values of a picture beyond which one pass alone keeps the machine busy.
const BUSY_FLOPS: f64 = 4e9;

fn at_once(asked: &Asked<'_>, budget: &Budget) -> u64 {
    let held = asked.bytes(2, 14, 0);
    let fit = budget.bytes.saturating_sub(held) / asked.cost.bytes.max(1);
    let busy = (BUSY_FLOPS / asked.cost.flops.max(1.0)) as u64;
    fit.min(busy).clamp(1, MOST_AT_ONCE)
}

fn bytes(asked: &Asked<'_>, budget: &Budget) -> u64 {
    let at_once = at_once(asked, budget);
    let pictures = usize::try_from(2 * at_once).unwrap_or(usize::MAX);
    asked.bytes(pictures + 2, 14, at_once * asked.cost.bytes)
}

/// Two maps with errors, and what can be reached.
fn result_bytes(asked: &Asked<'_>) -> u64 {
    asked.result_bytes(3, 2, 0)
}

pub(crate) fn estimate(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &RiseSettings,
    budget: &Budget,
) -> Result<Cost> {
    let asked = Asked::read(model, experiment, input, Detector::Sum)?;
    let bytes = bytes(&asked, budget);
    let bytes = asked.check(bytes, budget)?;
    let at_once = usize::try_from(at_once(&asked, budget))
        .unwrap_or(1)
        .min(settings.masks.max(1));
    let mut sampling = Sampling::new(&asked, experiment, settings);
    let seconds = seconds_of(|| sampling.step(&asked, at_once))?;
    let seconds = seconds * settings.masks as f64 / at_once as f64;
    let bytes = (bytes, result_bytes(&asked));
    asked.estimate(settings.masks as f64, bytes, seconds, budget)
}

pub(crate) fn measure(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &RiseSettings,
    observer: &mut dyn Observer,
    budget: &Budget,
) -> Result<Outcome> {
    let began = Instant::now();
    let asked = Asked::read(model, experiment, input, Detector::Sum)?;
    let bytes = bytes(&asked, budget);
    let bytes = asked.check(bytes, budget)?;
    observer.announce(result_bytes(&asked))?;
    let (mut fields, qualities) = asked.pictures(observer, budget)?;
    fields.push(asked.reachable()?);
    let mut summary = asked.summary(Metric::Psnr.name(), qualities);
    let empty = ["attribution", "saliency"].map(|name| asked.empty_pixel_map(name));
    start(observer, empty.to_vec(), &summary, &fields);
    let mut sampling = Sampling::new(&asked, experiment, settings);
    let at_once = usize::try_from(at_once(&asked, budget)).unwrap_or(1);
    let mut telling = Telling::new(observer, settings.masks);
    telling.step(0, || Ok(Vec::new()))?;
    let mut done = 0;
    while done < settings.masks {
        let count = at_once.min(settings.masks - done);
        sampling.step_again(&asked, done..done + count, &mut telling)?;
        done += count;
        telling.step(done, || maps(&asked, &sampling.saliency, done))?;
    }
    let saliency = &sampling.saliency;
    let mut found = maps(&asked, saliency, done)?;
    for field in &found {
        telling.report(Report::Field(field.clone()));
    }
    summary
        .reference
        .insert("psnr.masked".into(), saliency.mean() as f32);
    found.extend(fields);
    let cost = (settings.masks as f64, bytes);
    Ok(asked.outcome(experiment, found, summary, cost, began))
}

/// Random masks, and what they have shown so far.
struct Sampling {
    masks: Masks,
    saliency: Saliency,
}

impl Sampling {
    fn new(asked: &Asked<'_>, experiment: &Experiment, settings: &RiseSettings) -> Self {
        let (height, width) = (asked.picture.height, asked.picture.width);
        let (grid, kept) = (settings.grid, settings.probability);
        Self {
            masks: Masks::new((height, width), grid, kept, experiment.seed),
            saliency: Saliency::new(height * width, kept),
        }
    }

    /// Draws `count` more masks and scores what they leave of the picture.
    fn step(&mut self, asked: &Asked<'_>, count: usize) -> Result<()> {
        let drawn = self.draw(count);
        let scores = scores(asked, &drawn)?;
        self.add(&drawn, &scores);
        Ok(())
    }

    /// The same for these masks, unless an interrupted run has scored them all: what goes through the network at once
    /// stays the same, and so do the last bits.
    fn step_again(
        &mut self,
        asked: &Asked<'_>,
        these: Range<usize>,
        telling: &mut Telling<'_>,
    ) -> Result<()> {
        let of = Stage::only("saliency");
        let drawn = self.draw(these.len());
        let known: Option<Vec<f64>> = these.clone().map(|i| telling.known_number(of, i)).collect();
        let scores = match known {
            Some(known) => {
                telling.passed_over(these.len());
                known
            }
            None => scores(asked, &drawn)?,
        };
        self.add(&drawn, &scores);
        for (mask, score) in these.zip(scores) {
            telling.keep_number(of, mask, score);
        }
        Ok(())
    }

    fn draw(&mut self, count: usize) -> Vec<Vec<f32>> {
        (0..count).map(|_| self.masks.draw()).collect()
    }

    fn add(&mut self, drawn: &[Vec<f32>], scores: &[f64]) {
        for (mask, &score) in drawn.iter().zip(scores) {
            self.saliency.add(mask, score);
        }
    }
}

/// What each mask leaves of the region's PSNR.
fn scores(asked: &Asked<'_>, drawn: &[Vec<f32>]) -> Result<Vec<f64>> {
    let masked: Vec<Pixels> = drawn.iter().map(|m| masked(&asked.picture, m)).collect();
    asked.qualities(&masked.iter().collect::<Vec<_>>())
}

/// Black where nothing is kept.
fn masked(picture: &Pixels, mask: &[f32]) -> Pixels {
    let pixels = picture.values.chunks_exact(picture.channels.max(1));
    Pixels {
        values: pixels
            .zip(mask)
            .flat_map(|(pixel, kept)| pixel.iter().map(move |value| value * kept))
            .collect(),
        ..*picture
    }
}

fn maps(asked: &Asked<'_>, saliency: &Saliency, masks: usize) -> Result<Vec<Field>> {
    let field = |name: &str, estimate: Estimate| -> Result<Field> {
        let mut field = asked.pixel_map(name, estimate.values)?;
        field.count = Some(vec![masks as u32; field.values.len()]);
        field.stderr = Some(estimate.stderr);
        field.metric = Some(Metric::Psnr);
        Ok(field)
    };
    let mut gained = saliency.gained();
    // What cannot reach the region gains nothing, whatever the masks happened to be.
    asked.keep_reached(&mut gained.values);
    asked.keep_reached(&mut gained.stderr);
    Ok(vec![
        field("attribution", gained)?,
        field("saliency", saliency.expected())?,
    ])
}
