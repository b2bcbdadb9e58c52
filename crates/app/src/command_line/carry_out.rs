//! One job on a worker, awaited.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use whyfinder_experiment::{Experiment, Outcome};
use whyfinder_instrument::Report;
use whyfinder_model::{OpenOptions, device_memory, device_named};
use whyfinder_worker::{Event, JobId, Kept, MemoryBudget, Request, Worker, WorkerOptions};

use super::arguments::Machine;
use super::command_error::CommandError;
use super::interruption::Interruption;
use super::progress::ProgressLine;
use super::threads;

/// A worker on the device that was asked for.
///
/// # Errors
/// If there is no such device.
pub(crate) fn worker(machine: &Machine) -> Result<Worker, CommandError> {
    worker_keeping(machine, None)
}

/// The same, whose runs keep what they measure in a folder.
///
/// # Errors
/// As [`worker`].
pub(crate) fn worker_keeping(
    machine: &Machine,
    keep_in: Option<&Path>,
) -> Result<Worker, CommandError> {
    Ok(Worker::spawn(WorkerOptions {
        keep_in: keep_in.map(Path::to_path_buf),
        ..options(machine)?
    }))
}

/// What a worker is told of the machine. Starts the program once more where other threads are asked for.
///
/// # Errors
/// If there is no such device.
pub(crate) fn options(machine: &Machine) -> Result<WorkerOptions, CommandError> {
    let device = device_named(&machine.device)?;
    threads::limit_to(machine.threads)?;
    let memory = machine
        .memory
        .or_else(|| device_memory(&device).map(|bytes| bytes / 10 * 7))
        .map(MemoryBudget::Bytes)
        .unwrap_or_default();
    Ok(WorkerOptions {
        memory,
        models: OpenOptions {
            device,
            ..OpenOptions::default()
        },
        ..WorkerOptions::default()
    })
}

/// Carries out an experiment and tells how far it is.
///
/// # Errors
/// A bad request if the model cannot be opened, a failure if the experiment comes to nothing.
pub(crate) fn measure(
    worker: &Worker,
    experiment: Experiment,
    progress: &ProgressLine,
) -> Result<Arc<Outcome>, CommandError> {
    let interruption = Interruption::default();
    measure_hearing(worker, experiment, progress, &interruption, &mut |_| {})
}

/// The same; `hear` is told what is kept of the run, and a signal ends it.
///
/// # Errors
/// As [`measure`]; [`CommandError::Cancelled`] after a signal.
pub(crate) fn measure_hearing(
    worker: &Worker,
    experiment: Experiment,
    progress: &ProgressLine,
    interruption: &Interruption,
    hear: &mut dyn FnMut(&Kept),
) -> Result<Arc<Outcome>, CommandError> {
    const JOB: JobId = JobId(1);
    worker.send(Request::Start {
        job: JOB,
        experiment,
    });
    let mut cancelled = false;
    let attend = || {
        if interruption.status().is_some() && !cancelled {
            cancelled = true;
            worker.cancel(JOB);
        }
    };
    wait_attending(worker, attend, |event| match event {
        Event::Opening { model } => {
            progress.opening(&model);
            None
        }
        Event::Started { .. } => {
            progress.started();
            None
        }
        Event::Report {
            report: Report::Progress(done),
            ..
        } => {
            progress.progress(done);
            None
        }
        Event::Kept { kept, .. } => {
            hear(&kept);
            None
        }
        Event::Finished { outcome, .. } => Some(Ok(outcome)),
        _ => None,
    })?
}

/// Gives each event to `wanted` until it takes one.
///
/// # Errors
/// If the job ends otherwise.
pub(crate) fn wait_for<T>(
    worker: &Worker,
    wanted: impl FnMut(Event) -> Option<T>,
) -> Result<T, CommandError> {
    wait_attending(worker, || {}, wanted)
}

/// Between two looks at what else may have come.
const ATTENTION: Duration = Duration::from_millis(50);

fn wait_attending<T>(
    worker: &Worker,
    mut attend: impl FnMut(),
    mut wanted: impl FnMut(Event) -> Option<T>,
) -> Result<T, CommandError> {
    loop {
        attend();
        let Some(event) = worker.recv_timeout(ATTENTION) else {
            continue;
        };
        match event {
            Event::OpenFailed { message, .. } => return Err(CommandError::BadRequest(message)),
            Event::Failed { message, .. } => return Err(CommandError::Failed(message)),
            Event::Cancelled { .. } => return Err(CommandError::Cancelled),
            event => {
                if let Some(answer) = wanted(event) {
                    return Ok(answer);
                }
            }
        }
    }
}
