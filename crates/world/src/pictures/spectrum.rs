//! Textures with a given spectrum: random phases, and amplitudes that fall with frequency as a power.

use std::f32::consts::TAU;
use std::sync::OnceLock;

use crate::draw::Draw;

/// Pixels on each side of a tile; a power of two.
pub const SIDE: usize = 256;

/// A square that continues itself on all sides: mean 0, standard deviation 1.
#[derive(Clone, Debug)]
pub struct Tile {
    values: Vec<f32>,
}

/// Amplitude exponents of [`tiles`]: 0 would be white noise, photographs have about 1.
pub const EXPONENTS: [f32; 7] = [0.4, 0.7, 1.0, 1.2, 1.5, 1.9, 2.4];

/// One tile for each of [`EXPONENTS`], made once.
pub fn tiles() -> &'static [Tile] {
    static TILES: OnceLock<Vec<Tile>> = OnceLock::new();
    TILES.get_or_init(|| {
        EXPONENTS
            .iter()
            .enumerate()
            .map(|(i, s)| Tile::draw(&mut Draw::stream(0x7469_6c65, i as u64), *s))
            .collect()
    })
}

impl Tile {
    /// A tile whose amplitudes fall as frequency to the power of -`exponent`.
    pub fn draw(draw: &mut Draw, exponent: f32) -> Self {
        let mut real = vec![0f32; SIDE * SIDE];
        let mut imaginary = vec![0f32; SIDE * SIDE];
        for y in 0..SIDE {
            for x in 0..SIDE {
                let distance = |k: usize| k.min(SIDE - k) as f32;
                let frequency = distance(x).hypot(distance(y));
                if frequency == 0.0 {
                    continue;
                }
                let amplitude = frequency.powf(-exponent);
                let phase = TAU * draw.unit() as f32;
                real[y * SIDE + x] = amplitude * phase.cos();
                imaginary[y * SIDE + x] = amplitude * phase.sin();
            }
        }
        // The real part of the transform of a spectrum without symmetry has the same amplitudes.
        for row in 0..SIDE {
            let range = row * SIDE..(row + 1) * SIDE;
            transform(&mut real[range.clone()], &mut imaginary[range]);
        }
        let mut column = (vec![0f32; SIDE], vec![0f32; SIDE]);
        for x in 0..SIDE {
            for y in 0..SIDE {
                column.0[y] = real[y * SIDE + x];
                column.1[y] = imaginary[y * SIDE + x];
            }
            transform(&mut column.0, &mut column.1);
            for y in 0..SIDE {
                real[y * SIDE + x] = column.0[y];
            }
        }
        let count = real.len() as f32;
        let mean = real.iter().sum::<f32>() / count;
        let variance = real.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / count;
        let scale = 1.0 / variance.sqrt().max(1e-20);
        real.iter_mut().for_each(|v| *v = (*v - mean) * scale);
        Self { values: real }
    }

    /// The value at a place in tile pixels, between pixels linearly.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = (x - left, y - top);
        let wrap = |v: f32| (v as i64).rem_euclid(SIDE as i64) as usize;
        let (x0, y0) = (wrap(left), wrap(top));
        let (x1, y1) = ((x0 + 1) % SIDE, (y0 + 1) % SIDE);
        let (row0, row1) = (&self.values[y0 * SIDE..], &self.values[y1 * SIDE..]);
        let upper = row0[x0] + (row0[x1] - row0[x0]) * fx;
        let lower = row1[x0] + (row1[x1] - row1[x0]) * fx;
        upper + (lower - upper) * fy
    }
}

/// The discrete Fourier transform of a power-of-two number of complex values, in place (Cooley and Tukey 1965).
fn transform(real: &mut [f32], imaginary: &mut [f32]) {
    let n = real.len();
    let mut reversed = 0;
    for i in 1..n {
        let mut bit = n >> 1;
        while reversed & bit != 0 {
            reversed ^= bit;
            bit >>= 1;
        }
        reversed |= bit;
        if i < reversed {
            real.swap(i, reversed);
            imaginary.swap(i, reversed);
        }
    }
    let mut length = 2;
    while length <= n {
        let half = length / 2;
        for k in 0..half {
            let (sin, cos) = (-TAU * k as f32 / length as f32).sin_cos();
            for start in (k..n).step_by(length) {
                let (a, b) = (start, start + half);
                let re = real[b] * cos - imaginary[b] * sin;
                let im = real[b] * sin + imaginary[b] * cos;
                real[b] = real[a] - re;
                imaginary[b] = imaginary[a] - im;
                real[a] += re;
                imaginary[a] += im;
            }
        }
        length *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_equals_the_sum_that_defines_it() {
        let mut draw = Draw::new(1);
        let values: Vec<(f32, f32)> = (0..16)
            .map(|_| (draw.normal() as f32, draw.normal() as f32))
            .collect();
        let (mut re, mut im): (Vec<f32>, Vec<f32>) = values.iter().copied().unzip();
        transform(&mut re, &mut im);
        for k in 0..16 {
            let (mut a, mut b) = (0f32, 0f32);
            for (n, (x, y)) in values.iter().enumerate() {
                let (sin, cos) = (-TAU * (k * n) as f32 / 16.0).sin_cos();
                a += x * cos - y * sin;
                b += x * sin + y * cos;
            }
            assert!((a - re[k]).abs() < 1e-3 && (b - im[k]).abs() < 1e-3);
        }
    }

    #[test]
    fn a_steeper_spectrum_is_smoother() {
        let roughness = |tile: &Tile| {
            (0..4000)
                .map(|i| (i as f32, (i / 200) as f32 * 11.0))
                .map(|(x, y)| (tile.at(x, y) - tile.at(x + 1.0, y)).abs())
                .sum::<f32>()
        };
        let all: Vec<f32> = tiles().iter().map(roughness).collect();
        assert!(all.windows(2).all(|pair| pair[0] > pair[1]), "{all:?}");
    }
}
