//! Everything a person can do. Views push commands; only the application applies them.

use egui::{Key, KeyboardShortcut, Modifiers};
use whyfinder_experiment::{Engine, Metric, TraceKind};

use super::export::ExportCommand;
use super::images::{ImageCommand, MethodName};
use super::imports::ImportCommand;
use super::question::Question;
use super::run_history::RunHistoryCommand;
use super::saving::FileCommand;
use super::selection::Selection;
use super::state::{NoticeAction, State};

/// One thing to do; what each does stands in `apply`.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Opens a model by reference: `demo:NAME`, a folder, a hub name.
    OpenModel(String),
    /// Asks for a folder, then opens it.
    ChooseModel,
    /// Asks for a weights file, then opens it.
    ChooseWeights,
    /// Something about numbers of other programs.
    Import(ImportCommand),
    /// Something about image networks.
    Image(ImageCommand),
    /// Takes a new prompt; the subject stays while its words do.
    SetPrompt(String),
    /// Any other change of the question.
    Edit(Box<Question>),
    /// Runs the prompt, and the trace where there is a cause to trace.
    Ask,
    /// Marks tokens `[from, to)` as the subject.
    MarkSubject(usize, usize),
    ClearSubject,
    /// `None` goes back to the most likely next token.
    SetAnswer(Option<String>),
    SetFoil(Option<String>),
    RunScene(usize),
    Cancel,
    Select(Selection),
    ShowGallery(bool),
    ShowPalette(bool),
    ToggleAppearance,
    ResetLayout,
    Undo,
    Redo,
    /// The picture of the map that has the focus or was used last.
    CopyPicture,
    CopyNumbers,
    /// Something about the figure that is being made.
    Export(ExportCommand),
    /// Something about experiments and results as files.
    File(FileCommand),
    /// Something about the history of runs.
    RunHistory(RunHistoryCommand),
    DismissNotice,
    Act(NoticeAction),
    FocusPrompt,
    ZoomIn,
    ZoomOut,
    ZoomReset,
}

/// A line of the command palette.
#[derive(Clone, Debug)]
pub struct Entry {
    pub label: String,
    pub shortcut: Option<KeyboardShortcut>,
    pub command: Command,
}

const CTRL_SHIFT: Modifiers = Modifiers::COMMAND.plus(Modifiers::SHIFT);

/// Shortcuts that work anywhere in the window.
///
/// Copying is not among them: the clipboard's keys reach egui as events of their own.
pub const SHORTCUTS: [(Modifiers, Key, Command); 16] = [
    (CTRL_SHIFT, Key::Z, Command::Redo),
    (Modifiers::COMMAND, Key::Z, Command::Undo),
    (Modifiers::COMMAND, Key::Y, Command::Redo),
    (Modifiers::COMMAND, Key::K, Command::ShowPalette(true)),
    (CTRL_SHIFT, Key::O, Command::ChooseModel),
    (
        Modifiers::COMMAND,
        Key::O,
        Command::File(FileCommand::Choose),
    ),
    (CTRL_SHIFT, Key::S, Command::File(FileCommand::SaveAs)),
    (Modifiers::COMMAND, Key::S, Command::File(FileCommand::Save)),
    (
        Modifiers::COMMAND,
        Key::H,
        Command::RunHistory(RunHistoryCommand::Toggle),
    ),
    (Modifiers::COMMAND, Key::Enter, Command::Ask),
    (Modifiers::COMMAND, Key::L, Command::FocusPrompt),
    (Modifiers::COMMAND, Key::G, Command::ShowGallery(true)),
    (CTRL_SHIFT, Key::C, Command::CopyNumbers),
    (
        Modifiers::COMMAND,
        Key::E,
        Command::Export(ExportCommand::Open),
    ),
    (Modifiers::COMMAND, Key::T, Command::ToggleAppearance),
    (CTRL_SHIFT, Key::R, Command::ResetLayout),
];

fn shortcut_of(command: &Command) -> Option<KeyboardShortcut> {
    if *command == Command::CopyPicture {
        return Some(KeyboardShortcut::new(Modifiers::COMMAND, Key::C));
    }
    SHORTCUTS
        .iter()
        .find(|s| s.2 == *command)
        .map(|s| KeyboardShortcut::new(s.0, s.1))
}

/// Every command that makes sense now, in the order of the palette.
pub fn entries(state: &State, scenes: &[super::scenes::Scene]) -> Vec<Entry> {
    let mut all: Vec<(String, Command)> = vec![
        (
            "Open an experiment, a result or a figure…".into(),
            Command::File(FileCommand::Choose),
        ),
        ("Save".into(), Command::File(FileCommand::Save)),
        ("Save as…".into(), Command::File(FileCommand::SaveAs)),
        (
            if state.run_history.open {
                "Close the history"
            } else {
                "Show the history"
            }
            .into(),
            Command::RunHistory(RunHistoryCommand::Toggle),
        ),
        ("Open a model folder…".into(), Command::ChooseModel),
        ("Open a weights file…".into(), Command::ChooseWeights),
        (
            "Open another program's numbers…".into(),
            Command::Import(ImportCommand::Choose),
        ),
        (
            "Open a picture…".into(),
            Command::Image(ImageCommand::ChoosePicture),
        ),
        (
            if state.gallery_open {
                "Close the scenes"
            } else {
                "Show the scenes"
            }
            .into(),
            Command::ShowGallery(!state.gallery_open),
        ),
        (
            format!(
                "Use the {} theme",
                state.appearance.other().name().to_lowercase()
            ),
            Command::ToggleAppearance,
        ),
        ("Undo".into(), Command::Undo),
        ("Redo".into(), Command::Redo),
        (
            "Export a figure…".into(),
            Command::Export(ExportCommand::Open),
        ),
        (
            "Write a Python script…".into(),
            Command::Export(ExportCommand::Script),
        ),
        ("Copy the picture of the map".into(), Command::CopyPicture),
        ("Copy the numbers of the map".into(), Command::CopyNumbers),
        ("Reset the layout".into(), Command::ResetLayout),
        ("Zoom in".into(), Command::ZoomIn),
        ("Zoom out".into(), Command::ZoomOut),
        ("Zoom to 100 %".into(), Command::ZoomReset),
    ];
    if state.jobs.busy() {
        all.insert(0, ("Cancel the run".into(), Command::Cancel));
    }
    for (i, scene) in scenes.iter().enumerate() {
        all.push((format!("Scene: {}", scene.title), Command::RunScene(i)));
    }
    for reference in &state.recent {
        all.push((
            format!("Open model: {reference}"),
            Command::OpenModel(reference.clone()),
        ));
    }
    for recent in &state.recent_files {
        all.push((
            format!("Open file: {}", recent.path.display()),
            Command::File(FileCommand::Open(recent.path.clone())),
        ));
    }
    if state.run_history.marked.len() == 2 {
        all.push((
            "Compare the two runs".into(),
            Command::RunHistory(RunHistoryCommand::Compare),
        ));
    }
    if let Some(imported) = &state.imported {
        let mut import =
            |label: &str, command| all.insert(0, (label.into(), Command::Import(command)));
        import("Close the numbers", ImportCommand::Close);
        if imported.file().is_some() {
            import("Read the numbers otherwise…", ImportCommand::ReadOtherwise);
        }
    } else if state.is_about_images() {
        add_image_entries(state, &mut all);
    } else {
        all.insert(0, ("Run the prompt".into(), Command::Ask));
        all.insert(1, ("Edit the prompt".into(), Command::FocusPrompt));
        add_question_entries(state, &mut all);
        add_places(state, &mut all);
    }
    all.into_iter()
        .map(|(label, command)| Entry {
            shortcut: shortcut_of(&command),
            label,
            command,
        })
        .collect()
}

fn add_question_entries(state: &State, all: &mut Vec<(String, Command)>) {
    let q = &state.question;
    if q.subject.is_some() {
        all.push(("Clear the subject".into(), Command::ClearSubject));
    }
    let edited = |change: &dyn Fn(&mut Question)| {
        let mut q = q.clone();
        change(&mut q);
        Command::Edit(Box::new(q))
    };
    for metric in Metric::ALL {
        if metric != q.trace.metric {
            all.push((
                format!("Metric: {}", metric.name().replace('-', " ")),
                edited(&|q| q.trace.metric = metric),
            ));
        }
    }
    let (word, engine) = match q.trace.engine {
        Engine::Exact => ("plain", Engine::Plain),
        Engine::Plain => ("exact", Engine::Exact),
    };
    all.push((
        format!("Use the {word} engine"),
        edited(&|q| q.trace.engine = engine),
    ));
    if let Some(run) = &state.results.run {
        for token in run.top().iter().take(8) {
            all.push((
                format!("Answer: {}", super::words::token(&token.text)),
                Command::SetAnswer(Some(token.text.clone())),
            ));
        }
    }
}

/// Methods, networks and regions.
fn add_image_entries(state: &State, all: &mut Vec<(String, Command)>) {
    let q = &state.question.images;
    let mut image = |label: String, command| all.push((label, Command::Image(command)));
    image("Map the region".into(), ImageCommand::Run);
    image(
        "Score the maps by deletion and insertion".into(),
        ImageCommand::Score,
    );
    image("Add a region".into(), ImageCommand::AddRegion);
    image("Flip the polarity".into(), ImageCommand::FlipPolarity);
    let words = if state.images.differences {
        "Show the maps side by side"
    } else {
        "Show differences between networks"
    };
    image(
        words.into(),
        ImageCommand::ShowDifferences(!state.images.differences),
    );
    for method in MethodName::ALL {
        if method != q.method {
            let mut next = q.clone();
            next.method = method;
            image(
                format!("Method: {}", method.title()),
                ImageCommand::Ask(Box::new(next)),
            );
        }
    }
    for (i, network) in q.networks.iter().enumerate() {
        let name = state.images.name(network);
        image(format!("Read out {name}"), ImageCommand::ShowNetwork(i));
    }
    for reference in super::bundled_networks::all() {
        if !q.networks.contains(&reference) {
            let name = state.images.name(&reference);
            image(
                format!("Compare with {name}"),
                ImageCommand::AddNetwork(reference),
            );
        }
    }
    for (i, region) in q.regions.iter().enumerate() {
        image(
            format!("Region {}", region.words()),
            ImageCommand::ShowRegion(i),
        );
    }
}

/// Heads and tokens, so that they can be found by typing.
fn add_places(state: &State, all: &mut Vec<(String, Command)>) {
    if let (Some(model), Some(_)) = (&state.model.open, &state.results.run) {
        for layer in 0..model.layers {
            for head in 0..model.heads {
                all.push((
                    format!("Head {layer}.{head}"),
                    Command::Select(state.selection.with_head(layer, head)),
                ));
            }
        }
    }
    if let Some(trace) = &state.results.trace {
        let layer = state.selection.layer.unwrap_or(0);
        for (i, token) in trace.summary.tokens.iter().enumerate() {
            all.push((
                format!("Token {i} {}", super::words::token(token)),
                Command::Select(state.selection.with_cell(TraceKind::Residual, i, layer)),
            ));
        }
    }
}
