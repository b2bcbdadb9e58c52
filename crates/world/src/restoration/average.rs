//! A slow mean of the weights: less noisy than where training just stands.

use crate::error::Result;
use crate::parameters::Parameters;

/// Exponential mean over the steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Average {
    /// Values of each parameter, in their order.
    pub values: Vec<Vec<f32>>,
}

/// Steps over which it remembers.
const MEMORY: f32 = 200.0;

impl Average {
    /// Starts at the weights as they are.
    ///
    /// # Errors
    /// When a weight cannot be read.
    pub fn new(parameters: &Parameters) -> Result<Self> {
        let values = parameters
            .0
            .iter()
            .map(|p| Ok(p.var.flatten_all()?.to_vec1::<f32>()?))
            .collect::<Result<_>>()?;
        Ok(Self { values })
    }

    /// Takes in the weights after step `step` (counted from 1); early on it remembers less.
    ///
    /// # Errors
    /// When a weight cannot be read.
    pub fn take(&mut self, step: u64, parameters: &Parameters) -> Result<()> {
        let share = 1.0 / (step as f32 / 4.0).clamp(1.0, MEMORY);
        for (mean, parameter) in self.values.iter_mut().zip(&parameters.0) {
            let now = parameter.var.flatten_all()?.to_vec1::<f32>()?;
            mean.iter_mut()
                .zip(now)
                .for_each(|(m, v)| *m += share * (v - *m));
        }
        Ok(())
    }
}
