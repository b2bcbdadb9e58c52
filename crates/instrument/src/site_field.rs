//! The value at a site as a field.

use candle_core::Tensor;
use whyfinder_experiment::{Axis, Field, Part, Site};
use whyfinder_model::DecoderConfig;
use whyfinder_model::error::Result;

use crate::kept::to_host;

/// What runs along each axis of a site's value, the batch left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Along {
    Token,
    Query,
    Key,
    Head,
    KvHead,
    HeadDimension,
    Dimension,
    Neuron,
    Frequency,
    Vocabulary,
}

fn axes(part: Part) -> &'static [Along] {
    use Along::{
        Dimension, Frequency, Head, HeadDimension, Key, KvHead, Neuron, Query, Token, Vocabulary,
    };
    match part {
        Part::Ln1Scale
        | Part::Ln1PostScale
        | Part::Ln2Scale
        | Part::Ln2PostScale
        | Part::FinalScale => &[Token],
        Part::RotaryCos | Part::RotarySin => &[Token, Frequency],
        Part::Q | Part::RotQ | Part::KExpanded | Part::VExpanded | Part::Z => {
            &[Token, Head, HeadDimension]
        }
        Part::K | Part::V | Part::RotK => &[Token, KvHead, HeadDimension],
        Part::AttnScoresUnmasked | Part::AttnScores | Part::Pattern => &[Head, Query, Key],
        Part::AttnResult => &[Token, Head, Dimension],
        Part::MlpPre | Part::MlpPreLinear | Part::MlpPost => &[Token, Neuron],
        Part::Logits => &[Token, Vocabulary],
        Part::Embed
        | Part::PosEmbed
        | Part::ResidPre
        | Part::Ln1Normalized
        | Part::AttnOut
        | Part::ResidMid
        | Part::Ln2Normalized
        | Part::MlpOut
        | Part::ResidPost
        | Part::FinalNormalized => &[Token, Dimension],
    }
}

/// Values at a site for an input of `length` tokens.
pub(crate) fn values_at(part: Part, config: &DecoderConfig, length: usize) -> usize {
    shape_at(part, config, length).product()
}

fn shape_at(
    part: Part,
    config: &DecoderConfig,
    length: usize,
) -> impl Iterator<Item = usize> + Clone {
    axes(part).iter().map(move |along| match along {
        Along::Token | Along::Query | Along::Key => length,
        Along::Head => config.heads,
        Along::KvHead => config.kv_heads,
        Along::HeadDimension | Along::Frequency => config.d_head,
        Along::Dimension => config.d_model,
        Along::Neuron => config.d_mlp,
        Along::Vocabulary => config.vocab,
    })
}

/// The field of a value of one batch row; token axes are labelled with the tokens' texts.
pub(crate) fn field(site: Site, value: &Tensor, texts: &[String]) -> Result<Field> {
    let shape = value.dims().iter().skip(1).copied();
    labelled(site, shape, to_host(value)?, texts)
}

/// The same of values that were kept.
pub(crate) fn field_of(
    site: Site,
    config: &DecoderConfig,
    values: Vec<f32>,
    texts: &[String],
) -> Result<Field> {
    let shape = shape_at(site.part, config, texts.len());
    labelled(site, shape, values, texts)
}

fn labelled(
    site: Site,
    shape: impl Iterator<Item = usize>,
    values: Vec<f32>,
    texts: &[String],
) -> Result<Field> {
    let axes = axes(site.part)
        .iter()
        .zip(shape)
        .map(|(along, len)| match along {
            Along::Token => Axis::text("token", texts.to_vec()),
            Along::Query => Axis::text("query", texts.to_vec()),
            Along::Key => Axis::text("key", texts.to_vec()),
            Along::Head => Axis::numbered("head", len),
            Along::KvHead => Axis::numbered("kv-head", len),
            Along::HeadDimension | Along::Dimension => Axis::numbered("dimension", len),
            Along::Neuron => Axis::numbered("neuron", len),
            Along::Frequency => Axis::numbered("frequency", len),
            Along::Vocabulary => Axis::numbered("vocabulary", len),
        })
        .collect();
    Ok(Field::measured(&site.to_string(), axes, values)?)
}
