//! Models that stay open: the two used last, and small ones that are compared with each other, as far as memory goes.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use crate::protocol::OpenedModel;

/// Kept whatever they hold.
const ALWAYS_KEPT: usize = 2;
/// Kept while they hold little together: restoration networks side by side, each asked in turn.
const MOST_KEPT: usize = 12;
const LITTLE_BYTES: u64 = 256 << 20;

/// An open model and what it was opened from.
#[derive(Debug)]
pub(crate) struct Kept<M> {
    pub(crate) reference: String,
    /// Of the files, when they were read.
    pub(crate) fingerprint: String,
    pub(crate) model: M,
    pub(crate) opened: Arc<OpenedModel>,
}

/// The most recently used first.
#[derive(Debug)]
pub(crate) struct KeptModels<M>(VecDeque<Rc<Kept<M>>>);

impl<M> KeptModels<M> {
    pub(crate) fn new() -> Self {
        Self(VecDeque::new())
    }

    /// An open model whose files are still the same, without counting as a use.
    pub(crate) fn find(&self, reference: &str) -> Option<&Rc<Kept<M>>> {
        self.0.iter().find(|k| k.reference == reference)
    }

    /// Marks a model as used now; a model whose files have changed is forgotten.
    pub(crate) fn take_up(&mut self, reference: &str, fingerprint: &str) -> Option<Rc<Kept<M>>> {
        let at = self.0.iter().position(|k| k.reference == reference)?;
        let kept = self.0.remove(at)?;
        if kept.fingerprint != fingerprint {
            return None;
        }
        self.0.push_front(Rc::clone(&kept));
        Some(kept)
    }

    /// Closes models, the oldest first, until those left hold at most `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: u64) {
        while !self.0.is_empty() && self.bytes() > bytes {
            self.0.pop_back();
        }
    }

    pub(crate) fn put(&mut self, kept: Kept<M>) -> Rc<Kept<M>> {
        self.forget(&kept.reference);
        let kept = Rc::new(kept);
        self.0.push_front(Rc::clone(&kept));
        while self.0.len() > MOST_KEPT
            || (self.0.len() > ALWAYS_KEPT && self.bytes() > LITTLE_BYTES)
        {
            self.0.pop_back();
        }
        kept
    }

    pub(crate) fn forget(&mut self, reference: &str) {
        self.0.retain(|k| k.reference != reference);
    }

    /// Closes all but one.
    pub(crate) fn keep_only(&mut self, reference: &str) {
        self.0.retain(|k| k.reference == reference);
    }

    /// Whether any of them has attention windows.
    pub(crate) fn have_windows(&self) -> bool {
        let windowed = |kept: &Rc<Kept<M>>| {
            let image = kept.opened.image.as_ref();
            image.is_some_and(|image| image.window.is_some())
        };
        self.0.iter().any(windowed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0.iter().map(|k| k.opened.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(reference: &str, bytes: u64) -> Kept<()> {
        Kept {
            reference: reference.into(),
            fingerprint: "same".into(),
            model: (),
            opened: Arc::new(OpenedModel {
                reference: reference.into(),
                name: String::new(),
                family: String::new(),
                architecture: String::new(),
                layers: 0,
                heads: 0,
                kv_heads: 0,
                d_model: 0,
                vocab: 0,
                max_positions: 0,
                parameters: 0,
                bytes,
                dtype: String::new(),
                device: String::new(),
                parity: None,
                image: None,
            }),
        }
    }

    #[test]
    fn two_large_ones_are_kept_and_the_one_used_last_stays() {
        let mut models = KeptModels::new();
        models.put(model("a", LITTLE_BYTES));
        models.put(model("b", LITTLE_BYTES));
        assert!(models.take_up("a", "same").is_some());
        models.put(model("c", LITTLE_BYTES));
        assert!(models.find("a").is_some());
        assert!(models.find("b").is_none());
        assert_eq!(models.bytes(), 2 * LITTLE_BYTES);
    }

    #[test]
    fn small_ones_stay_beside_each_other() {
        let mut models = KeptModels::new();
        for reference in ["a", "b", "c", "d"] {
            models.put(model(reference, 10));
        }
        assert_eq!(models.bytes(), 40);
        models.put(model("large", LITTLE_BYTES));
        assert!(models.find("large").is_some() && models.find("d").is_some());
        assert!(models.find("c").is_none());
    }

    #[test]
    fn changed_files_are_read_again() {
        let mut models = KeptModels::new();
        models.put(model("a", 10));
        assert!(models.take_up("a", "other").is_none());
        assert!(models.find("a").is_none());
    }

    #[test]
    fn memory_closes_the_oldest() {
        let mut models = KeptModels::new();
        models.put(model("a", 10));
        models.put(model("b", 10));
        models.shrink_to(15);
        assert!(models.find("a").is_none());
        assert!(models.find("b").is_some());
        models.shrink_to(5);
        assert_eq!(models.bytes(), 0);
    }
}
