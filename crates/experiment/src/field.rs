//! Values over labelled axes, with uncertainty.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ExperimentError, Metric};

/// A plain row-major array of f32.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

impl Array {
    /// # Errors
    /// If the number of values is not the product of the shape.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Result<Self, ExperimentError> {
        let expected = shape
            .iter()
            .try_fold(1usize, |n, &d| n.checked_mul(d))
            .ok_or_else(|| {
                ExperimentError::invalid(format!("An array of shape {shape:?} is too large."))
            })?;
        if expected != data.len() {
            return Err(ExperimentError::invalid(format!(
                "An array of shape {shape:?} needs {expected} values, but {} were given.",
                data.len()
            )));
        }
        Ok(Self { shape, data })
    }
}

/// The labels along one axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Labels {
    Number(Vec<f64>),
    Text(Vec<String>),
}

impl Labels {
    pub fn len(&self) -> usize {
        match self {
            Labels::Text(t) => t.len(),
            Labels::Number(n) => n.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The label at `index` as a person reads it.
    pub fn text(&self, index: usize) -> String {
        match self {
            Labels::Text(t) => t.get(index).cloned().unwrap_or_default(),
            Labels::Number(n) => n.get(index).map(f64::to_string).unwrap_or_default(),
        }
    }
}

/// One axis of a field: `token`, `layer`, `head`, `query`, `key`, `position`, `rank`, …
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    pub name: String,
    pub labels: Labels,
}

impl Axis {
    /// An axis labelled 0, 1, 2, …
    pub fn numbered(name: &str, len: usize) -> Self {
        Self {
            name: name.to_string(),
            labels: Labels::Number((0..len).map(|i| i as f64).collect()),
        }
    }

    pub fn text(name: &str, labels: Vec<String>) -> Self {
        Self {
            name: name.to_string(),
            labels: Labels::Text(labels),
        }
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// Values over labelled axes with standard error, sample count and a mask of the cells measured so far.
///
/// All arrays are row-major over `axes` in order. `values` holds NaN where `mask` is false.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: String,
    pub axes: Vec<Axis>,
    pub values: Vec<f32>,
    /// Standard error of the mean of each cell: sample standard deviation (n - 1) over the square root of n.
    /// NaN with fewer than two samples.
    pub stderr: Option<Vec<f32>>,
    /// Samples behind each cell.
    pub count: Option<Vec<u32>>,
    /// The single samples, row-major over the axes and then the sample.
    pub samples: Option<Vec<f32>>,
    /// The run that effects are measured against (the corrupted one): one value per sample of a cell, drawn with the
    /// same noise. Set by [`Field::pair_with`].
    pub paired_with: Option<Vec<f32>>,
    /// Standard error of each cell's effect: of the mean of the differences, sample by sample, to `paired_with`.
    pub effect_stderr: Option<Vec<f32>>,
    /// Means smaller than this, in either direction, are zero.
    pub zero_below: f32,
    /// True where a cell has been measured.
    pub mask: Vec<bool>,
    pub metric: Option<Metric>,
    /// Named reference values in the metric's unit, such as `clean` and `corrupted`.
    pub reference: BTreeMap<String, f32>,
}

impl Field {
    /// A field with nothing measured yet.
    pub fn unmeasured(name: &str, axes: Vec<Axis>) -> Self {
        let cells = axes.iter().map(Axis::len).product();
        Self {
            name: name.to_string(),
            axes,
            values: vec![f32::NAN; cells],
            stderr: None,
            count: None,
            samples: None,
            paired_with: None,
            effect_stderr: None,
            zero_below: 0.0,
            mask: vec![false; cells],
            metric: None,
            reference: BTreeMap::new(),
        }
    }

    /// A field whose cells are all measured once.
    ///
    /// # Errors
    /// If the number of values is not the product of the axes.
    pub fn measured(
        name: &str,
        axes: Vec<Axis>,
        values: Vec<f32>,
    ) -> Result<Self, ExperimentError> {
        let shape = axes.iter().map(Axis::len).collect();
        let Array { data, .. } = Array::new(shape, values)?;
        let mut field = Self::unmeasured(name, axes);
        field.mask.fill(true);
        field.values = data;
        Ok(field)
    }

    /// A field ready to receive up to `samples` samples per cell through [`Field::set_samples`].
    pub fn sampled(name: &str, axes: Vec<Axis>, samples: usize) -> Self {
        let mut field = Self::unmeasured(name, axes);
        let cells = field.values.len();
        field.stderr = Some(vec![f32::NAN; cells]);
        field.count = Some(vec![0; cells]);
        field.samples = Some(vec![f32::NAN; cells * samples]);
        field
    }

    /// Names the run that effects are measured against, and gives each cell the standard error of its effect.
    ///
    /// `reference` has one value per sample of a cell, in the same order of draws; a cell with fewer has the first ones.
    /// The draws being shared, the error of an effect is that of the paired differences: neither the cell's own error
    /// nor the reference's says it.
    pub fn pair_with(&mut self, reference: Vec<f32>) {
        self.effect_stderr = Some(vec![f32::NAN; self.values.len()]);
        self.paired_with = Some(reference);
        for cell in 0..self.values.len() {
            if self.mask[cell] {
                self.set_effect_stderr(cell);
            }
        }
    }

    fn set_effect_stderr(&mut self, cell: usize) {
        let Some(reference) = &self.paired_with else {
            return;
        };
        let samples = self.samples_of(cell);
        if samples.len() > reference.len() {
            return;
        }
        let differences: Vec<f32> = samples.iter().zip(reference).map(|(s, r)| s - r).collect();
        let (_, error) = mean_and_stderr(&differences);
        if let Some(stored) = self.effect_stderr.as_mut().and_then(|e| e.get_mut(cell)) {
            *stored = error;
        }
    }

    /// The standard errors of effects: paired where the reference's samples are known, else of the values themselves.
    pub fn effect_errors(&self) -> Option<&[f32]> {
        self.effect_stderr.as_deref().or(self.stderr.as_deref())
    }

    /// Bytes of its arrays in a result, before they are packed; labels and reference values are left out.
    pub fn stored_bytes(&self) -> u64 {
        fn numbers<T>(array: &Option<Vec<T>>) -> usize {
            array.as_ref().map_or(0, Vec::len)
        }
        let floats = self.values.len()
            + numbers(&self.stderr)
            + numbers(&self.count)
            + numbers(&self.samples)
            + numbers(&self.paired_with)
            + numbers(&self.effect_stderr);
        (4 * floats + self.mask.len()) as u64
    }

    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(Axis::len).collect()
    }

    /// Row-major index of a cell; `None` if it is outside or has the wrong number of coordinates.
    pub fn index(&self, at: &[usize]) -> Option<usize> {
        if at.len() != self.axes.len() {
            return None;
        }
        self.axes.iter().zip(at).try_fold(0, |index, (axis, &i)| {
            (i < axis.len()).then_some(index * axis.len() + i)
        })
    }

    /// Whether no weight lies after its query, of patterns whose last two axes are query and key. With more keys than
    /// queries, the last query sees all keys. What is not finite lies nowhere.
    pub fn is_causal(&self) -> bool {
        /// Weights below this are rounding.
        const NOTHING: f32 = 1e-6;
        let [.., queries, keys] = *self.shape().as_slice() else {
            return false;
        };
        let cells = queries * keys;
        cells > 0
            && self.values.chunks_exact(cells).all(|pattern| {
                pattern.chunks_exact(keys).enumerate().all(|(query, row)| {
                    let seen = (query + 1 + keys.saturating_sub(queries)).min(keys);
                    row[seen..]
                        .iter()
                        .all(|w| !w.is_finite() || w.abs() <= NOTHING)
                })
            })
    }

    /// The samples of one cell; empty if none are kept.
    pub fn samples_of(&self, cell: usize) -> &[f32] {
        let Some(samples) = &self.samples else {
            return &[];
        };
        let per_cell = samples.len().checked_div(self.values.len()).unwrap_or(0);
        let all = samples
            .get(cell * per_cell..(cell + 1) * per_cell)
            .unwrap_or(&[]);
        let taken = self.count.as_ref().and_then(|c| c.get(cell));
        match taken {
            Some(&taken) if self.mask[cell] => &all[..all.len().min(taken as usize)],
            _ => all,
        }
    }

    /// Stores a cell's samples, in place of those that it had, and from them its mean, standard error and count.
    ///
    /// Where there are fewer than the field has room for, the rest is NaN. A cell outside the field, or more samples
    /// than the field was made for, is ignored.
    pub fn set_samples(&mut self, cell: usize, samples: &[f32]) {
        let cells = self.values.len();
        let Some(all) = &mut self.samples else { return };
        if cell >= cells || samples.is_empty() || all.len() < cells * samples.len() {
            return;
        }
        let (n, room) = (samples.len(), all.len() / cells);
        let place = &mut all[cell * room..(cell + 1) * room];
        place.fill(f32::NAN);
        place[..n].copy_from_slice(samples);
        let (mean, stderr) = mean_and_stderr(samples);
        self.values[cell] = if mean.abs() < self.zero_below {
            0.0
        } else {
            mean
        };
        self.mask[cell] = true;
        if let Some(s) = &mut self.stderr {
            s[cell] = stderr;
        }
        if let Some(c) = &mut self.count {
            c[cell] = n as u32;
        }
        self.set_effect_stderr(cell);
    }
}

/// Mean and standard error of the mean (sample standard deviation with n - 1, over the square root of n).
///
/// The mean of nothing is NaN, and so is the standard error of fewer than two samples.
pub fn mean_and_stderr(samples: &[f32]) -> (f32, f32) {
    let n = samples.len() as f64;
    let mean = samples.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    if samples.len() < 2 {
        return (mean as f32, f32::NAN);
    }
    let variance = samples
        .iter()
        .map(|&x| (f64::from(x) - mean).powi(2))
        .sum::<f64>()
        / (n - 1.0);
    (mean as f32, (variance / n).sqrt() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_give_mean_and_standard_error() {
        let mut field = Field::sampled("f", vec![Axis::numbered("token", 2)], 4);
        field.set_samples(1, &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(field.mask, [false, true]);
        assert!(field.values[0].is_nan());
        assert_eq!(field.values[1], 2.5);
        let stderr = field.stderr.as_ref().expect("sampled")[1];
        assert!((stderr - (5.0f32 / 3.0 / 4.0).sqrt()).abs() < 1e-6);
        assert_eq!(field.samples_of(1), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn a_cell_may_have_fewer_samples_than_another_and_small_means_are_zero() {
        let mut field = Field::sampled("f", vec![Axis::numbered("row", 3)], 3);
        field.zero_below = 0.1;
        field.set_samples(0, &[0.5, 0.7]);
        field.set_samples(0, &[0.5]);
        field.set_samples(1, &[0.3, -0.3, 0.1]);
        field.set_samples(2, &[0.0; 4]);
        assert_eq!(field.samples_of(0), [0.5]);
        assert_eq!(field.samples_of(1).len(), 3);
        assert_eq!(field.values[1], 0.0);
        assert!(field.stderr.as_ref().expect("sampled")[1] > 0.1);
        assert_eq!(field.mask, [true, true, false]);
        assert_eq!(field.count.as_deref(), Some(&[1, 3, 0][..]));
    }

    #[test]
    fn the_error_of_an_effect_is_that_of_the_paired_differences() {
        let mut field = Field::sampled("f", vec![Axis::numbered("token", 3)], 3);
        field.set_samples(0, &[1.0, 1.0, 1.0]);
        assert_eq!(field.effect_errors().expect("sampled")[0], 0.0);
        field.pair_with(vec![0.1, 0.2, 0.6]);
        field.set_samples(1, &[0.1, 0.2, 0.6]);
        let reference_error = mean_and_stderr(&[0.1, 0.2, 0.6]).1;
        let errors = field.effect_errors().expect("paired");
        assert!((errors[0] - reference_error).abs() < 1e-6);
        assert_eq!(errors[1], 0.0);
        assert!(errors[2].is_nan());
    }

    #[test]
    fn weights_after_the_query_make_a_pattern_see_both_ways() {
        let axes = || vec![Axis::numbered("query", 2), Axis::numbered("key", 3)];
        let of = |values: [f32; 6]| Field::measured("f", axes(), values.to_vec()).expect("fits");
        assert!(of([0.5, 0.5, 0.0, 0.2, 0.3, 0.5]).is_causal());
        assert!(of([0.5, 0.5, f32::NAN, 0.2, 0.3, 0.5]).is_causal());
        assert!(!of([0.5, 0.4, 0.1, 0.2, 0.3, 0.5]).is_causal());
    }

    #[test]
    fn cells_are_row_major() {
        let field = Field::unmeasured("f", vec![Axis::numbered("a", 2), Axis::numbered("b", 3)]);
        assert_eq!(field.index(&[1, 2]), Some(5));
        assert_eq!(field.index(&[2, 0]), None);
        assert_eq!(field.index(&[0]), None);
    }

    #[test]
    fn a_wrong_number_of_values_is_refused() {
        assert!(Field::measured("f", vec![Axis::numbered("a", 2)], vec![0.0; 3]).is_err());
        assert!(Array::new(vec![usize::MAX, 2], vec![]).is_err());
    }
}
