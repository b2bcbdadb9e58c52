//! Fields over two axes, from arrays of any axes.

use std::borrow::Cow;

use whyfinder_experiment::{Axis, Field, Labels};

use crate::plan::Plan;
use crate::{AxisRole, ForeignArray, ImportError};

/// Most maps that one array or table is taken apart into.
pub(crate) const MOST_MAPS: usize = 256;

/// An array whose axes are put in another order, or dropped at their first index; itself where it is so already.
pub(crate) fn ordered<'a>(
    array: &'a ForeignArray,
    axes: &[AxisRole],
    wanted: &[AxisRole],
) -> Cow<'a, [f32]> {
    let mut strides = vec![1usize; array.shape.len()];
    for axis in (0..array.shape.len().saturating_sub(1)).rev() {
        strides[axis] = strides[axis + 1] * array.shape[axis + 1];
    }
    // An axis that the array lacks has one place.
    let along: Vec<(usize, usize)> = wanted
        .iter()
        .map(|role| {
            axes.iter()
                .position(|a| a == role)
                .map_or((1, 0), |axis| (array.shape[axis], strides[axis]))
        })
        .collect();
    let count = along.iter().map(|(side, _)| side).product();
    let mut inner = 1;
    let in_order = along.iter().rev().all(|&(side, stride)| {
        let fits = side == 1 || stride == inner;
        inner *= side;
        fits
    });
    if in_order && count == array.values.len() {
        // Of a gigabyte there need not be two.
        return Cow::Borrowed(&array.values);
    }
    let mut values = Vec::with_capacity(count);
    let mut at = vec![0usize; along.len()];
    let mut from = 0;
    for _ in 0..count {
        values.push(array.values.get(from).copied().unwrap_or(f32::NAN));
        for (axis, &(side, stride)) in along.iter().enumerate().rev() {
            at[axis] += 1;
            from += stride;
            if at[axis] < side {
                break;
            }
            from -= stride * side;
            at[axis] = 0;
        }
    }
    Cow::Owned(values)
}

/// Size of an array along an axis; 1 along one that it lacks.
pub(crate) fn side(array: &ForeignArray, axes: &[AxisRole], role: &AxisRole) -> usize {
    axes.iter()
        .position(|a| a == role)
        .and_then(|axis| array.shape.get(axis))
        .copied()
        .unwrap_or(1)
}

/// Labels of the axis of tokens, or of an axis with as many places as there are labels; else numbers.
pub(crate) fn axis(
    role: &AxisRole,
    len: usize,
    tokens: &[String],
    labels: Option<&Labels>,
) -> Axis {
    match labels {
        Some(labels) if labels.len() == len => Axis {
            name: role.name().to_string(),
            labels: labels.clone(),
        },
        _ if *role == AxisRole::Token && tokens.len() == len => {
            Axis::text(role.name(), tokens.to_vec())
        }
        _ => Axis::numbered(role.name(), len),
    }
}

/// Which axis goes down and which across: queries down, keys across; tokens down, layers across; layers or rows down; else
/// as they stand.
pub(crate) fn down_and_across(axes: &[AxisRole]) -> Option<[AxisRole; 2]> {
    use AxisRole::{Column, Head, Key, Layer, Query, Row, Token};
    let shown: Vec<&AxisRole> = axes.iter().filter(|a| a.is_shown()).collect();
    for [down, across] in [
        [Query, Key],
        [Token, Layer],
        [Layer, Head],
        [Row, Column],
        [Token, Head],
    ] {
        if shown.contains(&&down) && shown.contains(&&across) {
            return Some([down, across]);
        }
    }
    match shown.as_slice() {
        [.., down, across] => Some([(*down).clone(), (*across).clone()]),
        _ => None,
    }
}

/// One field over two axes for each place along the other axes, with mean and standard error over samples.
///
/// # Errors
/// A sentence if there are fewer than two axes to draw, no numbers, or too many maps.
pub(crate) fn maps(
    array: &ForeignArray,
    plan: &Plan,
    name: &str,
) -> Result<Vec<Field>, ImportError> {
    let Some([down, across]) = down_and_across(&plan.axes) else {
        return Err(ImportError::refused(format!(
            "A map needs two axes beside samples and batches, and {} has {}.",
            array.words(),
            plan.axes.iter().filter(|a| a.is_shown()).count()
        )));
    };
    if array.values.is_empty() {
        return Err(ImportError::holds_nothing(array));
    }
    let others: Vec<AxisRole> = plan
        .axes
        .iter()
        .filter(|a| a.is_shown() && **a != down && **a != across)
        .cloned()
        .collect();
    let count: usize = others.iter().map(|o| side(array, &plan.axes, o)).product();
    if count > MOST_MAPS {
        return Err(ImportError::refused(format!(
            "{} would be {count} maps over {down} and {across}, more than the {MOST_MAPS} that are read; save fewer of \
             them.",
            array.words()
        )));
    }
    let sampled = plan.axes.contains(&AxisRole::Sample);
    let samples = side(array, &plan.axes, &AxisRole::Sample);
    let wanted: Vec<AxisRole> = others
        .iter()
        .cloned()
        .chain([down.clone(), across.clone(), AxisRole::Sample])
        .collect();
    let values = ordered(array, &plan.axes, &wanted);
    let axes: Vec<Axis> = [&down, &across]
        .into_iter()
        .map(|role| axis(role, side(array, &plan.axes, role), &plan.tokens, None))
        .collect();
    let cells = axes[0].len() * axes[1].len();
    let mut maps = Vec::new();
    for (index, part) in values
        .chunks_exact((cells * samples).max(1))
        .take(count)
        .enumerate()
    {
        let mut place = index;
        let mut words = Vec::new();
        for other in others.iter().rev() {
            let side = side(array, &plan.axes, other).max(1);
            words.insert(0, format!("{other} {}", place % side));
            place /= side;
        }
        let name = if words.is_empty() {
            name.to_string()
        } else {
            format!("{name}, {}", words.join(", "))
        };
        maps.push(if sampled {
            from_samples(&name, axes.clone(), part, samples)
        } else {
            Field::measured(&name, axes.clone(), part.to_vec())
                .map_err(|e| ImportError::refused(e.to_string()))?
        });
    }
    Ok(maps)
}

/// A field from the samples of each cell; those that are not finite were not taken.
pub(crate) fn from_samples(name: &str, axes: Vec<Axis>, values: &[f32], samples: usize) -> Field {
    let mut field = Field::sampled(name, axes, samples);
    for (cell, samples) in values.chunks_exact(samples.max(1)).enumerate() {
        let taken: Vec<f32> = samples.iter().copied().filter(|v| v.is_finite()).collect();
        field.set_samples(cell, &taken);
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_reordered_and_batches_dropped() {
        use AxisRole::{Batch, Layer, Token};
        let array = ForeignArray {
            name: "x".into(),
            shape: vec![2, 2, 3],
            values: (0..12).map(|i| i as f32).collect(),
            dtype: "float32",
        };
        let axes = [Batch, Layer, Token];
        let values = ordered(&array, &axes, &[Token, Layer]);
        assert_eq!(*values, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        let same = ordered(&array, &axes, &[AxisRole::Head, Batch, Layer, Token]);
        assert!(matches!(same, Cow::Borrowed(_)) && same.len() == 12);
        assert_eq!(
            *ordered(&array, &axes, &[AxisRole::Head, Layer]),
            [0.0, 3.0]
        );
        assert_eq!(down_and_across(&axes), Some([Token, Layer]));
    }

    #[test]
    fn samples_that_are_not_finite_were_not_taken() {
        let axes = vec![Axis::numbered("row", 1), Axis::numbered("column", 2)];
        let field = from_samples("f", axes, &[1.0, 3.0, f32::NAN, f32::NAN], 2);
        assert_eq!(
            (field.values[0], field.mask.as_slice()),
            (2.0, &[true, false][..])
        );
        assert_eq!(field.stderr.as_ref().map(|e| e[0]), Some(1.0));
    }
}
