//! The thread that reads and writes the history, so that the window never waits for a disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, unbounded};
use whyfinder_experiment::Outcome;

use super::node::Node;
use super::store::{Found, Shelf, Store};

/// What is to be done, in its turn.
#[derive(Debug)]
pub(crate) enum Task {
    /// Reads all runs, those of other windows too.
    Load,
    /// Keeps a run with its results.
    Keep(Box<Node>, Vec<(String, Arc<Outcome>)>),
    /// Writes a run that has changed.
    Rewrite(Box<Node>),
    Remove(Vec<String>),
    /// Reads results.
    Fetch {
        ticket: u64,
        keys: Vec<String>,
    },
    /// Bytes that results may take together.
    Budget(u64),
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum News {
    Loaded(Found),
    /// What is kept of the results now.
    Shelf(Shelf),
    Fetched {
        ticket: u64,
        outcomes: Result<Vec<Arc<Outcome>>, String>,
    },
    /// A sentence: what could not be done.
    Trouble(String),
}

/// The thread as the window holds it; dropping it waits until everything is written.
pub(crate) struct Keeper {
    tasks: Option<Sender<Task>>,
    news: Receiver<News>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper")
            .field("news", &self.news.len())
            .finish_non_exhaustive()
    }
}

impl Keeper {
    /// A thread over a folder; `wake` is called after each piece of news. `None` if the system gives no thread.
    pub(crate) fn spawn(
        folder: PathBuf,
        budget: u64,
        wake: impl Fn() + Send + 'static,
    ) -> Option<Self> {
        let (tasks, waiting) = unbounded();
        let (send, news) = unbounded();
        let thread = Builder::new()
            .name("whyfinder-history".to_string())
            .spawn(move || serve(&Store::at(&folder), budget, &waiting, &send, &wake))
            .ok()?;
        Some(Self {
            tasks: Some(tasks),
            news,
            thread: Some(thread),
        })
    }

    pub(crate) fn ask(&self, task: Task) {
        if let Some(tasks) = &self.tasks {
            // Fails only if the thread has ended, and then it has said why.
            tasks.send(task).ok();
        }
    }

    pub(crate) fn news(&self) -> Option<News> {
        self.news.try_recv().ok()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            // What was measured is worth the moment.
            thread.join().ok();
        }
    }
}

fn serve(
    store: &Store,
    mut budget: u64,
    tasks: &Receiver<Task>,
    news: &Sender<News>,
    wake: &dyn Fn(),
) {
    let tell = |what: News| {
        news.send(what).ok();
        wake();
    };
    for task in tasks {
        let done = match task {
            Task::Load => {
                tell(News::Loaded(store.load()));
                Ok(())
            }
            Task::Keep(node, outcomes) => {
                let run = store.write_node(&node);
                let results = outcomes.iter().try_for_each(|(key, outcome)| {
                    match store.put(key, outcome, budget)? {
                        true => Ok(()),
                        false => Err(
                            "The last result takes more room than all results may take together, so that only its \
                             question is kept. The history's foot sets how much they may."
                                .to_string(),
                        ),
                    }
                });
                run.and(results)
            }
            Task::Rewrite(node) => store.write_node(&node),
            Task::Remove(ids) => {
                store.remove_nodes(&ids);
                Ok(())
            }
            Task::Fetch { ticket, keys } => {
                let outcomes = keys.iter().map(|key| store.result(key).map(Arc::new));
                tell(News::Fetched {
                    ticket,
                    outcomes: outcomes.collect(),
                });
                continue;
            }
            Task::Budget(bytes) => {
                budget = bytes;
                store.trim(budget, None);
                Ok(())
            }
        };
        if let Err(sentence) = done {
            tell(News::Trouble(sentence));
        }
        tell(News::Shelf(store.shelf()));
    }
}
