//! The whole answer to an experiment.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{AttentionRecord, Experiment, Field, Provenance};

/// A token with its probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenProbability {
    pub id: u32,
    /// The token's text as decoded alone, its leading space kept.
    pub text: String,
    #[serde(deserialize_with = "number_or_nan")]
    pub probability: f32,
    #[serde(deserialize_with = "number_or_nan")]
    pub logit: f32,
}

/// JSON has no NaN; it is written as null.
fn number_or_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f32::NAN))
}

fn numbers_or_nan<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, f32>, D::Error> {
    let map = BTreeMap::<String, Option<f32>>::deserialize(deserializer)?;
    Ok(map
        .into_iter()
        .map(|(name, value)| (name, value.unwrap_or(f32::NAN)))
        .collect())
}

/// Scalars of a run, as written to `result.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Reference values of the metric, such as `clean` and `corrupted`.
    #[serde(deserialize_with = "numbers_or_nan")]
    pub reference: BTreeMap<String, f32>,
    /// Standard errors of the reference values that have one.
    #[serde(deserialize_with = "numbers_or_nan")]
    pub reference_stderr: BTreeMap<String, f32>,
    pub metric: String,
    pub answer: Option<TokenProbability>,
    pub foil: Option<TokenProbability>,
    /// Prompt tokens as text, and their ids.
    pub tokens: Vec<String>,
    pub token_ids: Vec<u32>,
    /// The subject's tokens, half-open.
    pub subject: Option<[usize; 2]>,
    /// Standard deviation of the noise that was added, in embedding units.
    pub noise_sd: Option<f32>,
    pub seconds: f64,
    /// Batch rows passed through the network, counting a pass over part of the layers as that part.
    pub passes: f64,
    /// Batch rows that one full pass per cell would have taken.
    pub passes_plain: f64,
    /// Most memory held, bytes, as estimated for weights, caches and batch.
    pub peak_bytes: u64,
    /// What should be known about the numbers, in sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// Sizes and task, where the experiment is about an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageSummary>,
    /// How many blocks of a causal effect map help and harm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effects: Option<EffectCounts>,
}

/// What an experiment on an image was about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageSummary {
    /// Width and height of what the network saw, pixels.
    pub input_size: [usize; 2],
    /// Width and height of the output, pixels.
    pub output_size: [usize; 2],
    /// Colours of the output: 1 or 3.
    pub channels: usize,
    /// Pixels of the output for one of the input, along each side.
    pub scale: usize,
    pub task: String,
    /// Standard deviation of the noise, 0 to 255.
    pub sigma: Option<f64>,
    /// Whether there was a truth to compare with.
    pub truth: bool,
    /// x, y, width, height in the output's pixels.
    pub region: Option<[usize; 4]>,
    /// Side of a block, in the output's pixels.
    pub block: Option<usize>,
    /// Sentences about what of the files is not in the pictures.
    pub notices: Vec<String>,
}

/// Counts of the blocks of a causal effect map, those of the region apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EffectCounts {
    /// Blocks outside the region whose intervention raised the PSNR: they harm.
    pub negative: usize,
    /// Blocks outside the region whose intervention lowered the PSNR: they help.
    pub positive: usize,
    /// Blocks outside the region of no effect, the unreachable ones among them.
    pub zero: usize,
    /// Of the negative ones, those of more than two standard errors.
    pub significant_negative: usize,
    /// Of the positive ones, those of more than two standard errors.
    pub significant_positive: usize,
    /// Blocks that touch the region.
    pub region: usize,
    /// Blocks that cannot reach the region, by the network's own operations.
    pub unreachable: usize,
    /// Blocks that went through the second stage.
    pub refined: usize,
    /// The strongest effects outside the region.
    pub min: Option<BlockEffect>,
    pub max: Option<BlockEffect>,
}

/// The effect of one block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BlockEffect {
    pub row: usize,
    pub column: usize,
    /// dB.
    pub effect: f32,
    #[serde(deserialize_with = "number_or_nan")]
    pub stderr: f32,
}

/// The next-token distribution at the last position of one kind of run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// `clean`, `corrupted`, or a cell such as `residual token 4 layer 3`.
    pub name: String,
    pub top: Vec<TokenProbability>,
}

/// Fields, scalars and their origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub experiment: Experiment,
    pub fields: Vec<Field>,
    pub summary: Summary,
    pub provenance: Provenance,
    pub distributions: Vec<Distribution>,
    /// Attention of each layer, in order, where a run was asked to keep it.
    pub attention: Vec<Arc<AttentionRecord>>,
}

impl Outcome {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }
}
