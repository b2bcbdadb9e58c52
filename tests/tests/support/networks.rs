//! Tiny restoration networks, pictures for real ones, and how alike two pictures are.

// Each test binary uses its own part of this.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use whyfinder_model::network::{ImageModel, open_network};
use whyfinder_model::{ModelError, OpenOptions, state_dict};

/// The weights in a folder of `fixtures/networks`.
pub(crate) fn weights_in(folder: &Path) -> PathBuf {
    ["weights.safetensors", "weights.pth"]
        .map(|name| folder.join(name))
        .into_iter()
        .find(|path| path.is_file())
        .expect("run tests/fixtures/make_networks.py")
}

pub(crate) fn opened(path: &Path) -> Result<ImageModel, ModelError> {
    let options = OpenOptions {
        device: Device::Cpu,
        ..OpenOptions::default()
    };
    open_network(&path.to_string_lossy(), &options)
}

/// A picture and what PyTorch makes of it.
pub(crate) struct Pair {
    pub(crate) input: Tensor,
    pub(crate) output: Tensor,
    /// 0 where the network is not told.
    pub(crate) noise: f32,
}

pub(crate) fn read_pair(folder: &Path) -> Pair {
    let state = state_dict::read_file(&folder.join("pair.safetensors")).expect("a pair");
    let tensor = |name: &str| {
        let values = state.load(name).expect("values");
        let shape = state.shape(name).expect("a shape");
        Tensor::from_vec(values, shape, &Device::Cpu).expect("a tensor")
    };
    Pair {
        input: tensor("input"),
        output: tensor("output"),
        noise: state.load("noise").map_or(0.0, |noise| noise[0]),
    }
}

/// A picture of shaded discs before each other, `[1, 128, 128, channels]` in 0..=1.
pub(crate) fn picture(channels: usize) -> Tensor {
    let side = 128;
    let mut random = Random(7);
    let mut values = vec![0.5_f32; side * side * channels];
    for _ in 0..120 {
        let radius = 8.0 * (1.0 - 0.98 * random.uniform()).powf(-0.5);
        let (row, column) = (random.uniform() * 128.0, random.uniform() * 128.0);
        let colour: Vec<f32> = (0..channels).map(|_| random.uniform()).collect();
        let slope = 0.01 * (random.uniform() - 0.5);
        for (place, pixel) in values.chunks_mut(channels).enumerate() {
            let down = (place / side) as f32 - row;
            let right = (place % side) as f32 - column;
            let cover = (radius - down.hypot(right) + 0.5).clamp(0.0, 1.0);
            for (value, colour) in pixel.iter_mut().zip(&colour) {
                let shade = (colour + slope * right).clamp(0.0, 1.0);
                *value += (shade - *value) * cover;
            }
        }
    }
    Tensor::from_vec(values, (1, side, side, channels), &Device::Cpu).expect("a picture")
}

/// Normal noise of this spread added.
pub(crate) fn noisy(picture: &Tensor, sigma: f32) -> Tensor {
    let mut random = Random(25);
    let noise: Vec<f32> = (0..picture.elem_count())
        .map(|_| {
            let radius = (-2.0 * random.uniform().max(1e-9).ln()).sqrt();
            sigma * radius * (std::f32::consts::TAU * random.uniform()).cos()
        })
        .collect();
    let noise = Tensor::from_vec(noise, picture.shape(), &Device::Cpu).expect("noise");
    (picture + noise).expect("a picture")
}

/// Peak signal to noise, dB, of pictures clipped to 0..=1.
pub(crate) fn psnr(picture: &Tensor, truth: &Tensor) -> f32 {
    let error = picture
        .clamp(0.0, 1.0)
        .and_then(|picture| (picture - truth)?.sqr()?.mean_all()?.to_scalar::<f32>())
        .expect("an error");
    -10.0 * error.log10()
}

/// Greatest absolute difference; infinite if one is no number.
pub(crate) fn apart(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let worst: f32 = (a - b)
        .and_then(|difference| difference.abs()?.flatten_all()?.to_vec1())
        .expect("numbers")
        .into_iter()
        .fold(
            0.0,
            |worst, d: f32| if d > worst || d.is_nan() { d } else { worst },
        );
    if worst.is_nan() { f32::INFINITY } else { worst }
}

/// Numbers of SplitMix64.
struct Random(u64);

impl Random {
    /// In 0..1.
    fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }
}
