//! Whether the pictures that are asked about are still the files that were read.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use whyfinder_experiment::ImageSource;

use super::asking::ImageQuestion;

/// The files of a question, each with its size and when it was written last; neither where it is not there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FilesSeen(Vec<(PathBuf, Option<(u64, SystemTime)>)>);

impl FilesSeen {
    pub(super) fn of(question: &ImageQuestion) -> Self {
        let look = |path: &Path| {
            let metadata = path.metadata().ok()?;
            Some((metadata.len(), metadata.modified().ok()?))
        };
        let files = [&question.picture, &question.truth];
        let files = files
            .into_iter()
            .flatten()
            .filter_map(|source| match source {
                ImageSource::File(path) => Some((path.clone(), look(path))),
                ImageSource::Picture(_) => None,
            });
        Self(files.collect())
    }

    /// Whether a file of both was written in between.
    pub(super) fn differs_from(&self, earlier: &Self) -> bool {
        self.0.iter().any(|(path, now)| {
            let then = earlier.0.iter().find(|(earlier, _)| earlier == path);
            then.is_some_and(|(_, then)| then != now)
        })
    }
}
