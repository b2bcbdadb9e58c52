//! Pictures while they are drawn, and when they are done.

use std::path::Path;

use crate::error::{Result, WorldError};

/// A picture while it is drawn: sRGB-encoded colours, nominally 0 to 1, as `[height][width][3]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Canvas {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

/// A finished picture: 8-bit RGB as `[height][width][3]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<u8>,
}

impl Canvas {
    /// A black canvas.
    pub fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            values: vec![0.0; width * height * 3],
        }
    }

    /// The canvas rounded to 8 bits.
    pub fn picture(&self) -> Picture {
        Picture {
            width: self.width,
            height: self.height,
            rgb: self.values.iter().map(|v| byte(*v)).collect(),
        }
    }
}

/// A colour of 0 to 1 as one of 256.
pub fn byte(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0).round() as u8
}

impl Picture {
    /// Colours of 0 to 1, in the same order.
    pub fn colours(&self) -> Vec<f32> {
        self.rgb.iter().map(|v| f32::from(*v) / 255.0).collect()
    }

    /// The part of `width` x `height` pixels whose upper left corner is at column `x` and row `y`; it must lie within.
    pub fn part(&self, x: usize, y: usize, width: usize, height: usize) -> Self {
        let rgb = (y..y + height)
            .flat_map(|row| {
                let start = 3 * (row * self.width + x);
                &self.rgb[start..start + 3 * width]
            })
            .copied()
            .collect();
        Self { width, height, rgb }
    }

    /// The picture as one of its eight quarter turns and reflections, `turn` in 0..8.
    pub fn turned(&self, turn: usize) -> Self {
        let transposed = turn & 4 != 0;
        let (width, height) = if transposed {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        };
        let mut rgb = Vec::with_capacity(self.rgb.len());
        for y in 0..height {
            for x in 0..width {
                let x = if turn & 1 != 0 { width - 1 - x } else { x };
                let y = if turn & 2 != 0 { height - 1 - y } else { y };
                let (x, y) = if transposed { (y, x) } else { (x, y) };
                let start = 3 * (y * self.width + x);
                rgb.extend_from_slice(&self.rgb[start..start + 3]);
            }
        }
        Self { width, height, rgb }
    }

    /// Writes a PNG file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_png(&self, path: &Path) -> Result<()> {
        let unwritten = |e: image::ImageError| WorldError::Unreadable {
            what: format!("Could not write the picture ({e})"),
            path: path.to_path_buf(),
        };
        let file =
            std::fs::File::create(path).map_err(WorldError::file("write the picture", path))?;
        let encoder = image::codecs::png::PngEncoder::new_with_quality(
            std::io::BufWriter::new(file),
            image::codecs::png::CompressionType::Best,
            image::codecs::png::FilterType::Adaptive,
        );
        image::ImageEncoder::write_image(
            encoder,
            &self.rgb,
            self.width as u32,
            self.height as u32,
            image::ExtendedColorType::Rgb8,
        )
        .map_err(unwritten)
    }

    /// Reads a picture from the bytes of a PNG file.
    ///
    /// # Errors
    /// When they are none.
    pub fn from_png(bytes: &[u8]) -> Result<Self> {
        let read = image::load_from_memory_with_format(bytes, image::ImageFormat::Png)
            .map_err(|e| WorldError::Word(format!("The bundled picture cannot be read ({e}).")))?
            .to_rgb8();
        Ok(Self {
            width: read.width() as usize,
            height: read.height() as usize,
            rgb: read.into_raw(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eight_turns_differ_and_a_half_turn_twice_is_none() {
        let picture = Picture {
            width: 3,
            height: 2,
            rgb: (0..18).collect(),
        };
        let turns: Vec<Picture> = (0..8).map(|turn| picture.turned(turn)).collect();
        for (i, turn) in turns.iter().enumerate() {
            assert!(turns[..i].iter().all(|other| other != turn));
        }
        assert_eq!(turns[0], picture);
        assert_eq!(turns[3].turned(3), picture);
        assert_eq!(turns[4].turned(4), picture);
    }

    #[test]
    fn a_part_is_cut_where_it_was_asked_for() {
        let picture = Picture {
            width: 4,
            height: 3,
            rgb: (0..36).collect(),
        };
        let part = picture.part(1, 2, 2, 1);
        assert_eq!(part.rgb, [27, 28, 29, 30, 31, 32]);
    }
}
