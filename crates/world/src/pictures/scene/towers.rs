//! A street corner of tall buildings, seen from the pavement: bands and windows that repeat into the distance.

use super::{Picture, Rgb, lit, render, step, web};
use crate::pictures::colour::mix;
use crate::pictures::noise::fractal;
use crate::pictures::texture::hash;

#[derive(Clone, Copy)]
enum Wall {
    /// White slabs over dark glass.
    Bands,
    /// Windows in stone.
    Stone,
    /// Nothing but glass.
    Glass,
}

struct Building {
    /// Place on the ground, to the right and ahead.
    centre: [f32; 2],
    half: [f32; 2],
    height: f32,
    /// Radians.
    turn: f32,
    wall: Wall,
    colour: Rgb,
    seed: u32,
}

const BUILDINGS: [Building; 5] = [
    Building {
        centre: [4.6, 24.0],
        half: [7.0, 7.0],
        height: 31.0,
        turn: 0.62,
        wall: Wall::Bands,
        colour: web(0xf1ead9),
        seed: 1,
    },
    Building {
        centre: [-13.5, 27.0],
        half: [6.0, 8.0],
        height: 21.5,
        turn: -0.12,
        wall: Wall::Stone,
        colour: web(0xb8694a),
        seed: 2,
    },
    Building {
        centre: [-6.0, 52.0],
        half: [6.0, 6.0],
        height: 47.0,
        turn: 0.35,
        wall: Wall::Glass,
        colour: web(0x5d8aa3),
        seed: 3,
    },
    Building {
        centre: [27.0, 45.0],
        half: [8.0, 8.0],
        height: 33.0,
        turn: 0.1,
        wall: Wall::Stone,
        colour: web(0xc9ae82),
        seed: 4,
    },
    Building {
        centre: [-24.0, 60.0],
        half: [9.0, 7.0],
        height: 30.0,
        turn: 0.2,
        wall: Wall::Bands,
        colour: web(0xd9d2c8),
        seed: 5,
    },
];

pub(super) fn draw(side: usize) -> Picture {
    let (sin, cos) = 0.40f32.sin_cos();
    render(side, |x, y| {
        let (right, up) = (1.16 * (x - 0.5), 1.16 * (0.5 - y));
        // The eye looks up.
        let ray = [right, up * cos + sin, cos - up * sin];
        let mut nearest = f32::MAX;
        let mut colour = sky(ray);
        for building in &BUILDINGS {
            if let Some((distance, found)) = building.hit(ray)
                && distance < nearest
            {
                nearest = distance;
                let haze = 1.0 - (-distance / 190.0).exp();
                colour = mix(found, web(0xc9d8e2), haze);
            }
        }
        let ground = -1.7 / ray[1].min(-1e-3);
        if ray[1] < 0.0 && ground < nearest {
            colour = lit(web(0x6c6a68), 0.9);
        }
        colour
    })
}

fn sky(ray: [f32; 3]) -> Rgb {
    let up = ray[1] / ray[0].hypot(ray[1]).hypot(ray[2]);
    let blue = mix(web(0xd3e2ea), web(0x3f7fb8), step(0.0, 0.85, up));
    let (u, v) = (ray[0] / (ray[1] + 0.35), ray[2] / (ray[1] + 0.35));
    let cloud = fractal(1.3 * u + 3.0, 0.9 * v, 6, 0.55, 11);
    mix(blue, web(0xf6f3ee), 0.85 * step(0.02, 0.42, cloud))
}

impl Building {
    /// Distance and colour where a ray from the eye meets a wall.
    fn hit(&self, ray: [f32; 3]) -> Option<(f32, Rgb)> {
        let (sin, cos) = self.turn.sin_cos();
        let to_frame = |x: f32, z: f32| [cos * x - sin * z, sin * x + cos * z];
        let from = to_frame(-self.centre[0], -self.centre[1]);
        let along = to_frame(ray[0], ray[2]);
        let mut best: Option<(f32, usize)> = None;
        for axis in 0..2 {
            // The two walls that face the eye.
            let wall = self.half[axis] * from[axis].signum();
            let t = (wall - from[axis]) / along[axis];
            let other = from[1 - axis] + t * along[1 - axis];
            let height = 1.7 + t * ray[1];
            if t > 0.0
                && other.abs() <= self.half[1 - axis]
                && (0.0..=self.height).contains(&height)
                && best.is_none_or(|(b, _)| t < b)
            {
                best = Some((t, axis));
            }
        }
        let (t, axis) = best?;
        let across = from[1 - axis] + t * along[1 - axis] + self.half[1 - axis];
        let height = 1.7 + t * ray[1];
        let light = if (axis == 0) == (from[0] > 0.0) {
            1.0
        } else {
            0.62
        };
        Some((t, self.surface(axis as u32, across, height, light, ray)))
    }

    fn surface(&self, wall: u32, across: f32, height: f32, light: f32, ray: [f32; 3]) -> Rgb {
        let seed = 8 * self.seed + wall;
        let cell = |size: [f32; 2]| {
            let (i, j) = ((across / size[0]).floor(), (height / size[1]).floor());
            let place = [across / size[0] - i, height / size[1] - j];
            (place, hash((i as i32 * 977 + j as i32) as u32, seed))
        };
        let top = self.height - height;
        let dirt = 1.0 + 0.07 * fractal(0.7 * across, 0.35 * height, 5, 0.6, seed);
        let reflected = |strength: f32, random: f32| {
            let up = 0.3 + 0.7 * (height / self.height);
            let cloud = fractal(0.16 * across + 9.0 * ray[0], 0.12 * height, 4, 0.55, 21);
            let glass = mix(web(0x1d2b38), web(0x7fa6c4), strength * up);
            lit(
                mix(glass, web(0xe8eef2), 0.5 * step(0.0, 0.5, cloud)),
                0.75 + 0.5 * random,
            )
        };
        match self.wall {
            Wall::Bands => {
                let (place, random) = cell([1.0, 1.15]);
                if place[1] < 0.46 || top < 0.8 {
                    // A slab throws its shadow on what is under it.
                    let edge = if place[1] > 0.40 { 0.82 } else { 1.0 };
                    return lit(self.colour, light * dirt * edge);
                }
                if place[0] < 0.09 {
                    return lit(web(0x59564f), light);
                }
                let shade = if place[1] > 0.9 { 0.55 } else { 1.0 };
                lit(reflected(0.5, random), light * shade)
            }
            Wall::Stone => {
                let (place, random) = cell([1.5, 1.6]);
                let window = (0.24..0.76).contains(&place[0]) && (0.2..0.78).contains(&place[1]);
                if !window || top < 1.2 {
                    let sill = (0.14..0.2).contains(&place[1]) && (0.18..0.82).contains(&place[0]);
                    let cornice = top < 1.2 && (top * 2.5).fract() < 0.4;
                    let extra = if sill {
                        1.25
                    } else if cornice {
                        0.75
                    } else {
                        1.0
                    };
                    return lit(self.colour, light * dirt * extra);
                }
                if (place[0] - 0.5).abs() < 0.025 || (place[1] - 0.55).abs() < 0.02 {
                    return lit(web(0xe4dccb), light);
                }
                if random > 0.86 {
                    return lit(web(0xf3cf8a), 0.95);
                }
                lit(reflected(0.35, random), light)
            }
            Wall::Glass => {
                let (place, random) = cell([0.9, 1.3]);
                if place[0] < 0.08 || place[1] < 0.1 {
                    return lit(self.colour, 0.75 * light);
                }
                let glass = mix(self.colour, reflected(0.9, 0.5), 0.65);
                lit(glass, light * (0.85 + 0.25 * random))
            }
        }
    }
}
