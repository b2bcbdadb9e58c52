//! Requests that wait, and the flags of those that run.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::protocol::{JobId, Request};

/// Shared between the asker and the thread; every question about it is answered under one lock.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Request>,
    /// The job at work, and one that is answered in between.
    running: Vec<(JobId, Arc<AtomicBool>)>,
    closed: bool,
}

/// A request taken up, with the flag that is raised to cancel it.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) request: Request,
    pub(crate) cancel: Arc<AtomicBool>,
}

/// Where a job was when it was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It never began, and never will.
    Waiting,
    /// Its flag is up.
    Running,
    Nowhere,
}

impl Queue {
    pub(crate) fn push(&self, request: Request) {
        self.lock().waiting.push_back(request);
        self.changed.notify_all();
    }

    /// Waits for a request and marks its job as running; `None` once the queue is closed.
    ///
    /// Splitting text goes first: it takes no time, and somebody is typing.
    pub(crate) fn next(&self) -> Option<Taken> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let quick = state
                .waiting
                .iter()
                .position(|r| matches!(r, Request::Tokenize { .. }));
            if let Some(request) = state.waiting.remove(quick.unwrap_or(0)) {
                state.running.clear();
                return Some(state.begin(request));
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes a request that passes `wanted`, without waiting and beside the running job.
    pub(crate) fn take_if(&self, wanted: impl Fn(&Request) -> bool) -> Option<Taken> {
        let mut state = self.lock();
        let at = state.waiting.iter().position(wanted)?;
        let request = state.waiting.remove(at)?;
        Some(state.begin(request))
    }

    /// Says that every running job has ended.
    pub(crate) fn done(&self) {
        self.lock().running.clear();
    }

    /// Says that a job that was answered in between has ended.
    pub(crate) fn done_between(&self, job: JobId) {
        self.lock().running.retain(|(running, _)| *running != job);
    }

    pub(crate) fn cancel(&self, job: JobId) -> Found {
        let mut state = self.lock();
        if let Some((_, flag)) = state.running.iter().find(|(running, _)| *running == job) {
            flag.store(true, Ordering::Relaxed);
            return Found::Running;
        }
        let before = state.waiting.len();
        state.waiting.retain(|r| job_of(r) != Some(job));
        if state.waiting.len() < before {
            Found::Waiting
        } else {
            Found::Nowhere
        }
    }

    /// Ends the thread: what runs is cancelled, what waits is dropped.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
        for (_, flag) in &state.running {
            flag.store(true, Ordering::Relaxed);
        }
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A request with its flag, among those that run if it is a job.
    fn begin(&mut self, request: Request) -> Taken {
        let cancel = Arc::new(AtomicBool::new(false));
        if let Some(job) = job_of(&request) {
            self.running.push((job, Arc::clone(&cancel)));
        }
        Taken { request, cancel }
    }
}

/// The job that a request belongs to, if it is one.
pub(crate) fn job_of(request: &Request) -> Option<JobId> {
    match request {
        Request::Start { job, .. } | Request::Estimate { job, .. } => Some(*job),
        Request::Open { .. } | Request::Tokenize { .. } | Request::Tiles(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use whyfinder_experiment::{Experiment, Input, InstrumentSettings, RunSettings};

    use super::*;

    fn start(job: u64) -> Request {
        Request::Start {
            job: JobId(job),
            experiment: Experiment {
                model: "demo:isles".into(),
                seed: 0,
                input: Input::default(),
                instrument: InstrumentSettings::Run {
                    run: RunSettings::default(),
                },
            },
        }
    }

    fn tokenize(ticket: u64) -> Request {
        Request::Tokenize {
            model: "demo:isles".into(),
            text: String::new(),
            ticket,
        }
    }

    #[test]
    fn jobs_keep_their_order_and_splitting_goes_first() {
        let queue = Queue::default();
        for request in [start(1), start(2), tokenize(3)] {
            queue.push(request);
        }
        let order: Vec<_> = std::iter::from_fn(|| {
            let more = !queue.lock().waiting.is_empty();
            more.then(|| queue.next().map(|t| job_of(&t.request)))?
        })
        .collect();
        assert_eq!(order, [None, Some(JobId(1)), Some(JobId(2))]);
    }

    #[test]
    fn a_waiting_job_is_removed_and_a_running_one_is_flagged() {
        let queue = Queue::default();
        queue.push(start(1));
        queue.push(start(2));
        let taken = queue.next().expect("open");
        assert_eq!(queue.cancel(JobId(2)), Found::Waiting);
        assert_eq!(queue.cancel(JobId(2)), Found::Nowhere);
        assert!(!taken.cancel.load(Ordering::Relaxed));
        assert_eq!(queue.cancel(JobId(1)), Found::Running);
        assert!(taken.cancel.load(Ordering::Relaxed));
        queue.done();
        assert_eq!(queue.cancel(JobId(1)), Found::Nowhere);
    }

    #[test]
    fn a_job_in_between_has_a_flag_of_its_own() {
        let queue = Queue::default();
        queue.push(start(1));
        queue.push(start(2));
        let long = queue.next().expect("open");
        let between = queue
            .take_if(|r| job_of(r) == Some(JobId(2)))
            .expect("it waits");
        assert_eq!(queue.cancel(JobId(2)), Found::Running);
        assert!(between.cancel.load(Ordering::Relaxed) && !long.cancel.load(Ordering::Relaxed));
        queue.done_between(JobId(2));
        assert_eq!(queue.cancel(JobId(2)), Found::Nowhere);
        assert_eq!(queue.cancel(JobId(1)), Found::Running);
    }

    #[test]
    fn closing_ends_a_waiting_thread_and_flags_what_runs() {
        let queue = Queue::default();
        queue.push(start(1));
        queue.push(start(2));
        let taken = queue.next().expect("open");
        queue.close();
        assert!(taken.cancel.load(Ordering::Relaxed));
        assert!(queue.next().is_none());
    }
}
