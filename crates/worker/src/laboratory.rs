//! What the worker thread works with.

use whyfinder_experiment::{Experiment, Outcome, Provenance};
use whyfinder_instrument::Observer;

use crate::protocol::{Estimate, OpenedModel};

/// Models and instruments, as far as the worker has to know them.
///
/// The program's own is made by [`crate::Worker::spawn`]; another one can stand in for it.
pub trait Laboratory: Send + 'static {
    type Model;

    /// Changes when the files behind a model change; empty for a model that never does.
    fn fingerprint(&self, reference: &str) -> String;

    /// Bytes that a model will hold once it is open, where that is known before.
    fn size(&self, reference: &str) -> Option<u64>;

    /// # Errors
    /// A sentence that says what is wrong with the model.
    fn open(&self, reference: &str) -> Result<(Self::Model, OpenedModel), Failure>;

    /// Digests and device of a model; `None` where a run on it cannot be told from others, and so not be taken up.
    fn provenance(&self, _model: &Self::Model) -> Option<Provenance> {
        None
    }

    /// # Errors
    /// A sentence that says why the text cannot be split.
    fn tokenize(&self, model: &Self::Model, text: &str) -> Result<TokenizedText, Failure>;

    /// What an experiment would cost; `budget` bytes may be held, the model's weights among them.
    ///
    /// # Errors
    /// A sentence that says why the experiment does not fit the model.
    fn estimate(
        &self,
        model: &Self::Model,
        experiment: &Experiment,
        budget: u64,
    ) -> Result<Estimate, Failure>;

    /// Carries out an experiment; `budget` bytes may be held, the model's weights among them.
    ///
    /// # Errors
    /// [`Failure::Cancelled`] after the observer said so, [`Failure::TooLarge`] if the budget does not do; otherwise a
    /// sentence.
    fn measure(
        &self,
        model: &Self::Model,
        experiment: &Experiment,
        budget: u64,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, Failure>;
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("The run was cancelled.")]
    Cancelled,
    /// A whole sentence, with the memory that is needed and the memory that is there.
    #[error("{0}")]
    TooLarge(String),
    /// A whole sentence.
    #[error("{0}")]
    Because(String),
}

impl Failure {
    pub fn because(reason: impl ToString) -> Self {
        Failure::Because(reason.to_string())
    }
}

/// A prompt split into tokens; the three lists are of one length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenizedText {
    pub ids: Vec<u32>,
    /// Each token as text; a leading space is kept.
    pub tokens: Vec<String>,
    /// Byte span of each token in the text; empty for tokens that are not in it.
    pub spans: Vec<(usize, usize)>,
}
