//! What a file says about itself, where it does.

use std::collections::BTreeMap;

use serde::Deserialize;
use whyfinder_experiment::{ImportForm, Labels};

use crate::tokens::listed;
use crate::{Contents, ImportError};

/// The text `whyfinder` of a file, JSON: the meaning of its arrays. The Python module writes it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Manifest {
    pub(crate) kind: Option<ImportForm>,
    /// The arrays that are drawn; the array `values` if there are none. `NAME.stderr`, `NAME.count` and `NAME.samples`
    /// belong to the array NAME.
    pub(crate) arrays: Vec<String>,
    /// The names of their axes, outermost first.
    pub(crate) axes: Vec<String>,
    /// Labels along an axis.
    pub(crate) labels: BTreeMap<String, Labels>,
    pub(crate) tokens: Vec<String>,
    pub(crate) title: Option<String>,
    pub(crate) metric: Option<String>,
    pub(crate) model: Option<String>,
    /// The metric of the corrupted and of the clean run.
    pub(crate) low: Option<f32>,
    pub(crate) high: Option<f32>,
    /// Tokens, half-open.
    pub(crate) subject: Option<[usize; 2]>,
    pub(crate) answer: Option<String>,
    /// The numbers of the layers, where they are not 0, 1, 2, ...
    pub(crate) layers: Vec<usize>,
}

impl Manifest {
    /// What a file says about itself; `None` if it says nothing.
    ///
    /// # Errors
    /// A sentence if it says so in a way that cannot be read.
    pub(crate) fn of(contents: &Contents) -> Result<Option<Self>, ImportError> {
        let text = contents
            .text("whyfinder")
            .or_else(|| contents.metadata.get("whyfinder").map(String::as_str));
        let mut manifest = match text {
            Some(text) => serde_json::from_str(text).map_err(|e| {
                let why: String = e.to_string().chars().take(200).collect();
                ImportError::refused(format!(
                    "The file's text \"whyfinder\" does not say what it should: {why}."
                ))
            })?,
            None => Self::default(),
        };
        let metadata = &contents.metadata;
        let mut said = text.is_some();
        for key in ["tokens", "tokens_q", "tokens_k"] {
            if let Some(tokens) = metadata.get(key).and_then(|text| listed(text))
                && manifest.tokens.is_empty()
            {
                manifest.tokens = tokens;
                said = true;
            }
        }
        if manifest.model.is_none() {
            manifest.model = metadata.get("model").cloned();
        }
        Ok(said.then_some(manifest))
    }
}
