//! Answers that were already worked out.

use std::collections::VecDeque;
use std::sync::Arc;

use whyfinder_experiment::{Field, Outcome};

/// Outcomes by key, the most recently used first, within a number of bytes.
#[derive(Debug)]
pub(crate) struct Outcomes {
    kept: VecDeque<(String, Arc<Outcome>, u64)>,
    bytes: u64,
    most_bytes: u64,
}

impl Outcomes {
    pub(crate) fn new(most_bytes: u64) -> Self {
        Self {
            kept: VecDeque::new(),
            bytes: 0,
            most_bytes,
        }
    }

    pub(crate) fn get(&mut self, key: &str) -> Option<Arc<Outcome>> {
        let at = self.kept.iter().position(|(k, ..)| k == key)?;
        let entry = self.kept.remove(at)?;
        let outcome = Arc::clone(&entry.1);
        self.kept.push_front(entry);
        Some(outcome)
    }

    /// Keeps an outcome unless it alone is too large; the oldest make room.
    pub(crate) fn put(&mut self, key: String, outcome: Arc<Outcome>) {
        let attention = outcome.attention.iter().map(|record| record.bytes());
        let bytes = outcome.fields.iter().map(bytes_of).chain(attention).sum();
        if bytes > self.most_bytes {
            return;
        }
        if let Some(at) = self.kept.iter().position(|(k, ..)| *k == key) {
            self.forget(at);
        }
        while self.bytes + bytes > self.most_bytes {
            self.forget(self.kept.len().saturating_sub(1));
        }
        self.bytes += bytes;
        self.kept.push_front((key, outcome, bytes));
    }

    fn forget(&mut self, at: usize) {
        match self.kept.remove(at) {
            Some((.., bytes)) => self.bytes -= bytes,
            None => self.bytes = 0,
        }
    }
}

fn bytes_of(field: &Field) -> u64 {
    let floats = field.values.len()
        + field.stderr.as_ref().map_or(0, Vec::len)
        + field.count.as_ref().map_or(0, Vec::len)
        + field.samples.as_ref().map_or(0, Vec::len);
    // Labels and scalars are small beside the arrays; a flat sum stands for them.
    (floats * 4 + field.mask.len() + 1024) as u64
}

#[cfg(test)]
mod tests {
    use whyfinder_experiment::outcome::Summary;
    use whyfinder_experiment::{
        Axis, Experiment, Input, InstrumentSettings, Provenance, RunSettings,
    };

    use super::*;

    fn outcome(cells: usize) -> Arc<Outcome> {
        Arc::new(Outcome {
            experiment: Experiment {
                model: String::new(),
                seed: 0,
                input: Input::default(),
                instrument: InstrumentSettings::Run {
                    run: RunSettings::default(),
                },
            },
            fields: vec![Field::unmeasured("f", vec![Axis::numbered("x", cells)])],
            summary: Summary::default(),
            provenance: Provenance::default(),
            distributions: Vec::new(),
            attention: Vec::new(),
        })
    }

    #[test]
    fn the_least_recently_used_makes_room() {
        let one = bytes_of(&outcome(1000).fields[0]);
        let mut outcomes = Outcomes::new(2 * one);
        outcomes.put("a".into(), outcome(1000));
        outcomes.put("b".into(), outcome(1000));
        assert!(outcomes.get("a").is_some());
        outcomes.put("c".into(), outcome(1000));
        assert!(outcomes.get("b").is_none());
        assert!(outcomes.get("a").is_some());
        assert!(outcomes.get("c").is_some());
        assert_eq!(outcomes.bytes, 2 * one);
    }

    #[test]
    fn what_is_too_large_alone_is_not_kept_and_costs_nobody_else() {
        let mut outcomes = Outcomes::new(20_000);
        outcomes.put("a".into(), outcome(100));
        outcomes.put("b".into(), outcome(1_000_000));
        assert!(outcomes.get("a").is_some());
        assert!(outcomes.get("b").is_none());
    }

    #[test]
    fn the_same_key_is_kept_once() {
        let mut outcomes = Outcomes::new(1 << 20);
        outcomes.put("a".into(), outcome(100));
        outcomes.put("a".into(), outcome(200));
        assert_eq!(outcomes.kept.len(), 1);
        assert_eq!(outcomes.bytes, bytes_of(&outcome(200).fields[0]));
    }
}
