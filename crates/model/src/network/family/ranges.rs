//! The colours that networks work on inside: around a mean, and up to 1 or 255.

use super::super::assembly::Assembly;
use super::super::node::NodeId;
use crate::error::Result;
use crate::network::Builder;

/// Mean colour of DIV2K, which published code subtracts without storing it.
const MEAN: [f32; 3] = [0.4488, 0.4371, 0.4040];

/// What a network's inside makes of 0..=1.
#[derive(Clone, Debug)]
pub(super) enum Colours {
    /// Nothing.
    AsTheyAre,
    /// `(x - mean) * range`; grey has mean 0.
    Centred { range: f32 },
    /// The stored layers `sub_mean` and `add_mean` (EDSR-PyTorch), on values up to `range`.
    Stored { range: f32 },
}

impl Colours {
    /// As EDSR-PyTorch's layout has them: the range shows in the stored mean, which lies within it. A mean of zero
    /// says nothing; that code's own default is 255.
    pub(super) fn stored(net: &mut Assembly<'_>) -> Result<Self> {
        if !net.state().contains("sub_mean.bias") {
            return Ok(Self::AsTheyAre);
        }
        let channels = net.channels(Builder::PICTURE);
        let means = net.values("sub_mean.bias", &[channels])?;
        let largest = means.iter().fold(0f32, |m, mean| m.max(mean.abs()));
        let range = if largest > 0.0 && largest <= 2.0 {
            1.0
        } else {
            255.0
        };
        Ok(Self::Stored { range })
    }

    /// What the first layer reads.
    pub(super) fn enter(&self, net: &mut Assembly<'_>, from: NodeId) -> Result<NodeId> {
        let channels = net.channels(Builder::PICTURE);
        match *self {
            Self::AsTheyAre => Ok(from),
            Self::Centred { range } => {
                let shift: Vec<f32> = mean(channels).iter().map(|m| -m * range).collect();
                net.affine("input_mean", &vec![range; channels], &shift, from)
            }
            Self::Stored { range } => {
                let (scale, shift) = stored_shift(net, "sub_mean", channels)?;
                let scale: Vec<f32> = scale.iter().map(|s| s * range).collect();
                net.affine("sub_mean", &scale, &shift, from)
            }
        }
    }

    /// From what the last layer wrote to the picture.
    pub(super) fn leave(&self, net: &mut Assembly<'_>, from: NodeId) -> Result<NodeId> {
        let channels = net.channels(Builder::PICTURE);
        match *self {
            Self::AsTheyAre => Ok(from),
            Self::Centred { range } => net.affine(
                "output_mean",
                &vec![1.0 / range; channels],
                &mean(channels),
                from,
            ),
            Self::Stored { range } => {
                let (scale, shift) = stored_shift(net, "add_mean", channels)?;
                let scale: Vec<f32> = scale.iter().map(|s| s / range).collect();
                let shift: Vec<f32> = shift.iter().map(|s| s / range).collect();
                net.affine("add_mean", &scale, &shift, from)
            }
        }
    }
}

fn mean(channels: usize) -> Vec<f32> {
    if channels == 3 {
        MEAN.to_vec()
    } else {
        vec![0.0; channels]
    }
}

/// A convolution of one pixel that leaves the colours apart.
fn stored_shift(
    net: &mut Assembly<'_>,
    name: &str,
    channels: usize,
) -> Result<(Vec<f32>, Vec<f32>)> {
    let weight_name = format!("{name}.weight");
    let weight = net.values(&weight_name, &[channels, channels, 1, 1])?;
    let shift = net.values(&format!("{name}.bias"), &[channels])?;
    let mixes = (0..channels * channels).any(|i| i / channels != i % channels && weight[i] != 0.0);
    if mixes {
        return Err(net.refused(format!(
            "\"{weight_name}\" mixes the colours, which shifting them by a mean does not"
        )));
    }
    let scale = (0..channels).map(|c| weight[c * (channels + 1)]).collect();
    Ok((scale, shift))
}
