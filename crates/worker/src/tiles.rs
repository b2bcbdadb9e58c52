//! Tiles of attention, computed beside the worker's thread: a person who pans does not wait for a trace.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use whyfinder_experiment::AttentionRecord;
use whyfinder_model::kernel::attention_tile::{TileId, tile};

use crate::answers::Answers;
use crate::protocol::{Event, TileRequest};

/// Most threads that compute tiles.
const MOST_THREADS: usize = 4;

/// What is wanted and not yet begun.
#[derive(Debug, Default)]
struct Wanted {
    record: Option<Arc<AttentionRecord>>,
    head: usize,
    tiles: VecDeque<TileId>,
    closed: bool,
}

#[derive(Debug, Default)]
struct Shared {
    wanted: Mutex<Wanted>,
    changed: Condvar,
}

/// Hands tiles out to threads of its own.
#[derive(Debug)]
pub(crate) struct TileDesk {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl TileDesk {
    /// Starts the threads; one that the system refuses is done without.
    pub(crate) fn open(answers: &Answers) -> Self {
        let shared = Arc::new(Shared::default());
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..count.min(MOST_THREADS))
            .filter_map(|_| {
                let (shared, answers) = (Arc::clone(&shared), answers.clone());
                Builder::new()
                    .name("whyfinder-tiles".to_string())
                    .spawn(move || shared.serve(&answers))
                    .ok()
            })
            .collect();
        Self { shared, threads }
    }

    /// Takes a request in place of all before it.
    pub(crate) fn ask(&self, request: TileRequest) {
        let mut wanted = self.shared.lock();
        wanted.record = Some(request.record);
        wanted.head = request.head;
        wanted.tiles = request.tiles.into();
        self.shared.changed.notify_all();
    }
}

impl Drop for TileDesk {
    fn drop(&mut self) {
        let mut wanted = self.shared.lock();
        wanted.closed = true;
        wanted.tiles.clear();
        drop(wanted);
        self.shared.changed.notify_all();
        // A tile takes a few milliseconds.
        for thread in self.threads.drain(..) {
            // Panics are caught on the thread.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn serve(&self, answers: &Answers) {
        while let Some((record, head, id)) = self.next() {
            let made = catch_unwind(AssertUnwindSafe(|| tile(&record, head, id)));
            if let Ok(tile) = made {
                answers.send(Event::Tile(Arc::new(tile)));
            }
        }
    }

    fn next(&self) -> Option<(Arc<AttentionRecord>, usize, TileId)> {
        let mut wanted = self.lock();
        loop {
            if wanted.closed {
                return None;
            }
            if let (Some(record), Some(&id)) = (&wanted.record, wanted.tiles.front()) {
                let next = (Arc::clone(record), wanted.head, id);
                wanted.tiles.pop_front();
                if wanted.tiles.is_empty() {
                    // The record may be large, and its run may be gone before the next request.
                    wanted.record = None;
                }
                return Some(next);
            }
            wanted = self
                .changed
                .wait(wanted)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
