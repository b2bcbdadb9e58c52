//! Arrays as they came, before anyone knows what they mean.

use crate::ImportError;

/// Most axes of one array.
pub(crate) const MOST_AXES: usize = 16;
/// Most bytes of the texts of one array.
pub(crate) const MOST_TEXT: u64 = 64 << 20;

/// How much of a file is taken into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Numbers of all arrays together; each takes four bytes, and texts count as the numbers that would take their place.
    pub values: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { values: 1 << 28 }
    }
}

/// An array of numbers, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignArray {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
    /// The type of its numbers in the file, such as `float16`.
    pub dtype: &'static str,
}

impl ForeignArray {
    /// The only number of an array of one.
    pub fn scalar(&self) -> Option<f32> {
        match self.values.as_slice() {
            [value] => Some(*value),
            _ => None,
        }
    }

    /// Name and shape as a person reads them: `scores [9, 48]`.
    pub fn words(&self) -> String {
        format!("\"{}\" {:?}", self.name, self.shape)
    }
}

/// How many numbers take as much memory as some texts of so many bytes together.
pub(crate) fn worth_of_texts(count: u64, bytes: u64) -> u64 {
    // An empty text takes 24 bytes, and one of a letter as much as an allocation does.
    count.saturating_mul(10).saturating_add(bytes / 4)
}

/// How many numbers a shape holds, if they can be taken into memory beside `taken` others.
///
/// An array of no numbers may have sides all the same, from which strides and labels are made; so a side of nothing counts
/// as one of one.
pub(crate) fn numbers_of(
    name: &str,
    shape: &[usize],
    taken: u64,
    limits: Limits,
) -> Result<usize, ImportError> {
    if shape.len() > MOST_AXES {
        return Err(ImportError::refused(format!(
            "The array \"{name}\" has {} axes, more than the {MOST_AXES} that are read.",
            shape.len()
        )));
    }
    let most = shape
        .iter()
        .try_fold(1u64, |n, &side| n.checked_mul(side.max(1) as u64));
    match most {
        Some(most) if most.saturating_add(taken) <= limits.values => {
            Ok(if shape.contains(&0) { 0 } else { most as usize })
        }
        _ => {
            let needed = shape.iter().fold(4.0, |n, &side| n * side.max(1) as f64);
            Err(ImportError::refused(format!(
                "The array \"{name}\" of shape {shape:?} needs {} of memory{}, and at most {} are taken for a file. Save \
                 a part of it: fewer layers, or a range of tokens.",
                bytes(needed),
                if taken > 0 {
                    " beside the arrays before it"
                } else {
                    ""
                },
                bytes(limits.values as f64 * 4.0)
            )))
        }
    }
}

fn bytes(count: f64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{value:.0} bytes")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// Values stored first axis fastest, turned row-major.
pub(crate) fn row_major(shape: &[usize], column_major: Vec<f32>) -> Vec<f32> {
    if shape.iter().filter(|&&side| side > 1).count() < 2 {
        return column_major;
    }
    let mut strides = vec![1usize; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let mut at = vec![0usize; shape.len()];
    let mut from = 0;
    let mut turned = Vec::with_capacity(column_major.len());
    for _ in 0..column_major.len() {
        turned.push(column_major[from]);
        for axis in (0..shape.len()).rev() {
            at[axis] += 1;
            from += strides[axis];
            if at[axis] < shape[axis] {
                break;
            }
            from -= strides[axis] * shape[axis];
            at[axis] = 0;
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_major_values_are_turned() {
        // numpy.arange(24).reshape(2, 3, 4) in Fortran order.
        let stored = (0..24)
            .map(|i| {
                let (a, b, c) = (i % 2, i / 2 % 3, i / 6);
                (a * 12 + b * 4 + c) as f32
            })
            .collect();
        let expected: Vec<f32> = (0..24).map(|i| i as f32).collect();
        assert_eq!(row_major(&[2, 3, 4], stored), expected);
    }

    #[test]
    fn what_memory_cannot_hold_is_refused_with_its_size() {
        let message = numbers_of("attention", &[12, 12, 60_000, 60_000], 0, Limits::default())
            .expect_err("too large")
            .to_string();
        assert!(
            message.contains("1.9 TiB") && message.contains("1.0 GiB"),
            "{message}"
        );
        assert!(numbers_of("a", &[usize::MAX, usize::MAX], 0, Limits::default()).is_err());
        assert!(numbers_of("a", &[4], 1 << 28, Limits::default()).is_err());
        assert_eq!(numbers_of("a", &[], 0, Limits::default()).ok(), Some(1));
        assert_eq!(
            numbers_of("a", &[0, 48], 0, Limits::default()).ok(),
            Some(0)
        );
        for sides in [&[0, usize::MAX][..], &[0, 1 << 40, 1 << 40], &[1; 17]] {
            assert!(
                numbers_of("a", sides, 0, Limits::default()).is_err(),
                "{sides:?}"
            );
        }
    }
}
