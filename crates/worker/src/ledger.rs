//! What a run has measured, kept on disk while it runs, so that it can be taken up again where it was interrupted.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use whyfinder_experiment::partial::{Group, Identity, Partial, PartialCell, partials_in};
use whyfinder_instrument::{CellTokens, MeasuredCell, Stage};

use crate::protocol::Kept;

/// Writing may take this part of the time at most.
const SHARE: u32 = 100;
/// Sooner than this nothing is written: what is lost is soon made up for.
const SOONEST: Duration = Duration::from_millis(500);

/// The cells of one field and stage.
#[derive(Clone, Debug)]
struct Known {
    stage: u32,
    field: String,
    /// By index into the field.
    cells: Vec<Option<MeasuredCell>>,
}

/// The cells of a run, those of an earlier part among them.
#[derive(Debug)]
pub(crate) struct Ledger {
    identity: Identity,
    path: PathBuf,
    /// What the earlier part measured, and what this one does.
    before: Vec<Known>,
    now: Vec<Known>,
    seconds_before: f64,
    began: Instant,
    /// When the file was last written, and how long that took.
    written: Instant,
    took: Duration,
    /// Nothing can be written there any more; it was said once.
    given_up: bool,
}

impl Ledger {
    /// Takes up what lies in a folder of this very run, and says what else lies there.
    pub(crate) fn open(folder: &Path, identity: Identity) -> (Option<Self>, Vec<Kept>) {
        let path = match identity.path(folder) {
            Ok(path) => path,
            Err(error) => return (None, vec![Kept::Not(error.to_string())]),
        };
        let mut news = vec![Kept::In(path.clone())];
        let mut own = None;
        for found in partials_in(folder) {
            match Partial::read(&found) {
                Ok(partial) if partial.identity == identity => own = Some(partial),
                Ok(partial) => news.push(Kept::Other {
                    path: found,
                    why: identity
                        .difference(&partial.identity)
                        .unwrap_or("of another run")
                        .to_string(),
                }),
                Err(error) => news.push(Kept::Not(error.to_string())),
            }
        }
        let seconds_before = own.as_ref().map_or(0.0, |partial| partial.seconds);
        let before: Vec<Known> = own
            .into_iter()
            .flat_map(|partial| partial.groups)
            .map(Known::of)
            .collect();
        let cells = before.iter().map(Known::count).sum();
        if cells > 0 {
            news.push(Kept::TakenUp {
                cells,
                seconds: seconds_before,
            });
        }
        let now = Instant::now();
        let ledger = Self {
            identity,
            path,
            before,
            now: Vec::new(),
            seconds_before,
            began: now,
            written: now,
            took: Duration::ZERO,
            given_up: false,
        };
        (Some(ledger), news)
    }

    /// What was measured of a cell before the interruption.
    pub(crate) fn known(&self, of: Stage<'_>, cell: usize) -> Option<&MeasuredCell> {
        let known = self.before.iter().find(|known| known.is(of))?;
        known.cells.get(cell)?.as_ref()
    }

    /// Takes a cell; writes all of them if it is time. Gives what went wrong, once.
    pub(crate) fn keep(&mut self, of: Stage<'_>, cell: &MeasuredCell) -> Option<Kept> {
        let known = match self.now.iter().position(|known| known.is(of)) {
            Some(at) => &mut self.now[at],
            None => {
                self.now.push(Known {
                    stage: of.number,
                    field: of.field.to_string(),
                    cells: Vec::new(),
                });
                self.now.last_mut()?
            }
        };
        known.put(cell.clone());
        let due = SOONEST.max(SHARE * self.took);
        if self.given_up || self.written.elapsed() < due {
            return None;
        }
        self.write()
    }

    /// Seconds that the run took before this part of it.
    pub(crate) fn seconds_before(&self) -> f64 {
        self.seconds_before
    }

    /// Whether there is anything to be taken up later.
    pub(crate) fn holds_anything(&self) -> bool {
        self.before
            .iter()
            .chain(&self.now)
            .any(|known| known.count() > 0)
    }

    /// Writes all cells, those that this part has not come to again among them.
    pub(crate) fn write(&mut self) -> Option<Kept> {
        let began = Instant::now();
        let mut groups: Vec<Known> = Vec::new();
        for known in self.before.iter().chain(&self.now) {
            let of = Stage {
                number: known.stage,
                field: &known.field,
            };
            match groups.iter_mut().find(|group| group.is(of)) {
                Some(group) => known.cells.iter().flatten().for_each(|cell| {
                    let longer = |old: &MeasuredCell| old.samples.len() > cell.samples.len();
                    if !group.cell(cell.cell).is_some_and(longer) {
                        group.put(cell.clone());
                    }
                }),
                None => groups.push(known.clone()),
            }
        }
        let partial = Partial {
            identity: self.identity.clone(),
            seconds: self.seconds_before + self.began.elapsed().as_secs_f64(),
            groups: groups.into_iter().map(Known::into_group).collect(),
        };
        let written = partial.write(&self.path);
        self.took = began.elapsed();
        self.written = Instant::now();
        match written {
            Ok(()) => None,
            Err(error) => {
                self.given_up = true;
                Some(Kept::Not(format!(
                    "{error} The run goes on, but could not be taken up if it were interrupted."
                )))
            }
        }
    }
}

impl Known {
    fn is(&self, of: Stage<'_>) -> bool {
        self.stage == of.number && self.field == of.field
    }

    fn of(group: Group) -> Self {
        let mut known = Self {
            stage: group.stage,
            field: group.field,
            cells: Vec::new(),
        };
        for cell in group.cells {
            known.put(MeasuredCell {
                cell: cell.cell,
                samples: cell.samples,
                tokens: CellTokens {
                    top: cell.top,
                    texts: Vec::new(),
                    tracked: cell.tracked,
                },
            });
        }
        known
    }

    fn cell(&self, cell: usize) -> Option<&MeasuredCell> {
        self.cells.get(cell)?.as_ref()
    }

    fn put(&mut self, cell: MeasuredCell) {
        /// A field with more cells than this is not kept: a number in a file may be anything.
        const MOST: usize = 1 << 24;
        let at = cell.cell;
        if at >= MOST {
            return;
        }
        if self.cells.len() <= at {
            self.cells.resize(at + 1, None);
        }
        self.cells[at] = Some(cell);
    }

    fn count(&self) -> usize {
        self.cells.iter().flatten().count()
    }

    fn into_group(self) -> Group {
        let cells = self.cells.into_iter().flatten().map(|cell| PartialCell {
            cell: cell.cell,
            samples: cell.samples,
            top: cell.tokens.top,
            tracked: cell.tokens.tracked,
        });
        Group {
            stage: self.stage,
            field: self.field,
            cells: cells.collect(),
        }
    }
}
