//! Products of a few rows with a large weight.
//!
//! A general matrix product first packs the weight into panels, which costs more than the product itself when there
//! are only a few rows: short prompts, and tails of a run. Here each weight is read once, as it lies, and met by all
//! rows. It is worth its while only with AVX-512's many registers.

/// Rows up to which this is faster.
const MOST_ROWS: usize = 32;
/// Elements of a weight from which this is faster.
const LEAST_WEIGHT: usize = 1 << 18;

/// `y = x W^T` for `x` `[rows, width]` and `weight` `[out, width]`, if this is the faster way on this processor;
/// `false` if it is not, and nothing was written. What a row gets does not depend on the other rows.
pub(crate) fn product(
    x: &[f32],
    weight: &[f32],
    rows: usize,
    width: usize,
    out: usize,
    y: &mut [f32],
) -> bool {
    // One row alone is a matter of memory, which the general product handles as well.
    if !(2..=MOST_ROWS).contains(&rows) || out * width < LEAST_WEIGHT {
        return false;
    }
    assert!(x.len() == rows * width && weight.len() == out * width && y.len() == rows * out);
    wide::product(x, weight, rows, width, out, y)
}

#[cfg(target_arch = "x86_64")]
mod wide {
    #![allow(unsafe_code)]

    use crate::kernel::gemm::{Shared, Target};
    use crate::kernel::storage::tasks;

    const LANES: usize = 16;
    /// Weight rows, and rows of values, that meet in registers at once.
    const TILE: usize = 4;
    /// Weight rows per task.
    const PIECE: usize = 64;

    pub(super) fn product(
        x: &[f32],
        weight: &[f32],
        rows: usize,
        width: usize,
        out: usize,
        y: &mut [f32],
    ) -> bool {
        if !is_x86_feature_detected!("avx512f") {
            return false;
        }
        let shared = Shared::new(y);
        tasks(out.div_ceil(PIECE), PIECE * rows * width, |piece| {
            let first = piece * PIECE;
            let count = PIECE.min(out - first);
            let weight = &weight[first * width..(first + count) * width];
            // SAFETY: each task writes its own columns.
            let mut columns = unsafe { shared.matrix(first, rows, count, out) };
            // SAFETY: the processor has been asked for the feature.
            unsafe { columns_of(x, weight, width, &mut columns) };
        });
        true
    }

    #[target_feature(enable = "avx512f")]
    fn columns_of(x: &[f32], weight: &[f32], width: usize, y: &mut Target<'_>) {
        for (i, four) in weight.chunks(TILE * width).enumerate() {
            let found = four.len() / width;
            // A short tile repeats its last row; what that gives is not stored.
            let w = [0, 1, 2, 3].map(|j: usize| row(four, width, j.min(found - 1)));
            for (k, some) in x.chunks(TILE * width).enumerate() {
                let rows = some.len() / width;
                let r = [0, 1, 2, 3].map(|j: usize| row(some, width, j.min(rows - 1)));
                let sums = tile(r, w, width);
                for (j, sums) in sums.iter().enumerate().take(rows) {
                    let at = i * TILE;
                    y.row(k * TILE + j)[at..at + found].copy_from_slice(&sums[..found]);
                }
            }
        }
    }

    #[inline(always)]
    fn row(x: &[f32], width: usize, index: usize) -> &[f32] {
        &x[index * width..(index + 1) * width]
    }

    /// Sixteen dot products.
    #[target_feature(enable = "avx512f")]
    fn tile(x: [&[f32]; TILE], w: [&[f32]; TILE], width: usize) -> [[f32; TILE]; TILE] {
        let mut sums = [[[0f32; LANES]; TILE]; TILE];
        let whole = width / LANES * LANES;
        for at in (0..whole).step_by(LANES) {
            let w = w.map(|w| lanes(&w[at..at + LANES]));
            let x = x.map(|x| lanes(&x[at..at + LANES]));
            meet(&x, &w, &mut sums);
        }
        if whole < width {
            meet(
                &x.map(|x| lanes(&x[whole..])),
                &w.map(|w| lanes(&w[whole..])),
                &mut sums,
            );
        }
        sums.map(|row| row.map(crate::kernel::elementary::fold))
    }

    /// Up to sixteen values, zeros behind.
    #[inline(always)]
    fn lanes(x: &[f32]) -> [f32; LANES] {
        let mut lanes = [0f32; LANES];
        lanes[..x.len()].copy_from_slice(x);
        lanes
    }

    #[inline(always)]
    fn meet(
        x: &[[f32; LANES]; TILE],
        w: &[[f32; LANES]; TILE],
        sums: &mut [[[f32; LANES]; TILE]; TILE],
    ) {
        for i in 0..TILE {
            for j in 0..TILE {
                for lane in 0..LANES {
                    sums[i][j][lane] = x[i][lane].mul_add(w[j][lane], sums[i][j][lane]);
                }
            }
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod wide {
    pub(super) fn product(
        _x: &[f32],
        _weight: &[f32],
        _rows: usize,
        _width: usize,
        _out: usize,
        _y: &mut [f32],
    ) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiny::Draws;

    #[test]
    fn a_few_rows_give_what_the_plain_sum_gives() {
        for (rows, width, out) in [(2, 513, 514), (7, 1024, 257), (32, 300, 1023)] {
            let mut draws = Draws::new(rows as u64);
            let x = draws.values(rows * width, 1.0);
            let weight = draws.values(out * width, 1.0);
            let mut y = vec![f32::NAN; rows * out];
            if !product(&x, &weight, rows, width, out, &mut y) {
                assert!(y.iter().all(|y| y.is_nan()), "left alone");
                continue;
            }
            for (i, x) in x.chunks(width).enumerate() {
                for (j, w) in weight.chunks(width).enumerate() {
                    let terms = x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w));
                    let expected: f64 = terms.sum();
                    assert!((f64::from(y[i * out + j]) - expected).abs() < 1e-4);
                }
            }
            let mut fewer = vec![0f32; 2 * out];
            let alone = product(&x[..2 * width], &weight, 2, width, out, &mut fewer);
            assert!(alone && fewer == y[..2 * out], "a row depends on no other");
        }
    }
}
