//! Figures and maps as PNG.

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use resvg::{tiny_skia, usvg};
use whyfinder_paint::Image;

use crate::fonts::Fonts;
use crate::{FigureError, png_text};

/// Longest side of a picture, pixels.
const MOST: u64 = 32_768;
/// Most pixels of a picture.
const MOST_PIXELS: u64 = 1 << 28;

/// Draws an SVG of this many points into PNG bytes that say how large they are on paper.
///
/// # Errors
/// If the picture would be empty or too large, or the text is no SVG.
pub(crate) fn png(
    svg: &str,
    points: [f32; 2],
    dpi: f32,
    fonts: &Fonts,
    origin: &str,
) -> Result<Vec<u8>, FigureError> {
    let failed = |e: &dyn std::fmt::Display| FigureError::Raster(e.to_string());
    let pixels = pixels(svg, points, dpi, fonts)?;
    let png = pixels.encode_png().map_err(|e| failed(&e))?;
    let png = png_text::with_density(png, dpi);
    Ok(png_text::with_text(png, png_text::KEYWORD, origin))
}

/// As [`png`], for showing: straight RGBA.
pub(crate) fn image(
    svg: &str,
    points: [f32; 2],
    dpi: f32,
    fonts: &Fonts,
) -> Result<Image, FigureError> {
    let pixels = pixels(svg, points, dpi, fonts)?;
    Ok(Image {
        width: pixels.width(),
        height: pixels.height(),
        pixels: pixels
            .pixels()
            .iter()
            .map(|p| {
                let c = p.demultiply();
                [c.red(), c.green(), c.blue(), c.alpha()]
            })
            .collect(),
    })
}

fn pixels(
    svg: &str,
    points: [f32; 2],
    dpi: f32,
    fonts: &Fonts,
) -> Result<tiny_skia::Pixmap, FigureError> {
    let side = |points: f32| (f64::from(points) * f64::from(dpi) / 72.0).round() as u64;
    let [width, height] = points.map(side);
    if width == 0 || height == 0 || width > MOST || height > MOST || width * height > MOST_PIXELS {
        return Err(FigureError::TooLarge { width, height });
    }
    let tree = usvg::Tree::from_str(svg, &fonts.options())
        .map_err(|e| FigureError::Raster(e.to_string()))?;
    let mut pixels = tiny_skia::Pixmap::new(width as u32, height as u32)
        .ok_or(FigureError::TooLarge { width, height })?;
    let size = tree.size();
    let transform = tiny_skia::Transform::from_scale(
        width as f32 / size.width(),
        height as f32 / size.height(),
    );
    resvg::render(&tree, transform, &mut pixels.as_mut());
    Ok(pixels)
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
