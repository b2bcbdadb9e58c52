//! `--threads N`.

use std::env;
use std::process::Command;

use super::command_error::CommandError;

/// Where the matrix products read how many threads they may use.
const VARIABLE: &str = "RAYON_NUM_THREADS";

/// Sees to it that the computation uses this many threads.
///
/// The products read the number from the environment, and a program must not change its own while threads may read
/// it. So the program starts itself once more with the number set; the second one finds it and goes on.
///
/// # Errors
/// If the program cannot be started again.
pub(crate) fn limit_to(threads: Option<u16>) -> Result<(), CommandError> {
    let Some(threads) = threads.map(|n| n.to_string()) else {
        return Ok(());
    };
    if env::var(VARIABLE).is_ok_and(|set| set == threads) {
        return Ok(());
    }
    let program = env::current_exe().map_err(|e| {
        CommandError::failed(format!(
            "The program cannot start itself with {threads} threads: {e}."
        ))
    })?;
    let mut again = Command::new(program);
    again.args(env::args_os().skip(1)).env(VARIABLE, &threads);
    become_it(again)
}

#[cfg(unix)]
fn become_it(mut again: Command) -> Result<(), CommandError> {
    use std::os::unix::process::CommandExt;
    let error = again.exec();
    Err(CommandError::failed(format!(
        "The program cannot start itself once more: {error}."
    )))
}

#[cfg(not(unix))]
#[allow(
    clippy::exit,
    reason = "the second program has done everything and said it"
)]
fn become_it(mut again: Command) -> Result<(), CommandError> {
    match again.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => Err(CommandError::failed(format!(
            "The program cannot start itself once more: {error}."
        ))),
    }
}
