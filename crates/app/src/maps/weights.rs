//! Where maps take attention weights from: all of them, or a record that they are computed from.

use std::sync::Arc;

use whyfinder_experiment::AttentionRecord;
use whyfinder_model::kernel::attention_tile;

use super::tile_shelf::TileShelf;

/// The weights of one head.
#[derive(Clone, Copy, Debug)]
pub enum HeadWeights<'a> {
    /// Row-major over query and key; NaN where not measured yet.
    Whole(&'a [f32]),
    /// Computed where they are looked at.
    Recorded(RecordedHead<'a>),
}

/// A head of a record, with the tiles of it that there are.
#[derive(Clone, Copy, Debug)]
pub struct RecordedHead<'a> {
    pub record: &'a Arc<AttentionRecord>,
    pub head: usize,
    pub shelf: &'a TileShelf,
}

/// The weights of all heads.
#[derive(Clone, Copy, Debug)]
pub enum AtlasWeights<'a> {
    /// Row-major over layer, head, query, key; NaN where not measured yet.
    Whole(&'a [f32]),
    /// By layer; `None` where not measured yet.
    Recorded(&'a [Option<Arc<AttentionRecord>>]),
}

impl HeadWeights<'_> {
    /// One weight; NaN where not measured yet, `None` outside.
    pub(crate) fn weight(&self, keys: usize, query: usize, key: usize) -> Option<f32> {
        match self {
            HeadWeights::Whole(values) => values.get(query * keys + key).copied(),
            HeadWeights::Recorded(r) => Some(r.record.weight(r.head, query, key)),
        }
    }

    /// Whether looking at every weight in every frame would take too long.
    pub(crate) fn is_long(&self) -> bool {
        matches!(self, HeadWeights::Recorded(_))
    }
}

impl RecordedHead<'_> {
    /// The weights of one query on all keys.
    pub(crate) fn row(&self, query: usize) -> Vec<f32> {
        let tokens = self.record.sizes.tokens;
        attention_tile::weights(self.record, self.head, query..query + 1, 0..tokens)
    }

    /// The weights of all queries on one key.
    pub(crate) fn column(&self, key: usize) -> Vec<f32> {
        let tokens = self.record.sizes.tokens;
        attention_tile::weights(self.record, self.head, 0..tokens, key..key + 1)
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use std::sync::Arc;

    use whyfinder_experiment::attention::{
        AttentionForm, AttentionRecord, AttentionSizes, RecordParts,
    };

    /// Two heads of 2 dimensions; every query looks alike at all that it sees, save that one key in 50 stands out.
    pub(crate) fn record(tokens: usize) -> Arc<AttentionRecord> {
        let sizes = AttentionSizes {
            tokens,
            heads: 2,
            groups: 1,
            width: 2,
        };
        let keys: Vec<f32> = (0..tokens)
            .flat_map(|key| [if key % 50 == 7 { 3.0 } else { 0.0 }, 1.0])
            .collect();
        let log_sum: Vec<f32> = (0..2 * tokens)
            .map(|i| {
                let seen = i % tokens + 1;
                let strong = (0..seen).filter(|key| key % 50 == 7).count() as f32;
                (strong + (seen as f32 - strong) * (-3f32).exp()).ln()
            })
            .collect();
        let (level, side) = (sizes.overview_level(), sizes.side(sizes.overview_level()));
        // As coarse as an overview, and as true: what stands out is found in it.
        let form = AttentionForm {
            scale: 1.0,
            softcap: None,
            window: None,
            prefix: 0,
        };
        let weight = |query: usize, key: usize| -> f32 {
            if key > query {
                return 0.0;
            }
            let score: f32 = if key % 50 == 7 { 0.0 } else { -3.0 };
            (score - log_sum[query]).exp()
        };
        let mut mean = Vec::new();
        let mut max = Vec::new();
        for _ in 0..2 {
            for row in 0..side {
                for column in 0..side {
                    let cells: Vec<f32> = ((row << level)..((row + 1) << level).min(tokens))
                        .flat_map(|q| {
                            ((column << level)..((column + 1) << level).min(tokens))
                                .filter(move |k| *k <= q)
                                .map(move |k| (q, k))
                        })
                        .map(|(q, k)| weight(q, k))
                        .collect();
                    mean.push(cells.iter().sum::<f32>() / cells.len().max(1) as f32);
                    max.push(cells.into_iter().fold(0.0, f32::max));
                }
            }
        }
        let queries = (0..2 * tokens).flat_map(|_| [1.0, 0.0]).collect();
        let top: Vec<f32> = vec![3.0; 2 * tokens];
        let record = AttentionRecord::new(RecordParts {
            layer: 0,
            form,
            sizes,
            queries,
            keys,
            top,
            log_sum,
            mean,
            max,
        });
        Arc::new(record.expect("arrays fit"))
    }
}
