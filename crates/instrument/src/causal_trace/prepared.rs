//! What is known of a trace before anything has run: its cells, its packs, and what they need.

use whyfinder_experiment::{Corruption, Engine, Experiment, TraceSettings};
use whyfinder_model::{LanguageModel, Reference};

use crate::cells::{Plan, plan};
use crate::corruption::CorruptedInput;
use crate::error::{InstrumentError, Result};
use crate::estimates::Estimating;
use crate::memory::{Budget, row_bytes, row_flops, tail_row_bytes, vector_bytes};
use crate::packs::{Cut, Pack, at_once, packs, share};
use crate::question::Question;
use crate::reference_runs::Needs;
use crate::stopping::StopRule;
use crate::sweep;

/// The part of the resolution below which an effect counts as none, so that its sign need not be known.
const NOTHING: f64 = 0.1;

/// What is known before anything has run.
pub(super) struct Prepared {
    pub(super) question: Question,
    pub(super) input: CorruptedInput,
    pub(super) plan: Plan,
    /// Of the cells to be run, for the exact engine.
    pub(super) packs: Vec<Pack>,
    pub(super) estimating: Option<Estimating>,
    pub(super) needs: Needs,
    /// Rows of the reference runs that fit into memory at once.
    pub(super) row_limit: usize,
    /// Bytes of what is kept of the reference runs.
    kept_bytes: u64,
    row_bytes: u64,
    /// Bytes for one pack, and for all that are under way.
    pub(super) pack_bytes: u64,
    pub(super) packs_bytes: u64,
    /// Packs under way at a time.
    at_once: usize,
    /// Where cells get their draws in rounds.
    pub(super) early: Option<Early>,
}

/// Draws that end once a cell is known well enough.
#[derive(Clone, Copy, Debug)]
pub(super) struct Early {
    pub(super) rule: StopRule,
    /// Cells whose distributions are added up side by side.
    pub(super) at_once: usize,
    /// Bytes of these.
    bytes: u64,
}

pub(super) fn prepare(
    model: &LanguageModel,
    experiment: &Experiment,
    corruption: &Corruption,
    trace: &TraceSettings,
    budget: &Budget,
) -> Result<Prepared> {
    let config = model.config();
    let question = Question::read(model, &experiment.input)?;
    let input = CorruptedInput::read(model, &question, corruption)?;
    let plan = plan(
        config,
        trace,
        &input.places,
        input.first_changed,
        input.last(),
    );
    let needs = Needs::of(&trace.kinds, &trace.severed, trace.engine == Engine::Exact);
    let noised = input.noised.as_ref().map_or(0, |span| span.len());
    let vectors = needs.clean.vectors(config.layers) * question.ids.len()
        + needs.corrupted.vectors(config.layers) * input.ids.len() * input.samples
        + noised * input.samples;
    let logits = config.vocab * (1 + input.samples);
    let continued = match needs.continues {
        true => Reference::values_per_token(config) * input.ids.len() * input.samples,
        false => 0,
    };
    let kept_bytes = vector_bytes(config, vectors) + 4 * (logits + continued) as u64;
    let row = row_bytes(config, question.ids.len().max(input.ids.len()));
    // A plain pass cannot be cut: all samples of a cell and the clean row are one batch.
    let least = match trace.engine {
        Engine::Exact => row.max(tail_row_bytes(config, input.ids.len())),
        Engine::Plain => (1 + input.samples as u64) * row,
    };
    let needed = kept_bytes + least;
    if needed > budget.bytes {
        return Err(InstrumentError::Memory {
            needed_bytes: needed,
            available_bytes: budget.bytes,
            advice: "use fewer noise samples, a shorter prompt or a smaller model",
        });
    }
    let mut left = budget.bytes - kept_bytes;
    let early = trace.confidence.map(|confidence| {
        let sums = 4 * config.vocab as u64;
        let fit = usize::try_from(left.saturating_sub(least) / 4 / sums).unwrap_or(usize::MAX);
        let at_once = fit.clamp(1, plan.run.len().max(1));
        Early {
            rule: StopRule::new(
                confidence,
                input.samples,
                trace.resolution,
                trace.resolution * NOTHING,
            ),
            at_once,
            bytes: at_once as u64 * sums,
        }
    });
    left = left
        .saturating_sub(early.map_or(0, |early| early.bytes))
        .max(least);
    let device = model.decoder.device();
    let pack_bytes = share(left, least, device);
    let cut = Cut {
        config,
        length: input.ids.len(),
        first: 0,
        samples: input.samples,
        bytes: pack_bytes,
    };
    let packs = match trace.engine {
        Engine::Exact => packs(&plan.run, cut),
        Engine::Plain => Vec::new(),
    };
    // The gradient goes through all that a severed run is kept from.
    let estimating = if trace.estimate && trace.severed.is_empty() {
        let flops: f64 = packs.iter().map(|pack| pack.flops).sum();
        let sweep = flops / row_flops(config, input.ids.len(), config.layers, 1);
        Estimating::plan(config, &input, sweep, left)
    } else {
        None
    };
    Ok(Prepared {
        row_limit: usize::try_from(left / row).unwrap_or(usize::MAX),
        at_once: at_once(&packs, left, device),
        packs,
        estimating,
        question,
        input,
        plan,
        needs,
        kept_bytes,
        row_bytes: row,
        pack_bytes,
        packs_bytes: left,
        early,
    })
}

impl Prepared {
    pub(super) fn cells(&self) -> usize {
        self.plan.run.len() + self.plan.unmoved.len()
    }

    /// Batch rows of the two reference runs.
    fn references(&self) -> usize {
        1 + self.input.samples
    }

    /// Batch rows through the whole network, at most where draws may end early.
    pub(super) fn passes(&self, model: &LanguageModel, engine: Engine) -> f64 {
        self.passes_with(model, engine, self.sweep_flops())
    }

    /// The same with this much arithmetic in the sweep of the exact engine.
    pub(super) fn passes_with(&self, model: &LanguageModel, engine: Engine, flops: f64) -> f64 {
        let sweep = match engine {
            Engine::Plain => sweep::passes(&self.plan, &self.input),
            Engine::Exact => flops / self.row_flops(model),
        };
        let estimates = self.estimating.map_or(0.0, |how| how.passes);
        let estimates = match engine {
            Engine::Plain => 0.0,
            Engine::Exact => estimates,
        };
        self.references() as f64 + estimates + sweep
    }

    /// Arithmetic of one row through the whole network.
    pub(super) fn row_flops(&self, model: &LanguageModel) -> f64 {
        let config = model.config();
        row_flops(config, self.input.ids.len(), config.layers, 1)
    }

    pub(super) fn sweep_flops(&self) -> f64 {
        self.packs.iter().map(|pack| pack.flops).sum()
    }

    /// Bytes at the widest place: the kept values and the largest batches side by side.
    pub(super) fn bytes(&self) -> u64 {
        let references = self.references().min(self.row_limit) as u64 * self.row_bytes;
        let largest = self.packs.iter().map(|pack| pack.bytes).max().unwrap_or(0);
        let packs = largest.saturating_mul(self.at_once as u64);
        let estimates = self.estimating.map_or(0, |how| how.bytes);
        let early = self.early.map_or(0, |early| early.bytes);
        self.kept_bytes + references.max(packs + early).max(estimates)
    }
}
