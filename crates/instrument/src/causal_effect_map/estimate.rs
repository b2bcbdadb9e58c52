//! What one gradient says of every block's effect before any is measured.
//!
//! The PSNR is taken to be linear in the input: `-(gradient . (patch - input))`, the mean over some patches of the bank
//! (attribution patching, Nanda 2023, at the input). It is an estimate of where to look first and nothing more: patches
//! are not small changes.

use whyfinder_experiment::image_experiment::Detector;
use whyfinder_experiment::{Field, Metric};
use whyfinder_model::network::Network;

use super::Prepared;
use super::grid::Block;
use super::patches::PatchMaker;
use crate::attribution::asked::pixels_of;
use crate::attribution::reading::Reading;
use crate::error::Result;

/// Patches whose mean stands for the bank's.
const PATCHES: usize = 8;

/// `effect.estimate` over row and column, dB. Blocks out of reach have exactly nothing.
pub(super) fn field(
    network: &Network,
    prepared: &Prepared,
    maker: &PatchMaker<'_>,
) -> Result<Option<Field>> {
    let scene = &prepared.scene;
    let Some(truth) = &scene.truth else {
        return Ok(None);
    };
    let picture = pixels_of(&scene.input);
    let region = scene.region();
    let reading = Reading::new(
        network,
        (picture.height, picture.width),
        scene.noise(),
        &region,
        Detector::Psnr,
        Some(&pixels_of(truth).part(&region)),
    )?;
    let slope = reading.gradient(&picture)?.slope;
    let channels = picture.channels;
    let effect = |block: &Block| {
        let patch = mean_patch(maker, block);
        let width = block.rect.width() * channels;
        let mut sum = 0.0;
        for (row, patch) in block
            .rect
            .rows
            .clone()
            .zip(patch.chunks_exact(width.max(1)))
        {
            let first = (row * picture.width + block.rect.columns.start) * channels;
            let (slope, input) = (&slope[first..][..width], &picture.values[first..][..width]);
            for ((g, x), p) in slope.iter().zip(input).zip(patch) {
                sum -= g * (p - f64::from(*x));
            }
        }
        sum as f32
    };
    let blocks = &prepared.grid.blocks;
    let values = blocks.iter().map(|block| {
        if prepared.reachable[block.index] {
            effect(block)
        } else {
            0.0
        }
    });
    let mut field = Field::measured("effect.estimate", prepared.grid.axes(), values.collect())?;
    field.metric = Some(Metric::Psnr);
    Ok(Some(field))
}

/// The mean of some patches, 0 to 1, without noise.
fn mean_patch(maker: &PatchMaker<'_>, block: &Block) -> Vec<f64> {
    let choices = maker.choices() as usize;
    let mut mean = Vec::new();
    for i in 0..PATCHES {
        // Neighbours get different ones.
        let choice = (block.index + i * choices.div_ceil(PATCHES)) % choices.max(1);
        let patch = maker.make(choice, &block.rect, || 0.0);
        mean.resize(patch.len(), 0.0);
        for (mean, value) in mean.iter_mut().zip(patch) {
            *mean += f64::from(value) / (255.0 * PATCHES as f64);
        }
    }
    mean
}
