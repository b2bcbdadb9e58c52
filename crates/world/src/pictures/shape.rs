//! Outlines of leaves.

use crate::draw::Draw;

/// An outline around its own origin, in pixels.
#[derive(Clone, Debug, PartialEq)]
pub enum Outline {
    Ellipse {
        radii: [f32; 2],
    },
    Rectangle {
        half: [f32; 2],
    },
    /// Convex: everything with `x nx + y ny < d` for all its sides.
    Polygon {
        sides: Vec<[f32; 3]>,
    },
    /// A disc whose radius swings with the angle, two, three and five times around.
    Blob {
        radius: f32,
        swings: [[f32; 2]; 3],
    },
    /// What lies within `width` of an ellipse's line.
    Ring {
        radii: [f32; 2],
        width: f32,
    },
}

/// An outline at a place of the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    pub centre: [f32; 2],
    /// Cosine and sine of the angle it is turned by.
    pub turn: [f32; 2],
    pub outline: Outline,
    /// No point of it is farther from the centre.
    pub reach: f32,
}

/// The kinds of shape a picture is made of, as weights of [`Shape::draw`].
pub type Kinds = [f64; 6];

impl Shape {
    /// A shape of about `radius` pixels: ellipse, rectangle, beam, polygon, blob or ring.
    pub fn draw(draw: &mut Draw, kinds: &Kinds, centre: [f32; 2], radius: f32) -> Self {
        let angle = std::f64::consts::TAU * draw.unit();
        let stretch = 0.35 + 0.65 * draw.unit() as f32;
        let (outline, reach) = match draw.weighted(kinds) {
            0 => {
                let radii = [radius, radius * stretch];
                (Outline::Ellipse { radii }, radius)
            }
            1 => {
                let half = [radius, radius * stretch];
                (Outline::Rectangle { half }, half[0].hypot(half[1]))
            }
            2 => {
                let half = [2.5 * radius, (0.15 * radius).max(0.7)];
                (Outline::Rectangle { half }, half[0].hypot(half[1]))
            }
            3 => polygon(draw, radius),
            4 => {
                let swings = std::array::from_fn(|k| {
                    let size = 0.35 * draw.unit() as f32 / (k + 1) as f32;
                    let phase = std::f32::consts::TAU * draw.unit() as f32;
                    [size * phase.cos(), size * phase.sin()]
                });
                (Outline::Blob { radius, swings }, 1.7 * radius)
            }
            _ => {
                let radii = [radius, radius * stretch];
                let width = (radius * (0.04 + 0.16 * draw.unit() as f32)).max(0.6);
                (Outline::Ring { radii, width }, radius + width)
            }
        };
        Self {
            centre,
            turn: [angle.cos() as f32, angle.sin() as f32],
            outline,
            reach,
        }
    }

    /// Pixels from the outline, negative inside; near the outline good to a fraction of a pixel, elsewhere roughly.
    #[inline]
    pub fn distance(&self, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        let [cos, sin] = self.turn;
        let (u, v) = (cos * dx + sin * dy, cos * dy - sin * dx);
        match &self.outline {
            Outline::Ellipse { radii } => ellipse(u, v, *radii),
            Outline::Rectangle { half } => {
                let (a, b) = (u.abs() - half[0], v.abs() - half[1]);
                let corner = a.max(0.0).hypot(b.max(0.0));
                corner + a.max(b).min(0.0)
            }
            Outline::Polygon { sides } => sides
                .iter()
                .map(|[nx, ny, d]| u * nx + v * ny - d)
                .fold(f32::MIN, f32::max),
            Outline::Blob { radius, swings } => {
                let length = u.hypot(v).max(1e-3);
                let once = [u / length, v / length];
                let times = |a: [f32; 2], b: [f32; 2]| {
                    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
                };
                let two = times(once, once);
                let three = times(two, once);
                let five = times(two, three);
                let swing: f32 = [two, three, five]
                    .iter()
                    .zip(swings)
                    .map(|(angle, s)| angle[0] * s[0] + angle[1] * s[1])
                    .sum();
                length - radius * (1.0 + swing)
            }
            Outline::Ring { radii, width } => ellipse(u, v, *radii).abs() - width,
        }
    }
}

/// Distance to an ellipse to first order (Quilez).
fn ellipse(u: f32, v: f32, radii: [f32; 2]) -> f32 {
    let scaled = (u / radii[0]).hypot(v / radii[1]);
    let slope = (u / (radii[0] * radii[0])).hypot(v / (radii[1] * radii[1]));
    if slope < 1e-9 {
        return -radii[0].min(radii[1]);
    }
    scaled * (scaled - 1.0) / slope
}

/// Three to seven sides at random angles, none too near to the next but all in all around; wedges have three.
fn polygon(draw: &mut Draw, radius: f32) -> (Outline, f32) {
    let count = draw.between(3, 7);
    let step = std::f32::consts::TAU / count as f32;
    let sides: Vec<[f32; 3]> = (0..count)
        .map(|k| {
            let angle = step * (k as f32 + 0.6 * (draw.unit() as f32 - 0.5));
            let d = radius * (0.45 + 0.45 * draw.unit() as f32);
            [angle.cos(), angle.sin(), d]
        })
        .collect();
    // The farthest corner of two neighbouring sides.
    let reach = (0..count)
        .map(|k| {
            let (a, b) = (sides[k], sides[(k + 1) % count]);
            let det = a[0] * b[1] - a[1] * b[0];
            let x = (a[2] * b[1] - a[1] * b[2]) / det.max(0.05);
            let y = (a[0] * b[2] - a[2] * b[0]) / det.max(0.05);
            x.hypot(y)
        })
        .fold(radius, f32::max);
    (Outline::Polygon { sides }, reach.min(6.0 * radius))
}

/// A radius between `smallest` and `largest` with density proportional to r^-3, which makes pictures look alike at all
/// scales (Lee, Mumford and Huang 2001).
pub fn radius(draw: &mut Draw, smallest: f32, largest: f32) -> f32 {
    let (low, high) = (smallest.powi(-2), largest.powi(-2));
    (low + (high - low) * draw.unit() as f32).powf(-0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_shape_lies_beyond_its_reach() {
        let mut draw = Draw::new(2);
        for kind in 0..6 {
            let mut kinds = [0.0; 6];
            kinds[kind] = 1.0;
            for _ in 0..50 {
                let shape = Shape::draw(&mut draw, &kinds, [0.0, 0.0], 10.0);
                assert!(shape.distance(1.0, 0.5) < 0.0 || kind == 5 || kind == 2);
                for step in 0..64 {
                    let angle = std::f32::consts::TAU * step as f32 / 64.0;
                    let r = shape.reach + 0.5;
                    // A wedge's tip may be cut off where it would be very long.
                    if shape.reach < 59.9 {
                        let d = shape.distance(r * angle.cos(), r * angle.sin());
                        assert!(d > 0.0, "{shape:?} {d}");
                    }
                }
            }
        }
    }

    #[test]
    fn radii_follow_the_inverse_cube() {
        let mut draw = Draw::new(3);
        let all: Vec<f32> = (0..20_000).map(|_| radius(&mut draw, 1.0, 64.0)).collect();
        let above = |r: f32| all.iter().filter(|v| **v > r).count() as f32;
        // The share above r is about r^-2.
        assert!((above(2.0) / above(4.0) - 4.0).abs() < 0.5);
    }
}
