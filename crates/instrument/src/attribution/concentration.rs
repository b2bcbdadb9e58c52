//! How far a map is spread over the picture, in one number.

/// Added to each value, so that an empty map has a coefficient (Gu and Dong 2021, published code).
const LEAST: f64 = 1e-7;

/// Gini coefficient of a map's values, 0 where all are equal; values below zero shift all up.
pub(crate) fn gini(values: &[f32]) -> f64 {
    let lowest = values.iter().copied().fold(0.0f32, f32::min);
    let mut sorted: Vec<f64> = values
        .iter()
        .map(|&value| f64::from(value) - f64::from(lowest) + LEAST)
        .collect();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let sum: f64 = sorted.iter().sum();
    let weighed: f64 = sorted
        .iter()
        .enumerate()
        .map(|(i, value)| (2.0 * (i as f64 + 1.0) - n - 1.0) * value)
        .sum();
    if sorted.is_empty() {
        return 0.0;
    }
    weighed / (n * sum)
}

/// Diffusion index: 100 where all pixels count alike, near 0 where one pixel counts alone.
pub(crate) fn diffusion_index(values: &[f32]) -> f64 {
    (1.0 - gini(values)) * 100.0
}

/// The number of pixels, the strongest first, that hold `share` of the map's sum together.
pub(crate) fn area_of(values: &[f32], share: f64) -> usize {
    let mut sorted: Vec<f64> = values.iter().map(|&v| f64::from(v.max(0.0))).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let wanted = share * sorted.iter().sum::<f64>();
    let mut sum = 0.0;
    for (i, value) in sorted.iter().enumerate() {
        if sum >= wanted {
            return i;
        }
        sum += value;
    }
    sorted.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_map_has_no_concentration() {
        for value in [0.0, 0.3, 1.0] {
            assert!(gini(&[value; 64]).abs() < 1e-9);
            assert!((diffusion_index(&[value; 64]) - 100.0).abs() < 1e-6);
        }
    }

    #[test]
    fn the_coefficient_is_half_the_relative_mean_difference() {
        let values: Vec<f32> = (0..40).map(|i| ((i * 17) % 23) as f32 / 7.0).collect();
        let (mut apart, mut sum) = (0.0f64, 0.0f64);
        for a in &values {
            sum += f64::from(*a);
            for b in &values {
                apart += f64::from((a - b).abs());
            }
        }
        let n = values.len() as f64;
        let expected = apart / (2.0 * n * sum);
        assert!((gini(&values) - expected).abs() < 1e-6);
        let mut alone = vec![0.0; 100];
        alone[7] = 1.0;
        assert!((gini(&alone) - 0.99).abs() < 1e-4);
    }

    #[test]
    fn the_area_holds_its_share() {
        assert_eq!(area_of(&[1.0; 100], 0.95), 95);
        assert_eq!(area_of(&[0.0, 9.6, 0.2, 0.2], 0.95), 1);
        assert_eq!(area_of(&[0.0; 4], 0.95), 0);
    }
}
