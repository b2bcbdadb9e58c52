//! Files of programs that are known by the names of their arrays.

pub(crate) mod cem;
pub(crate) mod long_table;
pub(crate) mod own;
pub(crate) mod rome;

use std::path::Path;

use crate::array::Limits;
use crate::assemble::Draft;
use crate::manifest::Manifest;
use crate::{Contents, ImportError};

/// What a file of a known program holds; `None` if it is none.
///
/// # Errors
/// A sentence if it is one and cannot be drawn.
pub(crate) fn known(
    contents: &Contents,
    path: &Path,
    limits: Limits,
) -> Result<Option<Draft>, ImportError> {
    if let Some(table) = &contents.table {
        return long_table::draft(table).map(Some);
    }
    if rome::is_one(contents) {
        return rome::draft(contents, path, limits).map(Some);
    }
    if cem::is_one(contents) {
        return cem::draft(contents, path, limits).map(Some);
    }
    match Manifest::of(contents)? {
        Some(manifest) if !manifest.axes.is_empty() => own::draft(contents, &manifest).map(Some),
        _ => Ok(None),
    }
}
