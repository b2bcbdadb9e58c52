//! Matrix products on plain slices.
#![allow(unsafe_code)]

use std::marker::PhantomData;

use gemm::Parallelism;

/// A matrix inside a slice, by steps.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_step: usize,
    col_step: usize,
}

impl<'a> Matrix<'a> {
    /// Rows `row_step` apart, columns next to each other, from the start of `data`.
    pub(crate) fn new(data: &'a [f32], rows: usize, cols: usize, row_step: usize) -> Self {
        Self {
            data,
            rows,
            cols,
            row_step,
            col_step: 1,
        }
    }

    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_step: self.col_step,
            col_step: self.row_step,
            ..self
        }
    }

    fn fits(&self) -> bool {
        extent(self.rows, self.cols, self.row_step, self.col_step) <= self.data.len()
    }
}

/// How many elements a matrix reaches over.
fn extent(rows: usize, cols: usize, row_step: usize, col_step: usize) -> usize {
    if rows == 0 || cols == 0 {
        return 0;
    }
    (rows - 1) * row_step + (cols - 1) * col_step + 1
}

/// A buffer of which several threads write separate parts.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    life: PhantomData<&'a mut [f32]>,
}

// SAFETY: a `Shared` only hands out parts through `unsafe` methods whose callers promise that no two threads hold
// overlapping parts.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub(crate) fn new(data: &'a mut [f32]) -> Self {
        Self {
            start: data.as_mut_ptr(),
            len: data.len(),
            life: PhantomData,
        }
    }

    /// A matrix of contiguous rows `row_step` apart, from `offset`.
    ///
    /// # Safety
    /// While it lives, nothing else may read or write its elements.
    pub(crate) unsafe fn matrix(
        self,
        offset: usize,
        rows: usize,
        cols: usize,
        row_step: usize,
    ) -> Target<'a> {
        assert!(offset + extent(rows, cols, row_step, 1) <= self.len);
        Target {
            // SAFETY: the assertion keeps the offset, and all that is reached from it, inside the buffer.
            start: unsafe { self.start.add(offset) },
            rows,
            cols,
            row_step,
            life: PhantomData,
        }
    }
}

/// A matrix to be written.
pub(crate) struct Target<'a> {
    start: *mut f32,
    rows: usize,
    cols: usize,
    row_step: usize,
    life: PhantomData<&'a mut [f32]>,
}

impl<'a> Target<'a> {
    pub(crate) fn new(data: &'a mut [f32], rows: usize, cols: usize, row_step: usize) -> Self {
        assert!(extent(rows, cols, row_step, 1) <= data.len());
        Self {
            start: data.as_mut_ptr(),
            rows,
            cols,
            row_step,
            life: PhantomData,
        }
    }

    /// Rows.
    pub(crate) fn height(&self) -> usize {
        self.rows
    }

    /// Columns.
    pub(crate) fn width(&self) -> usize {
        self.cols
    }

    pub(crate) fn row(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows);
        // SAFETY: the constructors checked the extent, and the row is borrowed from `self` alone.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.row_step), self.cols) }
    }

    /// All rows of some columns.
    pub(crate) fn columns(&mut self, columns: std::ops::Range<usize>) -> Target<'_> {
        assert!(columns.start <= columns.end && columns.end <= self.cols);
        Target {
            // SAFETY: within the extent that the constructors checked.
            start: unsafe { self.start.add(columns.start) },
            rows: self.rows,
            cols: columns.len(),
            row_step: self.row_step,
            life: PhantomData,
        }
    }

    /// The first `cols` columns from row `first` on.
    pub(crate) fn part(&mut self, first: usize, rows: usize, cols: usize) -> Target<'_> {
        assert!(first + rows <= self.rows && cols <= self.cols);
        Target {
            // SAFETY: within the extent that the constructors checked.
            start: unsafe { self.start.add(first * self.row_step) },
            rows,
            cols,
            row_step: self.row_step,
            life: PhantomData,
        }
    }
}

/// How many threads a product may use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    One,
    All,
}

/// `target = keep * target + factor * a b`, with `keep` 0 or 1.
pub(crate) fn product(
    target: Target<'_>,
    keep: bool,
    factor: f32,
    a: Matrix<'_>,
    b: Matrix<'_>,
    threads: Threads,
) {
    assert!(a.rows == target.rows && a.cols == b.rows && b.cols == target.cols);
    assert!(a.fits() && b.fits());
    let parallelism = match threads {
        Threads::One => Parallelism::None,
        Threads::All => match rayon::current_num_threads() {
            0 | 1 => Parallelism::None,
            n => Parallelism::Rayon(n),
        },
    };
    // SAFETY: all three extents are checked above or by the constructors, and the target is held alone.
    unsafe {
        gemm::gemm(
            target.rows,
            target.cols,
            a.cols,
            target.start,
            1,
            target.row_step as isize,
            keep,
            a.data.as_ptr(),
            a.col_step as isize,
            a.row_step as isize,
            b.data.as_ptr(),
            b.col_step as isize,
            b.row_step as isize,
            1.0f32,
            factor,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiny::Draws;

    #[test]
    fn products_equal_the_plain_sum_for_any_steps() {
        for (m, n, k) in [(1, 1, 1), (1, 7, 33), (5, 1, 8), (17, 9, 64), (64, 64, 32)] {
            let mut draws = Draws::new(m as u64);
            let a = draws.values(m * (k + 3), 1.0);
            let b = draws.values(n * (k + 1), 1.0);
            let mut c = draws.values(m * (n + 2), 1.0);
            let before = c.clone();
            for threads in [Threads::One, Threads::All] {
                c.copy_from_slice(&before);
                product(
                    Target::new(&mut c, m, n, n + 2),
                    true,
                    0.5,
                    Matrix::new(&a, m, k, k + 3),
                    Matrix::new(&b, n, k, k + 1).transposed(),
                    threads,
                );
                for i in 0..m {
                    for j in 0..n + 2 {
                        let place = i * (n + 2) + j;
                        let mut expected = f64::from(before[place]);
                        for l in 0..if j < n { k } else { 0 } {
                            let (x, y) = (a[i * (k + 3) + l], b[j * (k + 1) + l]);
                            expected += 0.5 * f64::from(x) * f64::from(y);
                        }
                        assert!((f64::from(c[place]) - expected).abs() < 1e-4);
                    }
                }
            }
        }
    }
}
