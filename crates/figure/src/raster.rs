//! Figures and maps as PNG.

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use resvg::{tiny_skia, usvg};
use whyfinder_paint::Image;

use crate::{FigureError, Svg, fonts, png_text};

/// Longest side of a picture.
const MOST: u64 = 32_768;

/// Draws a figure into PNG bytes, `scale` pixels per unit, with the experiment in a text chunk.
///
/// # Errors
/// If the figure would be empty or longer than 32 768 pixels a side, or is not valid SVG.
pub fn svg_to_png(svg: &Svg, scale: f32) -> Result<Vec<u8>, FigureError> {
    let failed = |e: &dyn std::fmt::Display| FigureError::Raster(e.to_string());
    let side = |length: f32| (f64::from(length) * f64::from(scale)).round() as u64;
    let (width, height) = (side(svg.width), side(svg.height));
    if width == 0 || height == 0 || width > MOST || height > MOST {
        return Err(FigureError::TooLarge { width, height });
    }
    let tree = usvg::Tree::from_str(&svg.text, &fonts::options()).map_err(|e| failed(&e))?;
    let mut pixels = tiny_skia::Pixmap::new(width as u32, height as u32)
        .ok_or(FigureError::TooLarge { width, height })?;
    let transform = tiny_skia::Transform::from_scale(scale, scale);
    resvg::render(&tree, transform, &mut pixels.as_mut());
    let png = pixels.encode_png().map_err(|e| failed(&e))?;
    Ok(png_text::with_text(png, "experiment", &svg.experiment))
}

pub(crate) fn image_to_png(image: &Image) -> Result<Vec<u8>, FigureError> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(
            image.bytes(),
            image.width,
            image.height,
            ExtendedColorType::Rgba8,
        )
        .map_err(|e| FigureError::Raster(e.to_string()))?;
    Ok(bytes)
}
