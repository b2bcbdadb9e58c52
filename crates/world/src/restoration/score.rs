//! How good a network is, in dB.

use candle_core::{Device, Tensor};
use whyfinder_model::network::{Network, NoNodeProbe, forward};

use super::architecture::Demo;
use super::degrade::{Noise, SIGMA, enlarge, shrink};
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
    psnr_of(&colours(a), b)
}

/// The same for values of which black is 0 and white is 1.
fn psnr_of(values: &[f32], b: &Picture) -> f64 {
    let sum: f64 = values
        .iter()
        .zip(&b.rgb)
        .map(|(a, b)| (255.0 * f64::from(*a) - f64::from(*b)).powi(2))
        .sum();
    let error = sum / values.len().max(1) as f64;
    10.0 * (255.0 * 255.0 / error).log10()
}

/// What a network makes of a picture, in 8 bits.
///
/// # Errors
/// When the network cannot be run on it.
pub fn restore(network: &Network, picture: &Picture) -> Result<Picture> {
    restore_values(network, colours(picture), (picture.width, picture.height))
}

/// The same of `values`, of which black is 0 and white is 1, of a picture so wide and high.
fn restore_values(
    network: &Network,
    values: Vec<f32>,
    (width, height): (usize, usize),
) -> Result<Picture> {
    let input = Tensor::from_vec(values, (1, height, width, 3), &Device::Cpu)?;
    let output = forward(network, &input, SIGMA / 255.0, &mut NoNodeProbe)?;
    let (_, height, width, _) = output.dims4()?;
    let values = output.flatten_all()?.to_vec1::<f32>()?;
    Ok(Picture {
        width,
        height,
        rgb: values.into_iter().map(byte).collect(),
    })
}

/// Scores a super-resolver on pictures, against the bicubic enlargement.
///
/// # Errors
/// When the network cannot be run.
pub fn score_enlarging(network: &Network, pictures: &[(String, Picture)]) -> Result<Vec<Score>> {
    pictures
        .iter()
        .map(|(name, truth)| {
            let bad = shrink(truth);
            Ok(Score {
                picture: name.clone(),
                before: psnr(&enlarge(&bad), truth),
                after: psnr(&restore(network, &bad)?, truth),
            })
        })
        .collect()
}

/// Scores a denoiser on pictures, against the noisy ones.
///
/// # Errors
/// When the network cannot be run.
pub fn score_denoising(
    network: &Network,
    noise: Noise,
    pictures: &[(String, Picture)],
) -> Result<Vec<Score>> {
    pictures
        .iter()
        .enumerate()
        .map(|(number, (name, truth))| {
            let bad = noise.on(truth, &mut Draw::stream(0x7363_6f72, number as u64));
            let before = psnr_of(&bad, truth);
            let restored = restore_values(network, bad, (truth.width, truth.height))?;
            Ok(Score {
                picture: name.clone(),
                before,
                after: psnr(&restored, truth),
            })
        })
        .collect()
}

/// Scores a bundled network, with a word on what it was given: a denoiser twice, with noise that is cut and not.
///
/// # Errors
/// When the network cannot be run.
pub fn score(
    demo: Demo,
    network: &Network,
    pictures: &[(String, Picture)],
) -> Result<Vec<(&'static str, Vec<Score>)>> {
    if demo != Demo::Denoise {
        return Ok(vec![(
            "four times larger",
            score_enlarging(network, pictures)?,
        )]);
    }
    [("cut noise", Noise::Cut), ("uncut noise", Noise::Uncut)]
        .into_iter()
        .map(|(word, noise)| Ok((word, score_denoising(network, noise, pictures)?)))
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
