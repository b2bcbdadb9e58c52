//! The Python script of what is measured, or of what is asked where nothing is measured yet.

use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, TryRecvError};
use egui::Context;
use whyfinder_model::OpenOptions;

use super::application::Application;
use super::dialogs::Wanted;
use super::open_files::file_name;
use super::state::{Notice, NoticeAction};
use crate::in_the_way::in_the_way;
use crate::python_script::{Source, files, save, stem_of};

/// A script that is being written away from the window's thread.
#[derive(Debug)]
pub(super) struct Writing {
    path: PathBuf,
    done: Receiver<Result<(), String>>,
}

impl Application {
    pub(super) fn ask_for_script(&mut self, ctx: &Context) {
        if self.script_source().is_none() {
            self.say(ctx, "There is nothing yet to write a script of");
            return;
        }
        self.ask_for(ctx, Wanted::SaveScript);
    }

    /// What the figure dialog shows first, else the latest result, else the question.
    fn script_source(&self) -> Option<Source> {
        if let Some(export) = &self.state.export
            && let Some(panel) = export.description.panels.first()
            && let Some(source) = export.sources.get(panel.source)
        {
            return Some(Source::result(&source.outcome));
        }
        let models = self.models_shown();
        if let Some(outcome) = self.state.finished.of(&models).first() {
            return Some(Source::result(outcome));
        }
        let (model, question) = (models.first()?, &self.state.question);
        let experiment = if self.state.is_about_images() {
            let images = &question.images;
            let map = images.mapping(model, question.seed);
            map.or_else(|| images.restoring(model, question.seed))?
        } else {
            if question.prompt.is_empty() {
                return None;
            }
            let trace = question.trace_experiment(model, self.state.tokens.as_ref());
            trace.unwrap_or_else(|| question.run_experiment(model))
        };
        Some(Source::experiment(experiment))
    }

    /// Writes the script and what it reads; `.py` is added to a name without it.
    pub(super) fn write_script(&mut self, ctx: &Context, path: PathBuf) {
        let Some(source) = self.script_source() else {
            return;
        };
        let (path, asked_for) = match path.extension().and_then(|e| e.to_str()) {
            Some("py") => (path, true),
            _ => (PathBuf::from(format!("{}.py", path.display())), false),
        };
        let (send, done) = crossbeam_channel::bounded(1);
        let (at, wake) = (path.clone(), ctx.clone());
        let writer = std::thread::Builder::new()
            .name("script".into())
            .spawn(move || {
                // Fails only if the window is gone, and then nobody waits for it.
                send.send(write(&source, &at, asked_for)).ok();
                wake.request_repaint();
            });
        if writer.is_ok() {
            self.script = Some(Writing { path, done });
        }
    }

    pub(super) fn take_written_script(&mut self, ctx: &Context) {
        let Some(writing) = &self.script else {
            return;
        };
        let written = match writing.done.try_recv() {
            Err(TryRecvError::Empty) => return,
            Ok(written) => written,
            Err(TryRecvError::Disconnected) => Err("Writing it came to nothing.".into()),
        };
        let path = writing.path.clone();
        self.script = None;
        match written {
            Ok(()) => self.say(ctx, &format!("Wrote {}", path.display())),
            Err(message) => {
                self.state.export = None;
                self.state.notice = Some(Notice {
                    title: format!("Could not write {}", file_name(&path)),
                    message,
                    action: NoticeAction::None,
                });
            }
        }
    }
}

/// The system's dialog has asked whether a script of this very name may be replaced (`asked_for`), and what was measured
/// goes with it; of the other files beside it nobody was told.
fn write(source: &Source, path: &Path, asked_for: bool) -> Result<(), String> {
    let stem = stem_of(path);
    let script = source
        .script(&stem, &OpenOptions::default())
        .map_err(|e| e.to_string())?;
    let measured = path.with_file_name(format!("{stem}.whyfinder.npz"));
    let files = files(&script, path);
    let not_asked = files
        .iter()
        .map(|(at, bytes)| (at.as_path(), *bytes))
        .filter(|(at, _)| !(asked_for && (*at == path || *at == measured)));
    if let Some(taken) = in_the_way(not_asked) {
        return Err(format!(
            "A file that belongs beside the script is there already and holds something else; choose another name or \
             folder. Path: {}",
            taken.display()
        ));
    }
    save(&script, path).map_err(|e| e.to_string())?;
    Ok(())
}
