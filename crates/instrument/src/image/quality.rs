//! How near an output is to the truth.

/// Below this an error is not told from none.
const LEAST_ERROR: f64 = 1e-12;

/// The 8 bits that a picture would be saved with: clipped, rounded half to even.
pub(crate) fn quantised(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0).round_ties_even() as u8
}

/// Peak signal-to-noise ratio of an output (0 to 1, quantised here) against the truth, dB, over all their values.
///
/// Equal pictures have about 168 dB.
pub(crate) fn psnr(output: &[f32], truth: &[u8]) -> f64 {
    let squares: u64 = output
        .iter()
        .zip(truth)
        .map(|(&o, &t)| u64::from(quantised(o).abs_diff(t)).pow(2))
        .sum();
    of_error(squares as f64 / truth.len().max(1) as f64)
}

/// [`psnr`] of two pictures of 8 bits.
pub(crate) fn psnr_of_eight_bit(picture: &[u8], truth: &[u8]) -> f64 {
    let squares: u64 = picture
        .iter()
        .zip(truth)
        .map(|(&o, &t)| u64::from(o.abs_diff(t)).pow(2))
        .sum();
    of_error(squares as f64 / truth.len().max(1) as f64)
}

fn of_error(mean_square: f64) -> f64 {
    20.0 * (255.0 / mean_square.max(LEAST_ERROR).sqrt()).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_rounded_as_numpy_rounds() {
        assert_eq!(quantised(-0.5), 0);
        assert_eq!(quantised(7.0), 255);
        assert_eq!(quantised(0.5 / 255.0), 0);
        assert_eq!(quantised(1.5 / 255.0), 2);
        assert_eq!(quantised(100.4 / 255.0), 100);
    }

    #[test]
    fn an_error_of_one_step_everywhere_is_48_db() {
        let truth = [10, 20, 30, 40];
        let output: Vec<f32> = truth
            .iter()
            .map(|&t: &u8| f32::from(t + 1) / 255.0)
            .collect();
        assert!((psnr(&output, &truth) - 48.130_803_608_679_1).abs() < 1e-9);
        assert!((psnr_of_eight_bit(&[11, 19, 31, 39], &truth) - 48.130_803_608_679_1).abs() < 1e-9);
        assert!(psnr_of_eight_bit(&truth, &truth) > 160.0);
    }
}
