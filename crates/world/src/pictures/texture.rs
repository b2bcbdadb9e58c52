//! What a leaf's surface looks like: repeated patterns, also in perspective, and noise of a given spectrum.
//!
//! Patterns are smoothed over a pixel's footprint, so that they fade to their mean where they become too fine.

use std::f32::consts::TAU;

use super::colour::{Lab, Palette, Rgb, laplace, mix};
use super::spectrum::{EXPONENTS, SIDE, tiles};
use crate::draw::Draw;

/// What repeats with period one in pattern coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pattern {
    Flat,
    /// Once from one colour to the other, over a period.
    Ramp,
    Wave,
    Stripes {
        duty: f32,
    },
    /// Stripes each of another tone.
    Planks {
        duty: f32,
        seed: u32,
    },
    /// Lines both ways.
    Grid {
        duty: [f32; 2],
    },
    /// Rectangles apart from each other, as windows in a wall.
    Windows {
        duty: [f32; 2],
    },
    Checks,
    Bricks {
        duty: [f32; 2],
    },
    Dots {
        radius: f32,
    },
    /// A tile of [`tiles`].
    Noise {
        tile: usize,
    },
}

/// Where a pattern lies: turned, scaled, and tilted away from the eye.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    pub origin: [f32; 2],
    /// Cosine and sine of the angle it is turned by.
    pub turn: [f32; 2],
    /// Pixels in a period, along and across.
    pub period: [f32; 2],
    /// Growth of the depth per pixel; zero faces the eye.
    pub tilt: [f32; 2],
    /// Periods by which a noise pushes it aside, and over how many pixels that varies.
    pub warp: [f32; 2],
}

/// A surface: a colour for every pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Texture {
    pub pattern: Pattern,
    pub placement: Placement,
    pub low: Rgb,
    pub high: Rgb,
    /// Change of brightness per pixel.
    pub shade: [f32; 2],
    /// Amplitude, tile and scale of a fine noise over everything.
    pub grain: Option<(f32, usize, f32)>,
}

impl Texture {
    /// A surface for a leaf of `radius` pixels at `centre`. `busy`, 0 to 1, is how likely it is not flat.
    pub fn draw(
        draw: &mut Draw,
        palette: &Palette,
        centre: [f32; 2],
        radius: f32,
        busy: f64,
    ) -> Self {
        let low = palette.colour(draw);
        let patterned = radius > 3.0 && draw.unit() < busy;
        let pattern = if patterned {
            Pattern::draw(draw)
        } else if draw.unit() < 0.4 {
            Pattern::Ramp
        } else {
            Pattern::Flat
        };
        let other = if draw.unit() < 0.25 {
            palette.colour(draw)
        } else {
            // Most surfaces are two tones of one colour.
            let step = 0.03 + laplace(draw, 0.12).abs();
            let up = (low.l < 0.5) == (draw.unit() < 0.8);
            let l = if up { low.l + step } else { low.l - step };
            Lab::new(l.clamp(0.02, 0.99), low.a, low.b)
        };
        let angle = TAU * draw.unit() as f32;
        let grain = (patterned && draw.unit() < 0.5).then(|| {
            let amplitude = laplace(draw, 0.02).abs().min(0.1);
            (amplitude, draw.below(EXPONENTS.len()), scale(draw))
        });
        let steep = if draw.unit() < 0.4 { 0.25 } else { 0.0 };
        Self {
            placement: Placement::draw(draw, pattern, centre, radius),
            pattern,
            low: low.rgb(),
            high: other.rgb(),
            shade: [angle.cos(), angle.sin()].map(|v| steep * v * draw.unit() as f32 / radius),
            grain,
        }
    }

    /// The colour at a pixel's centre.
    #[inline]
    pub fn colour(&self, x: f32, y: f32) -> Rgb {
        let mut colour = match self.pattern {
            Pattern::Flat => self.low,
            pattern => mix(
                self.low,
                self.high,
                self.placement.share(pattern, x, y).clamp(-0.3, 1.3),
            ),
        };
        let mut add = 0.0;
        if let Some((amplitude, tile, scale)) = self.grain {
            add += amplitude * tiles()[tile].at(x * scale, y * scale);
        }
        let light = 1.0
            + self.shade[0] * (x - self.placement.origin[0])
            + self.shade[1] * (y - self.placement.origin[1]);
        for c in &mut colour {
            *c = *c * light + add;
        }
        colour
    }
}

fn scale(draw: &mut Draw) -> f32 {
    // Magnified tiles are soft, shrunk ones would alias.
    (0.25f32).powf(draw.unit() as f32)
}

impl Pattern {
    fn draw(draw: &mut Draw) -> Self {
        let mut duty = || 0.12 + 0.66 * draw.unit() as f32;
        let (first, second) = (duty(), duty());
        match draw.weighted(&[1.6, 2.0, 1.0, 1.0, 1.2, 0.7, 1.0, 0.6, 4.5]) {
            0 => Self::Wave,
            1 => Self::Stripes { duty: first },
            2 => Self::Planks {
                duty: 0.85 + 0.15 * first,
                seed: draw.below(1 << 30) as u32,
            },
            3 => Self::Grid {
                duty: [0.25 * first, 0.25 * second],
            },
            4 => Self::Windows {
                duty: [first, second],
            },
            5 => Self::Checks,
            6 => Self::Bricks {
                duty: [0.78 + 0.2 * first, 0.68 + 0.3 * first],
            },
            7 => Self::Dots {
                radius: 0.15 + 0.35 * first,
            },
            _ => Self::Noise {
                tile: draw.below(EXPONENTS.len()),
            },
        }
    }
}

impl Placement {
    fn draw(draw: &mut Draw, pattern: Pattern, centre: [f32; 2], radius: f32) -> Self {
        let angle = if draw.unit() < 0.4 {
            // Much of what people build is level.
            0.08 * draw.normal() as f32 + [0.0, TAU / 4.0][draw.below(2)]
        } else {
            TAU * draw.unit() as f32
        };
        let longest = (1.2 * radius).clamp(6.0, 64.0);
        let length = match pattern {
            Pattern::Ramp => radius * (1.0 + 2.0 * draw.unit() as f32),
            Pattern::Noise { .. } => SIDE as f32 / scale(draw),
            _ => 4.0 * (longest / 4.0).powf(draw.unit() as f32),
        };
        let aspect = match pattern {
            Pattern::Bricks { .. } => 0.35 + 0.2 * draw.unit() as f32,
            Pattern::Grid { .. } | Pattern::Windows { .. } => 0.5 + 1.2 * draw.unit() as f32,
            _ => 1.0,
        };
        let repeats = !matches!(
            pattern,
            Pattern::Flat | Pattern::Ramp | Pattern::Noise { .. }
        );
        let mut tilt = [0.0, 0.0];
        if repeats && radius > 10.0 && draw.unit() < 0.4 {
            let direction = TAU * draw.unit() as f32;
            let strength = 0.75 * draw.unit() as f32 / radius;
            tilt = [direction.cos() * strength, direction.sin() * strength];
        }
        let mut warp = [0.0, 1.0];
        if repeats && draw.unit() < 0.25 {
            warp = [0.6 * draw.unit() as f32, 0.5 + 2.0 * draw.unit() as f32];
        }
        Self {
            origin: centre,
            turn: [angle.cos(), angle.sin()],
            period: [length, length * aspect],
            tilt,
            warp,
        }
    }

    /// How much of the second colour a pattern shows at a place, 0 to 1 (noise goes beyond).
    #[inline]
    pub fn share(&self, pattern: Pattern, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.origin[0], y - self.origin[1]);
        let depth = (1.0 + self.tilt[0] * dx + self.tilt[1] * dy).max(0.05);
        let [cos, sin] = self.turn;
        let mut u = (cos * dx + sin * dy) / (depth * self.period[0]);
        let v = (cos * dy - sin * dx) / (depth * self.period[1]);
        if self.warp[0] > 0.0 {
            let smooth = &tiles()[5];
            u += self.warp[0] * smooth.at(self.warp[1] * x, self.warp[1] * y);
        }
        // Periods that a pixel spans; to the square where the surface recedes.
        let spread = 1.0 / (depth * depth);
        let (fu, fv) = (spread / self.period[0], spread / self.period[1]);
        match pattern {
            Pattern::Flat => 0.0,
            Pattern::Ramp => (u + 0.5).clamp(0.0, 1.0),
            Pattern::Wave => 0.5 + 0.5 * (TAU * u).sin() * (1.0 - 1.6 * fu).clamp(0.0, 1.0),
            Pattern::Stripes { duty } => pulse(u, duty, fu),
            Pattern::Planks { duty, seed } => {
                let tone = hash(u.floor() as i32 as u32, seed);
                tone * pulse(u, duty, fu)
            }
            Pattern::Grid { duty } => {
                let (a, b) = (pulse(u, duty[0], fu), pulse(v, duty[1], fv));
                a + b - a * b
            }
            Pattern::Windows { duty } => pulse(u, duty[0], fu) * pulse(v, duty[1], fv),
            Pattern::Checks => {
                let (a, b) = (pulse(u, 0.5, fu), pulse(v, 0.5, fv));
                a * b + (1.0 - a) * (1.0 - b)
            }
            Pattern::Bricks { duty } => {
                let shift = 0.5 * (v.floor() as i32 & 1) as f32;
                pulse(u + shift, duty[0], fu) * pulse(v, duty[1], fv)
            }
            Pattern::Dots { radius } => {
                let (a, b) = (u - u.floor() - 0.5, v - v.floor() - 0.5);
                let edge = (radius - a.hypot(b)) / fu.max(fv) + 0.5;
                edge.clamp(0.0, 1.0)
            }
            Pattern::Noise { tile } => {
                let side = SIDE as f32;
                0.5 + 0.3 * tiles()[tile].at(u * side, v * side)
            }
        }
    }
}

/// A wave of period one that is 1 over the first `duty` of it and 0 over the rest, averaged over `width` of `at`.
#[inline]
pub fn pulse(at: f32, duty: f32, width: f32) -> f32 {
    if width >= 1.0 {
        return duty;
    }
    // The integral of the wave up to a place.
    let total = |x: f32| {
        let whole = x.floor();
        whole * duty + (x - whole).min(duty)
    };
    let half = 0.5 * width.max(1e-4);
    (total(at + half) - total(at - half)) / (2.0 * half)
}

/// A number of 0 to 1 that looks random.
pub fn hash(number: u32, seed: u32) -> f32 {
    let mut h = number.wrapping_mul(0x9e37_79b1) ^ seed.wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    (h ^ (h >> 15)) as f32 / u32::MAX as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_keeps_its_mean_at_any_width() {
        for width in [0.001, 0.1, 0.4, 0.9, 2.0] {
            let mean = (0..1000)
                .map(|i| pulse(i as f32 / 1000.0, 0.3, width))
                .sum::<f32>()
                / 1000.0;
            assert!((mean - 0.3).abs() < 2e-3, "{width} {mean}");
        }
    }

    #[test]
    fn patterns_too_fine_for_the_pixels_fade_to_grey() {
        let placement = Placement {
            origin: [0.0; 2],
            turn: [1.0, 0.0],
            period: [1.0, 1.0],
            tilt: [0.0; 2],
            warp: [0.0, 1.0],
        };
        for x in 0..20 {
            let share = placement.share(Pattern::Stripes { duty: 0.5 }, 0.37 * x as f32, 0.0);
            assert!((share - 0.5).abs() < 1e-3);
        }
    }
}
