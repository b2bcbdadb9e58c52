//! Where numbers came from.

use serde::{Deserialize, Serialize};

/// Everything needed to say which program and which weights produced a result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// Program name and version.
    pub program: String,
    pub model: String,
    pub architecture: String,
    /// BLAKE3 digest of the weights files, hex.
    pub model_digest: String,
    /// BLAKE3 digest of `tokenizer.json`, hex; empty where the model has none.
    pub tokenizer_digest: String,
    /// BLAKE3 digests of the files that the experiment names, hex, in the order of
    /// [`Experiment::files`](crate::Experiment::files).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub file_digests: Vec<String>,
    /// `cpu`, `cuda:0`, `metal`.
    pub device: String,
    pub dtype: String,
    /// RFC 3339, UTC.
    pub date: String,
}

impl Provenance {
    /// One BLAKE3 digest of all files that the experiment names, hex; none if it names none.
    pub fn digest_of_files(&self) -> Option<String> {
        let all = self.file_digests.concat();
        (!all.is_empty()).then(|| blake3::hash(all.as_bytes()).to_hex().to_string())
    }
}
