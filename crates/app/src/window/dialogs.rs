//! File dialogs: the system's, or answers from a script.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use whyfinder_figure::Format;

/// What came of a question for a folder or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Picked(PathBuf),
    Cancelled,
    /// The answer came sooner than a person could give it: the system has no file dialog to show.
    NoDialog,
}

/// What a person is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    #[default]
    ModelFolder,
    Weights,
    /// Weights of a network to compare with.
    Network,
    Picture,
    /// What the output should be.
    Truth,
    Font,
    /// Arrays that another program made.
    Numbers,
    /// The tokens of such arrays.
    Tokens,
    /// Where a figure goes.
    SaveFigure(Format),
    /// Where a Python script goes.
    SaveScript,
    /// An experiment, a result or a figure.
    File,
    /// Where an experiment with this instrument goes, or its result.
    SaveExperiment(&'static str),
}

impl Wanted {
    /// The title of the dialog.
    pub fn title(self) -> &'static str {
        match self {
            Wanted::ModelFolder => "Open a model folder",
            Wanted::Weights => "Open a weights file",
            Wanted::Network => "Open a network to compare with",
            Wanted::Picture => "Open a picture",
            Wanted::Truth => "Open the truth of the picture",
            Wanted::Font => "Choose a font",
            Wanted::Numbers => "Open another program's numbers",
            Wanted::Tokens => "Open a file of tokens",
            Wanted::SaveFigure(_) => "Write the figure",
            Wanted::SaveScript => "Write the Python script",
            Wanted::File => "Open an experiment, a result or a figure",
            Wanted::SaveExperiment(_) => "Save the experiment (.toml, .json) or its result (.npz)",
        }
    }

    /// Name and endings of the files that fit; `None` asks for a folder.
    pub fn files(self) -> Option<(&'static str, &'static [&'static str])> {
        match self {
            Wanted::ModelFolder => None,
            Wanted::SaveScript => Some(("Python", &["py"])),
            Wanted::Font => Some(("Fonts", &["ttf", "otf"])),
            Wanted::Numbers => Some((
                "Numbers",
                &["npy", "npz", "safetensors", "mat", "csv", "tsv"],
            )),
            Wanted::Tokens => Some(("Tokens", &["txt", "json"])),
            Wanted::SaveFigure(_) => Some(("Figures", &["pdf", "svg", "png", "tex", "csv", "npz"])),
            Wanted::File => Some((
                "Experiments, results, figures",
                &["toml", "json", "npz", "svg", "pdf", "png"],
            )),
            Wanted::SaveExperiment(_) => Some(("Experiments, results", &["toml", "json", "npz"])),
            Wanted::Weights | Wanted::Network => {
                Some(("Weights", &["pth", "pt", "ckpt", "safetensors"]))
            }
            Wanted::Picture | Wanted::Truth => Some((
                "Pictures",
                &["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif"],
            )),
        }
    }
}

/// Asks without making the window wait; the answer is fetched in a later frame.
pub trait Dialogs: fmt::Debug {
    fn ask(&mut self, wanted: Wanted, wake: Box<dyn Fn() + Send>);
    fn answer(&mut self) -> Option<Answer>;
}

/// The dialogs of the system.
#[derive(Debug, Default)]
pub struct Native {
    asked: Option<Receiver<Answer>>,
}

/// Nobody closes a dialog faster than this.
const QUICKEST_PERSON: Duration = Duration::from_millis(150);

impl Dialogs for Native {
    fn ask(&mut self, wanted: Wanted, wake: Box<dyn Fn() + Send>) {
        if self.asked.is_some() {
            return;
        }
        // Made here, on the main thread, as macOS wants it; awaited elsewhere.
        let dialog = rfd::AsyncFileDialog::new().set_title(wanted.title());
        let dialog: Pin<Box<dyn Future<Output = Option<rfd::FileHandle>> + Send>> =
            match (wanted, wanted.files()) {
                (Wanted::SaveFigure(format), _) => {
                    let name = format!("figure.{}", format.ending());
                    Box::pin(dialog.set_file_name(name).save_file())
                }
                (Wanted::SaveScript, _) => {
                    Box::pin(dialog.set_file_name("experiment.py").save_file())
                }
                (Wanted::SaveExperiment(instrument), _) => {
                    let name = format!("{instrument}.toml");
                    Box::pin(dialog.set_file_name(name).save_file())
                }
                (_, None) => Box::pin(dialog.pick_folder()),
                (_, Some((name, endings))) => {
                    Box::pin(dialog.add_filter(name, endings).pick_file())
                }
            };
        let (send, receive) = crossbeam_channel::bounded(1);
        let started = Instant::now();
        let waiter = std::thread::Builder::new()
            .name("file dialog".into())
            .spawn(move || {
                let answer = match pollster::block_on(dialog) {
                    Some(picked) => Answer::Picked(picked.path().to_path_buf()),
                    None if started.elapsed() < QUICKEST_PERSON => Answer::NoDialog,
                    None => Answer::Cancelled,
                };
                // Fails only if the window is gone, and then nobody waits for it.
                send.send(answer).ok();
                wake();
            });
        self.asked = waiter.is_ok().then_some(receive);
    }

    fn answer(&mut self) -> Option<Answer> {
        let answer = match self.asked.as_ref()?.try_recv() {
            Ok(answer) => answer,
            Err(crossbeam_channel::TryRecvError::Empty) => return None,
            Err(crossbeam_channel::TryRecvError::Disconnected) => Answer::NoDialog,
        };
        self.asked = None;
        Some(answer)
    }
}

/// Gives the answers that it was made with, one per question.
#[derive(Debug, Default)]
pub struct Scripted {
    answers: VecDeque<Answer>,
    ready: Option<Answer>,
}

impl Scripted {
    /// Answers in the order of the questions; after the last, everything is cancelled.
    pub fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            answers: answers.into_iter().collect(),
            ready: None,
        }
    }
}

impl Dialogs for Scripted {
    fn ask(&mut self, _wanted: Wanted, wake: Box<dyn Fn() + Send>) {
        self.ready = Some(self.answers.pop_front().unwrap_or(Answer::Cancelled));
        wake();
    }

    fn answer(&mut self) -> Option<Answer> {
        self.ready.take()
    }
}
