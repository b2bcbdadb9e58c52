//! Settings of the other ways to ask which pixels a region of the output depends on.

use serde::{Deserialize, Serialize};

use crate::Engine;

/// One number of the region of the output, whose dependence on the input is attributed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detector {
    /// Sum of the lengths of the brightness gradients (Gu and Dong 2021).
    #[default]
    Gradient,
    /// Sum of the pixels.
    Sum,
    /// PSNR against the truth, dB, of the output as it is: neither clipped nor rounded.
    Psnr,
}

/// How many digits a network's passes are computed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32-bit numbers, about seven digits.
    #[default]
    Single,
    /// 64-bit numbers, about sixteen digits; many times slower.
    Double,
}

/// Local attribution map (Gu and Dong 2021): a path from a degraded image to the image, integrated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LamSettings {
    pub path: LamPath,
    pub detector: Detector,
    /// Standard deviation of the blur that the path begins with, in the input's pixels.
    pub sigma: f64,
    /// Steps of the path.
    pub fold: usize,
    /// Side of the blur's kernel, odd.
    pub kernel: usize,
    pub precision: Precision,
}

impl Default for LamSettings {
    fn default() -> Self {
        Self {
            path: LamPath::ProgressiveBlur,
            detector: Detector::Gradient,
            sigma: 1.2,
            fold: 50,
            kernel: 9,
            precision: Precision::Single,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LamPath {
    /// Images of less and less blur.
    #[default]
    ProgressiveBlur,
    /// Straight from the blurred image.
    GaussianLinear,
    /// Straight from black.
    BlackLinear,
}

/// The gradient of the detector at the image itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GradientSettings {
    pub detector: Detector,
    pub precision: Precision,
}

impl Default for GradientSettings {
    fn default() -> Self {
        Self {
            detector: Detector::Sum,
            precision: Precision::Single,
        }
    }
}

/// Integrated gradients (Sundararajan et al. 2017), straight from a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntegratedGradientsSettings {
    pub baseline: Baseline,
    pub steps: usize,
    pub detector: Detector,
    pub precision: Precision,
}

impl Default for IntegratedGradientsSettings {
    fn default() -> Self {
        Self {
            baseline: Baseline::Blur,
            steps: 50,
            detector: Detector::Gradient,
            precision: Precision::Single,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    #[default]
    Blur,
    Black,
    /// The image's mean colour.
    Mean,
}

/// Each block of the input covered once (Zeiler and Fergus 2014).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OcclusionSettings {
    /// Side of a block, in the output's pixels; a multiple of the network's scale.
    pub block: usize,
    pub fill: Fill,
    pub engine: Engine,
}

impl Default for OcclusionSettings {
    fn default() -> Self {
        Self {
            block: 8,
            fill: Fill::Grey,
            engine: Engine::Exact,
        }
    }
}

/// What a block is covered with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    #[default]
    Grey,
    /// The blurred image.
    Blur,
    /// The block's own mean colour.
    Mean,
}

/// Randomized input sampling (Petsiuk et al. 2018).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RiseSettings {
    pub masks: usize,
    /// Cells along each side of a mask before it is enlarged.
    pub grid: usize,
    /// That a cell is kept.
    pub probability: f64,
}

impl Default for RiseSettings {
    fn default() -> Self {
        Self {
            masks: 2000,
            grid: 8,
            probability: 0.5,
        }
    }
}

/// The theoretical field, from the network's operations, and the effective one (Luo et al. 2016).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReceptiveFieldSettings {
    /// Random images that the effective field is averaged over, beside the image itself.
    pub inputs: usize,
}

impl Default for ReceptiveFieldSettings {
    fn default() -> Self {
        Self { inputs: 8 }
    }
}
