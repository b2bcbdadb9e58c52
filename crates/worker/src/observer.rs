//! Passes reports on at the pace of a screen, and keeps the window lively while an instrument works.

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use whyfinder_instrument::{InstrumentError, MeasuredCell, Observer, Progress, Report, Stage};

use crate::ledger::Ledger;
use crate::protocol::Kept;
use crate::room;

/// Reports of cells and of progress closer together than this are sent as one.
pub(crate) const PACE: Duration = Duration::from_millis(33);

/// Gathers what an instrument says. Cells keep their order; of the progress only the latest counts.
pub(crate) struct PacedObserver<'a> {
    cancel: &'a AtomicBool,
    send: &'a dyn Fn(Report),
    /// Done between two pieces of work, such as answering what takes no time.
    between: &'a dyn Fn(),
    gathered: RefCell<Gathered>,
    /// Where cells are kept against an interruption.
    ledger: Option<&'a mut Ledger>,
    /// Told where that fails.
    trouble: &'a dyn Fn(Kept),
    /// Where the result will be written, if it is known.
    results_in: Option<&'a Path>,
}

#[derive(Default)]
struct Gathered {
    cells: Vec<(String, Vec<MeasuredCell>)>,
    progress: Option<Progress>,
    sent: Option<Instant>,
}

impl<'a> PacedObserver<'a> {
    pub(crate) fn new(
        cancel: &'a AtomicBool,
        send: &'a dyn Fn(Report),
        between: &'a dyn Fn(),
    ) -> Self {
        Self {
            cancel,
            send,
            between,
            gathered: RefCell::default(),
            ledger: None,
            trouble: &|_| {},
            results_in: None,
        }
    }

    /// Refuses a result that a folder has no room for.
    pub(crate) fn writing_to(self, results_in: Option<&'a Path>) -> Self {
        Self { results_in, ..self }
    }

    /// Keeps cells in a ledger, and knows those that are in it.
    pub(crate) fn with_ledger(
        self,
        ledger: Option<&'a mut Ledger>,
        trouble: &'a dyn Fn(Kept),
    ) -> Self {
        Self {
            ledger,
            trouble,
            ..self
        }
    }

    /// Sends what is gathered, whatever the time.
    pub(crate) fn flush(&self) {
        let Gathered {
            cells, progress, ..
        } = self.gathered.replace(Gathered {
            sent: Some(Instant::now()),
            ..Gathered::default()
        });
        for (field, cells) in cells {
            (self.send)(Report::Cells { field, cells });
        }
        if let Some(progress) = progress {
            (self.send)(Report::Progress(progress));
        }
    }

    fn flush_if_due(&self) {
        let due = {
            let gathered = self.gathered.borrow();
            let anything = !gathered.cells.is_empty() || gathered.progress.is_some();
            anything && gathered.sent.is_none_or(|at| at.elapsed() >= PACE)
        };
        if due {
            self.flush();
        }
    }
}

impl Observer for PacedObserver<'_> {
    fn report(&mut self, report: Report) {
        let gathered = self.gathered.get_mut();
        match report {
            Report::Cells { field, cells } => {
                match gathered.cells.iter_mut().find(|(name, _)| *name == field) {
                    Some((_, all)) => all.extend(cells),
                    None => gathered.cells.push((field, cells)),
                }
                self.flush_if_due();
            }
            Report::Progress(progress) => {
                gathered.progress = Some(progress);
                self.flush_if_due();
            }
            Report::Started { .. } | Report::Field(_) | Report::Attention(_) => {
                self.flush();
                (self.send)(report);
            }
        }
    }

    fn announce(&mut self, result_bytes: u64) -> Result<(), InstrumentError> {
        if let Some(ledger) = &mut self.ledger {
            ledger.reserve(result_bytes);
        }
        match self.results_in {
            Some(folder) => room::check(folder, result_bytes).map_err(InstrumentError::Unfit),
            None => Ok(()),
        }
    }

    fn cancelled(&self) -> bool {
        self.flush_if_due();
        (self.between)();
        self.cancel.load(Ordering::Relaxed)
    }

    fn known(&self, of: Stage<'_>, cell: usize) -> Option<&MeasuredCell> {
        self.ledger.as_ref()?.known(of, cell)
    }

    fn keep(&mut self, of: Stage<'_>, cell: &MeasuredCell) {
        let trouble = self.ledger.as_mut().and_then(|l| l.keep(of, cell));
        if let Some(trouble) = trouble {
            (self.trouble)(trouble);
        }
    }

    fn known_part(&self, of: Stage<'_>, part: usize, len: usize) -> Option<Vec<f32>> {
        self.ledger.as_ref()?.known_part(of, part, len)
    }

    fn wants_parts(&mut self) -> bool {
        self.ledger.as_mut().is_some_and(|l| l.wants_parts())
    }

    fn keep_part(&mut self, of: Stage<'_>, part: usize, values: &[&[f32]]) -> bool {
        let Some(ledger) = &mut self.ledger else {
            return false;
        };
        let kept = ledger.keep_part(of, part, values);
        if let Err(Some(trouble)) = &kept {
            (self.trouble)(trouble.clone());
        }
        kept.is_ok()
    }

    fn drop_part(&mut self, of: Stage<'_>, part: usize) {
        if let Some(ledger) = &self.ledger {
            ledger.drop_part(of, part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(cell: usize) -> MeasuredCell {
        MeasuredCell {
            cell,
            samples: vec![cell as f32],
            tokens: whyfinder_instrument::CellTokens::default(),
        }
    }

    #[test]
    fn many_cells_become_few_reports_and_none_is_lost() {
        let sent = RefCell::new(Vec::new());
        let keep = |report| sent.borrow_mut().push(report);
        let cancel = AtomicBool::new(false);
        let mut observer = PacedObserver::new(&cancel, &keep, &|| {});
        for i in 0..10_000 {
            let field = if i % 2 == 0 { "residual" } else { "mlp" };
            observer.report(Report::Cells {
                field: field.into(),
                cells: vec![cell(i)],
            });
            observer.report(Report::Progress(Progress {
                done: i,
                total: 10_000,
                seconds_left: None,
            }));
        }
        observer.flush();
        let sent = sent.into_inner();
        assert!(sent.len() < 1000, "{} reports", sent.len());
        let mut even = Vec::new();
        let mut odd = Vec::new();
        let mut last = None;
        for report in sent {
            match report {
                Report::Cells { field, cells } if field == "residual" => even.extend(cells),
                Report::Cells { cells, .. } => odd.extend(cells),
                Report::Progress(progress) => last = Some(progress.done),
                _ => {}
            }
        }
        assert_eq!(even, (0..10_000).step_by(2).map(cell).collect::<Vec<_>>());
        assert_eq!(odd, (1..10_000).step_by(2).map(cell).collect::<Vec<_>>());
        assert_eq!(last, Some(9_999));
    }

    #[test]
    fn a_field_never_overtakes_its_cells() {
        let names = RefCell::new(Vec::new());
        let keep = |report| {
            names.borrow_mut().push(match report {
                Report::Cells { .. } => "cells",
                Report::Field(_) => "field",
                _ => "other",
            });
        };
        let cancel = AtomicBool::new(false);
        let mut observer = PacedObserver::new(&cancel, &keep, &|| {});
        for i in 0..3 {
            observer.report(Report::Cells {
                field: "f".into(),
                cells: vec![cell(i)],
            });
        }
        let field = whyfinder_experiment::Field::unmeasured("f", Vec::new());
        observer.report(Report::Field(field));
        assert_eq!(names.borrow().last(), Some(&"field"));
        assert!(names.borrow().contains(&"cells"));
    }

    #[test]
    fn asking_about_cancellation_does_the_work_between() {
        let asked = std::cell::Cell::new(0);
        let count = || asked.set(asked.get() + 1);
        let cancel = AtomicBool::new(false);
        let observer = PacedObserver::new(&cancel, &|_| {}, &count);
        assert!(!observer.cancelled());
        cancel.store(true, Ordering::Relaxed);
        assert!(observer.cancelled());
        assert_eq!(asked.get(), 2);
    }
}
