//! Pictures while they are drawn, and what is done with finished ones.

use std::path::Path;

use whyfinder_experiment::picture::Picture;

use crate::error::{Result, WorldError};

/// A picture while it is drawn: sRGB-encoded colours, nominally 0 to 1, as `[height][width][3]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Canvas {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
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

/// A picture's colours of 0 to 1, in the same order.
pub fn colours(picture: &Picture) -> Vec<f32> {
    picture.rgb.iter().map(|v| f32::from(*v) / 255.0).collect()
}

/// One of the eight quarter turns and reflections of a picture, `turn` in 0..8.
pub fn turned(picture: &Picture, turn: usize) -> Picture {
    let transposed = turn & 4 != 0;
    let (width, height) = if transposed {
        (picture.height, picture.width)
    } else {
        (picture.width, picture.height)
    };
    let mut rgb = Vec::with_capacity(picture.rgb.len());
    for y in 0..height {
        for x in 0..width {
            let x = if turn & 1 != 0 { width - 1 - x } else { x };
            let y = if turn & 2 != 0 { height - 1 - y } else { y };
            let (x, y) = if transposed { (y, x) } else { (x, y) };
            let start = 3 * (y * picture.width + x);
            rgb.extend_from_slice(&picture.rgb[start..start + 3]);
        }
    }
    Picture { width, height, rgb }
}

/// Writes a PNG file.
///
/// # Errors
/// When it cannot be written.
pub fn write_png(picture: &Picture, path: &Path) -> Result<()> {
    let file = std::fs::File::create(path).map_err(WorldError::file("write the picture", path))?;
    let encoder = image::codecs::png::PngEncoder::new_with_quality(
        std::io::BufWriter::new(file),
        image::codecs::png::CompressionType::Best,
        image::codecs::png::FilterType::Adaptive,
    );
    image::ImageEncoder::write_image(
        encoder,
        &picture.rgb,
        picture.width as u32,
        picture.height as u32,
        image::ExtendedColorType::Rgb8,
    )
    .map_err(|e| WorldError::Unreadable {
        what: format!("Could not write the picture ({e})"),
        path: path.to_path_buf(),
    })
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
        let turns: Vec<Picture> = (0..8).map(|turn| turned(&picture, turn)).collect();
        for (i, turn) in turns.iter().enumerate() {
            assert!(turns[..i].iter().all(|other| other != turn));
        }
        assert_eq!(turns[0], picture);
        assert_eq!(turned(&turns[3], 3), picture);
        assert_eq!(turned(&turns[4], 4), picture);
    }
}
