//! How good a network is, in dB.

use candle_core::{Device, Tensor};
use whyfinder_model::network::{Network, NoNodeProbe, forward};

use super::architecture::Demo;
use super::degrade::{SIGMA, add_noise, enlarge, shrink};
use crate::draw::Draw;
use crate::error::Result;
use crate::pictures::Picture;
use crate::pictures::canvas::{byte, colours};

/// What a picture scores before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    pub picture: String,
    /// Of the bicubic enlargement, or of the noisy picture. PSNR over RGB in dB.
    pub before: f64,
    /// Of the network's output.
    pub after: f64,
}

/// Peak signal-to-noise ratio over all pixels and channels, in dB; infinite if the pictures are equal.
pub fn psnr(a: &Picture, b: &Picture) -> f64 {
    let sum: f64 = a
        .rgb
        .iter()
        .zip(&b.rgb)
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
        .sum();
    let error = sum / a.rgb.len().max(1) as f64;
    10.0 * (255.0 * 255.0 / error).log10()
}

/// The degraded picture that a network is asked to restore; `number` chooses the noise.
pub fn degraded(demo: Demo, picture: &Picture, number: u64) -> Picture {
    match demo {
        Demo::Denoise => add_noise(picture, &mut Draw::stream(0x7363_6f72, number)),
        _ => shrink(picture),
    }
}

/// What a network makes of a picture, in 8 bits.
///
/// # Errors
/// When the network cannot be run on it.
pub fn restore(network: &Network, picture: &Picture) -> Result<Picture> {
    let shape = (1, picture.height, picture.width, 3);
    let input = Tensor::from_vec(colours(picture), shape, &Device::Cpu)?;
    let output = forward(network, &input, SIGMA / 255.0, &mut NoNodeProbe)?;
    let (_, height, width, _) = output.dims4()?;
    let values = output.flatten_all()?.to_vec1::<f32>()?;
    Ok(Picture {
        width,
        height,
        rgb: values.into_iter().map(byte).collect(),
    })
}

/// Scores a network on pictures.
///
/// # Errors
/// When the network cannot be run.
pub fn score(demo: Demo, network: &Network, pictures: &[(String, Picture)]) -> Result<Vec<Score>> {
    pictures
        .iter()
        .enumerate()
        .map(|(number, (name, truth))| {
            let bad = degraded(demo, truth, number as u64);
            let before = match demo {
                Demo::Denoise => psnr(&bad, truth),
                _ => psnr(&enlarge(&bad), truth),
            };
            Ok(Score {
                picture: name.clone(),
                before,
                after: psnr(&restore(network, &bad)?, truth),
            })
        })
        .collect()
}

/// The mean gain over pictures whose names start with `leaves`, and over the others, in dB.
pub fn gains(scores: &[Score]) -> (f64, f64) {
    let mean = |leaves: bool| {
        let gains: Vec<f64> = scores
            .iter()
            .filter(|s| s.picture.starts_with("leaves") == leaves)
            .map(|s| s.after - s.before)
            .collect();
        gains.iter().sum::<f64>() / gains.len().max(1) as f64
    };
    (mean(true), mean(false))
}

/// A Markdown table.
pub fn table(scores: &[Score]) -> String {
    let mut text = "| picture | before | after | gain |\n|---|---|---|---|\n".to_string();
    for s in scores {
        let gain = s.after - s.before;
        text += &format!(
            "| {} | {:.2} | {:.2} | {gain:+.2} |\n",
            s.picture, s.before, s.after
        );
    }
    text
}
