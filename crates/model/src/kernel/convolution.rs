//! Convolution of channels-last images.
//!
//! Patches are gathered strip by strip into a buffer that stays in the cache, and each strip is one matrix product;
//! the matrix of all patches never exists.

use candle_core::{
    CpuStorage, CustomOp2, CustomOp3, Layout, Result as CandleResult, Shape, Tensor,
};

use super::depthwise;
use super::gemm::{Matrix, Shared, Target, Threads, product};
use super::patches::Patches;
use super::projected;
use super::rows::{accumulate, bias_back};
use super::storage::{fast, output, read, values, with_buffer};
use super::winograd;
use crate::error::{ModelError, Result};

/// Zero padding in pixels per side, so that a tile can be padded at true image borders only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Padding {
    pub top: usize,
    pub bottom: usize,
    pub left: usize,
    pub right: usize,
}

impl Padding {
    /// The same on all sides.
    pub const fn even(pixels: usize) -> Self {
        Self {
            top: pixels,
            bottom: pixels,
            left: pixels,
            right: pixels,
        }
    }
}

/// How a kernel goes over an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Convolution {
    /// Pixels from one output to the next, at least 1.
    pub stride: usize,
    /// Pixels from one kernel place to the next, at least 1.
    pub dilation: usize,
    /// Parts of the channels that do not see each other, at least 1.
    pub groups: usize,
    pub padding: Padding,
}

impl Convolution {
    /// One pixel at a time over all channels, with the same padding on all sides.
    pub const fn padded(pixels: usize) -> Self {
        Self {
            stride: 1,
            dilation: 1,
            groups: 1,
            padding: Padding::even(pixels),
        }
    }

    /// Output height and width for an image and a kernel of these heights and widths; `None` if not even one output
    /// fits.
    pub fn output_size(&self, input: [usize; 2], kernel: [usize; 2]) -> Option<[usize; 2]> {
        let Padding {
            top,
            bottom,
            left,
            right,
        } = self.padding;
        let along = |length: usize, kernel: usize| {
            let reach = self.dilation * kernel.checked_sub(1)? + 1;
            Some(length.checked_sub(reach)?.checked_div(self.stride)? + 1)
        };
        Some([
            along(input[0] + top + bottom, kernel[0])?,
            along(input[1] + left + right, kernel[1])?,
        ])
    }
}

/// `x` `[N, H, W, Cin]` with `weight` `[kh, kw, Cin / groups, Cout]` and `bias` `[Cout]`, to `[N, H', W', Cout]`.
pub fn convolve(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    form: &Convolution,
) -> Result<Tensor> {
    Sizes::of(x.dims(), weight.dims(), form)?;
    let tensors = [Some(x), Some(weight), bias];
    if !tensors.into_iter().flatten().all(|x| fast(&[x])) {
        return plain(x, weight, bias, form);
    }
    let (x, weight, op) = (x.contiguous()?, weight.contiguous()?, Convolve(*form));
    Ok(match bias {
        Some(bias) => x.apply_op3(&weight, &bias.contiguous()?, op)?,
        None => x.apply_op2(&weight, op)?,
    })
}

fn plain(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, form: &Convolution) -> Result<Tensor> {
    let patches = Sizes::of(x.dims(), weight.dims(), form)?.patches;
    let padding = form.padding;
    let mut x = x
        .permute((0, 3, 1, 2))?
        .pad_with_zeros(2, padding.top, padding.bottom)?
        .pad_with_zeros(3, padding.left, padding.right)?;
    for axis in [0, 1] {
        // candle's gradient only takes images that the strides use up.
        let last = (patches.output[axis] - 1) * form.stride;
        let used = last + (patches.kernel[axis] - 1) * form.dilation + 1;
        x = x.narrow(2 + axis, 0, used)?;
    }
    let weight = weight.permute((3, 2, 0, 1))?.contiguous()?;
    let y = x
        .contiguous()?
        .conv2d(&weight, 0, form.stride, form.dilation, form.groups)?
        .permute((0, 2, 3, 1))?
        .contiguous()?;
    Ok(match bias {
        Some(bias) => y.broadcast_add(bias)?,
        None => y,
    })
}

/// Sizes of one convolution.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    patches: Patches,
    groups: usize,
    /// Channels that come out, in all groups.
    out: usize,
}

impl Sizes {
    fn of(x: &[usize], weight: &[usize], form: &Convolution) -> Result<Self> {
        let unfit = || {
            ModelError::Input(format!(
                "A kernel of shape {weight:?} (height, width, channels in, channels out) does not fit an image of \
                 shape {x:?} (images, height, width, channels) with {form:?}."
            ))
        };
        let (&[images, height, width, channels], &[kh, kw, per_group, out]) = (x, weight) else {
            return Err(unfit());
        };
        let groups = form.groups;
        let whole = groups > 0
            && per_group * groups == channels
            && out.is_multiple_of(groups)
            && channels > 0
            && out > 0
            && form.dilation > 0;
        let output = form
            .output_size([height, width], [kh, kw])
            .filter(|_| whole)
            .ok_or_else(unfit)?;
        Ok(Self {
            patches: Patches {
                images,
                input: [height, width],
                channels,
                output,
                kernel: [kh, kw],
                stride: form.stride,
                dilation: form.dilation,
                spread: 1,
                before: [form.padding.top as isize, form.padding.left as isize],
            },
            groups,
            out,
        })
    }

    /// The convolution of the output's gradient, with [`flipped`] weights, that gives the input's gradient.
    fn back(&self) -> Self {
        let p = self.patches;
        let before = |axis: usize| (p.dilation * (p.kernel[axis] - 1)) as isize - p.before[axis];
        Self {
            patches: Patches {
                input: p.output,
                output: p.input,
                channels: self.out,
                stride: 1,
                spread: p.stride,
                before: [before(0), before(1)],
                ..p
            },
            groups: self.groups,
            out: p.channels,
        }
    }

    fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.patches.channels && self.groups == self.out
    }

    fn channels_per_group(&self) -> usize {
        self.patches.channels / self.groups
    }

    fn out_per_group(&self) -> usize {
        self.out / self.groups
    }

    /// Elements of a patch of one group.
    fn width(&self) -> usize {
        self.patches.places() * self.channels_per_group()
    }

    fn strips(&self) -> Strips {
        let pixels = self.patches.output_pixels();
        let work = pixels * self.width() * self.out;
        let fitting = (STRIP / self.width()).clamp(16, 4096);
        // A small image is cut too, so that it is not left to one thread.
        let cut = pixels.div_ceil((work / LEAST_WORK).clamp(1, 4));
        Strips {
            pixels,
            each: fitting.min(cut).max(1),
        }
    }
}

/// Elements of gathered patches per strip: half a megabyte, which leaves room in the second cache for the weight.
const STRIP: usize = 1 << 17;
/// Multiplications that are worth a strip of their own.
const LEAST_WORK: usize = 1 << 20;

/// Output pixels cut into strips, the same whatever the number of threads.
#[derive(Clone, Copy, Debug)]
struct Strips {
    pixels: usize,
    each: usize,
}

impl Strips {
    fn count(&self) -> usize {
        self.pixels.div_ceil(self.each)
    }

    fn strip(&self, index: usize) -> std::ops::Range<usize> {
        index * self.each..((index + 1) * self.each).min(self.pixels)
    }
}

/// The patches of some pixels of a group as a matrix: gathered, or where they lie.
fn patch_rows<'a>(
    sizes: &Sizes,
    x: &'a [f32],
    pixels: std::ops::Range<usize>,
    group: usize,
    buffer: &'a mut [f32],
) -> Matrix<'a> {
    let (count, width) = (pixels.len(), sizes.width());
    let per_group = sizes.channels_per_group();
    let channels = group * per_group..(group + 1) * per_group;
    if sizes.patches.is_pixelwise() {
        let all = sizes.patches.channels;
        return Matrix::new(&x[pixels.start * all + channels.start..], count, width, all);
    }
    sizes.patches.gather(x, pixels, channels, buffer);
    Matrix::new(buffer, count, width, width)
}

fn buffer_len(sizes: &Sizes, strips: Strips) -> usize {
    match sizes.patches.is_pixelwise() {
        true => 0,
        false => strips.each.min(strips.pixels) * sizes.width(),
    }
}

fn forward(sizes: &Sizes, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let out = sizes.out;
    let mut y = vec![0f32; sizes.patches.output_pixels() * out];
    if sizes.is_depthwise() {
        depthwise::depthwise(&sizes.patches, x, weight, bias, &mut y);
        return y;
    }
    if sizes.groups == 1 && projected::suits(&sizes.patches, out) {
        projected::projected(&sizes.patches, out, x, weight, bias, &mut y);
        return y;
    }
    if sizes.groups == 1 && winograd::suits(&sizes.patches, out) {
        winograd::convolve(&sizes.patches, out, x, weight, bias, &mut y);
        return y;
    }
    let strips = sizes.strips();
    let shared = Shared::new(&mut y);
    with_buffer(
        strips.count(),
        buffer_len(sizes, strips),
        |strip, buffer| {
            let pixels = strips.strip(strip);
            // SAFETY: strips are separate rows, each written by one task.
            #[allow(unsafe_code)]
            let mut rows = unsafe { shared.matrix(pixels.start * out, pixels.len(), out, out) };
            if let Some(bias) = bias {
                (0..pixels.len()).for_each(|i| rows.row(i).copy_from_slice(bias));
            }
            for group in 0..sizes.groups {
                let own = sizes.out_per_group();
                let columns = group * own..(group + 1) * own;
                let patches = patch_rows(sizes, x, pixels.clone(), group, buffer);
                product(
                    rows.columns(columns.clone()),
                    bias.is_some(),
                    1.0,
                    patches,
                    Matrix::new(&weight[columns.start..], sizes.width(), own, out),
                    Threads::One,
                );
            }
        },
    );
    y
}

/// Turns `[kh, kw, Cin / groups, Cout]` round: places in reverse order, channels in and out exchanged within groups.
fn flipped(sizes: &Sizes, weight: &[f32]) -> Vec<f32> {
    let (per_group, own, out) = (sizes.channels_per_group(), sizes.out_per_group(), sizes.out);
    let channels = sizes.patches.channels;
    let mut turned = vec![0f32; weight.len()];
    let places = weight
        .chunks_exact(per_group * out)
        .rev()
        .zip(turned.chunks_exact_mut(own * channels));
    for (from, to) in places {
        for (o, to) in to.chunks_exact_mut(channels).enumerate() {
            for (c, to) in to.iter_mut().enumerate() {
                let (group, i) = (c / per_group, c % per_group);
                *to = from[i * out + group * own + o];
            }
        }
    }
    turned
}

/// Partial sums of a weight's gradient: enough for many threads, and as many on any machine.
const PARTS: usize = 8;

fn weight_gradient(sizes: &Sizes, x: &[f32], g: &[f32]) -> Vec<f32> {
    if sizes.is_depthwise() {
        return depthwise::weight_gradient(&sizes.patches, x, g);
    }
    if sizes.groups == 1 && 2 * sizes.out <= sizes.patches.channels {
        // The other way round, patches of the gradient are gathered, which are smaller.
        let back = sizes.back();
        return flipped(&back, &gathered_gradient(&back, g, x));
    }
    gathered_gradient(sizes, x, g)
}

fn gathered_gradient(sizes: &Sizes, x: &[f32], g: &[f32]) -> Vec<f32> {
    let (out, own, width) = (sizes.out, sizes.out_per_group(), sizes.width());
    let strips = sizes.strips();
    let per_part = strips.count().div_ceil(PARTS).max(1);
    let parts = strips.count().div_ceil(per_part);
    let sums = with_buffer(parts, buffer_len(sizes, strips), |part, buffer| {
        let mut sum = vec![0f32; width * out];
        let last = ((part + 1) * per_part).min(strips.count());
        for strip in part * per_part..last {
            let pixels = strips.strip(strip);
            for group in 0..sizes.groups {
                let columns = group * own..(group + 1) * own;
                let g = &g[pixels.start * out + columns.start..];
                product(
                    Target::new(&mut sum, width, out, out).columns(columns),
                    true,
                    1.0,
                    patch_rows(sizes, x, pixels.clone(), group, buffer).transposed(),
                    Matrix::new(g, pixels.len(), own, out),
                    Threads::One,
                );
            }
        }
        sum
    });
    let mut sums = sums.into_iter();
    let mut total = sums.next().unwrap_or_else(|| vec![0f32; width * out]);
    sums.for_each(|sum| accumulate(&sum, &mut total));
    total
}

struct Convolve(Convolution);

impl Convolve {
    fn sizes(&self, x: &[usize], weight: &[usize]) -> CandleResult<Sizes> {
        Sizes::of(x, weight, &self.0).map_err(candle_core::Error::wrap)
    }

    fn forward(
        &self,
        x: (&CpuStorage, &Layout),
        weight: (&CpuStorage, &Layout),
        bias: Option<&[f32]>,
    ) -> CandleResult<(CpuStorage, Shape)> {
        let sizes = self.sizes(x.1.dims(), weight.1.dims())?;
        if let Some(bias) = bias.filter(|bias| bias.len() != sizes.out) {
            candle_core::bail!("a bias of {} for {} channels", bias.len(), sizes.out);
        }
        let (x, weight) = (values(x.0, x.1)?, values(weight.0, weight.1)?);
        let y = forward(&sizes, x, weight, bias);
        let [height, width] = sizes.patches.output;
        Ok(output(y, (sizes.patches.images, height, width, sizes.out)))
    }

    /// Gradients of image and weight.
    fn backward(
        &self,
        x: &Tensor,
        weight: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        let sizes = self.sizes(x.dims(), weight.dims())?;
        read(&[x, weight, gradient], |slices| {
            let (x_values, weights, g) = (slices[0], slices[1], slices[2]);
            let for_x = x.track_op().then(|| {
                let dx = forward(&sizes.back(), g, &flipped(&sizes, weights), None);
                Tensor::from_vec(dx, x.shape(), x.device())
            });
            let for_weight = weight.track_op().then(|| {
                let dw = weight_gradient(&sizes, x_values, g);
                Tensor::from_vec(dw, weight.shape(), weight.device())
            });
            Ok((for_x.transpose()?, for_weight.transpose()?))
        })
    }
}

impl CustomOp2 for Convolve {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        self.forward((s1, l1), (s2, l2), None)
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        self.backward(x, weight, &gradient.contiguous()?)
    }
}

impl CustomOp3 for Convolve {
    fn name(&self) -> &'static str {
        "convolution-with-bias"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        self.forward((s1, l1), (s2, l2), Some(values(s3, l3)?))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let (for_x, for_weight) = self.backward(x, weight, &gradient)?;
        Ok((for_x, for_weight, bias_back(bias, &gradient)?))
    }
}

#[cfg(test)]
mod tests;
