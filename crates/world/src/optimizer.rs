//! AdamW for embeddings, biases and norms; Muon for the matrices inside the blocks.
//!
//! On the Isles Muon needs about half as many steps as AdamW for the same accuracy. Unlike the optimiser that comes
//! with candle, this one gives its moments out, so that training can be resumed exactly.

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor};

use crate::error::{Result, WorldError};
use crate::parameters::Parameters;

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.98;
const EPSILON: f32 = 1e-8;
const DECAY: f32 = 0.01;
const MOMENTUM: f32 = 0.95;
/// Gradients whose norm over all parameters is larger are scaled down to it.
const CLIP: f64 = 1.0;

/// Step sizes of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    pub adam: f32,
    pub muon: f32,
}

/// The optimiser's memory: for AdamW both moments, for Muon the momentum (and an empty second one).
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer {
    /// Steps taken.
    pub steps: u64,
    /// One pair for each parameter, in their order.
    pub moments: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Optimizer {
    pub fn new(parameters: &Parameters) -> Self {
        let moments = parameters
            .0
            .iter()
            .map(|p| {
                let n = p.var.elem_count();
                (vec![0.0; n], vec![0.0; if p.matrix { 0 } else { n }])
            })
            .collect();
        Self { steps: 0, moments }
    }

    /// Moves every parameter against its gradient.
    ///
    /// # Errors
    /// When a parameter has no gradient, or one that is not a number.
    pub fn step(
        &mut self,
        parameters: &Parameters,
        gradients: &GradStore,
        rates: Rates,
    ) -> Result<()> {
        let stopped = |what: String| WorldError::Training {
            step: self.steps,
            what,
        };
        let mut all = Vec::with_capacity(parameters.0.len());
        let mut square = 0.0;
        for parameter in &parameters.0 {
            let gradient = gradients
                .get(parameter.var.as_tensor())
                .ok_or_else(|| stopped(format!("{} got no gradient", parameter.name)))?
                .flatten_all()?
                .to_vec1::<f32>()?;
            square += gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>();
            all.push(gradient);
        }
        if !square.is_finite() {
            return Err(stopped("the gradients are not numbers".into()));
        }
        let scale = (CLIP / square.sqrt()).min(1.0) as f32;
        self.steps += 1;
        let correct1 = 1.0 - BETA1.powi(self.steps.min(10_000) as i32);
        let correct2 = 1.0 - BETA2.powi(self.steps.min(10_000) as i32);
        for ((parameter, mut gradient), (first, second)) in
            parameters.0.iter().zip(all).zip(&mut self.moments)
        {
            gradient.iter_mut().for_each(|g| *g *= scale);
            let shape = parameter.var.shape().clone();
            let mut value = parameter.var.flatten_all()?.to_vec1::<f32>()?;
            if parameter.matrix {
                // Nesterov momentum, then the nearest matrix whose singular values are all about one.
                for (g, m) in gradient.iter_mut().zip(first.iter_mut()) {
                    *m = MOMENTUM * *m + *g;
                    *g += MOMENTUM * *m;
                }
                let columns = shape.dims().last().copied().unwrap_or(1);
                let rows = shape.elem_count() / columns.max(1);
                let update = Tensor::from_vec(gradient, (rows, columns), &Device::Cpu)?;
                let update = orthogonal(&update)?.flatten_all()?.to_vec1::<f32>()?;
                // A language model's matrices are [out, in], a convolution's kernels [row, column, in, out].
                let (out, input) = match shape.rank() {
                    2 => (rows, columns),
                    _ => (columns, rows),
                };
                let rate = rates.muon * (out as f32 / input as f32).max(1.0).sqrt();
                for (v, u) in value.iter_mut().zip(update) {
                    *v = *v * (1.0 - rates.muon * DECAY) - rate * u;
                }
            } else {
                for (((v, g), m), s) in value
                    .iter_mut()
                    .zip(gradient)
                    .zip(first.iter_mut())
                    .zip(second.iter_mut())
                {
                    *m = BETA1 * *m + (1.0 - BETA1) * g;
                    *s = BETA2 * *s + (1.0 - BETA2) * g * g;
                    let step = (*m / correct1) / ((*s / correct2).sqrt() + EPSILON);
                    *v = *v * (1.0 - rates.adam * DECAY) - rates.adam * step;
                }
            }
            parameter
                .var
                .set(&Tensor::from_vec(value, &shape, &Device::Cpu)?)?;
        }
        Ok(())
    }
}

/// A matrix with the singular vectors of `matrix` and singular values near one, by five steps of a Newton-Schulz
/// iteration (Jordan et al. 2024, "Muon", whose coefficients these are).
fn orthogonal(matrix: &Tensor) -> Result<Tensor> {
    let (rows, columns) = matrix.dims2()?;
    let tall = rows > columns;
    let mut x = if tall {
        matrix.t()?.contiguous()?
    } else {
        matrix.clone()
    };
    let norm = x.sqr()?.sum_all()?.to_scalar::<f32>()?.sqrt();
    x = (x / f64::from(norm + 1e-7))?;
    for _ in 0..5 {
        let square = x.matmul(&x.t()?)?;
        let fourth = square.matmul(&square)?;
        let mix = ((square * -4.775)? + (fourth * 2.0315)?)?;
        x = ((&x * 3.4445)? + mix.matmul(&x)?)?;
    }
    Ok(if tall { x.t()?.contiguous()? } else { x })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;
    use candle_core::DType;

    #[test]
    fn the_orthogonal_matrix_has_singular_values_near_one() {
        let mut draw = Draw::new(1);
        for (rows, columns) in [(8, 24), (24, 8), (16, 16)] {
            let values: Vec<f32> = (0..rows * columns).map(|_| draw.normal() as f32).collect();
            let matrix = Tensor::from_vec(values, (rows, columns), &Device::Cpu).expect("a matrix");
            let near = orthogonal(&matrix).expect("converges");
            // The trace of X X^T is the sum of squared singular values.
            let squares = near
                .sqr()
                .and_then(|s| s.sum_all())
                .and_then(|s| s.to_scalar::<f32>());
            let mean = squares.expect("a number") / rows.min(columns) as f32;
            assert!((0.5..1.5).contains(&mean), "{rows} x {columns}: {mean}");
            // It points the same way as the matrix it came from.
            let dot = (&near * &matrix)
                .and_then(|p| p.sum_all())
                .and_then(|s| s.to_scalar::<f32>());
            assert!(dot.expect("a number") > 0.0);
        }
    }

    #[test]
    fn a_step_moves_against_the_gradient_and_a_missing_gradient_is_an_error() {
        use crate::parameters::Parameter;
        use candle_core::Var;
        let var = |shape: &[usize]| {
            Var::from_tensor(&Tensor::ones(shape, DType::F32, &Device::Cpu).expect("ones"))
                .expect("a variable")
        };
        let parameters = Parameters(vec![
            Parameter {
                name: "bias".into(),
                var: var(&[3]),
                matrix: false,
            },
            Parameter {
                name: "matrix".into(),
                var: var(&[2, 3]),
                matrix: true,
            },
        ]);
        let loss = |both: bool| {
            let bias = parameters.0[0]
                .var
                .sqr()
                .and_then(|s| s.sum_all())
                .expect("a sum");
            let matrix = parameters.0[1]
                .var
                .sqr()
                .and_then(|s| s.sum_all())
                .expect("a sum");
            if both {
                (bias + matrix).expect("a sum")
            } else {
                bias
            }
        };
        let rates = Rates {
            adam: 0.01,
            muon: 0.01,
        };
        let mut optimizer = Optimizer::new(&parameters);
        let value = |t: &Tensor| t.to_scalar::<f32>().expect("a number");
        let before = value(&loss(true));
        let gradients = loss(true).backward().expect("has gradients");
        optimizer
            .step(&parameters, &gradients, rates)
            .expect("steps");
        assert!(value(&loss(true)) < before);
        let gradients = loss(false).backward().expect("has gradients");
        let message = optimizer
            .step(&parameters, &gradients, rates)
            .expect_err("the matrix has none")
            .to_string();
        assert!(message.contains("matrix got no gradient"), "{message}");
    }
}
