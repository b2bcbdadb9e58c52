//! What every cell of a trace will be, to first order (attribution patching: Nanda 2023; Kramar et al. 2024,
//! arXiv 2403.00745): the gradient of the metric with respect to each value of the corrupted run, times what restoring
//! it would change. One pass forward and one back for all cells.
//!
//! A window's estimate is the sum of its layers'. Attention near saturation, and effects that act through a norm of
//! much changed values, are where it goes wrong; it says where to look first, and nothing else rests on it.

use std::ops::Range;

use candle_core::{D, Tensor};
use whyfinder_experiment::{Metric, Site, SitePattern, TraceKind};
use whyfinder_model::{
    Both, Decoder, DecoderConfig, Gradient, GradientTap, Pass, Patcher, Unembed,
};

use crate::cells::{Cell, Plan};
use crate::continuation::output_site;
use crate::corruption::CorruptedInput;
use crate::error::{InstrumentError, Result};
use crate::kept::to_host;
use crate::packs::Pack;
use crate::readout::Readout;
use crate::reference_runs::ReferenceRuns;
use crate::report::{Observer, Stage};
use crate::sums;
use crate::watch::Watch;

/// A pass forward and one back, in passes forward: weights need no gradient.
const PASSES: f64 = 2.0;
/// Estimates that cost more than this share of the sweep are not made.
const MOST: f64 = 0.5;

/// How the estimates are to be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimating {
    /// Samples at once.
    pub(crate) rows: usize,
    /// Passes forward that it all takes.
    pub(crate) passes: f64,
    pub(crate) bytes: u64,
}

impl Estimating {
    /// `None` if there is no room for it, or if the sweep of `sweep_passes` passes is sooner done.
    pub(crate) fn plan(
        config: &DecoderConfig,
        input: &CorruptedInput,
        sweep_passes: f64,
        bytes: u64,
    ) -> Option<Self> {
        let passes = PASSES * input.samples as f64;
        let row = row_bytes(config, input.ids.len());
        let rows = usize::try_from(bytes / row).unwrap_or(usize::MAX);
        let rows = rows.min(input.samples);
        (rows > 0 && passes <= MOST * sweep_passes).then_some(Self {
            rows,
            passes,
            bytes: rows as u64 * row,
        })
    }
}

/// Bytes that a row holds while its gradient is found: of every block the values that go back through it, and as much
/// again for their gradients.
fn row_bytes(config: &DecoderConfig, length: usize) -> u64 {
    let heads = config.heads + 2 * config.kv_heads;
    let per_token = 16 * config.d_model
        + 4 * heads * config.d_head
        + 6 * config.d_mlp
        + 2 * config.heads * length;
    4 * (config.layers * per_token * length + 8 * config.vocab) as u64
}

/// What estimates are made from.
pub(crate) struct Estimates<'a> {
    pub(crate) decoder: &'a Decoder,
    pub(crate) input: &'a CorruptedInput,
    pub(crate) runs: &'a ReferenceRuns,
    pub(crate) kinds: &'a [TraceKind],
    pub(crate) readout: &'a Readout,
}

impl Estimates<'_> {
    /// Estimated effects of these cells, each the mean over samples, from `rows` samples at a time.
    pub(crate) fn effects(
        &self,
        cells: &[Cell],
        rows: usize,
        observer: &mut dyn Observer,
    ) -> Result<Vec<f32>> {
        let layers = self.decoder.config().layers;
        let sites = self.kinds.iter().flat_map(|&kind| {
            let site = move |layer| SitePattern::from(output_site(kind, layer));
            (0..layers).map(site)
        });
        let wanted: Vec<SitePattern> = sites.collect();
        let mut sums = vec![0f64; cells.len()];
        let of = Stage::only("estimate");
        let mut done = sums::take_up(observer, of, &mut [&mut sums]);
        while done < self.input.samples {
            let samples = done..(done + rows).min(self.input.samples);
            done = samples.end;
            for found in self.gradients(&wanted, samples, observer)? {
                let (slope, value) = (to_host(&found.gradient)?, to_host(&found.value)?);
                for (sum, cell) in sums.iter_mut().zip(cells) {
                    *sum += self.contribution(cell, found.site, &slope, &value);
                }
            }
            sums::keep(observer, of, done, &[&sums]);
        }
        let samples = self.input.samples as f64;
        Ok(sums.into_iter().map(|sum| (sum / samples) as f32).collect())
    }

    fn gradients(
        &self,
        wanted: &[SitePattern],
        samples: Range<usize>,
        observer: &dyn Observer,
    ) -> Result<Vec<Gradient>> {
        let (ids, rows) = (&self.input.ids, samples.len());
        let tokens = Tensor::from_vec(ids.repeat(rows), (rows, ids.len()), self.decoder.device())?;
        let mut patcher = match &self.runs.noise {
            Some(noise) => Patcher::new(&[noise.added(samples, 0)?])?,
            None => Patcher::new(&[])?,
        };
        let mut tap = GradientTap::new(wanted);
        let mut watch = Watch::new(observer);
        let pass = Pass {
            unembed: Unembed::Last,
            ..Pass::default()
        };
        let mut seen = Both(&mut tap, &mut watch);
        let both = &mut Both(&mut patcher, &mut seen);
        let logits = self.decoder.forward(&tokens, both, &pass);
        let logits = watch.settle(logits)?;
        Ok(tap.gradients(&metric_of(&logits, self.readout)?)?)
    }

    /// What a site contributes to a cell, summed over samples; `slope` and `value` are `[samples, length, width]`.
    fn contribution(&self, cell: &Cell, site: Site, slope: &[f32], value: &[f32]) -> f64 {
        let restored =
            |layer: &usize| cell.window.contains(layer) && output_site(cell.kind, *layer) == site;
        let Some(layer) = site.layer.filter(restored) else {
            return 0.0;
        };
        let clean = self.runs.clean.output(cell.kind, layer, 0, cell.token);
        let width = clean.len();
        let sample = self.runs.length * width;
        let rows = slope.chunks_exact(sample).zip(value.chunks_exact(sample));
        rows.map(|(slope, value)| {
            let here = cell.place * width..(cell.place + 1) * width;
            let pairs = slope[here.clone()].iter().zip(&value[here]).zip(clean);
            pairs
                .map(|((g, x), c)| f64::from(*g) * f64::from(c - x))
                .sum::<f64>()
        })
        .sum()
    }
}

/// The metric of every row of `[rows, 1, vocab]`, added up: rows do not meet, so each keeps its own gradient.
fn metric_of(logits: &Tensor, readout: &Readout) -> Result<Tensor> {
    let logits = logits.squeeze(1)?;
    let of = |x: &Tensor, token: u32| x.narrow(1, token as usize, 1);
    let log_probability = || -> Result<Tensor> {
        let top = logits.max_keepdim(D::Minus1)?.detach();
        let shifted = logits.broadcast_sub(&top)?;
        let log_sum = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
        Ok((of(&shifted, readout.answer)? - log_sum)?)
    };
    let values = match (readout.metric, readout.foil) {
        (Metric::Logit, _) => of(&logits, readout.answer)?,
        (Metric::LogitDifference, Some(foil)) => {
            (of(&logits, readout.answer)? - of(&logits, foil)?)?
        }
        (Metric::LogProbability, _) => log_probability()?,
        (Metric::Probability, _) => log_probability()?.exp()?,
        (Metric::LogitDifference, None) | (Metric::Psnr, _) => {
            return Err(InstrumentError::unfit(
                "A next-token distribution has no such metric; choose another.",
            ));
        }
    };
    Ok(values.sum_all()?)
}

/// The packs in the order of the largest effect estimated in each; packs that go on with the same cells stay together.
pub(crate) fn largest_first(packs: &[Pack], effects: &[f32]) -> Vec<Pack> {
    let largest = |pack: &Pack| {
        let cells = pack.pieces.iter().map(|piece| effects[piece.cell].abs());
        cells.fold(0.0, f32::max)
    };
    let mut packs = packs.to_vec();
    packs.sort_by(|a, b| largest(b).total_cmp(&largest(a)));
    packs
}

/// Estimated effects of the cells of one kind, by index into its field; unmoved cells have none.
pub(crate) fn of_kind(
    plan: &Plan,
    effects: &[f32],
    kind: TraceKind,
    layers: usize,
) -> Vec<(usize, f32)> {
    let run = plan.run.iter().zip(effects.iter().copied());
    run.chain(plan.unmoved.iter().map(|cell| (cell, 0.0)))
        .filter(|(cell, _)| cell.kind == kind)
        .map(|(cell, effect)| (cell.index(layers), effect))
        .collect()
}
