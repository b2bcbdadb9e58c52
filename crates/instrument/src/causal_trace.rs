//! Causal trace (Meng et al. 2022, "Locating and Editing Factual Associations in GPT", section 2.1): the prompt's
//! cause is corrupted; each cell restores the clean value of one site at one token and reads what comes back.
//!
//! A cell's value is the metric of the patched run itself, averaged over the noise samples; its indirect effect is
//! that minus the reference `corrupted`. All cells see the same noise draws.

use std::collections::BTreeMap;
use std::time::Instant;

use whyfinder_experiment::field::mean_and_stderr;
use whyfinder_experiment::outcome::{Distribution, Summary, TokenProbability};
use whyfinder_experiment::{
    Axis, Corruption, Engine, Experiment, Field, Outcome, TraceKind, TraceSettings,
};
use whyfinder_model::kernel::distribution::distribution;
use whyfinder_model::{LanguageModel, Reference};

use crate::cells::{Cell, Plan, plan};
use crate::corruption::CorruptedInput;
use crate::error::{InstrumentError, Result};
use crate::estimates::{self, Estimates, Estimating};
use crate::measure::{Cost, provenance, seconds_per_flop};
use crate::memory::{Budget, row_bytes, row_flops, tail_row_bytes, vector_bytes};
use crate::packs::{Cut, Pack, packs};
use crate::question::Question;
use crate::readout::{Gathered, Readout, top_of};
use crate::reference_runs::{self, Asked, Needs, ReferenceRuns};
use crate::report::{CellTokens, MeasuredCell, Observer, Report};
use crate::sweep::{self, Sweep};

/// Tokens of the clean and of the corrupted run that are followed through all cells.
const TRACKED: usize = 10;
/// Most likely tokens kept for each cell.
const RANKS: usize = 5;

/// What is known before anything has run.
struct Prepared {
    question: Question,
    input: CorruptedInput,
    plan: Plan,
    /// Of the cells to be run, for the exact engine.
    packs: Vec<Pack>,
    estimating: Option<Estimating>,
    needs: Needs,
    /// Rows of the reference runs that fit into memory at once.
    row_limit: usize,
    /// Bytes of what is kept of the reference runs.
    kept_bytes: u64,
    row_bytes: u64,
}

fn prepare(
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
        Engine::Exact => row.max(tail_row_bytes(config, input.ids.len(), input.ids.len())),
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
    let left = budget.bytes - kept_bytes;
    let cut = Cut {
        config,
        length: input.ids.len(),
        samples: input.samples,
        bytes: left,
    };
    let packs = match trace.engine {
        Engine::Exact => packs(&plan.run, cut),
        Engine::Plain => Vec::new(),
    };
    // The gradient goes through all that a severed run is kept from.
    let estimating = if trace.severed.is_empty() {
        let flops: f64 = packs.iter().map(|pack| pack.flops).sum();
        let sweep = flops / row_flops(config, input.ids.len(), config.layers, 1);
        Estimating::plan(config, &input, sweep, left)
    } else {
        None
    };
    Ok(Prepared {
        row_limit: usize::try_from(left / row).unwrap_or(usize::MAX),
        packs,
        estimating,
        question,
        input,
        plan,
        needs,
        kept_bytes,
        row_bytes: row,
    })
}

impl Prepared {
    fn cells(&self) -> usize {
        self.plan.run.len() + self.plan.unmoved.len()
    }

    /// Batch rows of the two reference runs.
    fn references(&self) -> usize {
        1 + self.input.samples
    }

    fn passes(&self, model: &LanguageModel, engine: Engine) -> f64 {
        let sweep = match engine {
            Engine::Plain => sweep::passes(&self.plan, &self.input),
            Engine::Exact => self.sweep_flops() / self.row_flops(model),
        };
        let estimates = self.estimating.map_or(0.0, |how| how.passes);
        let estimates = match engine {
            Engine::Plain => 0.0,
            Engine::Exact => estimates,
        };
        self.references() as f64 + estimates + sweep
    }

    /// Arithmetic of one row through the whole network.
    fn row_flops(&self, model: &LanguageModel) -> f64 {
        let config = model.config();
        row_flops(config, self.input.ids.len(), config.layers, 1)
    }

    fn sweep_flops(&self) -> f64 {
        self.packs.iter().map(|pack| pack.flops).sum()
    }

    /// Bytes at the widest place: the kept values and the largest batch.
    fn bytes(&self) -> u64 {
        let references = self.references().min(self.row_limit) as u64 * self.row_bytes;
        let packs = self.packs.iter().map(|pack| pack.bytes).max().unwrap_or(0);
        let estimates = self.estimating.map_or(0, |how| how.bytes);
        self.kept_bytes + references.max(packs).max(estimates)
    }
}

pub(crate) fn estimate(
    model: &LanguageModel,
    experiment: &Experiment,
    corruption: &Corruption,
    trace: &TraceSettings,
    budget: &Budget,
) -> Result<Cost> {
    let prepared = prepare(model, experiment, corruption, trace, budget)?;
    let passes = prepared.passes(model, trace.engine);
    let pace = seconds_per_flop(&model.decoder, &prepared.question.ids)?;
    Ok(Cost {
        bytes: prepared.bytes(),
        passes,
        passes_plain: prepared.passes(model, Engine::Plain),
        seconds: passes * prepared.row_flops(model) * pace,
    })
}

pub(crate) fn measure(
    model: &LanguageModel,
    experiment: &Experiment,
    corruption: &Corruption,
    trace: &TraceSettings,
    observer: &mut dyn Observer,
    budget: &Budget,
) -> Result<Outcome> {
    let began = Instant::now();
    let prepared = prepare(model, experiment, corruption, trace, budget)?;
    let Prepared {
        question,
        input,
        plan,
        packs,
        estimating,
        needs,
        row_limit,
        ..
    } = &prepared;
    let decoder = &model.decoder;
    let asked = Asked {
        question,
        input,
        corruption,
        seed: experiment.seed,
        needs: *needs,
    };
    let runs = reference_runs::run(decoder, asked, *row_limit, observer)?;
    let text = |id| model.tokenizer.token_text(id);
    let readout = readout(question, trace, &runs, &text)?;
    let References {
        corrupted,
        tracked,
        distributions,
        mut summary,
    } = references(question, &readout, &runs, &text)?;
    summary.noise_sd = runs.noise.as_ref().and_then(|noise| noise.sd);
    summary.passes = prepared.passes(model, trace.engine);
    summary.passes_plain = prepared.passes(model, Engine::Plain);
    summary.peak_bytes = model.card.bytes + prepared.bytes();
    debug_assert_eq!(
        prepared.cells() + plan.unaligned,
        trace.kinds.len() * question.ids.len() * decoder.config().layers
    );
    let mut grids: Vec<Grid> = trace
        .kinds
        .iter()
        .map(|&kind| {
            Grid::new(
                kind,
                &question.texts,
                decoder.config().layers,
                &corrupted.samples,
                &tracked,
                trace,
                &summary.reference,
            )
        })
        .collect();
    observer.report(Report::Started {
        fields: grids.iter().map(|grid| grid.effect.clone()).collect(),
        summary: summary.clone(),
        distributions: distributions.clone(),
    });
    let mut order = None;
    if let Some(how) = estimating {
        let from = Estimates {
            decoder,
            input,
            runs: &runs,
            kinds: &trace.kinds,
            readout: &readout,
        };
        let effects = from.effects(&plan.run, how.rows, observer)?;
        for grid in &mut grids {
            let layers = decoder.config().layers;
            let cells = estimates::of_kind(plan, &effects, grid.kind, layers);
            observer.report(Report::Field(grid.estimated(cells)));
        }
        order = Some(estimates::largest_first(packs, &effects));
    }
    let sweep = Sweep {
        decoder,
        question,
        input,
        runs: &runs,
        trace,
        readout,
        tracked: &tracked,
        text: &text,
    };
    let mut store = |cell: &Cell, measured: &MeasuredCell| {
        if let Some(grid) = grids.iter_mut().find(|grid| grid.kind == cell.kind) {
            grid.store(measured);
        }
    };
    let tokens = corrupted.tokens(&tracked, &text);
    let corrupted = (&corrupted.samples[..], &tokens);
    let packs = order.as_ref().unwrap_or(packs);
    sweep.measure(plan, packs, corrupted, observer, &mut store)?;
    summary.seconds = began.elapsed().as_secs_f64();
    Ok(Outcome {
        experiment: experiment.clone(),
        fields: fields(grids),
        summary,
        provenance: provenance(model)?,
        distributions,
        attention: Vec::new(),
    })
}

fn readout(
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
struct References {
    corrupted: Gathered,
    tracked: Vec<u32>,
    distributions: Vec<Distribution>,
    summary: Summary,
}

fn references(
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

/// The fields of one kind: the metric, and the tokens of each cell.
struct Grid {
    kind: TraceKind,
    effect: Field,
    /// What the gradient says that the cells will be.
    estimate: Option<Field>,
    top: Field,
    top_probability: Field,
    tracked: Field,
}

impl Grid {
    fn new(
        kind: TraceKind,
        texts: &[String],
        layers: usize,
        corrupted: &[f32],
        tracked: &[u32],
        trace: &TraceSettings,
        reference: &BTreeMap<String, f32>,
    ) -> Self {
        let axes = || {
            vec![
                Axis::text("token", texts.to_vec()),
                Axis::numbered("layer", layers),
            ]
        };
        let with = |axis: Axis| {
            let mut axes = axes();
            axes.push(axis);
            axes
        };
        let mut effect = Field::sampled(kind.name(), axes(), corrupted.len());
        effect.pair_with(corrupted.to_vec());
        effect.metric = Some(trace.metric);
        effect.reference.clone_from(reference);
        let named = |suffix: &str| format!("{}.{suffix}", kind.name());
        let ranks = || with(Axis::numbered("rank", RANKS));
        let mut ids = Axis::numbered("tracked", 0);
        ids.labels =
            whyfinder_experiment::Labels::Number(tracked.iter().map(|&id| f64::from(id)).collect());
        Self {
            kind,
            effect,
            estimate: None,
            top: Field::unmeasured(&named("top"), ranks()),
            top_probability: Field::unmeasured(&named("top.probability"), ranks()),
            tracked: Field::unmeasured(&named("tracked"), with(ids)),
        }
    }

    /// Takes the estimated effect of each cell, by its index, and gives the field of estimates: values of the metric, as
    /// the cells have them.
    fn estimated(&mut self, effects: Vec<(usize, f32)>) -> Field {
        let name = format!("{}.estimate", self.kind.name());
        let mut field = Field::unmeasured(&name, self.effect.axes.clone());
        field.metric = self.effect.metric;
        field.reference.clone_from(&self.effect.reference);
        let floor = field.reference.get("corrupted").copied();
        for (cell, effect) in effects {
            field.values[cell] = floor.unwrap_or(0.0) + effect;
            field.mask[cell] = true;
        }
        self.estimate = Some(field.clone());
        field
    }

    fn store(&mut self, measured: &MeasuredCell) {
        let MeasuredCell {
            cell,
            samples,
            tokens,
        } = measured;
        self.effect.set_samples(*cell, samples);
        let CellTokens { top, tracked, .. } = tokens;
        let ids = top.iter().map(|(id, _)| *id as f32);
        put(&mut self.top, *cell, RANKS, ids);
        put(
            &mut self.top_probability,
            *cell,
            RANKS,
            top.iter().map(|(_, p)| *p),
        );
        put(
            &mut self.tracked,
            *cell,
            tracked.len(),
            tracked.iter().copied(),
        );
    }
}

fn put(field: &mut Field, cell: usize, per_cell: usize, values: impl Iterator<Item = f32>) {
    for (i, value) in values.take(per_cell).enumerate() {
        let at = cell * per_cell + i;
        if at < field.values.len() {
            field.values[at] = value;
            field.mask[at] = true;
        }
    }
}

/// The grids of all kinds first, then what goes with them.
fn fields(grids: Vec<Grid>) -> Vec<Field> {
    let mut effects = Vec::new();
    let mut beside = Vec::new();
    for grid in grids {
        effects.push(grid.effect);
        beside.extend(grid.estimate);
        beside.extend([grid.top, grid.top_probability, grid.tracked]);
    }
    effects.extend(beside);
    effects
}
