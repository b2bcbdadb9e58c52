//! Continuing a run from a position on.
//!
//! In a causal model nothing before the first changed position can change. A [`Tail`] therefore computes only the
//! positions from there on; at the earlier ones it attends to the keys and values that a reference run had.

use candle_core::Tensor;
use whyfinder_experiment::{Part, Site};

use crate::config::{DecoderConfig, Positions};
use crate::error::{ModelError, Result};
use crate::kernel::attention_after::Earlier;
use crate::probe::Probe;

/// A probe that keeps a run's keys and values of every block, for the tails that continue it. Further passes, over
/// inputs of the same length, add further rows.
///
/// Writes at the sites of expanded keys and values (`attn.hook_k_expanded`) are not kept.
#[derive(Clone, Debug)]
pub struct Past {
    key_part: Part,
    layers: Vec<KeysAndValues>,
}

#[derive(Clone, Debug, Default)]
struct KeysAndValues {
    /// As they meet the queries, `[R, T, G, d]`.
    keys: Option<Tensor>,
    /// `[R, T, G, d]`.
    values: Option<Tensor>,
}

impl Past {
    pub fn of(config: &DecoderConfig) -> Self {
        let turned = config.qk_norm || matches!(config.positions, Positions::Rotary(_));
        Self {
            key_part: if turned { Part::RotK } else { Part::K },
            layers: vec![KeysAndValues::default(); config.layers],
        }
    }

    /// Keys and values of block `layer` before position `start`, for rows that continue these of the reference run.
    pub(crate) fn before(&self, layer: usize, start: usize, rows: Vec<u32>) -> Result<Earlier> {
        let (keys, values) = self.kept(layer)?;
        let length = keys.dim(1)?;
        if start > length {
            return Err(ModelError::Input(format!(
                "A tail cannot start at position {start}: the reference run has {length} positions."
            )));
        }
        Ok(Earlier {
            keys: keys.clone(),
            values: values.clone(),
            start,
            rows,
        })
    }

    /// Keys and values of block `layer` from position `start` on, for each of these rows of the reference run.
    pub(crate) fn from(
        &self,
        layer: usize,
        start: usize,
        rows: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let (keys, values) = self.kept(layer)?;
        let cut = |x: &Tensor| -> Result<Tensor> {
            let tail = x.narrow(1, start, x.dim(1)? - start)?;
            Ok(tail.contiguous()?.index_select(rows, 0)?)
        };
        Ok((cut(keys)?, cut(values)?))
    }

    fn kept(&self, layer: usize) -> Result<(&Tensor, &Tensor)> {
        let kept = self.layers.get(layer);
        let (keys, values) = (
            kept.and_then(|kept| kept.keys.as_ref()),
            kept.and_then(|kept| kept.values.as_ref()),
        );
        keys.zip(values).ok_or_else(|| {
            ModelError::Input(format!(
                "The keys and values of block {layer} were not kept; run the reference with the past as its probe."
            ))
        })
    }

    /// Rows of the reference run, if it has been run.
    fn rows(&self) -> Option<usize> {
        self.layers
            .iter()
            .find_map(|kept| kept.keys.as_ref()?.dims().first().copied())
    }
}

impl Probe for Past {
    fn wants(&self, site: Site) -> bool {
        site.part == self.key_part || site.part == Part::V
    }

    fn at(&mut self, site: Site, value: Tensor) -> Result<Tensor> {
        if let Some(kept) = site.layer.and_then(|layer| self.layers.get_mut(layer)) {
            let place = match site.part {
                Part::V => &mut kept.values,
                _ => &mut kept.keys,
            };
            *place = Some(match place.take() {
                Some(rows) => Tensor::cat(&[&rows, &value], 0)?,
                None => value.clone(),
            });
        }
        Ok(value)
    }
}

/// What [`crate::Decoder::forward_tail`] continues.
///
/// All positions that its probe sees and its interventions select count from `start`; expanded keys and values, and
/// the keys of scores and patterns, count from the beginning of the input. Where nobody looks at these, earlier keys
/// and values are read where the past has them; the last bits of a sum may then differ.
#[derive(Clone, Debug)]
pub struct Tail<'a> {
    /// The first block to run.
    pub layer: usize,
    /// The position in the whole input at which the tail starts.
    pub start: usize,
    /// Residual stream entering the block from there on, `[B, n, D]`.
    pub resid_pre: Tensor,
    /// Keys and values of the reference run, which must have been kept from `layer` on.
    pub past: &'a Past,
    /// For each of the B rows, the row of the reference run that it continues.
    pub rows: &'a [usize],
}

impl Tail<'_> {
    /// The rows as an index, checked.
    pub(crate) fn row_index(&self) -> Result<Vec<u32>> {
        let batch = self.resid_pre.dims().first().copied().unwrap_or(0);
        if self.rows.len() != batch {
            return Err(ModelError::Input(format!(
                "A tail of {batch} rows needs as many reference rows, not {}.",
                self.rows.len()
            )));
        }
        let kept = self.past.rows().unwrap_or(0);
        if let Some(row) = self.rows.iter().find(|&&row| row >= kept) {
            return Err(ModelError::Input(format!(
                "A tail continues row {row} of the reference run, but {kept} rows were kept."
            )));
        }
        Ok(self.rows.iter().map(|&row| row as u32).collect())
    }
}
