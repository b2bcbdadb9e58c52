//! The four bundled networks.

use whyfinder_model::network::{NodeId, Operation};

use candle_core::{Device, Tensor};

use super::degrade::SCALE;
use super::plant::{Plant, Trainable};
use crate::error::Result;

/// A bundled restoration network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Demo {
    /// Four times larger, by convolutions alone (EDSR: Lim et al. 2017).
    SrLocal,
    /// The same with channel attention (RCAN: Zhang et al. 2018).
    SrChannel,
    /// Four times larger, with attention inside shifted windows (SwinIR: Liang et al. 2021).
    SrWindow,
    /// Against Gaussian noise of sigma 50 (DnCNN: Zhang et al. 2017).
    Denoise,
}

/// Mean colour that the published networks subtract, of DIV2K.
const MEAN: [f32; 3] = [0.4488, 0.4371, 0.4040];

/// Channels of the convolutional super-resolvers.
const WIDTH: usize = 40;
/// Residual blocks of `sr-local`; `sr-channel` has as many in [`GROUPS`] groups.
const BLOCKS: usize = 10;
const GROUPS: usize = 2;
/// Times fewer channels between the two matrices of the channel attention.
const SQUEEZE: usize = 8;
/// Channels of `sr-window`.
const WINDOW_WIDTH: usize = 48;
const WINDOW_LAYERS: usize = 3;
const WINDOW_BLOCKS: usize = 4;
const HEADS: usize = 4;
/// Side of an attention window, pixels.
pub const WINDOW: usize = 8;
/// Times more channels inside the feed-forward part of `sr-window`.
const FEED_FORWARD: usize = 2;
/// Channels and convolutions of `denoise`.
const NOISE_WIDTH: usize = 48;
const NOISE_LAYERS: usize = 17;

impl Demo {
    pub const ALL: [Self; 4] = [
        Self::SrLocal,
        Self::SrChannel,
        Self::SrWindow,
        Self::Denoise,
    ];

    /// After `demo:`.
    pub fn name(self) -> &'static str {
        match self {
            Self::SrLocal => "sr-local",
            Self::SrChannel => "sr-channel",
            Self::SrWindow => "sr-window",
            Self::Denoise => "denoise",
        }
    }

    /// Output pixels per input pixel, along each side.
    pub fn scale(self) -> usize {
        match self {
            Self::Denoise => 1,
            _ => SCALE,
        }
    }

    /// Pictures in a step, and the pixels on each side of what the network sees of them.
    pub fn batch(self) -> (usize, usize) {
        match self {
            Self::SrLocal | Self::SrChannel => (16, 24),
            Self::SrWindow => (8, 24),
            Self::Denoise => (16, 48),
        }
    }

    /// How many times larger the values are inside the published network than in training. Convolutions and ReLU pass
    /// a factor on, so that only biases and what leads into a sigmoid differ.
    pub(super) fn range(self) -> f32 {
        match self {
            Self::SrLocal | Self::SrChannel => 255.0,
            Self::SrWindow | Self::Denoise => 1.0,
        }
    }

    /// The network with start values of `seed`.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn untrained(self, seed: u64) -> Result<Trainable> {
        let mut plant = Plant::new(seed);
        match self {
            Self::SrLocal => local(&mut plant)?,
            Self::SrChannel => channel(&mut plant)?,
            Self::SrWindow => window(&mut plant)?,
            Self::Denoise => denoise(&mut plant, NOISE_LAYERS)?,
        }
        Ok(plant.finish(self.scale()))
    }

    /// Whether the file holds half precision: with all in single precision the four would take over six megabytes.
    pub fn is_half(self) -> bool {
        matches!(self, Self::SrWindow | Self::Denoise)
    }

    #[cfg(test)]
    pub(super) fn chain(seed: u64, layers: usize) -> Result<Trainable> {
        let mut plant = Plant::new(seed);
        denoise(&mut plant, layers)?;
        Ok(plant.finish(1))
    }
}

const PICTURE: NodeId = whyfinder_model::network::Builder::PICTURE;

fn denoise(plant: &mut Plant, layers: usize) -> Result<()> {
    let mut x = PICTURE;
    for layer in 0..layers {
        let (first, last) = (layer == 0, layer + 1 == layers);
        let input = if first { 3 } else { NOISE_WIDTH };
        let output = if last { 3 } else { NOISE_WIDTH };
        let gain = if last { 0.1 } else { 1.0 };
        let name = format!("model.{}", 2 * layer);
        x = plant.convolution(&name, 3, (input, output), gain, x)?;
        if !last {
            x = plant.relu(&format!("model.{}", 2 * layer + 1), x);
        }
    }
    plant
        .builder
        .push("output", Operation::Subtract, [PICTURE, x]);
    Ok(())
}

fn local(plant: &mut Plant) -> Result<()> {
    let x = shifted(plant, "input_mean", PICTURE, -1.0)?;
    let head = first(plant, WIDTH, x)?;
    let mut x = head;
    for block in 0..BLOCKS {
        let y = block_convolutions(
            plant,
            &format!("body.{block}.conv1"),
            &format!("body.{block}.conv2"),
            x,
        )?;
        x = plant.builder.add(format!("body.{block}"), x, y);
    }
    tail(plant, head, x)
}

fn channel(plant: &mut Plant) -> Result<()> {
    let x = shifted(plant, "input_mean", PICTURE, -1.0)?;
    let head = first(plant, WIDTH, x)?;
    let mut x = head;
    for group in 0..GROUPS {
        let start = x;
        for block in 0..BLOCKS / GROUPS {
            let name = format!("body.{group}.residual_group.{block}");
            let part = |n: &str| format!("{name}.rcab.{n}");
            let y = block_convolutions(plant, &part("0"), &part("2"), x)?;
            let mean = plant
                .builder
                .push(part("3.attention.0"), Operation::GlobalMean, [y]);
            let few = WIDTH / SQUEEZE;
            let z = plant.convolution(&part("3.attention.1"), 1, (WIDTH, few), 1.0, mean)?;
            let z = plant.relu(&part("3.attention.2"), z);
            let z = plant.convolution(&part("3.attention.3"), 1, (few, WIDTH), 0.5, z)?;
            let z = plant.builder.activation(
                part("3.attention.4"),
                whyfinder_model::network::Nonlinearity::Sigmoid,
                z,
            );
            let y = plant.builder.push(part("3"), Operation::Multiply, [y, z]);
            x = plant.builder.add(name, x, y);
        }
        let y = plant.convolution(&format!("body.{group}.conv"), 3, (WIDTH, WIDTH), 0.1, x)?;
        x = plant.builder.add(format!("body.{group}"), start, y);
    }
    tail(plant, head, x)
}

fn window(plant: &mut Plant) -> Result<()> {
    let c = WINDOW_WIDTH;
    let x = shifted(plant, "input_mean", PICTURE, -1.0)?;
    let x = plant
        .builder
        .push("input_padded", Operation::PadToMultiple(WINDOW), [x]);
    let head = first(plant, c, x)?;
    let mut x = plant.norm("patch_embed.norm", c, head)?;
    for layer in 0..WINDOW_LAYERS {
        let start = x;
        for block in 0..WINDOW_BLOCKS {
            let name = format!("layers.{layer}.residual_group.blocks.{block}");
            let part = |n: &str| format!("{name}.{n}");
            let shift = if block % 2 == 0 { 0 } else { WINDOW / 2 };
            let y = plant.norm(&part("norm1"), c, x)?;
            let y = plant.convolution(&part("attn.qkv"), 1, (c, 3 * c), 0.7, y)?;
            let y = plant.attention(&part("attn"), HEADS, WINDOW, shift, y)?;
            let y = plant.convolution(&part("attn.proj"), 1, (c, c), 0.2, y)?;
            x = plant.builder.add(part("attn.sum"), x, y);
            let y = plant.norm(&part("norm2"), c, x)?;
            let y = plant.convolution(&part("mlp.fc1"), 1, (c, FEED_FORWARD * c), 0.7, y)?;
            let y = plant.builder.activation(
                part("mlp.act"),
                whyfinder_model::network::Nonlinearity::Gelu,
                y,
            );
            let y = plant.convolution(&part("mlp.fc2"), 1, (FEED_FORWARD * c, c), 0.2, y)?;
            x = plant.builder.add(part("mlp.sum"), x, y);
        }
        let y = plant.convolution(&format!("layers.{layer}.conv"), 3, (c, c), 0.3, x)?;
        x = plant.builder.add(format!("layers.{layer}"), start, y);
    }
    let x = plant.norm("norm", c, x)?;
    let x = plant.convolution("conv_after_body", 3, (c, c), 0.01, x)?;
    let x = plant.builder.add("body", x, head);
    let outputs = 3 * SCALE * SCALE;
    let x = plant.shaped_last("upsample.0", 3, (c, outputs), x, |w| {
        interpolate(w, c, outputs, SCALE);
    })?;
    let x = plant
        .builder
        .push("upsample.1", Operation::PixelShuffle(SCALE), [x]);
    let crop = Operation::CropToPicture { scale: SCALE };
    let x = plant.builder.push("output_cropped", crop, [x]);
    shifted(plant, "output_mean", x, 1.0)?;
    Ok(())
}

/// The mean colour added `times` times.
fn shifted(plant: &mut Plant, name: &str, x: NodeId, times: f32) -> Result<NodeId> {
    let affine = Operation::Affine {
        scale: Tensor::new(&[1f32; 3], &Device::Cpu)?,
        shift: Tensor::new(&MEAN.map(|m| times * m), &Device::Cpu)?,
    };
    Ok(plant.builder.push(name, affine, [x]))
}

/// The first convolution. Three of its channels start as the colours themselves; with what [`tail`] starts as, the
/// network begins as a bilinear enlargement and learns what that lacks.
fn first(plant: &mut Plant, width: usize, x: NodeId) -> Result<NodeId> {
    plant.shaped("conv_first", 3, (3, width), 1.0, x, |w| {
        interpolate_plainly(w, 3, width);
    })
}

fn block_convolutions(plant: &mut Plant, one: &str, two: &str, x: NodeId) -> Result<NodeId> {
    let x = plant.convolution(one, 3, (WIDTH, WIDTH), 1.0, x)?;
    let x = plant.relu(&format!("{one}.relu"), x);
    plant.convolution(two, 3, (WIDTH, WIDTH), 0.2, x)
}

/// From the trunk's end to the picture, by two shuffles.
fn tail(plant: &mut Plant, head: NodeId, x: NodeId) -> Result<()> {
    let x = plant.convolution("conv_after_body", 3, (WIDTH, WIDTH), 0.01, x)?;
    let mut x = plant.builder.add("body", x, head);
    for step in 0..2 {
        let name = |part: usize| format!("upsample.{}", 2 * step + part);
        x = plant.shaped(&name(0), 3, (WIDTH, 4 * WIDTH), 0.7, x, |w| {
            interpolate(w, WIDTH, 4 * WIDTH, 2);
        })?;
        x = plant.builder.push(name(1), Operation::PixelShuffle(2), [x]);
    }
    let x = plant.shaped_last("conv_last", 3, (WIDTH, 3), x, |w| {
        interpolate_plainly(w, WIDTH, 3);
    })?;
    shifted(plant, "output_mean", x, 1.0)?;
    Ok(())
}

/// Makes the first three output channels copies of the first three input channels.
fn interpolate_plainly(weights: &mut [f32], input: usize, output: usize) {
    interpolate(weights, input, output, 1);
}

/// Makes the outputs that a pixel shuffle by `r` turns into the first three channels a bilinear enlargement of the
/// first three input channels. Weights `[3, 3, input, output]`.
fn interpolate(weights: &mut [f32], input: usize, output: usize, r: usize) {
    // What the sub-pixel `phase` reads of the pixel before, at and after it.
    let taps = |phase: usize| {
        let offset = (phase as f32 + 0.5) / r as f32 - 0.5;
        [(-offset).max(0.0), 1.0 - offset.abs(), offset.max(0.0)]
    };
    for channel in 0..3 {
        for phase in 0..r * r {
            let (rows, columns) = (taps(phase / r), taps(phase % r));
            let out = channel * r * r + phase;
            for place in 0..9 {
                for from in 0..input {
                    let share = if from == channel { 1.0 } else { 0.0 };
                    weights[(place * input + from) * output + out] =
                        share * rows[place / 3] * columns[place % 3];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::Picture;
    use crate::restoration::degrade::{enlarge, shrink};
    use crate::restoration::score::{psnr, restore};

    #[test]
    fn super_resolvers_begin_about_as_good_as_interpolation() {
        let picture = crate::pictures::leaves::picture(3, 1, 64, 64);
        let small = shrink(&picture);
        let bicubic = psnr(&enlarge(&small), &picture);
        for demo in [Demo::SrLocal, Demo::SrChannel, Demo::SrWindow] {
            let network = demo.untrained(1).and_then(|t| t.network()).expect("builds");
            let restored: Picture = restore(&network, &small).expect("runs");
            let found = psnr(&restored, &picture);
            assert!(found > bicubic - 1.5, "{demo:?} {found} {bicubic}");
        }
    }

    #[test]
    fn all_of_them_together_fit_into_six_megabytes() {
        let bytes: usize = Demo::ALL
            .iter()
            .map(|demo| {
                let each = if demo.is_half() { 2 } else { 4 };
                each * demo.untrained(1).expect("builds").parameters.count()
            })
            .sum();
        assert!(bytes < 6_000_000, "{bytes}");
    }
}
