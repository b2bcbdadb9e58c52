//! Pictures in main memory.

use candle_core::{Device, Tensor};
use whyfinder_model::network::Rect;

use crate::error::Result;

/// One picture, `[height, width, channels]` row-major, values mostly in 0..=1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pixels {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) values: Vec<f32>,
}

impl Pixels {
    /// Of a tensor `[1, H, W, C]`.
    #[cfg(test)]
    pub(crate) fn of(picture: &Tensor) -> Result<Self> {
        let (_, height, width, channels) = picture.dims4()?;
        Ok(Self {
            height,
            width,
            channels,
            values: picture.flatten_all()?.to_vec1()?,
        })
    }

    pub(crate) fn tensor(&self, device: &Device) -> Result<Tensor> {
        let shape = (1, self.height, self.width, self.channels);
        Ok(Tensor::from_slice(&self.values, shape, device)?)
    }

    pub(crate) fn filled(&self, colour: &[f32]) -> Self {
        let pixel = colour.iter().copied().cycle().take(self.channels);
        let pixel: Vec<f32> = pixel.collect();
        Self {
            values: pixel.repeat(self.height * self.width),
            ..*self
        }
    }

    /// The mean colour of a part, one value per channel.
    pub(crate) fn mean(&self, rect: &Rect) -> Vec<f32> {
        let mut sums = vec![0.0f64; self.channels];
        for row in rect.rows.clone() {
            for pixel in self.row(row, rect).chunks_exact(self.channels) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += f64::from(value);
                }
            }
        }
        let count = rect.pixels().max(1) as f64;
        sums.into_iter().map(|sum| (sum / count) as f32).collect()
    }

    /// A part as a picture of its own.
    pub(crate) fn part(&self, rect: &Rect) -> Self {
        Self {
            height: rect.height(),
            width: rect.width(),
            channels: self.channels,
            values: rect
                .rows
                .clone()
                .flat_map(|row| self.row(row, rect))
                .copied()
                .collect(),
        }
    }

    /// Takes a part over from a picture of the same size.
    pub(crate) fn take_over(&mut self, rect: &Rect, from: &Self) {
        for row in rect.rows.clone() {
            let span = self.span(row, rect);
            self.values[span.clone()].copy_from_slice(&from.values[span]);
        }
    }

    pub(crate) fn whole(&self) -> Rect {
        Rect::whole(self.height, self.width)
    }

    fn row(&self, row: usize, rect: &Rect) -> &[f32] {
        &self.values[self.span(row, rect)]
    }

    /// Where the values of one row of a part stand.
    pub(crate) fn span(&self, row: usize, rect: &Rect) -> std::ops::Range<usize> {
        let first = (row * self.width + rect.columns.start) * self.channels;
        first..first + rect.width() * self.channels
    }
}
