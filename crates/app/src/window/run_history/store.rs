//! The history on disk: a file for each run, and a file for each result.
//!
//! There is no list of them: windows that are open side by side add files of their own and read each other's, and
//! nothing that one of them writes is changed by another. Results are dropped, the oldest first, where they would take
//! more room than they may; their runs stay and can be run again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;
use whyfinder_experiment::{Outcome, read_result, result_write::archive, write_whole};

use super::node::{Node, VERSION};

/// Largest file of a run that is read, bytes.
const MOST_BYTES: u64 = 8 << 20;
/// Most runs that are read.
const MOST_NODES: usize = 5_000;

/// Where the history of this person is kept.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    runs: PathBuf,
    results: PathBuf,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// In the order of time.
    pub(crate) nodes: Vec<Node>,
    /// Files that a newer program wrote.
    pub(crate) newer: usize,
}

/// What is kept of the results.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shelf {
    pub(crate) keys: BTreeSet<String>,
    pub(crate) bytes: u64,
}

impl Store {
    pub(crate) fn at(folder: &Path) -> Self {
        Self {
            runs: folder.join("runs"),
            results: folder.join("results"),
        }
    }

    fn run_file(&self, id: &str) -> PathBuf {
        self.runs.join(format!("{id}.json"))
    }

    fn result_file(&self, key: &str) -> PathBuf {
        self.results.join(format!("{key}.npz"))
    }

    /// All runs; what cannot be read is passed over and left where it is.
    pub(crate) fn load(&self) -> Found {
        let mut found = Found::default();
        let Ok(entries) = fs::read_dir(&self.runs) else {
            return found;
        };
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|f| f.extension().is_some_and(|e| e == "json") && !is_hidden(f));
        files.sort_unstable();
        let skipped = files.len().saturating_sub(MOST_NODES);
        for file in files.into_iter().skip(skipped) {
            match read_node(&file) {
                Read::Node(node) => found.nodes.push(*node),
                Read::Newer => found.newer += 1,
                Read::Nothing => {}
            }
        }
        found.nodes.sort_by(|a, b| a.id.cmp(&b.id));
        found
    }

    /// # Errors
    /// A sentence if the file cannot be written.
    pub(crate) fn write_node(&self, node: &Node) -> Result<(), String> {
        let text = serde_json::to_string(node)
            .map_err(|e| format!("The run cannot be written as JSON: {e}."))?;
        let what = "keep the run in the history";
        write_whole(&self.run_file(&node.id), what, text.as_bytes()).map_err(|e| e.to_string())
    }

    /// Takes runs out of the history; their results go when there is no other run of them and no room.
    pub(crate) fn remove_nodes(&self, ids: &[String]) {
        for id in ids {
            // One that another window has removed is gone already.
            fs::remove_file(self.run_file(id)).ok();
        }
    }

    /// Keeps a result, and drops others where there is no room. `false` if it alone takes more room than there is.
    ///
    /// # Errors
    /// A sentence if it cannot be written.
    pub(crate) fn put(&self, key: &str, outcome: &Outcome, budget: u64) -> Result<bool, String> {
        let bytes = archive(outcome).map_err(|e| e.to_string())?;
        if bytes.len() as u64 > budget {
            return Ok(false);
        }
        // Room is made first, so that a disk that is nearly full has it.
        self.trim(budget - bytes.len() as u64, Some(key));
        let what = "keep the result in the history";
        write_whole(&self.result_file(key), what, &bytes).map_err(|e| e.to_string())?;
        Ok(true)
    }

    /// # Errors
    /// A sentence if it is not kept any more, or cannot be read.
    pub(crate) fn result(&self, key: &str) -> Result<Outcome, String> {
        let file = self.result_file(key);
        if !file.is_file() {
            return Err("Its result is no longer kept; run it again.".to_string());
        }
        read_result(&file).map_err(|e| e.to_string())
    }

    /// What is kept now.
    pub(crate) fn shelf(&self) -> Shelf {
        let files = self.files();
        Shelf {
            bytes: files.iter().map(|f| f.bytes).sum(),
            keys: files.into_iter().map(|f| f.key).collect(),
        }
    }

    /// Drops results, the oldest first, until the rest takes at most `budget` bytes; those of pinned runs stay, and so
    /// does `spared`, which is about to be written anew.
    pub(crate) fn trim(&self, budget: u64, spared: Option<&str>) {
        let mut files = self.files();
        let mut bytes: u64 = files.iter().map(|f| f.bytes).sum();
        if bytes <= budget {
            return;
        }
        let pinned = self.pinned();
        files.sort_by(|a, b| (a.written, &a.key).cmp(&(b.written, &b.key)));
        for file in files {
            if bytes <= budget {
                return;
            }
            if pinned.contains(&file.key) || spared == Some(&file.key) {
                continue;
            }
            if fs::remove_file(self.result_file(&file.key)).is_ok() {
                bytes -= file.bytes;
            }
        }
    }

    /// The results of runs that are pinned, in any window.
    fn pinned(&self) -> BTreeSet<String> {
        let nodes = self.load().nodes.into_iter().filter(|node| node.pinned);
        nodes
            .flat_map(|node| node.results)
            .map(|result| result.key)
            .collect()
    }

    fn files(&self) -> Vec<ResultFile> {
        let Ok(entries) = fs::read_dir(&self.results) else {
            return Vec::new();
        };
        let file = |entry: fs::DirEntry| {
            let path = entry.path();
            if path.extension()? != "npz" || is_hidden(&path) {
                return None;
            }
            let metadata = entry.metadata().ok()?;
            Some(ResultFile {
                key: path.file_stem()?.to_str()?.to_string(),
                bytes: metadata.len(),
                written: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            })
        };
        entries.flatten().filter_map(file).collect()
    }
}

struct ResultFile {
    key: String,
    bytes: u64,
    written: SystemTime,
}

/// Files that are still being written begin with a dot.
fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_none_or(|name| name.to_string_lossy().starts_with('.'))
}

enum Read {
    Node(Box<Node>),
    Newer,
    Nothing,
}

fn read_node(path: &Path) -> Read {
    #[derive(Deserialize)]
    struct Mark {
        schema: u32,
    }
    let small = path.metadata().is_ok_and(|m| m.len() <= MOST_BYTES);
    let Some(text) = small.then(|| fs::read_to_string(path).ok()).flatten() else {
        return Read::Nothing;
    };
    match serde_json::from_str::<Mark>(&text) {
        Ok(mark) if mark.schema > VERSION => return Read::Newer,
        Ok(_) => {}
        Err(_) => return Read::Nothing,
    }
    match serde_json::from_str::<Node>(&text) {
        Ok(node) if file_stem(path) == Some(node.id.as_str()) => Read::Node(Box::new(node)),
        Ok(_) | Err(_) => Read::Nothing,
    }
}

fn file_stem(path: &Path) -> Option<&str> {
    path.file_stem()?.to_str()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use whyfinder_experiment::{Axis, Field, Provenance, parse_experiment};

    use super::super::node::{KeptResult, LookedAt, key_of, new_id};
    use super::*;
    use crate::window::question::Question;

    fn outcome(seed: u32, cells: usize) -> Outcome {
        let text = format!(
            "instrument = \"run\"\nmodel = \"m\"\nseed = {seed}\n[input]\nprompt = \"a b\"\n"
        );
        // Numbers that do not shrink when they are packed.
        let mut state = u64::from(seed) + 1;
        let values = (0..cells).map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            f32::from_bits(0x3f00_0000 | (state >> 41) as u32)
        });
        let axes = vec![Axis::numbered("x", cells)];
        Outcome {
            experiment: parse_experiment(&text, &[]).expect("parses"),
            fields: vec![Field::measured("f", axes, values.collect()).expect("fits")],
            summary: Default::default(),
            provenance: Provenance::default(),
            distributions: Vec::new(),
            attention: Vec::new(),
        }
    }

    fn node(outcome: &Outcome, pinned: bool) -> Node {
        let (schema, program) = Node::signature();
        Node {
            schema,
            program,
            id: new_id(SystemTime::now()),
            parent: None,
            made: 0,
            title: "Run".into(),
            change: "First run".into(),
            model: "m".into(),
            question: Question::default(),
            view: LookedAt::default(),
            thumbnail: None,
            results: vec![KeptResult::of(outcome).expect("a key")],
            pinned,
        }
    }

    #[test]
    fn runs_and_results_come_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::at(folder.path());
        assert!(store.load().nodes.is_empty());
        let outcome = outcome(1, 100);
        let mut node = node(&outcome, false);
        node.question.trace.window = 6;
        store.write_node(&node).expect("writes");
        let key = key_of(&outcome).expect("a key");
        assert!(store.put(&key, &outcome, 1 << 20).expect("writes"));
        assert_eq!(store.load().nodes, [node.clone()]);
        assert_eq!(store.result(&key).expect("reads"), outcome);
        store.remove_nodes(&[node.id]);
        assert!(store.load().nodes.is_empty());
    }

    #[test]
    fn the_oldest_results_make_room_and_pinned_ones_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::at(folder.path());
        let outcomes: Vec<Outcome> = (1..=4).map(|seed| outcome(seed, 20_000)).collect();
        let keys: Vec<String> = outcomes.iter().map(|o| key_of(o).expect("a key")).collect();
        store.write_node(&node(&outcomes[0], true)).expect("writes");
        let size = archive(&outcomes[0]).expect("packs").len() as u64;
        let budget = 3 * size + size / 2;
        for (outcome, key) in outcomes.iter().zip(&keys) {
            assert!(store.put(key, outcome, budget).expect("writes"));
            // Times of files are not finer than this everywhere.
            std::thread::sleep(Duration::from_millis(20));
        }
        let kept = store.shelf();
        assert!(kept.bytes <= budget);
        assert!(kept.keys.contains(&keys[0]), "it is pinned");
        assert!(!kept.keys.contains(&keys[1]), "it was the oldest");
        assert!(kept.keys.contains(&keys[3]));
        let message = store.result(&keys[1]).expect_err("it is gone");
        assert!(message.contains("run it again"), "{message}");
        assert!(!store.put("big", &outcomes[0], size / 2).expect("is told"));
        assert_eq!(store.shelf(), kept, "nothing went for what has no room");
    }

    #[test]
    fn what_cannot_be_read_is_passed_over_and_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::at(folder.path());
        let good = node(&outcome(1, 4), false);
        store.write_node(&good).expect("writes");
        let runs = folder.path().join("runs");
        fs::write(runs.join("broken.json"), "{").expect("writes");
        fs::write(runs.join("later.json"), "{\"schema\": 7, \"lanes\": 3}").expect("writes");
        fs::write(runs.join(".half.json"), "{}").expect("writes");
        let found = store.load();
        assert_eq!((found.nodes.len(), found.newer), (1, 1));
        assert_eq!(fs::read_dir(&runs).expect("lists").count(), 4);
    }

    #[test]
    fn windows_side_by_side_lose_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let threads: Vec<_> = (0..4u32)
            .map(|window| {
                let store = Store::at(folder.path());
                let write = move || {
                    for i in 0..10 {
                        let outcome = outcome(window * 100 + i, 500);
                        let key = key_of(&outcome).expect("a key");
                        store.write_node(&node(&outcome, false)).expect("writes");
                        store.put(&key, &outcome, 20_000).expect("writes");
                    }
                };
                let named = std::thread::Builder::new().name(format!("window {window}"));
                named.spawn(write).expect("a thread")
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        let store = Store::at(folder.path());
        let nodes = store.load().nodes;
        assert_eq!(nodes.len(), 40);
        for key in store.shelf().keys {
            store.result(&key).expect("whole");
        }
        store.trim(20_000, None);
        assert!(store.shelf().bytes <= 20_000);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("writes");
        let store = Store::at(&file);
        let message = store
            .write_node(&node(&outcome(1, 4), false))
            .expect_err("a file is no folder");
        assert!(
            message.starts_with("Could not keep the run in the history"),
            "{message}"
        );
    }
}
