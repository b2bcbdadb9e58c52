//! Experiments and results as files: opening, saving, and the files used lately.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crossbeam_channel::Receiver;
use egui::Context;
use whyfinder_experiment::{
    Experiment, InstrumentSettings, result_write::archive, write_experiment, write_whole,
};

use super::application::Application;
use super::dialogs::Wanted;
use super::open_files::file_name;
use super::state::{Notice, NoticeAction, State};

/// Files that are remembered.
const RECENT: usize = 12;

/// What can be done with files.
#[derive(Clone, Debug, PartialEq)]
pub enum FileCommand {
    /// Asks for an experiment, a result or a figure.
    Choose,
    Open(PathBuf),
    /// Writes the experiment to its file; asks for one if it has none.
    Save,
    SaveAs,
    /// Looks which of the recent files are still there.
    LookForRecent,
    ForgetRecent,
}

/// The file that the question came from or was written to.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenFile {
    pub path: PathBuf,
    /// What it holds, as the window asks it.
    pub holds: Option<Experiment>,
    /// Only an experiment is written back; a result or a figure stays what it is.
    pub can_be_written: bool,
    /// As it was when the window last read or wrote it.
    pub seen: Option<Stamp>,
}

/// Tells whether somebody else has written a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    /// None where there is no file.
    fn of(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        Some(Self {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }
}

impl Notice {
    /// Nothing was written, for the system's dialog has asked about the name without its ending.
    pub(super) fn taken(path: &Path) -> Self {
        Self {
            title: format!("{} is there already", file_name(path)),
            message: format!(
                "It was not replaced. Choose another name, or this one with its ending. Path: {}",
                path.display()
            ),
            action: NoticeAction::None,
        }
    }

    fn changed_underneath(path: &Path) -> Self {
        Self {
            title: format!("{} has changed on the disk", file_name(path)),
            message: format!(
                "Another program has written it since it was opened here, so nothing was saved. Save this question under \
                 a name of its own, or open the file again. Path: {}",
                path.display()
            ),
            action: NoticeAction::SaveElsewhere,
        }
    }
}

/// A file used lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentFile {
    pub path: PathBuf,
    /// It was not there when last looked for.
    pub missing: bool,
}

/// A file that is being written away from the window's thread.
#[derive(Debug)]
pub(crate) struct Saving {
    path: PathBuf,
    done: Receiver<Result<(), String>>,
    holds: Option<Experiment>,
    is_experiment: bool,
}

impl State {
    /// The experiment that the window asks now: the trace, or the run where nothing can be traced; the map, or the pass.
    pub fn asked_experiment(&self) -> Option<Experiment> {
        self.asked(true)
    }

    /// The experiment as a file holds it: a subject by its words, which can be read, unless they stand in the prompt
    /// before the place that is meant.
    fn experiment_to_write(&self) -> Option<Experiment> {
        let later = self
            .question
            .subject
            .as_ref()
            .is_some_and(|s| s.occurrence > 0);
        self.asked(later)
    }

    /// The same with the words of a subject, which hold before the prompt is split into tokens and after.
    fn asked(&self, by_tokens: bool) -> Option<Experiment> {
        let q = &self.question;
        if let Some(imported) = &self.imported {
            return Some(imported.outcome.experiment.clone());
        }
        if self.is_about_images() {
            let network = q.images.active_network()?;
            let map = q.images.mapping(network, q.seed);
            return map.or_else(|| q.images.restoring(network, q.seed));
        }
        if q.prompt.trim().is_empty() {
            return None;
        }
        let model = self.model_reference()?;
        let tokens = self.tokens.as_ref().filter(|_| by_tokens);
        let trace = q.trace_experiment(model, tokens);
        Some(trace.unwrap_or_else(|| q.run_experiment(model)))
    }

    /// Whether the question is another one than its file holds.
    pub fn is_changed(&self) -> bool {
        let Some(file) = &self.file else {
            return false;
        };
        // While a model is on its way the question may still be that of the one before.
        self.model.opening.is_none() && file.holds.is_some() && file.holds != self.asked(false)
    }
}

/// Puts a file at the head of the recent ones.
pub(crate) fn note_recent_file(recent: &mut Vec<RecentFile>, path: &Path) {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    recent.retain(|r| r.path != path);
    recent.insert(
        0,
        RecentFile {
            path,
            missing: false,
        },
    );
    recent.truncate(RECENT);
}

impl Application {
    pub(super) fn apply_file(&mut self, ctx: &Context, command: FileCommand) {
        match command {
            FileCommand::Choose => self.ask_for(ctx, Wanted::File),
            FileCommand::Open(path) if path.exists() => self.open_path(ctx, &path),
            FileCommand::Open(path) => {
                let known = self.state.recent_files.iter_mut();
                known
                    .filter(|r| r.path == path)
                    .for_each(|r| r.missing = true);
                self.state.notice = Some(Notice {
                    title: format!("{} is not there any more", file_name(&path)),
                    message: format!(
                        "It may have been moved, renamed or removed, or its disk is not connected. Path: {}",
                        path.display()
                    ),
                    action: NoticeAction::None,
                });
            }
            FileCommand::Save => match &self.state.file {
                Some(file) if file.can_be_written => {
                    let path = file.path.clone();
                    let now = Stamp::of(&path);
                    // A file that is gone is written again.
                    if now.is_some() && now != file.seen {
                        self.state.notice = Some(Notice::changed_underneath(&path));
                        return;
                    }
                    self.save_to(ctx, &path);
                }
                _ => self.ask_where_to_save(ctx),
            },
            FileCommand::SaveAs => self.ask_where_to_save(ctx),
            FileCommand::LookForRecent => {
                for recent in &mut self.state.recent_files {
                    recent.missing = !recent.path.exists();
                }
            }
            FileCommand::ForgetRecent => self.state.recent_files.clear(),
        }
    }

    fn ask_where_to_save(&mut self, ctx: &Context) {
        let name = self.state.asked_experiment().map(|e| e.instrument.name());
        match name {
            Some(name) => self.ask_for(ctx, Wanted::SaveExperiment(name)),
            None => self.nothing_to_save(),
        }
    }

    fn nothing_to_save(&mut self) {
        self.state.notice = Some(Notice {
            title: "There is nothing to save yet".into(),
            message: "An experiment needs a prompt or a picture first.".into(),
            action: NoticeAction::None,
        });
    }

    /// Writes the question as an experiment (`.toml`, `.json`), or the result on screen (`.npz`), by the name's ending.
    pub(super) fn save_to(&mut self, ctx: &Context, path: &Path) {
        let mut path = path.to_path_buf();
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        if !matches!(ending.as_deref(), Some("toml" | "json" | "npz")) {
            let mut name = path.into_os_string();
            name.push(".toml");
            path = PathBuf::from(name);
            if path.exists() {
                // The system's dialog has asked about the name without its ending.
                self.state.notice = Some(Notice::taken(&path));
                return;
            }
        }
        let Some(experiment) = self.state.experiment_to_write() else {
            self.nothing_to_save();
            return;
        };
        let is_experiment = ending.as_deref() != Some("npz");
        let (send, done) = crossbeam_channel::bounded(1);
        let (file, wake) = (path.clone(), ctx.clone());
        let write: Box<dyn FnOnce() -> Result<(), String> + Send> = if is_experiment {
            Box::new(move || write_experiment(&file, &experiment).map_err(|e| e.to_string()))
        } else {
            let models = std::slice::from_ref(&experiment.model);
            let finished = self.state.finished.of(models);
            let instrument = experiment.instrument.name();
            let Some(outcome) = finished.into_iter().find(|o| {
                o.experiment == experiment
                    || matches!(
                        o.experiment.instrument,
                        InstrumentSettings::CausalTrace { .. }
                    ) && o.experiment.instrument.name() == instrument
                        && self.state.trace_is_current()
            }) else {
                self.state.notice = Some(Notice {
                    title: "There is no result to save".into(),
                    message: "The question as it stands has no finished result yet. Run it, or save it as .toml.".into(),
                    action: NoticeAction::None,
                });
                return;
            };
            Box::new(move || {
                let bytes = archive(&outcome).map_err(|e| e.to_string())?;
                write_whole(&file, "write the result", &bytes).map_err(|e| e.to_string())
            })
        };
        let spawned = std::thread::Builder::new()
            .name("save file".into())
            .spawn(move || {
                // Fails only if the window is gone.
                send.send(write()).ok();
                wake.request_repaint();
            });
        if spawned.is_ok() {
            self.saving = Some(Saving {
                path,
                done,
                holds: self.state.asked(false),
                is_experiment,
            });
        }
    }

    /// Takes what came of writing a file.
    pub(super) fn take_saved_file(&mut self, ctx: &Context) {
        let Some(saving) = &self.saving else { return };
        let Ok(done) = saving.done.try_recv() else {
            return;
        };
        let Some(Saving {
            path,
            holds,
            is_experiment,
            ..
        }) = self.saving.take()
        else {
            return;
        };
        match done {
            Ok(()) => {
                note_recent_file(&mut self.state.recent_files, &path);
                let words = format!("Saved {}", file_name(&path));
                if is_experiment {
                    self.state.file = Some(OpenFile {
                        seen: Stamp::of(&path),
                        path,
                        holds,
                        can_be_written: true,
                    });
                }
                self.say(ctx, &words);
            }
            Err(message) => {
                self.state.notice = Some(Notice {
                    title: format!("{} was not saved", file_name(&path)),
                    message,
                    action: NoticeAction::None,
                });
            }
        }
    }

    /// The question on screen is that of a file.
    pub(super) fn came_from(&mut self, path: &Path, can_be_written: bool) {
        note_recent_file(&mut self.state.recent_files, path);
        let about_images =
            !self.state.question.images.networks.is_empty() && self.state.model.opening.is_some();
        let holds = if about_images || self.state.is_about_images() {
            let q = &self.state.question;
            let network = q.images.active_network();
            network.and_then(|n| q.images.mapping(n, q.seed))
        } else {
            self.state.asked(false)
        };
        self.state.file = Some(OpenFile {
            seen: Stamp::of(path),
            path: path.to_path_buf(),
            holds,
            can_be_written,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_used_again_comes_first_and_once() {
        let mut recent = Vec::new();
        for name in ["/a", "/b", "/c", "/a"] {
            note_recent_file(&mut recent, Path::new(name));
        }
        let names: Vec<_> = recent
            .iter()
            .map(|r| r.path.display().to_string())
            .collect();
        assert_eq!(names, ["/a", "/c", "/b"]);
        for i in 0..30 {
            note_recent_file(&mut recent, Path::new(&format!("/{i}")));
        }
        assert_eq!(recent.len(), RECENT);
    }
}
