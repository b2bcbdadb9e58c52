//! Passes side by side, each on one thread.
//!
//! Within a pass, threads wait for each other at every operation; a few passes that each have a thread of their own
//! never do. What a pass gives is the same either way.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use candle_core::Device;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Between two questions whether to go on.
const LOOK: Duration = Duration::from_millis(10);

/// Passes that keep a device busy: as many as there are threads, where threads compute.
pub fn most(device: &Device) -> usize {
    match device.is_cpu() {
        true => rayon::current_num_threads().max(1),
        false => 1,
    }
}

/// What comes of jobs that run side by side.
#[derive(Debug)]
pub enum Told<R> {
    /// The next result, in the order of the jobs.
    Done(R),
    /// Nothing yet.
    Waiting,
}

/// Runs jobs, `lanes` of them at a time, and tells of their results in order, on the calling thread, with a few
/// milliseconds between two words. Once `told` gives `false` no job is begun, and those that run are waited for; so it
/// is with a job that panics, whose panic goes on here.
pub fn in_order<J: Sync, R: Send>(
    jobs: &[J],
    lanes: usize,
    run: &(dyn Fn(&J) -> R + Sync),
    told: &mut dyn FnMut(Told<R>) -> bool,
) {
    let pools: Vec<ThreadPool> = (0..lanes.min(jobs.len()))
        .map_while(|_| ThreadPoolBuilder::new().num_threads(1).build().ok())
        .collect();
    if pools.len() < 2 {
        let mut results = jobs.iter().map(run);
        while results
            .next()
            .is_some_and(|result| told(Told::Done(result)))
        {}
        return;
    }
    let (next, ended) = (&AtomicUsize::new(0), &AtomicBool::new(false));
    let (sender, results) = sync_channel(pools.len());
    std::thread::scope(|scope| {
        for pool in &pools {
            let sender = sender.clone();
            let lane = move || {
                while let Some((at, job)) = next_of(jobs, next)
                    && !ended.load(Ordering::Relaxed)
                    && let result = catch_unwind(AssertUnwindSafe(|| run(job)))
                    && sender.send((at, result)).is_ok()
                {}
            };
            scope.spawn(move || pool.install(lane));
        }
        drop(sender);
        // Dropped on the way out, so that no lane waits to be heard.
        let results = results;
        let (mut early, mut due) = (BTreeMap::new(), 0);
        loop {
            let go_on = match results.recv_timeout(LOOK) {
                Ok((_, Err(panic))) => {
                    ended.store(true, Ordering::Relaxed);
                    resume_unwind(panic)
                }
                Ok((at, Ok(result))) => {
                    early.insert(at, result);
                    let mut go_on = true;
                    while go_on && let Some(result) = early.remove(&due) {
                        due += 1;
                        go_on = told(Told::Done(result));
                    }
                    go_on
                }
                Err(RecvTimeoutError::Timeout) => told(Told::Waiting),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if !go_on {
                ended.store(true, Ordering::Relaxed);
                return;
            }
        }
    });
}

fn next_of<'j, J>(jobs: &'j [J], next: &AtomicUsize) -> Option<(usize, &'j J)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    jobs.get(at).map(|job| (at, job))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whichever_job_is_done_first() {
        let jobs: Vec<u64> = (0..40).collect();
        for lanes in [0, 1, 2, 5, 100] {
            let (mut seen, running) = (Vec::new(), AtomicUsize::new(0));
            let run = |job: &u64| {
                let beside = running.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(if job.is_multiple_of(7) {
                    15
                } else {
                    1
                }));
                running.fetch_sub(1, Ordering::SeqCst);
                assert!(beside < lanes.max(1));
                (*job, rayon::current_num_threads())
            };
            in_order(&jobs, lanes, &run, &mut |told| {
                if let Told::Done((job, threads)) = told {
                    assert!(lanes < 2 || threads == 1, "a lane is one thread");
                    seen.push(job);
                }
                true
            });
            assert_eq!(seen, jobs, "{lanes}");
        }
    }

    #[test]
    fn jobs_end_when_nobody_wants_more() {
        let jobs: Vec<usize> = (0..1000).collect();
        for lanes in [1, 3] {
            let (begun, mut heard) = (AtomicUsize::new(0), 0);
            let run = |_: &usize| {
                begun.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(1));
            };
            in_order(&jobs, lanes, &run, &mut |told| {
                heard += usize::from(matches!(told, Told::Done(())));
                heard < 4
            });
            assert_eq!(heard, 4);
            // Each lane may have one under way and one to tell of.
            assert!(begun.load(Ordering::SeqCst) <= 4 + 3 * lanes);
        }
    }

    #[test]
    fn a_job_that_panics_ends_the_others_and_is_heard() {
        let jobs: Vec<usize> = (0..1000).collect();
        for lanes in [1, 3] {
            let begun = AtomicUsize::new(0);
            let run = |job: &usize| {
                begun.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(1));
                assert!(*job != 5, "the fifth is bad");
            };
            let ran = catch_unwind(AssertUnwindSafe(|| {
                in_order(&jobs, lanes, &run, &mut |_| true);
            }));
            let panic = ran.expect_err("it panicked");
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"the fifth is bad"));
            assert!(begun.load(Ordering::SeqCst) < 100);
        }
    }

    #[test]
    fn one_asks_to_go_on_while_a_job_takes_long() {
        let mut asked = 0;
        let run = |job: &u64| std::thread::sleep(Duration::from_millis(*job));
        in_order(&[80, 80], 2, &run, &mut |told| {
            asked += usize::from(matches!(told, Told::Waiting));
            true
        });
        assert!(asked >= 2, "{asked}");
    }
}
