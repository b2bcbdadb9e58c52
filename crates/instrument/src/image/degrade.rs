//! What a task does to a clean picture, as the published procedure does it.

use whyfinder_experiment::RandomState;

use super::eight_bit::EightBit;

/// Values of 8 bits with Gaussian noise of standard deviation `sigma` (0 to 255) on them: clipped, and cut to 8 bits.
///
/// `normal` gives standard normal values, one for each, in order.
pub(crate) fn with_noise(values: &[u8], sigma: f64, mut normal: impl FnMut() -> f64) -> Vec<u8> {
    let sd = sigma / 255.0;
    values
        .iter()
        .map(|&v| {
            let noisy = f64::from(v) / 255.0 + sd * normal();
            (noisy.clamp(0.0, 1.0) * 255.0) as u8
        })
        .collect()
}

/// A picture with the noise of `numpy.random.RandomState(seed).normal(0, sigma / 255, shape)`.
pub(crate) fn noisy(clean: &EightBit, sigma: f64, seed: u32) -> EightBit {
    let mut state = RandomState::new(seed);
    EightBit {
        values: with_noise(&clean.values, sigma, || state.normal()),
        ..*clean
    }
}
