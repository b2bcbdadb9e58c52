//! Causal effect map (Hu et al. 2025, "Interpreting Low-Level Vision Models With Causal Effect Maps"): each block of
//! the input is replaced by natural patches that went through the task's own degradation, and the region is compared
//! with the truth each time.
//!
//! A block's value is its effect, `PSNR - mean of the PSNRs of its interventions`, dB: positive where the block helps.

mod bank;
mod counts;
mod draws;
mod engine;
mod estimate;
mod foresight;
mod grid;
pub(crate) mod occlusion;
mod patches;
mod stage;
mod tried;
mod whole_passes;

use std::collections::BTreeMap;
use std::time::Instant;

use whyfinder_experiment::image_experiment::{Draws, InterventionSettings, Quirk};
use whyfinder_experiment::outcome::{ImageSummary, Summary};
use whyfinder_experiment::{Axis, Engine, Experiment, Field, ImageInput, Metric, Outcome};
use whyfinder_model::network::{Held, ImageModel, Rect, reach::reach, region_cost};

use crate::attribution::asked::PASSES_PER_GRADIENT;
use crate::error::{InstrumentError, Result};
use crate::image::fields::{field_bytes, given, result_bytes};
use crate::image::provenance;
use crate::image::quality::psnr;
use crate::image::restore::Output;
use crate::image::scene::Scene;
use crate::image::whole_output::{Tiling, probe_seconds};
use crate::measure::Cost;
use crate::memory::Budget;
use crate::report::{Observer, Report, VALUE_AND_MASK, sampled_bytes};
use bank::PatchBank;
use draws::DrawSource;
use engine::Runner;
use foresight::Deaf;
use grid::{Block, Grid};
use patches::PatchMaker;
use stage::{Measured, Sweep};

/// Patches that are drawn before they are used, bytes.
const DRAWN_AHEAD: usize = 64 << 20;

/// What is known before anything has run.
struct Prepared {
    scene: Scene,
    grid: Grid,
    /// Of each block of the grid, row-major: whether the region can depend on it.
    reachable: Vec<bool>,
    tiling: Tiling,
    /// Bytes for fields, samples and patches.
    held: u64,
    /// Bytes that the base run keeps, at most.
    base: u64,
    /// Whether anything on the way to the region reads the whole picture.
    global: bool,
    /// Passes that the gradient before the map takes, and its bytes; none where it is not asked for or does not fit.
    gradient: Option<(f64, u64)>,
}

fn prepare(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &InterventionSettings,
    budget: &Budget,
) -> Result<Prepared> {
    let network = &model.network;
    let scene = Scene::read(model, input, experiment.seed)?;
    let grid = Grid::of(&scene, settings)?;
    let region = scene.region();
    let (height, width) = (scene.input.height, scene.input.width);
    let draws = settings.coarse.max(settings.fine);
    let maps = if settings.mediation { 3 } else { 1 };
    let samples = grid.blocks.len() as u64 * (draws as u64 + 6) * 4 * maps * 2;
    let ahead = (DRAWN_AHEAD as u64).min((grid.blocks.len() * draws * grid.patch_bytes()) as u64);
    // Reachability walks over the picture once per operation, with a few sets of pixels at a time.
    let sets = (height * width * scene.scale * scene.scale * 8) as u64;
    let held = field_bytes(&scene) + samples + ahead + sets;
    let tiling = Tiling::of(network, &scene, held, budget)?;
    let (out_height, out_width) = scene.output_size();
    let read = match settings.engine {
        Engine::Exact => region.clone(),
        Engine::Plain => Rect::whole(out_height, out_width),
    };
    let cost = region_cost(network, height, width, &read)?;
    let base = match settings.engine {
        Engine::Exact => cost.bytes_of_all,
        Engine::Plain => 0,
    };
    let needed = held.saturating_add(base).saturating_add(cost.bytes);
    if needed > budget.bytes {
        return Err(InstrumentError::Memory {
            needed_bytes: needed,
            available_bytes: budget.bytes,
            advice: "use a smaller image, larger blocks or a smaller network",
        });
    }
    let to_region = region_cost(network, height, width, &region)?;
    let of_gradient = base.saturating_add(to_region.bytes_with_gradients);
    let asked = settings.estimate && settings.only.is_none();
    let share = (to_region.flops / to_region.flops_whole.max(1.0)).min(1.0);
    let fits = held.saturating_add(of_gradient) <= budget.bytes;
    let gradient = (asked && fits).then_some((PASSES_PER_GRADIENT * share, of_gradient));
    let reach = reach(network, height, width, &region)?;
    let reachable = grid
        .blocks
        .iter()
        .map(|block| reach.pixels.meets(&block.rect))
        .collect();
    Ok(Prepared {
        scene,
        grid,
        reachable,
        tiling,
        held,
        base,
        global: !reach.global.is_empty(),
        gradient,
    })
}

impl Prepared {
    /// Whether the region may depend on a block: that of all is taken to where it is to be checked.
    fn in_reach(&self, settings: &InterventionSettings, block: &Block) -> bool {
        settings.engine == Engine::Plain || self.reachable[block.index]
    }

    /// The blocks that are run.
    fn runs(&self, settings: &InterventionSettings, block: &Block) -> bool {
        let asked = settings
            .only
            .is_none_or(|only| only == [block.row, block.column]);
        asked && self.in_reach(settings, block)
    }

    /// The truth of the region, row-major.
    fn truth(&self) -> Result<Vec<u8>> {
        let scene = &self.scene;
        let truth = scene.truth.as_ref().ok_or_else(|| {
            InstrumentError::unfit(
                "A causal effect is a change of the PSNR against the true picture, and there is none; add truth to \
                 [input].",
            )
        })?;
        Ok(truth.part(&scene.region()))
    }

    /// What is held for direct effects, if they are asked for.
    fn mediation(&self, settings: &InterventionSettings) -> Option<Held> {
        let held = if self.global {
            Held::Pooled
        } else {
            Held::Nothing
        };
        settings.mediation.then_some(held)
    }

    fn summary(&self, reference: BTreeMap<String, f32>) -> Summary {
        Summary {
            reference,
            metric: Metric::Psnr.name().to_string(),
            image: Some(ImageSummary {
                block: Some(self.grid.block),
                ..self.scene.summary()
            }),
            ..Summary::default()
        }
    }

    /// Bytes of a map whose base run is there and whose interventions take `working` at once.
    fn bytes(&self, runner: &Runner<'_>, working: u64) -> u64 {
        let sweep = runner.bytes().saturating_add(working);
        let gradient = self.gradient.map_or(0, |(_, bytes)| bytes);
        self.held
            .saturating_add(sweep.max(gradient).max(self.tiling.bytes))
    }

    /// Bytes of the result's arrays, at most.
    fn result_bytes(&self, settings: &InterventionSettings) -> u64 {
        let maps = if settings.mediation { 3 } else { 1 };
        let draws = settings.coarse.max(settings.fine);
        // Beside the effects what can be reached, and the estimate.
        let of_block = maps * (VALUE_AND_MASK + sampled_bytes(draws)) + 2 * VALUE_AND_MASK;
        let tried = match settings.only {
            Some(_) => tried::values(&self.scene, &self.grid),
            None => 0,
        };
        result_bytes(&self.scene)
            + self.grid.blocks.len() as u64 * of_block
            + VALUE_AND_MASK * tried as u64
    }

    fn run_blocks(&self, settings: &InterventionSettings) -> Vec<&Block> {
        let all = self.grid.blocks.iter();
        all.filter(|block| self.runs(settings, block)).collect()
    }
}

pub(crate) fn estimate(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &InterventionSettings,
    budget: &Budget,
) -> Result<Cost> {
    let prepared = prepare(model, experiment, input, settings, budget)?;
    let Prepared { scene, grid, .. } = &prepared;
    let truth = prepared.truth()?;
    let bank = PatchBank::open(&settings.bank, settings.repeats(Quirk::BgrPatches))?;
    let maker = PatchMaker::new(scene, grid, &bank, settings.repeats(Quirk::OpencvResize))?;
    let began = Instant::now();
    let runner = Runner::new(&model.network, scene, settings.engine)?;
    let base = psnr(&runner.base()?, &truth);
    let base_seconds = began.elapsed().as_secs_f64();
    let mut blocks = prepared.run_blocks(settings);
    grid.outwards(&mut blocks);
    let mut sweep = Sweep {
        runner: &runner,
        truth: &truth,
        base,
        mediation: prepared.mediation(settings),
        estimates: None,
        spare_bytes: budget.bytes.saturating_sub(prepared.held + prepared.base),
        // Single blocks can be drawn from it alone; one draw takes as long as another.
        source: DrawSource::new(Draws::Stream, experiment.seed, &maker, grid),
        observer: &mut Deaf,
        pace: Default::default(),
        progress: Default::default(),
        passes: 0.0,
        passes_plain: 0.0,
        stage: 0,
    };
    let working = sweep.working_bytes(&blocks, settings);
    let ahead = sweep.foresee(&blocks, settings)?;
    let whole = runner.whole_flops();
    // A pass and the way back, with the seconds per operation of what was tried.
    let gradient = prepared.gradient.map_or(0.0, |(passes, _)| passes) * whole;
    let gradient_seconds = gradient * ahead.seconds / ahead.flops.max(1.0);
    let output = prepared.tiling.flops * probe_seconds(&model.network, scene)?;
    Ok(Cost {
        bytes: prepared.bytes(&runner, working),
        result_bytes: prepared.result_bytes(settings),
        passes: 1.0 + (ahead.flops + gradient) / whole.max(1.0),
        passes_plain: 1.0
            + (settings.coarse * grid.blocks.len()) as f64
            + settings.fine as f64 * ahead.refined,
        seconds: base_seconds + ahead.seconds + gradient_seconds + output,
    })
}

pub(crate) fn measure(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &InterventionSettings,
    observer: &mut dyn Observer,
    budget: &Budget,
) -> Result<Outcome> {
    let began = Instant::now();
    let prepared = prepare(model, experiment, input, settings, budget)?;
    observer.announce(prepared.result_bytes(settings))?;
    let Prepared { scene, grid, .. } = &prepared;
    let truth = prepared.truth()?;
    let bank = PatchBank::open(&settings.bank, settings.repeats(Quirk::BgrPatches))?;
    let maker = PatchMaker::new(scene, grid, &bank, settings.repeats(Quirk::OpencvResize))?;
    let output = prepared.tiling.run(&model.network, scene, observer)?;
    let mut reference = output.qualities(scene);
    let runner = Runner::new(&model.network, scene, settings.engine)?;
    let base = psnr(&runner.base()?, &truth);
    reference.insert("psnr".to_string(), base as f32);
    let only = settings
        .only
        .map(|at| tried::block_at(grid, at))
        .transpose()?;
    let mut maps = Maps::new(&prepared, settings, &reference);
    let estimate = match prepared.gradient {
        Some(_) => estimate::field(&model.network, &prepared, &maker)?,
        None => None,
    };
    let mut fields = vec![maps.effect.clone(), prepared.reach_field()];
    fields.extend(estimate.clone());
    fields.extend(maps.split.iter().flatten().cloned());
    let pictures = pictures(scene, output)?;
    fields.extend(pictures.iter().cloned());
    let mut summary = prepared.summary(reference);
    observer.report(Report::Started {
        fields,
        summary: summary.clone(),
        distributions: Vec::new(),
    });

    let mut sweep = Sweep {
        runner: &runner,
        truth: &truth,
        base,
        mediation: prepared.mediation(settings),
        estimates: estimate.as_ref().map(|field| field.values.as_slice()),
        spare_bytes: budget.bytes.saturating_sub(prepared.held + prepared.base),
        source: DrawSource::new(settings.draws, experiment.seed, &maker, grid),
        observer,
        pace: Default::default(),
        progress: Default::default(),
        passes: 1.0 + prepared.gradient.map_or(0.0, |(passes, _)| passes),
        passes_plain: 1.0,
        stage: 0,
    };
    let working = sweep.working_bytes(&prepared.run_blocks(settings), settings);
    let refined = sweep.both_stages(&prepared, settings, &mut maps)?;
    let tried = match only {
        Some(block) => {
            let first = if refined > 0 { settings.coarse } else { 0 };
            let region = scene.region();
            let pictures = tried::Tried {
                runner: &runner,
                base,
                region: [region.height(), region.width()],
                channels: scene.input.channels,
            };
            let effects = maps.effect.samples_of(block.index);
            let run = prepared.in_reach(settings, block);
            let effects = if run { effects } else { &[] };
            pictures.fields(&mut sweep.source, block, first, effects)?
        }
        None => Vec::new(),
    };
    summary.passes = sweep.passes;
    // A plain engine runs the unreachable blocks too.
    let unrun = match only {
        Some(_) => 0,
        None => grid.blocks.len() - prepared.run_blocks(settings).len(),
    };
    summary.passes_plain = sweep.passes_plain + (settings.coarse * unrun) as f64;
    summary.peak_bytes = model.card.bytes + prepared.bytes(&runner, working);
    summary.effects = Some(counts::count(
        &maps.effect,
        grid,
        &prepared.reachable,
        refined,
        settings.repeats(Quirk::RegionCounted),
    ));
    let mut fields = vec![maps.effect, prepared.reach_field()];
    fields.extend(estimate);
    fields.extend(maps.split.into_iter().flatten());
    fields.extend(pictures);
    fields.extend(tried);
    summary.seconds = began.elapsed().as_secs_f64();
    Ok(Outcome {
        experiment: experiment.clone(),
        fields,
        summary,
        provenance: provenance(model),
        distributions: Vec::new(),
        attention: Vec::new(),
    })
}

fn pictures(scene: &Scene, output: Output) -> Result<Vec<Field>> {
    let mut fields = given(scene)?;
    fields.push(output.field()?);
    Ok(fields)
}

/// The effects, and where asked for their direct and their globally carried parts.
struct Maps {
    effect: Field,
    split: Option<[Field; 2]>,
}

impl Maps {
    fn new(
        prepared: &Prepared,
        settings: &InterventionSettings,
        reference: &BTreeMap<String, f32>,
    ) -> Self {
        let draws = settings.coarse.max(settings.fine);
        let field = |name: &str| {
            let mut field = Field::sampled(name, prepared.grid.axes(), draws);
            field.zero_below = settings.tolerance as f32;
            field.metric = Some(Metric::Psnr);
            field.reference.clone_from(reference);
            for block in &prepared.grid.blocks {
                if !prepared.in_reach(settings, block) {
                    set_unreachable(&mut field, block.index);
                }
            }
            field
        };
        Self {
            effect: field("effect"),
            split: settings
                .mediation
                .then(|| [field("effect.direct"), field("effect.mediated")]),
        }
    }

    fn store(&mut self, measured: &Measured) {
        self.effect.set_samples(measured.block, &measured.effects);
        if let (Some([direct, mediated]), Some(split)) = (&mut self.split, &measured.split) {
            direct.set_samples(measured.block, &split.direct);
            mediated.set_samples(measured.block, &split.mediated);
        }
    }
}

/// Exactly nothing, known without a single draw.
fn set_unreachable(field: &mut Field, cell: usize) {
    field.values[cell] = 0.0;
    field.mask[cell] = true;
    if let Some(stderr) = &mut field.stderr {
        stderr[cell] = 0.0;
    }
}

impl Prepared {
    /// 1 where the region can depend on a block, else 0.
    fn reach_field(&self) -> Field {
        let mut field = Field::unmeasured("reachable", self.grid.axes());
        for (cell, &reachable) in self.reachable.iter().enumerate() {
            field.values[cell] = f32::from(u8::from(reachable));
            field.mask[cell] = true;
        }
        field
    }
}

/// Rows and columns of blocks.
pub(crate) fn block_axes(rows: usize, columns: usize) -> Vec<Axis> {
    vec![
        Axis::numbered("row", rows),
        Axis::numbered("column", columns),
    ]
}
