//! `[input]` on disk, which holds a prompt for some instruments and images for others.

use serde::{Deserialize, Serialize};

use crate::Input;
use crate::image_experiment::{ImageInput, ImageSource, ImageTask};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct InputSection {
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_tokens: Option<[usize; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    foil: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<ImageSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truth: Option<ImageSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<[usize; 4]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<ImageTask>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sigma: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<usize>,
}

impl InputSection {
    pub(crate) fn split(self) -> (Input, ImageInput) {
        (
            Input {
                prompt: self.prompt,
                tokens: self.tokens,
                subject: self.subject,
                subject_tokens: self.subject_tokens,
                answer: self.answer,
                foil: self.foil,
            },
            ImageInput {
                image: self.image,
                truth: self.truth,
                region: self.region,
                task: self.task,
                sigma: self.sigma,
                scale: self.scale,
            },
        )
    }
}

impl From<Input> for InputSection {
    fn from(input: Input) -> Self {
        Self {
            prompt: input.prompt,
            tokens: input.tokens,
            subject: input.subject,
            subject_tokens: input.subject_tokens,
            answer: input.answer,
            foil: input.foil,
            ..Self::default()
        }
    }
}

impl From<ImageInput> for InputSection {
    fn from(input: ImageInput) -> Self {
        Self {
            image: input.image,
            truth: input.truth,
            region: input.region,
            task: input.task,
            sigma: input.sigma,
            scale: input.scale,
            ..Self::default()
        }
    }
}
