//! What an image network answers on the stage: every number is made by a formula, so that a test knows it.

use whyfinder::maps::Raster;
use whyfinder_experiment::outcome::{ImageSummary, Summary};
use whyfinder_experiment::{
    Axis, Experiment, Field, ImageInput, ImageMethod, InstrumentSettings, Labels, Outcome,
    Provenance,
};
use whyfinder_instrument::{CellTokens, MeasuredCell, Report};
use whyfinder_worker::ImageNetwork;
use whyfinder_worker::protocol::OpenedModel;

use super::pictures::{degraded, leaves, restored};

/// PSNR of the region without an intervention.
pub(crate) const UNTOUCHED: f32 = 27.41;
const DRAWS: usize = 50;

pub(crate) fn is_image(reference: &str) -> bool {
    reference.contains("sr-") || reference.contains("denoise")
}

/// Pixels of the output for one of the input.
fn scale(reference: &str) -> usize {
    if reference.contains("denoise") { 1 } else { 4 }
}

pub(crate) fn opened(reference: &str) -> OpenedModel {
    let windowed = reference.contains("window");
    let name = reference.rsplit(['/', ':']).next().unwrap_or(reference);
    OpenedModel {
        reference: reference.to_string(),
        name: name.trim_end_matches(".pth").to_string(),
        family: if windowed { "SwinIR" } else { "EDSR" }.into(),
        architecture: if windowed { "SwinIR" } else { "EDSR" }.into(),
        layers: 0,
        heads: 0,
        kv_heads: 0,
        d_model: 0,
        vocab: 0,
        max_positions: 0,
        parameters: 312_000,
        bytes: 1_250_000,
        dtype: "f32".into(),
        device: "cpu".into(),
        parity: Some(2e-6),
        image: Some(ImageNetwork {
            scale: scale(reference),
            channels: 3,
            sigma: (scale(reference) == 1).then_some(50.0),
            window: windowed.then_some(8),
            heads: if windowed { vec![6; 4] } else { Vec::new() },
        }),
    }
}

fn asked(experiment: &Experiment) -> (&ImageInput, &ImageMethod) {
    match &experiment.instrument {
        InstrumentSettings::Image { input, method } => (input, method),
        _ => panic!("an experiment on images"),
    }
}

/// Sizes written as `WxH` in a picture's name; 256 x 256 otherwise.
fn size(experiment: &Experiment) -> [usize; 2] {
    let (input, _) = asked(experiment);
    let source = input.truth.as_ref().or(input.image.as_ref());
    let name = source.map(ToString::to_string).unwrap_or_default();
    let stem = name
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .trim_end_matches(".png");
    stem.rsplit('-')
        .next()
        .and_then(|s| s.split_once('x'))
        .and_then(|(w, h)| Some([w.parse().ok()?, h.parse().ok()?]))
        .unwrap_or([256, 256])
}

fn field_of(name: &str, picture: &Raster) -> Field {
    let (width, height) = (picture.width(), picture.height());
    let values = (0..width * height)
        .flat_map(|i| picture.at(i % width, i / width).expect("inside"))
        .map(|c| f32::from(c) / 255.0)
        .collect();
    let axes = vec![
        Axis::numbered("y", height),
        Axis::numbered("x", width),
        Axis::numbered("channel", 3),
    ];
    Field::measured(name, axes, values).expect("as many values as cells")
}

pub(crate) fn restored_outcome(experiment: Experiment) -> Outcome {
    let [width, height] = size(&experiment);
    let truth = leaves(width, height, 3);
    let input = degraded(&truth, scale(&experiment.model));
    // A better network leaves more of the truth in its output.
    let output = if experiment.model.contains("window") {
        restored(&truth)
    } else {
        restored(&restored(&truth))
    };
    let mut fields = vec![field_of("input", &input), field_of("output", &output)];
    if asked(&experiment).0.truth.is_some() {
        fields.push(field_of("truth", &truth));
    }
    Outcome {
        summary: summary(&experiment),
        fields,
        provenance: Provenance::default(),
        distributions: Vec::new(),
        experiment,
        attention: Vec::new(),
    }
}

fn summary(experiment: &Experiment) -> Summary {
    let output_size = size(experiment);
    let scale = scale(&experiment.model);
    let (input, method) = asked(experiment);
    let mut summary = Summary {
        metric: "psnr".into(),
        seconds: 0.9,
        passes: 31.0,
        passes_plain: 961.0,
        peak_bytes: 310_000_000,
        image: Some(ImageSummary {
            input_size: output_size.map(|n| n / scale),
            output_size,
            channels: 3,
            scale,
            task: "super-resolution".into(),
            truth: input.truth.is_some(),
            region: input.region,
            block: match method {
                ImageMethod::CausalEffectMap(settings) => Some(settings.block),
                _ => None,
            },
            ..ImageSummary::default()
        }),
        ..Summary::default()
    };
    summary.reference.insert("psnr".into(), UNTOUCHED);
    summary
}

/// Rows and columns of the map, and pixels a cell.
fn grid(experiment: &Experiment) -> (usize, usize, usize) {
    let [width, height] = size(experiment);
    match asked(experiment).1 {
        ImageMethod::CausalEffectMap(s) => {
            (height.div_ceil(s.block), width.div_ceil(s.block), s.block)
        }
        _ => {
            let scale = scale(&experiment.model);
            ((height / scale).max(1), (width / scale).max(1), scale)
        }
    }
}

pub(crate) fn cells(experiment: &Experiment) -> usize {
    let (rows, cols, _) = grid(experiment);
    rows * cols
}

/// The effect of a block on the region: strong around it, mixed further out, exactly zero beyond.
pub(crate) fn effect(experiment: &Experiment, row: usize, col: usize) -> f32 {
    let (_, _, side) = grid(experiment);
    let [x, y, w, h] = asked(experiment).0.region.expect("a region");
    let centre =
        |start: usize, length: usize| (start as f32 + length as f32 / 2.0) / side as f32 - 0.5;
    let (dx, dy) = (col as f32 - centre(x, w), row as f32 - centre(y, h));
    let far = dx * dx + dy * dy;
    let wide = if experiment.model.contains("window") {
        90.0
    } else {
        30.0
    };
    let ripple = super::noise(row, col, experiment.model.len()) - 0.45;
    let v = 2.6 * (-far / 5.0).exp() + 0.9 * ripple * (-far / wide).exp();
    if v.abs() < 0.01 { 0.0 } else { v }
}

fn reaches(experiment: &Experiment, row: usize, col: usize) -> bool {
    if !experiment.model.contains("local") && !experiment.model.contains("denoise") {
        return true;
    }
    let (_, _, side) = grid(experiment);
    let [x, y, w, h] = asked(experiment).0.region.expect("a region");
    let near = |at: usize, start: usize, length: usize| {
        (at + 1) * side + 56 > start && at * side < start + length + 56
    };
    near(col, x, w) && near(row, y, h)
}

pub(crate) fn measured(experiment: &Experiment, cell: usize) -> MeasuredCell {
    let (_, cols, _) = grid(experiment);
    let (row, col) = (cell / cols, cell % cols);
    let mean = if reaches(experiment, row, col) {
        effect(experiment, row, col)
    } else {
        0.0
    };
    // Pairs around the mean keep it exact; blocks without an effect have three draws alone.
    let draws = if mean == 0.0 { 2 } else { DRAWS };
    let samples = (0..draws)
        .map(|i| {
            let spread = if mean == 0.0 {
                0.0
            } else {
                0.9 * super::noise(cell, i / 2, 5)
            };
            mean + if i % 2 == 0 { spread } else { -spread }
        })
        .collect();
    MeasuredCell {
        cell,
        samples,
        tokens: CellTokens::default(),
    }
}

fn empty_fields(experiment: &Experiment) -> Vec<Field> {
    let (rows, cols, _) = grid(experiment);
    let axes = || vec![Axis::numbered("row", rows), Axis::numbered("column", cols)];
    let ImageMethod::CausalEffectMap(settings) = asked(experiment).1 else {
        let parts = match asked(experiment).1 {
            ImageMethod::Lam(_) => &["attribution", "density"][..],
            _ => &["attribution"],
        };
        let parts = parts.iter().map(|name| Field::unmeasured(name, axes()));
        return parts.collect();
    };
    let mut effects = Field::sampled("effect", axes(), DRAWS);
    effects.reference.insert("psnr".into(), UNTOUCHED);
    let reachable = (0..rows * cols)
        .map(|i| f32::from(u8::from(reaches(experiment, i / cols, i % cols))))
        .collect();
    let mut fields = vec![
        effects,
        Field::measured("reachable", axes(), reachable).expect("fits"),
    ];
    if settings.mediation {
        for name in ["effect.direct", "effect.mediated"] {
            fields.push(Field::sampled(name, axes(), DRAWS));
        }
    }
    fields
}

/// The part of an effect that is direct on the stage.
pub(crate) const DIRECT: f32 = 0.75;

pub(crate) fn started(experiment: &Experiment) -> Report {
    Report::Started {
        fields: empty_fields(experiment),
        summary: summary(experiment),
        distributions: Vec::new(),
    }
}

pub(crate) fn outcome(experiment: Experiment) -> Outcome {
    let mut fields = empty_fields(&experiment);
    let (_, cols, _) = grid(&experiment);
    for cell in 0..cells(&experiment) {
        let effect = effect(&experiment, cell / cols, cell % cols);
        let samples = measured(&experiment, cell).samples;
        for field in &mut fields {
            let share = match field.name.as_str() {
                "effect" => 1.0,
                "effect.direct" => DIRECT,
                "effect.mediated" => 1.0 - DIRECT,
                "reachable" => continue,
                "density" => {
                    field.values[cell] = (effect.abs() / 3.0).sqrt();
                    field.mask[cell] = true;
                    continue;
                }
                _ => {
                    field.values[cell] = effect.abs();
                    field.mask[cell] = true;
                    continue;
                }
            };
            let samples: Vec<f32> = samples.iter().map(|v| share * v).collect();
            field.set_samples(cell, &samples);
        }
    }
    let mut summary = summary(&experiment);
    if matches!(asked(&experiment).1, ImageMethod::Lam(_)) {
        for (name, value) in [
            ("diffusion-index", 12.3),
            ("gini", 0.877),
            ("area", 214.0),
            ("detector", 40.0),
            ("detector.baseline", 10.0),
            ("completeness", 0.6),
        ] {
            summary.reference.insert(name.into(), value);
        }
    }
    Outcome {
        summary,
        fields,
        provenance: Provenance::default(),
        distributions: Vec::new(),
        experiment,
        attention: Vec::new(),
    }
}

/// Curves that fall the faster the earlier their map is named, and random orders.
pub(crate) fn curves(experiment: Experiment) -> Outcome {
    let ImageMethod::Faithfulness(settings) = asked(&experiment).1 else {
        panic!("an experiment on faithfulness");
    };
    let names: Vec<String> = settings.maps.iter().map(ToString::to_string).collect();
    let points = settings.steps + 1;
    let share = |i: usize| (i as f64 / (points - 1) as f64).powi(2);
    let shares = || Axis {
        name: "share".into(),
        labels: Labels::Number((0..points).map(share).collect()),
    };
    let mut summary = summary(&experiment);
    summary.reference.insert("blocks".into(), 1024.0);
    let mut fields = Vec::new();
    for (kind, falls) in [("deletion", true), ("insertion", false)] {
        let curve = |power: f32| -> Vec<f32> {
            (0..points)
                .map(|i| {
                    let share = (share(i) as f32).powf(power);
                    17.0 + 10.0 * if falls { 1.0 - share } else { share }
                })
                .collect()
        };
        let area = |power: f32| {
            if falls {
                power / (1.0 + power)
            } else {
                1.0 / (1.0 + power)
            }
        };
        let power = |map: usize| 0.25 + 0.15 * map as f32;
        let values = (0..names.len()).flat_map(|map| curve(power(map))).collect();
        let axes = vec![Axis::text("map", names.clone()), shares()];
        fields.push(Field::measured(kind, axes, values).expect("fits"));
        for (map, name) in names.iter().enumerate() {
            summary
                .reference
                .insert(format!("{kind}.{name}"), area(power(map)));
        }
        let random = format!("{kind}.random");
        fields.push(Field::measured(&random, vec![shares()], curve(1.0)).expect("fits"));
        summary.reference.insert(random, area(1.0));
    }
    Outcome {
        summary,
        fields,
        provenance: Provenance::default(),
        distributions: Vec::new(),
        experiment,
        attention: Vec::new(),
    }
}

/// Six heads in each of two layers, each looking somewhere else in the window of eight pixels around the one asked
/// about; the second layer shifts its windows by four.
pub(crate) fn attention(experiment: Experiment) -> Outcome {
    let (input, ImageMethod::WindowAttention(settings)) = asked(&experiment) else {
        panic!("an experiment on window attention");
    };
    let [x, y, w, h] = input.region.expect("a region");
    let pixel = settings.pixel.unwrap_or([x + w / 2, y + h / 2]);
    let pixel = pixel.map(|n| n / scale(&experiment.model));
    let fields = (0..2)
        .map(|layer| {
            let side = |name: &str, at: usize| {
                let shift = 4 * layer;
                let start = (at + shift) / 8 * 8 - shift.min((at + shift) / 8 * 8);
                Axis {
                    name: name.into(),
                    labels: Labels::Number((start..start + 8).map(|i| i as f64).collect()),
                }
            };
            let axes = vec![
                Axis::numbered("head", 6),
                side("y", pixel[1]),
                side("x", pixel[0]),
            ];
            let values = (0..6 * 64)
                .map(|i| {
                    let (head, y, x) = (i / 64, i % 64 / 8, i % 8);
                    let (dy, dx) = (
                        y as f32 - (head % 3) as f32 - 2.0,
                        x as f32 - (head + layer) as f32,
                    );
                    (-(dx * dx + dy * dy) / (2.0 + head as f32)).exp()
                })
                .collect();
            Field::measured(&format!("attention.{layer}"), axes, values).expect("fits")
        })
        .collect();
    let mut summary = summary(&experiment);
    for (name, value) in [("pixel.x", pixel[0]), ("pixel.y", pixel[1])] {
        summary.reference.insert(name.into(), value as f32);
    }
    Outcome {
        summary,
        fields,
        provenance: Provenance::default(),
        distributions: Vec::new(),
        experiment,
        attention: Vec::new(),
    }
}

/// Patches and the outputs that they caused: parts of the truth, from three places.
pub(crate) fn tried(experiment: Experiment) -> Outcome {
    let [width, height] = size(&experiment);
    let truth = leaves(width, height, 3);
    let [_, _, w, h] = asked(&experiment).0.region.expect("a region");
    let pictures = |side: [usize; 2]| -> Field {
        let [w, h] = [side[0].min(width), side[1].min(height)];
        let values = (0..3)
            .flat_map(|i| {
                let [x, y] = [(40 * i).min(width - w), 60.min(height - h)];
                let part = truth.part(x, y, w, h).expect("inside");
                field_of("part", &part).values
            })
            .collect();
        let axes = ["draw", "y", "x", "channel"]
            .into_iter()
            .zip([3, h, w, 3])
            .map(|(name, n)| Axis::numbered(name, n))
            .collect();
        Field::measured("pictures", axes, values).expect("fits")
    };
    let named = |name: &str, field: Field| Field {
        name: name.into(),
        ..field
    };
    let psnr = vec![24.9, 26.31, 27.2];
    let psnr = Field::measured("tried.psnr", vec![Axis::numbered("draw", 3)], psnr).expect("fits");
    let fields = vec![
        named("tried.patch", pictures([8, 8])),
        named("tried.output", pictures([w, h])),
        psnr,
    ];
    Outcome {
        summary: summary(&experiment),
        fields,
        provenance: Provenance::default(),
        distributions: Vec::new(),
        experiment,
        attention: Vec::new(),
    }
}

/// Whether one block alone is asked about.
pub(crate) fn is_of_one_block(experiment: &Experiment) -> bool {
    matches!(asked(experiment).1, ImageMethod::CausalEffectMap(s) if s.only.is_some())
}
