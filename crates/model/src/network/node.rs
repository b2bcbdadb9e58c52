//! The parts of a network.

use candle_core::{DType, Tensor};

use crate::error::Result;

/// A node's place in [`Network::nodes`].
pub type NodeId = usize;

/// A network as a list of operations; each reads nodes before it.
#[derive(Clone, Debug)]
pub struct Network {
    /// The first is the picture.
    pub nodes: Vec<Node>,
    pub output: NodeId,
    /// Output pixels per input pixel, along each side.
    pub scale: usize,
}

impl Network {
    /// Channels of the pictures it takes: 3 (RGB) or 1 (grey).
    pub fn channels(&self) -> usize {
        match self.nodes.first().map(|node| &node.operation) {
            Some(Operation::Input { channels }) => *channels,
            _ => 0,
        }
    }

    /// Whether it has to be told how strong the noise is.
    pub fn takes_noise_level(&self) -> bool {
        self.nodes
            .iter()
            .any(|node| matches!(node.operation, Operation::NoiseLevel))
    }

    /// The nodes that read all pixels at once (pooling over the picture).
    pub fn global_nodes(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.iter().enumerate().filter_map(|(id, node)| {
            matches!(
                node.operation,
                Operation::GlobalMean | Operation::GlobalContrast
            )
            .then_some(id)
        })
    }

    pub fn node_named(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|node| node.name == name)
    }

    /// The same network with weights of another kind of number; passes compute with the numbers that pictures and
    /// weights have, and both must have the same.
    ///
    /// # Errors
    /// If the device has no such numbers.
    pub fn with_dtype(&self, dtype: DType) -> Result<Self> {
        let mut network = self.clone();
        for node in &mut network.nodes {
            for weights in node.operation.tensors_mut() {
                *weights = weights.to_dtype(dtype)?;
            }
        }
        Ok(network)
    }

    /// Numbers that were learned.
    pub fn parameters(&self) -> u64 {
        self.nodes
            .iter()
            .flat_map(|node| node.operation.weights())
            .map(|weights| weights.elem_count() as u64)
            .sum()
    }
}

/// One operation, what it reads and what it is called.
#[derive(Clone, Debug)]
pub struct Node {
    /// As the checkpoint calls it where it has weights, such as `body.3.conv2`.
    pub name: String,
    pub operation: Operation,
    pub inputs: Vec<NodeId>,
}

/// What a node computes from its inputs. Sizes are in pixels.
#[derive(Clone, Debug)]
pub enum Operation {
    /// The picture, `[N, H, W, channels]`, values in 0..=1.
    Input {
        channels: usize,
    },
    /// A map of one channel that holds the noise's standard deviation (0..=1), as large as the input node.
    NoiseLevel,
    Convolution(ConvolutionWeights),
    Activation(Nonlinearity),
    /// `x` where positive, else `x` times the channel's slope; slopes `[C]`.
    ParametricRelu(Tensor),
    /// `x * scale + shift`, each `[C]`.
    Affine {
        scale: Tensor,
        shift: Tensor,
    },
    /// `x` times a number.
    Scale(f32),
    /// Layer norm over the channels of each pixel; weight and bias `[C]`.
    LayerNorm {
        weight: Tensor,
        bias: Tensor,
        eps: f64,
    },
    /// The sum of two; the second may be one value per channel, `[N, 1, 1, C]`.
    Add,
    /// The first minus the second.
    Subtract,
    /// As [`Operation::Add`]. The second may also have one channel for all.
    Multiply,
    Concatenate,
    /// Channels `first..first + count`.
    Channels {
        first: usize,
        count: usize,
    },
    /// `[h, w, C r r]` to `[h r, w r, C]`, in PyTorch's order.
    PixelShuffle(usize),
    PixelUnshuffle(usize),
    /// Each pixel repeated r times along both sides.
    Nearest(usize),
    /// Bilinear, r times as large; half-pixel centres, edges repeated.
    Bilinear(usize),
    /// Bilinear to the size of the second input, whose values do not matter.
    ResizeTo,
    /// The largest of each `size` x `size`, `stride` apart, whole ones only.
    MaxPool {
        size: usize,
        stride: usize,
    },
    /// The mean over all pixels, `[N, 1, 1, C]`.
    GlobalMean,
    /// Standard deviation plus mean over all pixels, `[N, 1, 1, C]` (Hui et al. 2019, eq. 4).
    GlobalContrast,
    /// Attention inside windows, from queries, keys and values side by side in the channels: the pattern
    /// `[N windows, heads, queries, keys]`.
    WindowPattern(Window),
    /// Values weighed by a pattern (the first input), `[N, H, W, C]`. The second input is as for the pattern.
    WindowMix(Window),
    /// Reflected at the bottom and the right until both sides are multiples.
    PadToMultiple(usize),
    /// The last row and column repeated at the bottom and the right until both sides are multiples.
    RepeatToMultiple(usize),
    /// The top left, `scale` times as large as the picture.
    CropToPicture {
        scale: usize,
    },
}

impl Operation {
    /// The tensors that were learned.
    pub fn weights(&self) -> Vec<&Tensor> {
        match self {
            Operation::Convolution(c) => std::iter::once(&c.weight).chain(&c.bias).collect(),
            Operation::ParametricRelu(slopes) => vec![slopes],
            Operation::LayerNorm { weight, bias, .. } => vec![weight, bias],
            Operation::WindowPattern(window) => vec![&window.bias],
            _ => Vec::new(),
        }
    }

    /// All tensors, those that say a range of values among them.
    fn tensors_mut(&mut self) -> Vec<&mut Tensor> {
        match self {
            Operation::Convolution(c) => {
                std::iter::once(&mut c.weight).chain(&mut c.bias).collect()
            }
            Operation::ParametricRelu(slopes) => vec![slopes],
            Operation::Affine { scale, shift } => vec![scale, shift],
            Operation::LayerNorm { weight, bias, .. } => vec![weight, bias],
            Operation::WindowPattern(window) => vec![&mut window.bias],
            _ => Vec::new(),
        }
    }
}

/// A convolution with zero padding, the same on all sides.
#[derive(Clone, Debug)]
pub struct ConvolutionWeights {
    /// `[kernel height, kernel width, channels in / groups, channels out]`.
    pub weight: Tensor,
    /// `[channels out]`.
    pub bias: Option<Tensor>,
    pub stride: usize,
    pub dilation: usize,
    pub padding: usize,
    pub groups: usize,
}

impl ConvolutionWeights {
    /// Side of the kernel.
    pub fn kernel(&self) -> usize {
        self.weight.dims().first().copied().unwrap_or(0)
    }

    pub fn channels_out(&self) -> usize {
        self.weight.dims().last().copied().unwrap_or(0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Nonlinearity {
    Relu,
    /// The slope of negative values.
    LeakyRelu(f32),
    /// With the error function.
    Gelu,
    Silu,
    Sigmoid,
}

/// Attention inside square windows (Liu et al. 2021, section 3.2).
#[derive(Clone, Debug)]
pub struct Window {
    pub heads: usize,
    /// Side of a window of queries.
    pub size: usize,
    /// Side of a window of keys; larger than `size` where windows overlap (Chen et al. 2023, section 3.2).
    pub key_size: usize,
    /// Pixels by which the windows are shifted up and left, wrapping around; what wraps is masked.
    pub shift: usize,
    /// Added to the scores, `[heads, queries, keys]`.
    pub bias: Tensor,
}
