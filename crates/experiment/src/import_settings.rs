//! Numbers that another program computed: where they came from, and how they were read.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the window draws of numbers that came from elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportForm {
    /// Patterns over query and key, of any number of layers and heads.
    Attention,
    /// Values over token and layer, with what they lie between.
    Trace,
    /// Values over any two axes.
    #[default]
    Effects,
}

impl ImportForm {
    /// The name used in files and in the window.
    pub fn name(self) -> &'static str {
        match self {
            ImportForm::Attention => "attention",
            ImportForm::Trace => "trace",
            ImportForm::Effects => "effects",
        }
    }
}

/// A file whose numbers were taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedFile {
    pub path: PathBuf,
    /// BLAKE3 of its bytes, hex.
    pub digest: String,
}

/// Where an import came from and how it was read, so that it can be read again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportSettings {
    pub form: ImportForm,
    /// What the files were taken for, in words.
    pub recognised: String,
    /// The array that was chosen among several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub array: Option<String>,
    /// The names of its axes as they were given, outermost first; none where they were recognised.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub axes: Vec<String>,
    /// The side file that the tokens were read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<PathBuf>,
    /// The file that was opened, and after it those that belong to it; none where the numbers came from a running
    /// program.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ImportedFile>,
}
