//! Maps over the picture that a network saw, pictures, counts of blocks, window attention, and curves of faithfulness.

use whyfinder_experiment::image_experiment::{Bank, ImageInput, ImageMethod, InterventionSettings};
use whyfinder_experiment::{Field, InstrumentSettings, Outcome};
use whyfinder_paint::{ColourMap, Image, MapArray, MapShape, MapStyle, Theme};

use crate::draw_trace::samples;
use crate::drawing::{
    Content, Drawing, Grid, Labels, Lines, Over, Scale, Series, Share, Shares, Tiles, map_of,
};
use crate::{FigureError, numbers, picture};

/// A field of two axes over the picture, or of three channels as a picture.
pub(crate) fn over(
    outcome: &Outcome,
    field: &Field,
    theme: Theme,
) -> Result<Option<Drawing>, FigureError> {
    if let Some(image) = picture::of_field(field) {
        return Ok(Some(plain(outcome, field, image)));
    }
    let [rows, columns] = *field.shape().as_slice() else {
        return Ok(None);
    };
    let Some((below, cell)) = ground(outcome, field, [rows, columns]) else {
        return Ok(None);
    };
    let signed = is_signed(field);
    let map = map_of(field, signed.then_some(0.0))?;
    let extent = extent(field, outcome);
    let style = if signed {
        MapStyle::signed(ColourMap::BlueRed, Theme::Light, extent)
    } else {
        MapStyle {
            flip: theme == Theme::Light,
            ..MapStyle::sequential(ColourMap::Magma, theme, 0.0, extent)
        }
    };
    let range = map.range();
    let is_effect = field.name.starts_with("effect");
    let (title, name) = names(outcome, field);
    let mut remarks: Vec<String> = Vec::new();
    if is_effect {
        remarks.push("red helps the region, blue harms it".into());
        remarks.push("the region's own blocks may go beyond the range".into());
    } else if signed {
        remarks.push("red above zero, blue below".into());
    }
    remarks.extend(samples(field));
    let reach = outcome
        .field("reachable")
        .filter(|r| r.shape() == field.shape())
        .map(|r| r.values.iter().map(|v| *v > 0.5).collect::<Vec<bool>>())
        .filter(|r| r.contains(&false));
    let labels = |axis: usize| Labels {
        name: field.axes[axis].name.clone(),
        texts: (0..field.axes[axis].len())
            .map(|i| field.axes[axis].labels.text(i))
            .collect(),
        ..Labels::default()
    };
    let mut details = Vec::new();
    if reach.is_some() {
        details.push("dashed: what can reach the region".to_string());
    }
    Ok(Some(Drawing {
        title,
        details,
        hatched: field
            .effect_errors()
            .filter(|_| signed)
            .map(|_| "|effect| < 2 s.e.".to_string()),
        scale: Some(Scale {
            style,
            name,
            marks: if signed {
                vec![(0.0, String::new())]
            } else {
                Vec::new()
            },
            remarks,
            values: [range.low, range.high],
            fixed: false,
        }),
        content: Content::Over(Over {
            region: region(outcome, &below),
            picture: picture::paled(&below),
            cells: Some(Grid {
                rows: labels(0),
                columns: labels(1),
                map,
                errors: field.effect_errors().map(<[f32]>::to_vec),
                counts: field.count.clone(),
                square: true,
            }),
            origin: [0.0; 2],
            cell,
            reach,
        }),
    }))
}

/// One of the maps of a field of three axes over the input: a head of window attention.
pub(crate) fn part(
    outcome: &Outcome,
    field: &Field,
    index: usize,
    theme: Theme,
) -> Result<Option<Drawing>, FigureError> {
    let [parts, rows, columns] = *field.shape().as_slice() else {
        return Ok(None);
    };
    if index >= parts {
        return Ok(None);
    }
    let values = field.values[index * rows * columns..(index + 1) * rows * columns].to_vec();
    let map = MapArray::single(rows, columns, values)?;
    let Some(input) = outcome.field("input").and_then(picture::of_field) else {
        return Ok(None);
    };
    let start = |axis: usize| {
        field.axes[axis]
            .labels
            .text(0)
            .parse()
            .unwrap_or(0.0f32)
            .max(0.0) as usize
    };
    let (near, first) = around(&input, [start(1), start(2)], [rows, columns]);
    let place = |axis: usize, from: usize| start(axis).saturating_sub(from) as f32;
    let pixel = |name: &str, from: usize| {
        let at = outcome.summary.reference.get(name)?;
        Some(at - from as f32)
    };
    let from = match (pixel("pixel.x", first[1]), pixel("pixel.y", first[0])) {
        (Some(x), Some(y)) => Some([x, y, 1.0, 1.0]),
        _ => None,
    };
    let labels = |axis: usize| Labels {
        name: field.axes[axis].name.clone(),
        texts: (0..field.axes[axis].len())
            .map(|i| field.axes[axis].labels.text(i))
            .collect(),
        ..Labels::default()
    };
    let layer = layer_name(&field.name);
    Ok(Some(Drawing {
        title: format!(
            "{layer}, {} {}",
            field.axes[0].name,
            field.axes[0].labels.text(index)
        ),
        details: window_details(outcome),
        hatched: None,
        scale: Some(attention_scale(&map, theme)),
        content: Content::Over(Over {
            picture: picture::paled(&near),
            region: from,
            cells: Some(Grid {
                rows: labels(1),
                columns: labels(2),
                map,
                errors: None,
                counts: None,
                square: true,
            }),
            origin: [place(1, first[0]), place(2, first[1])],
            cell: [1.0; 2],
            reach: None,
        }),
    }))
}

/// All maps of a field of three axes in a row.
pub(crate) fn tiles(
    outcome: &Outcome,
    field: &Field,
    theme: Theme,
) -> Result<Option<Drawing>, FigureError> {
    let [columns, height, width] = *field.shape().as_slice() else {
        return Ok(None);
    };
    let shape = MapShape {
        rows: 1,
        columns,
        height,
        width,
    };
    let map = MapArray::new(shape, field.values.clone())?;
    Ok(Some(Drawing {
        title: layer_name(&field.name),
        details: window_details(outcome),
        hatched: None,
        scale: Some(attention_scale(&map, theme)),
        content: Content::Tiles(Tiles {
            rows: Labels {
                name: String::new(),
                texts: vec![String::new()],
                ..Labels::default()
            },
            columns: Labels {
                name: field.axes[0].name.clone(),
                texts: (0..columns).map(|i| field.axes[0].labels.text(i)).collect(),
                ..Labels::default()
            },
            inner: [field.axes[1].name.clone(), field.axes[2].name.clone()],
            map,
            marked: None,
        }),
    }))
}

/// PSNR over the share of blocks that are exchanged, a line per map.
pub(crate) fn curves(outcome: &Outcome, name: &str) -> Option<Drawing> {
    let field = outcome.field(name)?;
    let [maps, shares] = *field.shape().as_slice() else {
        return None;
    };
    let mut series: Vec<Series> = (0..maps)
        .map(|map| {
            let label = field.axes[0].labels.text(map);
            let area = outcome.summary.reference.get(&format!("{name}.{label}"));
            Series {
                name: match area {
                    Some(area) => format!(
                        "{}, area {}",
                        label.replace('-', " "),
                        numbers::number(*area)
                    ),
                    None => label.replace('-', " "),
                },
                values: field.values[map * shares..(map + 1) * shares].to_vec(),
                errors: None,
            }
        })
        .collect();
    if let Some(random) = outcome.field(&format!("{name}.random"))
        && random.values.len() == shares
    {
        series.push(Series {
            name: "random order".into(),
            values: random.values.clone(),
            errors: random
                .stderr
                .clone()
                .filter(|e| e.iter().any(|e| e.is_finite())),
        });
    }
    let references = [("psnr", "untouched"), ("psnr.replaced", "all replaced")]
        .iter()
        .filter_map(|(key, said)| {
            Some(((*said).to_string(), *outcome.summary.reference.get(*key)?))
        })
        .collect();
    let deletion = name == "deletion";
    Some(Drawing {
        title: if deletion { "Deletion" } else { "Insertion" }.into(),
        details: vec![
            if deletion {
                "small area: faithful"
            } else {
                "large area: faithful"
            }
            .into(),
        ],
        content: Content::Lines(Lines {
            x_name: if deletion {
                "share of blocks replaced"
            } else {
                "share of blocks put back"
            }
            .into(),
            x: (0..shares)
                .map(|i| field.axes[1].labels.text(i).parse().unwrap_or(i as f64))
                .collect(),
            y_name: "PSNR of the region, dB".into(),
            series,
            references,
            band: "band: 1 s.e.".into(),
        }),
        scale: None,
        hatched: None,
    })
}

/// How many blocks help, harm and do neither.
pub(crate) fn counts(outcome: &Outcome, theme: Theme) -> Option<Drawing> {
    let effects = outcome.summary.effects.as_ref()?;
    let share = |name: &str, count, sure, colour| Share {
        name: name.into(),
        count,
        sure,
        colour,
    };
    let extreme = |name: &str, effect: &Option<whyfinder_experiment::outcome::BlockEffect>| {
        effect.as_ref().map(|e| {
            let value = numbers::with_error(e.effect, Some(e.stderr), true);
            format!("{name} {value} dB at row {}, column {}", e.row, e.column)
        })
    };
    let remarks = [
        Some(format!(
            "{} of the region's own not counted",
            effects.region
        )),
        Some(format!("{} cannot reach it", effects.unreachable)),
        extreme("strongest", &effects.max),
        extreme("most harmful", &effects.min),
    ];
    Some(Drawing {
        title: "Blocks by their effect".into(),
        details: Vec::new(),
        content: Content::Shares(Shares {
            parts: vec![
                share(
                    "help",
                    effects.positive,
                    Some(effects.significant_positive),
                    theme.helps(),
                ),
                share(
                    "harm",
                    effects.negative,
                    Some(effects.significant_negative),
                    theme.harms(),
                ),
                share("neither", effects.zero, None, theme.line()),
            ],
            remarks: remarks.into_iter().flatten().collect(),
        }),
        scale: None,
        hatched: None,
    })
}

/// The method's name.
pub(crate) fn title(outcome: &Outcome) -> &'static str {
    match of(outcome).map(|(_, method)| method) {
        Some(ImageMethod::CausalEffectMap(_)) => "Causal effect map",
        Some(ImageMethod::Lam(_)) => "Local attribution map",
        Some(ImageMethod::Gradient(_)) => "Gradient",
        Some(ImageMethod::IntegratedGradients(_)) => "Integrated gradients",
        Some(ImageMethod::Occlusion(_)) => "Occlusion",
        Some(ImageMethod::Rise(_)) => "RISE",
        Some(ImageMethod::ReceptiveField(_)) => "Receptive field",
        Some(ImageMethod::WindowAttention(_)) => "Window attention",
        Some(ImageMethod::Faithfulness(_)) => "Faithfulness of maps",
        Some(ImageMethod::Restore) => "Restored image",
        None => "Image",
    }
}

/// Where the numbers come from, in pieces.
pub(crate) fn circumstances(outcome: &Outcome) -> Vec<String> {
    let experiment = &outcome.experiment;
    let mut pieces = vec![experiment.model.clone()];
    let Some((input, method)) = of(outcome) else {
        return pieces;
    };
    if let Some(image) = &outcome.summary.image {
        let noise = image.sigma.map_or(String::new(), |sigma| {
            format!(", σ {}", numbers::setting(sigma as f32))
        });
        let scale = if image.scale > 1 {
            format!(" ×{}", image.scale)
        } else {
            String::new()
        };
        pieces.push(format!("{}{scale}{noise}", image.task.replace('-', " ")));
        if let Some([x, y, width, height]) = image.region {
            pieces.push(format!("region {width} × {height} at {x}, {y}"));
        }
    }
    if let Some(source) = input.truth.as_ref().or(input.image.as_ref()) {
        pieces.push(source.to_string());
    }
    if let ImageMethod::CausalEffectMap(settings) = method {
        pieces.push(intervention(settings));
    }
    pieces.push(format!("seed {}", experiment.seed));
    pieces
}

fn intervention(settings: &InterventionSettings) -> String {
    let bank = match &settings.bank {
        Bank::Builtin => "built-in patches".to_string(),
        Bank::File(path) => path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
    };
    let compatible = if settings.compatible.is_empty() {
        String::new()
    } else {
        let names: Vec<_> = settings.compatible.iter().map(|q| q.name()).collect();
        format!(", as the authors' program: {}", names.join(", "))
    };
    format!(
        "blocks of {}, {} coarse and {} fine draws from {bank}, zero below {} dB{compatible}",
        settings.block,
        settings.coarse,
        settings.fine,
        numbers::setting(settings.tolerance as f32)
    )
}

fn of(outcome: &Outcome) -> Option<(&ImageInput, &ImageMethod)> {
    match &outcome.experiment.instrument {
        InstrumentSettings::Image { input, method } => Some((input, method)),
        _ => None,
    }
}

/// What a map is called, and what its colours measure.
fn names(outcome: &Outcome, field: &Field) -> (String, String) {
    let name = field.name.as_str();
    let covered = matches!(of(outcome), Some((_, ImageMethod::Occlusion(_))));
    let replaced = if covered { "covered" } else { "replaced" };
    let effect = || format!("loss of the region's PSNR when a block is {replaced}, dB");
    let said = |title: &str, measure: &str| (title.to_string(), measure.to_string());
    match name {
        "effect" => ("Effect on the region".into(), effect()),
        "effect.direct" => ("Direct effect".into(), effect()),
        "effect.mediated" => ("Globally mediated effect".into(), effect()),
        "effect.estimate" => ("Estimated effect".into(), effect()),
        "attribution" => (title(outcome).to_string(), attribution_measure(outcome)),
        "attribution.signed" => said(
            "Signed attribution",
            "sum over colours of the attribution, signed",
        ),
        "density" => said(
            "Density of attribution",
            "kernel density of the attribution",
        ),
        "gradient-times-input" => said(
            "Gradient times input",
            "sum over colours of gradient × input",
        ),
        "saliency" => said("RISE", "mean score of the masks that show a pixel"),
        "reachable" => said("Theoretical field", "1 where the region can be reached"),
        name => match name.strip_prefix("map.") {
            Some(map) => (map.replace('-', " "), "what was ranked".into()),
            None => (name.to_string(), name.to_string()),
        },
    }
}

fn attribution_measure(outcome: &Outcome) -> String {
    match of(outcome).map(|(_, method)| method) {
        Some(ImageMethod::Lam(lam)) => {
            format!(
                "|sum over colours| of the gradient along {} steps of a path",
                lam.fold
            )
        }
        Some(ImageMethod::IntegratedGradients(s)) => {
            format!(
                "|sum over colours| of gradients integrated over {} steps",
                s.steps
            )
        }
        Some(ImageMethod::Gradient(_)) => {
            "|gradient| of the region's detail, sum over colours".into()
        }
        Some(ImageMethod::Rise(s)) => format!("mean score over {} random masks", s.masks),
        Some(ImageMethod::ReceptiveField(_)) => "how strongly a pixel can move the region".into(),
        _ => "attribution".into(),
    }
}

fn is_signed(field: &Field) -> bool {
    field.name.starts_with("effect") || field.values.iter().any(|v| *v < 0.0)
}

fn plain(outcome: &Outcome, field: &Field, image: Image) -> Drawing {
    let psnr = |key: &str| {
        let value = outcome.summary.reference.get(key)?;
        Some(format!("{} dB in the region", numbers::number(*value)))
    };
    let (title, detail) = match field.name.as_str() {
        "output" => ("Output", psnr("psnr")),
        "input" => ("Input", psnr("psnr.input")),
        "truth" => ("Truth", None),
        name => (name, None),
    };
    Drawing {
        title: title.to_string(),
        details: detail.into_iter().collect(),
        content: Content::Over(Over {
            region: region(outcome, &image),
            picture: image,
            cells: None,
            origin: [0.0; 2],
            cell: [1.0; 2],
            reach: None,
        }),
        scale: None,
        hatched: None,
    }
}

/// The picture below a map, and how many of its pixels a cell spans down and across.
fn ground(
    outcome: &Outcome,
    field: &Field,
    [rows, columns]: [usize; 2],
) -> Option<(Image, [f32; 2])> {
    let read = |name: &str| outcome.field(name).and_then(picture::of_field);
    let (input, output) = (read("input"), read("output"));
    let block = outcome.summary.image.as_ref().and_then(|image| image.block);
    if let Some(input) = &input
        && (input.height as usize, input.width as usize) == (rows, columns)
    {
        return Some((input.clone(), [1.0; 2]));
    }
    let output = output.or_else(|| input.clone())?;
    let below = match &input {
        Some(input) => picture::enlarged(input, output.width, output.height),
        None => output.clone(),
    };
    let cell = match block {
        Some(block) if field.axes[0].name == "row" => [block as f32; 2],
        _ => [
            output.height as f32 / rows.max(1) as f32,
            output.width as f32 / columns.max(1) as f32,
        ],
    };
    Some((below, cell))
}

/// The region on a picture, which may be smaller than the output.
fn region(outcome: &Outcome, picture: &Image) -> Option<[f32; 4]> {
    let image = outcome.summary.image.as_ref()?;
    let region = image.region?;
    let share = picture.width as f32 / image.output_size[0].max(1) as f32;
    Some(region.map(|n| n as f32 * share))
}

/// The largest value outside the region's own blocks, which nearly always help much and would stretch the range.
fn extent(field: &Field, outcome: &Outcome) -> f32 {
    let largest = |inside: bool| {
        let finite = field
            .values
            .iter()
            .enumerate()
            .filter(|(_, v)| v.is_finite());
        finite
            .filter(|(cell, _)| inside || !in_region(field, outcome, *cell))
            .fold(0f32, |m, (_, v)| m.max(v.abs()))
    };
    match largest(false) {
        0.0 => largest(true),
        outside => outside,
    }
    .max(1e-6)
}

/// Whether a block of an effect map touches the region.
fn in_region(map: &Field, outcome: &Outcome, cell: usize) -> bool {
    let Some(image) = &outcome.summary.image else {
        return false;
    };
    let (Some(block), Some([x, y, width, height])) = (image.block, image.region) else {
        return false;
    };
    let columns = map.axes[1].len().max(1);
    let (top, left) = (cell / columns * block, cell % columns * block);
    map.name.starts_with("effect")
        && top < y + height
        && y < top + block
        && left < x + width
        && x < left + block
}

/// `Layer 0, block 3` of `attention.layers.0.residual_group.blocks.3.attn.pattern`; other names as they are.
fn layer_name(field: &str) -> String {
    let name = field.strip_prefix("attention.").unwrap_or(field);
    let mut numbers = name.split('.').filter(|part| part.parse::<usize>().is_ok());
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(layer), Some(block), None) => format!("Layer {layer}, block {block}"),
        (Some(layer), None, None) => format!("Layer {layer}"),
        _ => name.to_string(),
    }
}

/// The part of a picture around some cells, with as much again on every side, and where it begins: y, x.
fn around(picture: &Image, at: [usize; 2], size: [usize; 2]) -> (Image, [usize; 2]) {
    let first = [at[0].saturating_sub(size[0]), at[1].saturating_sub(size[1])];
    let end = [
        (at[0] + 2 * size[0]).min(picture.height as usize),
        (at[1] + 2 * size[1]).min(picture.width as usize),
    ];
    let pixels = (first[0]..end[0])
        .flat_map(|y| (first[1]..end[1]).map(move |x| picture.at(x as u32, y as u32)))
        .collect();
    let cut = Image {
        width: end[1].saturating_sub(first[1]) as u32,
        height: end[0].saturating_sub(first[0]) as u32,
        pixels,
    };
    (cut, first)
}

fn window_details(outcome: &Outcome) -> Vec<String> {
    let at = |name: &str| outcome.summary.reference.get(name).copied();
    match (at("pixel.x"), at("pixel.y")) {
        (Some(x), Some(y)) => vec![format!(
            "attended to from the pixel at {x:.0}, {y:.0} of the input"
        )],
        _ => Vec::new(),
    }
}

fn attention_scale(map: &MapArray, theme: Theme) -> Scale {
    let range = map.range();
    let high = if range.values > 0 && range.high > 0.0 {
        range.high
    } else {
        1.0
    };
    Scale {
        style: MapStyle {
            flip: theme == Theme::Light,
            ..MapStyle::sequential(ColourMap::Magma, theme, 0.0, high)
        },
        name: "attention weight".into(),
        marks: Vec::new(),
        remarks: vec!["each head's weights sum to 1".into()],
        values: [range.low, range.high],
        fixed: false,
    }
}
