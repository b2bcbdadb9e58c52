//! Balls on a chequered floor, by ray tracing: soft shadows, reflections, stripes that follow a surface.

use super::{Picture, Rgb, lit, render, web};
use crate::pictures::colour::mix;
use crate::pictures::noise::fractal;
use crate::pictures::texture::hash;

type Vector = [f32; 3];

enum Surface {
    Plain(Rgb),
    Striped(Rgb, Rgb, f32),
    Marble(Rgb, Rgb),
    Mirror,
}

struct Ball {
    centre: Vector,
    radius: f32,
    surface: Surface,
    gloss: f32,
}

const BALLS: [Ball; 6] = [
    ball(
        [-1.25, 1.0, 5.2],
        1.0,
        Surface::Striped(web(0xc8442f), web(0xf4ead6), 7.0),
        0.25,
    ),
    ball([0.95, 0.8, 4.2], 0.8, Surface::Mirror, 0.9),
    ball(
        [2.6, 1.2, 7.2],
        1.2,
        Surface::Marble(web(0x1f5f6b), web(0xd9e6dd)),
        0.3,
    ),
    ball(
        [-0.35, 0.42, 3.3],
        0.42,
        Surface::Plain(web(0xe3a72f)),
        0.35,
    ),
    ball([-3.4, 1.3, 9.0], 1.3, Surface::Plain(web(0x3c5a99)), 0.2),
    ball(
        [0.5, 0.7, 8.6],
        0.7,
        Surface::Striped(web(0x2f6b4f), web(0xe8d9a8), 9.0),
        0.2,
    ),
];

const fn ball(centre: Vector, radius: f32, surface: Surface, gloss: f32) -> Ball {
    Ball {
        centre,
        radius,
        surface,
        gloss,
    }
}

/// Where the middle of the lamp is.
const LAMP: Vector = [-5.0, 9.0, 0.5];

pub(super) fn draw(side: usize) -> Picture {
    render(side, |x, y| {
        let ray = unit([1.1 * (x - 0.5), 1.1 * (0.5 - y) - 0.22, 1.0]);
        let number = ((x * 4096.0) as u32).wrapping_mul(4099) ^ (y * 4096.0) as u32;
        trace([0.0, 1.75, 0.0], ray, 3, number)
    })
}

fn dot(a: Vector, b: Vector) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// `a` + `t` `b`.
fn moved(a: Vector, b: Vector, t: f32) -> Vector {
    [a[0] + t * b[0], a[1] + t * b[1], a[2] + t * b[2]]
}

fn unit(a: Vector) -> Vector {
    let length = dot(a, a).sqrt();
    a.map(|v| v / length)
}

/// The nearest ball that a ray meets, and how far away.
fn meet(from: Vector, ray: Vector) -> Option<(f32, &'static Ball)> {
    BALLS
        .iter()
        .filter_map(|ball| {
            let to = moved(from, ball.centre, -1.0);
            let b = dot(to, ray);
            let under = b * b - dot(to, to) + ball.radius * ball.radius;
            let t = -b - under.max(0.0).sqrt();
            (under > 0.0 && t > 1e-3).then_some((t, ball))
        })
        .min_by(|a, b| a.0.total_cmp(&b.0))
}

fn trace(from: Vector, ray: Vector, bounces: usize, number: u32) -> Rgb {
    let floor = if ray[1] < -1e-4 {
        -from[1] / ray[1]
    } else {
        f32::MAX
    };
    let met = meet(from, ray);
    if let Some((t, ball)) = met.filter(|(t, _)| *t < floor) {
        let place = moved(from, ray, t);
        let normal = unit(moved(place, ball.centre, -1.0));
        let colour = match &ball.surface {
            Surface::Plain(colour) => *colour,
            Surface::Striped(a, b, count) => {
                let tilted = 0.85 * normal[1] + 0.5 * normal[0];
                if (tilted * count).rem_euclid(2.0) < 1.0 {
                    *a
                } else {
                    *b
                }
            }
            Surface::Marble(a, b) => {
                let vein = fractal(
                    3.0 * normal[0] + 5.0,
                    3.0 * normal[1] + normal[2],
                    5,
                    0.6,
                    8,
                );
                mix(
                    *a,
                    *b,
                    (0.5 + 0.5 * (9.0 * normal[0] + 7.0 * vein).sin()).powi(3),
                )
            }
            Surface::Mirror => web(0xdfe5ea),
        };
        let mut found = lit(colour, light(place, normal, number));
        let facing = (1.0 + dot(normal, ray)).clamp(0.0, 1.0);
        let share = (ball.gloss * (0.15 + 0.85 * facing.powi(3))).min(1.0);
        let share = if matches!(ball.surface, Surface::Mirror) {
            0.88
        } else {
            share
        };
        let bounced = moved(ray, normal, -2.0 * dot(ray, normal));
        if bounces > 0 {
            let seen = trace(
                moved(place, normal, 1e-3),
                bounced,
                bounces - 1,
                number ^ 77,
            );
            found = mix(found, seen, share);
        }
        let glint = dot(bounced, unit(moved(LAMP, place, -1.0)))
            .max(0.0)
            .powi(60);
        return mix(found, [1.0; 3], 0.8 * glint * ball.gloss.max(0.3));
    }
    let far = floor.min(200.0);
    let sky = mix(web(0xe9dfcf), web(0x7f9fbf), (2.2 * ray[1]).clamp(0.0, 1.0));
    if floor > 60.0 {
        return sky;
    }
    let place = moved(from, ray, far);
    let (u, v) = (
        0.9 * place[0] + 0.35 * place[2],
        0.9 * place[2] - 0.35 * place[0],
    );
    let dark = (u.floor() + v.floor()).rem_euclid(2.0) < 1.0;
    let grain = 1.0 + 0.08 * fractal(4.0 * u, 4.0 * v, 4, 0.6, 3);
    let tile = if dark { web(0x50403a) } else { web(0xe2d6c0) };
    let found = lit(tile, grain * light(place, [0.0, 1.0, 0.0], number));
    let haze = 1.0 - (-far / 22.0).exp();
    mix(found, web(0xe9dfcf), haze * haze)
}

/// Light at a place, with shadow rays to nine parts of the lamp.
fn light(place: Vector, normal: Vector, number: u32) -> f32 {
    let mut direct = 0.0;
    for part in 0..9u32 {
        let within = |cell: u32, axis| (cell as f32 + hash(number ^ part, axis)) / 3.0 - 0.5;
        let lamp = [
            LAMP[0] + 1.8 * within(part % 3, 1),
            LAMP[1],
            LAMP[2] + 1.8 * within(part / 3, 2),
        ];
        let to = unit(moved(lamp, place, -1.0));
        let falls = dot(normal, to).max(0.0);
        if falls > 0.0 && meet(moved(place, normal, 2e-3), to).is_none() {
            direct += falls / 9.0;
        }
    }
    // What lies close to a ball gets less light from around.
    let around = BALLS.iter().fold(1.0f32, |least, ball| {
        let away = moved(ball.centre, place, -1.0);
        let gap = (dot(away, away).sqrt() - ball.radius).max(0.0) / ball.radius;
        least.min(0.55 + 0.45 * (gap * 1.2).min(1.0))
    });
    let around = around.max(if dot(normal, [0.0, 1.0, 0.0]) > 0.99 {
        0.0
    } else {
        1.0
    });
    0.36 * around + 0.74 * direct
}
