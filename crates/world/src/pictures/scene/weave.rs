//! A tartan cloth in folds, close enough to see its threads.

use super::{Picture, Rgb, lit, render, web};
use crate::pictures::colour::mix;
use crate::pictures::noise::fractal;
use crate::pictures::texture::hash;

/// Threads of the pattern: how many, and of which colour. It runs forth and back.
const PATTERN: [(u32, Rgb); 9] = [
    (7, web(0x1f3b63)),
    (3, web(0x14181f)),
    (7, web(0x1f3b63)),
    (5, web(0x14181f)),
    (12, web(0x2c6a4c)),
    (2, web(0xe8c24a)),
    (12, web(0x2c6a4c)),
    (5, web(0x14181f)),
    (3, web(0xb5332e)),
];

pub(super) fn draw(side: usize) -> Picture {
    render(side, |x, y| {
        let fold = |x: f32, y: f32| {
            let wave = (9.0 * x + 5.0 * y + 1.6 * fractal(1.6 * x, 1.6 * y, 3, 0.5, 2)).sin();
            0.030 * wave + 0.035 * fractal(2.2 * x + 4.0, 2.2 * y, 3, 0.45, 7)
        };
        let here = fold(x, y);
        let (dx, dy) = (fold(x + 2e-3, y) - here, fold(x, y + 2e-3) - here);
        let (slope_x, slope_y) = (dx / 2e-3, dy / 2e-3);
        // Cloth that leans away is seen shorter; it moves its pattern along.
        let (u, v) = (x + 0.9 * here + 0.05 * y, y + 0.7 * here - 0.05 * x);
        let threads = 74.0;
        let (warp, weft) = (threads * u, threads * v);
        let (i, j) = (warp.floor() as i32, weft.floor() as i32);
        // Twill: over two, under two, a step further in each row.
        let warp_on_top = (i + j).rem_euclid(4) < 2;
        let (number, across, along) = if warp_on_top {
            (i, warp.rem_euclid(1.0), weft)
        } else {
            (j, weft.rem_euclid(1.0), warp)
        };
        let round = 1.0 - (2.0 * across - 1.0).powi(2);
        let twist = 0.06 * (8.0 * (along + 2.0 * across)).sin();
        let wear = 0.16 * (hash(number as u32, 3 + u32::from(warp_on_top)) - 0.5);
        let fuzz = 0.15 * fractal(190.0 * x, 190.0 * y, 3, 0.7, 9);
        let colour = thread(number);
        let light = 0.92 - 1.15 * slope_x - 0.75 * slope_y;
        let glow = lit(colour, (light + wear) * (0.62 + 0.5 * round + twist + fuzz));
        mix(glow, web(0xcfd3d8), 0.05 + 0.10 * (light - 1.0).max(0.0))
    })
}

fn thread(number: i32) -> Rgb {
    let total: u32 = PATTERN.iter().map(|(count, _)| count).sum();
    let at = number.rem_euclid(2 * total as i32) as u32;
    let mut left = at.min(2 * total - 1 - at);
    for (count, colour) in PATTERN {
        if left < count {
            return colour;
        }
        left -= count;
    }
    PATTERN[0].1
}
