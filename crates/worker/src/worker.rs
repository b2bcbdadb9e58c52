//! The worker as the window and the command line hold it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};

use whyfinder_model::OpenOptions;

use crate::answers::Answers;
use crate::instruments::Instruments;
use crate::laboratory::Laboratory;
use crate::memory::MemoryBudget;
use crate::protocol::{Event, JobId, Request};
use crate::queue::{Found, Queue, job_of};
use crate::thread;
use crate::tiles::TileDesk;

/// The walk over a gradient's graph is recursive: a chain of 10 000 operations overflows the usual 2 MiB.
const STACK_BYTES: usize = 64 << 20;

/// How long dropping the worker waits for its thread; the thread looks up every few tens of milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Called after every event, from any thread; the window asks for a repaint here.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// One thread that owns models and devices.
///
/// Every [`Request`] is answered: `Open` by `Opened` or `OpenFailed`, `Tokenize` by `Tokenized`, `Tiles` by a `Tile`
/// each unless a later request came before them, and a job by exactly
/// one of `Finished`, `Estimated`, `Cancelled` and `Failed`. A job whose model cannot be opened gets `OpenFailed` and
/// then `Failed`. Dropping the worker cancels what runs and ends the thread.
pub struct Worker {
    queue: Arc<Queue>,
    answers: Answers,
    events: Receiver<Event>,
    thread: Option<JoinHandle<()>>,
    tiles: TileDesk,
    /// Why there is no thread.
    broken: Option<String>,
}

/// What a worker starts with.
#[derive(Clone)]
pub struct WorkerOptions {
    pub memory: MemoryBudget,
    /// Device and places of the models that it opens.
    pub models: OpenOptions,
    /// Where results will be written: runs keep there what they have measured, so that one that is interrupted can be
    /// taken up, and one whose result has no room there is refused. `None`: neither.
    pub keep_in: Option<PathBuf>,
    pub wake: Wake,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            memory: MemoryBudget::default(),
            models: OpenOptions::default(),
            keep_in: None,
            wake: Arc::new(|| {}),
        }
    }
}

impl fmt::Debug for WorkerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerOptions")
            .field("memory", &self.memory)
            .field("models", &self.models)
            .finish_non_exhaustive()
    }
}

impl Worker {
    /// Starts the thread that opens models and carries out experiments.
    pub fn spawn(options: WorkerOptions) -> Self {
        let laboratory = Instruments {
            options: options.models,
        };
        Self::spawn_keeping(laboratory, options.memory, options.wake, options.keep_in)
    }

    /// Starts a worker with another laboratory than the program's own.
    pub fn spawn_with<L: Laboratory>(laboratory: L, memory: MemoryBudget, wake: Wake) -> Self {
        Self::spawn_keeping(laboratory, memory, wake, None)
    }

    fn spawn_keeping<L: Laboratory>(
        laboratory: L,
        memory: MemoryBudget,
        wake: Wake,
        keep_in: Option<PathBuf>,
    ) -> Self {
        let (sender, events) = unbounded();
        let answers = Answers::new(sender, wake);
        let queue = Arc::new(Queue::default());
        let budget_bytes = memory.bytes();
        let spawned = Builder::new()
            .name("whyfinder-worker".to_string())
            .stack_size(STACK_BYTES)
            .spawn({
                let queue = Arc::clone(&queue);
                let answers = answers.clone();
                move || thread::serve(laboratory, &queue, &answers, budget_bytes, keep_in)
            });
        let (thread, broken) = match spawned {
            Ok(thread) => (Some(thread), None),
            Err(error) => (
                None,
                Some(format!(
                    "The system gave no thread for the computation: {error}."
                )),
            ),
        };
        Self {
            tiles: TileDesk::open(&answers),
            queue,
            answers,
            events,
            thread,
            broken,
        }
    }

    /// Hands over a request; never waits.
    pub fn send(&self, request: Request) {
        if let Request::Tiles(request) = request {
            self.tiles.ask(request);
            return;
        }
        if let Some(reason) = &self.broken {
            self.answers.refuse(request, reason.clone());
            return;
        }
        if let Some(job) = job_of(&request) {
            self.answers.send(Event::Queued { job });
        }
        self.queue.push(request);
    }

    /// Ends a job, whether it runs or still waits. A job that is unknown or has ended is let be.
    pub fn cancel(&self, job: JobId) {
        if self.queue.cancel(job) == Found::Waiting {
            self.answers.send(Event::Cancelled { job });
        }
    }

    /// The next event, if there is one.
    pub fn try_recv(&self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// The next event, waiting for it at most this long.
    pub fn recv_timeout(&self, timeout: Duration) -> Option<Event> {
        self.events.recv_timeout(timeout).ok()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.queue.close();
        let Some(thread) = self.thread.take() else {
            return;
        };
        let began = Instant::now();
        while !thread.is_finished() && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(2));
        }
        if thread.is_finished() {
            // Panics are caught on the thread, and there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("events", &self.events.len())
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}
