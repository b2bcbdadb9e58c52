//! One finished run of the history, as it is kept in a file of its own.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use whyfinder_experiment::{Experiment, ExperimentError, Outcome, digest, schema};

use crate::window::question::Question;
use crate::window::selection::Selection;
use crate::window::thumbnail::Thumbnail;

/// The version of what is written; nodes of later ones are left alone.
pub const VERSION: u32 = 1;

/// A question that was answered, how its answer was looked at, and what it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    pub schema: u32,
    /// Name and version of the program that wrote it.
    pub program: String,
    /// Sorts by time.
    pub id: String,
    /// The run that was on screen when the question was changed.
    pub parent: Option<String>,
    /// Seconds since 1970.
    pub made: u64,
    /// What was measured, on what: `Causal trace · isles`.
    pub title: String,
    /// What differs from the parent, in words; of a first run, what it is about.
    pub change: String,
    /// The open model's reference.
    pub model: String,
    pub question: Question,
    pub view: LookedAt,
    pub thumbnail: Option<Thumbnail>,
    pub results: Vec<KeptResult>,
    /// Its results are never dropped.
    #[serde(default)]
    pub pinned: bool,
}

/// What was selected, and how maps were shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LookedAt {
    pub selection: Selection,
    /// Row and column of the block that is read out.
    pub block: Option<[usize; 2]>,
    pub differences: bool,
    pub flipped: bool,
}

/// An answer that is kept, or was until there was no more room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptResult {
    /// Names the file.
    pub key: String,
    pub experiment: Experiment,
}

impl KeptResult {
    /// # Errors
    /// If a path in the experiment is not Unicode.
    pub fn of(outcome: &Outcome) -> Result<Self, ExperimentError> {
        Ok(Self {
            key: key_of(outcome)?,
            experiment: outcome.experiment.clone(),
        })
    }
}

/// Equal for equal experiments on the same weights and files, so that an answer is kept once, however many runs show it.
///
/// # Errors
/// If a path in the experiment is not Unicode.
pub fn key_of(outcome: &Outcome) -> Result<String, ExperimentError> {
    let short = |digest: &str| digest.chars().take(12).collect::<String>();
    let mut experiment = outcome.experiment.clone();
    // The words of a subject and its tokens name the same cause.
    if let Some(tokens) = outcome.summary.subject {
        experiment.input.subject = None;
        experiment.input.subject_tokens = Some(tokens);
    }
    let asked: String = digest(&experiment)?.chars().take(24).collect();
    let provenance = &outcome.provenance;
    let model = short(&provenance.model_digest);
    // A picture that was replaced has another answer, though nothing else is asked.
    let files = provenance.digest_of_files().as_deref().map(short);
    let model = Some(model).filter(|model| !model.is_empty());
    let parts = [Some(asked), model, files].into_iter().flatten();
    Ok(parts.collect::<Vec<_>>().join("-"))
}

/// A name that sorts by time and that no other window gives at the same moment.
pub fn new_id(now: SystemTime) -> String {
    let millis = now
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as u64);
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    let chance = hasher.finish() as u32;
    format!("{millis:012x}-{chance:08x}")
}

/// Seconds since 1970.
pub fn seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// How long ago something was, in words: `just now`, `3 min ago`, `2 h ago`, `5 days ago`.
pub fn ago(made: u64, now: u64) -> String {
    let seconds = now.saturating_sub(made);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if minutes < 1 => "just now".to_string(),
        () if hours < 1 => format!("{minutes} min ago"),
        () if hours < 48 => format!("{hours} h ago"),
        () => format!("{days} days ago"),
    }
}

impl Node {
    /// Whether it answers with exactly these results.
    pub fn has(&self, keys: &[String]) -> bool {
        self.results.len() == keys.len() && self.results.iter().all(|r| keys.contains(&r.key))
    }

    /// The whole prompt of a run of a language model.
    pub fn prompt(&self) -> Option<&str> {
        self.results.last()?.experiment.input.prompt.as_deref()
    }

    /// The program that wrote nodes of this version.
    pub fn signature() -> (u32, String) {
        (VERSION, schema::PROGRAM.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use whyfinder_experiment::{Provenance, parse_experiment};

    #[test]
    fn answers_of_other_weights_or_files_are_kept_apart() {
        let text = "instrument = \"gradient\"\nmodel = \"demo:denoise\"\n\
                    [input]\ntruth = \"a.png\"\nregion = [0, 0, 4, 4]\n";
        let experiment = parse_experiment(text, &[]).expect("an experiment");
        let key = |model: &str, files: &[&str]| {
            let outcome = Outcome {
                experiment: experiment.clone(),
                provenance: Provenance {
                    model_digest: model.to_string(),
                    file_digests: files.iter().map(ToString::to_string).collect(),
                    ..Provenance::default()
                },
                fields: Vec::new(),
                summary: Default::default(),
                distributions: Vec::new(),
                attention: Vec::new(),
            };
            key_of(&outcome).expect("a key")
        };
        let keys = [
            key("", &[]),
            key("ab", &[]),
            key("ab", &["1"]),
            key("ab", &["2"]),
            key("cd", &["1"]),
        ];
        for (i, a) in keys.iter().enumerate() {
            assert!(keys.iter().skip(i + 1).all(|b| a != b), "{keys:?}");
        }
        assert_eq!(key("ab", &["1"]), keys[2]);
    }

    #[test]
    fn names_sort_by_time_and_differ_at_the_same_moment() {
        let at = |s| UNIX_EPOCH + Duration::from_secs(s);
        let (a, b, c) = (new_id(at(5)), new_id(at(5)), new_id(at(1_800_000_000)));
        assert!(a < c && b < c);
        assert_ne!(a, b);
    }

    #[test]
    fn times_are_told_from_now() {
        let said: Vec<_> = [0, 59, 60, 3599, 3600, 47 * 3600, 48 * 3600]
            .map(|s| ago(1000, 1000 + s))
            .to_vec();
        assert_eq!(
            said,
            [
                "just now",
                "just now",
                "1 min ago",
                "59 min ago",
                "1 h ago",
                "47 h ago",
                "2 days ago"
            ]
        );
        assert_eq!(ago(1000, 900), "just now", "a clock that was set back");
    }
}
