//! Convolution of 3 x 3 with four ninths of the multiplications: F(2 x 2, 3 x 3) of Winograd, as Lavin and Gray (2016),
//! section 4.1, lay it out.
//!
//! Two by two outputs are found from four by four inputs by sixteen products in place of thirty-six. The larger
//! F(4 x 4, 3 x 3) would save more but loses about a digit; this one is as exact as the plain sum. As in the plain
//! sum, an output depends on no pixel beyond its nine. It is worth its while only with AVX-512's many registers.

use super::patches::Patches;

/// Channels per vector.
const LANES: usize = 16;
/// Tiles of outputs from which the way there and back pays.
const LEAST_TILES: usize = 24;

/// Whether this is the faster way, and this processor has it.
pub(super) fn suits(patches: &Patches, out: usize) -> bool {
    patches.kernel == [3, 3]
        && [patches.stride, patches.dilation, patches.spread] == [1; 3]
        && patches.channels.is_multiple_of(LANES)
        && out.is_multiple_of(LANES)
        && Tiles::of(patches).count() >= LEAST_TILES
        && wide::is_there()
}

/// `weight` `[3, 3, Cin, Cout]` over `x`, into `y`.
pub(super) fn convolve(
    patches: &Patches,
    out: usize,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
) {
    assert!(x.len() == patches.images * patches.input[0] * patches.input[1] * patches.channels);
    assert!(weight.len() == 9 * patches.channels * out && y.len() == patches.output_pixels() * out);
    assert!(bias.is_none_or(|bias| bias.len() == out));
    let weight = turned(weight, patches.channels * out);
    wide::convolve(patches, out, x, &weight, bias, y);
}

/// The weight between the transforms, `[16, Cin, Cout]`: G g G^T for each pair of channels.
fn turned(weight: &[f32], pairs: usize) -> Vec<f32> {
    let mut turned = vec![0f32; 16 * pairs];
    let mut columns = vec![0f32; 4 * 3 * pairs];
    for kx in 0..3 {
        let place = |ky: usize| &weight[(ky * 3 + kx) * pairs..][..pairs];
        let (a, b, c) = (place(0), place(1), place(2));
        for i in 0..4 {
            let to = &mut columns[(i * 3 + kx) * pairs..][..pairs];
            spread(i, a, b, c, to);
        }
    }
    for i in 0..4 {
        let place = |kx: usize| &columns[(i * 3 + kx) * pairs..][..pairs];
        let (a, b, c) = (place(0), place(1), place(2));
        for j in 0..4 {
            let to = &mut turned[(i * 4 + j) * pairs..][..pairs];
            spread(j, a, b, c, to);
        }
    }
    turned
}

/// Row `i` of G, times three values.
fn spread(i: usize, a: &[f32], b: &[f32], c: &[f32], to: &mut [f32]) {
    let all = to.iter_mut().zip(a).zip(b).zip(c);
    match i {
        0 => all.for_each(|(((to, a), _), _)| *to = *a),
        1 => all.for_each(|(((to, a), b), c)| *to = 0.5 * (a + b + c)),
        2 => all.for_each(|(((to, a), b), c)| *to = 0.5 * (a - b + c)),
        _ => all.for_each(|(((to, _), _), c)| *to = *c),
    }
}

/// Two by two outputs each, over all images.
#[derive(Clone, Copy, Debug)]
struct Tiles {
    images: usize,
    rows: usize,
    columns: usize,
}

impl Tiles {
    fn of(patches: &Patches) -> Self {
        Self {
            images: patches.images,
            rows: patches.output[0].div_ceil(2),
            columns: patches.output[1].div_ceil(2),
        }
    }

    fn count(&self) -> usize {
        self.images * self.rows * self.columns
    }

    /// Image, and first output row and column.
    fn place(&self, tile: usize) -> [usize; 3] {
        let (line, column) = (tile / self.columns, tile % self.columns);
        [line / self.rows, line % self.rows * 2, column * 2]
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    #![allow(unsafe_code)]

    use std::arch::x86_64::{
        __m512, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_maskz_loadu_ps,
        _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps, _mm512_sub_ps,
    };
    use std::ops::Range;

    use super::{LANES, Tiles};
    use crate::kernel::gemm::Shared;
    use crate::kernel::patches::Patches;
    use crate::kernel::storage::with_buffer;

    /// Tiles that all sizes of register blocks divide.
    const TILES: usize = 24;
    /// Elements between the transforms per block, which the second cache should hold.
    const BLOCK: usize = 1 << 18;
    /// Blocks that a small picture is cut into, so that it is not left to one thread.
    const LEAST_BLOCKS: usize = 4;

    pub(super) fn is_there() -> bool {
        is_x86_feature_detected!("avx512f")
    }

    /// Sizes of one convolution.
    #[derive(Clone, Copy)]
    struct Plan<'a> {
        patches: &'a Patches,
        tiles: Tiles,
        out: usize,
        x: &'a [f32],
        weight: &'a [f32],
        bias: Option<&'a [f32]>,
        y: Shared<'a>,
    }

    pub(super) fn convolve(
        patches: &Patches,
        out: usize,
        x: &[f32],
        weight: &[f32],
        bias: Option<&[f32]>,
        y: &mut [f32],
    ) {
        let tiles = Tiles::of(patches);
        let channels = patches.channels;
        let fitting = BLOCK / (16 * (channels + out)) / TILES * TILES;
        let cut = tiles.count().div_ceil(LEAST_BLOCKS).next_multiple_of(TILES);
        let each = fitting.min(cut).max(TILES);
        let plan = Plan {
            patches,
            tiles,
            out,
            x,
            weight,
            bias,
            y: Shared::new(y),
        };
        let blocks = tiles.count().div_ceil(each);
        with_buffer(blocks, 16 * each * (channels + out), |block, buffer| {
            let some = block * each..((block + 1) * each).min(tiles.count());
            let (before, after) = buffer.split_at_mut(16 * each * channels);
            // SAFETY: `suits` has asked the processor for the feature; blocks write the outputs of different tiles.
            unsafe {
                plan.enter(some.clone(), before);
                plan.multiply(some.len().next_multiple_of(TILES), before, after);
                plan.leave(some, after);
            }
        });
    }

    impl Plan<'_> {
        /// B^T d B of each tile, `[16, tiles, Cin]`.
        #[target_feature(enable = "avx512f")]
        unsafe fn enter(&self, tiles: Range<usize>, before: &mut [f32]) {
            let channels = self.patches.channels;
            let [height, width] = self.patches.input;
            let room = tiles.len().next_multiple_of(TILES);
            assert!(before.len() >= 16 * room * channels);
            for (t, tile) in tiles.enumerate() {
                let [image, row, column] = self.tiles.place(tile);
                let before_it = self.patches.before;
                let first = [row as isize - before_it[0], column as isize - before_it[1]];
                let mut starts = [[0usize; 4]; 4];
                let mut masks = [[0u16; 4]; 4];
                for i in 0..4 {
                    for j in 0..4 {
                        let (y, x) = (first[0] + i as isize, first[1] + j as isize);
                        let inside =
                            (0..height as isize).contains(&y) && (0..width as isize).contains(&x);
                        if inside {
                            let pixel = (image * height + y as usize) * width + x as usize;
                            starts[i][j] = pixel * channels;
                            masks[i][j] = u16::MAX;
                        }
                    }
                }
                for c in (0..channels).step_by(LANES) {
                    let mut d = [[_mm512_setzero_ps(); 4]; 4];
                    for i in 0..4 {
                        for j in 0..4 {
                            // SAFETY: a pixel that is there has `channels` values, of which these are sixteen; of one
                            // that is not, nothing is read.
                            d[i][j] = unsafe {
                                let from = self.x.as_ptr().add(starts[i][j] + c);
                                _mm512_maskz_loadu_ps(masks[i][j], from)
                            };
                        }
                    }
                    let mut rows = [[_mm512_setzero_ps(); 4]; 4];
                    for j in 0..4 {
                        let column = difference(d[0][j], d[1][j], d[2][j], d[3][j]);
                        (0..4).for_each(|i| rows[i][j] = column[i]);
                    }
                    for (i, row) in rows.iter().enumerate() {
                        let row = difference(row[0], row[1], row[2], row[3]);
                        for (j, value) in row.into_iter().enumerate() {
                            let at = ((i * 4 + j) * room + t) * channels + c;
                            // SAFETY: within the length asserted above.
                            unsafe { _mm512_storeu_ps(before.as_mut_ptr().add(at), value) };
                        }
                    }
                }
            }
        }

        /// Sixteen products `[tiles, Cin] [Cin, Cout]`.
        #[target_feature(enable = "avx512f")]
        unsafe fn multiply(&self, tiles: usize, before: &[f32], after: &mut [f32]) {
            let (channels, out) = (self.patches.channels, self.out);
            assert!(before.len() >= 16 * tiles * channels && after.len() >= 16 * tiles * out);
            assert!(self.weight.len() == 16 * channels * out);
            for place in 0..16 {
                let a = &before[place * tiles * channels..][..tiles * channels];
                let b = &self.weight[place * channels * out..][..channels * out];
                let c = &mut after[place * tiles * out..][..tiles * out];
                let mut column = 0;
                while column < out {
                    let panel = Panel {
                        a,
                        b,
                        inner: channels,
                        out,
                        column,
                    };
                    // SAFETY: `TILES` is a multiple of each number of rows, and so many columns are left.
                    column += unsafe {
                        match out - column {
                            64.. => panel.over::<6, 4>(c),
                            48.. => panel.over::<8, 3>(c),
                            32.. => panel.over::<12, 2>(c),
                            _ => panel.over::<12, 1>(c),
                        }
                    };
                }
            }
        }

        /// A^T m A of each tile, and the bias.
        #[target_feature(enable = "avx512f")]
        unsafe fn leave(&self, tiles: Range<usize>, after: &[f32]) {
            let out = self.out;
            let [height, width] = self.patches.output;
            let room = tiles.len().next_multiple_of(TILES);
            assert!(after.len() >= 16 * room * out);
            for (t, tile) in tiles.enumerate() {
                let [image, row, column] = self.tiles.place(tile);
                let (lines, pixels) = ((height - row).min(2), (width - column).min(2));
                for c in (0..out).step_by(LANES) {
                    let bias = match self.bias {
                        // SAFETY: the bias has `out` values.
                        Some(bias) => unsafe { _mm512_loadu_ps(bias.as_ptr().add(c)) },
                        None => _mm512_setzero_ps(),
                    };
                    let mut sums = [[_mm512_setzero_ps(); 4]; 2];
                    let [upper, lower] = &mut sums;
                    for (j, (upper, lower)) in upper.iter_mut().zip(lower).enumerate() {
                        let mut m = [_mm512_setzero_ps(); 4];
                        for (i, m) in m.iter_mut().enumerate() {
                            let at = ((i * 4 + j) * room + t) * out + c;
                            // SAFETY: within the length asserted above.
                            *m = unsafe { _mm512_loadu_ps(after.as_ptr().add(at)) };
                        }
                        [*upper, *lower] = total(m[0], m[1], m[2], m[3]);
                    }
                    for (i, sums) in sums.iter().enumerate().take(lines) {
                        let pair = total(sums[0], sums[1], sums[2], sums[3]);
                        let at = ((image * height + row + i) * width + column) * out + c;
                        for (j, value) in pair.into_iter().enumerate().take(pixels) {
                            // SAFETY: each tile's outputs are written by one task.
                            let mut to = unsafe { self.y.matrix(at + j * out, 1, LANES, LANES) };
                            let value = _mm512_add_ps(value, bias);
                            // SAFETY: the row has sixteen values.
                            unsafe { _mm512_storeu_ps(to.row(0).as_mut_ptr(), value) };
                        }
                    }
                }
            }
        }
    }

    /// B^T times four values.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn difference(a: __m512, b: __m512, c: __m512, d: __m512) -> [__m512; 4] {
        [
            _mm512_sub_ps(a, c),
            _mm512_add_ps(b, c),
            _mm512_sub_ps(c, b),
            _mm512_sub_ps(b, d),
        ]
    }

    /// A^T times four values.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn total(a: __m512, b: __m512, c: __m512, d: __m512) -> [__m512; 2] {
        [
            _mm512_add_ps(_mm512_add_ps(a, b), c),
            _mm512_sub_ps(_mm512_sub_ps(b, c), d),
        ]
    }

    /// Columns of a product `a b`, from `column` on.
    #[derive(Clone, Copy)]
    struct Panel<'a> {
        /// `[rows, inner]`.
        a: &'a [f32],
        /// `[inner, out]`.
        b: &'a [f32],
        inner: usize,
        out: usize,
        column: usize,
    }

    impl Panel<'_> {
        /// Writes `VECTORS` vectors of columns in blocks of `ROWS` rows, and gives the number of columns.
        ///
        /// # Safety
        /// `ROWS` must divide the rows of `a`, and so many columns must be left.
        #[target_feature(enable = "avx512f")]
        unsafe fn over<const ROWS: usize, const VECTORS: usize>(self, c: &mut [f32]) -> usize {
            let Self {
                a,
                b,
                inner,
                out,
                column,
            } = self;
            let columns = VECTORS * LANES;
            let rows = a.len() / inner;
            assert!(column + columns <= out && rows.is_multiple_of(ROWS));
            assert!(b.len() == inner * out && c.len() == rows * out);
            for row in (0..rows).step_by(ROWS) {
                let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
                // SAFETY: rows, inner and columns stay within the lengths asserted above.
                unsafe {
                    let a = a.as_ptr().add(row * inner);
                    let b = b.as_ptr().add(column);
                    for k in 0..inner {
                        let mut weights = [_mm512_setzero_ps(); VECTORS];
                        for (v, weight) in weights.iter_mut().enumerate() {
                            *weight = _mm512_loadu_ps(b.add(k * out + v * LANES));
                        }
                        for (r, sums) in sums.iter_mut().enumerate() {
                            let value = _mm512_set1_ps(*a.add(r * inner + k));
                            for (sum, weight) in sums.iter_mut().zip(&weights) {
                                *sum = _mm512_fmadd_ps(value, *weight, *sum);
                            }
                        }
                    }
                    for (r, sums) in sums.iter().enumerate() {
                        for (v, sum) in sums.iter().enumerate() {
                            let at = (row + r) * out + column + v * LANES;
                            _mm512_storeu_ps(c.as_mut_ptr().add(at), *sum);
                        }
                    }
                }
            }
            columns
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod wide {
    use crate::kernel::patches::Patches;

    pub(super) fn is_there() -> bool {
        false
    }

    pub(super) fn convolve(
        _patches: &Patches,
        _out: usize,
        _x: &[f32],
        _weight: &[f32],
        _bias: Option<&[f32]>,
        _y: &mut [f32],
    ) {
    }
}
