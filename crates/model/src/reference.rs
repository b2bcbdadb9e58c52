//! A run that others continue.

use candle_core::Tensor;
use whyfinder_experiment::{Part, Site};

use crate::config::{DecoderConfig, Positions};
use crate::error::{ModelError, Result};
use crate::probe::Probe;
use crate::tail::Past;

/// A probe that keeps all of a run that [`crate::Branch`]es take from it: what enters each block and leaves the last,
/// what attention adds, queries, keys and values. Further passes, over inputs of the same length, add further rows.
#[derive(Clone, Debug)]
pub struct Reference {
    pub(crate) past: Past,
    /// What enters each block, and last what leaves the last one, `[R, T, D]`.
    streams: Vec<Option<Tensor>>,
    /// What attention adds in each block, `[R, T, D]`.
    attended: Vec<Option<Tensor>>,
    /// As they meet the keys, `[R, T, H, d]`.
    queries: Vec<Option<Tensor>>,
    query_part: Part,
}

impl Reference {
    pub fn of(config: &DecoderConfig) -> Self {
        Self {
            past: Past::of(config),
            streams: vec![None; config.layers + 1],
            attended: vec![None; config.layers],
            queries: vec![None; config.layers],
            query_part: match config.qk_norm || matches!(config.positions, Positions::Rotary(_)) {
                true => Part::RotQ,
                false => Part::Q,
            },
        }
    }

    /// Values kept per row and position.
    pub fn values_per_token(config: &DecoderConfig) -> usize {
        let heads = config.heads + 2 * config.kv_heads;
        config.layers * (2 * config.d_model + heads * config.d_head) + config.d_model
    }

    /// Rows and positions of the run.
    ///
    /// # Errors
    /// Nothing has been kept yet.
    pub fn size(&self) -> Result<(usize, usize)> {
        let (rows, length, _) = self.stream(0)?.dims3()?;
        Ok((rows, length))
    }

    /// What enters block `layer`, or, with `layer` the number of blocks, what leaves the last, `[R, T, D]`.
    pub(crate) fn stream(&self, layer: usize) -> Result<&Tensor> {
        kept(&self.streams, layer, "residual stream")
    }

    /// What attention adds in block `layer`, `[R, T, D]`.
    pub(crate) fn attended(&self, layer: usize) -> Result<&Tensor> {
        kept(&self.attended, layer, "attention output")
    }

    /// Queries of block `layer` as they meet the keys, `[R, T, H, d]`.
    pub(crate) fn queries(&self, layer: usize) -> Result<&Tensor> {
        kept(&self.queries, layer, "queries")
    }
}

fn kept<'a>(values: &'a [Option<Tensor>], layer: usize, what: &str) -> Result<&'a Tensor> {
    values.get(layer).and_then(Option::as_ref).ok_or_else(|| {
        ModelError::Input(format!(
            "The {what} of block {layer} was not kept; run the reference first, with it as the probe."
        ))
    })
}

impl Probe for Reference {
    fn wants(&self, site: Site) -> bool {
        match site.part {
            Part::ResidPre | Part::AttnOut => true,
            part if part == self.query_part => true,
            Part::ResidPost => site.layer == self.attended.len().checked_sub(1),
            _ => self.past.wants(site),
        }
    }

    fn at(&mut self, site: Site, value: Tensor) -> Result<Tensor> {
        let layer = site.layer.unwrap_or(0);
        let place = match site.part {
            Part::ResidPre => self.streams.get_mut(layer),
            Part::ResidPost => self.streams.get_mut(layer + 1),
            Part::AttnOut => self.attended.get_mut(layer),
            part if part == self.query_part => self.queries.get_mut(layer),
            _ => return self.past.at(site, value),
        };
        if let Some(place) = place {
            *place = Some(match place.take() {
                Some(rows) => Tensor::cat(&[&rows, &value], 0)?,
                None => value.clone(),
            });
        }
        Ok(value)
    }
}
