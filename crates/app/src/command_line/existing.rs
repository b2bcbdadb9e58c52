//! Names that exist: no command writes over what it would not write again, unless `--force` says so.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use whyfinder_experiment::{Experiment, parse_experiment};

use super::command_error::CommandError;
use crate::in_the_way::in_the_way;

/// Looks for files that would be lost.
///
/// # Errors
/// Names the first file of another content than would be written. Folders are left to the writing itself.
pub(crate) fn check<'a>(
    files: impl IntoIterator<Item = (&'a Path, &'a [u8])>,
    force: bool,
) -> Result<(), CommandError> {
    if force {
        return Ok(());
    }
    match in_the_way(files) {
        Some(path) => Err(CommandError::bad_request(format!(
            "There is a file of that name already, and it holds something else; choose another name, or add --force to \
             replace it. Path: {}",
            path.display()
        ))),
        None => Ok(()),
    }
}

/// Largest `result.json` that is looked into, bytes.
const LARGEST_SCALARS: u64 = 64 << 20;

/// Whether a result may be written into a folder: there is none yet, or one of the same experiment.
///
/// # Errors
/// If another result would be lost.
pub(crate) fn check_result(
    folder: &Path,
    experiment: &Experiment,
    force: bool,
) -> Result<(), CommandError> {
    let names = ["result.npz", "result.json"].map(|name| folder.join(name));
    let Some(there) = names.iter().find(|path| path.is_file()) else {
        return Ok(());
    };
    if force || experiment_of(&names[1]).is_some_and(|old| old == *experiment) {
        return Ok(());
    }
    Err(CommandError::bad_request(format!(
        "A result of another experiment is there already; write this one elsewhere, or add --force to replace it. Path: {}",
        there.display()
    )))
}

fn experiment_of(scalars: &Path) -> Option<Experiment> {
    let mut bytes = Vec::new();
    let file = File::open(scalars).ok()?;
    file.take(LARGEST_SCALARS).read_to_end(&mut bytes).ok()?;
    let scalars: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    parse_experiment(&scalars.get("experiment")?.to_string(), &[]).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_other_content_is_in_the_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for (name, content) in [("same", "one"), ("other", "two"), ("empty", "")] {
            fs::write(at(name), content).expect("writes");
        }
        fs::create_dir(at("folder")).expect("a folder");
        let one = b"one".as_slice();
        for name in ["same", "empty", "missing", "folder"] {
            check([(at(name).as_path(), one)], false).expect(name);
        }
        let (same, other) = (at("same"), at("other"));
        let files = [(same.as_path(), one), (other.as_path(), one)];
        let message = check(files, false)
            .expect_err("it would be lost")
            .to_string();
        assert!(
            message.contains("--force") && message.ends_with("other"),
            "{message}"
        );
        check(files, true).expect("it was said to be replaced");
    }

    #[test]
    fn a_result_is_replaced_by_one_of_the_same_experiment() {
        let folder = tempfile::tempdir().expect("a folder");
        let experiment = |seed: u32| {
            let text = format!(
                "instrument = \"run\"\nmodel = \"m\"\nseed = {seed}\n[input]\nprompt = \"a b\"\n"
            );
            parse_experiment(&text, &[]).expect("parses")
        };
        let (path, one) = (folder.path(), experiment(1));
        check_result(path, &one, false).expect("nothing is there");
        fs::write(path.join("result.npz"), "numbers").expect("writes");
        check_result(path, &one, false).expect_err("nobody knows of what");
        let scalars = serde_json::json!({ "experiment": one }).to_string();
        fs::write(path.join("result.json"), scalars).expect("writes");
        check_result(path, &one, false).expect("the same again");
        let message = check_result(path, &experiment(2), false)
            .expect_err("another")
            .to_string();
        assert!(message.contains("another experiment"), "{message}");
        check_result(path, &experiment(2), true).expect("it was said to be replaced");
    }
}
