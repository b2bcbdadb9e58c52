//! The pictures that come with the program.

use std::path::Path;

use super::Picture;
use super::canvas::write_png;
use super::leaves;
use super::scene::SCENES;
use crate::error::{Result, WorldError};

/// Pixels on each side.
pub const SIDE: usize = 256;
/// Seed of the dead leaves that no network sees in training.
pub const HELD_OUT: u64 = 0x6865_6c64;
/// How many of them there are.
pub const LEAVES: u64 = 8;

/// The names of all bundled pictures.
pub fn names() -> Vec<String> {
    let scenes = SCENES.iter().map(|scene| scene.name.to_string());
    let leaves = (0..LEAVES).map(|index| format!("leaves-{}", index + 1));
    scenes.chain(leaves).collect()
}

/// Every bundled picture with its name, drawn anew, in the order of [`names`].
pub fn draw_all() -> Vec<(String, Picture)> {
    let scenes = SCENES.iter().map(|scene| (scene.draw)(SIDE));
    let leaves = (0..LEAVES).map(|index| leaves::picture(HELD_OUT, index, SIDE, SIDE));
    names().into_iter().zip(scenes.chain(leaves)).collect()
}

/// Writes them as PNG files into `folder`.
///
/// # Errors
/// When one cannot be written.
pub fn write(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(WorldError::file("make the folder", folder))?;
    for (name, picture) in draw_all() {
        write_png(&picture, &folder.join(format!("{name}.png")))?;
    }
    Ok(())
}
