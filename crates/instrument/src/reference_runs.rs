//! The clean and the corrupted run, and what the patched runs take from them.

use candle_core::Tensor;
use whyfinder_experiment::{Corruption, TraceKind};
use whyfinder_model::{Both, Decoder, Pass, Patcher, Probe, Reference, Unembed};

use crate::corruption::{CorruptedInput, Noise};
use crate::error::Result;
use crate::kept::{Keeping, Kept, to_host};
use crate::question::Question;
use crate::report::Observer;
use crate::watch::Watch;

/// Both runs with the values that are restored from the one and continued from the other.
#[derive(Clone, Debug)]
pub(crate) struct ReferenceRuns {
    pub(crate) clean: Kept,
    /// Logits at the last position, `[vocab]`.
    pub(crate) clean_logits: Vec<f32>,
    /// One row per sample.
    pub(crate) corrupted: Kept,
    /// The corrupted run with all that continuing it takes, if that was asked for.
    pub(crate) reference: Reference,
    /// Positions of the corrupted prompt.
    pub(crate) length: usize,
    /// Logits at the last position, `[samples, vocab]`.
    pub(crate) corrupted_logits: Vec<f32>,
    pub(crate) noise: Option<Noise>,
}

/// What the runs are asked to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) clean: Keeping,
    pub(crate) corrupted: Keeping,
    /// Whether the corrupted run is to be continued.
    pub(crate) continues: bool,
}

impl Needs {
    /// The values that the kinds restore, those that severing holds, and what it takes to continue the corrupted run.
    pub(crate) fn of(kinds: &[TraceKind], severed: &[TraceKind], continues: bool) -> Self {
        let embed = Keeping {
            embed: true,
            ..Keeping::default()
        };
        Self {
            clean: kinds.iter().fold(embed, |k, kind| k.with(*kind)),
            corrupted: severed
                .iter()
                .fold(Keeping::default(), |k, kind| k.with(*kind)),
            continues,
        }
    }
}

/// What is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) question: &'a Question,
    pub(crate) input: &'a CorruptedInput,
    pub(crate) corruption: &'a Corruption,
    pub(crate) seed: u32,
    pub(crate) needs: Needs,
}

/// Runs the clean input, then the corrupted one `rows` samples at a time.
pub(crate) fn run(
    decoder: &Decoder,
    asked: Asked<'_>,
    rows: usize,
    observer: &dyn Observer,
) -> Result<ReferenceRuns> {
    let Asked {
        question,
        input,
        corruption,
        seed,
        needs,
    } = asked;
    let config = decoder.config();
    let kept = |keeping, length| Kept::new(keeping, config.layers, length, config.d_model);
    let mut clean = kept(needs.clean, question.ids.len());
    let unpatched = Patcher::new(&[])?;
    let clean_logits = pass(decoder, &question.ids, 1, unpatched, &mut clean, observer)?;
    let noise = match &input.noised {
        Some(subject) => Noise::of(
            corruption,
            seed,
            subject.clone(),
            &clean.embed,
            config.d_model,
        )?,
        None => None,
    };
    let mut corrupted = kept(needs.corrupted, input.ids.len());
    let mut reference = Reference::of(config);
    let mut corrupted_logits = Vec::with_capacity(input.samples * config.vocab);
    let mut done = 0;
    while done < input.samples {
        let samples = done..(done + rows.max(1)).min(input.samples);
        let patcher = match &noise {
            Some(noise) => Patcher::new(&[noise.added(samples.clone(), 0)?])?,
            None => Patcher::new(&[])?,
        };
        let mut both = Both(&mut corrupted, &mut reference);
        let keeping: &mut dyn Probe = match needs.continues {
            true => &mut both,
            false => both.0,
        };
        let rows = samples.len();
        let logits = pass(decoder, &input.ids, rows, patcher, keeping, observer)?;
        corrupted_logits.extend(logits);
        done = samples.end;
    }
    Ok(ReferenceRuns {
        clean,
        clean_logits,
        corrupted,
        reference,
        length: input.ids.len(),
        corrupted_logits,
        noise,
    })
}

/// Logits at the last position of `rows` equal rows, `[rows, vocab]`.
fn pass(
    decoder: &Decoder,
    ids: &[u32],
    rows: usize,
    mut patcher: Patcher,
    kept: &mut dyn Probe,
    observer: &dyn Observer,
) -> Result<Vec<f32>> {
    let tokens = Tensor::from_vec(ids.repeat(rows), (rows, ids.len()), decoder.device())?;
    let mut watch = Watch::new(observer);
    let settings = Pass {
        unembed: Unembed::Last,
        ..Pass::default()
    };
    let mut seen = Both(kept, &mut watch);
    let logits = decoder.forward(&tokens, &mut Both(&mut patcher, &mut seen), &settings);
    let logits = watch.settle(logits)?;
    patcher.finish()?;
    Ok(to_host(&logits)?)
}
