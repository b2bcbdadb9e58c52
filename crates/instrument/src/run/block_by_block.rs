//! What a pass is kept by, block after block, and how an interrupted one goes on behind the last that is kept.
//!
//! Kept are the residual stream that enters the next block, in place of the one before, and all that the blocks up to
//! there have shown: fields and attention.

use std::sync::Arc;

use candle_core::Tensor;
use whyfinder_experiment::attention::{AttentionRecord, RecordParts};
use whyfinder_experiment::{Field, Part, Site};
use whyfinder_model::{Decoder, DecoderConfig};

use crate::attention_recorder::{form_of, sizes_of};
use crate::error::Result;
use crate::kept::to_host;
use crate::report::{Observer, Stage};
use crate::site_field::{field_of, values_at};

const RESIDUAL: Stage<'static> = Stage::only("residual");
const SITES: Stage<'static> = Stage::only("sites");
const ATTENTION: Stage<'static> = Stage::only("attention");

/// What an interrupted run has left.
pub(super) struct TakenUp {
    /// The block that comes next; the number of blocks if only the readout is left.
    pub(super) layer: usize,
    /// What enters it, `[1, T, D]`.
    pub(super) residual: Tensor,
    pub(super) fields: Vec<Field>,
    /// Of all earlier blocks, if attention is recorded.
    pub(super) records: Vec<Arc<AttentionRecord>>,
}

impl TakenUp {
    /// What is known of a pass that keeps `sites`; `None` where it has to begin anew.
    pub(super) fn read(
        observer: &dyn Observer,
        decoder: &Decoder,
        texts: &[String],
        sites: &[Site],
        attention: bool,
    ) -> Result<Option<Self>> {
        let (config, length) = (decoder.config(), texts.len());
        let Some(mut residual) = observer.known_part(RESIDUAL, 0, 1 + length * config.d_model)
        else {
            return Ok(None);
        };
        let layer = residual.remove(0) as usize;
        if layer > config.layers {
            return Ok(None);
        }
        let mut fields = Vec::new();
        for (index, site) in sites.iter().enumerate() {
            if comes_before(*site, layer) {
                let len = values_at(site.part, config, length);
                let Some(values) = observer.known_part(SITES, index, len) else {
                    return Ok(None);
                };
                fields.push(field_of(*site, config, values, texts)?);
            }
        }
        let mut records = Vec::new();
        for layer in 0..if attention { layer } else { 0 } {
            let Some(record) = known_record(observer, config, layer, length)? else {
                return Ok(None);
            };
            records.push(Arc::new(record));
        }
        let shape = (1, length, config.d_model);
        Ok(Some(Self {
            layer,
            residual: Tensor::from_vec(residual, shape, decoder.device())?,
            fields,
            records,
        }))
    }
}

/// Whether a pass that goes on at a block has left a site behind.
pub(super) fn comes_before(site: Site, layer: usize) -> bool {
    match site.layer {
        Some(of) => of < layer,
        None => matches!(
            site.part,
            Part::Embed | Part::PosEmbed | Part::RotaryCos | Part::RotarySin
        ),
    }
}

fn known_record(
    observer: &dyn Observer,
    config: &DecoderConfig,
    layer: usize,
    length: usize,
) -> Result<Option<AttentionRecord>> {
    let sizes = sizes_of(config, length);
    let side = sizes.side(sizes.overview_level());
    let lengths = [
        length * sizes.heads * sizes.width,
        length * sizes.groups * sizes.width,
        length * sizes.heads,
        length * sizes.heads,
        sizes.heads * side * side,
        sizes.heads * side * side,
    ];
    let Some(values) = observer.known_part(ATTENTION, layer, lengths.iter().sum()) else {
        return Ok(None);
    };
    let mut rest = values.as_slice();
    let [queries, keys, top, log_sum, mean, max] = lengths.map(|len| {
        let (own, behind) = rest.split_at(len);
        rest = behind;
        own.to_vec()
    });
    let parts = RecordParts {
        layer,
        form: form_of(config, layer),
        sizes,
        queries,
        keys,
        top,
        log_sum,
        mean,
        max,
    };
    Ok(Some(AttentionRecord::new(parts)?))
}

/// Keeps a pass while it goes by.
#[derive(Default)]
pub(super) struct Keeping {
    /// The last block that was entered, and what entered it.
    entered: Option<(usize, Tensor)>,
    /// Fields and records that are kept already.
    fields: usize,
    records: usize,
    /// A part that is missing makes those behind it worthless.
    ended: bool,
}

impl Keeping {
    /// What has been kept before.
    pub(super) fn behind(fields: usize, records: usize) -> Self {
        Self {
            fields,
            records,
            ..Self::default()
        }
    }

    /// Takes what enters a block; all that came before it has been shown.
    pub(super) fn enters(&mut self, layer: usize, residual: &Tensor) {
        self.entered = Some((layer, residual.clone()));
    }

    /// Keeps all up to the last block that was entered; `fields` and `records` are those of the pass so far, in order.
    pub(super) fn keep(
        &mut self,
        sites: &[Site],
        fields: &[Field],
        records: &[Arc<AttentionRecord>],
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let Some((layer, residual)) = self.entered.take().filter(|_| !self.ended) else {
            return Ok(());
        };
        // Fields come in the order of their sites, however many blocks are behind them.
        let done = |site: &&Site| comes_before(**site, layer);
        let behind = sites.iter().filter(done).count().min(fields.len());
        for (index, field) in fields.iter().enumerate().take(behind).skip(self.fields) {
            self.ended |= !observer.keep_part(SITES, index, &[&field.values]);
        }
        self.fields = self.fields.max(behind);
        let behind = records.len().min(layer);
        for record in records.iter().take(behind).skip(self.records) {
            let overview = record.overview();
            let values = [
                &record.queries[..],
                &record.keys,
                &record.top,
                &record.log_sum,
                &overview.mean,
                &overview.max,
            ];
            self.ended |= !observer.keep_part(ATTENTION, record.layer, &values);
        }
        self.records = self.records.max(behind);
        if !self.ended {
            let values = to_host(&residual)?;
            self.ended = !observer.keep_part(RESIDUAL, 0, &[&[layer as f32], &values]);
        }
        Ok(())
    }
}
