//! The bundled scenes, without a window.

use std::path::Path;

use whyfinder_experiment::write_result;
use whyfinder_worker::{Worker, WorkerOptions};

use super::arguments;
use super::carry_out::measure;
use super::command_error::CommandError;
use super::existing;
use super::out_folder;
use super::pictures;
use super::progress::ProgressLine;
use super::run::as_text;
use super::say::say;
use crate::window::scenes::{Scene, bundled};

pub(crate) fn gallery(arguments: &arguments::Gallery) -> Result<(), CommandError> {
    let scenes = bundled();
    let (Some(name), Some(out)) = (&arguments.name, &arguments.out) else {
        for scene in &scenes {
            say(format!(
                "{:<20} {}: {}",
                scene.name, scene.title, scene.sentence
            ))?;
        }
        return Ok(());
    };
    let Some(scene) = scenes.iter().find(|scene| scene.name == name) else {
        let names: Vec<_> = scenes.iter().map(|scene| scene.name).collect();
        return Err(CommandError::bad_request(format!(
            "There is no scene \"{name}\"; there are: {}.",
            names.join(", ")
        )));
    };
    let force = arguments.over.force;
    out_folder::check(out)?;
    existing::check_result(out, &scene.experiment, force)?;
    let worker = Worker::spawn(WorkerOptions::default());
    let progress = ProgressLine::new(false);
    let outcome = measure(&worker, scene.experiment.clone(), &progress)?;
    drop(progress);
    write_result(out, &outcome).map_err(CommandError::failed)?;
    say(as_text(&outcome))?;
    say(format!("Wrote {}", out.join("result.npz").display()))?;
    say(format!("Wrote {}", out.join("result.json").display()))?;
    for path in pictures::draw(&outcome, out, scene.name, force)? {
        say(format!("Wrote {}", path.display()))?;
    }
    Ok(())
}

/// Runs every scene and draws it into a folder.
///
/// # Errors
/// At the first scene that cannot be run or drawn.
pub(crate) fn draw_all(folder: &Path) -> Result<(), CommandError> {
    out_folder::check(folder)?;
    let worker = Worker::spawn(WorkerOptions::default());
    for Scene {
        name, experiment, ..
    } in bundled()
    {
        let progress = ProgressLine::new(false);
        let outcome = measure(&worker, experiment, &progress)?;
        drop(progress);
        for path in pictures::draw(&outcome, folder, name, false)? {
            say(format!("Wrote {}", path.display()))?;
        }
    }
    Ok(())
}
