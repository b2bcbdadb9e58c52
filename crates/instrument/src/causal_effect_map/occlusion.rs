//! Occlusion (Zeiler and Fergus 2014): each block of the input covered once, which is a causal effect map with one
//! fixed intervention per block.

use std::time::Instant;

use whyfinder_experiment::image_experiment::{Fill, InterventionSettings, OcclusionSettings};
use whyfinder_experiment::{Experiment, ImageInput, Outcome};
use whyfinder_model::network::{Held, ImageModel, Rect};

use super::engine::{Pack, Runner};
use super::grid::Block;
use super::stage::Measured;
use super::{Maps, Prepared, counts, pictures, prepare};
use crate::attribution::asked::pixels_of;
use crate::attribution::blur::Blur;
use crate::error::{InstrumentError, Result};
use crate::image::eight_bit::EightBit;
use crate::image::provenance;
use crate::image::quality::{psnr, quantised};
use crate::integrated_gradients::usual_blur;
use crate::measure::Cost;
use crate::memory::Budget;
use crate::pace::Pace;
use crate::report::{CellTokens, MeasuredCell, Observer, Progress, Report, Stage};

/// The value between black and white.
const GREY: u8 = 128;

/// The causal effect map that it is, but for the patches.
fn as_interventions(settings: &OcclusionSettings) -> InterventionSettings {
    InterventionSettings {
        block: settings.block,
        engine: settings.engine,
        coarse: 1,
        fine: 0,
        tolerance: 0.0,
        estimate: false,
        ..InterventionSettings::default()
    }
}

pub(crate) fn estimate(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &OcclusionSettings,
    budget: &Budget,
) -> Result<Cost> {
    let interventions = as_interventions(settings);
    super::estimate(model, experiment, input, &interventions, budget)
}

pub(crate) fn measure(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &OcclusionSettings,
    observer: &mut dyn Observer,
    budget: &Budget,
) -> Result<Outcome> {
    let began = Instant::now();
    let interventions = as_interventions(settings);
    let prepared = prepare(model, experiment, input, &interventions, budget)?;
    observer.announce(prepared.result_bytes(&interventions))?;
    let Prepared { scene, grid, .. } = &prepared;
    let truth = prepared.truth()?;
    let output = prepared.tiling.run(&model.network, scene, observer)?;
    let mut reference = output.qualities(scene);
    let runner = Runner::new(&model.network, scene, settings.engine)?;
    let base = psnr(&runner.base()?, &truth);
    reference.insert("psnr".to_string(), base as f32);
    let mut maps = Maps::new(&prepared, &interventions, &reference);
    let pictures = pictures(scene, output)?;
    let mut fields = vec![maps.effect.clone(), prepared.reach_field()];
    fields.extend(pictures.iter().cloned());
    let mut summary = prepared.summary(reference);
    observer.report(Report::Started {
        fields,
        summary: summary.clone(),
        distributions: Vec::new(),
    });
    let cover = Cover::new(&scene.input, settings.fill);
    let mut blocks = prepared.run_blocks(&interventions);
    grid.outwards(&mut blocks);
    let mut flops_left: f64 = blocks.iter().map(|block| runner.flops(&block.rect)).sum();
    let whole = runner.whole_flops().max(1.0);
    summary.passes = 1.0 + flops_left / whole;
    summary.passes_plain = 1.0 + grid.blocks.len() as f64;
    let mut pace = Pace::default();
    let mut done = 0;
    for some in blocks.chunks(runner.packs_at_once()) {
        if observer.cancelled() {
            return Err(InstrumentError::Cancelled);
        }
        let started = Instant::now();
        let known: Option<Vec<f32>> = some
            .iter()
            .map(|block| {
                let cell = observer.known(Stage::only("effect"), block.index)?;
                cell.samples.first().copied()
            })
            .collect();
        let covers: Vec<Vec<u8>> = some.iter().map(|block| cover.over(&block.rect)).collect();
        let packs: Vec<Pack<'_>> = some
            .iter()
            .zip(&covers)
            .map(|(block, patches)| Pack {
                at: &block.rect,
                patches,
                count: 1,
            })
            .collect();
        let flops: f64 = some.iter().map(|block| runner.flops(&block.rect)).sum();
        let effects = match known {
            Some(known) => known,
            None => {
                let outputs = runner.outputs(&packs, Held::Nothing)?;
                pace.measured(flops, started.elapsed());
                let effect = |output: &Vec<f32>| (base - psnr(output, &truth)) as f32;
                outputs.iter().map(effect).collect()
            }
        };
        flops_left -= flops;
        for (block, effect) in some.iter().zip(effects) {
            maps.store(&Measured {
                block: block.index,
                effects: vec![effect],
                split: None,
            });
            let cell = cell(block, effect);
            observer.keep(Stage::only("effect"), &cell);
            observer.report(Report::Cells {
                field: "effect".to_string(),
                cells: vec![cell],
            });
            done += 1;
        }
        observer.report(Report::Progress(Progress {
            done,
            total: blocks.len(),
            seconds_left: pace.seconds(flops_left.max(0.0)),
        }));
    }
    summary.effects = Some(counts::count(
        &maps.effect,
        grid,
        &prepared.reachable,
        0,
        false,
    ));
    let of_block = blocks.iter().map(|b| runner.bytes_per_patch(&b.rect));
    let working = of_block.max().unwrap_or(0) * runner.places_alive() as u64;
    summary.peak_bytes = model.card.bytes + prepared.bytes(&runner, working);
    let mut fields = vec![maps.effect, prepared.reach_field()];
    fields.extend(pictures);
    summary.seconds = began.elapsed().as_secs_f64();
    Ok(Outcome {
        experiment: experiment.clone(),
        fields,
        summary,
        provenance: provenance(model),
        distributions: Vec::new(),
        attention: Vec::new(),
    })
}

fn cell(block: &Block, effect: f32) -> MeasuredCell {
    MeasuredCell {
        cell: block.index,
        samples: vec![effect],
        tokens: CellTokens::default(),
    }
}

/// What blocks are covered with.
enum Cover<'a> {
    Grey { channels: usize },
    Mean(&'a EightBit),
    Blurred(EightBit),
}

impl<'a> Cover<'a> {
    fn new(picture: &'a EightBit, fill: Fill) -> Self {
        match fill {
            Fill::Grey => Cover::Grey {
                channels: picture.channels,
            },
            Fill::Mean => Cover::Mean(picture),
            Fill::Blur => {
                let (sigma, side) = usual_blur();
                let blurred = Blur::new(sigma, side).of(&pixels_of(picture));
                Cover::Blurred(EightBit {
                    values: blurred.values.into_iter().map(quantised).collect(),
                    ..*picture
                })
            }
        }
    }

    /// The values of one block.
    fn over(&self, rect: &Rect) -> Vec<u8> {
        match self {
            Cover::Grey { channels } => vec![GREY; rect.pixels() * channels],
            Cover::Blurred(blurred) => blurred.part(rect),
            Cover::Mean(picture) => {
                let mean = pixels_of(&EightBit::new(
                    rect.height(),
                    rect.width(),
                    picture.channels,
                    picture.part(rect),
                ));
                let mean = mean.mean(&mean.whole());
                let mean: Vec<u8> = mean.into_iter().map(quantised).collect();
                mean.repeat(rect.pixels())
            }
        }
    }
}
