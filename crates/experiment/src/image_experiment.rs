//! What is asked of a network that turns images into images.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

mod attribution;
mod causal_effect_map;
mod faithfulness;
mod image_source;
mod method;
mod window_attention;

pub use attribution::{
    Baseline, Detector, Fill, GradientSettings, IntegratedGradientsSettings, LamPath, LamSettings,
    OcclusionSettings, Precision, ReceptiveFieldSettings, RiseSettings,
};
pub use causal_effect_map::{Bank, Draws, InterventionSettings, Quirk};
pub use faithfulness::{FaithfulnessSettings, MapSource};
pub use image_source::ImageSource;
pub use method::ImageMethod;
pub use window_attention::WindowAttentionSettings;

/// What is wrong with the image, and so what the network is there to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageTask {
    SuperResolution,
    Denoise,
    Derain,
}

impl ImageTask {
    pub const ALL: [ImageTask; 3] = [
        ImageTask::SuperResolution,
        ImageTask::Denoise,
        ImageTask::Derain,
    ];

    /// The name used in files and in the window.
    pub fn name(self) -> &'static str {
        match self {
            ImageTask::SuperResolution => "super-resolution",
            ImageTask::Denoise => "denoise",
            ImageTask::Derain => "derain",
        }
    }
}

/// The images and what is asked about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageInput {
    /// What the network sees. Absent: made from `truth` by the task's own degradation, with the experiment's seed.
    pub image: Option<ImageSource>,
    /// What the output should be; its size is that of the output.
    pub truth: Option<ImageSource>,
    /// The part of the output that is asked about: x, y, width, height in the output's pixels.
    pub region: Option<[usize; 4]>,
    /// Default: super-resolution where the network enlarges, else denoising.
    pub task: Option<ImageTask>,
    /// Standard deviation of the noise, 0 to 255. Default: what the network was made for, else 50.
    pub sigma: Option<f64>,
    /// Pixels of the output for one of the input. Default: the network's own.
    pub scale: Option<usize>,
}

impl ImageInput {
    /// The files named here, so that they can be found beside the experiment and watched for changes.
    pub(crate) fn files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [&mut self.image, &mut self.truth]
            .into_iter()
            .flatten()
            .filter_map(|source| match source {
                ImageSource::File(path) => Some(path),
                ImageSource::Picture(_) => None,
            })
    }
}
