//! What an instrument says while it works.

use std::sync::Arc;

use whyfinder_experiment::outcome::Summary;
use whyfinder_experiment::{AttentionRecord, Field, outcome::Distribution};

use crate::error::Result;

/// Receives the answer as it is measured.
pub trait Observer {
    fn report(&mut self, report: Report);

    /// Hears, before anything is computed, how many bytes the result's arrays will take at most.
    ///
    /// # Errors
    /// A sentence if there is no room for them.
    fn announce(&mut self, _result_bytes: u64) -> Result<()> {
        Ok(())
    }

    /// Asked between small pieces of work (at most a few tens of milliseconds apart on the bundled models).
    fn cancelled(&self) -> bool;

    /// What an earlier run of the same experiment, which was interrupted, measured of a cell.
    fn known(&self, _of: Stage<'_>, _cell: usize) -> Option<&MeasuredCell> {
        None
    }

    /// Takes a cell that need not be measured again if this run is interrupted.
    fn keep(&mut self, _of: Stage<'_>, _cell: &MeasuredCell) {}

    /// The `len` numbers of a large part that an earlier run had done, bit for bit; read from where they are kept.
    fn known_part(&self, _of: Stage<'_>, _part: usize, _len: usize) -> Option<Vec<f32>> {
        None
    }

    /// Whether it is time to keep the parts that are done, as far as they are not kept yet. After a cancellation they
    /// are kept whatever this says.
    fn wants_parts(&mut self) -> bool {
        false
    }

    /// Takes a part that need not be done again if this run is interrupted, in place of a former one: `values` one
    /// behind the other. Says whether it is kept.
    fn keep_part(&mut self, _of: Stage<'_>, _part: usize, _values: &[&[f32]]) -> bool {
        false
    }

    /// Says that a part is of no use any more.
    fn drop_part(&mut self, _of: Stage<'_>, _part: usize) {}
}

/// What the cells of an interrupted run are kept under: an instrument may measure a field more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stage<'a> {
    pub number: u32,
    pub field: &'a str,
}

impl<'a> Stage<'a> {
    /// The only stage of a field.
    pub const fn only(field: &'a str) -> Self {
        Self { number: 0, field }
    }
}

/// Bytes of a value and its mask in a result.
pub(crate) const VALUE_AND_MASK: u64 = 5;
/// Bytes beside them of a cell that has samples: error, count, and each sample.
pub(crate) fn sampled_bytes(samples: usize) -> u64 {
    4 * (2 + samples as u64)
}

#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a run starts once, and reports are few"
)]
pub enum Report {
    /// The reference runs are done: empty fields, reference values and distributions.
    Started {
        fields: Vec<Field>,
        summary: Summary,
        distributions: Vec<Distribution>,
    },
    /// A whole field at once.
    Field(Field),
    /// The attention of one layer, in the order of the layers.
    Attention(Arc<AttentionRecord>),
    /// Cells of a field announced by `Started`.
    Cells {
        field: String,
        cells: Vec<MeasuredCell>,
    },
    Progress(Progress),
}

/// One cell's samples, in the order of the noise draws.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredCell {
    /// Row-major index into the field.
    pub cell: usize,
    pub samples: Vec<f32>,
    pub tokens: CellTokens,
}

/// The patched run's next-token distribution, averaged over samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CellTokens {
    /// Most likely tokens with their mean probability, best first.
    pub top: Vec<(u32, f32)>,
    /// The text of each of them.
    pub texts: Vec<String>,
    /// Mean probability of each token of the clean and corrupted runs' tops, in the order of the distribution named
    /// `tracked`.
    pub tracked: Vec<f32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    pub done: usize,
    pub total: usize,
    pub seconds_left: Option<f64>,
}
