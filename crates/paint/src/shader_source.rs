//! Where the text of a shader comes from.

use std::{borrow::Cow, path::PathBuf, time::SystemTime};

/// One file of `shaders/`: embedded, and in debug builds also watched on disk.
#[derive(Clone, Debug)]
pub struct ShaderSource {
    pub(crate) name: &'static str,
    embedded: &'static str,
    watched: Option<PathBuf>,
    seen: Option<SystemTime>,
}

impl ShaderSource {
    /// Draws maps.
    pub fn heatmap() -> Self {
        Self::new(
            "heatmap.wgsl",
            include_str!("../../../shaders/heatmap.wgsl"),
        )
    }

    /// Makes pyramids.
    pub fn reduce() -> Self {
        Self::new("reduce.wgsl", include_str!("../../../shaders/reduce.wgsl"))
    }

    /// Computes attention.
    pub fn attention_tile() -> Self {
        Self::new(
            "attention_tile.wgsl",
            include_str!("../../../shaders/attention_tile.wgsl"),
        )
    }

    /// The same shader read from another file whenever that changes.
    #[must_use]
    pub fn watching(mut self, path: PathBuf) -> Self {
        self.watched = Some(path);
        self.seen = None;
        self
    }

    fn new(name: &'static str, embedded: &'static str) -> Self {
        let source = Self {
            name,
            embedded,
            watched: None,
            seen: None,
        };
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shaders/");
        if cfg!(debug_assertions) {
            source.watching(PathBuf::from(folder).join(name))
        } else {
            source
        }
    }

    pub(crate) fn embedded(&self) -> &'static str {
        self.embedded
    }

    /// The file's text if it is watched and has changed since the last call.
    pub(crate) fn changed(&mut self) -> Option<Cow<'static, str>> {
        let path = self.watched.as_ref()?;
        let modified = std::fs::metadata(path).and_then(|m| m.modified()).ok()?;
        if self.seen == Some(modified) {
            return None;
        }
        self.seen = Some(modified);
        std::fs::read_to_string(path).ok().map(Cow::Owned)
    }
}
