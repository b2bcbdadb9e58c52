//! The program's own laboratory: language models and the instruments for them.

use whyfinder_experiment::{Experiment, Outcome};
use whyfinder_instrument::{Budget, InstrumentError, Observer};
use whyfinder_model::{LanguageModel, OpenOptions, open};

use crate::fingerprint;
use crate::laboratory::{Failure, Laboratory, TokenizedText};
use crate::protocol::{Estimate, OpenedModel};

#[derive(Clone, Debug)]
pub(crate) struct Instruments {
    pub(crate) options: OpenOptions,
}

impl Laboratory for Instruments {
    type Model = LanguageModel;

    fn fingerprint(&self, reference: &str) -> String {
        open::locate_folder(reference, &self.options)
            .ok()
            .flatten()
            .map_or_else(String::new, |folder| fingerprint::of(&folder))
    }

    fn size(&self, reference: &str) -> Option<u64> {
        open::size_in_memory(reference, &self.options).ok()
    }

    fn open(&self, reference: &str) -> Result<(LanguageModel, OpenedModel), Failure> {
        let model = open(reference, &self.options).map_err(Failure::because)?;
        let opened = opened(&model);
        Ok((model, opened))
    }

    fn tokenize(&self, model: &LanguageModel, text: &str) -> Result<TokenizedText, Failure> {
        let split = model.tokenizer.encode(text).map_err(Failure::because)?;
        Ok(TokenizedText {
            ids: split.ids,
            tokens: split.tokens,
            spans: split.spans,
        })
    }

    fn estimate(
        &self,
        model: &LanguageModel,
        experiment: &Experiment,
        budget: u64,
    ) -> Result<Estimate, Failure> {
        // An estimate tells the need whatever is there; what is there stands beside it.
        let cost = whyfinder_instrument::estimate(model, experiment, &Budget::UNLIMITED)
            .map_err(failure)?;
        Ok(Estimate {
            bytes: cost.bytes.saturating_add(model.card.bytes),
            budget_bytes: budget,
            passes: cost.passes,
            passes_plain: cost.passes_plain,
            seconds: cost.seconds,
        })
    }

    fn measure(
        &self,
        model: &LanguageModel,
        experiment: &Experiment,
        budget: u64,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, Failure> {
        let budget = Budget {
            bytes: budget.saturating_sub(model.card.bytes),
        };
        whyfinder_instrument::measure(model, experiment, observer, &budget).map_err(failure)
    }
}

fn failure(error: InstrumentError) -> Failure {
    match error {
        InstrumentError::Cancelled => Failure::Cancelled,
        InstrumentError::Memory { .. } => Failure::TooLarge(error.to_string()),
        other => Failure::because(other),
    }
}

fn opened(model: &LanguageModel) -> OpenedModel {
    let (card, config) = (&model.card, model.config());
    OpenedModel {
        reference: card.reference.clone(),
        name: card.name.clone(),
        family: card.family.clone(),
        architecture: card.architecture.clone(),
        layers: config.layers,
        heads: config.heads,
        kv_heads: config.kv_heads,
        d_model: config.d_model,
        vocab: config.vocab,
        max_positions: config.max_positions,
        parameters: card.parameters,
        bytes: card.bytes,
        dtype: card.dtype.clone(),
        device: card.device.clone(),
        parity: card.parity,
        image: None,
    }
}
