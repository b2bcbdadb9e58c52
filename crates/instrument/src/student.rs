//! Quantiles of Student's t distribution.

/// The t that |T| exceeds with probability `tails` (0 to 1), for `degrees` of freedom; Hill's algorithm 396 (Comm. ACM
/// 13, 1970), good to six digits. NaN outside of that.
pub(crate) fn two_tailed(tails: f64, degrees: usize) -> f64 {
    use std::f64::consts::FRAC_PI_2;
    if !(tails > 0.0 && tails < 1.0) || degrees == 0 {
        return f64::NAN;
    }
    let n = degrees as f64;
    match degrees {
        1 => return 1.0 / (tails * FRAC_PI_2).tan(),
        2 => return (2.0 / (tails * (2.0 - tails)) - 2.0).sqrt(),
        _ => {}
    }
    let a = 1.0 / (n - 0.5);
    let b = 48.0 / (a * a);
    let mut c = ((20_700.0 * a / b - 98.0) * a - 16.0) * a + 96.36;
    let d = ((94.5 / (b + c) - 3.0) / b + 1.0) * (a * FRAC_PI_2).sqrt() * n;
    let mut y = (d * tails).powf(2.0 / n);
    if y > 0.05 + a {
        let x = normal(0.5 * tails);
        y = x * x;
        if degrees < 5 {
            c += 0.3 * (n - 4.5) * (x + 0.6);
        }
        c += (((0.05 * d * x - 5.0) * x - 7.0) * x - 2.0) * x + b;
        y = (((((0.4 * y + 6.3) * y + 36.0) * y + 94.5) / c - y - 3.0) / b + 1.0) * x;
        y = (a * y * y).exp_m1();
    } else {
        y = ((1.0 / (((n + 6.0) / (n * y) - 0.089 * d - 0.822) * (n + 2.0) * 3.0)
            + 0.5 / (n + 4.0))
            * y
            - 1.0)
            * (n + 1.0)
            / (n + 2.0)
            + 1.0 / y;
    }
    (n * y).sqrt()
}

/// The value that a standard normal falls below with probability `p`; Wichura's algorithm AS 241, PPND7 (Applied
/// Statistics 37, 1988), good to seven digits.
fn normal(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        let over =
            ((59.109_374_720 * r + 159.291_132_02) * r + 50.434_271_938) * r + 3.387_132_717_9;
        let under = ((67.187_563_600 * r + 78.757_757_664) * r + 17.895_169_469) * r + 1.0;
        return q * over / under;
    }
    let r = (-p.min(1.0 - p).ln()).sqrt();
    let size = if r <= 5.0 {
        let r = r - 1.6;
        let over =
            ((0.170_238_210_3 * r + 1.306_728_481_6) * r + 2.756_815_390_0) * r + 1.423_437_277_7;
        over / ((0.120_211_328_2 * r + 0.737_001_642_5) * r + 1.0)
    } else {
        let r = r - 5.0;
        let over = ((0.017_337_203_997 * r + 0.428_682_943_37) * r + 3.081_226_386_0) * r
            + 6.657_905_115_0;
        over / ((0.012_258_202_635 * r + 0.241_978_942_25) * r + 1.0)
    };
    size.copysign(q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (tails, degrees, expected) in [
            (0.05, 1, 12.706_205),
            (0.05, 2, 4.302_653),
            (0.05, 4, 2.776_445),
            (0.05, 9, 2.262_157),
            (0.01, 9, 3.249_836),
            (0.01, 49, 2.679_952),
            (0.002, 29, 3.396_240),
            (0.5, 30, 0.682_756),
            (0.05, 1_000_000, 1.959_966),
        ] {
            let found = two_tailed(tails, degrees);
            assert!(
                (found / expected - 1.0).abs() < 2e-5,
                "{tails} {degrees}: {found}"
            );
        }
        assert!(two_tailed(0.0, 3).is_nan() && two_tailed(0.1, 0).is_nan());
    }
}
