//! Dead leaves: pictures of things that lie in front of each other, endlessly many.
//!
//! Leaves of all sizes hide each other (Lee, Mumford and Huang 2001), which alone gives a picture the edges, the flat
//! parts and the statistics over scales of a photograph. Patterned surfaces, soft focus and shadows add most of the
//! rest (Achddou, Gousseau and Ladjal 2025).

use super::Picture;
use super::blur::blur;
use super::colour::Palette;
use super::layer::{Layer, Shadow};
use super::shape::{self, Kinds, Shape};
use super::texture::Texture;
use crate::draw::Draw;

/// Leaves of a layer at most.
const MOST: usize = 5000;

/// Picture number `index` of `seed`, `width` x `height` pixels.
pub fn picture(seed: u64, index: u64, width: usize, height: usize) -> Picture {
    let mut draw = Draw::stream(seed, index);
    let draw = &mut draw;
    let style = Style::draw(draw, width, height);
    let layer = match draw.weighted(&[0.5, 0.2, 0.2, 0.1]) {
        // Everything in focus.
        0 => style.filled(draw),
        // A background out of focus.
        1 => {
            let mut back = style.filled(draw);
            let sigma = 1.0 + 5.0 * draw.unit() as f32;
            blur(&mut back.values, width, height, sigma);
            let still_open = 0.3 + 0.4 * draw.unit() as f32;
            style.partly(draw, still_open).over(&back)
        }
        // A wall, a floor, a field: one surface behind a few things.
        2 => {
            let still_open = 0.4 + 0.55 * draw.unit() as f32;
            let mut front = style.partly(draw, still_open);
            front.close(&style.ground(draw));
            front
        }
        // Something large and out of focus in front.
        _ => {
            let back = style.filled(draw);
            let near = Style {
                smallest: 20.0,
                ..style.clone()
            };
            let still_open = 0.6 + 0.3 * draw.unit() as f32;
            let mut front = near.partly(draw, still_open);
            let sigma = 1.5 + 4.0 * draw.unit() as f32;
            blur(&mut front.values, width, height, sigma);
            front.over(&back)
        }
    };
    let mut layer = layer;
    // A lens is never quite sharp.
    let softness = 0.65 * draw.unit() as f32 - 0.1;
    blur(&mut layer.values, width, height, softness.max(0.0));
    layer.canvas().picture()
}

/// What the leaves of one picture have in common.
#[derive(Clone, Debug)]
struct Style {
    width: usize,
    height: usize,
    palette: Palette,
    kinds: Kinds,
    smallest: f32,
    largest: f32,
    /// Share of the larger leaves with a pattern.
    busy: f64,
    shadow: Option<Shadow>,
}

impl Style {
    fn draw(draw: &mut Draw, width: usize, height: usize) -> Self {
        let side = width.max(height) as f32;
        let kinds = [1.0, 0.8, 0.35, 1.0, 0.6, 0.15].map(|weight| weight * draw.unit().powi(2));
        let shadow = (draw.unit() < 0.4).then(|| {
            let angle = std::f32::consts::TAU * draw.unit() as f32;
            let length = 1.0 + 6.0 * draw.unit() as f32;
            Shadow {
                shift: [length * angle.cos(), length * angle.sin()],
                softness: 0.6 + 4.0 * draw.unit() as f32,
                depth: 0.15 + 0.5 * draw.unit() as f32,
            }
        });
        Self {
            width,
            height,
            palette: Palette::draw(draw),
            kinds,
            smallest: 1.0 * 20f32.powf(draw.unit() as f32),
            largest: side * (0.25 + 0.5 * draw.unit() as f32),
            busy: 0.15 + 0.7 * draw.unit(),
            shadow,
        }
    }

    /// A layer without holes.
    fn filled(&self, draw: &mut Draw) -> Layer {
        let mut layer = self.partly(draw, 0.01);
        layer.close(&self.ground(draw));
        layer
    }

    /// A layer of which `still_open` is left open.
    fn partly(&self, draw: &mut Draw, still_open: f32) -> Layer {
        let mut layer = Layer::new(self.width, self.height);
        for count in 0..MOST {
            let radius = shape::radius(draw, self.smallest, self.largest);
            let place = |draw: &mut Draw, end: usize| {
                (end as f32 + 2.0 * radius) * draw.unit() as f32 - radius
            };
            let centre = [place(draw, self.width), place(draw, self.height)];
            let shape = Shape::draw(draw, &self.kinds, centre, radius);
            let texture = Texture::draw(draw, &self.palette, centre, radius, self.busy);
            let shadow = self.shadow.as_ref().filter(|_| radius > 4.0);
            layer.paint(&shape, &texture, shadow);
            if count % 16 == 0 && layer.open() <= still_open {
                break;
            }
        }
        layer
    }

    /// A surface as large as the picture.
    fn ground(&self, draw: &mut Draw) -> Texture {
        let centre = [0.5 * self.width as f32, 0.5 * self.height as f32];
        let radius = 0.7 * self.width.max(self.height) as f32;
        Texture::draw(draw, &self.palette, centre, radius, 0.5 + 0.5 * self.busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::canvas::colours;

    #[test]
    fn a_picture_depends_on_seed_and_number_alone_and_is_not_flat() {
        for index in 0..6 {
            let first = picture(1, index, 96, 64);
            assert_eq!(first, picture(1, index, 96, 64));
            assert_ne!(first, picture(2, index, 96, 64));
            let colours = colours(&first);
            let mean = colours.iter().sum::<f32>() / colours.len() as f32;
            let variance = colours.iter().map(|v| (v - mean).powi(2)).sum::<f32>();
            assert!(variance / colours.len() as f32 > 1e-4, "picture {index}");
        }
    }
}
