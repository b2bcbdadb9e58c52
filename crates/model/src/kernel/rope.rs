//! Rotation of queries and keys.

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result as CandleResult, Shape, Tensor};

use super::storage::{fast, output, pieces, read, values};
use super::vectorised::vectorised;
use crate::error::Result;

/// Rotates the first `2 * pairs` dimensions of `x` `[B, T, H, d]`, half-split: dimension `i` with `i + pairs`.
/// Tables are `[T, pairs]` or `[B, T, pairs]`.
pub fn rotate(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    if !fast(&[x, cos, sin]) {
        return plain(x, cos, sin);
    }
    // A table written to at one of its two sites alone has the rows of the batch; the other has not.
    let (cos, sin) = match (cos.rank(), sin.rank()) {
        (3, 2) => (cos.clone(), sin.broadcast_as(cos.shape())?),
        (2, 3) => (cos.broadcast_as(sin.shape())?, sin.clone()),
        _ => (cos.clone(), sin.clone()),
    };
    let x = x.contiguous()?;
    Ok(x.apply_op3(&cos.contiguous()?, &sin.contiguous()?, Rotate)?)
}

fn plain(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let (_, _, _, width) = x.dims4()?;
    let pairs = cos.dim(D::Minus1)?;
    let (cos, sin) = (cos.unsqueeze(D::Minus2)?, sin.unsqueeze(D::Minus2)?);
    let a = x.narrow(D::Minus1, 0, pairs)?;
    let b = x.narrow(D::Minus1, pairs, pairs)?;
    let first = (a.broadcast_mul(&cos)? - b.broadcast_mul(&sin)?)?;
    let second = (b.broadcast_mul(&cos)? + a.broadcast_mul(&sin)?)?;
    if width > 2 * pairs {
        let rest = x.narrow(D::Minus1, 2 * pairs, width - 2 * pairs)?;
        Ok(Tensor::cat(&[first, second, rest], D::Minus1)?)
    } else {
        Ok(Tensor::cat(&[first, second], D::Minus1)?)
    }
}

vectorised! {
    /// One head: by the angle, or (`sign` -1) back.
    fn turn(sign: f32, x: &[f32], cos: &[f32], sin: &[f32], y: &mut [f32]) {
        let pairs = cos.len();
        let (a, rest) = x.split_at(pairs);
        let (b, rest) = rest.split_at(pairs);
        let (first, tail) = y.split_at_mut(pairs);
        let (second, tail) = tail.split_at_mut(pairs);
        for i in 0..pairs {
            let s = sign * sin[i];
            first[i] = a[i] * cos[i] - b[i] * s;
            second[i] = b[i] * cos[i] + a[i] * s;
        }
        tail.copy_from_slice(rest);
    }
}

struct Rotate;

/// Sizes: heads, head width, rows of the table, pairs.
struct Sizes {
    heads: usize,
    width: usize,
    rows: usize,
    pairs: usize,
}

impl Sizes {
    fn of(x: &[usize], cos: &[usize], sin: &[usize]) -> CandleResult<Self> {
        let fits = match (x, cos) {
            (&[_, length, _, width], &[rows, pairs]) => rows == length && 2 * pairs <= width,
            (&[batch, length, _, width], &[b, rows, pairs]) => {
                (b, rows) == (batch, length) && 2 * pairs <= width
            }
            _ => false,
        };
        if !fits || cos != sin {
            candle_core::bail!("rotary tables of {cos:?} and {sin:?} do not fit values of {x:?}");
        }
        Ok(Self {
            heads: x[2],
            width: x[3],
            rows: cos.iter().rev().skip(1).product(),
            pairs: cos.last().copied().unwrap_or(0),
        })
    }

    fn turn_all(&self, sign: f32, x: &[f32], cos: &[f32], sin: &[f32]) -> Vec<f32> {
        let token = self.heads * self.width;
        let mut y = vec![0f32; x.len()];
        pieces(&mut y, token, |at, y| {
            for (i, y) in y.chunks_exact_mut(token).enumerate() {
                let row = (at / token + i) % self.rows * self.pairs;
                let (cos, sin) = (&cos[row..row + self.pairs], &sin[row..row + self.pairs]);
                let x = x[at + i * token..].chunks_exact(self.width);
                for (x, y) in x.zip(y.chunks_exact_mut(self.width)) {
                    turn(sign, x, cos, sin, y);
                }
            }
        });
        y
    }

    /// Gradients of the two tables.
    fn tables_back(&self, x: &[f32], g: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let mut dcos = vec![0f32; self.rows * self.pairs];
        let mut dsin = dcos.clone();
        let vectors = x.chunks_exact(self.width).zip(g.chunks_exact(self.width));
        for (i, (x, g)) in vectors.enumerate() {
            let row = i / self.heads % self.rows * self.pairs;
            for pair in 0..self.pairs {
                let (a, b) = (x[pair], x[pair + self.pairs]);
                let (ga, gb) = (g[pair], g[pair + self.pairs]);
                dcos[row + pair] += ga * a + gb * b;
                dsin[row + pair] += gb * a - ga * b;
            }
        }
        (dcos, dsin)
    }
}

impl CustomOp3 for Rotate {
    fn name(&self) -> &'static str {
        "rotate"
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
        let sizes = Sizes::of(l1.dims(), l2.dims(), l3.dims())?;
        let y = sizes.turn_all(1.0, values(s1, l1)?, values(s2, l2)?, values(s3, l3)?);
        Ok(output(y, l1.shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        cos: &Tensor,
        sin: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let sizes = Sizes::of(x.dims(), cos.dims(), sin.dims())?;
        let gradient = gradient.contiguous()?;
        let tables = cos.track_op() || sin.track_op();
        let (dx, tables) = read(&[x, cos, sin, &gradient], |slices| {
            let dx = sizes.turn_all(-1.0, slices[3], slices[1], slices[2]);
            Ok((dx, tables.then(|| sizes.tables_back(slices[0], slices[3]))))
        })?;
        let dx = Some(Tensor::from_vec(dx, x.shape(), x.device())?);
        match tables {
            Some((dcos, dsin)) => Ok((
                dx,
                Some(Tensor::from_vec(dcos, cos.shape(), x.device())?),
                Some(Tensor::from_vec(dsin, sin.shape(), x.device())?),
            )),
            None => Ok((dx, None, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::{close, gradients, vars};

    #[test]
    fn rotations_and_their_gradients_equal_the_plain_form() {
        for (batch, length, heads, width, pairs, per_row) in [
            (1, 1, 1, 2, 1, false),
            (2, 5, 3, 10, 3, false),
            (3, 40, 2, 16, 8, true),
            (2, 7, 9, 65, 17, false),
        ] {
            let table: &[usize] = if per_row {
                &[batch, length, pairs]
            } else {
                &[length, pairs]
            };
            let all = vars(&[&[batch, length, heads, width], table, table], 6);
            let [x, cos, sin] = [0, 1, 2].map(|i| all[i].as_tensor());
            let fast = rotate(x, cos, sin).expect("runs");
            let slow = plain(x, cos, sin).expect("runs");
            close(&fast, &slow, 1e-6, "values");
            for (a, b) in gradients(&fast, &all).iter().zip(&gradients(&slow, &all)) {
                close(a, b, 2e-5, "gradient");
            }
        }
    }

    #[test]
    fn tables_of_two_ranks_go_together() {
        let all = vars(&[&[2, 4, 3, 6], &[2, 4, 3], &[4, 3]], 6);
        let [x, cos, sin] = [0, 1, 2].map(|i| all[i].as_tensor());
        let fast = rotate(x, cos, sin).expect("runs");
        close(
            &fast,
            &plain(x, cos, &sin.broadcast_as((2, 4, 3)).expect("fits")).expect("runs"),
            1e-6,
            "values",
        );
        assert_eq!(gradients(&fast, &all)[2].dims(), [4, 3]);
    }
}
