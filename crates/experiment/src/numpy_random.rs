//! The draws of `numpy.random.RandomState`, value for value.

use rand_mt::Mt;

/// `numpy.random.RandomState(seed)`: MT19937 seeded by `init_genrand`, doubles of 53 bits, and the polar method
/// (Marsaglia and Bray 1964), whose second value is kept for the next call, as numpy's legacy generator does.
#[derive(Clone, Debug)]
pub struct RandomState {
    bits: Mt,
    kept: Option<f64>,
}

impl RandomState {
    pub fn new(seed: u32) -> Self {
        Self {
            bits: Mt::new(seed),
            kept: None,
        }
    }

    /// A double in `[0, 1)`, as `random_sample()`.
    pub fn uniform(&mut self) -> f64 {
        let high = f64::from(self.bits.next_u32() >> 5);
        let low = f64::from(self.bits.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// A standard normal draw, as `randn()`.
    pub fn normal(&mut self) -> f64 {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        loop {
            let x = 2.0 * self.uniform() - 1.0;
            let y = 2.0 * self.uniform() - 1.0;
            let square = x * x + y * y;
            if square < 1.0 && square != 0.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.kept = Some(factor * x);
                return factor * y;
            }
        }
    }

    /// An integer in `0..end`, as `randint(end)`: bits under the smallest mask over `end - 1`, drawn again while they
    /// are too many. 0 where there is no choice, for which nothing is drawn.
    pub fn below(&mut self, end: u32) -> u32 {
        let most = end.saturating_sub(1);
        if most == 0 {
            return 0;
        }
        let mask = u32::MAX >> most.leading_zeros();
        loop {
            let drawn = self.bits.next_u32() & mask;
            if drawn <= most {
                return drawn;
            }
        }
    }

    /// The next `count` values of `randn`, row-major.
    pub fn normals(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.normal()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_same(ours: f64, numpys: f64) {
        assert!(
            (ours - numpys).abs() <= f64::EPSILON * numpys.abs(),
            "{ours:?} {numpys:?}"
        );
    }

    /// Values printed by numpy 2.4's `RandomState(seed).randn(n)`.
    #[test]
    fn normals_are_numpys() {
        let cases: [(u32, &[f64]); 3] = [
            (
                1,
                &[
                    1.6243453636632417,
                    -0.6117564136500754,
                    -0.5281717522634557,
                    -1.0729686221561705,
                    0.8654076293246785,
                    -2.3015386968802827,
                    1.74481176421648,
                ],
            ),
            (
                0,
                &[
                    1.764052345967664,
                    0.4001572083672233,
                    0.9787379841057392,
                    2.240893199201458,
                    1.8675579901499675,
                ],
            ),
            (
                u32::MAX,
                &[
                    0.6484086742306527,
                    0.6693235306338161,
                    -1.0805437227474493,
                    0.2845010447986309,
                    0.11388773652167104,
                ],
            ),
        ];
        for (seed, values) in cases {
            let ours = RandomState::new(seed).normals(values.len());
            for (a, b) in ours.iter().zip(values) {
                assert_same(*a, *b);
            }
        }
    }

    /// Far into the stream, where the twister has been refilled many times.
    #[test]
    fn the_ten_thousandth_normal_is_numpys() {
        let ours = RandomState::new(12345).normals(10_000);
        assert_same(ours[9_998], -1.2147230949662449);
        assert_same(ours[9_999], 0.6549886591834755);
    }

    /// Integers and normals in turn, as a causal effect map draws them: an odd number of normals leaves one kept.
    #[test]
    fn integers_between_normals_are_numpys() {
        let mut state = RandomState::new(0);
        let rows: [(u32, u32, [f64; 3]); 7] = [
            (
                4096,
                2732,
                [
                    0.2201558664370841,
                    0.059373572461388524,
                    0.013893972146079134,
                ],
            ),
            (
                10000,
                7891,
                [
                    0.014321847482967963,
                    -0.1652400105547622,
                    0.3862596956607636,
                ],
            ),
            (
                7,
                6,
                [
                    -0.010791200599925686,
                    -0.02104126514642809,
                    0.26773866264949436,
                ],
            ),
            (
                256,
                174,
                [
                    -0.019156023866553917,
                    0.14922308336215556,
                    0.023857846371142827,
                ],
            ),
            (
                1,
                0,
                [0.0870320064206717, 0.06542633870083664, 0.2929566810112953],
            ),
            (
                3,
                2,
                [
                    -0.0402271105423139,
                    0.11860661463583415,
                    0.31905094603501144,
                ],
            ),
            (
                1000000,
                84665,
                [0.006556652648750701, 0.1334445577166903, -0.306567978450969],
            ),
        ];

        for (end, integer, normals) in rows {
            assert_eq!(state.below(end), integer, "randint({end})");
            for normal in normals {
                assert_same(50.0 / 255.0 * state.normal(), normal);
            }
        }
        let mut state = RandomState::new(3);
        assert_eq!(state.below(1), 0);
        assert_eq!(state.below(0), 0);
        let first = RandomState::new(3).below(u32::MAX);
        assert_eq!(state.below(u32::MAX), first);
    }

    #[test]
    fn uniforms_are_numpys() {
        let mut state = RandomState::new(7);
        for expected in [0.07630828937395717, 0.7799187922401146, 0.4384092314408935] {
            assert_same(state.uniform(), expected);
        }
    }
}
