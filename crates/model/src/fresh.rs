//! Rows that have just joined a batch.
//!
//! All but one position of such a row enters its first block as in the reference run, so that only that position needs
//! queries, keys and values; the others have the reference's.

use candle_core::Tensor;

use crate::attention::turned;
use crate::block::Inside;
use crate::error::Result;
use crate::kernel::linear::linear;
use crate::rope::Table;
use crate::weights::{Linear, NormWeights};

pub(crate) struct Fresh {
    /// Rows of the batch before the fresh ones, which come last.
    pub(crate) settled: usize,
    /// For each fresh row the position that differs, counted within the tail.
    pub(crate) positions: Vec<usize>,
    /// Of the reference run, for each fresh row, as queries meet keys: `[F, n, H, d]` and twice `[F, n, G, d]`.
    pub(crate) queries: Tensor,
    pub(crate) keys: Tensor,
    pub(crate) values: Tensor,
}

/// One of the three projections.
struct Projection<'a> {
    weights: &'a Linear,
    heads: usize,
    /// Query or key norm, if there is rotation or a norm: values have neither.
    turned: Option<(Option<&'a NormWeights>, &'static str)>,
    /// The first position that is needed.
    read: usize,
}

impl Fresh {
    /// Queries, of the positions read, keys and values of the whole batch, from the normed stream `[B, n, D]`.
    pub(crate) fn projected(
        &self,
        inside: &Inside<'_>,
        x: &Tensor,
    ) -> Result<(Tensor, Tensor, Tensor)> {
        let (config, weights) = (inside.config, inside.weights);
        let turns = config.qk_norm || inside.rotary.is_some();
        let norm = |norm, name| turns.then_some((norm, name));
        let q = Projection {
            weights: &weights.q,
            heads: config.heads,
            turned: norm(weights.q_norm.as_ref(), "the query norm"),
            read: inside.read,
        };
        let k = Projection {
            weights: &weights.k,
            heads: config.kv_heads,
            turned: norm(weights.k_norm.as_ref(), "the key norm"),
            read: 0,
        };
        let v = Projection {
            weights: &weights.v,
            turned: None,
            ..k
        };
        Ok((
            self.project(inside, x, &q, &self.queries)?,
            self.project(inside, x, &k, &self.keys)?,
            self.project(inside, x, &v, &self.values)?,
        ))
    }

    fn project(
        &self,
        inside: &Inside<'_>,
        x: &Tensor,
        projection: &Projection<'_>,
        reference: &Tensor,
    ) -> Result<Tensor> {
        let (batch, length, width) = x.dims3()?;
        let (heads, read) = (projection.heads, projection.read);
        let fresh = self.positions.len();
        let needed = length - read;
        let places = self.positions.iter().enumerate();
        let places: Vec<u32> = places
            .map(|(i, position)| ((self.settled + i) * length + position) as u32)
            .collect();
        let places = Tensor::from_vec(places, fresh, x.device())?;
        let changed = x
            .reshape((batch * length, width))?
            .index_select(&places, 0)?;
        let rows = self.settled * needed;
        let all = match self.settled {
            0 => changed,
            settled => {
                let settled = x.narrow(0, 0, settled)?.narrow(1, read, needed)?;
                let settled = settled.contiguous()?.reshape((rows, width))?;
                Tensor::cat(&[settled, changed], 0)?
            }
        };
        let all = linear(&all, projection.weights)?;
        let turn = |x: Tensor, table: Option<&Table>| match projection.turned {
            Some((norm, name)) => turned(inside, norm, name, table, x),
            None => Ok(x),
        };
        let width = inside.config.d_head;
        let table = inside.rotary.map(|table| table.at(&self.positions));
        let changed = all
            .narrow(0, rows, fresh)?
            .reshape((fresh, 1, heads, width))?;
        let changed = turn(changed, table.transpose()?.as_ref())?;
        let joined = self.pasted(&changed, reference, read)?;
        if self.settled == 0 {
            return Ok(joined);
        }
        let table = inside.rotary.map(|table| table.from(read)).transpose()?;
        let settled = all.narrow(0, 0, rows)?;
        let settled = settled.reshape((self.settled, needed, heads, width))?;
        let settled = turn(settled, table.as_ref())?;
        Ok(Tensor::cat(&[settled, joined], 0)?)
    }

    /// The reference's values from position `read` on, with those of the changed positions in their places.
    fn pasted(&self, changed: &Tensor, reference: &Tensor, read: usize) -> Result<Tensor> {
        let (fresh, length, heads, width) = reference.dims4()?;
        let needed = length - read;
        // A copy, to be written into.
        let values = reference.narrow(1, read, needed)?.force_contiguous()?;
        let flat = values.reshape((fresh * needed, heads, width))?;
        let changed = changed.reshape((fresh, heads, width))?.contiguous()?;
        for (i, &position) in self.positions.iter().enumerate() {
            if position >= read {
                flat.slice_set(&changed.narrow(0, i, 1)?, 0, i * needed + position - read)?;
            }
        }
        Ok(values)
    }
}
