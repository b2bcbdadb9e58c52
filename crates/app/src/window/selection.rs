//! The one thing that is selected, in every view.

use serde::{Deserialize, Serialize};
use whyfinder_experiment::TraceKind;

/// A place in the network and in the prompt. Views show the parts that they know; `None` means nothing chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selection {
    pub layer: Option<usize>,
    pub head: Option<usize>,
    /// The position that attends.
    pub query: Option<usize>,
    /// The position attended to.
    pub key: Option<usize>,
    /// The position restored in the causal trace.
    pub token: Option<usize>,
    pub kind: TraceKind,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            layer: None,
            head: None,
            query: None,
            key: None,
            token: None,
            kind: TraceKind::Residual,
        }
    }
}

impl Selection {
    /// One cell of the causal trace: the other views follow to its layer and token.
    pub fn with_cell(self, kind: TraceKind, token: usize, layer: usize) -> Self {
        Self {
            kind,
            token: Some(token),
            layer: Some(layer),
            query: Some(token),
            key: None,
            ..self
        }
    }

    /// One head of the attention atlas.
    pub fn with_head(self, layer: usize, head: usize) -> Self {
        Self {
            layer: Some(layer),
            head: Some(head),
            ..self
        }
    }

    /// One edge of a head's pattern; the attending position is the token of the other views.
    pub fn with_edge(self, query: usize, key: usize) -> Self {
        Self {
            query: Some(query),
            key: Some(key),
            token: Some(query),
            ..self
        }
    }

    /// The selection cut to what a model and prompt of this size have.
    pub fn within(self, layers: usize, heads: usize, tokens: usize) -> Self {
        let below = |n: usize| move |i: &usize| *i < n;
        Self {
            layer: self.layer.filter(below(layers)),
            head: self.head.filter(below(heads)),
            query: self.query.filter(below(tokens)),
            key: self.key.filter(below(tokens)),
            token: self.token.filter(below(tokens)),
            kind: self.kind,
        }
    }
}
