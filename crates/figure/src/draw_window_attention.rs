//! Window attention: all heads in a row, or one over the picture around its window.

use whyfinder_experiment::{Field, Outcome};
use whyfinder_paint::{ColourMap, Image, MapArray, MapShape, MapStyle, Theme};

use crate::drawing::{Content, Drawing, Grid, Labels, Over, Scale, Tiles};
use crate::{FigureError, picture};

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
    let labels = |axis: usize| Labels::of(&field.axes[axis]);
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
            columns: Labels::of(&field.axes[0]),
            inner: [field.axes[1].name.clone(), field.axes[2].name.clone()],
            map,
            marked: None,
        }),
    }))
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
        at[0]
            .saturating_add(2 * size[0])
            .min(picture.height as usize),
        at[1]
            .saturating_add(2 * size[1])
            .min(picture.width as usize),
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
        polarity: None,
        remarks: vec!["each head's weights sum to 1".into()],
        values: [range.low, range.high],
        fixed: false,
    }
}
