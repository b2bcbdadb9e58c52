//! The pictures that come with the program.

use std::path::Path;

use super::canvas::Picture;
use super::leaves;
use super::scene::SCENES;
use crate::error::{Result, WorldError};

/// Pixels on each side.
pub const SIDE: usize = 256;
/// Seed of the dead leaves that no network sees in training.
pub const HELD_OUT: u64 = 0x6865_6c64;
/// How many of them there are.
pub const LEAVES: u64 = 8;

/// Every bundled picture with its name, drawn anew.
pub fn draw_all() -> Vec<(String, Picture)> {
    let scenes = SCENES
        .iter()
        .map(|(name, draw)| (name.to_string(), draw(SIDE)));
    let leaves = (0..LEAVES).map(|index| {
        let picture = leaves::picture(HELD_OUT, index, SIDE, SIDE);
        (format!("leaves-{}", index + 1), picture)
    });
    scenes.chain(leaves).collect()
}

/// Writes them as PNG files into `folder`.
///
/// # Errors
/// When one cannot be written.
pub fn write(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(WorldError::file("make the folder", folder))?;
    for (name, picture) in draw_all() {
        picture.write_png(&folder.join(format!("{name}.png")))?;
    }
    Ok(())
}
