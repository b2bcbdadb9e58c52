//! Records the attention of each layer while a pass goes by.

use std::sync::Arc;

use candle_core::Tensor;
use whyfinder_experiment::attention::{AttentionForm, AttentionRecord, AttentionSizes};
use whyfinder_experiment::{Part, Site};
use whyfinder_model::DecoderConfig;
use whyfinder_model::config::{AttentionSpan, Positions};
use whyfinder_model::error::Result;
use whyfinder_model::kernel::attention_record::record;

/// Waits for a layer's queries and then its keys, as the scores are made of them.
pub(crate) struct AttentionRecorder<'a> {
    config: &'a DecoderConfig,
    queries: Option<Tensor>,
    records: Vec<Arc<AttentionRecord>>,
}

impl<'a> AttentionRecorder<'a> {
    /// Goes on behind the layers whose records are there already.
    pub(crate) fn behind(config: &'a DecoderConfig, records: Vec<Arc<AttentionRecord>>) -> Self {
        Self {
            config,
            queries: None,
            records,
        }
    }

    /// Where queries and keys are what scores are made of.
    fn parts(&self) -> (Part, Part) {
        let turned = self.config.qk_norm || matches!(self.config.positions, Positions::Rotary(_));
        if turned {
            (Part::RotQ, Part::RotK)
        } else {
            (Part::Q, Part::K)
        }
    }

    pub(crate) fn wants(&self, part: Part) -> bool {
        let (queries, keys) = self.parts();
        part == queries || part == keys
    }

    /// Takes a value of the pass; gives the record once a layer's keys have come. `between` is asked between heads.
    pub(crate) fn see(
        &mut self,
        site: Site,
        value: &Tensor,
        between: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Option<Arc<AttentionRecord>>> {
        let (queries, keys) = self.parts();
        if site.part == queries {
            self.queries = Some(value.clone());
        }
        let (true, Some(queries), Some(layer)) = (
            site.part == keys,
            self.queries.take_if(|_| site.part == keys),
            site.layer,
        ) else {
            return Ok(None);
        };
        let form = form_of(self.config, layer);
        let record = Arc::new(record(layer, form, &queries, value, between)?);
        self.records.push(Arc::clone(&record));
        Ok(Some(record))
    }

    pub(crate) fn records(&self) -> &[Arc<AttentionRecord>] {
        &self.records
    }

    pub(crate) fn into_records(self) -> Vec<Arc<AttentionRecord>> {
        self.records
    }
}

/// How a layer turns queries and keys into weights.
pub(crate) fn form_of(config: &DecoderConfig, layer: usize) -> AttentionForm {
    AttentionForm {
        scale: config.attention_scale,
        softcap: config.attention_softcap,
        window: match config.spans[layer] {
            AttentionSpan::Full => None,
            AttentionSpan::Sliding(window) => Some(window),
        },
        prefix: 0,
    }
}

/// Sizes of each layer's attention over `length` tokens.
pub(crate) fn sizes_of(config: &DecoderConfig, length: usize) -> AttentionSizes {
    AttentionSizes {
        tokens: length,
        heads: config.heads,
        groups: config.kv_heads,
        width: config.d_head,
    }
}

/// Bytes of the records of all layers for an input of `length` tokens.
pub(crate) fn recorded_bytes(config: &DecoderConfig, length: usize) -> u64 {
    4 * (config.layers * sizes_of(config, length).record_values()) as u64
}
