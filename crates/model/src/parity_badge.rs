//! Whether the network computes here what it computes in the reference implementation.
//!
//! A model's folder may hold `parity.json`, written by `tests/fixtures/make_parity_badge.py`: the reference's logits of
//! a few tokens at a few positions of one short input.

use candle_core::Tensor;
use serde::Deserialize;

use crate::decoder::{Decoder, Pass};
use crate::error::{ModelError, Result};
use crate::source::Source;

const LONGEST_FILE: u64 = 16 << 20;
/// One pass over the input is run at every opening.
const LONGEST_INPUT: usize = 64;

/// The content of `parity.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParityReference {
    /// 1.
    format: u32,
    /// What computed the logits, such as `transformers 5.23.0, eager attention, float32`.
    pub(crate) reference: String,
    /// The input.
    tokens: Vec<u32>,
    checks: Vec<Check>,
}

/// Logits at one position.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    position: usize,
    /// Tokens whose logits are given.
    ids: Vec<u32>,
    logits: Vec<f32>,
}

pub(crate) fn read(source: &Source, vocab: usize, max_positions: usize) -> Result<ParityReference> {
    let refuse =
        |why: String| ModelError::file(source.path(), format!("parity.json cannot be used: {why}"));
    let reference: ParityReference = serde_json::from_slice(&source.read_whole(LONGEST_FILE)?)
        .map_err(|error| refuse(error.to_string()))?;
    let length = reference.tokens.len();
    if reference.format != 1 {
        return Err(refuse(format!(
            "its format is {} and 1 is known",
            reference.format
        )));
    }
    if length == 0 || length > LONGEST_INPUT.min(max_positions) {
        return Err(refuse(format!("its input has {length} tokens")));
    }
    let in_vocab = |ids: &[u32]| ids.iter().all(|&id| (id as usize) < vocab);
    let sound = |check: &Check| {
        check.position < length
            && check.ids.len() == check.logits.len()
            && in_vocab(&check.ids)
            && check.logits.iter().all(|logit| logit.is_finite())
    };
    let compared: usize = reference.checks.iter().map(|check| check.ids.len()).sum();
    if compared == 0 || !in_vocab(&reference.tokens) || !reference.checks.iter().all(sound) {
        return Err(refuse(
            "its tokens, positions or logits do not fit the model".to_owned(),
        ));
    }
    Ok(reference)
}

/// Worst absolute difference of the logits.
pub(crate) fn measure(decoder: &Decoder, reference: &ParityReference) -> Result<f32> {
    let tokens = Tensor::new(reference.tokens.as_slice(), decoder.device())?.unsqueeze(0)?;
    let logits = decoder.logits(&tokens, &Pass::default())?.squeeze(0)?;
    let mut worst = 0.0f32;
    for check in &reference.checks {
        let row = logits.get(check.position)?.to_vec1::<f32>()?;
        for (&id, expected) in check.ids.iter().zip(&check.logits) {
            let difference = row
                .get(id as usize)
                .map_or(f32::INFINITY, |logit| (logit - expected).abs());
            // A NaN must not pass for agreement.
            worst = if difference.is_nan() {
                f32::INFINITY
            } else {
                worst.max(difference)
            };
        }
    }
    Ok(worst)
}
