use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a bundled picture's name begins with in files.
const PICTURE: &str = "picture:";

/// An image that an experiment names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ImageSource {
    /// A bundled picture, written `picture:NAME`.
    Picture(String),
    File(PathBuf),
}

impl From<String> for ImageSource {
    fn from(text: String) -> Self {
        match text.strip_prefix(PICTURE) {
            Some(name) => ImageSource::Picture(name.to_string()),
            None => ImageSource::File(PathBuf::from(text)),
        }
    }
}

impl From<ImageSource> for String {
    fn from(source: ImageSource) -> Self {
        source.to_string()
    }
}

impl fmt::Display for ImageSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImageSource::Picture(name) => write!(f, "{PICTURE}{name}"),
            ImageSource::File(path) => write!(f, "{}", path.display()),
        }
    }
}
