//! An outcome as pictures, drawn without a GPU.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbaImage};
use whyfinder_experiment::{Field, Outcome, Part, Site, TraceKind, write_whole};
use whyfinder_paint::{ColourMap, Image, MapArray, MapStyle, PixelRect, Theme, View, cpu};

use super::command_error::CommandError;

/// Pixels of a trace's cell, and of a tile of an atlas.
const CELL: [u32; 2] = [28, 18];
const TILE: u32 = 128;
const GAP: u32 = 4;

/// Draws what an outcome holds into `FOLDER/NAME-WHAT.png`, each file whole or not at all, and says where.
///
/// # Errors
/// If a picture cannot be drawn or written.
pub(crate) fn draw(
    outcome: &Outcome,
    folder: &Path,
    name: &str,
) -> Result<Vec<PathBuf>, CommandError> {
    let mut written = Vec::new();
    for (what, picture) in pictures(outcome)? {
        let path = folder.join(format!("{name}-{what}.png"));
        write_whole(&path, "write the picture", &png(&picture)?).map_err(CommandError::failed)?;
        written.push(path);
    }
    Ok(written)
}

fn pictures(outcome: &Outcome) -> Result<Vec<(String, Image)>, CommandError> {
    let mut pictures = Vec::new();
    for kind in TraceKind::ALL {
        if let Some(field) = outcome.field(kind.name()) {
            pictures.push((kind.name().to_string(), trace(field, kind)?));
        }
    }
    let patterns: Vec<&Field> = outcome
        .fields
        .iter()
        .filter(|field| {
            let site = field.name.parse::<Site>();
            site.is_ok_and(|site| site.part == Part::Pattern)
        })
        .collect();
    if !patterns.is_empty() {
        pictures.push(("attention".to_string(), atlas(&patterns)?));
    }
    Ok(pictures)
}

fn trace(field: &Field, kind: TraceKind) -> Result<Image, CommandError> {
    let map = match kind {
        TraceKind::Residual => ColourMap::Purples,
        TraceKind::Mlp => ColourMap::Greens,
        TraceKind::Attention => ColourMap::Reds,
    };
    let low = field.reference.get("corrupted").copied();
    let array = MapArray::from_field(field, low).map_err(CommandError::failed)?;
    let top = field.values.iter().copied().fold(f32::MIN, f32::max);
    let high = field.reference.get("clean").copied().unwrap_or(top);
    let style = MapStyle::sequential(map, Theme::Light, low.unwrap_or(0.0), high);
    let size = [
        CELL[0] * array.shape().width as u32,
        CELL[1] * array.shape().height as u32,
    ];
    Ok(paint(&array, size, 0, &style))
}

fn atlas(fields: &[&Field]) -> Result<Image, CommandError> {
    let array = MapArray::atlas(fields).map_err(CommandError::failed)?;
    let style = MapStyle::sequential(ColourMap::Viridis, Theme::Light, 0.0, 1.0);
    let shape = array.shape();
    let size = [shape.columns, shape.rows].map(|n| n as u32 * (TILE + GAP) - GAP);
    Ok(paint(&array, size, GAP, &style))
}

fn paint(array: &MapArray, size: [u32; 2], gap: u32, style: &MapStyle) -> Image {
    let target = PixelRect {
        x: 0,
        y: 0,
        width: size[0],
        height: size[1],
    };
    let view = View::fit(array.shape(), target, f64::from(gap), false, 1.0);
    cpu::draw(array, &view, style).over(style.theme.background())
}

fn png(picture: &Image) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Cursor::new(Vec::new());
    RgbaImage::from_raw(picture.width, picture.height, picture.bytes().to_vec())
        .ok_or_else(|| CommandError::failed("The picture has no pixels."))?
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|e| CommandError::failed(format!("The picture could not be made: {e}.")))?;
    Ok(bytes.into_inner())
}
