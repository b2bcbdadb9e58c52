//! Maps compared by what their orders are worth: deletion and insertion curves with their areas (Petsiuk, Das and
//! Saenko 2018, section 3.3).

use std::time::Instant;

use whyfinder_experiment::image_experiment::{Detector, FaithfulnessSettings, MapSource};
use whyfinder_experiment::{
    Axis, Experiment, Field, ImageInput, InstrumentSettings, Labels, Metric, Outcome, RandomState,
    read_result,
};
use whyfinder_model::network::{ImageModel, Rect};

use crate::attribution::asked::{Asked, Telling, start};
use crate::attribution::curves::{Curve, Deck, area, ranking, shuffled, summed, taken};
use crate::attribution::path::baseline;
use crate::attribution::pixels::Pixels;
use crate::error::{InstrumentError, Result};
use crate::image::{estimate_image, measure_image};
use crate::integrated_gradients::usual_blur;
use crate::measure::Cost;
use crate::memory::Budget;
use crate::report::{
    MeasuredCell, Observer, Progress, Report, Stage, VALUE_AND_MASK, sampled_bytes,
};

/// The picture cut into blocks.
struct Blocks {
    rows: usize,
    columns: usize,
    /// Row-major, in the picture's pixels.
    rects: Vec<Rect>,
    /// Those that can reach the region; the others are left alone.
    reachable: Vec<usize>,
}

impl Blocks {
    fn of(asked: &Asked<'_>, block: usize) -> Result<Self> {
        let scale = asked.scene.scale;
        if block == 0 || !block.is_multiple_of(scale) {
            return Err(InstrumentError::unfit(format!(
                "Blocks of {block} pixels are no whole number of the input's pixels, which are enlarged {scale} times; \
                 set faithfulness.block to a multiple of {scale}."
            )));
        }
        let (step, picture) = (block / scale, &asked.picture);
        let (rows, columns) = (picture.height.div_ceil(step), picture.width.div_ceil(step));
        let span = |at: usize, len: usize| at * step..((at + 1) * step).min(len);
        let rects: Vec<Rect> = (0..rows * columns)
            .map(|i| {
                Rect::new(
                    span(i / columns, picture.height),
                    span(i % columns, picture.width),
                )
            })
            .collect();
        let reachable = (0..rects.len()).filter(|&i| asked.reached.meets(&rects[i]));
        Ok(Self {
            rows,
            columns,
            reachable: reachable.collect(),
            rects,
        })
    }

    fn axes(&self) -> Vec<Axis> {
        vec![
            Axis::numbered("row", self.rows),
            Axis::numbered("column", self.columns),
        ]
    }
}

pub(crate) fn estimate(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &FaithfulnessSettings,
    budget: &Budget,
) -> Result<Cost> {
    let asked = Asked::read(model, experiment, input, Detector::Sum)?;
    let (passes, bytes) = (curve_passes(settings), bytes(&asked));
    let bytes = asked.check(bytes, budget)?;
    let seconds = passes * asked.seconds_per_pass(1)?;
    let result_bytes = result_bytes(&asked, &Blocks::of(&asked, settings.block)?, settings);
    let mut cost = asked.estimate(passes, (bytes, result_bytes), seconds, budget)?;
    for map in &settings.maps {
        if let Some(experiment) = experiment_of(map, settings, experiment, input) {
            let of_map = estimate_image(model, &experiment, budget)?;
            cost.bytes = cost.bytes.max(of_map.bytes);
            cost.passes += of_map.passes;
            cost.passes_plain += of_map.passes_plain;
            cost.seconds += of_map.seconds;
        }
    }
    Ok(cost)
}

fn curve_passes(settings: &FaithfulnessSettings) -> f64 {
    (2 * (settings.maps.len() + settings.random) * (settings.steps + 1)) as f64
}

/// Curves of the maps and of random orders, and the maps by blocks.
fn result_bytes(asked: &Asked<'_>, blocks: &Blocks, settings: &FaithfulnessSettings) -> u64 {
    let (maps, points) = (settings.maps.len(), settings.steps + 1);
    let values = maps * (2 * points + blocks.rects.len());
    let random = 2 * points as u64 * (VALUE_AND_MASK + sampled_bytes(settings.random));
    asked.result_bytes(0, 0, values) + random
}

fn bytes(asked: &Asked<'_>) -> u64 {
    asked.bytes(6, 4, asked.cost.bytes)
}

/// The experiment that makes a map; `None` for one that is there already.
fn experiment_of(
    map: &MapSource,
    settings: &FaithfulnessSettings,
    experiment: &Experiment,
    input: &ImageInput,
) -> Option<Experiment> {
    let method = map.method(settings.block)?;
    Some(Experiment {
        instrument: InstrumentSettings::Image {
            input: input.clone(),
            method,
        },
        ..experiment.clone()
    })
}

pub(crate) fn measure(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &FaithfulnessSettings,
    observer: &mut dyn Observer,
    budget: &Budget,
) -> Result<Outcome> {
    let began = Instant::now();
    let asked = Asked::read(model, experiment, input, Detector::Sum)?;
    let bytes = bytes(&asked);
    let bytes = asked.check(bytes, budget)?;
    let blocks = Blocks::of(&asked, settings.block)?;
    observer.announce(result_bytes(&asked, &blocks, settings))?;
    let (pictures, qualities) = asked.pictures(observer, budget)?;
    let mut summary = asked.summary(Metric::Psnr.name(), qualities);
    let mut curves = Curves::new(settings, blocks.reachable.len());
    let parts = blocks.reachable.len() as f32;
    summary.reference.insert("blocks".into(), parts);
    start(observer, curves.fields(), &summary, &pictures);
    let (mut passes, mut maps) = (curve_passes(settings), Vec::new());
    for (done, map) in settings.maps.iter().enumerate() {
        let outcome = match experiment_of(map, settings, experiment, input) {
            Some(experiment) => {
                let mut within = Within {
                    observer,
                    done,
                    maps: settings.maps.len(),
                };
                measure_image(model, &experiment, &mut within, budget)?
            }
            None => match map {
                MapSource::Result(path) => read_result(path)?,
                MapSource::Instrument(name) => {
                    return Err(InstrumentError::unfit(format!(
                        "There is no map of the name \"{name}\"."
                    )));
                }
            },
        };
        passes += outcome.summary.passes / asked.share().max(f64::MIN_POSITIVE);
        let values = block_values(&outcome, &asked, &blocks, &map.to_string())?;
        let field = Field::measured(&format!("map.{map}"), blocks.axes(), values)?;
        observer.report(Report::Field(field.clone()));
        maps.push(field);
    }

    let instead = baseline(
        &asked.picture,
        settings.baseline,
        usual_blur(),
        &asked.picture.whole(),
    );
    let parts: Vec<Rect> = blocks
        .reachable
        .iter()
        .map(|&i| blocks.rects[i].clone())
        .collect();
    let deck = Deck {
        picture: &asked.picture,
        instead: &instead,
        parts: &parts,
        steps: settings.steps,
    };
    let total = 2 * (settings.maps.len() + settings.random) * (settings.steps + 1);
    let mut telling = Telling::new(observer, total);
    let mut tried = 0;
    let mut both = |order: &[usize], telling: &mut Telling<'_>| -> Result<[Curve; 2]> {
        let mut score = |picture: &Pixels| -> Result<f32> {
            telling.step(tried, || Ok(Vec::new()))?;
            let this = tried;
            tried += 1;
            let of = Stage::only("deletion");
            let found = match telling.known_number(of, this) {
                Some(known) => {
                    telling.passed_over(1);
                    known
                }
                None => asked
                    .qualities(&[picture])?
                    .first()
                    .map_or(f64::NAN, |&q| q),
            };
            telling.keep_number(of, this, found);
            Ok(found as f32)
        };
        Ok([
            deck.deletion(order, &mut score)?,
            deck.insertion(order, &mut score)?,
        ])
    };
    for (at, map) in maps.iter().enumerate() {
        let values: Vec<f32> = blocks.reachable.iter().map(|&i| map.values[i]).collect();
        let pair = both(&ranking(&values), &mut telling)?;
        curves.store(at, &pair);
        for field in curves.fields() {
            telling.report(Report::Field(field));
        }
    }
    let mut random = RandomState::new(experiment.seed);
    for _ in 0..settings.random {
        let order = shuffled(parts.len(), &mut random);
        curves.random.push(both(&order, &mut telling)?);
    }
    curves.number(settings, &mut summary);
    let mut fields = curves.fields();
    for field in &fields {
        telling.report(Report::Field(field.clone()));
    }
    telling.step(total, || Ok(Vec::new()))?;
    fields.extend(maps);
    fields.extend(pictures);
    Ok(asked.outcome(experiment, fields, summary, (passes, bytes), began))
}

/// Passes a map's progress on as part of the whole, and nothing else: its fields are on the way to the curves.
struct Within<'a> {
    observer: &'a mut dyn Observer,
    done: usize,
    maps: usize,
}

/// Steps of one map, as far as progress is concerned.
const STEPS_PER_MAP: usize = 1000;
/// More stages than any instrument has.
const STAGES_PER_MAP: u32 = 16;

impl Observer for Within<'_> {
    fn report(&mut self, report: Report) {
        if let Report::Progress(Progress { done, total, .. }) = report {
            let part = STEPS_PER_MAP * done.min(total) / total.max(1);
            self.observer.report(Report::Progress(Progress {
                done: STEPS_PER_MAP * self.done + part,
                // The curves take about as long as a map.
                total: STEPS_PER_MAP * (self.maps + 1),
                seconds_left: None,
            }));
        }
    }

    fn cancelled(&self) -> bool {
        self.observer.cancelled()
    }

    fn known(&self, of: Stage<'_>, cell: usize) -> Option<&MeasuredCell> {
        self.observer.known(self.stage(of), cell)
    }

    fn keep(&mut self, of: Stage<'_>, cell: &MeasuredCell) {
        self.observer.keep(self.stage(of), cell);
    }

    fn known_part(&self, of: Stage<'_>, part: usize, len: usize) -> Option<Vec<f32>> {
        self.observer.known_part(self.stage(of), part, len)
    }

    fn wants_parts(&mut self) -> bool {
        self.observer.wants_parts()
    }

    fn keep_part(&mut self, of: Stage<'_>, part: usize, values: &[&[f32]]) -> bool {
        self.observer.keep_part(self.stage(of), part, values)
    }

    fn drop_part(&mut self, of: Stage<'_>, part: usize) {
        self.observer.drop_part(self.stage(of), part);
    }
}

impl Within<'_> {
    /// Maps have fields of the same names, which are kept apart by their numbers.
    fn stage<'s>(&self, of: Stage<'s>) -> Stage<'s> {
        Stage {
            number: of.number + STAGES_PER_MAP * (self.done as u32 + 1),
            ..of
        }
    }
}

/// A map's value in each block: its own where it has blocks of that size, else the sum over the block's pixels.
fn block_values(
    outcome: &Outcome,
    asked: &Asked<'_>,
    blocks: &Blocks,
    name: &str,
) -> Result<Vec<f32>> {
    let named = |name: &str| outcome.field(name);
    let pixels = [asked.picture.height, asked.picture.width];
    match (named("effect"), named("attribution")) {
        (Some(effect), _) if effect.shape() == [blocks.rows, blocks.columns] => {
            Ok(effect.values.clone())
        }
        (_, Some(map)) if map.shape() == pixels => {
            Ok(summed(&map.values, asked.picture.width, &blocks.rects))
        }
        (None, None) => Err(InstrumentError::unfit(format!(
            "The result \"{name}\" holds no map of effects or attributions; remove it from faithfulness.maps."
        ))),
        _ => Err(InstrumentError::unfit(format!(
            "The map \"{name}\" has another size than this picture, or other blocks than {} x {}; remove it from \
             faithfulness.maps or change faithfulness.block.",
            blocks.columns, blocks.rows
        ))),
    }
}

/// Deletion first, then insertion.
const KINDS: [&str; 2] = ["deletion", "insertion"];

struct Curves {
    maps: Vec<String>,
    shares: Axis,
    /// Over map and share.
    of_maps: [Vec<f32>; 2],
    random: Vec<[Curve; 2]>,
    draws: usize,
}

impl Curves {
    fn new(settings: &FaithfulnessSettings, parts: usize) -> Self {
        let points = settings.steps + 1;
        let share = |step: usize| taken(step, settings.steps, parts) as f64 / parts.max(1) as f64;
        Self {
            maps: settings.maps.iter().map(ToString::to_string).collect(),
            shares: Axis {
                name: "share".into(),
                labels: Labels::Number((0..points).map(share).collect()),
            },
            of_maps: std::array::from_fn(|_| vec![f32::NAN; settings.maps.len() * points]),
            random: Vec::new(),
            draws: settings.random,
        }
    }

    fn store(&mut self, map: usize, pair: &[Curve; 2]) {
        let points = self.shares.len();
        for (all, curve) in self.of_maps.iter_mut().zip(pair) {
            all[map * points..(map + 1) * points].copy_from_slice(curve);
        }
    }

    /// The curves as far as they are known.
    fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        for (kind, values) in KINDS.iter().zip(&self.of_maps) {
            let axes = vec![Axis::text("map", self.maps.clone()), self.shares.clone()];
            let mut field = Field::unmeasured(kind, axes);
            field.values.clone_from(values);
            field.mask = values.iter().map(|v| !v.is_nan()).collect();
            field.metric = Some(Metric::Psnr);
            fields.push(field);
        }
        for (i, kind) in KINDS.iter().enumerate() {
            if self.draws == 0 {
                continue;
            }
            let axes = vec![self.shares.clone()];
            let mut field = Field::sampled(&format!("{kind}.random"), axes, self.draws);
            field.metric = Some(Metric::Psnr);
            for share in 0..self.shares.len() {
                let samples: Vec<f32> = self.random.iter().map(|pair| pair[i][share]).collect();
                field.set_samples(share, &samples);
            }
            fields.push(field);
        }
        fields
    }

    /// Areas, between the untouched picture (1) and the one with all blocks replaced (0).
    fn number(
        &self,
        settings: &FaithfulnessSettings,
        summary: &mut whyfinder_experiment::outcome::Summary,
    ) {
        let points = self.shares.len();
        let shares: &[f64] = match &self.shares.labels {
            Labels::Number(shares) => shares,
            Labels::Text(_) => &[],
        };
        let ends = |deletion: &[f32]| Some((*deletion.last()?, *deletion.first()?));
        let any = self.of_maps[0]
            .get(..points)
            .or(self.random.first().map(|p| p[0].as_slice()));
        let Some((replaced, untouched)) = any.and_then(ends) else {
            return;
        };
        summary.reference.insert("psnr.replaced".into(), replaced);
        for (i, kind) in KINDS.iter().enumerate() {
            for (map, curve) in settings
                .maps
                .iter()
                .zip(self.of_maps[i].chunks_exact(points))
            {
                if let Some(area) = area(shares, curve, replaced, untouched) {
                    summary.reference.insert(format!("{kind}.{map}"), area);
                }
            }
            let areas: Vec<f32> = self
                .random
                .iter()
                .filter_map(|pair| area(shares, &pair[i], replaced, untouched))
                .collect();
            if !areas.is_empty() {
                let (mean, stderr) = whyfinder_experiment::field::mean_and_stderr(&areas);
                let name = format!("{kind}.random");
                summary.reference.insert(name.clone(), mean);
                if !stderr.is_nan() {
                    summary.reference_stderr.insert(name, stderr);
                }
            }
        }
    }
}
