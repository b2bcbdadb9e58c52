//! What the numbers say about themselves, so that a person sees whether they were read right.

use whyfinder_experiment::Field;

use crate::ForeignArray;

/// Rows of an array that are looked at when its meaning is guessed.
const LOOKED_AT: usize = 4096;

/// Least and largest sum of the first rows along the last axis; rows of nothing but NaN are left out, negative numbers
/// make it `None`.
pub(crate) fn sums(array: &ForeignArray) -> Option<[f32; 2]> {
    let keys = *array.shape.last()?;
    if keys == 0 {
        return None;
    }
    range(array.values.chunks_exact(keys).take(LOOKED_AT))
}

fn range<'a>(rows: impl Iterator<Item = &'a [f32]>) -> Option<[f32; 2]> {
    let mut range: Option<[f32; 2]> = None;
    for row in rows {
        if row.iter().any(|w| *w < 0.0) {
            return None;
        }
        let known = row.iter().filter(|w| w.is_finite());
        if known.clone().next().is_none() {
            continue;
        }
        let sum = known.map(|&w| f64::from(w)).sum::<f64>() as f32;
        let [low, high] = range.unwrap_or([sum, sum]);
        range = Some([low.min(sum), high.max(sum)]);
    }
    range
}

/// Sentences about patterns over head, query and key.
pub(crate) fn of_attention(patterns: &[Field]) -> Vec<String> {
    let Some(keys) = patterns.first().map(|f| f.axes[2].len()) else {
        return Vec::new();
    };
    let mut said = Vec::new();
    let rows = patterns
        .iter()
        .flat_map(|f| f.values.chunks_exact(keys.max(1)));
    match range(rows) {
        Some([low, high]) if (low - 1.0).abs() < 2e-3 && (high - 1.0).abs() < 2e-3 => {
            said.push("The weights of each query sum to one.".to_string());
        }
        Some([low, high]) => said.push(format!(
            "The weights of a query sum to {low:.2} to {high:.2}, not to one: a part of a softmax, or no attention."
        )),
        None => said.push(
            "There are negative numbers: scores before the softmax, or no attention. Colours begin at 0.".to_string(),
        ),
    }
    said.push(if patterns.iter().all(Field::is_causal) {
        "No query attends to a later key.".to_string()
    } else {
        "Queries attend to later keys too.".to_string()
    });
    said.extend(not_numbers(patterns));
    said
}

/// Sentences about maps.
pub(crate) fn of_maps(maps: &[Field]) -> Vec<String> {
    let finite = maps
        .iter()
        .flat_map(|f| f.values.iter().zip(&f.mask))
        .filter(|(v, m)| **m && v.is_finite())
        .map(|(v, _)| *v);
    let (low, high) = finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| {
        (l.min(v), h.max(v))
    });
    let mut said = Vec::new();
    if low <= high {
        said.push(format!("The values go from {low:.4} to {high:.4}."));
    } else {
        said.push("There is no finite value.".to_string());
    }
    said.extend(not_numbers(maps));
    said
}

fn not_numbers(fields: &[Field]) -> Option<String> {
    let all: usize = fields.iter().map(|f| f.values.len()).sum();
    let none = fields
        .iter()
        .flat_map(|f| f.values.iter().zip(&f.mask))
        .filter(|(v, m)| **m && !v.is_finite())
        .count();
    (none > 0).then(|| format!("{none} of {all} values are not finite."))
}
