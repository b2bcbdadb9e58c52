//! One field taken from another, and how sure the difference is.

use std::fmt;
use std::iter::Sum;

use crate::field::mean_and_stderr;
use crate::{Field, Outcome, TraceKind};

/// One field minus another.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Over the first one's axes, measured where both are; `effect_stderr` holds the errors, where there are any.
    pub field: Field,
    pub errors: DifferenceErrors,
}

/// How the standard errors of a difference came about, over the cells that have one.
///
/// An error of the differences draw by draw is right whether the two share their draws or not. Both errors added in
/// squares are right for draws that have nothing to do with each other, and too large where the two share them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DifferenceErrors {
    /// Cells whose errors are paired by draw.
    pub paired: usize,
    /// Cells that have an error.
    pub of: usize,
}

impl Sum for DifferenceErrors {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |a, b| Self {
            paired: a.paired + b.paired,
            of: a.of + b.of,
        })
    }
}

impl fmt::Display for DifferenceErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { of: 0, .. } => f.write_str("no errors known"),
            Self { paired, of } if paired == of => f.write_str("errors paired by draw"),
            Self { paired: 0, .. } => f.write_str("errors as of independent draws"),
            Self { paired, of } => write!(
                f,
                "errors paired by draw in {paired} of {of} cells, else as of independent draws"
            ),
        }
    }
}

/// `minuend - subtrahend - shift`, cell by cell. None if the two have not the same shape.
///
/// Where both keep as many samples of a cell, the error is that of the differences sample by sample: `var(a - b) = var a +
/// var b - 2 cov(a, b)`, and draws of the same seed have much in common. Samples of effects are taken against the run
/// that their field is paired with.
pub fn subtract(minuend: &Field, subtrahend: &Field, shift: f32) -> Option<Difference> {
    if minuend.shape() != subtrahend.shape() {
        return None;
    }
    let cells = minuend.values.len();
    let both = |i: usize| minuend.mask[i] && subtrahend.mask[i];
    let mut field = Field::unmeasured(&minuend.name, minuend.axes.clone());
    field.metric = minuend.metric;
    field.mask = (0..cells).map(both).collect();
    let measured = (0..cells).filter(|&i| both(i));
    for i in measured.clone() {
        field.values[i] = minuend.values[i] - subtrahend.values[i] - shift;
    }
    let apart = minuend.effect_errors().zip(subtrahend.effect_errors());
    let (mut paired, mut of) = (0, 0);
    let mut errors = vec![f32::NAN; cells];
    for i in measured {
        if let Some(error) = paired_error(minuend, subtrahend, i) {
            errors[i] = error;
            (paired, of) = (paired + 1, of + 1);
        } else if let Some((a, b)) = apart {
            errors[i] = a[i].hypot(b[i]);
            // What is known to be exactly zero, and what has no error, is neither.
            of += usize::from(errors[i] > 0.0);
        }
    }
    if apart.is_some() || paired > 0 {
        field.effect_stderr = Some(errors);
    }
    let errors = DifferenceErrors { paired, of };
    Some(Difference { field, errors })
}

/// None where one of the two does not keep its samples, or has more of them than the other.
fn paired_error(minuend: &Field, subtrahend: &Field, cell: usize) -> Option<f32> {
    let (a, b) = (minuend.samples_of(cell), subtrahend.samples_of(cell));
    if a.len() != b.len() || a.len() < 2 {
        return None;
    }
    let against = |field: &Field, k: usize| match &field.paired_with {
        Some(reference) => reference.get(k).copied(),
        None => Some(0.0),
    };
    let differences: Option<Vec<f32>> = (0..a.len())
        .map(|k| Some((a[k] - against(minuend, k)?) - (b[k] - against(subtrahend, k)?)))
        .collect();
    let (_, error) = mean_and_stderr(&differences?);
    error.is_finite().then_some(error)
}

/// What a trace's values are measured against: the corrupted run's own value. Taken away on both sides, another floor
/// does not pass for another effect. 0 for fields that hold effects already.
pub fn floor_of(outcome: &Outcome, field: &str) -> f32 {
    let is_trace = TraceKind::ALL.iter().any(|kind| kind.name() == field);
    let floor = outcome.summary.reference.get("corrupted");
    floor.copied().filter(|_| is_trace).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Axis, RandomState};

    /// Two cells of `n` draws each: `own * noise + shared * common`, with or without the run that they are set against.
    fn field(seed: u32, own: f32, shared: f32, n: usize, floor: bool) -> Field {
        let (mut noise, mut common) = (RandomState::new(seed), RandomState::new(77));
        let mut field = Field::sampled("residual", vec![Axis::numbered("token", 2)], n);
        let mut reference = Vec::new();
        for cell in 0..2 {
            let draw = |_| {
                let both = common.uniform() as f32;
                (own * noise.uniform() as f32 + shared * both, both)
            };
            let (samples, draws): (Vec<f32>, Vec<f32>) = (0..n).map(draw).unzip();
            field.set_samples(cell, &samples);
            reference = draws;
        }
        if floor {
            field.pair_with(reference);
        }
        field
    }

    #[test]
    fn shared_draws_cancel_and_others_do_not() {
        let (a, b) = (field(1, 0.1, 1.0, 50, false), field(2, 0.1, 1.0, 50, false));
        let found = subtract(&a, &b, 0.0).expect("one shape");
        assert_eq!(found.errors, DifferenceErrors { paired: 2, of: 2 });
        let paired = found.field.effect_errors().expect("errors")[0];
        // Two uniform noises of a tenth: sqrt(2 / 12) / 10 / sqrt(50).
        assert!((paired - 0.00577).abs() < 0.001, "{paired}");
        let apart = a.effect_errors().expect("a")[0].hypot(b.effect_errors().expect("b")[0]);
        assert!(apart > 8.0 * paired, "{apart} {paired}");

        // Draws that have nothing in common: what adding in squares gives, but for chance.
        let (a, b) = (
            field(1, 1.0, 0.0, 400, false),
            field(2, 1.0, 0.0, 400, false),
        );
        let paired = subtract(&a, &b, 0.0).expect("one shape");
        let paired = paired.field.effect_errors().expect("errors")[0];
        let apart = a.effect_errors().expect("a")[0].hypot(b.effect_errors().expect("b")[0]);
        assert!((paired / apart - 1.0).abs() < 0.1, "{paired} {apart}");
    }

    #[test]
    fn a_run_minus_itself_has_no_error() {
        for floor in [false, true] {
            let a = field(1, 1.0, 1.0, 10, floor);
            let found = subtract(&a, &a, 0.0).expect("one shape");
            assert_eq!(found.field.values, [0.0, 0.0]);
            assert_eq!(found.field.effect_errors(), Some([0.0, 0.0].as_slice()));
        }
    }

    #[test]
    fn where_draws_are_not_kept_independence_is_said() {
        let (a, mut b) = (field(1, 1.0, 0.0, 10, false), field(2, 1.0, 0.0, 10, false));
        b.samples = None;
        let found = subtract(&a, &b, 0.5).expect("one shape");
        assert_eq!(found.errors, DifferenceErrors { paired: 0, of: 2 });
        assert_eq!(found.errors.to_string(), "errors as of independent draws");
        let error = found.field.effect_errors().expect("errors")[1];
        let apart = a.effect_errors().expect("a")[1].hypot(b.effect_errors().expect("b")[1]);
        assert_eq!(error, apart);
        assert_eq!(found.field.values[1], a.values[1] - b.values[1] - 0.5);

        // One cell whose draws ended early.
        let mut b = field(2, 1.0, 0.0, 10, false);
        let few: Vec<f32> = b.samples_of(1)[..4].to_vec();
        b.set_samples(1, &few);
        let found = subtract(&a, &b, 0.0).expect("one shape");
        assert_eq!(found.errors, DifferenceErrors { paired: 1, of: 2 });
        assert_eq!(
            found.errors.to_string(),
            "errors paired by draw in 1 of 2 cells, else as of independent draws"
        );

        let bare = Field::measured("f", a.axes.clone(), vec![1.0, 2.0]).expect("fits");
        let found = subtract(&bare, &bare, 0.0).expect("one shape");
        assert_eq!((found.errors.of, found.field.effect_errors()), (0, None));
        let other = Field::unmeasured("f", vec![Axis::numbered("token", 3)]);
        assert_eq!(subtract(&a, &other, 0.0), None);
    }

    #[test]
    fn only_what_both_have_measured_is_subtracted() {
        let (mut a, b) = (field(1, 1.0, 0.0, 10, false), field(2, 1.0, 0.0, 10, false));
        a.mask[1] = false;
        let found = subtract(&a, &b, 0.0).expect("one shape").field;
        assert_eq!(found.mask, [true, false]);
        assert!(found.values[1].is_nan() && found.effect_errors().expect("errors")[1].is_nan());
    }
}
