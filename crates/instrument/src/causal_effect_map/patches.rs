//! From a clean patch of the bank to what is put into the input: the task's own degradation.

use whyfinder_experiment::ImageTask;
use whyfinder_experiment::picture::resample::bicubic;
use whyfinder_model::network::Rect;

use super::bank::PatchBank;
use super::grid::Grid;
use crate::error::{InstrumentError, Result};
use crate::image::bicubic_opencv;
use crate::image::degrade::with_noise;
use crate::image::eight_bit::{EightBit, in_channels};
use crate::image::rain::Rain;
use crate::image::scene::Scene;

#[derive(Debug)]
pub(super) struct PatchMaker<'a> {
    bank: &'a PatchBank,
    degradation: Degradation<'a>,
    block: usize,
    step: usize,
    channels: usize,
    /// Whether patches are made smaller without smoothing.
    unsmoothed: bool,
}

#[derive(Debug)]
enum Degradation<'a> {
    Shrink,
    Noise(f64),
    Rain(&'a Rain),
}

impl<'a> PatchMaker<'a> {
    /// # Errors
    /// If the rain over the picture is not known.
    pub(super) fn new(
        scene: &'a Scene,
        grid: &Grid,
        bank: &'a PatchBank,
        unsmoothed: bool,
    ) -> Result<Self> {
        let degradation = match (scene.task, &scene.rain) {
            (ImageTask::SuperResolution, _) => Degradation::Shrink,
            (ImageTask::Denoise, _) => Degradation::Noise(scene.sigma.unwrap_or(0.0)),
            (ImageTask::Derain, Some(rain)) => Degradation::Rain(rain),
            (ImageTask::Derain, None) => {
                return Err(InstrumentError::unfit(
                    "Rain is put over the clean picture again with each patch; add truth to [input].",
                ));
            }
        };
        Ok(Self {
            bank,
            degradation,
            block: grid.block,
            step: grid.step,
            channels: scene.input.channels,
            unsmoothed,
        })
    }

    /// How many patches there are to choose from.
    pub(super) fn choices(&self) -> u32 {
        u32::try_from(self.bank.count).unwrap_or(u32::MAX)
    }

    /// Normal values that each patch takes.
    pub(super) fn normals(&self) -> usize {
        match self.degradation {
            Degradation::Noise(_) => self.step * self.step * self.channels,
            _ => 0,
        }
    }

    /// A patch for a place in the input, `[height, width, channels]`.
    ///
    /// Takes [`PatchMaker::normals`] values from `normal`, however little of the patch the place has room for.
    pub(super) fn make(
        &self,
        choice: usize,
        place: &Rect,
        mut normal: impl FnMut() -> f64,
    ) -> Vec<u8> {
        let clean = self.clean(choice);
        let cut = |values: Vec<u8>| {
            EightBit::new(self.step, self.step, self.channels, values)
                .top_left(place.height(), place.width())
                .values
        };
        match &self.degradation {
            Degradation::Shrink => cut(clean),
            Degradation::Noise(sigma) => cut(with_noise(&clean, *sigma, &mut normal)),
            Degradation::Rain(rain) => rain.over(&cut(clean), place),
        }
    }

    /// As large as a block of the input, in the network's colours.
    fn clean(&self, choice: usize) -> Vec<u8> {
        let side = self.bank.side;
        let mut rgb = self.bank.patch(choice).to_vec();
        if side != self.block {
            rgb = bicubic::<3>(&rgb, [side; 2], [self.block; 2]);
        }
        if self.step != self.block {
            rgb = if self.unsmoothed {
                bicubic_opencv::resized(&rgb, 3, [self.block; 2], [self.step; 2])
            } else {
                bicubic::<3>(&rgb, [self.block; 2], [self.step; 2])
            };
        }
        in_channels(&rgb, self.channels)
    }
}
