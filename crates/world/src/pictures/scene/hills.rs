//! Hills behind hills in the morning, and a ploughed field before them.

use super::{Picture, Rgb, lit, render, step, web};
use crate::pictures::colour::mix;
use crate::pictures::noise::{along, fractal, ridge};
use crate::pictures::texture::hash;

const RANGES: usize = 5;
/// Where the field begins.
const FIELD: f32 = 0.70;

pub(super) fn draw(side: usize) -> Picture {
    let ridges: Vec<Vec<f32>> = (0..RANGES as u32).map(|i| ridge(9, 0.52, 40 + i)).collect();
    render(side, |x, y| {
        let mut colour = sky(x, y);
        for (i, ridge) in ridges.iter().enumerate() {
            let near = (i + 1) as f32 / RANGES as f32;
            let top = 0.34 + 0.30 * near - (0.20 - 0.11 * near) * along(ridge, x);
            let trees = 0.012 * near * (hash((x * (230.0 - 90.0 * near)) as u32, i as u32) - 0.2);
            if y > top - trees {
                colour = slope(x, y, i, near, y - top);
            }
        }
        if y > FIELD + 0.012 * (5.0 * x).sin() {
            colour = field(x, y);
        }
        colour
    })
}

fn sky(x: f32, y: f32) -> Rgb {
    let base = mix(web(0x5b86b5), web(0xf7d9b0), step(0.0, 0.5, y));
    let sun = (x - 0.72).hypot(y - 0.27);
    let glow = mix(base, web(0xfff1cf), 0.9 * (-sun * sun / 0.02).exp());
    let glow = if sun < 0.035 { web(0xfffbee) } else { glow };
    let cloud = fractal(3.0 * x, 14.0 * y, 6, 0.55, 3);
    mix(
        glow,
        web(0xfbe9da),
        0.7 * step(0.05, 0.5, cloud) * step(0.5, 0.1, y),
    )
}

fn slope(x: f32, y: f32, range: usize, near: f32, below: f32) -> Rgb {
    let haze = mix(web(0xaebfd0), web(0xe9cfb3), x);
    let grain = fractal(
        40.0 * x / (1.2 - near),
        60.0 * y / (1.2 - near),
        5,
        0.6,
        range as u32,
    );
    let patch = fractal(5.0 * x, 16.0 * y + 2.0 * x, 4, 0.6, 90 + range as u32);
    let wood = mix(web(0x2f5140), web(0x6c7f45), step(-0.15, 0.35, patch));
    let wood = lit(wood, 1.0 + 0.45 * grain);
    let mist = step(0.0, 0.16, below) * (1.0 - near) * 0.5;
    mix(mix(haze, wood, 0.15 + 0.8 * near * near), haze, mist)
}

fn field(x: f32, y: f32) -> Rgb {
    let depth = 1.0 / (y - FIELD + 0.035);
    let across = (x - 0.35) * depth;
    let clods = fractal(5.0 * across, 2.2 * depth, 5, 0.65, 6);
    let row = (2.6 * across + 0.08 * clods).rem_euclid(1.0);
    // Furrows fade where they are finer than a sample.
    let contrast = step(26.0, 9.0, depth);
    let height = 0.5 + contrast * ((std::f32::consts::TAU * row).sin() * 0.5);
    let soil = mix(web(0x4a3323), web(0xa8794e), height);
    let green = mix(
        soil,
        web(0x79934a),
        0.75 * step(0.62, 0.95, height) * contrast,
    );
    let light = 1.0 + 0.35 * clods * contrast;
    mix(
        lit(green, light),
        web(0xd9b98c),
        step(0.10, 0.0, y - FIELD) * 0.5,
    )
}
