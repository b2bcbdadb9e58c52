//! Attention inside windows of an image, shifted or with keys from a wider window.
//!
//! Queries, keys and values lie behind each other along the channels, each cut into heads. Windows are counted row by
//! row inside an image, tokens row by row inside a window.

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result as CandleResult, Shape, Tensor};

use super::gemm::{Matrix, Shared, Target, Threads, product};
use super::rows::accumulate;
use super::softmax::{softmax_row, softmax_row_back};
use super::storage::{fast, output, pieces, read, values};
use super::window_places::{Part, Sizes};
use crate::error::Result;
use crate::kernel::attention::softmax;

/// How an image is cut into windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Windows {
    /// Pixels along a side of the queries' window; height and width of the image are multiples.
    pub size: usize,
    /// The image is rolled up and left by this many pixels before it is cut; windows then hold pixels that are no
    /// neighbours, which do not see each other. Less than `size`.
    pub shift: usize,
    /// Pixels by which the side of the keys' window is longer, half of them on each side; outside the image keys and
    /// values are zero. Even, and 0 with a shift.
    pub overlap: usize,
    pub heads: usize,
}

impl Windows {
    /// Pixels along a side of the keys' window.
    pub const fn key_size(&self) -> usize {
        self.size + self.overlap
    }
}

/// What is added to scores of pixels that a shift has brought together, as in Swin's mask.
const APART: f32 = -100.0;

/// Softmax over the keys of `q k / sqrt(C / heads) + bias`. `qkv` `[N, H, W, 3 C]`, `bias` `[heads, T, Tkey]` with
/// `T` and `Tkey` the pixels of a query and a key window; `[N windows, heads, T, Tkey]`.
pub fn window_pattern(qkv: &Tensor, bias: &Tensor, form: &Windows) -> Result<Tensor> {
    let sizes = Sizes::of(qkv.dims(), form)?;
    sizes.check_bias(bias.dims())?;
    if !fast(&[qkv, bias]) {
        return plain_pattern(qkv, bias, form);
    }
    Ok(qkv
        .contiguous()?
        .apply_op2(&bias.contiguous()?, Pattern(*form))?)
}

/// `pattern` `[N windows, heads, T, Tkey]` times the values of `qkv` `[N, H, W, 3 C]`, put back in place:
/// `[N, H, W, C]`.
pub fn window_mix(pattern: &Tensor, qkv: &Tensor, form: &Windows) -> Result<Tensor> {
    let sizes = Sizes::of(qkv.dims(), form)?;
    sizes.check_pattern(pattern.dims())?;
    if !fast(&[pattern, qkv]) {
        return plain_mix(pattern, qkv, form);
    }
    Ok(pattern
        .contiguous()?
        .apply_op2(&qkv.contiguous()?, Mix(*form))?)
}

fn plain_pattern(qkv: &Tensor, bias: &Tensor, form: &Windows) -> Result<Tensor> {
    let sizes = Sizes::of(qkv.dims(), form)?;
    let q = plain_tokens(qkv, Part::Query, form)?;
    let k = plain_tokens(qkv, Part::Key, form)?;
    let scores = (q.matmul(&k.t()?.contiguous()?)? / (sizes.width() as f64).sqrt())?;
    let mut scores = scores.broadcast_add(&bias.to_dtype(scores.dtype())?)?;
    if form.shift > 0 {
        let (windows, tokens) = (sizes.windows_per_image(), sizes.queries());
        let apart: Vec<f32> = (0..windows)
            .flat_map(|window| {
                let regions = sizes.regions(window);
                let pairs = (0..tokens * tokens).map(move |pair| {
                    let same = regions[pair / tokens] == regions[pair % tokens];
                    if same { 0.0 } else { APART }
                });
                pairs.collect::<Vec<_>>()
            })
            .collect();
        let apart = Tensor::from_vec(apart, (1, windows, 1, tokens, tokens), qkv.device())?
            .to_dtype(scores.dtype())?;
        let all = scores.dims().to_vec();
        let by_image = [sizes.images, windows, form.heads, tokens, tokens];
        scores = scores
            .reshape(by_image.as_slice())?
            .broadcast_add(&apart)?
            .reshape(all)?;
    }
    softmax(&scores)
}

fn plain_mix(pattern: &Tensor, qkv: &Tensor, form: &Windows) -> Result<Tensor> {
    let sizes = Sizes::of(qkv.dims(), form)?;
    let v = plain_tokens(qkv, Part::Value, form)?;
    let (w, [rows, columns]) = (form.size, sizes.windows);
    let y = pattern.matmul(&v)?;
    let y = y
        .reshape([sizes.images, rows, columns, form.heads, w, w, sizes.width()].as_slice())?
        .permute([0, 1, 4, 2, 5, 3, 6].as_slice())?
        .contiguous()?
        .reshape((sizes.images, rows * w, columns * w, sizes.channels))?;
    roll(
        &roll(&y, 1, rows * w - form.shift)?,
        2,
        columns * w - form.shift,
    )
}

/// `[N windows, heads, tokens, width]` of queries, keys or values.
fn plain_tokens(qkv: &Tensor, part: Part, form: &Windows) -> Result<Tensor> {
    let sizes = Sizes::of(qkv.dims(), form)?;
    let x = qkv.narrow(D::Minus1, part as usize * sizes.channels, sizes.channels)?;
    let x = roll(&roll(&x, 1, form.shift)?, 2, form.shift)?;
    let (side, more) = match part {
        Part::Query => (form.size, 0),
        Part::Key | Part::Value => (form.key_size(), form.overlap / 2),
    };
    let x = x
        .pad_with_zeros(1, more, more)?
        .pad_with_zeros(2, more, more)?;
    let mut found = Vec::new();
    for image in 0..sizes.images {
        for window in 0..sizes.windows_per_image() {
            let (row, column) = (window / sizes.windows[1], window % sizes.windows[1]);
            let tokens = x
                .narrow(0, image, 1)?
                .narrow(1, row * form.size, side)?
                .narrow(2, column * form.size, side)?
                .contiguous()?
                .reshape((side * side, form.heads, sizes.width()))?
                .transpose(0, 1)?;
            found.push(tokens);
        }
    }
    Ok(Tensor::stack(&found, 0)?.contiguous()?)
}

/// Moves what stands at `by` to the start; the start comes round to the end.
fn roll(x: &Tensor, dim: usize, by: usize) -> Result<Tensor> {
    let length = x.dim(dim)?;
    match by % length {
        0 => Ok(x.clone()),
        by => Ok(Tensor::cat(
            &[x.narrow(dim, by, length - by)?, x.narrow(dim, 0, by)?],
            dim,
        )?),
    }
}

struct Pattern(Windows);

impl CustomOp2 for Pattern {
    fn name(&self) -> &'static str {
        "window-pattern"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        let sizes = Sizes::of(l1.dims(), &self.0).map_err(candle_core::Error::wrap)?;
        let (qkv, bias) = (values(s1, l1)?, values(s2, l2)?);
        let (queries, keys, width) = (sizes.queries(), sizes.keys(), sizes.width());
        let mut y = vec![0f32; sizes.edges()];
        let shared = Shared::new(&mut y);
        sizes.each_window(|window, head| {
            let q = sizes.gather(qkv, Part::Query, window, head);
            let k = sizes.gather(qkv, Part::Key, window, head);
            let at = sizes.pattern_at(window, head);
            // SAFETY: each head of each window is written by one task.
            #[allow(unsafe_code)]
            let mut rows = unsafe { shared.matrix(at, queries, keys, keys) };
            product(
                rows.part(0, queries, keys),
                false,
                sizes.scale(),
                Matrix::new(&q, queries, width, width),
                Matrix::new(&k, keys, width, width).transposed(),
                Threads::One,
            );
            let regions = sizes.mixed_regions(window);
            for query in 0..queries {
                let row = rows.row(query);
                accumulate(&bias[(head * queries + query) * keys..][..keys], row);
                if let Some(regions) = &regions {
                    for (x, region) in row.iter_mut().zip(regions) {
                        *x += if *region == regions[query] {
                            0.0
                        } else {
                            APART
                        };
                    }
                }
                softmax_row(row);
            }
        });
        let shape = (sizes.all_windows(), self.0.heads, queries, keys);
        Ok(output(y, shape))
    }

    fn bwd(
        &self,
        qkv: &Tensor,
        bias: &Tensor,
        pattern: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        let sizes = Sizes::of(qkv.dims(), &self.0).map_err(candle_core::Error::wrap)?;
        let gradient = gradient.contiguous()?;
        read(&[qkv, pattern, &gradient], |slices| {
            let (values, weights) = (slices[0], slices[1]);
            let (queries, keys, width) = (sizes.queries(), sizes.keys(), sizes.width());
            let mut ds = slices[2].to_vec();
            pieces(&mut ds, keys, |at, ds| {
                let rows = weights[at..].chunks_exact(keys);
                for (ds, weights) in ds.chunks_exact_mut(keys).zip(rows) {
                    softmax_row_back(weights, ds);
                }
            });
            let mut dx = vec![0f32; if qkv.track_op() { values.len() } else { 0 }];
            if qkv.track_op() {
                let shared = Shared::new(&mut dx);
                sizes.each_apart(|window, head| {
                    let at = sizes.pattern_at(window, head);
                    let ds = Matrix::new(&ds[at..], queries, keys, keys);
                    let q = sizes.gather(values, Part::Query, window, head);
                    let k = sizes.gather(values, Part::Key, window, head);
                    let (mut dq, mut dk) = (vec![0f32; q.len()], vec![0f32; k.len()]);
                    product(
                        Target::new(&mut dq, queries, width, width),
                        false,
                        sizes.scale(),
                        ds,
                        Matrix::new(&k, keys, width, width),
                        Threads::One,
                    );
                    product(
                        Target::new(&mut dk, keys, width, width),
                        false,
                        sizes.scale(),
                        ds.transposed(),
                        Matrix::new(&q, queries, width, width),
                        Threads::One,
                    );
                    // SAFETY: windows that share pixels belong to the same task, and heads share no channels.
                    #[allow(unsafe_code)]
                    unsafe {
                        sizes.add(shared, Part::Query, window, head, &dq);
                        sizes.add(shared, Part::Key, window, head, &dk);
                    }
                });
            }
            let for_bias = bias.track_op().then(|| {
                let mut sums = vec![0f32; bias.elem_count()];
                let each = sums.len().max(1);
                pieces(&mut sums, 1, |at, sums| {
                    for ds in ds.chunks_exact(each) {
                        accumulate(&ds[at..at + sums.len()], sums);
                    }
                });
                Tensor::from_vec(sums, bias.shape(), bias.device())
            });
            let for_qkv = qkv
                .track_op()
                .then(|| Tensor::from_vec(dx, qkv.shape(), qkv.device()));
            Ok((for_qkv.transpose()?, for_bias.transpose()?))
        })
    }
}

struct Mix(Windows);

impl CustomOp2 for Mix {
    fn name(&self) -> &'static str {
        "window-mix"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        let sizes = Sizes::of(l2.dims(), &self.0).map_err(candle_core::Error::wrap)?;
        let (pattern, qkv) = (values(s1, l1)?, values(s2, l2)?);
        let (queries, keys, width) = (sizes.queries(), sizes.keys(), sizes.width());
        let mut y = vec![0f32; qkv.len() / 3];
        let shared = Shared::new(&mut y);
        sizes.each_window(|window, head| {
            let v = sizes.gather(qkv, Part::Value, window, head);
            let mut mixed = vec![0f32; queries * width];
            let at = sizes.pattern_at(window, head);
            product(
                Target::new(&mut mixed, queries, width, width),
                false,
                1.0,
                Matrix::new(&pattern[at..], queries, keys, keys),
                Matrix::new(&v, keys, width, width),
                Threads::One,
            );
            // SAFETY: each head of each window is written by one task, and windows share no queries.
            #[allow(unsafe_code)]
            unsafe {
                sizes.put(shared, window, head, &mixed);
            }
        });
        let [height, across] = sizes.input;
        Ok(output(y, (sizes.images, height, across, sizes.channels)))
    }

    fn bwd(
        &self,
        pattern: &Tensor,
        qkv: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        let sizes = Sizes::of(qkv.dims(), &self.0).map_err(candle_core::Error::wrap)?;
        let gradient = gradient.contiguous()?;
        read(&[pattern, qkv, &gradient], |slices| {
            let (weights, values, g) = (slices[0], slices[1], slices[2]);
            let (queries, keys, width) = (sizes.queries(), sizes.keys(), sizes.width());
            let mut dp = vec![0f32; weights.len()];
            let mut dx = vec![0f32; values.len()];
            let (for_pattern, for_qkv) = (Shared::new(&mut dp), Shared::new(&mut dx));
            sizes.each_apart(|window, head| {
                let at = sizes.pattern_at(window, head);
                let v = sizes.gather(values, Part::Value, window, head);
                let g = sizes.gather_output(g, window, head);
                let g = Matrix::new(&g, queries, width, width);
                // SAFETY: each head of each window is written by one task.
                #[allow(unsafe_code)]
                let target = unsafe { for_pattern.matrix(at, queries, keys, keys) };
                product(
                    target,
                    false,
                    1.0,
                    g,
                    Matrix::new(&v, keys, width, width).transposed(),
                    Threads::One,
                );
                let mut dv = vec![0f32; v.len()];
                product(
                    Target::new(&mut dv, keys, width, width),
                    false,
                    1.0,
                    Matrix::new(&weights[at..], queries, keys, keys).transposed(),
                    g,
                    Threads::One,
                );
                // SAFETY: windows that share pixels belong to the same task, and heads share no channels.
                #[allow(unsafe_code)]
                unsafe {
                    sizes.add(for_qkv, Part::Value, window, head, &dv);
                }
            });
            Ok((
                Some(Tensor::from_vec(dp, pattern.shape(), pattern.device())?),
                Some(Tensor::from_vec(dx, qkv.shape(), qkv.device())?),
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::{close, flat, gradients, vars};

    fn form(size: usize, shift: usize, overlap: usize, heads: usize) -> Windows {
        Windows {
            size,
            shift,
            overlap,
            heads,
        }
    }

    #[test]
    fn patterns_mixes_and_gradients_equal_the_plain_forms() {
        for (form, [n, h, w, c]) in [
            (form(1, 0, 0, 1), [1, 1, 1, 1]),
            (form(4, 0, 0, 2), [2, 8, 4, 6]),
            (form(4, 2, 0, 3), [2, 8, 12, 9]),
            (form(7, 3, 0, 2), [1, 14, 7, 10]),
            (form(8, 4, 0, 6), [1, 24, 16, 36]),
            (form(4, 0, 2, 2), [2, 8, 12, 8]),
            (form(4, 0, 8, 1), [1, 4, 8, 5]),
        ] {
            let (t, tk) = (form.size.pow(2), form.key_size().pow(2));
            let all = vars(&[&[n, h, w, 3 * c], &[form.heads, t, tk]], 7);
            let (qkv, bias) = (all[0].as_tensor(), all[1].as_tensor());
            let fast = window_pattern(qkv, bias, &form).expect("fits");
            let slow = plain_pattern(qkv, bias, &form).expect("fits");
            close(&fast, &slow, 2e-6, "pattern");
            for (a, b) in gradients(&fast, &all).iter().zip(&gradients(&slow, &all)) {
                close(a, b, 1e-5, &format!("gradient of a pattern of {form:?}"));
            }
            let fast = window_mix(&fast, qkv, &form).expect("fits");
            let slow = plain_mix(&slow, qkv, &form).expect("fits");
            close(&fast, &slow, 2e-6, "mix");
            for (a, b) in gradients(&fast, &all).iter().zip(&gradients(&slow, &all)) {
                close(a, b, 1e-5, &format!("gradient of a mix of {form:?}"));
            }
        }
    }

    #[test]
    fn views_are_read_as_they_stand() {
        let all = vars(&[&[1, 12, 8, 13], &[2, 16, 16]], 7);
        let x = all[0]
            .as_tensor()
            .transpose(1, 2)
            .and_then(|x| x.narrow(3, 1, 12));
        let (x, form) = (x.expect("a view"), form(4, 1, 0, 2));
        let bias = all[1].as_tensor().transpose(1, 2).expect("a view");
        let (fast, slow) = (
            window_pattern(&x, &bias, &form).expect("fits"),
            plain_pattern(&x, &bias, &form).expect("fits"),
        );
        close(&fast, &slow, 2e-6, "a view");
    }

    #[test]
    fn nan_stays_in_its_window() {
        let all = vars(&[&[1, 8, 8, 6], &[1, 16, 16]], 7);
        let mut x = flat(all[0].as_tensor());
        x[0] = f32::NAN;
        let x = Tensor::from_vec(x, (1, 8, 8, 6), all[0].device()).expect("a tensor");
        let form = form(4, 0, 0, 1);
        let pattern = window_pattern(&x, all[1].as_tensor(), &form).expect("fits");
        let pattern = flat(&pattern);
        assert!(pattern[..16].iter().all(|p| p.is_nan()));
        assert!(pattern[16..].iter().all(|p| p.is_finite()));
    }

    #[test]
    fn what_does_not_fit_is_said_in_words() {
        let all = vars(&[&[1, 8, 8, 12], &[2, 16, 16]], 7);
        let (qkv, bias) = (all[0].as_tensor(), all[1].as_tensor());
        for form in [
            form(3, 0, 0, 2),
            form(0, 0, 0, 2),
            form(4, 4, 0, 2),
            form(4, 0, 0, 3),
            form(4, 0, 1, 2),
            form(4, 1, 2, 2),
            form(4, 0, 2, 2),
            form(8, 0, 0, 2),
        ] {
            assert!(window_pattern(qkv, bias, &form).is_err(), "{form:?}");
        }
        let pattern = window_pattern(qkv, bias, &form(4, 0, 0, 2)).expect("fits");
        assert!(window_mix(&pattern, qkv, &form(8, 0, 0, 2)).is_err());
    }
}
