//! What happens on the worker's thread.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use whyfinder_experiment::partial::{Identity, digests_of};
use whyfinder_experiment::{Experiment, ImageMethod, InstrumentSettings, Outcome, schema};

use crate::answers::Answers;
use crate::fingerprint;
use crate::kept_models::{Kept, KeptModels};
use crate::laboratory::{Failure, Laboratory};
use crate::ledger::Ledger;
use crate::memory::human_bytes;
use crate::observer::PacedObserver;
use crate::outcomes::Outcomes;
use crate::protocol::{Estimate, Event, JobId, Kept as News, Request, Tokenized};
use crate::queue::{Queue, Taken};

/// The share of the budget that is kept free while a map runs, so that one pass of a network with attention windows can
/// be looked into in between.
const FREE_BETWEEN: u64 = 16;

/// Serves requests until the queue is closed.
pub(crate) fn serve<L: Laboratory>(
    laboratory: L,
    queue: &Queue,
    answers: &Answers,
    budget_bytes: u64,
    keep_in: Option<PathBuf>,
) {
    let mut thread = Thread {
        keep_in,
        laboratory,
        queue,
        answers,
        budget_bytes,
        models: KeptModels::new(),
        outcomes: RefCell::new(Outcomes::new((budget_bytes / 8).min(1 << 30))),
        free_bytes: Cell::new(0),
    };
    while let Some(Taken { request, cancel }) = queue.next() {
        let served = catch_unwind(AssertUnwindSafe(|| {
            thread.serve(request.clone(), &cancel);
        }));
        if let Err(panic) = served {
            // A model may have been left half-way; it is read again when it is needed.
            thread.models = KeptModels::new();
            answers.refuse(request, fault(panic.as_ref()));
        }
        queue.done();
    }
}

fn fault(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no reason was given".to_string());
    format!(
        "This could not be finished, because of a fault in the program ({text}); please report it together with the \
         experiment."
    )
}

struct Thread<'a, L: Laboratory> {
    /// Where runs keep what they have measured.
    keep_in: Option<PathBuf>,
    laboratory: L,
    queue: &'a Queue,
    answers: &'a Answers,
    budget_bytes: u64,
    models: KeptModels<L::Model>,
    outcomes: RefCell<Outcomes>,
    /// What may be held by a job that is answered between two pieces of the running one.
    free_bytes: Cell<u64>,
}

/// Whether an experiment is one pass that somebody who points at a picture waits for.
fn is_one_pass(experiment: &Experiment) -> bool {
    matches!(
        experiment.instrument,
        InstrumentSettings::Image {
            method: ImageMethod::WindowAttention(_),
            ..
        }
    )
}

impl<L: Laboratory> Thread<'_, L> {
    fn serve(&mut self, request: Request, cancel: &AtomicBool) {
        match request {
            Request::Open { model } => match self.open(&model) {
                Ok(kept) => self.answers.send(Event::Opened(Arc::clone(&kept.opened))),
                Err(failure) => self.answers.send(Event::OpenFailed {
                    model,
                    message: failure.to_string(),
                }),
            },
            Request::Tokenize { ref model, .. } => match self.open(model) {
                Ok(kept) => tokenize(&self.laboratory, &kept.model, request, self.answers),
                Err(failure) => self.answers.refuse(request, failure.to_string()),
            },
            // Served by threads of their own; see `tiles`.
            Request::Tiles(_) => {}
            Request::Start { job, experiment } => {
                let done = self.start(job, experiment, cancel);
                self.end(job, done, cancel);
            }
            Request::Estimate { job, experiment } => {
                let done = self.open(&experiment.model).and_then(|kept| {
                    let estimate = self.estimate(&kept, &experiment)?;
                    Ok(Event::Estimated { job, estimate })
                });
                self.end(job, done, cancel);
            }
        }
    }

    /// Sends the one event that ends a job.
    fn end(&self, job: JobId, done: Result<Event, Failure>, cancel: &AtomicBool) {
        self.answers.send(match done {
            Ok(event) => event,
            Err(Failure::Cancelled) => Event::Cancelled { job },
            // A failure that the asker no longer waits for.
            Err(_) if cancel.load(Ordering::Relaxed) => Event::Cancelled { job },
            Err(failure) => Event::Failed {
                job,
                message: failure.to_string(),
            },
        });
    }

    fn open(&mut self, reference: &str) -> Result<Rc<Kept<L::Model>>, Failure> {
        let fingerprint = self.laboratory.fingerprint(reference);
        if let Some(kept) = self.models.take_up(reference, &fingerprint) {
            return Ok(kept);
        }
        let bytes = self.laboratory.size(reference).unwrap_or(0);
        if bytes > self.budget_bytes {
            return Err(Failure::Because(format!(
                "The model needs about {}, and at most {} may be used: {reference}",
                human_bytes(bytes),
                human_bytes(self.budget_bytes)
            )));
        }
        self.models.shrink_to(self.budget_bytes - bytes);
        self.answers.send(Event::Opening {
            model: reference.to_string(),
        });
        let (model, opened) = self.laboratory.open(reference)?;
        Ok(self.models.put(Kept {
            reference: reference.to_string(),
            fingerprint,
            model,
            opened: Arc::new(opened),
        }))
    }

    fn estimate(
        &self,
        kept: &Kept<L::Model>,
        experiment: &Experiment,
    ) -> Result<Estimate, Failure> {
        self.laboratory
            .estimate(&kept.model, experiment, self.budget_bytes)
    }

    fn start(
        &mut self,
        job: JobId,
        experiment: Experiment,
        cancel: &AtomicBool,
    ) -> Result<Event, Failure> {
        let key = self.key(&experiment);
        let known = self.outcomes.borrow_mut().get(&key);
        if let Some(outcome) = known {
            self.answers.send(Event::Started { job });
            return Ok(Event::Finished {
                job,
                outcome,
                cached: true,
            });
        }
        let was_open = self.models.find(&experiment.model).is_some();
        let kept = match self.open(&experiment.model) {
            Ok(kept) => kept,
            Err(failure) => {
                self.answers.send(Event::OpenFailed {
                    model: experiment.model,
                    message: failure.to_string(),
                });
                return Err(failure);
            }
        };
        if !was_open {
            self.answers.send(Event::Opened(Arc::clone(&kept.opened)));
        }
        self.answers.send(Event::Started { job });
        if cancel.load(Ordering::Relaxed) {
            return Err(Failure::Cancelled);
        }
        let free = match &experiment.instrument {
            InstrumentSettings::Image { .. } if self.models.have_windows() => {
                self.budget_bytes / FREE_BETWEEN
            }
            _ => 0,
        };
        let mut measured = self.measure(job, &kept, &experiment, cancel, free);
        if matches!(measured, Err(Failure::TooLarge(_)))
            && (free > 0 || self.models.bytes() > kept.opened.bytes)
        {
            // The memory of a model that is only kept for later may be just what is missing.
            self.models.keep_only(&kept.reference);
            measured = self.measure(job, &kept, &experiment, cancel, 0);
        }
        let outcome = Arc::new(measured?);
        self.outcomes.borrow_mut().put(key, Arc::clone(&outcome));
        Ok(Event::Finished {
            job,
            outcome,
            cached: false,
        })
    }

    /// Carries out an experiment, and leaves `free` bytes of the budget to what is answered in between.
    fn measure(
        &self,
        job: JobId,
        kept: &Kept<L::Model>,
        experiment: &Experiment,
        cancel: &AtomicBool,
        free: u64,
    ) -> Result<Outcome, Failure> {
        let send = |report| self.answers.send(Event::Report { job, report });
        let between = || self.answer_what_takes_no_time();
        let others = self.models.bytes().saturating_sub(kept.opened.bytes);
        let budget = self.budget_bytes.saturating_sub(others + free);
        let news = |kept| self.answers.send(Event::Kept { job, kept });
        let mut ledger = self.ledger(kept, experiment, budget, &news);
        let mut observer =
            PacedObserver::new(cancel, &send, &between).with_ledger(ledger.as_mut(), &news);
        observer = observer.writing_to(self.keep_in.as_deref());
        self.free_bytes.set(free);
        let mut outcome = self
            .laboratory
            .measure(&kept.model, experiment, budget, &mut observer);
        self.free_bytes.set(0);
        observer.flush();
        if let Some(ledger) = &mut ledger {
            match &mut outcome {
                Ok(outcome) => outcome.summary.seconds += ledger.seconds_before(),
                Err(Failure::Cancelled) if ledger.holds_anything() => {
                    ledger.write().into_iter().for_each(news);
                }
                Err(_) => {}
            }
        }
        outcome
    }

    /// What has been measured of this very run, where such things are kept.
    fn ledger(
        &self,
        kept: &Kept<L::Model>,
        experiment: &Experiment,
        memory: u64,
        news: &dyn Fn(News),
    ) -> Option<Ledger> {
        let folder = self.keep_in.as_ref()?;
        let provenance = self.laboratory.provenance(&kept.model)?;
        let identity = Identity {
            schema: schema::RESULT,
            program: provenance.program,
            experiment: experiment.clone(),
            // A file that cannot be read is said by the run itself.
            files: digests_of(experiment).ok()?,
            model_digest: provenance.model_digest,
            tokenizer_digest: provenance.tokenizer_digest,
            device: provenance.device,
            dtype: provenance.dtype,
            memory,
        };
        let (ledger, found) = Ledger::open(folder, identity);
        found.into_iter().for_each(news);
        ledger
    }

    /// Between two pieces of a job: splits text with a model that is open, says that a model is open, and looks into
    /// one pass where the pointer is.
    fn answer_what_takes_no_time(&self) {
        let is_quick = |request: &Request| match request {
            Request::Open { model } | Request::Tokenize { model, .. } => {
                self.models.find(model).is_some()
            }
            Request::Start { experiment, .. } => {
                is_one_pass(experiment)
                    && self.free_bytes.get() > 0
                    && self.models.find(&experiment.model).is_some()
            }
            Request::Estimate { .. } | Request::Tiles(_) => false,
        };
        while let Some(Taken { request, cancel }) = self.queue.take_if(is_quick) {
            match request {
                Request::Open { model } => {
                    if let Some(kept) = self.models.find(&model) {
                        self.answers.send(Event::Opened(Arc::clone(&kept.opened)));
                    }
                }
                Request::Tokenize { ref model, .. } => {
                    if let Some(kept) = self.models.find(model) {
                        tokenize(&self.laboratory, &kept.model, request, self.answers);
                    }
                }
                Request::Start { job, experiment } => {
                    let done = catch_unwind(AssertUnwindSafe(|| {
                        self.look_into(job, &experiment, &cancel)
                    }));
                    let done =
                        done.unwrap_or_else(|panic| Err(Failure::Because(fault(panic.as_ref()))));
                    self.queue.done_between(job);
                    if matches!(done, Err(Failure::TooLarge(_))) {
                        // There may be room once the running job has ended.
                        self.free_bytes.set(0);
                        self.queue.push(Request::Start { job, experiment });
                    } else {
                        self.end(job, done, &cancel);
                    }
                }
                Request::Estimate { .. } | Request::Tiles(_) => {}
            }
        }
    }

    /// One pass of an open model within the memory that was left free for it.
    fn look_into(
        &self,
        job: JobId,
        experiment: &Experiment,
        cancel: &AtomicBool,
    ) -> Result<Event, Failure> {
        let Some(kept) = self.models.find(&experiment.model) else {
            return Err(Failure::because("The network is no longer open."));
        };
        self.answers.send(Event::Started { job });
        let key = self.key(experiment);
        let known = self.outcomes.borrow_mut().get(&key);
        let cached = known.is_some();
        let outcome = match known {
            Some(outcome) => outcome,
            None => {
                let send = |report| self.answers.send(Event::Report { job, report });
                let mut observer = PacedObserver::new(cancel, &send, &|| {});
                let budget = self.free_bytes.get() + kept.opened.bytes;
                let measured =
                    self.laboratory
                        .measure(&kept.model, experiment, budget, &mut observer);
                observer.flush();
                let outcome = Arc::new(measured?);
                self.outcomes.borrow_mut().put(key, Arc::clone(&outcome));
                outcome
            }
        };
        Ok(Event::Finished {
            job,
            outcome,
            cached,
        })
    }

    /// The experiment word for word, and the state of the files that it names.
    fn key(&self, experiment: &Experiment) -> String {
        let model = self.laboratory.fingerprint(&experiment.model);
        let files: String = experiment
            .files()
            .iter()
            .map(|file| fingerprint::of(file))
            .collect();
        format!("{experiment:?}\n{model}\n{files}")
    }
}

fn tokenize<L: Laboratory>(laboratory: &L, model: &L::Model, request: Request, answers: &Answers) {
    let Request::Tokenize {
        model: reference,
        text,
        ticket,
    } = request
    else {
        return;
    };
    let (split, error) = match laboratory.tokenize(model, &text) {
        Ok(split) => (split, None),
        Err(failure) => (Default::default(), Some(failure.to_string())),
    };
    answers.send(Event::Tokenized(Tokenized {
        ticket,
        model: reference,
        text,
        ids: split.ids,
        tokens: split.tokens,
        spans: split.spans,
        error,
    }));
}
