//! Whether a result finds room on the disk.

use std::path::Path;

use whyfinder_experiment::disk::{SPARE, free_bytes};

use crate::memory::human_bytes;

/// Refuses a result of so many bytes that a folder's disk has no room for, as far as the system says how much there is.
/// It is packed, so that somewhat less may do.
///
/// # Errors
/// A sentence if the disk is too full.
pub(crate) fn check(folder: &Path, needed: u64) -> Result<(), String> {
    match free_bytes(folder) {
        Some(free) => check_fits(folder, needed, free),
        None => Ok(()),
    }
}

fn check_fits(folder: &Path, needed: u64, free: u64) -> Result<(), String> {
    if needed.saturating_add(SPARE) <= free {
        return Ok(());
    }
    Err(format!(
        "The result will take up to {}, and the disk has {} left; make room, or write it elsewhere. Path: {}",
        human_bytes(needed),
        human_bytes(free),
        folder.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_that_finds_no_room_is_refused_with_both_numbers() {
        let folder = tempfile::tempdir().expect("a folder");
        let needed = 50 << 20;
        check(folder.path(), 0).expect("nothing fits everywhere");
        check_fits(folder.path(), needed, needed + SPARE).expect("it fits");
        let message = check_fits(folder.path(), needed, needed + SPARE - 1).expect_err("too full");
        assert!(
            message.contains("up to 50 MiB") && message.contains("make room"),
            "{message}"
        );
        // More than any disk holds; the folder need not be there.
        check(&folder.path().join("a/b"), 1 << 60).expect_err("too full");
    }
}
