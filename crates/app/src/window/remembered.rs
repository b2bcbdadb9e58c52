//! What the window keeps between starts.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::layout::Pane;
use super::run_history::USUAL_BUDGET;
use super::state::State;
use super::theme::Appearance;

const KEY: &str = "whyfinder-window";
/// Recent models kept.
const RECENT: usize = 8;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Remembered {
    pub(crate) appearance: Appearance,
    pub(crate) recent: Vec<String>,
    /// Experiments, results and figures.
    pub(crate) recent_files: Vec<PathBuf>,
    pub(crate) history_open: bool,
    /// Bytes that results of the history may take.
    pub(crate) history_budget: u64,
    /// The docked panels, if the person moved them.
    pub(crate) layout: Option<egui_tiles::Tree<Pane>>,
    /// Those around pictures.
    pub(crate) pictures_layout: Option<egui_tiles::Tree<Pane>>,
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            appearance: Appearance::default(),
            recent: Vec::new(),
            recent_files: Vec::new(),
            history_open: false,
            history_budget: USUAL_BUDGET,
            layout: None,
            pictures_layout: None,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::layout::{Kind, Layout};

    #[derive(Default)]
    struct Shelf(std::collections::HashMap<String, String>);

    impl eframe::Storage for Shelf {
        fn get_string(&self, key: &str) -> Option<String> {
            self.0.get(key).cloned()
        }
        fn set_string(&mut self, key: &str, value: String) {
            self.0.insert(key.to_string(), value);
        }
        fn remove_string(&mut self, key: &str) {
            self.0.remove(key);
        }
        fn flush(&mut self) {}
    }

    #[test]
    fn theme_models_and_panels_come_back() {
        let mut shelf = Shelf::default();
        let kept = Remembered {
            appearance: Appearance::Light,
            recent: vec!["/models/a".into()],
            recent_files: vec!["/files/trace.toml".into()],
            history_open: true,
            history_budget: 5 << 30,
            layout: Some(Layout::of(Kind::Language).tree().clone()),
            pictures_layout: Some(Layout::of(Kind::Pictures).tree().clone()),
        };
        kept.save(&mut shelf);
        let back = Remembered::load(Some(&shelf));
        assert_eq!(back.appearance, Appearance::Light);
        assert_eq!(back.recent, kept.recent);
        assert_eq!(back.recent_files, kept.recent_files);
        assert!(back.history_open);
        assert_eq!(back.history_budget, 5 << 30);
        assert!(
            Layout::restored(Kind::Language, back.layout)
                .kept()
                .is_some()
        );
        let pictures = Layout::restored(Kind::Pictures, back.pictures_layout);
        assert!(pictures.kept().is_some());
    }

    #[test]
    fn what_cannot_be_read_is_forgotten() {
        let mut shelf = Shelf::default();
        eframe::Storage::set_string(&mut shelf, KEY, "{ not json".into());
        assert_eq!(Remembered::load(Some(&shelf)).recent, Vec::<String>::new());
        assert!(Remembered::load(None).layout.is_none());
        let empty = egui_tiles::Tree::empty(egui::Id::unique("panels"));
        assert!(
            Layout::restored(Kind::Language, Some(empty))
                .kept()
                .is_none(),
            "a layout without its panels"
        );
    }

    #[test]
    fn a_model_opened_again_comes_first_and_once() {
        let mut state = State::default();
        for name in ["a", "b", "c", "a"] {
            note_recent(&mut state, name);
        }
        assert_eq!(state.recent, ["a", "c", "b"]);
        for i in 0..20 {
            note_recent(&mut state, &i.to_string());
        }
        assert_eq!(state.recent.len(), RECENT);
    }
}
