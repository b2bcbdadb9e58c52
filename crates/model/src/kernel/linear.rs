//! Matrix products with a bias.

use candle_core::{
    CpuStorage, CustomOp2, CustomOp3, Layout, Result as CandleResult, Shape, Tensor,
};
use rayon::prelude::*;

use super::gemm::{Matrix, Target, Threads, product};
use super::packed_linear;
use super::rows::bias_back;
use super::storage::{fast, output, read, values};
use crate::error::Result;
use crate::weights::{Linear, Weight};

/// `x W^T + b` over the last dimension of `x`.
pub fn linear(x: &Tensor, linear: &Linear) -> Result<Tensor> {
    let bias = linear.bias.as_ref();
    if ![Some(x), bias].into_iter().flatten().all(|x| fast(&[x])) {
        return plain(x, linear);
    }
    match &linear.weight {
        Weight::Packed(weight) => packed_linear::linear(x, weight, bias),
        Weight::Plain(weight) if fast(&[weight]) => {
            let (x, weight) = (x.contiguous()?, weight.contiguous()?);
            Ok(match bias {
                Some(bias) => x.apply_op3(&weight, &bias.contiguous()?, Product)?,
                None => x.apply_op2(&weight, Product)?,
            })
        }
        Weight::Plain(_) => plain(x, linear),
    }
}

pub(super) fn plain(x: &Tensor, linear: &Linear) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    let width = shape.pop().unwrap_or(0);
    let rows = shape.iter().product::<usize>();
    let weight = linear.weight.tensor()?;
    shape.push(weight.dim(0)?);
    let y = x.reshape((rows, width))?.matmul(&weight.t()?)?;
    let y = match &linear.bias {
        Some(bias) => y.broadcast_add(bias)?,
        None => y,
    };
    Ok(y.reshape(shape)?)
}

struct Product;

impl Product {
    fn forward(
        x: (&CpuStorage, &Layout),
        weight: (&CpuStorage, &Layout),
        bias: Option<&[f32]>,
    ) -> CandleResult<(CpuStorage, Shape)> {
        let (out, width) = weight.1.shape().dims2()?;
        let mut shape = x.1.dims().to_vec();
        if shape.pop() != Some(width) || bias.is_some_and(|bias| bias.len() != out) {
            candle_core::bail!(
                "a weight of shape [{out}, {width}] does not fit values of {:?}",
                x.1.shape()
            );
        }
        let rows = shape.iter().product::<usize>();
        shape.push(out);
        let (x, weight) = (values(x.0, x.1)?, values(weight.0, weight.1)?);
        let mut y = vec![0f32; rows * out];
        if let Some(bias) = bias {
            y.par_chunks_mut(out.max(1) * 64).for_each(|rows| {
                rows.chunks_exact_mut(out)
                    .for_each(|row| row.copy_from_slice(bias));
            });
        }
        product(
            Target::new(&mut y, rows, out, out),
            bias.is_some(),
            1.0,
            Matrix::new(x, rows, width, width),
            Matrix::new(weight, out, width, width).transposed(),
            Threads::All,
        );
        Ok(output(y, shape))
    }

    /// Gradients of values and weight.
    fn backward(
        x: &Tensor,
        weight: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        let (out, width) = weight.dims2()?;
        let rows = gradient.elem_count() / out.max(1);
        read(&[x, weight, gradient], |slices| {
            let (x_values, weights, gradients) = (slices[0], slices[1], slices[2]);
            let gradients = Matrix::new(gradients, rows, out, out);
            let for_x = x.track_op().then(|| {
                let mut dx = vec![0f32; rows * width];
                product(
                    Target::new(&mut dx, rows, width, width),
                    false,
                    1.0,
                    gradients,
                    Matrix::new(weights, out, width, width),
                    Threads::All,
                );
                Tensor::from_vec(dx, x.shape(), x.device())
            });
            let for_weight = weight.track_op().then(|| {
                let mut dw = vec![0f32; out * width];
                product(
                    Target::new(&mut dw, out, width, width),
                    false,
                    1.0,
                    gradients.transposed(),
                    Matrix::new(x_values, rows, width, width),
                    Threads::All,
                );
                Tensor::from_vec(dw, weight.shape(), weight.device())
            });
            Ok((for_x.transpose()?, for_weight.transpose()?))
        })
    }
}

impl CustomOp2 for Product {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        Self::forward((s1, l1), (s2, l2), None)
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        Self::backward(x, weight, &gradient.contiguous()?)
    }
}

impl CustomOp3 for Product {
    fn name(&self) -> &'static str {
        "linear-with-bias"
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
        Self::forward((s1, l1), (s2, l2), Some(values(s3, l3)?))
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
        let (for_x, for_weight) = Self::backward(x, weight, &gradient)?;
        Ok((for_x, for_weight, bias_back(bias, &gradient)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::{close, gradients, vars};

    #[test]
    fn linear_and_its_gradients_equal_the_plain_form() {
        for (rows, width, out, biased) in [
            (1, 1, 1, true),
            (1, 33, 7, false),
            (5, 17, 40, true),
            (130, 24, 9, true),
        ] {
            let all = vars(&[&[2, rows, width], &[out, width], &[out]], 3);
            let of = |f: fn(&Tensor, &Linear) -> Result<Tensor>| {
                let linear = Linear {
                    weight: all[1].as_tensor().clone().into(),
                    bias: biased.then(|| all[2].as_tensor().clone()),
                };
                let y = f(all[0].as_tensor(), &linear).expect("shapes fit");
                (gradients(&y, &all[..if biased { 3 } else { 2 }]), y)
            };
            let (fast, slow) = (of(linear), of(plain));
            close(&fast.1, &slow.1, 1e-5, "values");
            for (a, b) in fast.0.iter().zip(&slow.0) {
                close(a, b, 1e-4, "gradient");
            }
        }
    }
}
