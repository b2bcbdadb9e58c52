//! Weights files with random numbers, in the layouts that published programs store.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};

/// A tensor to be drawn.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// Values lie evenly between `mean - spread` and `mean + spread`.
    pub(crate) mean: f32,
    pub(crate) spread: f32,
}

/// Even draws from a seed (xorshift*), the same on every machine.
#[derive(Debug)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Between -1 and 1.
    pub(crate) fn next(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40;
        bits as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// `shape` of values between `mean - spread` and `mean + spread`.
    pub(crate) fn tensor(&mut self, shape: &[usize], mean: f32, spread: f32) -> Result<Tensor> {
        let len = shape.iter().product::<usize>();
        let values: Vec<f32> = (0..len).map(|_| mean + spread * self.next()).collect();
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }
}

/// Writes a `.safetensors` file; the same seed gives the same file.
pub(crate) fn write(path: &Path, tensors: &[Drawn], seed: u64) -> Result<()> {
    let mut draws = Draws::new(seed);
    let mut made = HashMap::new();
    for drawn in tensors {
        let tensor = draws.tensor(&drawn.shape, drawn.mean, drawn.spread)?;
        made.insert(drawn.name.clone(), tensor);
    }
    candle_core::safetensors::save(&made, path)
        .with_context(|| format!("Could not write {}", path.display()))
}
