//! From the bytes of a file to a picture.

use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageError, ImageFormat, Limits};

use super::{LONGEST_SIDE, Picture, jpeg_walk};

/// Most that a decoder may take: the largest picture in 16-bit RGBA, twice.
const MOST_MEMORY: u64 = 1 << 30;

type Refusal = String;

/// The picture, and sentences about what was changed; the refusal is a sentence without its full stop.
pub(super) fn decode(bytes: &[u8], name: &str) -> Result<(Picture, Vec<String>), Refusal> {
    let format = format_of(bytes, name)?;
    let mut notices = Vec::new();
    let failed = |error: ImageError| unreadable(name, format, &error);
    let reader = Cursor::new(bytes);
    let image = match format {
        ImageFormat::Png => {
            let decoder = PngDecoder::with_limits(reader, limits()).map_err(failed)?;
            if decoder.is_apng().map_err(failed)? {
                notices.push(animated(name));
            }
            pixels(decoder, name, format, &mut notices)?
        }
        ImageFormat::Jpeg => {
            let decoder = JpegDecoder::new(reader).map_err(failed)?;
            let jpeg = jpeg_walk::walk(bytes);
            if !jpeg.complete {
                return Err(cut_off(name, format));
            }
            if jpeg.components == 4 {
                notices.push(format!(
                    "{name} is in CMYK; its inks were turned into RGB by multiplication, without a colour profile."
                ));
            }
            pixels(decoder, name, format, &mut notices)?
        }
        ImageFormat::WebP => {
            let decoder = WebPDecoder::new(reader).map_err(failed)?;
            if decoder.has_animation() {
                notices.push(animated(name));
            }
            pixels(decoder, name, format, &mut notices)?
        }
        ImageFormat::Gif => {
            let mut decoder = GifDecoder::new(Cursor::new(bytes)).map_err(failed)?;
            fits(name, decoder.dimensions())?;
            decoder.set_limits(limits()).map_err(failed)?;
            if decoder.into_frames().nth(1).is_some() {
                notices.push(animated(name));
            }
            let decoder = GifDecoder::new(reader).map_err(failed)?;
            pixels(decoder, name, format, &mut notices)?
        }
        _ => {
            let decoder = BmpDecoder::new(reader).map_err(failed)?;
            pixels(decoder, name, format, &mut notices)?
        }
    };
    Ok((eight_bits(image, name, &mut notices), notices))
}

fn format_of(bytes: &[u8], name: &str) -> Result<ImageFormat, Refusal> {
    const CAN: &str = "pictures can be PNG, JPEG, WebP, BMP or GIF";
    if bytes.is_empty() {
        return Err(format!("{name} is empty; {CAN}"));
    }
    match image::guess_format(bytes) {
        Ok(
            format @ (ImageFormat::Png
            | ImageFormat::Jpeg
            | ImageFormat::WebP
            | ImageFormat::Bmp
            | ImageFormat::Gif),
        ) => Ok(format),
        Ok(other) => Err(format!(
            "{name} is a {} picture; {CAN}",
            format!("{other:?}").to_uppercase()
        )),
        Err(_) => Err(format!("{name} is no picture that is known; {CAN}")),
    }
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MOST_MEMORY);
    limits
}

/// Decodes after a look at the size, and turns the picture upright.
fn pixels(
    mut decoder: impl ImageDecoder,
    name: &str,
    format: ImageFormat,
    notices: &mut Vec<String>,
) -> Result<DynamicImage, Refusal> {
    fits(name, decoder.dimensions())?;
    let failed = |error: ImageError| unreadable(name, format, &error);
    decoder.set_limits(limits()).map_err(failed)?;
    // A damaged orientation is no reason to refuse the picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    if orientation != Orientation::NoTransforms {
        image.apply_orientation(orientation);
        notices.push(format!(
            "{name} was turned upright, as its EXIF orientation asks."
        ));
    }
    Ok(image)
}

fn fits(name: &str, (width, height): (u32, u32)) -> Result<(), Refusal> {
    if width == 0 || height == 0 {
        return Err(format!(
            "{name} is damaged: it has {width} x {height} pixels"
        ));
    }
    if width > LONGEST_SIDE || height > LONGEST_SIDE {
        return Err(format!(
            "{name} has {width} x {height} pixels; pictures of up to {LONGEST_SIDE} x {LONGEST_SIDE} can be read, so cut out the part of interest or make it smaller"
        ));
    }
    Ok(())
}

fn animated(name: &str) -> String {
    format!("{name} is animated; only its first picture is used.")
}

fn cut_off(name: &str, format: ImageFormat) -> Refusal {
    format!("{name} is a {format:?} picture that is cut off; get it again")
}

fn unreadable(name: &str, format: ImageFormat, error: &ImageError) -> Refusal {
    match error {
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            cut_off(name, format)
        }
        ImageError::Limits(_) => format!(
            "{name} would take more than {} MiB of memory to read; make it smaller",
            MOST_MEMORY >> 20
        ),
        ImageError::Unsupported(why) => {
            format!("{name} is a kind of {format:?} picture that cannot be read: {why}")
        }
        error => format!("{name} is a {format:?} picture that is damaged or cut off: {error}"),
    }
}

/// Three channels of 8 bits: grey is repeated, 16 bits keep their upper 8, transparency is dropped.
fn eight_bits(image: DynamicImage, name: &str, notices: &mut Vec<String>) -> Picture {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let upper = |value: u16| (value >> 8) as u8;
    let repeated = |values: Vec<u8>| values.into_iter().flat_map(|value| [value; 3]).collect();
    let mut transparent = false;
    let mut deep = true;
    let rgb: Vec<u8> = match image {
        DynamicImage::ImageLuma16(grey) => repeated(grey.iter().copied().map(upper).collect()),
        DynamicImage::ImageLumaA16(grey) => {
            transparent = grey.pixels().any(|pixel| pixel.0[1] < u16::MAX);
            repeated(grey.pixels().map(|pixel| upper(pixel.0[0])).collect())
        }
        DynamicImage::ImageRgb16(colour) => colour.iter().copied().map(upper).collect(),
        DynamicImage::ImageRgba16(colour) => {
            transparent = colour.pixels().any(|pixel| pixel.0[3] < u16::MAX);
            colour
                .pixels()
                .flat_map(|pixel| [pixel.0[0], pixel.0[1], pixel.0[2]].map(upper))
                .collect()
        }
        image => {
            deep = false;
            match image {
                DynamicImage::ImageLuma8(grey) => repeated(grey.into_raw()),
                DynamicImage::ImageRgb8(colour) => colour.into_raw(),
                image => {
                    let colour = image.into_rgba8();
                    transparent = colour.pixels().any(|pixel| pixel.0[3] < u8::MAX);
                    colour
                        .pixels()
                        .flat_map(|pixel| [pixel.0[0], pixel.0[1], pixel.0[2]])
                        .collect()
                }
            }
        }
    };
    if deep {
        notices.push(format!(
            "{name} has 16 bits for each channel; the upper 8 are used."
        ));
    }
    if transparent {
        notices.push(format!(
            "{name} has transparent pixels; their colours are used as they are stored, and the transparency is dropped."
        ));
    }
    Picture { width, height, rgb }
}
