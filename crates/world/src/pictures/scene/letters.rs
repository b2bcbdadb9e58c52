//! A page of print under a lamp: strokes of letters of our own drawing, from a headline down to small lines.

use super::{Picture, Rgb, from_line, lit, render, step, web};
use crate::pictures::colour::mix;
use crate::pictures::noise::fractal;
use crate::pictures::texture::hash;

type Stroke = ([f32; 2], [f32; 2]);

/// Letters as strokes in a box of width 0.6 and height 1, y down.
const LETTERS: [(char, &[Stroke]); 18] = [
    (
        'A',
        &[
            ([0.0, 1.0], [0.3, 0.0]),
            ([0.3, 0.0], [0.6, 1.0]),
            ([0.12, 0.62], [0.48, 0.62]),
        ],
    ),
    (
        'C',
        &[
            ([0.6, 0.1], [0.3, 0.0]),
            ([0.3, 0.0], [0.0, 0.3]),
            ([0.0, 0.3], [0.0, 0.7]),
            ([0.0, 0.7], [0.3, 1.0]),
            ([0.3, 1.0], [0.6, 0.9]),
        ],
    ),
    (
        'D',
        &[
            ([0.0, 0.0], [0.0, 1.0]),
            ([0.0, 0.0], [0.3, 0.0]),
            ([0.3, 0.0], [0.6, 0.35]),
            ([0.6, 0.35], [0.6, 0.65]),
            ([0.6, 0.65], [0.3, 1.0]),
            ([0.3, 1.0], [0.0, 1.0]),
        ],
    ),
    (
        'E',
        &[
            ([0.0, 0.0], [0.0, 1.0]),
            ([0.0, 0.0], [0.55, 0.0]),
            ([0.0, 0.5], [0.45, 0.5]),
            ([0.0, 1.0], [0.55, 1.0]),
        ],
    ),
    (
        'F',
        &[
            ([0.0, 0.0], [0.0, 1.0]),
            ([0.0, 0.0], [0.55, 0.0]),
            ([0.0, 0.5], [0.45, 0.5]),
        ],
    ),
    (
        'G',
        &[
            ([0.6, 0.1], [0.3, 0.0]),
            ([0.3, 0.0], [0.0, 0.3]),
            ([0.0, 0.3], [0.0, 0.7]),
            ([0.0, 0.7], [0.3, 1.0]),
            ([0.3, 1.0], [0.6, 0.85]),
            ([0.6, 0.85], [0.6, 0.55]),
            ([0.6, 0.55], [0.35, 0.55]),
        ],
    ),
    (
        'H',
        &[
            ([0.0, 0.0], [0.0, 1.0]),
            ([0.6, 0.0], [0.6, 1.0]),
            ([0.0, 0.5], [0.6, 0.5]),
        ],
    ),
    ('I', &[([0.3, 0.0], [0.3, 1.0])]),
    ('L', &[([0.0, 0.0], [0.0, 1.0]), ([0.0, 1.0], [0.55, 1.0])]),
    (
        'M',
        &[
            ([0.0, 1.0], [0.0, 0.0]),
            ([0.0, 0.0], [0.3, 0.6]),
            ([0.3, 0.6], [0.6, 0.0]),
            ([0.6, 0.0], [0.6, 1.0]),
        ],
    ),
    (
        'N',
        &[
            ([0.0, 1.0], [0.0, 0.0]),
            ([0.0, 0.0], [0.6, 1.0]),
            ([0.6, 1.0], [0.6, 0.0]),
        ],
    ),
    (
        'O',
        &[
            ([0.3, 0.0], [0.0, 0.3]),
            ([0.0, 0.3], [0.0, 0.7]),
            ([0.0, 0.7], [0.3, 1.0]),
            ([0.3, 1.0], [0.6, 0.7]),
            ([0.6, 0.7], [0.6, 0.3]),
            ([0.6, 0.3], [0.3, 0.0]),
        ],
    ),
    (
        'R',
        &[
            ([0.0, 1.0], [0.0, 0.0]),
            ([0.0, 0.0], [0.45, 0.0]),
            ([0.45, 0.0], [0.58, 0.25]),
            ([0.58, 0.25], [0.45, 0.5]),
            ([0.45, 0.5], [0.0, 0.5]),
            ([0.25, 0.5], [0.6, 1.0]),
        ],
    ),
    (
        'S',
        &[
            ([0.58, 0.1], [0.3, 0.0]),
            ([0.3, 0.0], [0.02, 0.25]),
            ([0.02, 0.25], [0.58, 0.72]),
            ([0.58, 0.72], [0.3, 1.0]),
            ([0.3, 1.0], [0.02, 0.9]),
        ],
    ),
    ('T', &[([0.0, 0.0], [0.6, 0.0]), ([0.3, 0.0], [0.3, 1.0])]),
    (
        'U',
        &[
            ([0.0, 0.0], [0.0, 0.7]),
            ([0.0, 0.7], [0.3, 1.0]),
            ([0.3, 1.0], [0.6, 0.7]),
            ([0.6, 0.7], [0.6, 0.0]),
        ],
    ),
    (
        'W',
        &[
            ([0.0, 0.0], [0.15, 1.0]),
            ([0.15, 1.0], [0.3, 0.3]),
            ([0.3, 0.3], [0.45, 1.0]),
            ([0.45, 1.0], [0.6, 0.0]),
        ],
    ),
    (
        'Y',
        &[
            ([0.0, 0.0], [0.3, 0.5]),
            ([0.6, 0.0], [0.3, 0.5]),
            ([0.3, 0.5], [0.3, 1.0]),
        ],
    ),
];

/// A line of print: its words, where it starts, its height, and how thick its strokes are.
struct Line {
    words: &'static str,
    start: [f32; 2],
    size: f32,
    weight: f32,
    ink: Rgb,
}

const fn line(words: &'static str, start: [f32; 2], size: f32, weight: f32, ink: Rgb) -> Line {
    Line {
        words,
        start,
        size,
        weight,
        ink,
    }
}

const INK: Rgb = web(0x2b2622);
const RED: Rgb = web(0xb23a26);

const LINES: [Line; 13] = [
    line("CAUSE", [0.10, 0.10], 0.150, 0.17, RED),
    line("AND", [0.10, 0.305], 0.060, 0.12, INK),
    line("EFFECT", [0.27, 0.290], 0.095, 0.17, INK),
    line("WHERE THE SUN FALLS ON", [0.10, 0.450], 0.034, 0.13, INK),
    line("THE ROOF A TILE IS WARM", [0.10, 0.505], 0.034, 0.13, INK),
    line("ALSO IN THE SHADE OF", [0.10, 0.560], 0.034, 0.13, INK),
    line("OTHER TILES IN THE ROW", [0.10, 0.615], 0.034, 0.13, INK),
    line(
        "ONE READS A DOT HERE AND A LINE THERE",
        [0.10, 0.695],
        0.021,
        0.14,
        INK,
    ),
    line(
        "AND THE NEAREST WORDS TELL HOW IT FITS",
        [0.10, 0.731],
        0.021,
        0.14,
        INK,
    ),
    line(
        "TILL ALL OF A SUDDEN ONE SEES A LETTER",
        [0.10, 0.767],
        0.021,
        0.14,
        INK,
    ),
    line(
        "WHICH IS NOT THERE AT ALL SO TRUST NO",
        [0.10, 0.803],
        0.021,
        0.14,
        INK,
    ),
    line(
        "FAR DOTS UNLESS THEY CHANGE THE STORY",
        [0.10, 0.839],
        0.021,
        0.14,
        INK,
    ),
    line("NOTE TEN", [0.10, 0.900], 0.021, 0.14, RED),
];

pub(super) fn draw(side: usize) -> Picture {
    render(side, |x, y| {
        // The page lies turned and bends near its left edge.
        let (dx, dy) = (x - 0.5, y - 0.5);
        let depth = 1.0 + 0.16 * dy - 0.10 * dx;
        let (u, v) = (
            (0.998 * dx + 0.06 * dy) / depth + 0.5,
            (0.998 * dy - 0.06 * dx) / depth + 0.5,
        );
        let bend = 0.03 * (-8.0 * u.max(0.0)).exp();
        let v = v + bend;
        if !(0.0..=0.97).contains(&u) || !(0.0..=1.0).contains(&v) {
            return table(x, y, u, v);
        }
        let grain = fractal(110.0 * u, 110.0 * v, 4, 0.7, 3);
        let paper = lit(
            web(0xf2e8d2),
            1.0 + 0.045 * grain - 0.25 * step(0.12, 0.0, u),
        );
        let ink = ink(u, v, grain);
        let colour = match ink {
            Some(ink) => ink,
            None => ornament(u, v).unwrap_or(paper),
        };
        let lamp = (x - 0.75).hypot(y - 0.2);
        mix(lit(colour, 1.08 - 0.42 * lamp), web(0xffb45c), 0.10 * lamp)
    })
}

fn ink(u: f32, v: f32, grain: f32) -> Option<Rgb> {
    LINES.iter().find_map(|line| {
        let (a, b) = (
            (u - line.start[0]) / line.size,
            (v - line.start[1]) / line.size,
        );
        if !(-0.2..1.2).contains(&b) || a < -0.2 {
            return None;
        }
        let pitch = 0.86;
        let index = (a / pitch).max(0.0) as usize;
        // A stroke may reach into the neighbour's box.
        let near = line.words.chars().skip(index).take(1);
        near.enumerate().find_map(|(k, letter)| {
            let (_, strokes) = LETTERS.iter().find(|(l, _)| *l == letter)?;
            let place = [a - (index + k) as f32 * pitch - 0.1, b];
            let away = strokes
                .iter()
                .map(|(from, to)| from_line(place, *from, *to))
                .fold(f32::MAX, f32::min);
            (away < 0.5 * line.weight).then(|| lit(line.ink, 1.0 + 0.35 * grain.max(0.0)))
        })
    })
}

/// A printed border of lozenges down the right edge, and a rule under the headline.
fn ornament(u: f32, v: f32) -> Option<Rgb> {
    if (0.415..0.421).contains(&v) && (0.09..0.84).contains(&u) {
        return Some(INK);
    }
    if (0.885..0.935).contains(&u) && (0.06..0.94).contains(&v) {
        let (a, b) = ((u - 0.91) / 0.025, ((v - 0.06) / 0.03).fract() * 2.0 - 1.0);
        let from = a.abs() + b.abs();
        if from < 0.35 {
            return Some(RED);
        }
        if (0.7..0.95).contains(&from) {
            return Some(web(0x2f5a6b));
        }
    }
    None
}

fn table(x: f32, y: f32, u: f32, v: f32) -> Rgb {
    let rings = fractal(2.0 * x, 20.0 * y, 4, 0.5, 8);
    let wood = (34.0 * y + 5.0 * rings + 2.0 * x).sin();
    let plank = hash((y * 5.0) as u32, 6);
    let base = mix(web(0x5a3a26), web(0x8f6440), 0.5 + 0.3 * wood + 0.2 * plank);
    let edge = (-u).max(u - 0.97).max(-v).max(v - 1.0);
    lit(base, 0.55 + 0.4 * step(0.0, 0.05, edge))
}
