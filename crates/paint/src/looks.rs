//! The looks of cells that are more, or less, than a value.
//!
//! Masked cells are left blank: what lies behind the map shows through.

use crate::{Colour, Theme, axis::AxisPixel};

pub const BLANK: Colour = [0, 0, 0, 0];

/// Out of sixteen: how much ink hatching puts on cells that are nearly black or white, and on others. Most cells
/// without an effect are of the first kind, and their hatching must not outshine the effects.
pub(crate) const HATCH_WEIGHTS: [u32; 2] = [2, 4];

/// Out of sixteen: how much ink the dots of an estimate put on a cell's colour.
pub(crate) const DOT_WEIGHT: u32 = 9;

/// The ground of a cell not measured yet, and the dot in its middle.
pub fn not_measured(theme: Theme) -> [Colour; 2] {
    [theme.raised(), theme.faint()]
}

/// As [`not_measured`] over a picture, which shows between the dots.
pub fn not_measured_over_picture(theme: Theme) -> [Colour; 2] {
    let [r, g, b, _] = theme.text();
    [BLANK, [r, g, b, 150]]
}

/// The two greys of the chequered cells whose value is NaN or infinite.
pub fn not_finite(theme: Theme) -> [Colour; 2] {
    match theme {
        Theme::Dark => [[122, 131, 143, 255], [74, 81, 92, 255]],
        Theme::Light => [[139, 149, 161, 255], [197, 204, 212, 255]],
    }
}

/// Ink for light and for dark cells.
pub(crate) fn inks() -> [Colour; 2] {
    [Theme::Light.text(), Theme::Dark.text()]
}

/// Over a picture hatching must be seen on clear colours too: out of sixteen, its ink, and its least cover.
const HATCH_OVER_PICTURE: (u32, u8) = (9, 120);

/// A cell's colour under a line of hatching.
pub fn hatched(colour: Colour) -> Colour {
    if colour[3] < 255 {
        let (weight, cover) = HATCH_OVER_PICTURE;
        let [r, g, b, a] = inked(colour, weight);
        return [r, g, b, a.max(cover)];
    }
    let luma = luma(colour);
    let [extreme, other] = HATCH_WEIGHTS;
    let weight = if !(48..208).contains(&luma) {
        extreme
    } else {
        other
    };
    inked(colour, weight)
}

/// A cell's colour under a dot that marks an estimate.
pub fn dotted(colour: Colour) -> Colour {
    inked(colour, DOT_WEIGHT)
}

/// Brightness, 0 to 255.
fn luma(colour: Colour) -> u32 {
    let [r, g, b, _] = colour.map(u32::from);
    (77 * r + 150 * g + 29 * b) >> 8
}

fn inked(colour: Colour, weight: u32) -> Colour {
    let [on_light, on_dark] = inks();
    let ink = if luma(colour) >= 128 {
        on_light
    } else {
        on_dark
    };
    let mix =
        |c: u8, i: u8| ((u32::from(c) * (16 - weight) + u32::from(i) * weight + 8) / 16) as u8;
    [
        mix(colour[0], ink[0]),
        mix(colour[1], ink[1]),
        mix(colour[2], ink[2]),
        colour[3],
    ]
}

/// Sizes of the patterns, physical pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// From one line of the hatching to the next, along x.
    pub(crate) period: u32,
    /// Thickness of a line, a hairline gap and a dot.
    pub(crate) line: u32,
    /// Side of a square of the chequers.
    pub(crate) square: u32,
}

impl Pattern {
    pub(crate) fn at(pixels_per_point: f32) -> Self {
        let scaled = |points: f32| (points * pixels_per_point).round().max(1.0) as u32;
        Self {
            period: scaled(7.0),
            line: scaled(1.0),
            square: scaled(3.0),
        }
    }

    /// The phase word of the pixel `i` pixels from its tile's start.
    pub(crate) fn phase(self, i: u64) -> u32 {
        let (period, square) = (u64::from(self.period), u64::from(self.square));
        let mut phase = (i % period) as u32 & AxisPixel::PHASE;
        if (i + period / 2) % period < u64::from(self.line) {
            phase |= AxisPixel::DOT;
        }
        if (i / square) % 2 == 1 {
            phase |= AxisPixel::SQUARE;
        }
        phase
    }

    /// Whether a pixel with these phase words lies on a line of the hatching.
    pub(crate) fn hatched(self, x: u32, y: u32) -> bool {
        let sum = (x & AxisPixel::PHASE) + (y & AxisPixel::PHASE);
        let along = if sum >= self.period {
            sum - self.period
        } else {
            sum
        };
        along < self.line
    }
}
