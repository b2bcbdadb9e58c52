//! Attention of runs that continue others.
//!
//! What such a run attends to before its own first position are keys and values of the run that it continues. They are
//! read where they lie, however many runs continue it; copies for each would cost more than attention itself.

use candle_core::Tensor;

use super::attention::{Attention, attend};
use super::attention_blocks::{Sizes, score_block, weigh_more, weights_of_block};
use super::gemm::{Matrix, Shared, Target};
use super::storage::{fast, read, unwritten};
use crate::error::Result;

/// Keys and values of the run that is continued, before the first position of those that continue it.
#[derive(Clone, Debug)]
pub(crate) struct Earlier {
    /// `[R, T, G, d]`, of all positions.
    pub(crate) keys: Tensor,
    /// `[R, T, G, d]`.
    pub(crate) values: Tensor,
    /// Positions that count, at most T.
    pub(crate) start: usize,
    /// For each row that continues, the row continued; below R.
    pub(crate) rows: Vec<u32>,
}

impl Earlier {
    /// Copies of them for each row, with its own behind, `[B, start + n, G, d]` each.
    pub(crate) fn joined(&self, k: &Tensor, v: &Tensor) -> Result<(Tensor, Tensor)> {
        let rows = Tensor::new(&self.rows[..], k.device())?;
        let join = |earlier: &Tensor, own: &Tensor| -> Result<Tensor> {
            let earlier = earlier.narrow(1, 0, self.start)?.contiguous()?;
            let earlier = earlier.index_select(&rows, 0)?;
            Ok(Tensor::cat(&[&earlier, own], 1)?.contiguous()?)
        };
        Ok((join(&self.keys, k)?, join(&self.values, v)?))
    }

    /// Queries `[B, Tq, H, d]`, own keys and values `[B, n, G, d]` to weighted values `[B, Tq, H, d]`, as [`attend`]
    /// with what [`Earlier::joined`] gives; the last bits of a sum may differ.
    pub(crate) fn attend(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        form: Attention,
    ) -> Result<Tensor> {
        let all = [q, k, v, &self.keys, &self.values];
        if all.iter().any(|x| x.track_op()) || !fast(&all) {
            let (k, v) = self.joined(k, v)?;
            return attend(q, &k, &v, form);
        }
        let (q, k, v) = (q.contiguous()?, k.contiguous()?, v.contiguous()?);
        let (keys, values) = (self.keys.contiguous()?, self.values.contiguous()?);
        let own = Sizes::of(q.dims(), k.dims())?;
        let all = Sizes {
            keys: self.start + own.keys,
            ..own
        };
        let kept = Sizes {
            keys: keys.dim(1)?,
            ..own
        };
        let z = read(&[&q, &k, &v, &keys, &values], |slices| {
            let &[q, k, v, keys, values] = slices else {
                candle_core::bail!("five tensors were given");
            };
            // SAFETY: every block of queries is written, the earlier keys' part of each sum or the own one first.
            #[allow(unsafe_code)]
            let mut z = unsafe { unwritten(q.len()) };
            let shared = Shared::new(&mut z);
            all.each_block(|batch, head, queries| {
                let seen = all.keys_of(form, &queries);
                let split = self.start.clamp(seen.start, seen.end);
                let before = seen.start..split;
                let after = split.saturating_sub(self.start)..seen.end - self.start;
                let (width, rows) = (seen.len(), queries.len());
                // SAFETY: the two parts of each row are written before they are read.
                #[allow(unsafe_code)]
                let mut scratch = unsafe { unwritten(rows * width) };
                let mut target = Target::new(&mut scratch, rows, width, width);
                let row = self.rows[batch] as usize;
                let parts = [
                    (kept, (keys, values), row, &before, 0),
                    (own, (k, v), batch, &after, before.len()),
                ];
                let parts = || parts.iter().filter(|part| part.3.start < part.3.end);
                for (sizes, (k, _), row, keys, at) in parts() {
                    let mut part = target.columns(*at..at + keys.len());
                    let here = (batch, *row);
                    score_block(form, *sizes, q, k, here, head, &queries, keys, &mut part);
                }
                weights_of_block(form, all, &queries, &seen, &mut target);
                for (i, (sizes, (_, v), row, keys, at)) in parts().enumerate() {
                    let weights = Matrix::new(&scratch[*at..], rows, keys.len(), width);
                    let here = (batch, *row);
                    weigh_more(
                        *sizes,
                        weights,
                        v,
                        shared,
                        here,
                        head,
                        &queries,
                        keys,
                        i > 0,
                    );
                }
            });
            Ok(z)
        })?;
        Ok(Tensor::from_vec(z, q.shape(), q.device())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::close;
    use crate::tiny::Draws;
    use candle_core::Device;

    fn tensor(draws: &mut Draws, shape: [usize; 4]) -> Tensor {
        let count = shape.iter().product();
        Tensor::from_vec(draws.values(count, 1.0), &shape, &Device::Cpu).expect("fits")
    }

    #[test]
    fn earlier_keys_read_in_place_are_those_copied_for_each_row() {
        let plain = Attention {
            scale: 0.4,
            softcap: None,
            window: None,
        };
        for (form, [kept, length, start, queries, heads, groups, width]) in [
            (plain, [1, 1, 0, 1, 1, 1, 1]),
            (plain, [3, 9, 4, 5, 4, 2, 8]),
            (plain, [3, 9, 4, 1, 4, 2, 8]),
            (plain, [2, 150, 70, 80, 6, 2, 33]),
            (
                Attention {
                    softcap: Some(2.0),
                    ..plain
                },
                [2, 40, 39, 1, 2, 1, 7],
            ),
            (
                Attention {
                    window: Some(3),
                    ..plain
                },
                [2, 30, 11, 19, 2, 2, 5],
            ),
            (
                Attention {
                    window: Some(90),
                    ..plain
                },
                [1, 200, 130, 70, 2, 1, 16],
            ),
            (
                Attention {
                    window: Some(1),
                    ..plain
                },
                [2, 80, 5, 75, 2, 2, 4],
            ),
        ] {
            let mut draws = Draws::new((length + start) as u64);
            let rows = [kept - 1, 0, 0, kept / 2].map(|row| row as u32);
            let own = length - start;
            let earlier = Earlier {
                keys: tensor(&mut draws, [kept, length, groups, width]),
                values: tensor(&mut draws, [kept, length, groups, width]),
                start,
                rows: rows.to_vec(),
            };
            let q = tensor(&mut draws, [4, queries, heads, width]);
            let k = tensor(&mut draws, [4, own, groups, width]);
            let v = tensor(&mut draws, [4, own, groups, width]);
            let (all_keys, all_values) = earlier.joined(&k, &v).expect("fits");
            assert_eq!(all_keys.dims(), [4, length, groups, width]);
            let expected = attend(&q, &all_keys, &all_values, form).expect("runs");
            let found = earlier.attend(&q, &k, &v, form).expect("runs");
            close(&found, &expected, 2e-6, "in place");
        }
    }

    #[test]
    fn gradients_reach_the_run_that_is_continued() {
        let mut draws = Draws::new(3);
        let values = candle_core::Var::from_tensor(&tensor(&mut draws, [1, 4, 1, 2]));
        let values = values.expect("fits");
        let earlier = Earlier {
            keys: tensor(&mut draws, [1, 4, 1, 2]),
            values: values.as_tensor().clone(),
            start: 3,
            rows: vec![0],
        };
        let [q, k, v] = [(); 3].map(|()| tensor(&mut draws, [1, 1, 1, 2]));
        let form = Attention {
            scale: 1.0,
            softcap: None,
            window: None,
        };
        let z = earlier.attend(&q, &k, &v, form).expect("runs");
        let gradients = z.backward().expect("runs");
        assert!(gradients.get(&values).is_some());
    }
}
