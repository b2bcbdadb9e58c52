//! `--out DIR`, looked at before hours are spent on what goes into it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use whyfinder_experiment::Field;
use whyfinder_worker::human_bytes;

use super::command_error::CommandError;

/// Tries whether a folder can be made and written, and leaves everything as it was.
///
/// # Errors
/// If it cannot.
pub(crate) fn check(folder: &Path) -> Result<(), CommandError> {
    let there = folder
        .ancestors()
        .map(|f| {
            if f.as_os_str().is_empty() {
                Path::new(".")
            } else {
                f
            }
        })
        .find(|f| f.exists())
        .unwrap_or(folder);
    let trial = there.join(format!(".whyfinder-{}", std::process::id()));
    File::create_new(&trial)
        .and_then(|_| fs::remove_file(&trial))
        .map_err(|error| {
            CommandError::failed(format!(
                "Nothing can be written there: {error}. Path: {}",
                folder.display()
            ))
        })
}

/// Room on the disk that is left beside a result, bytes.
const SPARE: u64 = 16 << 20;

/// What is known of a result's size.
#[derive(Debug, Default)]
pub(crate) struct Sizes(BTreeMap<String, u64>);

impl Sizes {
    /// Takes fields that the result will have, and says whether they all will find room in a folder, as far as the system
    /// says how much there is. The archive is compressed, so that somewhat less may do.
    ///
    /// # Errors
    /// If the disk is too full.
    pub(crate) fn check(&mut self, folder: &Path, fields: &[Field]) -> Result<(), CommandError> {
        let sizes = fields.iter().map(|f| (f.name.clone(), needed(f)));
        self.0.extend(sizes);
        match free_bytes(folder) {
            Some(free) => check_fits(folder, self.0.values().sum(), free),
            None => Ok(()),
        }
    }
}

fn needed(field: &Field) -> u64 {
    let cells = field.values.len();
    let arrays = 1 + usize::from(field.stderr.is_some()) + usize::from(field.count.is_some());
    let samples = field.samples.as_ref().map_or(0, Vec::len);
    (4 * (arrays * cells + samples) + cells) as u64
}

fn check_fits(folder: &Path, needed: u64, free: u64) -> Result<(), CommandError> {
    if needed.saturating_add(SPARE) <= free {
        return Ok(());
    }
    Err(CommandError::failed(format!(
        "The result will take up to {}, and the disk has {} left; make room, or write it elsewhere. Path: {}",
        human_bytes(needed),
        human_bytes(free),
        folder.display()
    )))
}

/// Bytes that are free where a folder is or will be.
#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let there = std::path::absolute(folder).ok()?;
    let there = there.ancestors().find(|f| f.is_dir())?;
    let disk = rustix::fs::statvfs(there).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[cfg(not(unix))]
fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use whyfinder_experiment::Axis;

    use super::*;

    #[test]
    fn a_folder_that_could_be_made_is_not_made() {
        let folder = tempfile::tempdir().expect("a folder");
        check(&folder.path().join("a/b")).expect("could be made");
        assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 0);
        check(Path::new("no-such-folder-here")).expect("relative to here");
    }

    #[test]
    fn a_result_that_finds_no_room_is_refused_with_both_numbers() {
        let folder = tempfile::tempdir().expect("a folder");
        let axes = vec![Axis::numbered("x", 1 << 20)];
        let field = Field::sampled("f", axes, 10);
        let needed = needed(&field);
        assert!((50 << 20..60 << 20).contains(&needed), "{needed}");
        let mut sizes = Sizes::default();
        sizes
            .check(folder.path(), &[])
            .expect("nothing fits everywhere");
        let fields = std::slice::from_ref(&field);
        for _ in 0..2 {
            // Told twice, it is still one field.
            sizes.check(folder.path(), fields).expect("it fits");
            assert_eq!(sizes.0.values().sum::<u64>(), needed);
        }
        check_fits(folder.path(), needed, needed + SPARE).expect("it fits");
        let message = check_fits(folder.path(), needed, needed)
            .expect_err("too full")
            .to_string();
        assert!(
            message.contains("make room") && message.contains("MiB"),
            "{message}"
        );
    }

    #[test]
    fn a_file_in_the_way_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("writes");
        for taken in [file.clone(), file.join("deeper")] {
            let message = check(&taken).expect_err("a file is no folder").to_string();
            assert!(message.ends_with(&taken.display().to_string()), "{message}");
        }
    }
}
