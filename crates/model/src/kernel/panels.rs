//! Products with a matrix in panels.
//!
//! What a row gets depends neither on the other rows nor on the number of threads.

use super::gemm::Shared;
use super::packed::{PANEL, Packed};
use super::storage::{tasks, unwritten};

/// Whether products with panels are faster here than the general ones.
pub(super) fn fast() -> bool {
    wide::fast()
}

/// Panels that a task takes at most: its part of them stays in the second cache while all rows meet it.
const GROUP: usize = 8;

/// `y = x W^T + b` for `x` `[rows, in]` and `b` `[out]`, `[rows, out]`.
pub(super) fn product(x: &[f32], weight: &Packed, bias: Option<&[f32]>, rows: usize) -> Vec<f32> {
    let [out, width] = weight.dims();
    assert!(x.len() == rows * width && bias.is_none_or(|bias| bias.len() == out));
    let panels = weight.panels();
    let threads = rayon::current_num_threads().max(1);
    let group = panels.div_ceil(2 * threads).clamp(1, GROUP);
    let values = wide::in_tiles(x, rows, width);
    // SAFETY: each element is written first: `rows` rows in each of the panels, which cover all outputs.
    #[allow(unsafe_code)]
    let mut y = unsafe { unwritten(rows * out) };
    let shared = Shared::new(&mut y);
    tasks(
        panels.div_ceil(group),
        group * PANEL * rows * width,
        |task| {
            let panels = task * group..((task + 1) * group).min(panels);
            let columns = panels.start * PANEL..(panels.end * PANEL).min(out);
            // SAFETY: each task writes its own columns.
            #[allow(unsafe_code)]
            let mut y = unsafe { shared.matrix(columns.start, rows, columns.len(), out) };
            let bias = bias.map(|bias| &bias[columns]);
            wide::product(&values, weight, panels, bias, &mut y);
        },
    );
    y
}

/// `dx = dy W` for `dy` `[rows, out]`, `[rows, in]`: the gradient with respect to the values.
pub(super) fn gradient(dy: &[f32], weight: &Packed, rows: usize) -> Vec<f32> {
    let [out, width] = weight.dims();
    assert!(dy.len() == rows * out);
    let mut dx = vec![0f32; rows * width];
    let shared = Shared::new(&mut dx);
    let block = wide::INPUTS;
    tasks(width.div_ceil(block), block * rows * out, |task| {
        let inputs = task * block..((task + 1) * block).min(width);
        // SAFETY: each task writes its own columns.
        #[allow(unsafe_code)]
        let mut dx = unsafe { shared.matrix(inputs.start, rows, inputs.len(), width) };
        wide::gradient(dy, weight, inputs, &mut dx);
    });
    dx
}

#[cfg(target_arch = "x86_64")]
mod wide {
    #![allow(unsafe_code)]

    use std::arch::x86_64::{
        __mmask16, _MM_HINT_T0, _mm_prefetch, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps,
        _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_reduce_add_ps, _mm512_set1_ps,
        _mm512_setzero_ps,
    };
    use std::ops::Range;

    use super::{PANEL, Packed};
    use crate::kernel::gemm::{Shared, Target};
    use crate::kernel::storage::{tasks, unwritten};

    const LANES: usize = 16;
    /// Rows of values in registers at once, with a panel's width of sums each.
    const TILE: usize = 14;
    /// Inputs that meet at a time, so that a tile of values stays in the nearest cache.
    const DEPTH: usize = 768;
    /// Between rows of a tile: not a power of two, so that they do not push each other out of the cache.
    const STEP: usize = DEPTH + LANES;
    /// How far ahead of the products a panel is asked for.
    const AHEAD: usize = 16 * PANEL;

    pub(super) fn fast() -> bool {
        is_x86_feature_detected!("avx512f")
    }

    /// `x` `[rows, in]` in tiles: `[tile, part of the inputs, row, STEP]`, where each part is of DEPTH inputs at most,
    /// and anything behind the last row of a tile and the last input of a part.
    pub(super) fn in_tiles(x: &[f32], rows: usize, width: usize) -> Vec<f32> {
        let (tiles, parts) = (rows.div_ceil(TILE), width.div_ceil(DEPTH));
        // SAFETY: `product` reads no rows and inputs but those of `x`.
        let mut values = unsafe { unwritten(tiles * parts * TILE * STEP) };
        let shared = Shared::new(&mut values);
        tasks(tiles, TILE * width, |tile| {
            let rows = rows_of(tile, tiles, rows);
            for part in 0..parts {
                let from = part * DEPTH;
                let depth = DEPTH.min(width - from);
                let at = (tile * parts + part) * TILE * STEP;
                // SAFETY: each task writes its own tiles.
                let mut values = unsafe { shared.matrix(at, rows.len(), depth, STEP) };
                for (i, row) in rows.clone().enumerate() {
                    let x = &x[row * width + from..][..depth];
                    values.row(i).copy_from_slice(x);
                }
            }
        });
        values
    }

    /// The rows of a tile; tiles differ by one at most.
    fn rows_of(tile: usize, tiles: usize, rows: usize) -> Range<usize> {
        tile * rows / tiles..(tile + 1) * rows / tiles
    }

    /// The columns of `y` are those of the panels; `values` come from [`in_tiles`].
    pub(super) fn product(
        values: &[f32],
        weight: &Packed,
        panels: Range<usize>,
        bias: Option<&[f32]>,
        y: &mut Target<'_>,
    ) {
        assert!(fast(), "panels are made only where they can be used");
        let [_, width] = weight.dims();
        let (rows, out) = (y.height(), y.width());
        let (tiles, parts) = (rows.div_ceil(TILE), width.div_ceil(DEPTH));
        // No inputs give one part without depth, so that the bias is written.
        for part in 0..parts.max(1) {
            let from = part * DEPTH;
            let depth = DEPTH.min(width - from);
            for tile in 0..tiles {
                let rows = rows_of(tile, tiles, rows);
                let values = &values[(tile * parts + part) * TILE * STEP..];
                for panel in panels.clone() {
                    let at = (panel - panels.start) * PANEL;
                    let columns = at..(at + PANEL).min(out);
                    let before = match bias {
                        _ if from > 0 => Before::Sums,
                        Some(bias) => Before::Bias(&bias[columns.clone()]),
                        None => Before::Nothing,
                    };
                    let panel = &weight.panel(panel)[from * PANEL..][..depth * PANEL];
                    let mut y = y.columns(columns);
                    let wide = y.width();
                    // SAFETY: the processor has been asked for the feature.
                    unsafe {
                        tile_of(
                            values,
                            panel,
                            &before,
                            &mut y.part(rows.start, rows.len(), wide),
                        );
                    }
                }
            }
        }
    }

    /// What a sum is added to.
    enum Before<'a> {
        Nothing,
        Bias(&'a [f32]),
        Sums,
    }

    #[target_feature(enable = "avx512f")]
    fn tile_of(values: &[f32], panel: &[f32], before: &Before<'_>, y: &mut Target<'_>) {
        match y.height() {
            1 => meet::<1>(values, panel, before, y),
            2 => meet::<2>(values, panel, before, y),
            3 => meet::<3>(values, panel, before, y),
            4 => meet::<4>(values, panel, before, y),
            5 => meet::<5>(values, panel, before, y),
            6 => meet::<6>(values, panel, before, y),
            7 => meet::<7>(values, panel, before, y),
            8 => meet::<8>(values, panel, before, y),
            9 => meet::<9>(values, panel, before, y),
            10 => meet::<10>(values, panel, before, y),
            11 => meet::<11>(values, panel, before, y),
            12 => meet::<12>(values, panel, before, y),
            13 => meet::<13>(values, panel, before, y),
            _ => meet::<TILE>(values, panel, before, y),
        }
    }

    #[target_feature(enable = "avx512f")]
    fn meet<const ROWS: usize>(
        values: &[f32],
        panel: &[f32],
        before: &Before<'_>,
        y: &mut Target<'_>,
    ) {
        let depth = panel.len() / PANEL;
        assert!(y.height() == ROWS && y.width() <= PANEL);
        assert!(depth == 0 || values.len() >= (ROWS - 1) * STEP + depth);
        assert!(match before {
            Before::Bias(bias) => bias.len() == y.width(),
            _ => true,
        });
        let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
        let (mut w, mut x) = (panel.as_ptr(), values.as_ptr());
        for _ in 0..depth {
            // SAFETY: `w` walks over the panel, `x` over the first `depth` values of the first of ROWS rows, all
            // of them in `values`; a prefetch may name any address.
            unsafe {
                let (left, right) = (_mm512_loadu_ps(w), _mm512_loadu_ps(w.add(LANES)));
                for (row, sums) in sums.iter_mut().enumerate() {
                    let x = _mm512_set1_ps(*x.add(row * STEP));
                    sums[0] = _mm512_fmadd_ps(x, left, sums[0]);
                    sums[1] = _mm512_fmadd_ps(x, right, sums[1]);
                }
                w = w.add(PANEL);
                x = x.add(1);
                _mm_prefetch::<_MM_HINT_T0>(w.wrapping_add(AHEAD).cast());
                _mm_prefetch::<_MM_HINT_T0>(w.wrapping_add(AHEAD + LANES).cast());
            }
        }
        let masks = [mask(y.width()), mask(y.width().saturating_sub(LANES))];
        for (row, sums) in sums.iter().enumerate() {
            let to = y.row(row).as_mut_ptr();
            for (half, mask) in masks.into_iter().enumerate() {
                let at = half * LANES;
                let to = to.wrapping_add(at);
                // SAFETY: lanes that the mask leaves out are not touched; the others lie within the row and the bias,
                // both of the target's width.
                unsafe {
                    let sum = match before {
                        Before::Nothing => sums[half],
                        Before::Bias(bias) => {
                            let bias = bias.as_ptr().wrapping_add(at);
                            _mm512_add_ps(sums[half], _mm512_maskz_loadu_ps(mask, bias))
                        }
                        Before::Sums => _mm512_add_ps(sums[half], _mm512_maskz_loadu_ps(mask, to)),
                    };
                    _mm512_mask_storeu_ps(to, mask, sum);
                }
            }
        }
    }

    /// The first `count` lanes, or all.
    fn mask(count: usize) -> __mmask16 {
        match count {
            LANES.. => !0,
            _ => (1 << count) - 1,
        }
    }

    /// Inputs whose gradients a task finds.
    pub(super) const INPUTS: usize = 16;
    /// Rows of gradients, and inputs, that meet in registers at once.
    const PAIR: usize = 4;

    /// The columns of `dx` are `inputs`.
    pub(super) fn gradient(dy: &[f32], weight: &Packed, inputs: Range<usize>, dx: &mut Target<'_>) {
        assert!(fast(), "panels are made only where they can be used");
        // SAFETY: the processor has been asked for the feature.
        unsafe { gradient_of(dy, weight, inputs, dx) };
    }

    #[target_feature(enable = "avx512f")]
    fn gradient_of(dy: &[f32], weight: &Packed, inputs: Range<usize>, dx: &mut Target<'_>) {
        let [out, _] = weight.dims();
        for (i, some) in dy.chunks(PAIR * out).enumerate() {
            let rows = some.len() / out;
            // Short tiles repeat their last row or input; what that gives is not stored.
            let dy = [0, 1, 2, 3].map(|j: usize| &some[j.min(rows - 1) * out..][..out]);
            for from in inputs.clone().step_by(PAIR) {
                let found = PAIR.min(inputs.end - from);
                let sums = dot(&dy, weight, from, found);
                let at = from - inputs.start;
                for (j, sums) in sums.iter().enumerate().take(rows) {
                    dx.row(i * PAIR + j)[at..at + found].copy_from_slice(&sums[..found]);
                }
            }
        }
    }

    /// Sixteen sums over all outputs.
    #[target_feature(enable = "avx512f")]
    fn dot(dy: &[&[f32]; PAIR], weight: &Packed, from: usize, found: usize) -> [[f32; PAIR]; PAIR] {
        let [out, _] = weight.dims();
        assert!(dy.iter().all(|dy| dy.len() == out));
        let mut sums = [[_mm512_setzero_ps(); PAIR]; PAIR];
        for panel in 0..weight.panels() {
            let inputs = &weight.panel(panel)[from * PANEL..(from + found) * PANEL];
            for half in 0..PANEL / LANES {
                let at = panel * PANEL + half * LANES;
                let mask = mask(out.saturating_sub(at));
                // SAFETY: the mask leaves out what is behind the outputs.
                let dy = dy
                    .map(|dy| unsafe { _mm512_maskz_loadu_ps(mask, dy.as_ptr().wrapping_add(at)) });
                for j in 0..PAIR {
                    let input = &inputs[j.min(found - 1) * PANEL + half * LANES..][..LANES];
                    // SAFETY: so many were sliced.
                    let w = unsafe { _mm512_loadu_ps(input.as_ptr()) };
                    for i in 0..PAIR {
                        sums[i][j] = _mm512_fmadd_ps(dy[i], w, sums[i][j]);
                    }
                }
            }
        }
        sums.map(|row| row.map(|sum| _mm512_reduce_add_ps(sum)))
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod wide {
    use std::ops::Range;

    use super::Packed;
    use crate::kernel::gemm::Target;

    pub(super) const INPUTS: usize = 16;

    pub(super) fn fast() -> bool {
        false
    }

    pub(super) fn in_tiles(_x: &[f32], _rows: usize, _width: usize) -> Vec<f32> {
        Vec::new()
    }

    pub(super) fn product(
        _values: &[f32],
        _weight: &Packed,
        _panels: Range<usize>,
        _bias: Option<&[f32]>,
        _y: &mut Target<'_>,
    ) {
        unreachable!("panels are made only where they can be used")
    }

    pub(super) fn gradient(
        _dy: &[f32],
        _weight: &Packed,
        _inputs: Range<usize>,
        _dx: &mut Target<'_>,
    ) {
        unreachable!("panels are made only where they can be used")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::packed::tests::matrix;
    use crate::tiny::Draws;

    #[test]
    fn products_equal_the_plain_sum_and_rows_do_not_depend_on_each_other() {
        for (rows, width, out) in [
            (1, 1, 1),
            (2, 513, 514),
            (13, 512, 17),
            (14, 64, 32),
            (15, 1030, 48),
            (33, 300, 95),
        ] {
            let Some((weight, packed)) = matrix(out, width) else {
                return;
            };
            let weight: Vec<Vec<f32>> = weight.to_vec2().expect("a matrix");
            let mut draws = Draws::new(rows as u64);
            let x = draws.values(rows * width, 1.0);
            let bias = draws.values(out, 1.0);
            let dy = draws.values(rows * out, 1.0);
            let y = product(&x, &packed, Some(&bias), rows);
            let without = product(&x, &packed, None, rows);
            let dx = gradient(&dy, &packed, rows);
            let near = |found: f32, terms: &mut dyn Iterator<Item = (f32, f32)>| {
                let (mut sum, mut size) = (0f64, 1f64);
                for (a, b) in terms {
                    sum += f64::from(a) * f64::from(b);
                    size += (f64::from(a) * f64::from(b)).abs();
                }
                assert!(
                    (f64::from(found) - sum).abs() < 1e-6 * size,
                    "{rows} {width} {out}"
                );
            };
            for row in 0..rows {
                let x = &x[row * width..][..width];
                for (j, weight) in weight.iter().enumerate() {
                    let terms = || x.iter().copied().zip(weight.iter().copied());
                    near(y[row * out + j], &mut terms().chain([(1.0, bias[j])]));
                    near(without[row * out + j], &mut terms());
                }
                for input in 0..width {
                    let column = weight.iter().map(|weight| weight[input]);
                    let dy = &dy[row * out..][..out];
                    near(dx[row * width + input], &mut dy.iter().copied().zip(column));
                }
            }
            let last = (rows - 1) * width;
            let alone = product(&x[last..], &packed, Some(&bias), 1);
            assert_eq!(alone, y[(rows - 1) * out..]);
        }
    }

    #[test]
    fn no_inputs_leave_the_bias_and_what_is_not_finite_comes_through() {
        let Some((_, packed)) = matrix(40, 6) else {
            return;
        };
        let bias: Vec<f32> = (0..40u8).map(f32::from).collect();
        let none = packed.columns(2..2);
        assert_eq!(product(&[], &none, Some(&bias), 1), bias);
        assert_eq!(product(&[], &none, None, 2), vec![0.0; 80]);
        let x = [1.0, 1.0, f32::NAN, 0.0, 0.0, f32::INFINITY];
        let y = product(&x, &packed.columns(0..6), None, 1);
        assert!(y.iter().all(|y| y.is_nan()));
        let y = product(&x[3..], &packed.columns(3..6), Some(&bias), 1);
        assert!(y.iter().all(|y| y.is_infinite()));
    }
}
