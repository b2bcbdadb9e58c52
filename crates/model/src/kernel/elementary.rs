//! Elementary functions without branches, so that loops over them become vector instructions.
//!
//! Polynomials from Cephes (Moshier, `expf`, `tanhf`, `erff`); errors are within a few units in the last place.

/// Adding and taking away 1.5 * 2^23 rounds to the nearest integer.
const ROUNDER: f32 = 12_582_912.0;

/// e^x. NaN gives NaN, +inf gives +inf, -inf gives 0.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Comparisons are written so that NaN passes through.
    let c = if x > 88.8 { 88.8 } else { x };
    let c = if c < -104.0 { -104.0 } else { c };
    let shifted = c * std::f32::consts::LOG2_E + ROUNDER;
    let n = shifted - ROUNDER;
    let r = c - n * 0.693_359_4;
    let r = r + n * 2.121_944_4e-4;
    let p = 1.987_569_2e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 5.0e-1;
    let p = p * (r * r) + r + 1.0;
    // Two factors, because 2^n itself may lie outside the range of f32.
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUNDER.to_bits() as i32);
    let half = n >> 1;
    p * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let a = x.abs();
    let far = 1.0 - 2.0 / (exp(2.0 * a) + 1.0);
    let far = if x < 0.0 { -far } else { far };
    let z = x * x;
    let p = -5.704_988_7e-3;
    let p = p * z + 2.063_909e-2;
    let p = p * z - 5.373_971_6e-2;
    let p = p * z + 1.333_144_2e-1;
    let p = p * z - 3.333_328e-1;
    let near = p * z * x + x;
    if a < 0.625 { near } else { far }
}

/// (1 + erf(x)) / 2, without cancellation for negative x.
#[inline(always)]
pub(crate) fn normal_share(x: f32) -> f32 {
    let a = x.abs();
    let near = 0.5 + 0.5 * erf_near(x);
    let tail = 0.5 * erfc_far(a);
    let far = either(x < 0.0, tail, 1.0 - tail);
    either(a < 1.0, near, far)
}

/// One of two values by their bits. The compiler would rather skip a long way than compute both, and then a loop is
/// no longer made of vector instructions.
#[inline(always)]
fn either(which: bool, yes: f32, no: f32) -> f32 {
    let mask = u32::from(which).wrapping_neg();
    f32::from_bits((yes.to_bits() & mask) | (no.to_bits() & !mask))
}

/// erf on [-1, 1].
#[inline(always)]
fn erf_near(x: f32) -> f32 {
    let z = x * x;
    let p = 7.853_861_4e-5;
    let p = p * z - 8.010_193_6e-4;
    let p = p * z + 5.188_327_7e-3;
    let p = p * z - 2.685_381_2e-2;
    let p = p * z + 1.128_358_5e-1;
    let p = p * z - 3.761_262_6e-1;
    let p = p * z + std::f32::consts::FRAC_2_SQRT_PI;
    x * p
}

/// 1 - erf for a >= 1.
#[inline(always)]
fn erfc_far(a: f32) -> f32 {
    let q = 1.0 / a;
    let y = q * q;
    let p = 2.326_82e-2;
    let p = p * y - 1.387_039_4e-1;
    let p = p * y + 3.687_424_7e-1;
    let p = p * y - 5.824_733e-1;
    let p = p * y + 6.210_005e-1;
    let p = p * y - 4.944_515_3e-1;
    let p = p * y + 3.404_88e-1;
    let p = p * y - 2.741_127e-1;
    let below_two = p * y + 5.638_259_4e-1;
    let p = -1.047_766_4e1;
    let p = p * y + 1.297_72e1;
    let p = p * y - 7.495_519;
    let p = p * y + 2.921_019;
    let p = p * y - 1.015_265_3;
    let p = p * y + 4.218_463_4e-1;
    let p = p * y - 2.820_767_4e-1;
    let above = p * y + 5.641_896e-1;
    let p = either(a < 2.0, below_two, above);
    exp(-a * a) * q * p
}

/// Lanes of a running sum: enough for the widest vectors, and less rounding than one running sum.
pub(crate) const LANES: usize = 16;

/// Adds up `f` of each element. Trailing elements go to the lane of their index, so zeros at the end change nothing.
#[inline(always)]
pub(crate) fn sum_of(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let chunks = x.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += f(x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane += f(x);
    }
    fold(lanes)
}

/// Adds up `f` of pairs of elements.
#[inline(always)]
pub(crate) fn sum_of_pairs(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let (xs, ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let (x_rest, y_rest) = (xs.remainder(), ys.remainder());
    for (x, y) in xs.zip(ys) {
        for (lane, (&x, &y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane += f(x, y);
        }
    }
    for (lane, (&x, &y)) in lanes.iter_mut().zip(x_rest.iter().zip(y_rest)) {
        *lane += f(x, y);
    }
    fold(lanes)
}

/// The largest element; -inf of nothing; NaN is passed over (sums carry it on).
#[inline(always)]
pub(crate) fn largest(x: &[f32]) -> f32 {
    let pick = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = x.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = pick(*lane, x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = pick(*lane, x);
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, pick)
}

#[inline(always)]
pub(crate) fn fold(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(f: fn(f32) -> f32, reference: fn(f64) -> f64, from: f32, to: f32) -> f64 {
        (0..200_001)
            .map(|i| from + (to - from) * i as f32 / 200_000.0)
            .map(|x| {
                let (y, r) = (f64::from(f(x)), reference(f64::from(x)));
                if y == r { 0.0 } else { (y - r).abs() / r.abs() }
            })
            .fold(0.0, f64::max)
    }

    /// erf by its Taylor series or continued fraction, in f64.
    fn erf64(x: f64) -> f64 {
        if x.abs() > 3.0 {
            return x.signum() * (1.0 - erfc64(x.abs()));
        }
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    fn erfc64(x: f64) -> f64 {
        let mut fraction = 0.0;
        for n in (1..200).rev() {
            fraction = f64::from(n) / 2.0 / (x + fraction);
        }
        (-x * x).exp() / (x + fraction) / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn functions_are_right_to_a_few_units_in_the_last_place() {
        assert!(worst(exp, f64::exp, -87.0, 88.7) < 3e-7);
        assert!(worst(tanh, f64::tanh, -12.0, 12.0) < 3e-7);
        assert!(worst(tanh, f64::tanh, -1e-3, 1e-3) < 3e-7);
        assert!(worst(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), -80.0, 80.0) < 4e-7);
        let normal = |x| 0.5 * (1.0 + erf64(x));
        assert!(worst(normal_share, normal, 0.0, 6.0) < 3e-7);
        assert!(worst(normal_share, normal, -1.0, 0.0) < 1.5e-6);
        // The tail's relative error grows with the square of x, because exp(-x^2) rounds x^2 first.
        assert!(worst(normal_share, |x| 0.5 * erfc64(-x), -6.0, -2.0) < 4e-6);
    }

    #[test]
    fn the_ends_of_the_range_hold() {
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(89.0), f32::INFINITY);
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-100.0) > 0.0, "denormals are kept");
        for f in [exp, tanh, sigmoid, normal_share] {
            assert!(f(f32::NAN).is_nan());
        }
        assert_eq!(tanh(f32::INFINITY), 1.0);
        assert_eq!(tanh(f32::NEG_INFINITY), -1.0);
        assert_eq!(tanh(0.0), 0.0);
        assert_eq!(normal_share(f32::INFINITY), 1.0);
        assert_eq!(normal_share(f32::NEG_INFINITY), 0.0);
    }

    #[test]
    fn sums_ignore_trailing_zeros_and_carry_nan() {
        let x: Vec<f32> = (0..37).map(|i| 1.0 / (i as f32 + 0.7)).collect();
        let mut longer = x.clone();
        longer.resize(64, 0.0);
        assert_eq!(sum_of(&x, |x| x), sum_of(&longer, |x| x));
        longer[63] = f32::NAN;
        assert!(sum_of(&longer, |x| x).is_nan());
        assert_eq!(largest(&x), x[0]);
        assert_eq!(largest(&[]), f32::NEG_INFINITY);
    }
}
