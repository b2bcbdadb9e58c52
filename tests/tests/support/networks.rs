//! Tiny restoration networks, noisy pictures for real ones, and how alike two pictures are.

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
    /// Of half the sum of the output's squares.
    pub(crate) gradient: Tensor,
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
        gradient: tensor("gradient"),
        noise: state.load("noise").map_or(0.0, |noise| noise[0]),
    }
}

/// The bundled pictures with their names, `[1, height, width, channels]` in 0..=1; grey (Rec. 601) for one channel.
pub(crate) fn bundled(channels: usize) -> Vec<(&'static str, Tensor)> {
    let each = whyfinder_experiment::picture::bundled::PICTURES.iter();
    each.map(|bundled| {
        let read = whyfinder_experiment::read_picture(&format!("picture:{}", bundled.name));
        let picture = read.expect("bundled").picture;
        let shape = (1, picture.height, picture.width, 3);
        let values = picture.rgb.iter().map(|&v| f32::from(v) / 255.0).collect();
        let mut tensor = Tensor::from_vec(values, shape, &Device::Cpu).expect("a picture");
        if channels == 1 {
            let shares = Tensor::new(&[0.299_f32, 0.587, 0.114], &Device::Cpu).expect("shares");
            tensor = tensor
                .broadcast_mul(&shares)
                .and_then(|shares| shares.sum_keepdim(3))
                .expect("grey");
        }
        (bundled.name, tensor)
    })
    .collect()
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
