//! How large each node's value is, for a picture of a given size.

use super::node::{Network, Node, Operation};
use crate::error::{ModelError, Result};

/// Height, width and channels of a value. A pattern has the size of its queries and no channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

impl Network {
    /// The extents of all nodes for a picture of `height` by `width` pixels.
    ///
    /// # Errors
    /// If the picture is too small for the network, or the network's parts do not fit each other.
    pub fn extents(&self, height: usize, width: usize) -> Result<Vec<Extent>> {
        if height == 0 || width == 0 {
            return Err(ModelError::Input(
                "The picture has no pixels; open one that has.".into(),
            ));
        }
        let mut extents: Vec<Extent> = Vec::with_capacity(self.nodes.len());
        for (id, node) in self.nodes.iter().enumerate() {
            if node.inputs.iter().any(|&input| input >= id) {
                return Err(misfit(node, "reads what comes after it"));
            }
            let inputs: Vec<Extent> = node.inputs.iter().map(|&i| extents[i]).collect();
            let extent = extent(node, &inputs, (height, width))?;
            extents.push(extent);
        }
        if self.output >= extents.len() {
            return Err(ModelError::Unusable("The network has no output.".into()));
        }
        Ok(extents)
    }
}

fn misfit(node: &Node, what: &str) -> ModelError {
    ModelError::Unusable(format!(
        "The network's part {} {what}; the weights are incomplete or of another architecture.",
        node.name
    ))
}

fn extent(node: &Node, inputs: &[Extent], picture: (usize, usize)) -> Result<Extent> {
    let arguments = match &node.operation {
        Operation::Input { .. } => 0,
        Operation::Add | Operation::Subtract | Operation::Multiply => 2,
        Operation::ResizeTo | Operation::WindowMix(_) => 2,
        Operation::Concatenate => inputs.len().max(1),
        _ => 1,
    };
    if inputs.len() != arguments {
        return Err(misfit(node, "has the wrong number of inputs"));
    }
    let first = inputs.first().copied().unwrap_or(Extent {
        height: picture.0,
        width: picture.1,
        channels: 1,
    });
    let too_small = || {
        ModelError::Input(format!(
            "A picture of {} x {} pixels is too small for this network (at {}); use a larger one.",
            picture.1, picture.0, node.name
        ))
    };
    Ok(match &node.operation {
        Operation::Input { channels } => Extent {
            channels: *channels,
            ..first
        },
        Operation::NoiseLevel => Extent {
            channels: 1,
            ..first
        },
        Operation::Convolution(c) => {
            let [rows, columns, per_group, out] = *c.weight.dims() else {
                return Err(misfit(node, "has a kernel that is not of four dimensions"));
            };
            if rows != columns
                || c.groups == 0
                || c.stride == 0
                || per_group * c.groups != first.channels
            {
                return Err(misfit(node, "does not fit the channels that it reads"));
            }
            let reach = c.dilation * (rows.max(1) - 1) + 1;
            let side = |length: usize| {
                (length + 2 * c.padding)
                    .checked_sub(reach)
                    .map(|rest| rest / c.stride + 1)
                    .ok_or_else(too_small)
            };
            Extent {
                height: side(first.height)?,
                width: side(first.width)?,
                channels: out,
            }
        }
        Operation::Activation(_) | Operation::Scale(_) => first,
        Operation::ParametricRelu(slopes) => {
            let count = slopes.elem_count();
            if count != first.channels && count != 1 {
                return Err(misfit(node, "does not fit the channels that it reads"));
            }
            first
        }
        Operation::Affine { scale, .. } | Operation::LayerNorm { weight: scale, .. } => {
            if scale.elem_count() != first.channels {
                return Err(misfit(node, "does not fit the channels that it reads"));
            }
            first
        }
        Operation::Add | Operation::Subtract | Operation::Multiply => {
            let second = inputs[1];
            let pooled = second.height == 1 && second.width == 1;
            let same = second.height == first.height && second.width == first.width;
            let narrow = matches!(node.operation, Operation::Multiply) && second.channels == 1;
            if !(same || pooled) || !(second.channels == first.channels || narrow) {
                return Err(misfit(node, "joins values of different sizes"));
            }
            first
        }
        Operation::Concatenate => {
            if inputs
                .iter()
                .any(|i| (i.height, i.width) != (first.height, first.width))
            {
                return Err(misfit(node, "joins values of different sizes"));
            }
            Extent {
                channels: inputs.iter().map(|i| i.channels).sum(),
                ..first
            }
        }
        Operation::Channels { first: from, count } => {
            if from + count > first.channels {
                return Err(misfit(node, "takes more channels than there are"));
            }
            Extent {
                channels: *count,
                ..first
            }
        }
        Operation::PixelShuffle(r) => {
            if *r == 0 || first.channels % (r * r) != 0 {
                return Err(misfit(node, "cannot shuffle these channels into pixels"));
            }
            Extent {
                height: first.height * r,
                width: first.width * r,
                channels: first.channels / (r * r),
            }
        }
        Operation::PixelUnshuffle(r) => {
            if *r == 0 || first.height % r != 0 || first.width % r != 0 {
                return Err(misfit(node, "cannot shuffle these pixels into channels"));
            }
            Extent {
                height: first.height / r,
                width: first.width / r,
                channels: first.channels * r * r,
            }
        }
        Operation::Nearest(r) | Operation::Bilinear(r) => Extent {
            height: first.height * r,
            width: first.width * r,
            ..first
        },
        Operation::ResizeTo => Extent {
            channels: first.channels,
            ..inputs[1]
        },
        Operation::MaxPool { size, stride } => {
            if *stride == 0 || *size == 0 {
                return Err(misfit(node, "pools nothing"));
            }
            let side = |length: usize| {
                length
                    .checked_sub(*size)
                    .map(|rest| rest / stride + 1)
                    .ok_or_else(too_small)
            };
            Extent {
                height: side(first.height)?,
                width: side(first.width)?,
                ..first
            }
        }
        Operation::GlobalMean | Operation::GlobalContrast => Extent {
            height: 1,
            width: 1,
            ..first
        },
        Operation::WindowPattern(window) | Operation::WindowMix(window) => {
            let qkv = inputs[inputs.len() - 1];
            let whole = window.size > 0
                && qkv.height.is_multiple_of(window.size)
                && qkv.width.is_multiple_of(window.size);
            let split = window.heads > 0 && qkv.channels.is_multiple_of(3 * window.heads);
            if !whole || !split {
                return Err(misfit(node, "cannot be divided into its windows and heads"));
            }
            let channels = match node.operation {
                Operation::WindowPattern(_) => 0,
                _ => qkv.channels / 3,
            };
            Extent { channels, ..qkv }
        }
        Operation::PadToMultiple(multiple) => {
            let side = |length: usize| -> Result<usize> {
                let padded = length.next_multiple_of((*multiple).max(1));
                if padded - length >= length {
                    return Err(ModelError::Input(format!(
                        "A picture of {} x {} pixels is too small for this network, which mirrors it at {} and needs {} \
                         pixels along each side for that; use a larger one.",
                        picture.1,
                        picture.0,
                        node.name,
                        multiple / 2 + 1
                    )));
                }
                Ok(padded)
            };
            Extent {
                height: side(first.height)?,
                width: side(first.width)?,
                ..first
            }
        }
        Operation::RepeatToMultiple(multiple) => Extent {
            height: first.height.next_multiple_of((*multiple).max(1)),
            width: first.width.next_multiple_of((*multiple).max(1)),
            ..first
        },
        Operation::CropToPicture { scale } => {
            let (height, width) = (picture.0 * scale, picture.1 * scale);
            if height > first.height || width > first.width {
                return Err(misfit(node, "crops to more than there is"));
            }
            Extent {
                height,
                width,
                ..first
            }
        }
    })
}
