//! The window; or, where there can be none, the gallery as files.

use std::path::Path;

use whyfinder_worker::{Worker, WorkerOptions};

use super::arguments;
use super::carry_out::options;
use super::command_error::CommandError;
use super::elsewhere::asked;
use super::gallery;
use crate::window::{OpenArguments, OpenError, open_with};

/// Where the gallery is drawn when there is no display.
const FOLDER: &str = "whyfinder-gallery";

pub(crate) fn window(
    paths: &[String],
    machine: &arguments::Machine,
    elsewhere: &arguments::Elsewhere,
) -> Result<(), CommandError> {
    let options = options(machine)?;
    let arguments = OpenArguments {
        open: paths.to_vec(),
        asked: asked(elsewhere)?,
    };
    let opened = open_with(arguments, |wake| {
        Box::new(Worker::spawn(WorkerOptions { wake, ..options }))
    });
    match opened {
        Err(OpenError::NoDisplay) if paths.is_empty() => {
            eprintln!(
                "{} The gallery is drawn into ./{FOLDER} instead.",
                OpenError::NoDisplay
            );
            gallery::draw_all(Path::new(FOLDER))
        }
        opened => opened.map_err(CommandError::failed),
    }
}
