//! Small patches of pictures, for causal effect maps to put in the place of others.

use std::path::Path;

use super::Picture;
use super::canvas::write_png;
use super::leaves;
use crate::draw::Draw;
use crate::error::{Result, WorldError};

/// Side of a patch, pixels.
const PATCH: usize = 8;
/// Patches along each side of the sheet.
const ALONG: usize = 64;
/// Patches cut from one picture.
const PER_PICTURE: usize = 32;
/// Side of a picture, pixels.
const PICTURE: usize = 256;
/// Seed of pictures that are used for nothing else.
const SEED: u64 = 0x6261_6e6b;

/// Writes the patches as one PNG file.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(WorldError::file("make the folder", folder))?;
    }
    write_png(&sheet(), path)
}

/// 4,096 patches side by side, cut at random places from dead leaves that no network sees in training.
pub fn sheet() -> Picture {
    let side = PATCH * ALONG;
    let mut rgb = vec![0; side * side * 3];
    for index in 0..ALONG * ALONG / PER_PICTURE {
        let picture = leaves::picture(SEED, index as u64, PICTURE, PICTURE);
        let mut places = Draw::stream(!SEED, index as u64);
        for tile in index * PER_PICTURE..(index + 1) * PER_PICTURE {
            let (x, y) = (
                places.below(PICTURE - PATCH + 1),
                places.below(PICTURE - PATCH + 1),
            );
            let (top, left) = (tile / ALONG * PATCH, tile % ALONG * PATCH);
            for row in 0..PATCH {
                let from = 3 * ((y + row) * PICTURE + x);
                let to = 3 * ((top + row) * side + left);
                rgb[to..to + 3 * PATCH].copy_from_slice(&picture.rgb[from..from + 3 * PATCH]);
            }
        }
    }
    Picture {
        width: side,
        height: side,
        rgb,
    }
}
