//! Attention of all heads, as the panels read it.

use std::sync::Arc;

use whyfinder_experiment::{AttentionRecord, Field};
use whyfinder_model::kernel::attention_tile;

use crate::maps::tile_shelf::TileShelf;
use crate::maps::weights::{AtlasWeights, HeadWeights, RecordedHead};

/// Attention of every head over one prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Attention {
    pub layers: usize,
    pub heads: usize,
    pub queries: usize,
    pub keys: usize,
    /// Whether keys after their query are left blank.
    pub causal: bool,
    pub weights: Weights,
}

/// All weights, or what they are computed from.
#[derive(Clone, Debug, PartialEq)]
pub enum Weights {
    /// Row-major over layer, head, query, key; NaN where nothing has arrived.
    Whole(Vec<f32>),
    /// By layer; `None` where nothing has arrived.
    Recorded(Vec<Option<Arc<AttentionRecord>>>),
}

/// Most weights of one head that are written out as a table.
const MOST_IN_TABLE: usize = 1 << 20;

impl Attention {
    /// Room for the patterns of `layers` layers.
    pub fn whole(layers: usize, [heads, queries, keys]: [usize; 3]) -> Self {
        Self {
            layers,
            heads,
            queries,
            keys,
            causal: true,
            weights: Weights::Whole(vec![f32::NAN; layers * heads * queries * keys]),
        }
    }

    /// Room for the records of `layers` layers such as this one.
    pub fn recorded(layers: usize, record: &AttentionRecord) -> Self {
        let sizes = record.sizes;
        Self {
            layers,
            heads: sizes.heads,
            queries: sizes.tokens,
            keys: sizes.tokens,
            causal: true,
            weights: Weights::Recorded(vec![None; layers]),
        }
    }

    /// Takes one layer's pattern over head, query and key; a pattern of another shape is left out.
    pub fn store(&mut self, layer: usize, field: &Field) {
        let size = self.heads * self.queries * self.keys;
        if field.shape() != [self.heads, self.queries, self.keys] {
            return;
        }
        if let Weights::Whole(weights) = &mut self.weights {
            if layer >= self.layers {
                self.layers = layer + 1;
                weights.resize(self.layers * size, f32::NAN);
            }
            weights[layer * size..(layer + 1) * size].copy_from_slice(&field.values);
        }
    }

    /// Takes one layer's record; one of other sizes is left out.
    pub fn keep(&mut self, record: &Arc<AttentionRecord>) {
        let sizes = record.sizes;
        if (sizes.heads, sizes.tokens) != (self.heads, self.keys) {
            return;
        }
        if let Weights::Recorded(records) = &mut self.weights {
            if record.layer >= self.layers {
                self.layers = record.layer + 1;
                records.resize(self.layers, None);
            }
            records[record.layer] = Some(Arc::clone(record));
        }
    }

    fn record(&self, layer: usize) -> Option<&Arc<AttentionRecord>> {
        match &self.weights {
            Weights::Whole(_) => None,
            Weights::Recorded(records) => records.get(layer)?.as_ref(),
        }
    }

    /// The weights of one head, row-major over query and key; `None` where they are computed piece by piece.
    pub fn head(&self, layer: usize, head: usize) -> Option<&[f32]> {
        if head >= self.heads {
            return None;
        }
        match &self.weights {
            Weights::Whole(weights) => {
                let size = self.queries * self.keys;
                let start = (layer * self.heads + head) * size;
                weights.get(start..start + size)
            }
            Weights::Recorded(_) => {
                let record = self.record(layer).filter(|record| record.is_whole())?;
                Some(record.overview().head(&record.overview().max, head))
            }
        }
    }

    /// One weight.
    pub fn weight(&self, layer: usize, head: usize, query: usize, key: usize) -> Option<f32> {
        if query >= self.queries || key >= self.keys {
            return None;
        }
        match self.head(layer, head) {
            Some(weights) => weights.get(query * self.keys + key).copied(),
            None => Some(self.record(layer)?.weight(head, query, key)),
        }
    }

    /// The weights of one query on all keys.
    pub fn row(&self, layer: usize, head: usize, query: usize) -> Option<Vec<f32>> {
        if query >= self.queries {
            return None;
        }
        match self.head(layer, head) {
            Some(weights) => {
                let start = query * self.keys;
                weights.get(start..start + self.keys).map(<[f32]>::to_vec)
            }
            None => {
                let record = self.record(layer)?;
                let row = attention_tile::weights(record, head, query..query + 1, 0..self.keys);
                (row.len() == self.keys).then_some(row)
            }
        }
    }

    /// A head as a small square map, row-major: its side, and its weights or the largest of groups of them.
    pub fn small(&self, layer: usize, head: usize) -> Option<(usize, &[f32])> {
        if let Some(weights) = self.head(layer, head) {
            return Some((self.keys, weights));
        }
        let record = self.record(layer)?;
        let overview = record.overviews().iter().find(|o| o.side <= 64)?;
        let cells = overview.head(&overview.max, head);
        (!cells.is_empty()).then_some((overview.side, cells))
    }

    /// All weights of a head for a table; `None` where there are none, or too many to be read.
    pub fn table(&self, layer: usize, head: usize) -> Option<Vec<f32>> {
        if self.queries * self.keys > MOST_IN_TABLE {
            return None;
        }
        match self.head(layer, head) {
            Some(weights) => Some(weights.to_vec()),
            None => {
                let (record, tokens) = (self.record(layer)?, self.keys);
                Some(attention_tile::weights(record, head, 0..tokens, 0..tokens))
            }
        }
    }

    /// How much the last query of a head looks at some keys, or about as much where the prompt is long.
    pub fn last_query_on(
        &self,
        layer: usize,
        head: usize,
        keys: &std::ops::Range<usize>,
    ) -> Option<f32> {
        if let Some(weights) = self.head(layer, head) {
            let last = self.queries.checked_sub(1)? * self.keys;
            let row = weights.get(last..last + self.keys)?.get(keys.clone())?;
            return Some(row.iter().filter(|w| w.is_finite()).sum());
        }
        // A thousand heads are asked at once: their overviews answer without going over queries and keys.
        let record = self.record(layer)?;
        let overview = record.overview();
        let cells = overview.head(&overview.mean, head);
        let row = cells.get((overview.side - 1) * overview.side..)?;
        let on = (keys.start >> overview.level)..keys.end.div_ceil(1 << overview.level);
        let on = row.get(on)?.iter().filter(|w| w.is_finite());
        Some(on.sum::<f32>() * (1u64 << overview.level) as f32)
    }

    /// As the head view draws it.
    pub(crate) fn head_weights<'a>(
        &'a self,
        layer: usize,
        head: usize,
        shelf: &'a TileShelf,
    ) -> Option<HeadWeights<'a>> {
        if let Some(weights) = self.head(layer, head) {
            return Some(HeadWeights::Whole(weights));
        }
        let record = self.record(layer).filter(|_| head < self.heads)?;
        Some(HeadWeights::Recorded(RecordedHead {
            record,
            head,
            shelf,
        }))
    }

    /// As the atlas draws it.
    pub(crate) fn atlas_weights(&self) -> AtlasWeights<'_> {
        match &self.weights {
            Weights::Whole(weights) => AtlasWeights::Whole(weights),
            Weights::Recorded(records) => AtlasWeights::Recorded(records),
        }
    }
}
