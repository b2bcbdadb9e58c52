use std::time::Duration;

use serde_json::json;
use whyfinder_experiment::read_experiment;
use whyfinder_worker::{Event, JobId, Request, human_bytes};

use super::arguments;
use super::carry_out::{wait_for, worker};
use super::command_error::CommandError;
use super::progress::spoken;
use super::run::{passes, refuse_imports};
use super::say::say;

pub(crate) fn estimate(arguments: &arguments::Estimate) -> Result<(), CommandError> {
    let experiment = read_experiment(&arguments.experiment, &arguments.settings.set)?;
    refuse_imports(&experiment)?;
    let worker = worker(&arguments.settings.machine)?;
    worker.send(Request::Estimate {
        job: JobId(1),
        experiment,
    });
    let estimate = wait_for(&worker, |event| match event {
        Event::Estimated { estimate, .. } => Some(estimate),
        _ => None,
    })?;
    let fits = estimate.bytes <= estimate.budget_bytes;
    if arguments.json {
        return say(json!({
            "bytes": estimate.bytes,
            "budget_bytes": estimate.budget_bytes,
            "result_bytes": estimate.result_bytes,
            "fits": fits,
            "passes": estimate.passes,
            "passes_plain": estimate.passes_plain,
            "seconds": estimate.seconds,
        }));
    }
    say(format!(
        "memory      {} of {} that may be used{}",
        human_bytes(estimate.bytes),
        human_bytes(estimate.budget_bytes),
        if fits {
            ""
        } else {
            ": too much, the run would be refused"
        }
    ))?;
    if estimate.seconds.is_nan() {
        return Ok(());
    }
    say(format!(
        "disk        up to {} for the result",
        human_bytes(estimate.result_bytes)
    ))?;
    say(format!(
        "work        {}",
        passes(estimate.passes, estimate.passes_plain)
    ))?;
    say(format!(
        "time        about {}",
        spoken(Duration::from_secs_f64(estimate.seconds.clamp(0.0, 1e9)))
    ))
}
