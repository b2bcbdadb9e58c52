//! Maps over the picture that a network saw, and pictures.

use whyfinder_experiment::image_experiment::{Bank, ImageInput, ImageMethod, InterventionSettings};
use whyfinder_experiment::{Field, InstrumentSettings, Outcome};
use whyfinder_paint::{ColourMap, Image, MapStyle, Theme};

use crate::draw_trace::samples;
use crate::drawing::{Content, Drawing, Grid, Labels, Over, Polarity, Scale, map_of};
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
    let ground = ground(outcome, field, [rows, columns]);
    if let ("reachable", Some((below, cell))) = (field.name.as_str(), &ground) {
        return Ok(Some(theoretical_field(outcome, field, below, *cell)?));
    }
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
    let style = MapStyle {
        // A score that every mask has some of would drown what differs.
        low: match field.name == "saliency" && range.low < extent {
            true => range.low,
            false => style.low,
        },
        ..style
    };
    let is_effect = field.name.starts_with("effect");
    let (title, name) = names(outcome, field);
    let polarity = match (is_effect, signed) {
        (true, _) => Some(Polarity::Effect),
        (false, true) => Some(Polarity::Centre("zero".into())),
        (false, false) => None,
    };
    let mut remarks: Vec<String> = Vec::new();
    if is_effect {
        remarks.push("the region's own blocks may go beyond the range".into());
    }
    remarks.extend(samples(field));
    let reach = outcome
        .field("reachable")
        .filter(|r| r.shape() == field.shape())
        .map(|r| r.values.iter().map(|v| *v > 0.5).collect::<Vec<bool>>())
        .filter(|r| r.contains(&false) && ground.is_some());
    let labels = |axis: usize| Labels::of(&field.axes[axis]);
    let mut details = Vec::new();
    if reach.is_some() {
        details.push("dashed: what can reach the region".to_string());
    }
    let grid = Grid {
        rows: labels(0),
        columns: labels(1),
        map,
        errors: field.effect_errors().map(<[f32]>::to_vec),
        counts: field.count.clone(),
        square: true,
    };
    let content = match ground {
        Some((below, cell)) => Content::Over(Over {
            region: region(outcome, &below),
            picture: picture::paled(&below),
            cells: Some(grid),
            origin: [0.0; 2],
            cell,
            reach,
        }),
        // Results of other programs may come without their pictures.
        None => Content::Grid(grid),
    };
    Ok(Some(Drawing {
        title,
        details,
        hatched: field
            .effect_errors()
            .filter(|_| signed)
            .map(|_| format!("|{}| < 2 s.e.", if is_effect { "effect" } else { "value" })),
        scale: Some(Scale {
            style,
            name,
            marks: if signed {
                vec![(0.0, String::new())]
            } else {
                Vec::new()
            },
            polarity,
            remarks,
            values: [range.low, range.high],
            fixed: false,
        }),
        content,
    }))
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
        "attribution.image" => said(
            "Receptive field in this picture",
            "how strongly a pixel of this picture can move the region",
        ),
        "saliency" => said(
            "RISE, not centred",
            "mean score of the masks that show a pixel",
        ),
        "reachable" => said("Theoretical field", "1 where the region can be reached"),
        name => match name.strip_prefix("map.") {
            Some(map) => (
                format!("{}, by block", ranked_name(map)),
                "what blocks are ranked by".into(),
            ),
            None if outcome.summary.metric.is_empty() => (name.to_string(), name.to_string()),
            None => (name.to_string(), outcome.summary.metric.replace('-', " ")),
        },
    }
}

/// A map that blocks are ranked by: an instrument's name, or a file.
pub(crate) fn ranked_name(map: &str) -> String {
    match map {
        "causal-effect-map" => "Causal effect map".into(),
        "lam" => "LAM".into(),
        "gradient" => "Gradient".into(),
        "integrated-gradients" => "Integrated gradients".into(),
        "occlusion" => "Occlusion".into(),
        "rise" => "RISE".into(),
        map => map.into(),
    }
}

/// The picture in its colours where it can reach the region, pale where it cannot.
fn theoretical_field(
    outcome: &Outcome,
    field: &Field,
    below: &Image,
    cell: [f32; 2],
) -> Result<Drawing, FigureError> {
    let columns = field.axes[1].len();
    let reach: Vec<bool> = field.values.iter().map(|v| *v > 0.5).collect();
    let mut picture = picture::paled(below);
    for (i, pixel) in picture.pixels.iter_mut().enumerate() {
        let [y, x] = [i / below.width as usize, i % below.width as usize];
        let row = (y as f32 / cell[0]) as usize;
        let column = ((x as f32 / cell[1]) as usize).min(columns.max(1) - 1);
        if reach.get(row * columns + column) == Some(&true) {
            *pixel = below.pixels[i];
        }
    }
    let reached = reach.iter().filter(|r| **r).count();
    let cells = match field.axes[0].name.as_str() {
        "row" => "blocks",
        _ => "pixels",
    };
    Ok(Drawing {
        title: "Theoretical field".into(),
        details: vec![match reached == reach.len() {
            true => format!("all {reached} {cells} can reach the region"),
            false => format!(
                "in colour: the {reached} of {} {cells} that can reach the region",
                reach.len()
            ),
        }],
        content: Content::Over(Over {
            region: region(outcome, below),
            picture,
            cells: Some(Grid {
                rows: Labels::of(&field.axes[0]),
                columns: Labels::of(&field.axes[1]),
                map: map_of(field, None)?,
                errors: None,
                counts: None,
                square: true,
            }),
            origin: [0.0; 2],
            cell,
            reach: Some(reach).filter(|r| r.contains(&false)),
        }),
        scale: None,
        hatched: None,
    })
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
