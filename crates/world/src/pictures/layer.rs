//! A sheet of leaves at one distance from the eye, painted from the front to the back.

use super::canvas::Canvas;
use super::colour::Rgb;
use super::shape::Shape;
use super::texture::Texture;

/// Values of a pixel: red, green and blue that came through so far, and the share that is still open.
pub const CHANNELS: usize = 4;

/// Half-painted pixels, `[height][width][CHANNELS]`.
#[derive(Clone, Debug)]
pub struct Layer {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
    /// Light that falls on what is still to be painted, 0 to 1, by pixel; empty while nothing casts a shadow.
    light: Vec<f32>,
}

/// The shadow that leaves cast on those behind them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shadow {
    /// Pixels towards which it falls.
    pub shift: [f32; 2],
    /// Pixels from its first dimming to its full depth.
    pub softness: f32,
    /// Share of the light taken away.
    pub depth: f32,
}

impl Layer {
    pub fn new(width: usize, height: usize) -> Self {
        let values = [0.0, 0.0, 0.0, 1.0].repeat(width * height);
        Self {
            width,
            height,
            values,
            light: Vec::new(),
        }
    }

    /// The share of the layer that is still open.
    pub fn open(&self) -> f32 {
        let sum: f32 = self.values.chunks_exact(CHANNELS).map(|p| p[3]).sum();
        sum / (self.width * self.height).max(1) as f32
    }

    /// Paints a leaf behind everything painted so far.
    pub fn paint(&mut self, shape: &Shape, texture: &Texture, shadow: Option<&Shadow>) {
        self.cover(shape, |x, y| texture.colour(x, y));
        if let Some(shadow) = shadow {
            self.shade(shape, shadow);
        }
    }

    fn cover(&mut self, shape: &Shape, colour: impl Fn(f32, f32) -> Rgb) {
        let (columns, rows) = self.extent(shape.centre, shape.reach + 1.0);
        for row in rows {
            let y = row as f32 + 0.5;
            for column in columns.clone() {
                let index = row * self.width + column;
                let pixel = &mut self.values[CHANNELS * index..CHANNELS * (index + 1)];
                if pixel[3] < 0.004 {
                    continue;
                }
                let x = column as f32 + 0.5;
                let covered = (0.5 - shape.distance(x, y)).clamp(0.0, 1.0);
                if covered == 0.0 {
                    continue;
                }
                let light = self.light.get(index).copied().unwrap_or(1.0);
                let share = pixel[3] * covered;
                for (value, c) in pixel.iter_mut().zip(colour(x, y)) {
                    *value += share * light * c;
                }
                pixel[3] -= share;
            }
        }
    }

    fn shade(&mut self, shape: &Shape, shadow: &Shadow) {
        if self.light.is_empty() {
            self.light = vec![1.0; self.width * self.height];
        }
        let centre = [
            shape.centre[0] + shadow.shift[0],
            shape.centre[1] + shadow.shift[1],
        ];
        let (columns, rows) = self.extent(centre, shape.reach + shadow.softness);
        for row in rows {
            for column in columns.clone() {
                let index = row * self.width + column;
                if self.values[CHANNELS * index + 3] < 0.004 {
                    continue;
                }
                let x = column as f32 + 0.5 - shadow.shift[0];
                let y = row as f32 + 0.5 - shadow.shift[1];
                let within = (0.5 - shape.distance(x, y) / (2.0 * shadow.softness)).clamp(0.0, 1.0);
                let smooth = within * within * (3.0 - 2.0 * within);
                // Many shadows on each other would be black.
                let light = &mut self.light[index];
                *light = light.min(1.0 - shadow.depth * smooth);
            }
        }
    }

    fn extent(
        &self,
        centre: [f32; 2],
        reach: f32,
    ) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let range = |centre: f32, end: usize| {
            let low = (centre - reach).floor().max(0.0) as usize;
            let high = (centre + reach).ceil().max(0.0) as usize;
            low.min(end)..high.min(end)
        };
        (range(centre[0], self.width), range(centre[1], self.height))
    }

    /// Closes what is still open with a surface behind everything.
    pub fn close(&mut self, texture: &Texture) {
        for (index, pixel) in self.values.chunks_exact_mut(CHANNELS).enumerate() {
            if pixel[3] <= 0.0 {
                continue;
            }
            let x = (index % self.width) as f32 + 0.5;
            let y = (index / self.width) as f32 + 0.5;
            let light = self.light.get(index).copied().unwrap_or(1.0);
            let share = light * pixel[3];
            for (value, c) in pixel.iter_mut().zip(texture.colour(x, y)) {
                *value += share * c;
            }
            pixel[3] = 0.0;
        }
    }

    /// This layer with `behind` seen through what it leaves open.
    pub fn over(mut self, behind: &Self) -> Self {
        for (front, back) in self
            .values
            .chunks_exact_mut(CHANNELS)
            .zip(behind.values.chunks_exact(CHANNELS))
        {
            let open = front[3];
            (0..3).for_each(|c| front[c] += open * back[c]);
            front[3] = open * back[3];
        }
        self
    }

    /// The colours; what is open is black.
    pub fn canvas(&self) -> Canvas {
        Canvas {
            width: self.width,
            height: self.height,
            values: self
                .values
                .chunks_exact(CHANNELS)
                .flat_map(|p| [p[0], p[1], p[2]])
                .collect(),
        }
    }
}
