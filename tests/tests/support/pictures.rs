//! Small pictures made by a formula: leaves of flat and striped colour that cover each other.
#![allow(dead_code)]

use whyfinder::maps::Raster;

struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// Discs and squares from large to small, some with stripes.
pub(crate) fn leaves(width: usize, height: usize, seed: u64) -> Raster {
    let mut draws = Draws(seed);
    let mut pixels = vec![[120u8, 128, 110]; width * height];
    let side = width.max(height) as f32;
    for i in 0..260 {
        let radius = side * (0.22 * (1.0 - i as f32 / 260.0).powi(2) + 0.012);
        let (cx, cy) = (draws.next() * width as f32, draws.next() * height as f32);
        let colour =
            [0.2, 0.25, 0.2].map(|low| (255.0 * (low + 0.7 * draws.next().powf(1.3))) as u8);
        let other = colour.map(|c| c / 3 + 40);
        let (angle, round, striped) = (3.2 * draws.next(), draws.next() < 0.6, draws.next() < 0.25);
        let (sin, cos) = angle.sin_cos();
        let rows = (cy - radius).max(0.0) as usize..((cy + radius) as usize + 1).min(height);
        for y in rows {
            for x in (cx - radius).max(0.0) as usize..((cx + radius) as usize + 1).min(width) {
                let (dx, dy) = (x as f32 - cx, y as f32 - cy);
                let (u, v) = (cos * dx + sin * dy, cos * dy - sin * dx);
                let inside = if round {
                    dx.hypot(dy) < radius
                } else {
                    u.abs().max(v.abs()) < radius * 0.75
                };
                if inside {
                    let stripe = striped && (u / 3.5).rem_euclid(2.0) < 1.0;
                    pixels[y * width + x] = if stripe { other } else { colour };
                }
            }
        }
    }
    Raster::new(width, height, pixels).expect("as many pixels")
}

/// The means of `scale` x `scale` pixels.
pub(crate) fn degraded(picture: &Raster, scale: usize) -> Raster {
    let [width, height] = [picture.width(), picture.height()].map(|n| (n / scale).max(1));
    let pixels = (0..width * height)
        .map(|i| mean(picture, (i % width) * scale, (i / width) * scale, scale))
        .collect();
    Raster::new(width, height, pixels).expect("as many pixels")
}

/// Slightly blurred: what a network might make of the degraded picture.
pub(crate) fn restored(picture: &Raster) -> Raster {
    let (width, height) = (picture.width(), picture.height());
    let pixels = (0..width * height)
        .map(|i| {
            mean(
                picture,
                (i % width).min(width.saturating_sub(2)),
                (i / width).min(height.saturating_sub(2)),
                2,
            )
        })
        .collect();
    Raster::new(width, height, pixels).expect("as many pixels")
}

fn mean(picture: &Raster, x: usize, y: usize, side: usize) -> [u8; 3] {
    let mut sums = [0usize; 3];
    let mut count = 0;
    for row in y..y + side {
        for column in x..x + side {
            if let Some(pixel) = picture.at(column, row) {
                count += 1;
                for (sum, c) in sums.iter_mut().zip(pixel) {
                    *sum += usize::from(c);
                }
            }
        }
    }
    sums.map(|sum| (sum / count.max(1)) as u8)
}
