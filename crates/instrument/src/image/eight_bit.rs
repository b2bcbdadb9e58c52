//! Pictures of 8 bits, as files hold them and as qualities are measured on them.

use candle_core::{Device, Tensor};
use whyfinder_experiment::Picture;
use whyfinder_model::network::Rect;

use crate::error::Result;

/// One picture, `[height, width, channels]` row-major, 0 to 255.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EightBit {
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// 1 (grey) or 3 (RGB).
    pub(crate) channels: usize,
    pub(crate) values: Vec<u8>,
}

impl EightBit {
    /// A picture in the colours of a network.
    pub(crate) fn of(picture: &Picture, channels: usize) -> Self {
        Self {
            height: picture.height,
            width: picture.width,
            channels,
            values: in_channels(&picture.rgb, channels),
        }
    }

    /// A small picture that stands for itself.
    pub(crate) fn new(height: usize, width: usize, channels: usize, values: Vec<u8>) -> Self {
        debug_assert_eq!(values.len(), height * width * channels);
        Self {
            height,
            width,
            channels,
            values,
        }
    }

    /// `[1, height, width, channels]`, 0 to 1.
    pub(crate) fn tensor(&self, device: &Device) -> Result<Tensor> {
        let shape = (1, self.height, self.width, self.channels);
        Ok(Tensor::from_vec(unit(&self.values), shape, device)?)
    }

    /// Row-major values of a part, which has to lie inside.
    pub(crate) fn part(&self, rect: &Rect) -> Vec<u8> {
        let mut part = Vec::with_capacity(rect.pixels() * self.channels);
        for row in rect.rows.clone() {
            let first = (row * self.width + rect.columns.start) * self.channels;
            part.extend_from_slice(&self.values[first..first + rect.width() * self.channels]);
        }
        part
    }

    /// The top left part, as large as it is up to these sides.
    pub(crate) fn top_left(&self, height: usize, width: usize) -> Self {
        let (height, width) = (height.min(self.height), width.min(self.width));
        let values = self.part(&Rect::new(0..height, 0..width));
        Self::new(height, width, self.channels, values)
    }
}

/// 0 to 1, as networks take it.
pub(crate) fn unit(values: &[u8]) -> Vec<f32> {
    values.iter().map(|&v| f32::from(v) / 255.0).collect()
}

/// RGB in 3 channels, or as brightness in 1 (ITU-R 601, in the integers of Pillow's mode "L").
pub(crate) fn in_channels(rgb: &[u8], channels: usize) -> Vec<u8> {
    if channels == 3 {
        return rgb.to_vec();
    }
    rgb.as_chunks::<3>()
        .0
        .iter()
        .map(|&[r, g, b]| {
            let sum = u32::from(r) * 19595 + u32::from(g) * 38470 + u32::from(b) * 7471 + 0x8000;
            (sum >> 16) as u8
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_is_pillows() {
        // Image.fromarray(numpy.uint8([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [12, 200, 77]]])).convert("L")
        let rgb = [255, 0, 0, 0, 255, 0, 0, 0, 255, 12, 200, 77];
        assert_eq!(in_channels(&rgb, 1), [76, 150, 29, 130]);
        assert_eq!(in_channels(&rgb, 3), rgb);
    }

    #[test]
    fn parts_are_row_major() {
        let picture = EightBit::new(3, 4, 1, (0..12).collect());
        assert_eq!(picture.part(&Rect::new(1..3, 1..3)), [5, 6, 9, 10]);
        assert_eq!(picture.top_left(2, 9).values, [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
