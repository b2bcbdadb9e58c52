//! `whyfinder`, `whyfinder open`, `run`, `estimate`, `figure`, `verify`, `script`, `inspect` and
//! `gallery`.
//!
//! Results go to standard output, progress and errors to standard error. This is the one place of the program that
//! prints.
#![allow(clippy::print_stderr, reason = "a command line speaks up")]

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

mod arguments;
mod carry_out;
mod command_error;
mod elsewhere;
mod estimate;
mod existing;
mod figure;
mod gallery;
mod inspect;
mod inspect_network;
mod interruption;
mod open;
mod out_folder;
mod pictures;
mod progress;
mod run;
mod say;
mod script;
mod threads;
mod verify;

use arguments::{Arguments, Command};
use command_error::CommandError;

/// Does what the arguments ask (the first is the program's own name), and gives the exit code: 0 done, 1 failed, 2 bad
/// request.
pub fn answer(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            return match say::say(error.to_string().trim_end()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => error.report(),
            };
        }
        Err(error) => return CommandError::misunderstood(&error).report(),
    };
    let done = match arguments.command {
        None => open::window(
            &[],
            &arguments::Machine::default(),
            &arguments::Elsewhere::default(),
        ),
        Some(Command::Open {
            paths,
            machine,
            elsewhere,
        }) => open::window(&paths, &machine, &elsewhere),
        Some(Command::Run(run)) => run::run(&run),
        Some(Command::Estimate(estimate)) => estimate::estimate(&estimate),
        Some(Command::Figure(figure)) => figure::figure(&figure),
        Some(Command::Verify(verify)) => verify::verify(&verify),
        Some(Command::Script(script)) => script::script(&script),
        Some(Command::Inspect(inspect)) => inspect::inspect(&inspect),
        Some(Command::Gallery(gallery)) => gallery::gallery(&gallery),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}
