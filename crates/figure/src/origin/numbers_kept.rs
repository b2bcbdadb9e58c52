//! What is kept of a figure's numbers: a digest of all, and some of them, so that a later run can say how close it is.

use serde::{Deserialize, Deserializer, Serialize};
use whyfinder_experiment::Outcome;

use crate::description::Description;
use crate::view::{View, is_pattern};

/// The numbers of one field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    pub field: String,
    pub shape: Vec<usize>,
    /// BLAKE3, hex, of the shape and the float32 values.
    pub digest: String,
    /// Every how many values one is kept.
    pub stride: usize,
    /// JSON has no NaN; it is written as null.
    #[serde(deserialize_with = "numbers_or_nan")]
    pub values: Vec<f32>,
}

/// How another run's numbers compare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Held {
    /// Every bit.
    Exactly,
    /// Not every bit: the largest difference among the numbers kept, and the spread of those numbers.
    Within { largest: f32, spread: f32 },
    /// The field has another shape now.
    OtherShape,
    /// There is no such field now.
    Missing,
}

fn numbers_or_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    let numbers = Vec::<Option<f32>>::deserialize(deserializer)?;
    Ok(numbers.into_iter().map(|n| n.unwrap_or(f32::NAN)).collect())
}

impl Kept {
    pub(super) fn of(field: &str, shape: &[usize], values: &[f32], room: usize) -> Self {
        let stride = values.len().div_ceil(room.max(1)).max(1);
        Self {
            field: field.to_string(),
            shape: shape.to_vec(),
            digest: digest(shape, values),
            stride,
            values: values.iter().step_by(stride).copied().collect(),
        }
    }

    /// Whether the numbers inside the figure are those of the digest; `None` where only some were kept.
    pub fn agrees_with_digest(&self) -> Option<bool> {
        let count = self
            .shape
            .iter()
            .try_fold(1usize, |n, &side| n.checked_mul(side))?;
        let whole = self.stride == 1 && self.values.len() == count;
        whole.then(|| self.digest == digest(&self.shape, &self.values))
    }

    pub(super) fn compare(&self, shape: &[usize], values: &[f32]) -> Held {
        if self.shape != shape {
            return Held::OtherShape;
        }
        if self.digest == digest(shape, values) {
            return Held::Exactly;
        }
        let again = values.iter().step_by(self.stride.max(1));
        if self.values.is_empty() || again.len() != self.values.len() {
            return Held::OtherShape;
        }
        let (mut largest, mut low, mut high) = (0f32, f32::INFINITY, f32::NEG_INFINITY);
        for (&kept, &now) in self.values.iter().zip(again) {
            let apart = if kept.is_finite() && now.is_finite() {
                (kept - now).abs()
            } else if kept.is_finite() == now.is_finite() {
                0.0
            } else {
                f32::INFINITY
            };
            largest = largest.max(apart);
            if kept.is_finite() {
                low = low.min(kept);
                high = high.max(kept);
            }
        }
        Held::Within {
            largest,
            spread: (high - low).max(0.0),
        }
    }
}

fn digest(shape: &[usize], values: &[f32]) -> String {
    let mut hasher = blake3::Hasher::new();
    for &side in shape {
        hasher.update(&(side as u64).to_le_bytes());
    }
    let mut bytes = Vec::with_capacity(4 * 4096);
    for part in values.chunks(4096) {
        bytes.clear();
        for &value in part {
            // All NaN are one.
            let value = if value.is_nan() { f32::NAN } else { value };
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        hasher.update(&bytes);
    }
    hasher.finalize().to_hex().to_string()
}

/// A name, a shape, and the values of that shape.
pub(super) type Numbers = (String, Vec<usize>, Vec<f32>);

/// The fields of one result that a figure shows, with their numbers.
pub(super) fn shown(outcome: &Outcome, source: usize, description: &Description) -> Vec<Numbers> {
    let mut shown: Vec<Numbers> = Vec::new();
    let mut add = |name: &str, shape: Vec<usize>, values: &[f32]| {
        if shown.iter().all(|(known, _, _)| known != name) {
            shown.push((name.to_string(), shape, values.to_vec()));
        }
    };
    let of_source = description
        .panels
        .iter()
        .filter(|p| p.source == source || p.minus == Some(source));
    for panel in of_source {
        match &panel.view {
            View::Field(name) | View::Part(name, _) | View::Lines(name) => {
                for name in [name.clone(), format!("{name}.random")] {
                    if let Some(field) = outcome.field(&name) {
                        add(&name, field.shape(), &field.values);
                    }
                }
            }
            View::Counts => {
                if let Some(field) = outcome.field("effect") {
                    add("effect", field.shape(), &field.values);
                }
            }
            View::Predictions => {
                // Shown where there are no distributions.
                if let Some(field) = outcome.field("top.probability")
                    && outcome.distributions.is_empty()
                {
                    add(&field.name, field.shape(), &field.values);
                }
                for distribution in &outcome.distributions {
                    let values: Vec<f32> = distribution.top.iter().map(|t| t.probability).collect();
                    add(
                        &format!("distribution.{}", distribution.name),
                        vec![values.len()],
                        &values,
                    );
                }
            }
            View::Atlas | View::Head { .. } => {
                let wanted = match panel.view {
                    View::Head { layer, .. } => Some(layer),
                    _ => None,
                };
                for field in outcome.fields.iter().filter(|f| is_pattern(&f.name)) {
                    let layer = field
                        .name
                        .parse::<whyfinder_experiment::Site>()
                        .ok()
                        .and_then(|s| s.layer);
                    if wanted.is_none() || wanted == layer {
                        add(&field.name, field.shape(), &field.values);
                    }
                }
                for record in outcome
                    .attention
                    .iter()
                    .filter(|r| wanted.is_none_or(|l| l == r.layer))
                {
                    let overview = record.overview();
                    let shape = vec![record.sizes.heads, overview.side, overview.side];
                    add(
                        &format!("attention.{}.max", record.layer),
                        shape,
                        &overview.max,
                    );
                }
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_hold_exactly_nearly_or_not() {
        let values: Vec<f32> = (0..100).map(|i| i as f32).collect();
        let kept = Kept::of("f", &[10, 10], &values, 20);
        assert_eq!((kept.stride, kept.values.len()), (5, 20));
        assert_eq!(kept.compare(&[10, 10], &values), Held::Exactly);
        assert_eq!(kept.compare(&[100], &values), Held::OtherShape);
        let mut near = values.clone();
        near[5] += 0.25;
        let held = Held::Within {
            largest: 0.25,
            spread: 95.0,
        };
        assert_eq!(kept.compare(&[10, 10], &near), held);
        near[5] = f32::NAN;
        let Held::Within { largest, .. } = kept.compare(&[10, 10], &near) else {
            panic!("it has the shape");
        };
        assert_eq!(largest, f32::INFINITY);
    }
}
