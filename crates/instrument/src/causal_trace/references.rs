//! What the clean and the corrupted run say.

use std::collections::BTreeMap;

use whyfinder_experiment::TraceSettings;
use whyfinder_experiment::field::mean_and_stderr;
use whyfinder_experiment::outcome::{Distribution, Summary, TokenProbability};
use whyfinder_model::kernel::distribution::distribution;

use crate::error::{InstrumentError, Result};
use crate::question::Question;
use crate::readout::{Gathered, Readout, top_of};
use crate::reference_runs::ReferenceRuns;

/// Tokens of the clean and of the corrupted run that are followed through all cells.
pub(super) const TRACKED: usize = 10;

pub(super) fn readout(
    question: &Question,
    trace: &TraceSettings,
    runs: &ReferenceRuns,
    text: &dyn Fn(u32) -> String,
) -> Result<Readout> {
    let said = || {
        top_of(&runs.clean_logits, 1)
            .first()
            .map(|(id, _)| *id)
            .ok_or_else(|| {
                InstrumentError::unfit(
                    "The clean run's output is not a number, so there is nothing to trace; check the model's weights.",
                )
            })
    };
    let answer = question.answer.map_or_else(said, Ok)?;
    if trace.metric.needs_foil() && question.foil.is_none() {
        return Err(InstrumentError::unfit(
            "The logit difference needs a foil; add one.",
        ));
    }
    if question.foil == Some(answer) {
        return Err(InstrumentError::unfit(format!(
            "The foil \"{}\" is also the answer, which is what the model says by itself; choose another foil, or name the answer.",
            text(answer)
        )));
    }
    Ok(Readout {
        metric: trace.metric,
        answer,
        foil: question.foil,
    })
}

/// What the two reference runs say.
pub(super) struct References {
    pub(super) corrupted: Gathered,
    pub(super) tracked: Vec<u32>,
    pub(super) distributions: Vec<Distribution>,
    pub(super) summary: Summary,
}

pub(super) fn references(
    question: &Question,
    readout: &Readout,
    runs: &ReferenceRuns,
    text: &dyn Fn(u32) -> String,
) -> Result<References> {
    let vocab = runs.clean_logits.len();
    let softmax = distribution(&runs.clean_logits);
    let clean = readout.value(&runs.clean_logits, &softmax)?;
    let mut corrupted = Gathered::new(vocab);
    let mut logit_sums = vec![0.0f32; vocab];
    corrupted.add(&runs.corrupted_logits, readout)?;
    for row in runs.corrupted_logits.chunks_exact(vocab) {
        logit_sums
            .iter_mut()
            .zip(row)
            .for_each(|(sum, x)| *sum += x);
    }
    let (mean, stderr) = mean_and_stderr(&corrupted.samples);
    let samples = corrupted.samples.len() as f32;
    let probabilities = corrupted.mean_probabilities();
    let of_clean = |id: u32| TokenProbability {
        id,
        text: text(id),
        probability: softmax.probabilities[id as usize],
        logit: runs.clean_logits[id as usize],
    };
    let of_corrupted = |id: u32| TokenProbability {
        id,
        text: text(id),
        probability: probabilities[id as usize],
        logit: logit_sums[id as usize] / samples,
    };
    let ids = |values: &[f32]| -> Vec<u32> {
        let top = top_of(values, TRACKED);
        top.into_iter().map(|(id, _)| id).collect()
    };
    let (clean_top, corrupted_top) = (ids(&softmax.probabilities), ids(&probabilities));
    let mut tracked = Vec::new();
    let asked = [Some(readout.answer), readout.foil];
    for id in clean_top
        .iter()
        .chain(&corrupted_top)
        .copied()
        .chain(asked.into_iter().flatten())
    {
        if !tracked.contains(&id) {
            tracked.push(id);
        }
    }
    let distribution = |name: &str, top: Vec<TokenProbability>| Distribution {
        name: name.to_string(),
        top,
    };
    let summary = Summary {
        reference: BTreeMap::from([
            ("clean".to_string(), clean),
            ("corrupted".to_string(), mean),
        ]),
        reference_stderr: (!stderr.is_nan())
            .then(|| ("corrupted".to_string(), stderr))
            .into_iter()
            .collect(),
        metric: readout.metric.name().to_string(),
        answer: Some(of_clean(readout.answer)),
        foil: readout.foil.map(of_clean),
        tokens: question.texts.clone(),
        token_ids: question.ids.clone(),
        subject: question.subject.as_ref().map(|s| [s.start, s.end]),
        ..Summary::default()
    };
    Ok(References {
        distributions: vec![
            distribution("clean", clean_top.iter().map(|&id| of_clean(id)).collect()),
            distribution(
                "corrupted",
                corrupted_top.iter().map(|&id| of_corrupted(id)).collect(),
            ),
            distribution("tracked", tracked.iter().map(|&id| of_clean(id)).collect()),
        ],
        corrupted,
        tracked,
        summary,
    })
}
