//! Channels put together and taken apart. Channels are the last dimension.

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, D, Layout, Result as CandleResult, Shape, Tensor,
};

use super::storage::{fast, output, pieces, read, values};
use crate::error::{ModelError, Result};

/// All channels of the first, then all of the second, and so on; the other dimensions are the same.
pub fn concatenate(parts: &[&Tensor]) -> Result<Tensor> {
    if !fast(parts) || parts.len() < 2 {
        return Ok(Tensor::cat(parts, D::Minus1)?);
    }
    let mut rest = parts.iter();
    let mut joined = match rest.next() {
        Some(first) => first.contiguous()?,
        None => return Ok(Tensor::cat(parts, D::Minus1)?),
    };
    while let Some(second) = rest.next() {
        let second = second.contiguous()?;
        joined = match rest.next() {
            Some(third) => joined.apply_op3(&second, &third.contiguous()?, Join)?,
            None => joined.apply_op2(&second, Join)?,
        };
    }
    Ok(joined)
}

/// `count` channels from `first` on.
pub fn slice(x: &Tensor, first: usize, count: usize) -> Result<Tensor> {
    let channels = x.dim(D::Minus1)?;
    if first + count > channels || count == 0 {
        return Err(ModelError::Input(format!(
            "There are no {count} channels from channel {first} on: there are {channels}."
        )));
    }
    if !fast(&[x]) {
        return Ok(x.narrow(D::Minus1, first, count)?);
    }
    Ok(x.contiguous()?.apply_op1(Slice { first, count })?)
}

struct Join;

impl Join {
    fn forward(parts: &[(&CpuStorage, &Layout)]) -> CandleResult<(CpuStorage, Shape)> {
        let mut shape = parts[0].1.dims().to_vec();
        let (Some(_), rest) = (shape.pop(), shape.clone()) else {
            candle_core::bail!("a single number has no channels")
        };
        let mut found = Vec::new();
        for (storage, layout) in parts {
            match layout.dims().split_last() {
                Some((&width, dims)) if dims == rest => {
                    found.push((values(storage, layout)?, width))
                }
                _ => candle_core::bail!(
                    "channels of {:?} and {:?} cannot be put together",
                    parts[0].1.shape(),
                    layout.shape()
                ),
            }
        }
        let width = found.iter().map(|(_, width)| width).sum::<usize>();
        shape.push(width);
        let mut y = vec![0f32; shape.iter().product()];
        pieces(&mut y, width, |at, y| {
            let first = at / width.max(1);
            for (i, mut row) in y.chunks_exact_mut(width.max(1)).enumerate() {
                for (x, width) in &found {
                    let (to, rest) = row.split_at_mut(*width);
                    to.copy_from_slice(&x[(first + i) * width..(first + i + 1) * width]);
                    row = rest;
                }
            }
        });
        Ok(output(y, shape))
    }

    fn part(gradient: &Tensor, first: usize, x: &Tensor) -> CandleResult<Option<Tensor>> {
        let count = x.dim(D::Minus1)?;
        if !x.track_op() || count == 0 {
            return Ok(None);
        }
        let part = gradient.apply_op1_no_bwd(&Slice { first, count })?;
        Ok(Some(part))
    }
}

impl CustomOp2 for Join {
    fn name(&self) -> &'static str {
        "concatenate"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        Self::forward(&[(s1, l1), (s2, l2)])
    }

    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        _joined: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let first = x.dim(D::Minus1)?;
        Ok((
            Self::part(&gradient, 0, x)?,
            Self::part(&gradient, first, y)?,
        ))
    }
}

impl CustomOp3 for Join {
    fn name(&self) -> &'static str {
        "concatenate"
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
        Self::forward(&[(s1, l1), (s2, l2), (s3, l3)])
    }

    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        z: &Tensor,
        _joined: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let second = x.dim(D::Minus1)?;
        let third = second + y.dim(D::Minus1)?;
        Ok((
            Self::part(&gradient, 0, x)?,
            Self::part(&gradient, second, y)?,
            Self::part(&gradient, third, z)?,
        ))
    }
}

struct Slice {
    first: usize,
    count: usize,
}

impl CustomOp1 for Slice {
    fn name(&self) -> &'static str {
        "slice-of-channels"
    }

    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> CandleResult<(CpuStorage, Shape)> {
        let x = values(s, l)?;
        let mut shape = l.dims().to_vec();
        let Some(width) = shape.pop() else {
            candle_core::bail!("a single number has no channels")
        };
        shape.push(self.count);
        let mut y = vec![0f32; shape.iter().product()];
        pieces(&mut y, self.count, |at, y| {
            let first = at / self.count;
            for (i, y) in y.chunks_exact_mut(self.count).enumerate() {
                let start = (first + i) * width + self.first;
                y.copy_from_slice(&x[start..start + self.count]);
            }
        });
        Ok(output(y, shape))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, gradient: &Tensor) -> CandleResult<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        let width = x.dim(D::Minus1)?;
        let mut dx = vec![0f32; x.elem_count()];
        read(&[&gradient], |slices| {
            pieces(&mut dx, width, |at, dx| {
                let first = at / width;
                for (i, dx) in dx.chunks_exact_mut(width).enumerate() {
                    let g = &slices[0][(first + i) * self.count..(first + i + 1) * self.count];
                    dx[self.first..self.first + self.count].copy_from_slice(g);
                }
            });
            Ok(())
        })?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;
    use crate::kernel::testing::{close, gradients, vars};

    fn same(fast: &Tensor, slow: &Tensor, vars: &[Var], what: &str) {
        close(fast, slow, 2e-6, what);
        for (a, b) in gradients(fast, vars).iter().zip(&gradients(slow, vars)) {
            close(a, b, 3e-5, &format!("gradient of {what}"));
        }
    }

    #[test]
    fn channels_are_put_together_and_taken_apart_as_by_candle() {
        let all = vars(
            &[
                &[2, 30, 31, 5],
                &[2, 30, 31, 1],
                &[2, 30, 31, 16],
                &[2, 30, 31, 3],
                &[2, 30, 31, 7],
            ],
            4,
        );
        for count in 1..=5 {
            let parts: Vec<&Tensor> = all[..count].iter().map(|x| x.as_tensor()).collect();
            let slow = Tensor::cat(&parts, 3).expect("fits");
            same(
                &concatenate(&parts).expect("fits"),
                &slow,
                &all[..count],
                "parts",
            );
        }
        let x = all[2].as_tensor().transpose(1, 2).expect("a view");
        for (first, count) in [(0, 16), (3, 1), (9, 7)] {
            let slow = x.narrow(3, first, count).expect("fits");
            same(
                &slice(&x, first, count).expect("fits"),
                &slow,
                &all[2..3],
                "slice",
            );
        }
        assert!(slice(&x, 10, 7).is_err() && slice(&x, 1, 0).is_err());
        assert!(concatenate(&[&x, all[0].as_tensor()]).is_err());
    }
}
