//! What the window keeps between starts.

use serde::{Deserialize, Serialize};

use super::layout::Pane;
use super::state::State;
use super::theme::Appearance;

const KEY: &str = "whyfinder-window";
/// Recent models kept.
const RECENT: usize = 8;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Remembered {
    pub(crate) appearance: Appearance,
    pub(crate) recent: Vec<String>,
    /// The docked panels, if the person moved them.
    pub(crate) layout: Option<egui_tiles::Tree<Pane>>,
}

impl Remembered {
    /// What was kept; defaults if nothing was, or if it cannot be read any more.
    pub(crate) fn load(storage: Option<&dyn eframe::Storage>) -> Self {
        storage
            .and_then(|s| s.get_string(KEY))
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default()
    }

    pub(crate) fn save(&self, storage: &mut dyn eframe::Storage) {
        if let Ok(text) = serde_json::to_string(self) {
            storage.set_string(KEY, text);
        }
    }
}

/// Puts a model at the head of the recent ones.
pub(crate) fn note_recent(state: &mut State, reference: &str) {
    state.recent.retain(|r| r != reference);
    state.recent.insert(0, reference.to_string());
    state.recent.truncate(RECENT);
}
