//! Things one could have photographed, each a function from a place to a colour.
//!
//! They share no code for shapes or surfaces with the dead leaves: what a network does to them, it does to something it
//! was not trained on.

mod bricks;
mod hills;
mod letters;
mod market;
mod spheres;
mod towers;
mod tree;
mod weave;

use super::Picture;
use super::canvas::byte;
use super::colour::{Rgb, decode, encode};

/// A scene.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// After `picture:`.
    pub name: &'static str,
    /// Draws it with a number of pixels on each side.
    pub draw: fn(usize) -> Picture,
}

const fn scene(name: &'static str, draw: fn(usize) -> Picture) -> Scene {
    Scene { name, draw }
}

/// All scenes.
pub const SCENES: &[Scene] = &[
    scene("towers", towers::draw),
    scene("hills", hills::draw),
    scene("spheres", spheres::draw),
    scene("bricks", bricks::draw),
    scene("weave", weave::draw),
    scene("tree", tree::draw),
    scene("letters", letters::draw),
    scene("market", market::draw),
];

/// Samples per pixel along each side.
const FINE: usize = 4;

/// A picture of `side` pixels on each side from colours at places: 0 to 1 from left to right, and from top to bottom.
/// Sixteen samples a pixel, mixed as light.
fn render(side: usize, colour: impl Fn(f32, f32) -> Rgb) -> Picture {
    let step = 1.0 / (side * FINE) as f32;
    let mut rgb = Vec::with_capacity(3 * side * side);
    for row in 0..side {
        for column in 0..side {
            let mut light = [0f32; 3];
            for sample in 0..FINE * FINE {
                let x = (column * FINE + sample % FINE) as f32 + 0.5;
                let y = (row * FINE + sample / FINE) as f32 + 0.5;
                let found = colour(x * step, y * step);
                (0..3).for_each(|c| light[c] += decode(found[c].clamp(0.0, 1.0)));
            }
            let share = 1.0 / (FINE * FINE) as f32;
            rgb.extend(light.map(|l| byte(encode(l * share))));
        }
    }
    Picture {
        width: side,
        height: side,
        rgb,
    }
}

/// A colour of 0 to 255 as designers write it.
const fn web(hex: u32) -> Rgb {
    [
        (hex >> 16 & 0xff) as f32 / 255.0,
        (hex >> 8 & 0xff) as f32 / 255.0,
        (hex & 0xff) as f32 / 255.0,
    ]
}

/// The colour in a brighter or a weaker light.
fn lit(colour: Rgb, light: f32) -> Rgb {
    colour.map(|c| c * light)
}

/// 0 below `low`, 1 above `high`, smooth between.
fn step(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// The distance of a place from a line between two others.
fn from_line(p: [f32; 2], a: [f32; 2], b: [f32; 2]) -> f32 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let (px, py) = (p[0] - a[0], p[1] - a[1]);
    let t = ((px * dx + py * dy) / (dx * dx + dy * dy).max(1e-12)).clamp(0.0, 1.0);
    (px - t * dx).hypot(py - t * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_are_rich_and_keep_to_their_range() {
        for Scene { name, draw } in SCENES {
            let picture = draw(48);
            assert_eq!(picture.rgb.len(), 48 * 48 * 3, "{name}");
            let mut seen = [false; 256];
            picture.rgb.iter().for_each(|v| seen[*v as usize] = true);
            let levels = seen.iter().filter(|s| **s).count();
            assert!(levels > 100, "{name} has {levels} levels");
        }
    }
}
