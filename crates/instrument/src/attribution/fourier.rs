//! The discrete Fourier transform of a grid whose sides are powers of two.

/// A complex number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Complex {
    pub(crate) re: f64,
    pub(crate) im: f64,
}

impl Complex {
    pub(crate) fn times(self, other: Self) -> Self {
        Self {
            re: self.re * other.re - self.im * other.im,
            im: self.re * other.im + self.im * other.re,
        }
    }
}

/// Transforms `values` `[height, width]` in place; back again divided by the number of values.
pub(crate) fn transform(values: &mut [Complex], height: usize, width: usize, back: bool) {
    debug_assert!(height.is_power_of_two() && width.is_power_of_two());
    let turns = Turns::new(width, back);
    for row in values.chunks_exact_mut(width) {
        turns.transform(row);
    }
    let turns = Turns::new(height, back);
    let mut column = vec![Complex::default(); height];
    for x in 0..width {
        for (y, value) in column.iter_mut().enumerate() {
            *value = values[y * width + x];
        }
        turns.transform(&mut column);
        for (y, value) in column.iter().enumerate() {
            values[y * width + x] = *value;
        }
    }
    if back {
        let scale = 1.0 / (height * width) as f64;
        for value in values {
            value.re *= scale;
            value.im *= scale;
        }
    }
}

/// The roots of unity of one length.
struct Turns {
    roots: Vec<Complex>,
}

impl Turns {
    fn new(len: usize, back: bool) -> Self {
        let direction = if back { 1.0 } else { -1.0 };
        let roots = (0..len / 2)
            .map(|k| {
                let angle = direction * 2.0 * std::f64::consts::PI * k as f64 / len as f64;
                Complex {
                    re: angle.cos(),
                    im: angle.sin(),
                }
            })
            .collect();
        Self { roots }
    }

    /// Cooley and Tukey's, in place.
    fn transform(&self, line: &mut [Complex]) {
        let len = line.len();
        let mut to = 0usize;
        for from in 0..len {
            if from < to {
                line.swap(from, to);
            }
            let mut bit = len >> 1;
            while bit > 0 && to & bit != 0 {
                to ^= bit;
                bit >>= 1;
            }
            to |= bit;
        }
        let mut size = 2;
        while size <= len {
            let (half, every) = (size / 2, len / size);
            for piece in line.chunks_exact_mut(size) {
                let (low, high) = piece.split_at_mut(half);
                for (k, (a, b)) in low.iter_mut().zip(high).enumerate() {
                    let turned = b.times(self.roots[k * every]);
                    let sum = Complex {
                        re: a.re + turned.re,
                        im: a.im + turned.im,
                    };
                    *b = Complex {
                        re: a.re - turned.re,
                        im: a.im - turned.im,
                    };
                    *a = sum;
                }
            }
            size *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_sum_that_defines_it_and_goes_back() {
        let (height, width) = (4, 8);
        let values: Vec<Complex> = (0..32)
            .map(|i| Complex {
                re: ((i * 13) % 7) as f64 - 3.0,
                im: ((i * 5) % 11) as f64 / 4.0,
            })
            .collect();
        let mut transformed = values.clone();
        transform(&mut transformed, height, width, false);
        for v in 0..height {
            for u in 0..width {
                let mut sum = Complex::default();
                for y in 0..height {
                    for x in 0..width {
                        let turns = (v * y) as f64 / height as f64 + (u * x) as f64 / width as f64;
                        let angle = -2.0 * std::f64::consts::PI * turns;
                        let root = Complex {
                            re: angle.cos(),
                            im: angle.sin(),
                        };
                        let term = values[y * width + x].times(root);
                        sum.re += term.re;
                        sum.im += term.im;
                    }
                }
                let found = transformed[v * width + u];
                assert!((found.re - sum.re).abs() < 1e-10 && (found.im - sum.im).abs() < 1e-10);
            }
        }
        transform(&mut transformed, height, width, true);
        for (a, b) in transformed.iter().zip(&values) {
            assert!((a.re - b.re).abs() < 1e-12 && (a.im - b.im).abs() < 1e-12);
        }
    }
}
