use std::collections::BTreeMap;

use whyfinder_experiment::field::{Axis, Field};
use whyfinder_experiment::{Outcome, Provenance};

/// What Whyfinder measured, for the script to compare itself with.
#[derive(Clone, Debug)]
pub struct Answered {
    pub provenance: Provenance,
    /// Reference values, such as `clean`.
    pub references: BTreeMap<String, f32>,
    /// Ids of the prompt's tokens; empty where they are not known.
    pub token_ids: Vec<u32>,
    /// Lines about the answer, such as `answer " Paris" (probability 0.91)`.
    pub said: Vec<String>,
    /// Cells that are not measured are not compared.
    pub fields: Vec<Field>,
}

impl Answered {
    pub fn of(outcome: &Outcome) -> Self {
        let summary = &outcome.summary;
        let mut said = Vec::new();
        for (name, token) in [("answer", &summary.answer), ("foil", &summary.foil)] {
            if let Some(token) = token {
                said.push(format!(
                    "{name} {:?} (probability {:.6})",
                    token.text, token.probability
                ));
            }
        }
        if let Some(effects) = &summary.effects {
            said.push(format!(
                "blocks outside the region: {} positive, {} negative, {} zero",
                effects.positive, effects.negative, effects.zero
            ));
        }
        let mut fields = outcome.fields.clone();
        for record in &outcome.attention {
            fields.extend(record_fields(record));
        }
        Self {
            provenance: outcome.provenance.clone(),
            references: summary.reference.clone(),
            token_ids: summary.token_ids.clone(),
            said,
            fields,
        }
    }
}

/// A field of a shape alone, of which some values are known: every `stride`th of all.
///
/// None if the values do not fit the shape.
pub(crate) fn sparse(name: &str, shape: &[usize], stride: usize, values: &[f32]) -> Option<Field> {
    let cells = shape
        .iter()
        .try_fold(1usize, |n, &side| n.checked_mul(side))?;
    let stride = stride.max(1);
    if values.len() != cells.div_ceil(stride) {
        return None;
    }
    let axes = (0..shape.len())
        .map(|i| Axis::numbered(&format!("axis{i}"), shape[i]))
        .collect();
    let mut field = Field::unmeasured(name, axes);
    for (at, &value) in (0..cells).step_by(stride).zip(values) {
        field.values[at] = value;
        field.mask[at] = true;
    }
    Some(field)
}

impl Answered {
    /// What a figure keeps of the numbers that it shows: `(field, shape, stride, values)`.
    pub fn of_kept<'a>(
        provenance: Provenance,
        kept: impl IntoIterator<Item = (&'a str, &'a [usize], usize, &'a [f32])>,
    ) -> Self {
        Self {
            provenance,
            references: BTreeMap::new(),
            token_ids: Vec::new(),
            said: Vec::new(),
            fields: kept
                .into_iter()
                .filter_map(|(name, shape, stride, values)| sparse(name, shape, stride, values))
                .collect(),
        }
    }
}

fn record_fields(record: &whyfinder_experiment::AttentionRecord) -> Vec<Field> {
    let sizes = record.sizes;
    let overview = record.overview();
    let cells = [sizes.heads, overview.side, overview.side];
    let parts: [(&str, &[usize], &[f32]); 6] = [
        (
            "queries",
            &[sizes.tokens, sizes.heads, sizes.width],
            &record.queries,
        ),
        (
            "keys",
            &[sizes.tokens, sizes.groups, sizes.width],
            &record.keys,
        ),
        ("top", &[sizes.heads, sizes.tokens], &record.top),
        ("log_sum", &[sizes.heads, sizes.tokens], &record.log_sum),
        ("mean", &cells, &overview.mean),
        ("max", &cells, &overview.max),
    ];
    parts
        .iter()
        .filter_map(|(name, shape, values)| {
            sparse(
                &format!("attention.{}.{name}", record.layer),
                shape,
                1,
                values,
            )
        })
        .collect()
}
