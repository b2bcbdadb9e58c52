//! An old tree in autumn behind a fence, in front of the evening sky.

use super::{Picture, Rgb, from_line, lit, render, step, web};
use crate::pictures::colour::mix;
use crate::pictures::noise::fractal;
use crate::pictures::texture::hash;

/// A piece of a branch, thinner at its end.
struct Branch {
    from: [f32; 2],
    to: [f32; 2],
    width: [f32; 2],
}

struct Leaf {
    centre: [f32; 2],
    size: f32,
    turn: [f32; 2],
    colour: Rgb,
}

struct Tree {
    branches: Vec<Branch>,
    leaves: Vec<Leaf>,
    /// For each cell of a grid, the branches and leaves near it.
    cells: Vec<(Vec<usize>, Vec<usize>)>,
}

const CELLS: usize = 32;
const LEAF_COLOURS: [Rgb; 5] = [
    web(0xc9541f),
    web(0xe39a2d),
    web(0x9c2f22),
    web(0xd9b64a),
    web(0x6f7a34),
];

pub(super) fn draw(side: usize) -> Picture {
    let tree = Tree::grow();
    render(side, |x, y| {
        if let Some(colour) = fence(x, y) {
            return colour;
        }
        if let Some(colour) = tree.colour(x, y) {
            return colour;
        }
        if y > 0.86 + 0.01 * (7.0 * x).sin() {
            return meadow(x, y);
        }
        sky(x, y)
    })
}

fn sky(x: f32, y: f32) -> Rgb {
    let base = mix(web(0x4f6f9f), web(0xf2b483), step(-0.1, 0.85, y));
    let cloud = fractal(2.2 * x, 8.0 * y + 2.0 * x, 6, 0.55, 51);
    mix(base, web(0xf9dcc0), 0.75 * step(0.0, 0.45, cloud))
}

fn meadow(x: f32, y: f32) -> Rgb {
    let depth = 1.0 / (y - 0.80);
    let blades = fractal(14.0 * x * depth, 2.0 * depth + 20.0 * x, 5, 0.7, 15);
    let fallen = hash(((x * 90.0) as u32) * 97 + (y * 120.0) as u32, 8) > 0.86;
    let grass = lit(
        mix(web(0x4c5a2c), web(0x9a8f4a), 0.5 + 0.5 * blades),
        1.0 + 0.2 * blades,
    );
    if fallen {
        mix(grass, LEAF_COLOURS[0], 0.7)
    } else {
        grass
    }
}

fn fence(x: f32, y: f32) -> Option<Rgb> {
    // The posts stand closer where the fence is farther away.
    let depth = 1.0 + 1.6 * x;
    let (top, bottom) = (0.86 - 0.20 / depth, 0.88 + 0.10 / depth);
    let at = 11.0 * (1.0 - 1.0 / depth) * 2.0;
    let post = at.fract() < 0.42;
    let number = at.floor() as u32;
    let peak = top - 0.03 / depth + 0.06 / depth * (at.fract() / 0.42 - 0.5).abs();
    let height = (y - top) / (bottom - top);
    let rail = (0.16..0.26).contains(&height) || (0.66..0.76).contains(&height);
    let grain = fractal(40.0 * at, 30.0 * y, 4, 0.6, number);
    if post && y > peak && y < bottom {
        let edge = if at.fract() < 0.06 { 0.7 } else { 1.0 };
        let tone = 0.85 + 0.2 * hash(number, 4);
        return Some(lit(web(0xe6ddcb), edge * tone * (1.0 + 0.15 * grain)));
    }
    rail.then(|| lit(web(0xa79c89), 1.0 + 0.2 * grain))
}

impl Tree {
    fn grow() -> Self {
        let mut tree = Self {
            branches: Vec::new(),
            leaves: Vec::new(),
            cells: Vec::new(),
        };
        tree.branch([0.47, 0.93], -1.53, 0.20, 0.050, 0, 1);
        tree.cells = (0..CELLS * CELLS)
            .map(|cell| {
                let middle = [
                    ((cell % CELLS) as f32 + 0.5) / CELLS as f32,
                    ((cell / CELLS) as f32 + 0.5) / CELLS as f32,
                ];
                let reach = 0.75 / CELLS as f32;
                let near = |b: &Branch| from_line(middle, b.from, b.to) < reach + b.width[0];
                let close = |l: &Leaf| {
                    (l.centre[0] - middle[0]).hypot(l.centre[1] - middle[1]) < reach + l.size
                };
                let branches = (0..tree.branches.len()).filter(|&i| near(&tree.branches[i]));
                let leaves = (0..tree.leaves.len()).filter(|&i| close(&tree.leaves[i]));
                (branches.collect(), leaves.collect())
            })
            .collect();
        tree
    }

    /// A branch and what grows from it.
    fn branch(&mut self, from: [f32; 2], angle: f32, length: f32, width: f32, level: u32, id: u32) {
        let to = [
            from[0] + length * angle.cos(),
            from[1] + length * angle.sin(),
        ];
        let end = 0.70 * width;
        self.branches.push(Branch {
            from,
            to,
            width: [width, end],
        });
        if level >= 3 {
            for k in 0..9 {
                let random =
                    |n: u32| hash(id.wrapping_mul(31).wrapping_add(7919 * level) + k, 20 + n);
                let turn = std::f32::consts::TAU * random(1);
                let along = random(2);
                let centre = [
                    from[0] + (to[0] - from[0]) * along + 0.034 * (random(3) - 0.5),
                    from[1] + (to[1] - from[1]) * along + 0.034 * (random(4) - 0.5),
                ];
                let colour = LEAF_COLOURS[(5.0 * random(5)) as usize % 5];
                self.leaves.push(Leaf {
                    centre,
                    size: 0.007 + 0.007 * random(6),
                    turn: [turn.cos(), turn.sin()],
                    colour: lit(colour, 0.75 + 0.45 * random(7)),
                });
            }
        }
        if level == 7 {
            return;
        }
        let random = |n: u32| hash(id, 60 + n) - 0.5;
        let spread = 0.42 + 0.25 * random(1);
        for (k, side) in [-1.0f32, 1.0].into_iter().enumerate() {
            let shorter = 0.78 + 0.22 * random(2 + k as u32);
            let turned = angle + side * spread + 0.35 * random(4 + k as u32);
            let next = id.wrapping_mul(2) + k as u32;
            self.branch(to, turned, length * shorter, end, level + 1, next);
        }
    }

    fn colour(&self, x: f32, y: f32) -> Option<Rgb> {
        let cell = |v: f32| ((v * CELLS as f32) as usize).min(CELLS - 1);
        let (branches, leaves) = &self.cells[cell(y) * CELLS + cell(x)];
        for &i in leaves.iter().rev() {
            let leaf = &self.leaves[i];
            let (dx, dy) = (x - leaf.centre[0], y - leaf.centre[1]);
            let u = (leaf.turn[0] * dx + leaf.turn[1] * dy) / leaf.size;
            let v = (leaf.turn[0] * dy - leaf.turn[1] * dx) / leaf.size;
            if u.abs() < 1.0 && v.abs() < 0.55 * (1.0 - u * u) {
                let vein = if v.abs() < 0.06 { 0.8 } else { 1.0 };
                return Some(lit(leaf.colour, vein * (1.0 - 0.25 * v)));
            }
        }
        let mut found = None;
        for &i in branches {
            let branch = &self.branches[i];
            let (dx, dy) = (branch.to[0] - branch.from[0], branch.to[1] - branch.from[1]);
            let (px, py) = (x - branch.from[0], y - branch.from[1]);
            let t = ((px * dx + py * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
            let away = (px - t * dx).hypot(py - t * dy);
            let width = branch.width[0] + (branch.width[1] - branch.width[0]) * t;
            if away < 0.5 * width {
                let side = (px * dy - py * dx).signum() * away / (0.5 * width);
                let bark = fractal(46.0 * x + 9.0 * y, 13.0 * y, 5, 0.65, 5);
                let light = 0.75 + 0.4 * side + 0.4 * bark;
                found = Some(lit(mix(web(0x3a2c25), web(0x8a6a4e), 0.5), light));
            }
        }
        found
    }
}
