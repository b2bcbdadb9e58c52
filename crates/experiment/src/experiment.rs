//! What is asked: model, input, instrument, settings, seed.

use std::path::PathBuf;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::document::Document;
use crate::image_experiment::{Bank, ImageInput, ImageMethod, InterventionSettings, MapSource};
use crate::{ImportSettings, Metric, SitePattern, read};

/// A question to a model, small enough to read and to send by mail.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "Document")]
pub struct Experiment {
    /// `demo:NAME`, a folder, a weights file, or a hub name in the local cache.
    pub model: String,
    pub seed: u32,
    pub input: Input,
    pub instrument: InstrumentSettings,
}

impl<'de> Deserialize<'de> for Experiment {
    /// Of any version up to today's.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tree = serde_json::Value::deserialize(deserializer)?;
        read::from_tree(tree).map_err(D::Error::custom)
    }
}

impl Experiment {
    /// The files that the experiment reads beside its model: noise, images, patches.
    pub fn files(&self) -> Vec<PathBuf> {
        self.clone()
            .files_mut()
            .into_iter()
            .map(|f| f.clone())
            .collect()
    }

    pub(crate) fn files_mut(&mut self) -> Vec<&mut PathBuf> {
        match &mut self.instrument {
            InstrumentSettings::Run { .. } => Vec::new(),
            InstrumentSettings::Import { import } => {
                let read = import.files.iter_mut().map(|file| &mut file.path);
                read.chain(import.tokens.iter_mut()).collect()
            }
            InstrumentSettings::CausalTrace { corruption, .. } => match corruption {
                Corruption::Noise { file, .. } => file.iter_mut().collect(),
                Corruption::Replace { .. } => Vec::new(),
            },
            InstrumentSettings::Image { input, method } => {
                let read = match method {
                    ImageMethod::CausalEffectMap(InterventionSettings {
                        bank: Bank::File(path),
                        ..
                    }) => vec![path],
                    ImageMethod::Faithfulness(settings) => {
                        let maps = settings.maps.iter_mut();
                        maps.filter_map(|map| match map {
                            MapSource::Result(path) => Some(path),
                            MapSource::Instrument(_) => None,
                        })
                        .collect()
                    }
                    _ => Vec::new(),
                };
                input.files_mut().chain(read).collect()
            }
        }
    }
}

/// The prompt and what is asked about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Token ids in place of a prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Vec<u32>>,
    /// A span of the prompt's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Token positions, half-open, in place of a span of text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_tokens: Option<[usize; 2]>,
    /// Default: the clean run's most likely next token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foil: Option<String>,
}

/// The instrument and its own settings.
#[derive(Clone, Debug, PartialEq)]
pub enum InstrumentSettings {
    Run {
        run: RunSettings,
    },
    CausalTrace {
        corruption: Corruption,
        trace: TraceSettings,
    },
    /// Nothing is measured: another program did that.
    Import {
        import: ImportSettings,
    },
    /// Of a network that turns images into images; the experiment's own `input` is empty.
    Image {
        input: ImageInput,
        method: ImageMethod,
    },
}

impl InstrumentSettings {
    /// The name used in files and in the window.
    pub fn name(&self) -> &'static str {
        match self {
            InstrumentSettings::Run { .. } => "run",
            InstrumentSettings::CausalTrace { .. } => "causal-trace",
            InstrumentSettings::Import { .. } => "import",
            InstrumentSettings::Image { method, .. } => method.name(),
        }
    }
}

/// One forward pass with its inside kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunSettings {
    pub sites: Vec<SitePattern>,
    /// How many of the most likely next tokens to keep at every position.
    pub top: usize,
    /// Keep what the attention of every head can be computed from, at any length: queries, keys, normalisers and
    /// overviews, not the pattern itself.
    #[serde(skip_serializing_if = "is_false")]
    pub attention: bool,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// How the cause is disturbed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Corruption {
    /// Gaussian noise on the subject's token embeddings (Meng et al. 2022, section 2.1).
    Noise {
        /// Times the standard deviation of the subject's token embeddings, or of `sd`.
        #[serde(default = "default_scale")]
        scale: f32,
        #[serde(default = "default_samples")]
        samples: usize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sd: Option<f32>,
        /// float32 `.npy` of `[samples, subject tokens, d_model]`, used as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<PathBuf>,
    },
    /// Another prompt, with the same number of tokens or aligned by span.
    Replace { prompt: String },
}

/// Which values are restored, how, and what is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TraceSettings {
    pub kinds: Vec<TraceKind>,
    /// For mlp and attention: layers `[l - window/2, l + ceil(window/2))`, cut to the model.
    pub window: usize,
    pub metric: Metric,
    /// Held at their corrupted values at the restored token: `mlp`, `attention`.
    pub severed: Vec<TraceKind>,
    /// At this confidence a cell has had enough noise draws once its effect is known to within `resolution` and its
    /// sign is known too; `corruption.samples` are the most. Absent: all have that many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// In the metric's unit, either way; a difference that no longer shows as another colour.
    pub resolution: f64,
    /// Whether one gradient pass first estimates every cell, and the cells are visited in that order.
    pub estimate: bool,
    pub engine: Engine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceKind {
    Residual,
    Mlp,
    Attention,
}

impl TraceKind {
    pub const ALL: [TraceKind; 3] = [TraceKind::Residual, TraceKind::Mlp, TraceKind::Attention];

    /// The name used in files and in the window.
    pub fn name(self) -> &'static str {
        match self {
            TraceKind::Residual => "residual",
            TraceKind::Mlp => "mlp",
            TraceKind::Attention => "attention",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Computes only what a cell can change.
    #[default]
    Exact,
    /// One full pass per cell, for checking.
    Plain,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            sites: Vec::new(),
            top: 10,
            attention: false,
        }
    }
}

impl Default for Corruption {
    fn default() -> Self {
        Corruption::Noise {
            scale: default_scale(),
            samples: default_samples(),
            sd: None,
            file: None,
        }
    }
}

impl Default for TraceSettings {
    fn default() -> Self {
        Self {
            kinds: TraceKind::ALL.to_vec(),
            window: 10,
            metric: Metric::Probability,
            severed: Vec::new(),
            confidence: None,
            resolution: 0.01,
            estimate: true,
            engine: Engine::Exact,
        }
    }
}

fn default_scale() -> f32 {
    3.0
}

fn default_samples() -> usize {
    10
}
