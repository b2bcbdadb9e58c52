//! Batches of small parts of many pictures.

use std::collections::VecDeque;

use candle_core::{Device, Tensor};

use super::architecture::Demo;
use super::degrade::{Noise, shrink};
use crate::draw::Draw;
use crate::error::Result;
use crate::pictures::canvas::{colours, turned};
use crate::pictures::{Picture, leaves};

/// Pixels on each side of the pictures that parts are cut from.
const SIDE: usize = 256;
/// Pictures that parts are cut from in one step, after which one is replaced. Drawing one costs more than cutting from
/// it, so each stays a while.
const POOL: u64 = 48;

/// The window of pictures that slides along with the steps, so that a step's batch depends on its number alone.
#[derive(Clone, Debug)]
pub struct Crops {
    seed: u64,
    demo: Demo,
    first: u64,
    pictures: VecDeque<Picture>,
}

/// What a network is shown and what it should answer, `[N, H, W, 3]`; black is 0 and white is 1, and noise that is not
/// cut goes beyond.
#[derive(Clone, Debug)]
pub struct Batch {
    pub input: Tensor,
    pub truth: Tensor,
}

impl Crops {
    pub fn new(demo: Demo, seed: u64) -> Self {
        Self {
            seed,
            demo,
            first: 0,
            pictures: VecDeque::new(),
        }
    }

    /// The batch of step `step`: `count` parts, each `side` pixels as the network sees them.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn batch(&mut self, step: u64, count: usize, side: usize) -> Result<Batch> {
        self.slide_to(step);
        // Pictures and batches are drawn from streams of their own.
        let mut draw = Draw::stream(self.seed ^ 0x6372_6f70, step);
        let scale = self.demo.scale();
        let large = side * scale;
        let (mut input, mut truth) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let picture = &self.pictures[draw.below(self.pictures.len())];
            let (x, y) = (draw.below(SIDE - large + 1), draw.below(SIDE - large + 1));
            let part = picture
                .cropped(x, y, large, large)
                .unwrap_or_else(|| picture.clone());
            let good = turned(&part, draw.below(8));
            match self.demo {
                Demo::Denoise => {
                    let noise = Noise::ALL[draw.below(Noise::ALL.len())];
                    input.extend(noise.on(&good, &mut draw));
                }
                _ => input.extend(colours(&shrink(&good))),
            }
            truth.extend(colours(&good));
        }
        let device = Device::Cpu;
        Ok(Batch {
            input: Tensor::from_vec(input, (count, side, side, 3), &device)?,
            truth: Tensor::from_vec(truth, (count, large, large, 3), &device)?,
        })
    }

    fn slide_to(&mut self, first: u64) {
        if first < self.first || first >= self.first + POOL {
            self.pictures.clear();
            self.first = first;
        }
        while self.first < first {
            self.pictures.pop_front();
            self.first += 1;
        }
        while (self.pictures.len() as u64) < POOL {
            let index = self.first + self.pictures.len() as u64;
            let picture = leaves::picture(self.seed, index, SIDE, SIDE);
            self.pictures.push_back(picture);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor
            .flatten_all()
            .and_then(|t| t.to_vec1())
            .expect("values")
    }

    #[test]
    fn a_batch_depends_on_its_step_alone() {
        let mut walked = Crops::new(Demo::SrLocal, 5);
        for step in 0..3 {
            walked.batch(step, 1, 8).expect("a batch");
        }
        let (a, b) = (
            walked.batch(3, 2, 8).expect("a batch"),
            Crops::new(Demo::SrLocal, 5)
                .batch(3, 2, 8)
                .expect("a batch"),
        );
        assert_eq!(values(&a.input), values(&b.input));
        assert_eq!(values(&a.truth), values(&b.truth));
        assert_eq!(a.truth.dims(), [2, 32, 32, 3]);
    }
}
