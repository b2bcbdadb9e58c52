//! The loss of a language model.

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result as CandleResult, Shape, Tensor};
use rayon::prelude::*;

use super::elementary::{exp, largest, sum_of};
use super::storage::{fast, output, pieces, read, rows_per_piece, values};
use super::vectorised::vectorised;
use crate::error::{ModelError, Result};

/// Weighted mean of `-log softmax(logits)[target]`: the sum over rows of weight times loss, over the sum of weights.
///
/// `logits` `[N, V]`, `targets` `[N]` u32, `weights` `[N]`; a row of weight zero may have any target below V.
///
/// # Errors
/// Shapes that do not fit, a target outside the vocabulary, weights that do not sum to a positive number.
pub fn cross_entropy(logits: &Tensor, targets: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let (rows, vocab) = logits.dims2()?;
    if targets.dims() != [rows] || weights.dims() != [rows] {
        return Err(ModelError::Input(format!(
            "{rows} rows of logits need as many targets and weights, not {:?} and {:?}.",
            targets.dims(),
            weights.dims()
        )));
    }
    let ids = targets.to_vec1::<u32>()?;
    if let Some(id) = ids.iter().find(|&&id| id as usize >= vocab) {
        return Err(ModelError::Input(format!(
            "Target {id} is outside the vocabulary of {vocab} tokens."
        )));
    }
    let total = weights.sum_all()?.to_dtype(candle_core::DType::F32)?;
    let total = total.to_scalar::<f32>()?;
    if total.is_nan() || total <= 0.0 {
        return Err(ModelError::Input(format!(
            "The weights of a loss must sum to a positive number, not {total}."
        )));
    }
    if !fast(&[logits, weights]) {
        return plain(logits, targets, weights);
    }
    let op = CrossEntropy { targets: ids };
    Ok(logits.contiguous()?.apply_op2(&weights.contiguous()?, op)?)
}

fn plain(logits: &Tensor, targets: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let log_sum = logits.log_sum_exp(D::Minus1)?;
    let chosen = logits.gather(&targets.unsqueeze(1)?, 1)?.squeeze(1)?;
    let losses = ((log_sum - chosen)? * weights)?;
    Ok((losses.sum_all()? / weights.sum_all()?)?)
}

struct CrossEntropy {
    targets: Vec<u32>,
}

vectorised! {
    /// Largest element and the sum of e^(x - largest).
    fn top_and_sum(row: &[f32]) -> (f32, f32) {
        let top = largest(row);
        (top, sum_of(row, |x| exp(x - top)))
    }
}

vectorised! {
    /// `factor * softmax(row)`.
    fn scaled_softmax(row: &[f32], factor: f32, y: &mut [f32]) {
        let top = largest(row);
        for (y, x) in y.iter_mut().zip(row) {
            *y = exp(x - top);
        }
        let factor = factor / sum_of(y, |y| y);
        for y in y {
            *y *= factor;
        }
    }
}

impl CrossEntropy {
    fn losses(&self, logits: &[f32]) -> Vec<f64> {
        let vocab = logits.len() / self.targets.len().max(1);
        let loss = |(row, &target): (&[f32], &u32)| {
            let (top, sum) = top_and_sum(row);
            f64::from(sum).ln() + f64::from(top) - f64::from(row[target as usize])
        };
        logits
            .par_chunks(vocab.max(1))
            .zip(&self.targets)
            .with_min_len(rows_per_piece(vocab))
            .map(loss)
            .collect()
    }
}

/// Weighted mean and sum of weights.
fn mean(losses: &[f64], weights: &[f32]) -> (f64, f64) {
    let total: f64 = weights.iter().map(|&w| f64::from(w)).sum();
    let sum: f64 = losses
        .iter()
        .zip(weights)
        .filter(|(_, w)| **w != 0.0)
        .map(|(loss, &w)| loss * f64::from(w))
        .sum();
    (sum / total, total)
}

impl CustomOp2 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        let losses = self.losses(values(s1, l1)?);
        let (mean, _) = mean(&losses, values(s2, l2)?);
        Ok(output(vec![mean as f32], ()))
    }

    fn bwd(
        &self,
        logits: &Tensor,
        weights: &Tensor,
        _loss: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        let factor = gradient.to_scalar::<f32>()?;
        let vocab = logits.dim(D::Minus1)?;
        let (for_logits, for_weights) = read(&[logits, weights], |slices| {
            let (logits, weights) = (slices[0], slices[1]);
            let total: f64 = weights.iter().map(|&w| f64::from(w)).sum();
            let factor = f64::from(factor) / total;
            let mut d = vec![0f32; logits.len()];
            pieces(&mut d, vocab, |at, d| {
                for (i, d) in d.chunks_exact_mut(vocab).enumerate() {
                    let row = at / vocab + i;
                    let share = (f64::from(weights[row]) * factor) as f32;
                    if share != 0.0 {
                        scaled_softmax(&logits[row * vocab..(row + 1) * vocab], share, d);
                        d[self.targets[row] as usize] -= share;
                    }
                }
            });
            Ok((d, total))
        })?;
        let for_weights = match weights.track_op() {
            true => {
                let d = read(&[logits, weights], |slices| {
                    let losses = self.losses(slices[0]);
                    let (mean, _) = mean(&losses, slices[1]);
                    let slope =
                        |loss: &f64| (f64::from(factor) * (loss - mean) / for_weights) as f32;
                    Ok(losses.iter().map(slope).collect::<Vec<f32>>())
                })?;
                Some(Tensor::from_vec(d, weights.shape(), weights.device())?)
            }
            false => None,
        };
        let for_logits = Tensor::from_vec(for_logits, logits.shape(), logits.device())?;
        Ok((Some(for_logits), for_weights))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::kernel::testing::{close, gradients, vars};

    #[test]
    fn loss_and_gradients_equal_the_plain_form() {
        for (rows, vocab) in [(1, 1), (3, 7), (50, 1031)] {
            let logits = vars(&[&[rows, vocab]], 1).remove(0);
            let weights: Vec<f32> = (0..rows).map(|i| 0.25 + (i % 3) as f32).collect();
            let weights = Tensor::new(weights, &Device::Cpu).expect("a tensor");
            let weights = Var::from_tensor(&weights).expect("a variable");
            let targets: Vec<u32> = (0..rows).map(|i| (i * 37 % vocab) as u32).collect();
            let targets = Tensor::new(targets, &Device::Cpu).expect("a tensor");
            let all = [logits, weights];
            let of = |f: fn(&Tensor, &Tensor, &Tensor) -> Result<Tensor>| {
                let loss = f(all[0].as_tensor(), &targets, all[1].as_tensor()).expect("runs");
                (gradients(&loss, &all), loss)
            };
            let (fast, slow) = (of(cross_entropy), of(plain));
            close(&fast.1, &slow.1, 1e-6, "loss");
            close(&fast.0[0], &slow.0[0], 1e-6, "gradient of the logits");
            close(&fast.0[1], &slow.0[1], 1e-5, "gradient of the weights");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let device = Device::Cpu;
        let logits = Tensor::zeros((2, 3), candle_core::DType::F32, &device).expect("a tensor");
        let of = |targets: &[u32], weights: &[f32]| {
            let targets = Tensor::new(targets, &device).expect("a tensor");
            let weights = Tensor::new(weights, &device).expect("a tensor");
            cross_entropy(&logits, &targets, &weights)
        };
        assert!(of(&[0, 2], &[1.0, 0.0]).is_ok());
        assert!(of(&[0, 3], &[1.0, 1.0]).is_err());
        assert!(of(&[0], &[1.0]).is_err());
        assert!(of(&[0, 1], &[0.0, 0.0]).is_err());
    }
}
