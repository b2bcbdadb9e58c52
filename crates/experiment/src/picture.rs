//! Pictures that networks are given: read from a file or from the program, as 8-bit RGB.
//!
//! What is read equals what Pillow's `Image.open(path).convert("RGB")` gives, as the published procedures do, but for
//! two things: a picture is turned upright as its EXIF orientation asks, and 16-bit grey keeps its upper 8 bits.
//! Colour profiles are not applied, as there. What was changed on the way is told in notices.

pub mod bundled;
mod decode;
mod jpeg_walk;
pub mod resample;

use std::path::Path;

use crate::{ExperimentError, OutsideFile};

/// Longest side of a picture, pixels.
pub const LONGEST_SIDE: u32 = 8192;

/// Largest file, bytes; more than an uncompressed picture of the greatest size has in 16 bits.
const LARGEST_FILE: u64 = 512 << 20;

/// An 8-bit RGB picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels, at least 1.
    pub width: usize,
    /// Pixels, at least 1.
    pub height: usize,
    /// `[height, width, 3]`, row-major.
    pub rgb: Vec<u8>,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Picture({} x {})", self.width, self.height)
    }
}

impl Picture {
    /// The colour at column `x` and row `y`; none outside.
    pub fn pixel(&self, x: usize, y: usize) -> Option<[u8; 3]> {
        if x >= self.width {
            return None;
        }
        let place = y.checked_mul(self.width)?.checked_add(x)?;
        self.rgb.as_chunks().0.get(place).copied()
    }

    /// Whether every pixel is a shade of grey.
    pub fn is_grey(&self) -> bool {
        self.rgb
            .as_chunks::<3>()
            .0
            .iter()
            .all(|[red, green, blue]| red == green && green == blue)
    }

    /// The part from column `x` and row `y` on; none if it reaches outside or is empty.
    pub fn cropped(&self, x: usize, y: usize, width: usize, height: usize) -> Option<Self> {
        let (right, bottom) = (x.checked_add(width)?, y.checked_add(height)?);
        if width == 0 || height == 0 || right > self.width || bottom > self.height {
            return None;
        }
        let mut rgb = Vec::with_capacity(3 * width * height);
        for row in y..bottom {
            rgb.extend_from_slice(&self.rgb[3 * (row * self.width + x)..][..3 * width]);
        }
        Some(Self { width, height, rgb })
    }

    /// Resized as Pillow's `resize((width, height), Image.BICUBIC)` does, to the last bit, rows first. Sides are at
    /// least 1.
    pub fn resized(&self, width: usize, height: usize) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        Self {
            width,
            height,
            rgb: resample::bicubic::<3>(&self.rgb, [self.width, self.height], [width, height]),
        }
    }

    /// The input of a super-resolver whose truth this is: cut on the right and below to a multiple of `scale`, then
    /// made `scale` times smaller with [`Picture::resized`]. None if a side is shorter than `scale` or `scale` is 0.
    pub fn shrunk(&self, scale: usize) -> Option<Self> {
        let width = self.width.checked_div(scale)?;
        let height = self.height.checked_div(scale)?;
        let whole = self.cropped(0, 0, width * scale, height * scale)?;
        Some(whole.resized(width, height))
    }
}

/// A picture as it was read.
#[derive(Clone, Debug)]
pub struct ReadPicture {
    pub picture: Picture,
    /// Short, for a title: the file's name, or the bundled picture's.
    pub name: String,
    /// Sentences about what of the file is not in the picture.
    pub notices: Vec<String>,
    /// BLAKE3 of the file, hex.
    pub digest: String,
}

/// Reads `picture:NAME` (bundled) or the file at a path: PNG, JPEG, WebP, BMP or GIF, told by its content.
///
/// # Errors
/// A sentence if there is no such picture, it is damaged or cut off, of another format, or longer than
/// [`LONGEST_SIDE`] on a side.
pub fn read_picture(reference: &str) -> Result<ReadPicture, ExperimentError> {
    if let Some(name) = reference.strip_prefix("picture:") {
        let picture = bundled::find(name)?;
        let read = decode_picture(picture.bytes, reference)?;
        return Ok(ReadPicture {
            name: name.to_owned(),
            ..read
        });
    }
    let path = Path::new(reference);
    let file_error = |source| ExperimentError::File {
        what: "read the picture",
        path: path.to_path_buf(),
        source,
    };
    let file = OutsideFile::open(path).map_err(file_error)?;
    let length = file.length();
    if length > LARGEST_FILE {
        return Err(refused(
            path,
            format!(
                "{} has {} MiB; pictures of up to {} MiB can be read",
                name_of(path),
                length >> 20,
                LARGEST_FILE >> 20
            ),
        ));
    }
    let bytes = file.read_to_end(LARGEST_FILE).map_err(file_error)?;
    decode_picture(&bytes, reference)
}

/// Reads a picture from the bytes of a file; `path` is only named in messages.
///
/// # Errors
/// As [`read_picture`].
pub fn decode_picture(bytes: &[u8], path: &str) -> Result<ReadPicture, ExperimentError> {
    let path = Path::new(path);
    let name = name_of(path);
    let (picture, notices) = decode::decode(bytes, &name).map_err(|what| refused(path, what))?;
    Ok(ReadPicture {
        picture,
        name,
        notices,
        digest: blake3::hash(bytes).to_hex().to_string(),
    })
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

fn refused(path: &Path, what: String) -> ExperimentError {
    ExperimentError::invalid(format!("{what}. Path: {}", path.display()))
}

#[cfg(test)]
mod tests;
