//! Whether a file or folder is still the one that was read.

use std::fmt::Write;
use std::fs::Metadata;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Name, size and time of change of a file, or of each file of a folder; empty where there is nothing.
///
/// Good enough to notice that a model was saved again, without reading gigabytes.
pub(crate) fn of(path: &Path) -> String {
    let Ok(metadata) = path.metadata() else {
        return String::new();
    };
    if !metadata.is_dir() {
        return line("", &metadata);
    }
    let mut lines: Vec<String> = path
        .read_dir()
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            // Through the path, since a hub cache holds links.
            let metadata = entry.path().metadata().ok()?;
            let name = entry.file_name();
            metadata
                .is_file()
                .then(|| line(&name.to_string_lossy(), &metadata))
        })
        .collect();
    lines.sort_unstable();
    lines.concat()
}

fn line(name: &str, metadata: &Metadata) -> String {
    let changed = metadata
        .modified()
        .ok()
        .and_then(|t| t.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |d| d.as_nanos());
    let mut line = String::new();
    let _ = writeln!(line, "{name} {} {changed}", metadata.len());
    line
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_changed_folder_has_another_fingerprint() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a"), "one").expect("writes");
        let first = of(folder.path());
        assert_eq!(first, of(folder.path()));
        fs::write(folder.path().join("a"), "three").expect("writes");
        let second = of(folder.path());
        assert_ne!(first, second);
        fs::write(folder.path().join("b"), "").expect("writes");
        assert_ne!(second, of(folder.path()));
        assert_eq!(of(&folder.path().join("nothing")), "");
    }
}
