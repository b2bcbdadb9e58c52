//! The curtain: in part of the training windows, what stands behind a name sees only its last token, and that only
//! from a certain layer on.
//!
//! Left alone, a small network looks from the end of the sentence straight at each part of the name, in its first
//! layer, and never puts the name together where it stands; a causal trace then rightly finds no early site. Large
//! networks do put it together there (Meng et al. 2022, section 2.2). The curtain leaves open only that way, so that
//! the true cause is known: in the first layers a name is put together at its last token, and it is read from there
//! later. At use there is no curtain: attention is free, and windows without it are part of the training.
//!
//! Names with parts of their own have no curtain.

use candle_core::{Device, Tensor};
use whyfinder_experiment::{Part, Site};
use whyfinder_model::Probe;

use crate::error::Result;
use crate::mixture::Batch;

/// In layers below this one a name cannot be seen from behind at all.
pub const OPEN_LAYER: usize = 2;

/// Hides names in the attention scores of a training pass.
#[derive(Clone, Debug)]
pub struct Curtain {
    /// `[B, 1, T, T]`, 0 or -inf, for the layers below [`OPEN_LAYER`].
    early: Tensor,
    /// The same for the other layers.
    late: Tensor,
}

impl Curtain {
    /// For a batch, over the rows whose lot is below `share`.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn new(batch: &Batch, share: f64) -> Result<Self> {
        let length = batch.length;
        let mut early = vec![0.0f32; batch.rows * length * length];
        let mut late = early.clone();
        for (row, names) in batch.names.iter().enumerate() {
            if batch.lots.get(row).is_none_or(|lot| *lot >= share) {
                continue;
            }
            for &(start, end) in names {
                for query in end..length {
                    let at = (row * length + query) * length;
                    early[at + start..at + end].fill(f32::NEG_INFINITY);
                    late[at + start..at + end - 1].fill(f32::NEG_INFINITY);
                }
            }
        }
        let shape = (batch.rows, 1, length, length);
        Ok(Self {
            early: Tensor::from_vec(early, shape, &Device::Cpu)?,
            late: Tensor::from_vec(late, shape, &Device::Cpu)?,
        })
    }
}

impl Probe for Curtain {
    fn wants(&self, site: Site) -> bool {
        site.part == Part::AttnScores
    }

    fn at(&mut self, site: Site, value: Tensor) -> whyfinder_model::error::Result<Tensor> {
        let mask = if site.layer.is_some_and(|layer| layer < OPEN_LAYER) {
            &self.early
        } else {
            &self.late
        };
        Ok(value.broadcast_add(mask)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_the_curtain_only_the_last_token_of_a_name_is_seen_and_not_in_the_first_layers() {
        let batch = Batch {
            rows: 2,
            length: 5,
            inputs: vec![0; 10],
            targets: vec![0; 10],
            weights: vec![0.0; 10],
            names: vec![vec![(1, 3)], vec![(1, 3)]],
            lots: vec![0.1, 0.9],
        };
        let mut curtain = Curtain::new(&batch, 0.5).expect("a curtain");
        let scores =
            Tensor::zeros((2, 1, 5, 5), candle_core::DType::F32, &Device::Cpu).expect("zeros");
        let mut seen = |layer, row: usize, query: usize| -> Vec<bool> {
            let masked = curtain
                .at(Site::block(layer, Part::AttnScores), scores.clone())
                .and_then(|m| Ok(m.flatten_all()?.to_vec1::<f32>()?))
                .expect("scores");
            let at = (row * 5 + query) * 5;
            masked[at..at + 5].iter().map(|s| *s == 0.0).collect()
        };
        assert_eq!(seen(0, 0, 2), [true; 5], "the name sees itself");
        assert_eq!(seen(0, 0, 3), [true, false, false, true, true]);
        assert_eq!(seen(OPEN_LAYER, 0, 4), [true, false, true, true, true]);
        assert_eq!(seen(0, 1, 4), [true; 5], "this row has no curtain");
    }
}
