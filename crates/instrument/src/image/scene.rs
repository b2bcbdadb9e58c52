//! An experiment's images in the network's own terms.

use whyfinder_experiment::outcome::ImageSummary;
use whyfinder_experiment::picture::resample;
use whyfinder_experiment::{ImageInput, ImageSource, ImageTask, Picture, read_picture};
use whyfinder_model::network::{ImageModel, Network, Rect};

use super::degrade::noisy;
use super::eight_bit::EightBit;
use super::quality::psnr_of_eight_bit;
use super::rain::Rain;
use crate::error::{InstrumentError, Result};

/// The noise that is taken where none is named, 0 to 255.
const USUAL_SIGMA: f64 = 50.0;

/// What the network sees, what it should make of it, and where one looks.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) input: EightBit,
    /// As large as the output.
    pub(crate) truth: Option<EightBit>,
    /// In the output's pixels.
    pub(crate) region: Option<Rect>,
    pub(crate) task: ImageTask,
    /// Standard deviation of the noise, 0 to 255; of denoising only.
    pub(crate) sigma: Option<f64>,
    pub(crate) scale: usize,
    /// Of deraining with a truth only.
    pub(crate) rain: Option<Rain>,
    /// Sentences about what of the files is not in the pictures.
    pub(crate) notices: Vec<String>,
}

impl Scene {
    /// # Errors
    /// A sentence if a picture cannot be read, or pictures, task and network do not fit each other.
    pub(crate) fn read(model: &ImageModel, input: &ImageInput, seed: u32) -> Result<Self> {
        let network = &model.network;
        let scale = scale_of(network, input)?;
        let task = task_of(network, input)?;
        let sigma = (task == ImageTask::Denoise).then(|| input.sigma.unwrap_or(USUAL_SIGMA));
        let mut notices = Vec::new();
        let mut read = |source: &Option<ImageSource>| -> Result<Option<Picture>> {
            let Some(source) = source else {
                return Ok(None);
            };
            let read = read_picture(&source.to_string())?;
            notices.extend(read.notices);
            Ok(Some(read.picture))
        };
        let (image, truth) = (read(&input.image)?, read(&input.truth)?);
        let channels = network.channels();
        let truth = truth.map(|truth| whole_blocks(&truth, scale)).transpose()?;
        let clean = truth.as_ref().map(|t| EightBit::of(t, channels));
        let image = image.map(|image| EightBit::of(&image, channels));
        if let (Some(image), Some(clean)) = (&image, &clean) {
            check_sizes(image, clean, scale)?;
        }
        let (seen, rain) = match (image, &clean, &truth) {
            (Some(image), Some(clean), _) if task == ImageTask::Derain => {
                let rain = Rain::seen_in(&image, clean);
                (image, Some(rain))
            }
            (Some(image), ..) => (image, None),
            (None, Some(clean), Some(truth)) => match task {
                ImageTask::SuperResolution => {
                    let small = truth.resized(truth.width / scale, truth.height / scale);
                    (EightBit::of(&small, channels), None)
                }
                ImageTask::Denoise => (noisy(clean, sigma.unwrap_or(USUAL_SIGMA), seed), None),
                ImageTask::Derain => {
                    let rain = Rain::falling(clean.height, clean.width, channels, seed);
                    let whole = Rect::whole(clean.height, clean.width);
                    let values = rain.over(&clean.values, &whole);
                    let rainy = EightBit::new(clean.height, clean.width, channels, values);
                    (rainy, Some(rain))
                }
            },
            (None, ..) => {
                return Err(InstrumentError::unfit(
                    "The experiment has no image; add image or truth to [input].",
                ));
            }
        };
        let region = input.region.map(rect_of);
        let scene = Self {
            truth: clean,
            region,
            task,
            sigma,
            scale,
            rain,
            notices,
            input: seen,
        };
        scene.check_region()?;
        Ok(scene)
    }

    /// Height and width of the output, pixels.
    pub(crate) fn output_size(&self) -> (usize, usize) {
        (
            self.input.height * self.scale,
            self.input.width * self.scale,
        )
    }

    /// The region, or the whole output where none is named.
    pub(crate) fn region(&self) -> Rect {
        let (height, width) = self.output_size();
        self.region.clone().unwrap_or(Rect::whole(height, width))
    }

    /// What the network is told of the noise, 0 to 1.
    pub(crate) fn noise(&self) -> f32 {
        (self.sigma.unwrap_or(0.0) / 255.0) as f32
    }

    /// Quality of the input itself in the region, enlarged as viewers do, dB; none without a truth.
    pub(crate) fn input_psnr(&self) -> Option<f64> {
        let truth = self.truth.as_ref()?;
        let shown = match (self.scale, self.input.channels) {
            (1, _) => self.input.clone(),
            (_, channels) => {
                let from = [self.input.width, self.input.height];
                let to = [truth.width, truth.height];
                let values = match channels {
                    1 => resample::bicubic::<1>(&self.input.values, from, to),
                    _ => resample::bicubic::<3>(&self.input.values, from, to),
                };
                EightBit::new(truth.height, truth.width, channels, values)
            }
        };
        let region = self.region();
        Some(psnr_of_eight_bit(
            &shown.part(&region),
            &truth.part(&region),
        ))
    }

    pub(crate) fn summary(&self) -> ImageSummary {
        let (height, width) = self.output_size();
        ImageSummary {
            input_size: [self.input.width, self.input.height],
            output_size: [width, height],
            channels: self.input.channels,
            scale: self.scale,
            task: self.task.name().to_string(),
            sigma: self.sigma,
            truth: self.truth.is_some(),
            region: self
                .region
                .as_ref()
                .map(|r| [r.columns.start, r.rows.start, r.width(), r.height()]),
            block: None,
            notices: self.notices.clone(),
        }
    }

    fn check_region(&self) -> Result<()> {
        let (height, width) = self.output_size();
        match &self.region {
            Some(region) if !Rect::whole(height, width).contains(region) => {
                Err(InstrumentError::unfit(format!(
                    "The region (x {} to {}, y {} to {}) reaches beyond the output of {width} x {height} pixels; \
                     change input.region.",
                    region.columns.start, region.columns.end, region.rows.start, region.rows.end,
                )))
            }
            _ => Ok(()),
        }
    }
}

fn rect_of([x, y, width, height]: [usize; 4]) -> Rect {
    Rect::new(y..y + height, x..x + width)
}

fn scale_of(network: &Network, input: &ImageInput) -> Result<usize> {
    match input.scale {
        Some(scale) if scale != network.scale => Err(InstrumentError::unfit(format!(
            "The network enlarges {} times, but input.scale is {scale}; change one of them.",
            network.scale
        ))),
        _ => Ok(network.scale),
    }
}

fn task_of(network: &Network, input: &ImageInput) -> Result<ImageTask> {
    let enlarges = network.scale > 1;
    match input.task {
        None if enlarges => Ok(ImageTask::SuperResolution),
        None => Ok(ImageTask::Denoise),
        Some(ImageTask::SuperResolution) if !enlarges => Err(InstrumentError::unfit(
            "The network does not enlarge, so it is not one for super-resolution; change input.task.",
        )),
        Some(task @ (ImageTask::Denoise | ImageTask::Derain)) if enlarges => {
            Err(InstrumentError::unfit(format!(
                "The network enlarges {} times, so it is one for super-resolution and not for the task \"{}\"; change \
                 input.task.",
                network.scale,
                task.name()
            )))
        }
        Some(task) => Ok(task),
    }
}

/// The top left of the truth, in whole pixels of the input.
fn whole_blocks(truth: &Picture, scale: usize) -> Result<Picture> {
    let side = |length: usize| length / scale * scale;
    truth
        .cropped(0, 0, side(truth.width), side(truth.height))
        .ok_or_else(|| {
            InstrumentError::unfit(format!(
                "A true picture of {} x {} pixels is smaller than one pixel that is enlarged {scale} times; use a \
                 larger one.",
                truth.width, truth.height
            ))
        })
}

fn check_sizes(image: &EightBit, truth: &EightBit, scale: usize) -> Result<()> {
    if (image.width * scale, image.height * scale) == (truth.width, truth.height) {
        return Ok(());
    }
    Err(InstrumentError::unfit(format!(
        "The image has {} x {} pixels and becomes {} x {}, but the truth has {} x {}; they must be of the same picture.",
        image.width,
        image.height,
        image.width * scale,
        image.height * scale,
        truth.width,
        truth.height
    )))
}
