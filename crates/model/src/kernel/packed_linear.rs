//! Matrix products with a bias, of weights that were laid out for them.

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, Layout, Result as CandleResult, Shape, Tensor,
};

use super::packed::Packed;
use super::panels::{gradient, product};
use super::rows::bias_back;
use super::storage::{output, read, values};
use crate::error::Result;

/// `x W^T + b` over the last dimension of `x`, with gradients with respect to `x` and `b`.
pub(super) fn linear(x: &Tensor, weight: &Packed, bias: Option<&Tensor>) -> Result<Tensor> {
    let (x, operation) = (x.contiguous()?, Product(weight.clone()));
    Ok(match bias {
        Some(bias) => x.apply_op2(&bias.contiguous()?, operation)?,
        None => x.apply_op1(operation)?,
    })
}

struct Product(Packed);

impl Product {
    fn forward(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
        bias: Option<&[f32]>,
    ) -> CandleResult<(CpuStorage, Shape)> {
        let [out, width] = self.0.dims();
        let mut shape = layout.dims().to_vec();
        if shape.pop() != Some(width) || bias.is_some_and(|bias| bias.len() != out) {
            candle_core::bail!(
                "a weight of shape [{out}, {width}] does not fit values of {:?}",
                layout.shape()
            );
        }
        let rows = shape.iter().product::<usize>();
        shape.push(out);
        let y = product(values(storage, layout)?, &self.0, bias, rows);
        Ok(output(y, shape))
    }

    fn backward(&self, x: &Tensor, dy: &Tensor) -> CandleResult<Option<Tensor>> {
        if !x.track_op() {
            return Ok(None);
        }
        let rows = dy.elem_count() / self.0.dims()[0].max(1);
        let dx = read(&[dy], |slices| Ok(gradient(slices[0], &self.0, rows)))?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}

impl CustomOp1 for Product {
    fn name(&self) -> &'static str {
        "packed-linear"
    }

    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> CandleResult<(CpuStorage, Shape)> {
        self.forward(s, l, None)
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> CandleResult<Option<Tensor>> {
        self.backward(x, &dy.contiguous()?)
    }
}

impl CustomOp2 for Product {
    fn name(&self) -> &'static str {
        "packed-linear-with-bias"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        self.forward(s1, l1, Some(values(s2, l2)?))
    }

    fn bwd(
        &self,
        x: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        Ok((self.backward(x, &dy)?, bias_back(bias, &dy)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::linear::plain;
    use crate::kernel::testing::{close, gradients, vars};
    use crate::weights::{Linear, Weight};

    #[test]
    fn values_and_gradients_equal_the_plain_form() {
        for (rows, width, out, biased) in [
            (1, 1, 1, true),
            (1, 33, 7, false),
            (5, 17, 40, true),
            (130, 24, 9, true),
            (6, 600, 70, true),
        ] {
            let all = vars(&[&[2, rows, width], &[out], &[out, width]], 3);
            let bias = biased.then(|| all[1].as_tensor().clone());
            let weight = Weight::from(all[2].as_detached_tensor());
            let Weight::Packed(packed) = weight.clone().packed().expect("a matrix") else {
                return;
            };
            // A view that is not contiguous.
            let x = all[0]
                .as_tensor()
                .transpose(0, 1)
                .expect("three dimensions");
            let fast = linear(&x, &packed, bias.as_ref()).expect("shapes fit");
            let slow = plain(&x, &Linear { weight, bias }).expect("shapes fit");
            close(&fast, &slow, 2e-6 * (width as f32).sqrt(), "values");
            let count = if biased { 2 } else { 1 };
            let (of_fast, of_slow) = (
                gradients(&fast, &all[..count]),
                gradients(&slow, &all[..count]),
            );
            for (a, b) in of_fast.iter().zip(&of_slow) {
                close(a, b, 1e-4, "gradient");
            }
        }
    }
}
