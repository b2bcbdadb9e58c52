//! One forward pass with its inside kept: any site, and the next-token distribution at every position.

mod block_by_block;

use std::sync::Arc;
use std::time::Instant;

use candle_core::Tensor;
use whyfinder_experiment::outcome::{Distribution, Summary, TokenProbability};
use whyfinder_experiment::{
    AttentionRecord, Axis, Experiment, Field, Outcome, Part, RunSettings, Site, SitePattern,
};
use whyfinder_model::kernel::distribution::distribution;
use whyfinder_model::{Decoder, LanguageModel, ModelError, Pass, Probe, Unembed};

use self::block_by_block::{Keeping, TakenUp, comes_before};
use crate::attention_recorder::{AttentionRecorder, recorded_bytes};
use crate::error::{InstrumentError, Result};
use crate::kept::to_host;
use crate::measure::{Cost, provenance, seconds_per_flop};
use crate::memory::{Budget, row_bytes, row_flops, streamed_row_bytes, vector_bytes};
use crate::question::Question;
use crate::readout::top_of;
use crate::report::{Observer, Progress, Report, VALUE_AND_MASK};
use crate::site_field::{field, values_at};

/// Bytes of a kept value: itself and its mask, and both once more on the way to the observer.
const BYTES_PER_VALUE: u64 = 10;
/// Logits that are held at once.
const LOGITS_AT_ONCE: usize = 8 << 20;

/// Whether any of the sites is as large as the tokens' square.
fn whole_pattern(sites: &[Site]) -> bool {
    let whole = [Part::AttnScoresUnmasked, Part::AttnScores, Part::Pattern];
    sites.iter().any(|site| whole.contains(&site.part))
}

struct Prepared {
    question: Question,
    sites: Vec<Site>,
    bytes: u64,
    result_bytes: u64,
}

fn prepare(
    model: &LanguageModel,
    experiment: &Experiment,
    settings: &RunSettings,
    budget: &Budget,
) -> Result<Prepared> {
    let config = model.config();
    let question = Question::read(model, &experiment.input)?;
    let all = model.decoder.sites();
    if let Some(missing) = settings
        .sites
        .iter()
        .find(|pattern| !all.iter().any(|site| pattern.matches(*site)))
    {
        return Err(InstrumentError::unfit(format!(
            "This model has no site {missing}; `whyfinder inspect` lists those that it has."
        )));
    }
    let sites: Vec<Site> = all
        .into_iter()
        .filter(|site| settings.sites.iter().any(|pattern| pattern.matches(*site)))
        .collect();
    let length = question.ids.len();
    let values: usize = sites
        .iter()
        .map(|site| values_at(site.part, config, length))
        .sum();
    let logits = LOGITS_AT_ONCE.min(length * config.vocab) as u64 * 8;
    let pass = if whole_pattern(&sites) {
        row_bytes(config, length)
    } else {
        streamed_row_bytes(config, length)
    };
    let recorded = if settings.attention {
        recorded_bytes(config, length)
    } else {
        0
    };
    // The residual stream as it is kept against an interruption, here and on the device.
    let kept = vector_bytes(config, 2 * length);
    let bytes = values as u64 * BYTES_PER_VALUE + recorded + pass + logits + kept;
    if bytes > budget.bytes {
        return Err(InstrumentError::Memory {
            needed_bytes: bytes,
            available_bytes: budget.bytes,
            advice: if whole_pattern(&sites) {
                "keep `attention = true` in place of patterns and scores, or shorten the prompt"
            } else {
                "keep fewer sites or shorten the prompt"
            },
        });
    }
    let top = 2 * length * settings.top.min(config.vocab);
    let result_bytes = VALUE_AND_MASK * (values + top) as u64 + recorded;
    Ok(Prepared {
        question,
        sites,
        bytes,
        result_bytes,
    })
}

pub(crate) fn estimate(
    model: &LanguageModel,
    experiment: &Experiment,
    settings: &RunSettings,
    budget: &Budget,
) -> Result<Cost> {
    let prepared = prepare(model, experiment, settings, budget)?;
    let (config, ids) = (model.config(), &prepared.question.ids);
    let unembedded = if settings.top > 0 { ids.len() } else { 1 };
    let flops = row_flops(config, ids.len(), config.layers, unembedded);
    Ok(Cost {
        bytes: prepared.bytes,
        result_bytes: prepared.result_bytes,
        passes: 1.0,
        passes_plain: 1.0,
        seconds: flops * seconds_per_flop(&model.decoder, ids)?,
    })
}

pub(crate) fn measure(
    model: &LanguageModel,
    experiment: &Experiment,
    settings: &RunSettings,
    observer: &mut dyn Observer,
    budget: &Budget,
) -> Result<Outcome> {
    let began = Instant::now();
    let Prepared {
        question,
        sites,
        bytes,
        result_bytes,
    } = prepare(model, experiment, settings, budget)?;
    observer.announce(result_bytes)?;
    let decoder = &model.decoder;
    let mut summary = Summary {
        tokens: question.texts.clone(),
        token_ids: question.ids.clone(),
        subject: question.subject.as_ref().map(|s| [s.start, s.end]),
        passes: 1.0,
        passes_plain: 1.0,
        peak_bytes: model.card.bytes + bytes,
        ..Summary::default()
    };
    observer.report(Report::Started {
        fields: Vec::new(),
        summary: summary.clone(),
        distributions: Vec::new(),
    });

    let wants_logits = sites.contains(&Site::outside(Part::Logits));
    let taken_up = TakenUp::read(
        observer,
        decoder,
        &question.texts,
        &sites,
        settings.attention,
    )?;
    let mut stream = Stream {
        observer,
        wanted: &settings.sites,
        sites: &sites,
        texts: &question.texts,
        begins: None,
        fields: Vec::new(),
        recorder: None,
        keeping: Keeping::default(),
        done: 0,
        total: sites.len()
            + if settings.attention {
                model.config().layers
            } else {
                0
            },
        cancelled: false,
    };
    let pass = Pass {
        unembed: if wants_logits {
            Unembed::All
        } else {
            Unembed::Nothing
        },
        ..Pass::default()
    };
    let mut records = Vec::new();
    let entry = taken_up.map(|taken_up| {
        records = stream.go_on(taken_up.layer, taken_up.fields, taken_up.records);
        (taken_up.layer, taken_up.residual)
    });
    stream.recorder = settings
        .attention
        .then(|| AttentionRecorder::behind(model.config(), records));
    let result = match entry {
        Some((layer, residual)) => decoder.forward_from(layer, residual, &mut stream, &pass),
        None => {
            let ids = question.ids.clone();
            let tokens = Tensor::from_vec(ids, (1, question.ids.len()), decoder.device())?;
            decoder.forward(&tokens, &mut stream, &pass)
        }
    };
    if stream.cancelled {
        stream.keep()?;
        return Err(InstrumentError::Cancelled);
    }
    let predictions = predictions(
        decoder,
        &result?,
        wants_logits,
        settings.top,
        stream.observer,
    );
    if matches!(predictions, Err(InstrumentError::Cancelled)) {
        stream.keep()?;
    }
    let predictions = predictions?;
    let Stream {
        mut fields,
        recorder,
        observer,
        ..
    } = stream;
    let attention = recorder.map_or_else(Vec::new, AttentionRecorder::into_records);

    let last = distribution(&predictions.last_logits);
    let token = |id: u32| TokenProbability {
        id,
        text: model.tokenizer.token_text(id),
        probability: last.probabilities[id as usize],
        logit: predictions.last_logits[id as usize],
    };
    let clean: Vec<TokenProbability> = top_of(&last.probabilities, settings.top.max(1))
        .into_iter()
        .map(|(id, _)| token(id))
        .collect();
    summary.answer = question
        .answer
        .map(token)
        .or_else(|| clean.first().cloned());
    summary.foil = question.foil.map(token);
    if settings.top > 0 {
        for top in predictions.fields(&question.texts)? {
            observer.report(Report::Field(top.clone()));
            fields.push(top);
        }
    }
    summary.seconds = began.elapsed().as_secs_f64();
    Ok(Outcome {
        experiment: experiment.clone(),
        fields,
        summary,
        provenance: provenance(model)?,
        distributions: vec![Distribution {
            name: "clean".to_string(),
            top: clean,
        }],
        attention,
    })
}

/// Turns each wanted value into a field, and hands it on while the pass still goes.
struct Stream<'a> {
    observer: &'a mut dyn Observer,
    wanted: &'a [SitePattern],
    sites: &'a [Site],
    texts: &'a [String],
    /// The block at which a pass begins that goes on with an interrupted one.
    begins: Option<usize>,
    fields: Vec<Field>,
    recorder: Option<AttentionRecorder<'a>>,
    keeping: Keeping,
    done: usize,
    total: usize,
    cancelled: bool,
}

impl Stream<'_> {
    fn keeps(&self, site: Site) -> bool {
        let is_there = self.begins.is_some_and(|layer| comes_before(site, layer));
        !is_there && self.wanted.iter().any(|pattern| pattern.matches(site))
    }

    /// Shows what an interrupted run has kept, as if it had just been measured.
    fn go_on(
        &mut self,
        layer: usize,
        fields: Vec<Field>,
        records: Vec<Arc<AttentionRecord>>,
    ) -> Vec<Arc<AttentionRecord>> {
        self.begins = Some(layer);
        self.keeping = Keeping::behind(fields.len(), records.len());
        for field in &fields {
            self.observer.report(Report::Field(field.clone()));
            self.progress();
        }
        for record in &records {
            self.observer.report(Report::Attention(Arc::clone(record)));
            self.progress();
        }
        self.fields = fields;
        records
    }

    /// Keeps what is done, against an interruption.
    fn keep(&mut self) -> Result<()> {
        let records = self.recorder.as_ref().map_or(&[][..], |r| r.records());
        self.keeping
            .keep(self.sites, &self.fields, records, self.observer)
    }

    fn progress(&mut self) {
        self.done += 1;
        self.observer.report(Report::Progress(Progress {
            done: self.done,
            total: self.total,
            seconds_left: None,
        }));
    }
}

impl Probe for Stream<'_> {
    fn wants(&self, site: Site) -> bool {
        let recorded = self.recorder.as_ref().is_some_and(|r| r.wants(site.part));
        self.keeps(site) || recorded || site.part == Part::ResidPost
    }

    fn at(&mut self, site: Site, value: Tensor) -> whyfinder_model::error::Result<Tensor> {
        if self.observer.cancelled() {
            self.cancelled = true;
            return Err(ModelError::Input("The run was cancelled.".into()));
        }
        if self.keeps(site) {
            let field = field(site, &value, self.texts)?;
            self.observer.report(Report::Field(field.clone()));
            self.fields.push(field);
            self.progress();
        }
        if let Some(recorder) = &mut self.recorder {
            let (observer, cancelled) = (&*self.observer, &mut self.cancelled);
            let record = recorder.see(site, &value, &mut || {
                *cancelled = observer.cancelled();
                if *cancelled {
                    return Err(ModelError::Input("The run was cancelled.".into()));
                }
                Ok(())
            })?;
            if let Some(record) = record {
                self.observer.report(Report::Attention(record));
                self.progress();
            }
        }
        if site.part == Part::ResidPost
            && let Some(layer) = site.layer
        {
            self.keeping.enters(layer + 1, &value);
            if self.observer.wants_parts() {
                self.keep().map_err(|e| ModelError::Input(e.to_string()))?;
            }
        }
        Ok(value)
    }
}

/// The most likely next tokens behind every position.
struct Predictions {
    ranks: usize,
    /// `[position, rank]`.
    ids: Vec<f32>,
    probabilities: Vec<f32>,
    last_logits: Vec<f32>,
}

/// `output` holds logits `[1, T, V]`, or the final norm's output `[1, T, D]`, which is unembedded piece by piece.
fn predictions(
    decoder: &Decoder,
    output: &Tensor,
    is_logits: bool,
    top: usize,
    observer: &dyn Observer,
) -> Result<Predictions> {
    let (vocab, length) = (decoder.config().vocab, output.dim(1)?);
    let logits_of = |first: usize, count: usize| -> Result<Vec<f32>> {
        let rows = output.narrow(1, first, count)?.contiguous()?;
        Ok(to_host(&if is_logits {
            rows
        } else {
            decoder.unembed(&rows)?
        })?)
    };
    let ranks = top.min(vocab);
    let mut predictions = Predictions {
        ranks,
        ids: Vec::new(),
        probabilities: Vec::new(),
        last_logits: Vec::new(),
    };
    if ranks == 0 {
        predictions.last_logits = logits_of(length - 1, 1)?;
        return Ok(predictions);
    }
    let step = (LOGITS_AT_ONCE / vocab).clamp(1, 64);
    let mut first = 0;
    while first < length {
        if observer.cancelled() {
            return Err(InstrumentError::Cancelled);
        }
        let count = step.min(length - first);
        let logits = logits_of(first, count)?;
        for row in logits.chunks_exact(vocab) {
            let best = top_of(&distribution(row).probabilities, ranks);
            // Logits that are not numbers have no best token; their places stay empty.
            for rank in 0..ranks {
                let (id, p) = best
                    .get(rank)
                    .map_or((f32::NAN, f32::NAN), |b| (b.0 as f32, b.1));
                predictions.ids.push(id);
                predictions.probabilities.push(p);
            }
        }
        first += count;
        if first == length {
            predictions.last_logits = logits[(count - 1) * vocab..].to_vec();
        }
    }
    Ok(predictions)
}

impl Predictions {
    /// `top` (token ids) and `top.probability`, both over [token, rank].
    fn fields(&self, texts: &[String]) -> Result<[Field; 2]> {
        let axes = || {
            vec![
                Axis::text("token", texts.to_vec()),
                Axis::numbered("rank", self.ranks),
            ]
        };
        Ok([
            Field::measured("top", axes(), self.ids.clone())?,
            Field::measured("top.probability", axes(), self.probabilities.clone())?,
        ])
    }
}
