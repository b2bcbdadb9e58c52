//! What a model is and where it came from.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use whyfinder_experiment::Provenance;

use crate::checkpoint;
use crate::error::Result;
use crate::source::OpenSource;

/// Everything about an open model that is not its numbers.
#[derive(Clone, Debug)]
pub struct ModelCard {
    /// As it was asked for.
    pub reference: String,
    /// Short, for a title.
    pub name: String,
    /// Family in words, such as `GPT-2`.
    pub family: String,
    /// The checkpoint's own name of its architecture, such as `GPT2LMHeadModel`.
    pub architecture: String,
    /// The folder; none for a bundled model.
    pub path: Option<PathBuf>,
    /// Counted once where tied.
    pub parameters: u64,
    /// Memory that the weights take, bytes.
    pub bytes: u64,
    /// Size of the weights' files, bytes.
    pub file_bytes: u64,
    /// Type that most of the weights are stored in: `f32`, `f16`, `bf16`, `f64`. They are computed with in f32.
    pub dtype: String,
    /// `cpu`, `cuda:0`, `metal`.
    pub device: String,
    /// BLAKE3 of `tokenizer.json`, hex.
    pub tokenizer_digest: String,
    /// Worst absolute difference of logits from the reference that came with the model, measured on opening.
    pub parity: Option<f32>,
    /// What made that reference.
    pub parity_reference: Option<String>,
    /// What the person should know, in sentences.
    pub notes: Vec<String>,
    pub(crate) weights_digest: WeightsDigest,
}

impl ModelCard {
    /// BLAKE3 of the weights, hex: of the file, or of the shards' digests (32 bytes each) in the order of their names.
    ///
    /// Large weights are hashed behind the opening; this waits for that to end.
    ///
    /// # Errors
    /// Where the files can no longer be read.
    pub fn model_digest(&self) -> Result<String> {
        self.weights_digest.wait()
    }

    /// The origin of a result. `date` is RFC 3339, UTC.
    ///
    /// # Errors
    /// As [`Self::model_digest`].
    pub fn provenance(&self, program: &str, date: &str) -> Result<Provenance> {
        Ok(Provenance {
            program: program.to_owned(),
            model: self.reference.clone(),
            architecture: self.architecture.clone(),
            model_digest: self.model_digest()?,
            tokenizer_digest: self.tokenizer_digest.clone(),
            device: self.device.clone(),
            dtype: "f32".to_owned(),
            date: date.to_owned(),
            ..Provenance::default()
        })
    }
}

/// A digest that may still be in the making.
#[derive(Clone, Debug)]
pub(crate) struct WeightsDigest(Arc<Mutex<State>>);

const NOT_HASHED: &str = "The weights could not be hashed; open the model again.";

#[derive(Debug)]
enum State {
    Known(String),
    /// Why there is none.
    Failed(String),
    Making(std::thread::JoinHandle<Result<String>>),
    /// To be made by whoever asks first.
    Asked(Arc<Vec<OpenSource>>),
}

impl WeightsDigest {
    pub(crate) fn known(digest: String) -> Self {
        Self(Arc::new(Mutex::new(State::Known(digest))))
    }

    /// Starts hashing on a thread of its own, or, if there can be none, when first asked.
    pub(crate) fn behind(sources: Vec<OpenSource>) -> Self {
        // The very files that the weights came from, whatever lies under their names by now.
        let sources = Arc::new(sources);
        let task = Arc::clone(&sources);
        let state = std::thread::Builder::new()
            .name("weights digest".to_owned())
            .spawn(move || checkpoint::digest_of(&task))
            .map_or(State::Asked(sources), State::Making);
        Self(Arc::new(Mutex::new(state)))
    }

    fn wait(&self) -> Result<String> {
        let mut state = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let failed = |why: String| Err(crate::ModelError::Unusable(why));
        let nothing = State::Failed(NOT_HASHED.to_owned());
        let found = match std::mem::replace(&mut *state, nothing) {
            State::Known(digest) => Ok(digest),
            State::Failed(why) => failed(why),
            State::Asked(sources) => checkpoint::digest_of(&sources),
            State::Making(thread) => thread
                .join()
                .unwrap_or_else(|_| failed(NOT_HASHED.to_owned())),
        };
        *state = match &found {
            Ok(digest) => State::Known(digest.clone()),
            Err(error) => State::Failed(error.to_string()),
        };
        found
    }
}
