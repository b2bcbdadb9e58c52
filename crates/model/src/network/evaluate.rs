//! One operation on a part of the picture.

use candle_core::Tensor;

use super::axis::{AxisMap, axis_map, bilinear};
use super::extent::Extent;
use super::node::{ConvolutionWeights, Node, Nonlinearity, Operation, Window};
use super::rect::Rect;
use crate::config::Activation;
use crate::error::{ModelError, Result};
use crate::kernel::convolution::{Convolution, Padding, convolve};
use crate::kernel::norm::norm;
use crate::kernel::window_attention::{Windows, window_mix, window_pattern};
use crate::kernel::{activation, channel_parts, channels, pool, resample};
use crate::weights::NormWeights;

/// A value that an operation reads, as far as it is there.
#[derive(Clone, Debug)]
pub(super) struct Argument<'a> {
    /// `[N or 1, rows, columns, C]` of the rectangle `at`.
    pub(super) value: &'a Tensor,
    pub(super) at: Rect,
    /// Of the whole value.
    pub(super) extent: Extent,
}

/// The rectangle of input `argument` that a rectangle of the output reads; `None` where only sizes matter.
pub(super) fn read_rect(
    operation: &Operation,
    argument: usize,
    input: Extent,
    output: Extent,
    rect: &Rect,
) -> Option<Rect> {
    let map = |rows| axis_map(operation, argument, rows, input, output);
    if map(true) == AxisMap::Nothing {
        return None;
    }
    // Windows are computed all at once.
    if whole_only(operation) {
        return Some(Rect::whole(input.height, input.width));
    }
    Some(Rect::new(
        map(true).around(&rect.rows),
        map(false).around(&rect.columns),
    ))
}

/// Whether an operation is computed for all pixels or none.
pub(super) fn whole_only(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::WindowPattern(_) | Operation::WindowMix(_)
    )
}

/// The part `rect` of a node's value. Each argument holds at least what [`read_rect`] says, and no more than that for
/// operations that look around.
pub(super) fn evaluate(
    node: &Node,
    arguments: &[Argument<'_>],
    extent: Extent,
    rect: &Rect,
    noise: f32,
) -> Result<Tensor> {
    let x = arguments.first().ok_or_else(|| {
        ModelError::Unusable(format!("The network's part {} reads nothing.", node.name))
    })?;
    if let Operation::NoiseLevel = node.operation {
        let count = x.value.dims4().map_or(1, |(count, ..)| count);
        let shape = (count, rect.height(), rect.width(), 1);
        return Ok(Tensor::full(noise, shape, x.value.device())?.to_dtype(x.value.dtype())?);
    }
    let second = arguments.get(1).map(|argument| argument.value);
    let pair = |f: &dyn Fn(&Tensor, &Tensor) -> Result<Tensor>| match second {
        Some(second) => f(x.value, second),
        None => Err(ModelError::Unusable(format!(
            "The network's part {} reads only one value.",
            node.name
        ))),
    };
    Ok(match &node.operation {
        Operation::Input { .. } | Operation::NoiseLevel => x.value.clone(),
        Operation::Convolution(weights) => convolution(x, weights, rect)?,
        Operation::Activation(kind) => activate(x.value, *kind)?,
        Operation::ParametricRelu(slopes) => prelu(x.value, slopes)?,
        Operation::Affine { scale, shift } => channels::affine(x.value, scale, shift)?,
        Operation::Scale(factor) => (x.value * f64::from(*factor))?,
        Operation::LayerNorm { weight, bias, eps } => {
            let weights = NormWeights {
                weight: weight.clone(),
                bias: Some(bias.clone()),
            };
            norm(x.value, &weights, crate::config::NormKind::Layer, *eps)?
        }
        Operation::Add => pair(&|x, y| sum(x, y, 1.0))?,
        Operation::Subtract => pair(&|x, y| sum(x, y, -1.0))?,
        Operation::Multiply => pair(&multiply)?,
        Operation::Concatenate => {
            let values: Vec<&Tensor> = arguments.iter().map(|argument| argument.value).collect();
            channel_parts::concatenate(&values)?
        }
        Operation::Channels { first, count } => channel_parts::slice(x.value, *first, *count)?,
        Operation::PixelShuffle(r) => {
            let finer = resample::pixel_shuffle(x.value, *r)?;
            part_of_finer(&finer, x, rect, *r)?
        }
        Operation::Nearest(r) => {
            let finer = resample::nearest_upsample(x.value, *r)?;
            part_of_finer(&finer, x, rect, *r)?
        }
        Operation::PixelUnshuffle(r) => resample::pixel_unshuffle(x.value, *r)?,
        Operation::Bilinear(_) | Operation::ResizeTo => interpolate(x, extent, rect)?,
        Operation::MaxPool { size, stride } => pool::max_pool(x.value, *size, *stride)?,
        Operation::GlobalMean => pool::global_mean(x.value)?,
        Operation::GlobalContrast => pool::global_contrast(x.value)?,
        Operation::WindowPattern(window) => {
            window_pattern(x.value, &window.bias, &windows(window))?
        }
        Operation::WindowMix(window) => {
            pair(&|pattern, qkv| window_mix(pattern, qkv, &windows(window)))?
        }
        Operation::PadToMultiple(_) => extend(x, rect, |beyond, len| 2 * len - 2 - beyond)?,
        Operation::RepeatToMultiple(_) => extend(x, rect, |_, len| len - 1)?,
        Operation::CropToPicture { .. } => crop(x.value, &x.at, rect)?,
    })
}

/// The part `rect` of a value that covers `at`.
pub(super) fn crop(value: &Tensor, at: &Rect, rect: &Rect) -> Result<Tensor> {
    if at == rect {
        return Ok(value.clone());
    }
    if !at.contains(rect) {
        return Err(ModelError::Unusable(
            "A part of the network was asked for more pixels than there are.".into(),
        ));
    }
    let value = value
        .narrow(1, rect.rows.start - at.rows.start, rect.height())?
        .narrow(2, rect.columns.start - at.columns.start, rect.width())?;
    Ok(value.contiguous()?)
}

fn part_of_finer(finer: &Tensor, x: &Argument<'_>, rect: &Rect, r: usize) -> Result<Tensor> {
    let scaled = |range: &std::ops::Range<usize>| range.start * r..range.end * r;
    let at = Rect::new(scaled(&x.at.rows), scaled(&x.at.columns));
    crop(finer, &at, rect)
}

fn windows(window: &Window) -> Windows {
    Windows {
        size: window.size,
        shift: window.shift,
        overlap: window.key_size.saturating_sub(window.size),
        heads: window.heads,
    }
}

/// `x + factor y`; either may stand for a whole batch or, as a pooled value, for all pixels.
fn sum(x: &Tensor, y: &Tensor, factor: f32) -> Result<Tensor> {
    if x.dims() == y.dims() {
        return channels::add_scaled(x, y, factor);
    }
    Ok(x.broadcast_add(&(y * f64::from(factor))?)?)
}

fn multiply(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let (n, _, _, width) = x.dims4()?;
    let pooled = (n, 1, 1, width);
    if x.dims() == y.dims() || y.dims4()? == pooled {
        return channels::multiply(x, y);
    }
    Ok(x.broadcast_mul(y)?)
}

/// One slope for all channels, or one each.
fn prelu(x: &Tensor, slopes: &Tensor) -> Result<Tensor> {
    let width = x.dim(3)?;
    if slopes.elem_count() == width {
        return channels::prelu(x, &slopes.flatten_all()?);
    }
    channels::prelu(x, &slopes.flatten_all()?.broadcast_as(width)?.contiguous()?)
}

fn activate(x: &Tensor, kind: Nonlinearity) -> Result<Tensor> {
    match kind {
        Nonlinearity::Relu => activation::activate(x, Activation::Relu),
        Nonlinearity::Gelu => activation::activate(x, Activation::GeluErf),
        Nonlinearity::Silu => activation::activate(x, Activation::Silu),
        Nonlinearity::LeakyRelu(slope) => activation::leaky_relu(x, slope),
        Nonlinearity::Sigmoid => activation::logistic(x),
    }
}

/// Zeros stand only beyond the true edges of the picture.
fn convolution(x: &Argument<'_>, weights: &ConvolutionWeights, rect: &Rect) -> Result<Tensor> {
    let reach = weights.dilation * (weights.kernel().max(1) - 1);
    let beyond = |outputs: &std::ops::Range<usize>, there: &std::ops::Range<usize>| {
        let first = outputs.start * weights.stride;
        let last = (outputs.end - 1) * weights.stride + reach;
        let before = (weights.padding + there.start).saturating_sub(first);
        let after = (last + 1).saturating_sub(weights.padding + there.end);
        (before, after)
    };
    let (top, bottom) = beyond(&rect.rows, &x.at.rows);
    let (left, right) = beyond(&rect.columns, &x.at.columns);
    let form = Convolution {
        stride: weights.stride,
        dilation: weights.dilation,
        groups: weights.groups,
        padding: Padding {
            top,
            bottom,
            left,
            right,
        },
    };
    convolve(x.value, &weights.weight, weights.bias.as_ref(), &form)
}

/// Bilinear, by rows and then by columns, at the places of the whole picture.
fn interpolate(x: &Argument<'_>, extent: Extent, rect: &Rect) -> Result<Tensor> {
    let rows = blend(
        x.value,
        1,
        &rect.rows,
        extent.height,
        (x.extent.height, x.at.rows.start),
    )?;
    blend(
        &rows,
        2,
        &rect.columns,
        extent.width,
        (x.extent.width, x.at.columns.start),
    )
}

fn blend(
    x: &Tensor,
    dimension: usize,
    outputs: &std::ops::Range<usize>,
    out: usize,
    (len, first): (usize, usize),
) -> Result<Tensor> {
    let held = x.dim(dimension)?;
    let (mut lows, mut highs, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for o in outputs.clone() {
        let (low, high, weight) = bilinear(o, out, len);
        // A second input of weight zero need not be there.
        let inside = |i: usize| (i - first).min(held - 1) as u32;
        lows.push(inside(low));
        highs.push(inside(high));
        weights.push(weight);
    }
    let count = weights.len();
    let index = |indices: Vec<u32>| Tensor::from_vec(indices, count, x.device());
    let mut shape = [1; 4];
    shape[dimension] = count;
    let weights = Tensor::from_vec(weights, &shape[..], x.device())?.to_dtype(x.dtype())?;
    let low = x.index_select(&index(lows)?, dimension)?;
    let high = x.index_select(&index(highs)?, dimension)?;
    Ok((&low + (&high - &low)?.broadcast_mul(&weights)?)?)
}

/// Rows and columns beyond the end are those that `inside` says, from their index and how many there are.
fn extend(x: &Argument<'_>, rect: &Rect, inside: impl Fn(usize, usize) -> usize) -> Result<Tensor> {
    let along = |value: &Tensor,
                 dimension: usize,
                 outputs: &std::ops::Range<usize>,
                 len: usize,
                 first: usize|
     -> Result<Tensor> {
        if outputs.end <= len && outputs.len() == value.dim(dimension)? {
            return Ok(value.clone());
        }
        let indices: Vec<u32> = outputs
            .clone()
            .map(|o| if o < len { o } else { inside(o, len) })
            .map(|i| (i - first) as u32)
            .collect();
        let count = indices.len();
        let indices = Tensor::from_vec(indices, count, value.device())?;
        Ok(value.index_select(&indices, dimension)?)
    };
    let rows = along(x.value, 1, &rect.rows, x.extent.height, x.at.rows.start)?;
    along(&rows, 2, &rect.columns, x.extent.width, x.at.columns.start)
}
