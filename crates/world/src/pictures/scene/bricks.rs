//! A door in a brick wall on a summer afternoon.

use super::{Picture, Rgb, lit, render, step, web};
use crate::pictures::colour::mix;
use crate::pictures::noise::{fractal, smooth};
use crate::pictures::texture::hash;

/// The middle of the door, half its width, and where its arch begins.
const DOOR: (f32, f32, f32) = (0.60, 0.17, 0.42);

pub(super) fn draw(side: usize) -> Picture {
    render(side, |x, y| {
        // Seen a little from the left.
        let depth = 1.0 + 0.28 * (x - 0.5);
        let (u, v) = ((x - 0.5) / depth + 0.5, (y - 0.55) / depth + 0.55);
        let colour = if v > 0.93 { pavement(x, y) } else { wall(u, v) };
        // The shadow of leaves that one does not see.
        let leaf = fractal(5.0 * x + 2.0 * y, 7.0 * y - x, 5, 0.6, 31);
        let shade = step(-0.02, 0.16, leaf + 0.75 * (x - y + 0.1));
        lit(colour, 0.60 + 0.47 * shade)
    })
}

fn wall(u: f32, v: f32) -> Rgb {
    let (middle, half, spring) = DOOR;
    let from_arch = if v > spring {
        (u - middle).abs()
    } else {
        (u - middle).hypot(v - spring)
    };
    if from_arch < half {
        return door((u - middle) / half, (v - spring) / half, from_arch / half);
    }
    if from_arch < half + 0.055 {
        // The stones of the arch stand on their edges.
        let angle = (v - spring).min(0.0).atan2((u - middle).abs());
        let along = if v > spring {
            v * 13.0
        } else {
            angle * 5.0 + 40.0
        };
        let gap = (along.rem_euclid(1.0)).min(1.0 - along.rem_euclid(1.0));
        let tone = hash(
            (along.floor() + 200.0 * (u > middle) as u8 as f32) as u32,
            5,
        );
        let grain = fractal(60.0 * u, 60.0 * v, 4, 0.6, 9);
        let stone = lit(web(0xd8c7a4), 0.88 + 0.2 * tone + 0.12 * grain);
        return mix(web(0x8d7f6c), stone, step(0.02, 0.07, gap));
    }
    brick(u, v)
}

fn brick(u: f32, v: f32) -> Rgb {
    let (width, height) = (0.088, 0.034);
    let row = (v / height).floor();
    let shifted = u / width + 0.5 * row.rem_euclid(2.0);
    let number = (shifted.floor() as i32 * 131 + row as i32) as u32;
    let (a, b) = (
        shifted.rem_euclid(1.0) * width,
        (v / height).rem_euclid(1.0) * height,
    );
    let uneven = 0.0012 * smooth(90.0 * u, 90.0 * v, 4);
    let edge = a.min(width - a).min(b).min(height - b) + uneven;
    let grain = fractal(85.0 * u, 110.0 * v, 5, 0.65, 12);
    let tone = hash(number, 2);
    let clay = mix(web(0x8e3f2b), web(0xc9744b), tone);
    let clay = if hash(number, 3) > 0.9 {
        mix(clay, web(0x4a3230), 0.6)
    } else {
        clay
    };
    let clay = lit(clay, 1.0 + 0.3 * grain + if b < 0.004 { 0.12 } else { 0.0 });
    let mortar = lit(web(0xbfb09a), 0.9 + 0.25 * grain);
    mix(mortar, clay, step(0.0022, 0.0042, edge))
}

fn door(u: f32, v: f32, from_arch: f32) -> Rgb {
    if from_arch > 0.9 {
        return lit(web(0xefe6d2), 1.0 - 0.5 * step(0.9, 1.0, from_arch));
    }
    let grain = fractal(26.0 * u, 3.0 * v, 5, 0.6, 17);
    if v < -0.05 {
        // A fan of glass over the door.
        let angle = (-v).atan2(u) * 9.0 / std::f32::consts::PI;
        let spoke = (angle.fract() - 0.5).abs();
        let hub = u.hypot(v);
        if spoke > 0.44 || (hub - 0.45).abs() < 0.03 {
            return web(0xefe6d2);
        }
        return mix(
            web(0x24303a),
            web(0x9db6c4),
            0.5 + 0.5 * fractal(2.0 * u, 2.0 * v, 3, 0.5, 6),
        );
    }
    if v < 0.02 {
        return web(0xe8dec8);
    }
    let paint = lit(web(0x2c5f66), 1.0 + 0.18 * grain);
    if u.hypot(4.0 * (v - 1.45))
        .min((u - 0.66).hypot(v - 1.45) * 14.0)
        < 0.9
        && (u - 0.66).hypot(v - 1.45) < 0.06
    {
        return web(0xd9b45a);
    }
    if u.abs() < 0.02 {
        return web(0x163338);
    }
    // Panels with bevelled edges.
    let (a, b) = (
        (u.abs() - 0.44).abs(),
        ((v - 0.12).rem_euclid(0.92) - 0.42).abs(),
    );
    let inset = (0.30 - a).min(0.34 - b);
    if inset > 0.06 {
        lit(paint, 1.08)
    } else if inset > 0.0 {
        lit(
            paint,
            if (v - 0.12).rem_euclid(0.92) < 0.42 {
                0.62
            } else {
                1.35
            },
        )
    } else {
        paint
    }
}

fn pavement(x: f32, y: f32) -> Rgb {
    let depth = 0.04 / (y - 0.86);
    let (u, v) = ((x - 0.5) * depth * 6.0, depth * 3.0);
    let gap = u.rem_euclid(1.0).min(v.rem_euclid(1.0));
    let grain = fractal(30.0 * x, 60.0 * y, 5, 0.6, 14);
    let stone = lit(web(0xa79d8f), 1.0 + 0.22 * grain);
    mix(web(0x6c6459), stone, step(0.02, 0.06, gap))
}
