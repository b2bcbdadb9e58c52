//! Colours in OKLab (Ottosson 2020), where equal steps look equal, and palettes drawn in it.

use crate::draw::Draw;

/// Lightness 0 to 1, green to red, blue to yellow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lab {
    pub l: f32,
    pub a: f32,
    pub b: f32,
}

/// sRGB-encoded colour, 0 to 1.
pub type Rgb = [f32; 3];

impl Lab {
    pub const fn new(l: f32, a: f32, b: f32) -> Self {
        Self { l, a, b }
    }

    /// The same colour as sRGB, cut to what a screen can show.
    pub fn rgb(self) -> Rgb {
        let cube = |v: f32| v * v * v;
        let l = cube(self.l + 0.396_337_78 * self.a + 0.215_803_76 * self.b);
        let m = cube(self.l - 0.105_561_346 * self.a - 0.063_854_17 * self.b);
        let s = cube(self.l - 0.089_484_18 * self.a - 1.291_485_5 * self.b);
        [
            4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
            -1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s,
            -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
        ]
        .map(encode)
    }
}

/// Light of 0 to 1 as sRGB encodes it.
pub fn encode(light: f32) -> f32 {
    let light = light.clamp(0.0, 1.0);
    if light <= 0.003_130_8 {
        12.92 * light
    } else {
        1.055 * light.powf(1.0 / 2.4) - 0.055
    }
}

/// Light of 0 to 1 that sRGB encodes as `value`.
pub fn decode(value: f32) -> f32 {
    if value <= 0.040_45 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

/// `from` at 0, `to` at 1.
pub fn mix(from: Rgb, to: Rgb, share: f32) -> Rgb {
    std::array::from_fn(|c| from[c] + (to[c] - from[c]) * share)
}

/// The few colours that a picture is painted with.
#[derive(Clone, Debug, PartialEq)]
pub struct Palette {
    centres: Vec<Lab>,
    /// Standard deviation of a leaf's colour around its centre.
    jitter: f32,
}

impl Palette {
    /// Three to eight centres: lightness even over most of its range, colour with long tails around grey.
    pub fn draw(draw: &mut Draw) -> Self {
        let count = draw.between(3, 8);
        let strength = 0.012 + 0.045 * draw.unit() as f32;
        // Most pictures have a cast; without one all of them would be grey on average.
        let cast = (laplace(draw, 0.02), laplace(draw, 0.03));
        let centres = (0..count)
            .map(|_| {
                Lab::new(
                    0.12 + 0.85 * draw.unit() as f32,
                    cast.0 + laplace(draw, strength),
                    cast.1 + laplace(draw, strength),
                )
            })
            .collect();
        let jitter = 0.01 + 0.08 * draw.unit() as f32;
        Self { centres, jitter }
    }

    /// A colour near one of the centres.
    pub fn colour(&self, draw: &mut Draw) -> Lab {
        let centre = *draw.pick(&self.centres);
        Lab::new(
            (centre.l + self.jitter * draw.normal() as f32).clamp(0.02, 0.99),
            centre.a + 0.3 * self.jitter * draw.normal() as f32,
            centre.b + 0.3 * self.jitter * draw.normal() as f32,
        )
    }
}

/// A number around 0 whose size is exponentially distributed with mean `scale`.
pub fn laplace(draw: &mut Draw, scale: f32) -> f32 {
    let size = -(1.0 - draw.unit()).ln() as f32 * scale;
    if draw.below(2) == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greys_are_grey_and_white_is_white() {
        for l in [0.0, 0.3, 0.7, 1.0] {
            let [r, g, b] = Lab::new(l, 0.0, 0.0).rgb();
            assert!((r - g).abs() < 2e-3 && (g - b).abs() < 2e-3, "{r} {g} {b}");
        }
        assert!(Lab::new(1.0, 0.0, 0.0).rgb()[1] > 0.999);
    }

    #[test]
    fn pure_red_has_its_published_coordinates() {
        let [r, g, b] = Lab::new(0.627_955, 0.224_863, 0.125_846).rgb();
        assert!(r > 0.999 && g < 0.01 && b < 0.01, "{r} {g} {b}");
    }

    #[test]
    fn encoding_and_decoding_are_inverse() {
        for step in 0..=20 {
            let value = step as f32 / 20.0;
            assert!((encode(decode(value)) - value).abs() < 1e-5);
        }
    }
}
