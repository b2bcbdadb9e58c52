use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    Baseline, GradientSettings, ImageMethod, IntegratedGradientsSettings, InterventionSettings,
    LamSettings, OcclusionSettings, RiseSettings,
};

/// Deletion and insertion curves of several maps of one region (Petsiuk et al. 2018).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaithfulnessSettings {
    /// Instruments, which are carried out with their defaults, and results of earlier runs.
    pub maps: Vec<MapSource>,
    /// What blocks are replaced with.
    pub baseline: Baseline,
    /// Side of a block, in the output's pixels; a multiple of the network's scale.
    pub block: usize,
    /// Points of a curve beside its first.
    pub steps: usize,
    /// Random orders that the maps are compared with.
    pub random: usize,
}

impl Default for FaithfulnessSettings {
    fn default() -> Self {
        Self {
            maps: ["occlusion", "lam", "integrated-gradients", "gradient"]
                .map(|name| MapSource::from(name.to_string()))
                .to_vec(),
            baseline: Baseline::Blur,
            block: 8,
            steps: 20,
            random: 5,
        }
    }
}

/// A map whose order of blocks is tried.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum MapSource {
    /// An instrument's name, such as `lam`.
    Instrument(String),
    /// A result on disk: its folder or its `.npz` file.
    Result(PathBuf),
}

impl MapSource {
    /// The names that are instruments; all others are results.
    pub const INSTRUMENTS: [&'static str; 6] = [
        "causal-effect-map",
        "occlusion",
        "rise",
        "lam",
        "integrated-gradients",
        "gradient",
    ];

    /// The instrument with its defaults; `None` for a result. Blocks are as large as those that are replaced.
    pub fn method(&self, block: usize) -> Option<ImageMethod> {
        let MapSource::Instrument(name) = self else {
            return None;
        };
        Some(match name.as_str() {
            "causal-effect-map" => ImageMethod::CausalEffectMap(InterventionSettings {
                block,
                ..InterventionSettings::default()
            }),
            "occlusion" => ImageMethod::Occlusion(OcclusionSettings {
                block,
                ..OcclusionSettings::default()
            }),
            "rise" => ImageMethod::Rise(RiseSettings::default()),
            "lam" => ImageMethod::Lam(LamSettings::default()),
            "integrated-gradients" => {
                ImageMethod::IntegratedGradients(IntegratedGradientsSettings::default())
            }
            "gradient" => ImageMethod::Gradient(GradientSettings::default()),
            _ => return None,
        })
    }
}

impl From<String> for MapSource {
    fn from(text: String) -> Self {
        if Self::INSTRUMENTS.contains(&text.as_str()) {
            MapSource::Instrument(text)
        } else {
            MapSource::Result(PathBuf::from(text))
        }
    }
}

impl From<MapSource> for String {
    fn from(source: MapSource) -> Self {
        source.to_string()
    }
}

impl fmt::Display for MapSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MapSource::Instrument(name) => f.write_str(name),
            MapSource::Result(path) => write!(f, "{}", path.display()),
        }
    }
}
