//! A network in the making from the tensors of a weights file.

use std::collections::BTreeSet;

use candle_core::{Device, Tensor};

use super::build::Builder;
use super::node::{ConvolutionWeights, Network, NodeId, Nonlinearity, Operation};
use crate::error::{ModelError, Result};
use crate::state_dict::StateDict;

/// Side of the picture for which a finished network's parts are checked against each other, pixels.
const TRIAL_SIDE: usize = 64;
/// What PyTorch keeps beside the weights and what follows from the sizes.
const NO_WEIGHTS: [&str; 5] = [
    "num_batches_tracked",
    "attn_mask",
    "relative_position_index",
    "relative_position_index_SA",
    "relative_position_index_OCA",
];

/// Puts a network together and keeps account of the tensors that it used.
///
/// Nodes with weights are called as the checkpoint calls them, without `.weight`.
#[derive(Debug)]
pub(super) struct Assembly<'a> {
    state: &'a StateDict,
    device: &'a Device,
    family: &'static str,
    used: BTreeSet<String>,
    builder: Builder,
    /// Of each node's value.
    channels: Vec<usize>,
}

/// How a convolution goes over its input; the kernel itself says the rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form<'a> {
    pub(super) stride: usize,
    pub(super) dilation: usize,
    /// Zeros at the edges, so that stride 1 keeps the size.
    pub(super) padded: bool,
    /// A batch norm behind it, and its epsilon.
    pub(super) norm: Option<(&'a str, f64)>,
}

impl Default for Form<'_> {
    fn default() -> Self {
        Self {
            stride: 1,
            dilation: 1,
            padded: true,
            norm: None,
        }
    }
}

impl<'a> Assembly<'a> {
    /// For pictures of `channels` channels.
    ///
    /// # Errors
    /// If that is neither grey nor RGB.
    pub(super) fn new(
        state: &'a StateDict,
        device: &'a Device,
        family: &'static str,
        channels: usize,
    ) -> Result<Self> {
        if channels != 1 && channels != 3 {
            return Err(ModelError::file(
                state.path(),
                format!(
                    "The weights of this {family} are for pictures of {channels} channels; only grey (1) and RGB (3) can be opened"
                ),
            ));
        }
        Ok(Self {
            state,
            device,
            family,
            used: BTreeSet::new(),
            builder: Builder::new(channels),
            channels: vec![channels],
        })
    }

    pub(super) fn state(&self) -> &'a StateDict {
        self.state
    }

    /// Channels of a node's value.
    pub(super) fn channels(&self, node: NodeId) -> usize {
        self.channels[node]
    }

    pub(super) fn refused(&self, what: impl std::fmt::Display) -> ModelError {
        ModelError::file(
            self.state.path(),
            format!("The weights look like {}, but {what}", self.family),
        )
    }

    /// The values of a tensor of this shape, in the file's order.
    ///
    /// # Errors
    /// If it is missing, has another shape, or holds what is no number.
    pub(super) fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let found = self.state.tensor(name)?.shape();
        if found != shape {
            return Err(self.refused(format!(
                "\"{name}\" has shape {found:?} where {shape:?} belongs; they are damaged or of a variant that is not known here"
            )));
        }
        self.used.insert(name.to_owned());
        self.state.load(name)
    }

    fn vector(&mut self, name: &str, length: usize) -> Result<Tensor> {
        let values = self.values(name, &[length])?;
        Ok(Tensor::from_vec(values, length, self.device)?)
    }

    pub(super) fn push(
        &mut self,
        name: impl Into<String>,
        operation: Operation,
        inputs: impl Into<Vec<NodeId>>,
    ) -> NodeId {
        let inputs = inputs.into();
        let first = inputs.first().map_or(0, |&input| self.channels[input]);
        let channels = match &operation {
            Operation::Convolution(convolution) => convolution.channels_out(),
            Operation::NoiseLevel => 1,
            Operation::Concatenate => inputs.iter().map(|&input| self.channels[input]).sum(),
            Operation::Channels { count, .. } => *count,
            Operation::PixelShuffle(r) => first / (r * r),
            Operation::PixelUnshuffle(r) => first * r * r,
            Operation::WindowPattern(_) => 0,
            Operation::WindowMix(_) => inputs.last().map_or(0, |&qkv| self.channels[qkv] / 3),
            _ => first,
        };
        self.channels.push(channels);
        self.builder.push(name, operation, inputs)
    }

    /// `{name}.weight` and, where there is one, `{name}.bias`, with stride 1.
    pub(super) fn convolution(&mut self, name: &str, from: NodeId) -> Result<NodeId> {
        self.convolution_of(name, from, Form::default())
    }

    /// # Errors
    /// As [`Assembly::values`], and if the kernel does not fit the channels of `from`.
    pub(super) fn convolution_of(
        &mut self,
        name: &str,
        from: NodeId,
        form: Form<'_>,
    ) -> Result<NodeId> {
        let weight_name = format!("{name}.weight");
        let channels = self.channels[from];
        let (out, kernel) = match *self.state.tensor(&weight_name)?.shape() {
            [out, input, rows, columns]
                if input == channels && rows == columns && rows % 2 == 1 && out > 0 =>
            {
                (out, rows)
            }
            ref other => {
                return Err(self.refused(format!(
                    "\"{weight_name}\" has shape {other:?} where a square kernel over {channels} channels belongs; they are damaged or of a variant that is not known here"
                )));
            }
        };
        let mut weight = self.values(&weight_name, &[out, channels, kernel, kernel])?;
        let bias_name = format!("{name}.bias");
        let mut bias = match self.state.contains(&bias_name) {
            true => Some(self.values(&bias_name, &[out])?),
            false => None,
        };
        if let Some((norm, eps)) = form.norm {
            let shift = self.fold_norm(norm, eps, &mut weight, bias.as_deref(), out)?;
            bias = Some(shift);
        }
        let weight = Tensor::from_vec(weight, (out, channels, kernel, kernel), &Device::Cpu)?;
        let weight = weight.permute((2, 3, 1, 0))?.contiguous()?;
        let bias = bias
            .map(|bias| Tensor::from_vec(bias, out, self.device))
            .transpose()?;
        let convolution = ConvolutionWeights {
            weight: weight.to_device(self.device)?,
            bias,
            stride: form.stride,
            dilation: form.dilation,
            padding: match form.padded {
                true => form.dilation * (kernel / 2),
                false => 0,
            },
            groups: 1,
        };
        Ok(self.push(name, Operation::Convolution(convolution), [from]))
    }

    /// Scales a kernel as the batch norm behind it does, and says the bias that then belongs to it.
    fn fold_norm(
        &mut self,
        norm: &str,
        eps: f64,
        weight: &mut [f32],
        bias: Option<&[f32]>,
        out: usize,
    ) -> Result<Vec<f32>> {
        let mut part = |part: &str| self.values(&format!("{norm}.{part}"), &[out]);
        let (gains, shifts) = (part("weight")?, part("bias")?);
        let (means, variances) = (part("running_mean")?, part("running_var")?);
        let each = weight.len() / out;
        let mut folded = Vec::with_capacity(out);
        for (channel, kernel) in weight.chunks_mut(each).enumerate() {
            let spread = f64::from(variances[channel]) + eps;
            if spread <= 0.0 {
                return Err(self.refused(format!(
                    "\"{norm}.running_var\" holds a variance below zero; they are damaged"
                )));
            }
            let gain = f64::from(gains[channel]) / spread.sqrt();
            for value in kernel {
                *value = (f64::from(*value) * gain) as f32;
            }
            let bias = bias.map_or(0.0, |bias| f64::from(bias[channel]));
            let centred = bias - f64::from(means[channel]);
            folded.push((centred * gain + f64::from(shifts[channel])) as f32);
        }
        Ok(folded)
    }

    /// A linear layer over the channels of each pixel, `{name}.weight` `[out, in]`.
    pub(super) fn linear(&mut self, name: &str, from: NodeId) -> Result<NodeId> {
        let weight_name = format!("{name}.weight");
        let channels = self.channels[from];
        let out = match *self.state.tensor(&weight_name)?.shape() {
            [out, input] if input == channels && out > 0 => out,
            ref other => {
                return Err(self.refused(format!(
                    "\"{weight_name}\" has shape {other:?} where a matrix over {channels} channels belongs; they are damaged or of a variant that is not known here"
                )));
            }
        };
        let weight = self.values(&weight_name, &[out, channels])?;
        let weight = Tensor::from_vec(weight, (out, channels), &Device::Cpu)?;
        let weight = weight.t()?.contiguous()?.reshape((1, 1, channels, out))?;
        let bias_name = format!("{name}.bias");
        let bias = match self.state.contains(&bias_name) {
            true => Some(self.vector(&bias_name, out)?),
            false => None,
        };
        let weight = weight.to_device(self.device)?;
        let node = self.builder.convolution(name, weight, bias, from);
        self.channels.push(out);
        Ok(node)
    }

    pub(super) fn layer_norm(&mut self, name: &str, from: NodeId) -> Result<NodeId> {
        let channels = self.channels[from];
        let norm = Operation::LayerNorm {
            weight: self.vector(&format!("{name}.weight"), channels)?,
            bias: self.vector(&format!("{name}.bias"), channels)?,
            eps: 1e-5,
        };
        Ok(self.push(name, norm, [from]))
    }

    /// A ReLU whose slopes for negative values were learned, `{name}.weight`.
    pub(super) fn parametric_relu(&mut self, name: &str, from: NodeId) -> Result<NodeId> {
        let slopes = self.vector(&format!("{name}.weight"), self.channels[from])?;
        Ok(self.push(name, Operation::ParametricRelu(slopes), [from]))
    }

    pub(super) fn activation(
        &mut self,
        name: impl Into<String>,
        kind: Nonlinearity,
        from: NodeId,
    ) -> NodeId {
        self.push(name, Operation::Activation(kind), [from])
    }

    pub(super) fn add(&mut self, name: impl Into<String>, a: NodeId, b: NodeId) -> NodeId {
        self.push(name, Operation::Add, [a, b])
    }

    /// `x * scale + shift` for each channel.
    pub(super) fn affine(
        &mut self,
        name: impl Into<String>,
        scale: &[f32],
        shift: &[f32],
        from: NodeId,
    ) -> Result<NodeId> {
        let affine = Operation::Affine {
            scale: Tensor::new(scale, self.device)?,
            shift: Tensor::new(shift, self.device)?,
        };
        Ok(self.push(name, affine, [from]))
    }

    /// The biases of attention by relative position: row `rows[i]` of `{name}`, `[rows, heads]`, for each pair of a
    /// query and a key, as `[heads, queries, keys]`.
    pub(super) fn position_bias(
        &mut self,
        name: &str,
        rows: &[usize],
        table: [usize; 2],
        queries: usize,
    ) -> Result<Tensor> {
        let values = self.values(name, &table)?;
        let heads = table[1];
        let mut bias = Vec::with_capacity(heads * rows.len());
        for head in 0..heads {
            bias.extend(rows.iter().map(|row| values[row * heads + head]));
        }
        let keys = rows.len() / queries;
        Ok(Tensor::from_vec(bias, (heads, queries, keys), self.device)?)
    }

    /// Convolutions `{name}.0`, `{name}.2` ... each followed by a pixel shuffle that keeps the channels, and how many
    /// times larger they make a picture.
    pub(super) fn shuffled_up(&mut self, name: &str, from: NodeId) -> Result<(NodeId, usize)> {
        let (mut x, mut scale) = (from, 1);
        let prefix = format!("{name}.");
        for index in indices(self.state, &prefix) {
            let channels = self.channels[x];
            x = self.convolution(&format!("{name}.{index}"), x)?;
            let r = self.shuffle_factor(&format!("{name}.{index}"), self.channels[x], channels)?;
            let shuffle = Operation::PixelShuffle(r);
            x = self.push(format!("{name}.{}", index + 1), shuffle, [x]);
            scale *= r;
        }
        Ok((x, scale))
    }

    /// The r of the pixel shuffle that makes `wanted` channels of `channels`.
    pub(super) fn shuffle_factor(
        &self,
        name: &str,
        channels: usize,
        wanted: usize,
    ) -> Result<usize> {
        let r = (channels / wanted.max(1)).isqrt();
        if r == 0 || r * r * wanted != channels {
            return Err(self.refused(format!(
                "the {channels} channels of \"{name}\" cannot be shuffled into pixels of {wanted}; they are damaged or of a variant that is not known here"
            )));
        }
        Ok(r)
    }

    /// The network whose last node is its output, `scale` times as large as its input.
    ///
    /// # Errors
    /// If tensors are left over, the parts do not fit each other, or what comes out is no picture.
    pub(super) fn finish(self, scale: usize) -> Result<Network> {
        let left: Vec<&str> = self
            .state
            .names()
            .filter(|name| !self.used.contains(*name))
            .filter(|name| !NO_WEIGHTS.iter().any(|end| name.ends_with(end)))
            .collect();
        if let Some(first) = left.first() {
            return Err(self.refused(format!(
                "there is more in the file than that network has ({} tensors, the first \"{first}\"); it is a variant that is not known here",
                left.len()
            )));
        }
        let (state, family) = (self.state, self.family);
        let network = self.builder.finish(scale);
        let extents = network
            .extents(TRIAL_SIDE, TRIAL_SIDE)
            .map_err(|error| ModelError::file(state.path(), error.to_string()))?;
        let (side, channels) = (TRIAL_SIDE * scale, network.channels());
        let output = extents[network.output];
        if (output.height, output.width, output.channels) != (side, side, channels) {
            return Err(ModelError::file(
                state.path(),
                format!(
                    "The weights look like {family}, but a picture of {TRIAL_SIDE} x {TRIAL_SIDE} pixels and {channels} channels would become {} x {} pixels of {} channels; they are damaged or of a variant that is not known here",
                    output.height, output.width, output.channels
                ),
            ));
        }
        Ok(network)
    }
}

/// The numbers that follow `prefix` in names, up to the next dot.
pub(super) fn indices(state: &StateDict, prefix: &str) -> BTreeSet<usize> {
    state
        .names()
        .filter_map(|name| name.strip_prefix(prefix)?.split('.').next()?.parse().ok())
        .collect()
}

/// One more than the largest number that follows `prefix`: how many parts there are if none is missing.
pub(super) fn count(state: &StateDict, prefix: &str) -> usize {
    indices(state, prefix)
        .last()
        .map_or(0, |&last| last.saturating_add(1))
}

/// Whether some name begins so.
pub(super) fn any(state: &StateDict, prefix: &str) -> bool {
    state.names().any(|name| name.starts_with(prefix))
}

/// Channels into a convolution or matrix.
///
/// # Errors
/// If there is none of this name.
pub(super) fn channels_in(state: &StateDict, name: &str) -> Result<usize> {
    let shape = state.tensor(name)?.shape();
    Ok(shape.get(1).copied().unwrap_or(0))
}

/// Channels out of a convolution or matrix.
///
/// # Errors
/// If there is none of this name.
pub(super) fn channels_out(state: &StateDict, name: &str) -> Result<usize> {
    let shape = state.tensor(name)?.shape();
    Ok(shape.first().copied().unwrap_or(0))
}
