//! The branching history: every finished run, what it came from, and its result for as long as there is room.

pub mod changes;
pub mod comparing;
pub mod lanes;
pub mod node;

mod applying;
pub(crate) mod comparison;
mod comparison_maps;
mod comparison_predictions;
mod comparison_traces;
mod excerpt;
pub(crate) mod keeper;
pub(crate) mod panel;
mod recording;
mod store;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use whyfinder_experiment::Outcome;

use comparing::Comparison;
use keeper::Keeper;
use node::Node;

/// Bytes that results may take together, unless the person says otherwise.
pub const USUAL_BUDGET: u64 = 2 << 30;
/// What the person may choose from, bytes.
pub const BUDGETS: [u64; 6] = [0, 256 << 20, 1 << 30, 2 << 30, 5 << 30, 20 << 30];
/// Results that are held in memory as well, so that going back and forth reads no disk.
const IN_MEMORY: usize = 12;
/// Bytes of them.
const MOST_IN_MEMORY: usize = 256 << 20;

/// What the window shows of the history.
#[derive(Clone, Debug)]
pub struct RunHistory {
    pub open: bool,
    /// In the order of time.
    pub nodes: Vec<Node>,
    /// The run on screen.
    pub current: Option<String>,
    /// Runs to be compared: the first and the second.
    pub marked: Vec<String>,
    /// Results that can be brought back.
    pub kept: BTreeSet<String>,
    /// Bytes that they take on disk, and may.
    pub bytes: u64,
    pub budget: u64,
    /// Runs on disk that only a newer program can read.
    pub newer: usize,
    /// What could not be kept or read: a sentence.
    pub trouble: Option<String>,
    /// The run whose result is on its way from the disk.
    pub loading: Option<String>,
    pub compared: Option<Compared>,
}

/// Two runs side by side, or one minus the other.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Names of the runs.
    pub nodes: [String; 2],
    pub difference: bool,
    /// `None` while results are read; a sentence if one cannot be.
    pub what: Option<Result<Arc<Comparison>, String>>,
}

/// What can be done with the history.
#[derive(Clone, Debug, PartialEq)]
pub enum RunHistoryCommand {
    Toggle,
    /// Shows a run again: question, view and result.
    BringBack(String),
    /// Takes a run for a comparison, or lets it go.
    Mark(String),
    Compare,
    ShowDifference(bool),
    CloseComparison,
    /// Keeps a run's results whatever the budget, or no longer.
    Pin(String),
    Budget(u64),
    /// Takes all runs out of the history but those that are pinned.
    Clear,
    DismissTrouble,
}

/// What stands behind it.
#[derive(Debug, Default)]
pub(crate) struct Behind {
    /// `None` where nothing is kept on disk.
    pub(crate) keeper: Option<Keeper>,
    /// The latest first.
    pub(crate) memory: VecDeque<(String, Arc<Outcome>)>,
    pub(crate) ticket: u64,
    pub(crate) waiting: Vec<Waiting>,
}

/// Results that are being read, and what for.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) ticket: u64,
    pub(crate) purpose: Purpose,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Purpose {
    BringBack(String),
    Compare([String; 2]),
}

impl Default for RunHistory {
    fn default() -> Self {
        Self {
            open: false,
            nodes: Vec::new(),
            current: None,
            marked: Vec::new(),
            kept: BTreeSet::new(),
            bytes: 0,
            budget: USUAL_BUDGET,
            newer: 0,
            trouble: None,
            loading: None,
            compared: None,
        }
    }
}

impl RunHistory {
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// Whether all results of a run can be brought back.
    pub fn is_kept(&self, node: &Node) -> bool {
        node.results.iter().all(|r| self.kept.contains(&r.key))
    }
}

impl Behind {
    pub(crate) fn remember(&mut self, key: &str, outcome: &Arc<Outcome>) {
        self.memory.retain(|(k, _)| k != key);
        self.memory
            .push_front((key.to_string(), Arc::clone(outcome)));
        let mut bytes = 0;
        let mut count = 0;
        // The latest stays however large it is: the window holds it anyway.
        self.memory.retain(|(_, outcome)| {
            bytes += bytes_of(outcome);
            count += 1;
            count == 1 || count <= IN_MEMORY && bytes <= MOST_IN_MEMORY
        });
    }

    pub(crate) fn remembered(&self, key: &str) -> Option<Arc<Outcome>> {
        let found = self.memory.iter().find(|(k, _)| k == key)?;
        Some(Arc::clone(&found.1))
    }
}

fn bytes_of(outcome: &Outcome) -> usize {
    let fields = outcome
        .fields
        .iter()
        .map(|field| 4 * (2 * field.values.len() + field.samples.as_ref().map_or(0, Vec::len)));
    let attention = outcome
        .attention
        .iter()
        .map(|record| record.bytes() as usize);
    fields.chain(attention).sum()
}
