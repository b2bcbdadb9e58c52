//! The worker as the window sees it: one real, one that a script plays.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use whyfinder_worker::{Event, JobId, Request, Worker};

/// Takes requests and answers with events, never making the window wait.
pub trait Background: fmt::Debug {
    fn send(&mut self, request: Request);
    fn cancel(&mut self, job: JobId);
    fn try_recv(&mut self) -> Option<Event>;
}

impl Background for Worker {
    fn send(&mut self, request: Request) {
        Worker::send(self, request);
    }

    fn cancel(&mut self, job: JobId) {
        Worker::cancel(self, job);
    }

    fn try_recv(&mut self) -> Option<Event> {
        Worker::try_recv(self)
    }
}

/// A background without a model behind it: whoever holds a clone puts in events and reads the requests.
#[derive(Clone, Debug, Default)]
pub struct Scripted {
    inner: Rc<RefCell<Script>>,
}

#[derive(Debug, Default)]
struct Script {
    requests: Vec<Request>,
    cancelled: Vec<JobId>,
    events: VecDeque<Event>,
}

impl Scripted {
    /// The next event that the window will see.
    pub fn answer(&self, event: Event) {
        self.inner.borrow_mut().events.push_back(event);
    }

    /// What the window asked for since the last call.
    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.inner.borrow_mut().requests)
    }

    /// What the window cancelled since the last call.
    pub fn take_cancelled(&self) -> Vec<JobId> {
        std::mem::take(&mut self.inner.borrow_mut().cancelled)
    }
}

impl Background for Scripted {
    fn send(&mut self, request: Request) {
        self.inner.borrow_mut().requests.push(request);
    }

    fn cancel(&mut self, job: JobId) {
        self.inner.borrow_mut().cancelled.push(job);
    }

    fn try_recv(&mut self) -> Option<Event> {
        self.inner.borrow_mut().events.pop_front()
    }
}
