//! Models that are already in the local Hugging Face cache. Nothing is ever downloaded.

use std::path::{Path, PathBuf};

use crate::error::{ModelError, Result};

/// Where the cache lies: `HF_HUB_CACHE`, `HF_HOME/hub`, `XDG_CACHE_HOME/huggingface/hub`, or
/// `~/.cache/huggingface/hub`. `None` where there is no home folder.
pub fn hub_cache() -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("HF_HUB_CACHE")
        .or_else(|| set("HUGGINGFACE_HUB_CACHE"))
        .or_else(|| set("HF_HOME").map(|home| home.join("hub")))
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("huggingface").join("hub")))
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache/huggingface/hub")))
}

/// Whether a text can be the name of a model on the hub: `name` or `organisation/name`, then perhaps `@revision`.
pub(crate) fn is_name(text: &str) -> bool {
    let (name, revision) = split(text);
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    name.split('/').count() <= 2 && name.split('/').all(plain) && revision.is_none_or(plain)
}

/// The folder of a cached model's files.
///
/// # Errors
/// A sentence that says where the cache was looked for, and how to fill it.
pub(crate) fn snapshot(reference: &str, cache: Option<&Path>) -> Result<PathBuf> {
    let (name, revision) = split(reference);
    let Some(cache) = cache else {
        return Err(ModelError::Unusable(format!(
            "\"{reference}\" is no folder, and there is no home folder in which the hub cache could lie; set HF_HUB_CACHE."
        )));
    };
    let folder = cache.join(format!("models--{}", name.replace('/', "--")));
    if !folder.is_dir() {
        return Err(ModelError::file(
            cache,
            format!(
                "\"{reference}\" is no folder and is not in the local hub cache; nothing is downloaded here, so fetch it first with: hf download {name}"
            ),
        ));
    }
    let snapshots = folder.join("snapshots");
    let revision = revision.unwrap_or("main");
    // A branch or tag names its commit in a file; a commit is the folder's own name.
    let commit = std::fs::read_to_string(folder.join("refs").join(revision))
        .map_or_else(|_| revision.to_owned(), |text| text.trim().to_owned());
    let plain = !commit.is_empty()
        && commit
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let found = snapshots.join(&commit);
    if plain && found.is_dir() {
        return Ok(found);
    }
    let there: Vec<PathBuf> = std::fs::read_dir(&snapshots)
        .map(|entries| {
            entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.is_dir())
                .collect()
        })
        .unwrap_or_default();
    match (revision, there.as_slice()) {
        ("main", [only]) => Ok(only.clone()),
        _ => Err(ModelError::file(
            folder,
            format!(
                "The hub cache knows {name} but holds no files of its revision {revision}; fetch it with: hf download {name} --revision {revision}"
            ),
        )),
    }
}

fn split(reference: &str) -> (&str, Option<&str>) {
    match reference.split_once('@') {
        Some((name, revision)) => (name, Some(revision)),
        None => (reference, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_hub_are_told_from_paths() {
        for name in [
            "gpt2",
            "openai-community/gpt2",
            "Qwen/Qwen2.5-0.5B",
            "a/b@v1.0",
        ] {
            assert!(is_name(name), "{name}");
        }
        for path in [
            "", "/", "./gpt2", "../x", "a/b/c", "a//b", "a/..", "~/m", "a/b@", "a/b@../x", "a b",
        ] {
            assert!(!is_name(path), "{path}");
        }
    }

    #[test]
    fn a_snapshot_is_found_by_branch_commit_or_as_the_only_one() {
        let cache = tempfile::tempdir().expect("a folder");
        let model = cache.path().join("models--org--tiny");
        let commit = model.join("snapshots/abc123");
        std::fs::create_dir_all(&commit).expect("made");
        let at = |reference: &str| snapshot(reference, Some(cache.path()));
        assert_eq!(at("org/tiny").expect("the only one"), commit);

        std::fs::create_dir_all(model.join("snapshots/def456")).expect("made");
        assert!(at("org/tiny").is_err(), "two, and no branch says which");
        std::fs::create_dir_all(model.join("refs")).expect("made");
        std::fs::write(model.join("refs/main"), "abc123\n").expect("written");
        assert_eq!(at("org/tiny").expect("main"), commit);
        assert!(at("org/tiny@def456").expect("a commit").ends_with("def456"));

        std::fs::write(model.join("refs/main"), "../../..").expect("written");
        assert!(
            at("org/tiny").is_err(),
            "a branch cannot lead out of the cache"
        );
    }

    #[test]
    fn what_is_not_cached_says_how_to_get_it() {
        let cache = tempfile::tempdir().expect("a folder");
        let message = snapshot("org/absent", Some(cache.path()))
            .expect_err("nothing there")
            .to_string();
        assert!(message.contains("hf download org/absent"), "{message}");
    }
}
