//! What is asked of a network: a picture, a region of its output, and what of the picture the region can depend on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use candle_core::Tensor;
use whyfinder_experiment::image_experiment::{Detector, Precision};
use whyfinder_experiment::outcome::Summary;
use whyfinder_experiment::{Axis, Experiment, Field, ImageInput, Outcome};
use whyfinder_model::network::{
    ImageModel, Mask, Network, Rect, RegionCost, forward_region, reach, region_cost,
};

use super::pixels::Pixels;
use super::reading::{Reading, window};
use crate::error::{InstrumentError, Result};
use crate::image::eight_bit::{EightBit, unit};
use crate::image::fields::{field_bytes, given, result_bytes};
use crate::image::provenance;
use crate::image::quality::psnr;
use crate::image::scene::Scene;
use crate::image::whole_output::{Tiling, device_of, probe_seconds};
use crate::measure::Cost;
use crate::memory::Budget;
use crate::pace::seconds_of;
use crate::report::{
    CellTokens, MeasuredCell, Observer, Progress, Report, Stage, VALUE_AND_MASK, sampled_bytes,
};
use crate::sums;

/// A pass and the way back take this many passes.
pub(crate) const PASSES_PER_GRADIENT: f64 = 3.0;
/// Between two reports of a map that is still growing.
const BETWEEN_REPORTS: Duration = Duration::from_millis(400);

/// An image experiment about a region, ready to be carried out.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) model: &'a ImageModel,
    pub(crate) scene: Scene,
    pub(crate) picture: Pixels,
    /// In the output's pixels.
    pub(crate) region: Rect,
    /// The truth of the region, row-major.
    truth: Option<Vec<u8>>,
    /// Pixels of the picture that what the detector looks at can depend on.
    pub(crate) reached: Mask,
    /// Around them.
    pub(crate) within: Rect,
    pub(crate) cost: RegionCost,
    detector: Detector,
    precision: Precision,
}

impl<'a> Asked<'a> {
    /// For instruments without a detector of their own it is [`Detector::Sum`], which looks at the region itself.
    pub(crate) fn read(
        model: &'a ImageModel,
        experiment: &Experiment,
        input: &ImageInput,
        detector: Detector,
    ) -> Result<Self> {
        let scene = Scene::read(model, input, experiment.seed)?;
        let picture = pixels_of(&scene.input);
        let region = scene.region();
        let (height, width) = (picture.height, picture.width);
        let window = window(&model.network, (height, width), &region, detector)?;
        let cost = region_cost(&model.network, height, width, &window)?;
        let reached = reach::reach(&model.network, height, width, &window)?.pixels;
        Ok(Self {
            model,
            truth: scene.truth.as_ref().map(|truth| truth.part(&region)),
            within: reached.hull().unwrap_or(Rect::new(0..0, 0..0)),
            reached,
            scene,
            picture,
            region,
            cost,
            detector,
            precision: Precision::Single,
        })
    }

    /// The same with gradients of this precision; outputs and their qualities stay as they are.
    pub(crate) fn in_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    pub(crate) fn network(&self) -> &'a Network {
        &self.model.network
    }

    /// As files name it.
    pub(crate) fn detector_name(&self) -> &'static str {
        match self.detector {
            Detector::Gradient => "gradient",
            Detector::Sum => "sum",
            Detector::Psnr => "psnr",
        }
    }

    /// The number that the detector makes of the region.
    pub(crate) fn reading(&self) -> Result<Reading<'a>> {
        let truth = self.scene.truth.as_ref();
        Reading::new(
            self.network(),
            (self.picture.height, self.picture.width),
            self.scene.noise(),
            &self.region,
            self.detector,
            truth
                .map(|truth| pixels_of(truth).part(&self.region))
                .as_ref(),
        )?
        .in_precision(self.precision)
    }

    /// The PSNR of the region for each of some pictures, dB, of outputs as they would be saved.
    pub(crate) fn qualities(&self, pictures: &[&Pixels]) -> Result<Vec<f64>> {
        let Some(truth) = &self.truth else {
            return Err(InstrumentError::unfit(
                "What is measured is the PSNR against the true picture, and there is none; add truth to [input].",
            ));
        };
        if pictures.is_empty() {
            return Ok(Vec::new());
        }
        let outputs: Vec<f32> = self.outputs(pictures)?.flatten_all()?.to_vec1()?;
        Ok(outputs
            .chunks_exact(truth.len())
            .map(|o| psnr(o, truth))
            .collect())
    }

    /// The region's outputs for some pictures of one size.
    fn outputs(&self, pictures: &[&Pixels]) -> Result<Tensor> {
        let values: Vec<f32> = pictures.iter().flat_map(|p| &p.values).copied().collect();
        let Pixels {
            height,
            width,
            channels,
            ..
        } = self.picture;
        let shape = (pictures.len(), height, width, channels);
        let batch = Tensor::from_vec(values, shape, &device_of(self.network()))?;
        Ok(forward_region(
            self.network(),
            &batch,
            self.scene.noise(),
            &self.region,
        )?)
    }

    /// `bytes`, or those of the pass that makes the whole output if they are more.
    ///
    /// # Errors
    /// If that is more than may be used.
    pub(crate) fn check(&self, bytes: u64, budget: &Budget) -> Result<u64> {
        if bytes > budget.bytes {
            return Err(InstrumentError::Memory {
                needed_bytes: bytes,
                available_bytes: budget.bytes,
                advice: "choose a smaller region, a smaller image or a smaller network",
            });
        }
        let held = field_bytes(&self.scene);
        let tiling = Tiling::of(self.network(), &self.scene, held, budget)?;
        Ok(bytes.max(held.saturating_add(tiling.bytes)))
    }

    /// Bytes of a run: so many pictures and maps here, and what its passes hold in the network.
    pub(crate) fn bytes(&self, pictures: usize, maps: usize, passes_bytes: u64) -> u64 {
        let pixels = (self.picture.height * self.picture.width) as u64;
        let values = 4 * (pictures * self.picture.channels) as u64 + 9 * maps as u64;
        pixels
            .saturating_mul(values)
            .saturating_add(passes_bytes)
            .saturating_add(field_bytes(&self.scene))
    }

    /// Bytes that a gradient holds in the network.
    pub(crate) fn gradient_bytes(&self) -> u64 {
        match self.precision {
            Precision::Single => self.cost.bytes_with_gradients,
            // The weights are there once more, twice as wide.
            Precision::Double => self
                .cost
                .bytes_with_double_gradients
                .saturating_add(2 * self.model.card.bytes),
        }
    }

    /// The share of a whole pass that reaching the region takes.
    pub(crate) fn share(&self) -> f64 {
        if self.cost.flops_whole > 0.0 {
            (self.cost.flops / self.cost.flops_whole).min(1.0)
        } else {
            1.0
        }
    }

    /// Bytes of a result's arrays, at most: so many maps over the picture's pixels, some of them with errors and counts,
    /// and the values of other fields.
    pub(crate) fn result_bytes(&self, maps: usize, with_errors: usize, others: usize) -> u64 {
        let pixels = self.picture.height * self.picture.width;
        result_bytes(&self.scene)
            + VALUE_AND_MASK * (maps * pixels + others) as u64
            + sampled_bytes(0) * (with_errors * pixels) as u64
    }

    /// What a run of `passes` passes to the region costs, of which `seconds` are those of all passes; the whole output
    /// comes on top.
    pub(crate) fn estimate(
        &self,
        passes: f64,
        (bytes, result_bytes): (u64, u64),
        seconds: f64,
        budget: &Budget,
    ) -> Result<Cost> {
        let held = field_bytes(&self.scene);
        let tiling = Tiling::of(self.network(), &self.scene, held, budget)?;
        Ok(Cost {
            bytes,
            result_bytes,
            passes: passes * self.share() + 1.0,
            passes_plain: passes + 1.0,
            seconds: seconds + tiling.flops * probe_seconds(self.network(), &self.scene)?,
        })
    }

    /// Seconds of one gradient of the detector.
    pub(crate) fn seconds_per_gradient(&self) -> Result<f64> {
        let reading = self.reading()?;
        seconds_of(|| reading.gradient(&self.picture).map(|_| ()))
    }

    /// Seconds of one pass to the region with `count` pictures at once.
    pub(crate) fn seconds_per_pass(&self, count: usize) -> Result<f64> {
        let pictures = vec![&self.picture; count];
        seconds_of(|| {
            let outputs = self.outputs(&pictures)?;
            outputs.flatten_all()?.to_vec1::<f32>()?;
            Ok(())
        })
    }

    /// The fields `input`, `truth` and `output`, and the output's qualities; cut into as many passes as memory wants.
    pub(crate) fn pictures(
        &self,
        observer: &mut dyn Observer,
        budget: &Budget,
    ) -> Result<(Vec<Field>, BTreeMap<String, f32>)> {
        let held = field_bytes(&self.scene);
        let tiling = Tiling::of(self.network(), &self.scene, held, budget)?;
        let output = tiling.run(self.network(), &self.scene, observer)?;
        let qualities = output.qualities(&self.scene);
        let mut fields = given(&self.scene)?;
        fields.push(output.field()?);
        Ok((fields, qualities))
    }

    /// A map over the picture's pixels.
    pub(crate) fn pixel_map(&self, name: &str, values: Vec<f32>) -> Result<Field> {
        Ok(Field::measured(name, self.pixel_axes(), values)?)
    }

    /// A map over the picture's pixels that is still to be measured.
    pub(crate) fn empty_pixel_map(&self, name: &str) -> Field {
        Field::unmeasured(name, self.pixel_axes())
    }

    fn pixel_axes(&self) -> Vec<Axis> {
        vec![
            Axis::numbered("y", self.picture.height),
            Axis::numbered("x", self.picture.width),
        ]
    }

    /// The field `reachable` over the picture's pixels: 1 where the region can depend on a pixel.
    pub(crate) fn reachable(&self) -> Result<Field> {
        let values = self.reached.pixels.iter().map(|&p| f32::from(u8::from(p)));
        self.pixel_map("reachable", values.collect())
    }

    /// Puts zero where nothing can reach the region.
    pub(crate) fn keep_reached<T: Copy + Default>(&self, values: &mut [T]) {
        for (value, reached) in values.iter_mut().zip(&self.reached.pixels) {
            if !reached {
                *value = T::default();
            }
        }
    }

    pub(crate) fn summary(&self, metric: &str, reference: BTreeMap<String, f32>) -> Summary {
        Summary {
            metric: metric.to_string(),
            reference,
            image: Some(self.scene.summary()),
            ..Summary::default()
        }
    }

    /// The outcome of an experiment that took so many passes to the region.
    pub(crate) fn outcome(
        &self,
        experiment: &Experiment,
        fields: Vec<Field>,
        mut summary: Summary,
        (passes, bytes): (f64, u64),
        began: Instant,
    ) -> Outcome {
        // The output itself is one more, and a whole one.
        summary.passes = passes * self.share() + 1.0;
        summary.passes_plain = passes + 1.0;
        summary.peak_bytes = self.model.card.bytes + bytes;
        summary.seconds = began.elapsed().as_secs_f64();
        Outcome {
            experiment: experiment.clone(),
            fields,
            summary,
            provenance: provenance(self.model),
            distributions: Vec::new(),
            attention: Vec::new(),
        }
    }
}

/// A picture's values, 0 to 1.
pub(crate) fn pixels_of(picture: &EightBit) -> Pixels {
    Pixels {
        height: picture.height,
        width: picture.width,
        channels: picture.channels,
        values: unit(&picture.values),
    }
}

/// Says how far a run of equal steps is, and when it is time to show what there is.
pub(crate) struct Telling<'a> {
    observer: &'a mut dyn Observer,
    began: Instant,
    shown: Instant,
    total: usize,
    /// Steps that an earlier part of the run has done, which took no time now.
    before: usize,
}

impl<'a> Telling<'a> {
    pub(crate) fn new(observer: &'a mut dyn Observer, total: usize) -> Self {
        let now = Instant::now();
        Self {
            observer,
            began: now,
            shown: now,
            total,
            before: 0,
        }
    }

    /// Goes on with sums that an interrupted run has kept, and says how many steps are in them.
    pub(crate) fn take_up(&mut self, of: Stage<'_>, sums: &mut [&mut [f64]]) -> usize {
        let done = sums::take_up(self.observer, of, sums);
        self.before += done;
        done
    }

    /// Keeps sums, from which the run can go on if it is interrupted.
    pub(crate) fn keep(&mut self, of: Stage<'_>, done: usize, sums: &[&[f64]]) {
        sums::keep(self.observer, of, done, sums);
    }

    /// A number that an interrupted run has found in a step.
    pub(crate) fn known_number(&self, of: Stage<'_>, step: usize) -> Option<f64> {
        match self.observer.known(of, step)?.samples.as_slice() {
            &[high, low] => Some(sums::whole([high, low])),
            _ => None,
        }
    }

    /// Keeps the number that a step has found.
    pub(crate) fn keep_number(&mut self, of: Stage<'_>, step: usize, number: f64) {
        self.observer.keep(
            of,
            &MeasuredCell {
                cell: step,
                samples: sums::halves(number).to_vec(),
                tokens: CellTokens::default(),
            },
        );
    }

    /// Counts a step that took no time, for its number was known.
    pub(crate) fn passed_over(&mut self, steps: usize) {
        self.before += steps;
    }

    /// After `done` steps, the last being `total`. `fields` are made where it is time for them.
    ///
    /// # Errors
    /// If the run is cancelled.
    pub(crate) fn step(
        &mut self,
        done: usize,
        fields: impl FnOnce() -> Result<Vec<Field>>,
    ) -> Result<()> {
        if self.observer.cancelled() {
            return Err(InstrumentError::Cancelled);
        }
        let new = done.saturating_sub(self.before);
        let rate = self.began.elapsed().as_secs_f64() / new.max(1) as f64;
        self.observer.report(Report::Progress(Progress {
            done,
            total: self.total,
            seconds_left: (new > 0).then(|| rate * self.total.saturating_sub(done) as f64),
        }));
        if done > 0 && done < self.total && self.shown.elapsed() >= BETWEEN_REPORTS {
            for field in fields()? {
                self.observer.report(Report::Field(field));
            }
            self.shown = Instant::now();
        }
        Ok(())
    }

    pub(crate) fn report(&mut self, report: Report) {
        self.observer.report(report);
    }
}

/// Reports what is known before anything is measured.
pub(crate) fn start(
    observer: &mut dyn Observer,
    empty: Vec<Field>,
    summary: &Summary,
    known: &[Field],
) {
    observer.report(Report::Started {
        fields: empty,
        summary: summary.clone(),
        distributions: Vec::new(),
    });
    for field in known {
        observer.report(Report::Field(field.clone()));
    }
}
