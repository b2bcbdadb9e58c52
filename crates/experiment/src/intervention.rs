//! What is done at a site.

use crate::{Array, Site};

/// Which indices along one axis an intervention touches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Select {
    #[default]
    All,
    /// These indices; they need not be sorted.
    Only(Vec<usize>),
}

impl Select {
    pub fn one(index: usize) -> Self {
        Select::Only(vec![index])
    }

    pub fn range(range: std::ops::Range<usize>) -> Self {
        Select::Only(range.collect())
    }

    /// The indices meant along an axis of length `len`; `None` if one lies outside.
    pub fn resolve(&self, len: usize) -> Option<Vec<usize>> {
        match self {
            Select::All => Some((0..len).collect()),
            Select::Only(indices) => indices.iter().all(|&i| i < len).then(|| indices.clone()),
        }
    }
}

/// One change of a value inside a forward pass.
///
/// At sites shaped `[B, T, D]` (and `[B, T, F]`, `[B, T, 1]`, `[B, T, V]`) `heads` must be `All`. At sites shaped
/// `[B, T, heads, d]` both `positions` and `heads` select. At sites shaped `[B, heads, query, key]` `positions`
/// selects queries and `keys` keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Intervention {
    pub site: Site,
    /// Batch rows.
    pub rows: Select,
    /// Positions; queries at score and pattern sites.
    pub positions: Select,
    pub heads: Select,
    /// Keys; only at score and pattern sites.
    pub keys: Select,
    pub action: Action,
}

impl Intervention {
    /// An intervention on every row, position, head and key of a site; narrow it by setting the fields.
    pub fn everywhere(site: Site, action: Action) -> Self {
        Self {
            site,
            rows: Select::All,
            positions: Select::All,
            heads: Select::All,
            keys: Select::All,
            action,
        }
    }
}

/// What becomes of the selected values.
///
/// Arrays broadcast against the selected block from the right, as in numpy.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Replace by these values.
    Set(Array),
    /// Add these values (noise is an `Add` of drawn values).
    Add(Array),
    Scale(f32),
    Zero,
    /// Replace by the mean over the selected positions of the same row.
    Mean,
    /// Replace by the values that another batch row has at the same place.
    Restore {
        from_row: usize,
    },
    /// Pattern sites only: attention is cut before the softmax; the other keys share the weight.
    KnockOutRenormalised,
    /// Pattern sites only: the weight is set to zero after the softmax; rows no longer sum to one.
    KnockOutUnnormalised,
    /// Pattern sites only: each selected query attends equally to all keys that it may see.
    Uniform,
}
