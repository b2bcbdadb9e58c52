//! The program's own laboratory: language models, restoration networks and the instruments for them.

use whyfinder_experiment::{Experiment, Outcome, Provenance, schema};
use whyfinder_instrument::{Budget, Cost, InstrumentError, Observer};
use whyfinder_model::network::{ImageModel, is_network, network_file, open_network};
use whyfinder_model::{LanguageModel, OpenOptions, open};

use crate::fingerprint;
use crate::laboratory::{Failure, Laboratory, TokenizedText};
use crate::opened;
use crate::protocol::{Estimate, OpenedModel};

#[derive(Clone, Debug)]
pub(crate) struct Instruments {
    pub(crate) options: OpenOptions,
}

/// What can be opened.
#[derive(Debug)]
pub(crate) enum AnyModel {
    Language(Box<LanguageModel>),
    Image(Box<ImageModel>),
}

impl AnyModel {
    /// Memory that the weights take, bytes.
    fn bytes(&self) -> u64 {
        match self {
            AnyModel::Language(model) => model.card.bytes,
            AnyModel::Image(model) => model.card.bytes,
        }
    }
}

impl Laboratory for Instruments {
    type Model = AnyModel;

    fn fingerprint(&self, reference: &str) -> String {
        let place = if is_network(reference) {
            network_file(reference)
        } else {
            open::locate_folder(reference, &self.options).ok().flatten()
        };
        place.map_or_else(String::new, |place| fingerprint::of(&place))
    }

    fn size(&self, reference: &str) -> Option<u64> {
        if is_network(reference) {
            // Weights of 16 bits take twice their file.
            let file = network_file(reference)?;
            return Some(2 * file.metadata().ok()?.len());
        }
        open::size_in_memory(reference, &self.options).ok()
    }

    fn open(&self, reference: &str) -> Result<(AnyModel, OpenedModel), Failure> {
        if is_network(reference) {
            let model = open_network(reference, &self.options).map_err(Failure::because)?;
            let opened = opened::network(&model);
            return Ok((AnyModel::Image(Box::new(model)), opened));
        }
        let model = open(reference, &self.options).map_err(Failure::because)?;
        let opened = opened::language_model(&model);
        Ok((AnyModel::Language(Box::new(model)), opened))
    }

    fn provenance(&self, model: &AnyModel) -> Option<Provenance> {
        match model {
            AnyModel::Language(model) => model.card.provenance(schema::PROGRAM, "").ok(),
            AnyModel::Image(model) => Some(model.card.provenance(schema::PROGRAM, "")),
        }
    }

    fn tokenize(&self, model: &AnyModel, text: &str) -> Result<TokenizedText, Failure> {
        let AnyModel::Language(model) = model else {
            return Err(Failure::because(
                "The network turns images into images and reads no text.",
            ));
        };
        let split = model.tokenizer.encode(text).map_err(Failure::because)?;
        Ok(TokenizedText {
            ids: split.ids,
            tokens: split.tokens,
            spans: split.spans,
        })
    }

    fn estimate(
        &self,
        model: &AnyModel,
        experiment: &Experiment,
        budget: u64,
    ) -> Result<Estimate, Failure> {
        // An estimate tells the need whatever is there; what is there stands beside it.
        let unlimited = Budget::UNLIMITED;
        let cost = match model {
            AnyModel::Language(model) => {
                whyfinder_instrument::estimate(model, experiment, &unlimited)
            }
            AnyModel::Image(model) => {
                // Less memory means more parts, as long as there is enough for the smallest ones.
                let there = Budget {
                    bytes: budget.saturating_sub(model.card.bytes),
                };
                match whyfinder_instrument::estimate_image(model, experiment, &there) {
                    // Time is told by trying, and what does not fit cannot be tried.
                    Err(InstrumentError::Memory { needed_bytes, .. }) => Ok(Cost {
                        bytes: needed_bytes,
                        result_bytes: 0,
                        passes: f64::NAN,
                        passes_plain: f64::NAN,
                        seconds: f64::NAN,
                    }),
                    estimate => estimate,
                }
            }
        }
        .map_err(failure)?;
        Ok(Estimate {
            bytes: cost.bytes.saturating_add(model.bytes()),
            budget_bytes: budget,
            result_bytes: cost.result_bytes,
            passes: cost.passes,
            passes_plain: cost.passes_plain,
            seconds: cost.seconds,
        })
    }

    fn measure(
        &self,
        model: &AnyModel,
        experiment: &Experiment,
        budget: u64,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, Failure> {
        let budget = Budget {
            bytes: budget.saturating_sub(model.bytes()),
        };
        match model {
            AnyModel::Language(model) => {
                whyfinder_instrument::measure(model, experiment, observer, &budget)
            }
            AnyModel::Image(model) => {
                whyfinder_instrument::measure_image(model, experiment, observer, &budget)
            }
        }
        .map_err(failure)
    }
}

fn failure(error: InstrumentError) -> Failure {
    match error {
        InstrumentError::Cancelled => Failure::Cancelled,
        InstrumentError::Memory { .. } => Failure::TooLarge(error.to_string()),
        other => Failure::because(other),
    }
}
