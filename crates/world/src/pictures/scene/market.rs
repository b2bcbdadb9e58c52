//! A market stall: a striped awning over crates of fruit.

use super::{Picture, Rgb, lit, render, step, web};
use crate::pictures::colour::mix;
use crate::pictures::noise::fractal;
use crate::pictures::texture::hash;

/// A crate's fruit: how wide one is, and its two colours.
const CRATES: [(f32, Rgb, Rgb); 6] = [
    (0.062, web(0xe0751c), web(0xf2a73b)),
    (0.056, web(0xa5231f), web(0xd9593b)),
    (0.050, web(0x6f9a34), web(0xb9c45a)),
    (0.040, web(0x4a2747), web(0x7c4a6e)),
    (0.058, web(0xe7c23a), web(0xf5e08a)),
    (0.046, web(0xc63a4d), web(0xf08a7d)),
];

pub(super) fn draw(side: usize) -> Picture {
    render(side, |x, y| {
        // The lower edge of the awning is cut into scallops.
        let stripes = 15.0;
        let at = x * stripes;
        let hang = 0.335 + 0.030 * (1.0 - (2.0 * at.fract() - 1.0).powi(2)).sqrt();
        if y < hang {
            return awning(x, y);
        }
        let shade = 0.62 + 0.38 * step(0.0, 0.16, y - hang);
        let colour = if y < 0.50 { back(x, y) } else { crates(x, y) };
        lit(colour, shade)
    })
}

fn awning(x: f32, y: f32) -> Rgb {
    // Above the scallops the cloth runs back to the wall, so that its stripes come closer.
    let slope = y < 0.30;
    let depth = if slope { 1.0 + 1.1 * (0.30 - y) } else { 1.0 };
    let at = 15.0 * ((x - 0.5) * depth + 0.5);
    let white = at.rem_euclid(2.0) < 1.0;
    let cloth = if white { web(0xf3ead8) } else { web(0x2f6f73) };
    let sag = 0.08 * (std::f32::consts::TAU * at / 2.0).sin();
    let weave = 0.05 * fractal(170.0 * x, 170.0 * y, 2, 0.7, 2);
    let light = if slope { 1.02 - 0.5 * y } else { 0.80 };
    let seam = if (0.297..0.303).contains(&y) {
        0.7
    } else {
        1.0
    };
    let spot = 0.12 * step(0.1, 0.5, fractal(4.0 * x, 5.0 * y, 4, 0.55, 19));
    lit(cloth, seam * (light + sag + weave - spot))
}

fn back(x: f32, y: f32) -> Rgb {
    // Bottles on a shelf, out of the light.
    let at = x * 17.0;
    let number = at.floor() as u32;
    let (u, v) = (at.fract() - 0.5, (0.485 - y) / 0.11);
    let half = if v > 0.72 {
        0.12
    } else {
        0.34 - 0.22 * step(0.55, 0.75, v)
    };
    let tall = 0.80 + 0.2 * hash(number, 3);
    if y > 0.485 {
        return lit(
            web(0x6b4a30),
            1.0 + 0.2 * fractal(6.0 * x, 90.0 * y, 3, 0.6, 5),
        );
    }
    if v < tall && u.abs() < half {
        let colours = [web(0x5c7a3a), web(0x8a4a22), web(0xb89a4c), web(0x39566b)];
        let glass = colours[(4.0 * hash(number, 7)) as usize % 4];
        let shine = step(0.08, 0.02, (u + 0.4 * half).abs());
        let label = (0.12..0.42).contains(&v);
        let found = if label { web(0xe6dcc3) } else { glass };
        return mix(lit(found, 0.9 - 1.2 * u * u), [1.0; 3], 0.5 * shine);
    }
    mix(
        web(0x3b2f2a),
        web(0x57453a),
        0.5 + 0.5 * fractal(8.0 * x, 8.0 * y, 4, 0.6, 9),
    )
}

fn crates(x: f32, y: f32) -> Rgb {
    // Two rows of three, the lower one nearer.
    let lower = y > 0.74;
    let (top, height) = if lower { (0.74, 0.26) } else { (0.50, 0.24) };
    let column = ((x * 3.0) as usize).min(2);
    let (u, v) = (x * 3.0 - column as f32, (y - top) / height);
    let (size, dark, bright) = CRATES[column + if lower { 3 } else { 0 }];
    let board = v > 0.70 || !(0.035..0.965).contains(&u);
    if board {
        let slat = ((v - 0.70) / 0.30 * 2.0).fract();
        let grain = fractal(5.0 * x, 110.0 * y, 5, 0.6, 20 + column as u32);
        let nail = (u - 0.06)
            .hypot((v - 0.77) * 0.75)
            .min((u - 0.94).hypot((v - 0.77) * 0.75));
        let wood = lit(web(0xb98a58), 0.95 + 0.3 * grain);
        if nail < 0.012 {
            return web(0x4b3a2c);
        }
        return lit(wood, if v > 0.70 && slat < 0.10 { 0.45 } else { 1.0 });
    }
    fruit(
        x,
        y,
        top,
        size,
        dark,
        bright,
        3 * usize::from(lower) + column,
    )
}

/// Rows of fruit, each lying a little over the row behind it.
fn fruit(x: f32, y: f32, top: f32, size: f32, dark: Rgb, bright: Rgb, id: usize) -> Rgb {
    let pitch = 0.66 * size;
    let mut found = lit(dark, 0.25);
    let rows = ((y - top) / pitch) as i32;
    for row in rows - 1..=rows + 2 {
        let centre_y = top + row as f32 * pitch + 0.35 * size;
        let shift = if row.rem_euclid(2) == 0 { 0.0 } else { 0.5 };
        let at = (x / size + shift).floor();
        let number = ((at as i32 * 57 + row * 331) as u32).wrapping_add(1000 * id as u32);
        let jitter = |n: u32| 0.14 * size * (hash(number, n) - 0.5);
        let centre = [(at + 0.5 - shift) * size + jitter(1), centre_y + jitter(2)];
        let radius = 0.49 * size;
        let (u, v) = ((x - centre[0]) / radius, (y - centre[1]) / radius);
        let inside = 1.0 - u * u - v * v;
        if inside < 0.0 {
            continue;
        }
        let normal = inside.sqrt();
        let light = (0.35 * normal - 0.45 * v - 0.30 * u + 0.42).clamp(0.12, 1.1);
        let skin = fractal(140.0 * x, 140.0 * y, 3, 0.7, number);
        let blush = 0.5 + 0.5 * fractal(1.4 * u + at, 1.4 * v + row as f32, 2, 0.5, 5);
        let colour = mix(dark, bright, 0.75 * blush * light + 0.1);
        let glint = step(0.30, 0.05, (u + 0.30).hypot(v + 0.38));
        let shaded = lit(colour, (0.45 + 0.75 * light) * (1.0 + 0.08 * skin));
        found = mix(shaded, [1.0, 0.98, 0.94], 0.55 * glint);
        let stalk = (u - 0.1).hypot(v + 0.1);
        if stalk < 0.10 {
            found = mix(found, web(0x4a3a1e), 0.8);
        }
    }
    found
}
