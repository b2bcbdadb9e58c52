//! The large parts of a run, put on disk while it goes on.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use whyfinder_experiment::ExperimentError;
use whyfinder_experiment::disk::{SPARE, free_bytes};
use whyfinder_experiment::partial::{Identity, Parts};
use whyfinder_instrument::Stage;

use crate::memory::human_bytes;

/// Parts are put off where writing them takes more than this part of the time.
const SHARE: u32 = 20;
/// Sooner than this none is written: what is lost is soon made up for.
const SOONEST: Duration = Duration::from_millis(500);

/// Where the parts of one run go, and when.
#[derive(Debug)]
pub(crate) struct Shelf {
    parts: Parts,
    folder: PathBuf,
    /// Room that the result itself will want, bytes.
    reserved: u64,
    /// When parts were last asked for, and how long it has taken to write them since.
    asked: Instant,
    took: Duration,
}

impl Shelf {
    pub(crate) fn of(identity: &Identity, folder: &Path) -> Result<Self, ExperimentError> {
        Ok(Self {
            parts: Parts::of(identity, folder)?,
            folder: folder.to_path_buf(),
            reserved: 0,
            asked: Instant::now(),
            took: Duration::ZERO,
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.parts.count()
    }

    /// Leaves room for a result of so many bytes.
    pub(crate) fn reserve(&mut self, bytes: u64) {
        self.reserved = bytes;
    }

    pub(crate) fn read(&self, of: Stage<'_>, part: usize, len: usize) -> Option<Vec<f32>> {
        self.parts.read(of.number, of.field, part, len)
    }

    /// Whether it is time to write what is done.
    pub(crate) fn is_due(&mut self) -> bool {
        if self.asked.elapsed() < SOONEST.max(SHARE * self.took) {
            return false;
        }
        self.asked = Instant::now();
        self.took = Duration::ZERO;
        true
    }

    /// # Errors
    /// A sentence if the disk is too full, or the part cannot be written.
    pub(crate) fn write(
        &mut self,
        of: Stage<'_>,
        part: usize,
        values: &[&[f32]],
    ) -> Result<(), String> {
        let began = Instant::now();
        let bytes = 4 * values.iter().map(|v| v.len()).sum::<usize>() as u64;
        let needed = bytes.saturating_add(self.reserved).saturating_add(SPARE);
        if let Some(free) = free_bytes(&self.folder).filter(|free| *free < needed) {
            return Err(format!(
                "The disk has {} left, too little to keep parts of the run beside its result. Path: {}",
                human_bytes(free),
                self.folder.display()
            ));
        }
        let written = self.parts.write(of.number, of.field, part, values);
        self.took += began.elapsed();
        written.map_err(|error| error.to_string())
    }

    pub(crate) fn remove(&self, of: Stage<'_>, part: usize) {
        self.parts.remove(of.number, of.field, part);
    }
}
