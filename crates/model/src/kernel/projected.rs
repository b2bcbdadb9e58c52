//! Convolution to few channels: each input pixel is multiplied once with all kernel places, and outputs add up what
//! they reach of that. Gathering patches would move many times as much as comes out.

use super::gemm::{Matrix, Shared, Target, Threads, product};
use super::patches::Patches;
use super::storage::with_buffer;
use super::vectorised::vectorised;

/// Elements of products per block.
const BLOCK: usize = 1 << 17;
/// Output lines per block at least: neighbouring blocks read common input lines.
const LEAST_LINES: usize = 8;

/// Whether this is the faster way.
pub(super) fn suits(patches: &Patches, out: usize) -> bool {
    let steady = patches.stride == 1 && patches.spread == 1;
    steady && patches.places() > 1 && out * 4 <= patches.channels
}

/// `weight` `[kh, kw, Cin, Cout]` over `x`, into `y`.
pub(super) fn projected(
    patches: &Patches,
    out: usize,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
) {
    let (channels, wide) = (patches.channels, patches.places() * out);
    let weight = by_channel(weight, channels, out);
    let [height, width] = patches.input;
    let [lines, columns] = patches.output;
    let per_block = (BLOCK / (width * wide).max(1)).max(LEAST_LINES).min(lines);
    let blocks = lines.div_ceil(per_block.max(1));
    let reach = (patches.kernel[0] - 1) * patches.dilation;
    let room = (per_block + reach).min(height) * width * wide;
    let shared = Shared::new(y);
    with_buffer(patches.images * blocks, room, |task, buffer| {
        let (image, block) = (task / blocks, task % blocks);
        let (first, end) = (block * per_block, ((block + 1) * per_block).min(lines));
        let inside = |line: usize| {
            let at = line as isize - patches.before[0];
            at.clamp(0, height as isize) as usize
        };
        let from = inside(first);
        let to = inside(end + reach).max(from);
        let pixels = (to - from) * width;
        let start = (image * height + from) * width * channels;
        product(
            Target::new(buffer, pixels, wide, wide),
            false,
            1.0,
            Matrix::new(&x[start..], pixels, channels, channels),
            Matrix::new(&weight, channels, wide, wide),
            Threads::One,
        );
        for line in first..end {
            let len = columns * out;
            // SAFETY: each line of each image is written by one task.
            #[allow(unsafe_code)]
            let mut target = unsafe { shared.matrix((image * lines + line) * len, 1, len, len) };
            let y = target.row(0);
            if let Some(bias) = bias {
                y.chunks_exact_mut(out)
                    .for_each(|y| y.copy_from_slice(bias));
            }
            for place in 0..patches.places() {
                let (ky, kx) = (place / patches.kernel[1], place % patches.kernel[1]);
                let reached = patches.columns(kx);
                let source = patches
                    .source(0, line, ky)
                    .zip(patches.source(1, reached.start, kx))
                    .filter(|_| !reached.is_empty());
                if let Some((row, column)) = source {
                    let at = ((row - from) * width + column) * wide + place * out;
                    let y = &mut y[reached.start * out..reached.end * out];
                    add_apart(&buffer[at..], wide, out, y);
                }
            }
        }
    });
}

/// `[place, Cin, Cout]` to `[Cin, place, Cout]`.
fn by_channel(weight: &[f32], channels: usize, out: usize) -> Vec<f32> {
    let wide = weight.len() / channels.max(1);
    let mut turned = vec![0f32; weight.len()];
    for (place, rows) in weight.chunks_exact(channels * out).enumerate() {
        for (channel, row) in rows.chunks_exact(out).enumerate() {
            let at = channel * wide + place * out;
            turned[at..at + out].copy_from_slice(row);
        }
    }
    turned
}

vectorised! {
    /// Adds values that lie `step` apart, `out` at a time.
    fn add_apart(x: &[f32], step: usize, out: usize, y: &mut [f32]) {
        match out {
            1 => add_some::<1>(x, step, y),
            3 => add_some::<3>(x, step, y),
            _ => {
                for (y, x) in y.chunks_exact_mut(out).zip(x.chunks(step)) {
                    for (y, x) in y.iter_mut().zip(x) {
                        *y += x;
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn add_some<const N: usize>(x: &[f32], step: usize, y: &mut [f32]) {
    for (y, x) in y.chunks_exact_mut(N).zip(x.chunks(step)) {
        for i in 0..N {
            y[i] += x[i];
        }
    }
}
