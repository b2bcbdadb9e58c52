//! Events on their way to whoever asked.

use std::sync::Arc;

use crossbeam_channel::Sender;

use crate::protocol::{Event, Request, Tokenized};

/// Sends events and wakes the one who waits for them.
#[derive(Clone)]
pub(crate) struct Answers {
    events: Sender<Event>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Answers {
    pub(crate) fn new(events: Sender<Event>, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { events, wake }
    }

    pub(crate) fn send(&self, event: Event) {
        // Nobody listens any more once the worker is being dropped.
        if self.events.send(event).is_ok() {
            (self.wake)();
        }
    }

    /// Answers a request that cannot be served.
    pub(crate) fn refuse(&self, request: Request, message: String) {
        let event = match request {
            // The overview stays where a tile does not come.
            Request::Tiles(_) => return,
            Request::Open { model } => Event::OpenFailed { model, message },
            Request::Tokenize {
                model,
                text,
                ticket,
            } => Event::Tokenized(Tokenized {
                ticket,
                model,
                text,
                ids: Vec::new(),
                tokens: Vec::new(),
                spans: Vec::new(),
                error: Some(message),
            }),
            Request::Start { job, .. } | Request::Estimate { job, .. } => {
                Event::Failed { job, message }
            }
        };
        self.send(event);
    }
}
