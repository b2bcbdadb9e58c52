//! What a run has measured, kept on disk while it runs, so that it can be taken up again where it was interrupted.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use whyfinder_experiment::partial::{Group, Identity, Partial, PartialCell, partials_in};
use whyfinder_instrument::{CellTokens, MeasuredCell, Stage};

use crate::protocol::Kept;
use crate::shelf::Shelf;

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
    shelf: Shelf,
    /// Whether the file is there, without which parts are not found again.
    is_there: bool,
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
        let (path, shelf) = match (identity.path(folder), Shelf::of(&identity, folder)) {
            (Ok(path), Ok(shelf)) => (path, shelf),
            (Err(error), _) | (_, Err(error)) => {
                return (None, vec![Kept::Not(error.to_string())]);
            }
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
        let is_there = own.is_some();
        let seconds_before = own.as_ref().map_or(0.0, |partial| partial.seconds);
        let before: Vec<Known> = own
            .into_iter()
            .flat_map(|partial| partial.groups)
            .map(Known::of)
            .collect();
        let cells = before.iter().map(Known::count).sum();
        let parts = if is_there { shelf.count() } else { 0 };
        if cells + parts > 0 {
            news.push(Kept::TakenUp {
                cells,
                parts,
                seconds: seconds_before,
            });
        }
        let now = Instant::now();
        let ledger = Self {
            identity,
            path,
            shelf,
            is_there,
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
        if self.given_up || !self.is_due() {
            return None;
        }
        self.write()
    }

    fn is_due(&self) -> bool {
        self.written.elapsed() >= SOONEST.max(SHARE * self.took)
    }

    /// A part that was done before the interruption.
    pub(crate) fn known_part(&self, of: Stage<'_>, part: usize, len: usize) -> Option<Vec<f32>> {
        self.shelf.read(of, part, len)
    }

    /// Leaves room on the disk for a result of so many bytes.
    pub(crate) fn reserve(&mut self, bytes: u64) {
        self.shelf.reserve(bytes);
    }

    /// Whether it is time to keep the parts that are done.
    pub(crate) fn wants_parts(&mut self) -> bool {
        !self.given_up && self.shelf.is_due()
    }

    /// Writes a part.
    ///
    /// # Errors
    /// If it is not kept: what went wrong, once.
    pub(crate) fn keep_part(
        &mut self,
        of: Stage<'_>,
        part: usize,
        values: &[&[f32]],
    ) -> Result<(), Option<Kept>> {
        let is_worth_it = self.is_there || self.began.elapsed() >= SOONEST;
        if self.given_up || !is_worth_it {
            return Err(None);
        }
        // It also says how long the run took so far.
        if (!self.is_there || self.is_due())
            && let Some(trouble) = self.write()
        {
            return Err(Some(trouble));
        }
        self.shelf
            .write(of, part, values)
            .map_err(|sentence| Some(self.give_up(&sentence)))
    }

    /// Takes a part away that is of no use any more.
    pub(crate) fn drop_part(&self, of: Stage<'_>, part: usize) {
        self.shelf.remove(of, part);
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
            || self.is_there
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
            Ok(()) => {
                self.is_there = true;
                None
            }
            Err(error) => Some(self.give_up(&error.to_string())),
        }
    }

    fn give_up(&mut self, why: &str) -> Kept {
        self.given_up = true;
        Kept::Not(format!(
            "{why} The run goes on; if it were interrupted, what follows would have to be done again."
        ))
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

#[cfg(test)]
mod tests {
    use whyfinder_experiment::{parse_experiment, schema};

    use super::*;

    fn identity() -> Identity {
        let text = "instrument = \"run\"\nmodel = \"m\"\n[input]\nprompt = \"a b\"\n";
        Identity {
            schema: schema::RESULT,
            program: schema::PROGRAM.into(),
            experiment: parse_experiment(text, &[]).expect("parses"),
            files: Vec::new(),
            model_digest: "1".into(),
            tokenizer_digest: "2".into(),
            device: "cpu".into(),
            dtype: "f32".into(),
            memory: 1 << 30,
        }
    }

    /// A ledger of a run that goes on long enough to be worth keeping.
    fn ledger(folder: &Path) -> (Ledger, Vec<Kept>) {
        let (ledger, news) = Ledger::open(folder, identity());
        std::thread::sleep(SOONEST);
        (ledger.expect("a ledger"), news)
    }

    #[test]
    fn parts_are_taken_up_and_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let of = Stage::only("output");
        let (mut early, _) = Ledger::open(folder.path(), identity());
        let early = early.as_mut().expect("a ledger");
        assert_eq!(early.keep_part(of, 0, &[&[1.0]]), Err(None), "too soon");
        assert!(!early.holds_anything());
        let (mut ledger, _) = ledger(folder.path());
        assert!(ledger.wants_parts());
        assert!(!ledger.wants_parts(), "not at once again");
        ledger
            .keep_part(of, 3, &[&[1.0, 2.0], &[3.0]])
            .expect("kept");
        ledger.keep_part(of, 4, &[&[4.0]]).expect("kept");
        ledger.drop_part(of, 4);
        assert!(ledger.holds_anything());
        let (again, news) = Ledger::open(folder.path(), identity());
        let again = again.expect("a ledger");
        assert_eq!(again.known_part(of, 3, 3), Some(vec![1.0, 2.0, 3.0]));
        assert_eq!(again.known_part(of, 4, 1), None);
        let taken_up = |kept: &Kept| {
            matches!(
                kept,
                Kept::TakenUp {
                    cells: 0,
                    parts: 1,
                    ..
                }
            )
        };
        assert!(news.iter().any(taken_up), "{news:?}");
    }

    #[test]
    fn a_disk_that_is_too_full_for_parts_is_said_once_and_keeps_its_room() {
        let folder = tempfile::tempdir().expect("a folder");
        let of = Stage::only("output");
        let (mut ledger, _) = ledger(folder.path());
        // A result that no disk holds beside them.
        ledger.reserve(1 << 60);
        match ledger.keep_part(of, 0, &[&[1.0]]) {
            Err(Some(Kept::Not(sentence))) => assert!(
                sentence.contains("too little to keep parts")
                    && sentence.contains("The run goes on"),
                "{sentence}"
            ),
            other => panic!("{other:?}"),
        }
        assert_eq!(ledger.keep_part(of, 0, &[&[1.0]]), Err(None));
        assert!(!ledger.wants_parts());
        assert_eq!(ledger.known_part(of, 0, 1), None);
    }
}
