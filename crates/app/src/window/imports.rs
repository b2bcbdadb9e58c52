//! Numbers of other programs in the window: what is shown of them, and what can be done.

use std::path::PathBuf;
use std::sync::Arc;

use egui::Context;
use whyfinder_experiment::{Field, ImportForm, ImportSettings, InstrumentSettings, Outcome};
use whyfinder_import::{Asked, AxisRole, Contents, FirstMap, Import, Plan, plan, read_tokens};

use super::application::{Application, BUNDLED};
use super::dialogs::Wanted;
use super::open_files::file_name;
use super::results::{Results, RunResult, TraceResult};
use super::selection::Selection;
use super::state::{Notice, NoticeAction};
use crate::maps::Cell;

/// Numbers that stand in place of a model's answers.
#[derive(Clone, Debug)]
pub struct Imported {
    pub outcome: Arc<Outcome>,
    /// Name, shape and type of every array of the file.
    pub arrays: Vec<(String, Vec<usize>, &'static str)>,
    /// Which of the maps is drawn, of effects.
    pub map: usize,
    /// The cell that is read out, of effects.
    pub cell: Option<Cell>,
    /// Changes whenever the numbers do.
    pub version: u64,
    /// The running program that sends them.
    pub sender: Option<u64>,
    /// Whether it is still there.
    pub connected: bool,
}

impl Imported {
    pub fn settings(&self) -> &ImportSettings {
        static NONE: std::sync::LazyLock<ImportSettings> =
            std::sync::LazyLock::new(ImportSettings::default);
        match &self.outcome.experiment.instrument {
            InstrumentSettings::Import { import } => import,
            _ => &NONE,
        }
    }

    pub fn form(&self) -> ImportForm {
        self.settings().form
    }

    /// The map that is drawn, of effects.
    pub fn field(&self) -> Option<&Field> {
        self.outcome.fields.get(self.map)
    }

    /// The name of the file without its folder.
    pub fn name(&self) -> String {
        match self.settings().files.first() {
            Some(file) => file_name(&file.path),
            None => "A running program".to_string(),
        }
    }

    /// Reads out a cell of the map that is drawn, if it has that cell.
    pub(super) fn choose(&mut self, cell: Cell) {
        let shape = self.field().map(|field| field.shape());
        let is_there = shape.is_some_and(|shape| match shape.as_slice() {
            &[rows, columns, ..] => cell.row < rows && cell.col < columns,
            _ => false,
        });
        if is_there {
            self.cell = Some(cell);
        }
    }

    pub fn file(&self) -> Option<PathBuf> {
        self.settings().files.first().map(|f| f.path.clone())
    }
}

/// What a file means is asked of the person.
#[derive(Clone, Debug)]
pub struct AxesQuestion {
    pub path: PathBuf,
    pub contents: Arc<Contents>,
    pub asked: Asked,
    pub plan: Plan,
    /// The first map as it would be drawn.
    pub preview: Option<FirstMap>,
    /// Why it cannot be read so.
    pub problem: Option<String>,
    /// Changes with the preview.
    pub version: u64,
}

impl AxesQuestion {
    pub(super) fn new(path: PathBuf, contents: Arc<Contents>, asked: Asked, plan: Plan) -> Self {
        let mut question = Self {
            path,
            contents,
            asked,
            plan,
            preview: None,
            problem: None,
            version: 0,
        };
        question.look();
        question
    }

    fn look(&mut self) {
        self.problem = self.plan.check(&self.contents).err().map(|e| e.to_string());
        self.preview = self.plan.first_map(&self.contents);
        self.version += 1;
    }

    fn take(&mut self, read: Result<Plan, whyfinder_import::ImportError>) {
        match read {
            Ok(plan) => {
                self.plan = plan;
                self.look();
            }
            Err(error) => self.problem = Some(error.to_string()),
        }
    }
}

/// What can be done with numbers of other programs.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportCommand {
    /// Asks for a file.
    Choose,
    /// Goes back to the model.
    Close,
    /// Asks what the file means, though it was told.
    ReadOtherwise,
    ShowMap(usize),
    SelectCell(Cell),
    /// Takes another array of the file.
    Array(String),
    /// Gives an axis another meaning.
    Axis(usize, AxisRole),
    /// Asks for a file of tokens.
    ChooseTokens,
    /// Numbers the tokens.
    NoTokens,
    /// Reads the file as it was said.
    Confirm,
    Cancel,
}

impl Application {
    pub(super) fn apply_import(&mut self, ctx: &Context, command: ImportCommand) {
        match command {
            ImportCommand::Choose => self.ask_for(ctx, Wanted::Numbers),
            ImportCommand::Close => self.leave_import(),
            ImportCommand::ReadOtherwise => {
                if let Some(path) = self.state.imported.as_ref().and_then(Imported::file) {
                    self.read_foreign(ctx, &path, Asked::default(), true);
                }
            }
            ImportCommand::ShowMap(map) => {
                if let Some(imported) = &mut self.state.imported {
                    imported.map = map;
                    self.maps.field.view.fit();
                    self.maps.field.extent = Default::default();
                    self.maps.field.range = Default::default();
                }
            }
            ImportCommand::SelectCell(cell) => {
                if let Some(imported) = &mut self.state.imported {
                    imported.cell = Some(cell);
                }
            }
            ImportCommand::Array(name) => self.ask_otherwise(|asked, _| {
                asked.array = Some(name);
                asked.axes.clear();
            }),
            ImportCommand::Axis(index, role) => self.ask_otherwise(|asked, plan| {
                asked.axes.clone_from(&plan.axes);
                // The meaning that moves here leaves its own to the axis it came from.
                let old = plan.axes.get(index).cloned();
                let other = asked.axes.iter().position(|a| *a == role);
                if let (Some(other), Some(old)) = (other, old) {
                    asked.axes[other] = old;
                }
                if let Some(axis) = asked.axes.get_mut(index) {
                    *axis = role;
                }
            }),
            ImportCommand::ChooseTokens => self.ask_for(ctx, Wanted::Tokens),
            ImportCommand::NoTokens => self.ask_otherwise(|asked, _| asked.tokens = None),
            ImportCommand::Confirm => {
                if let Some(question) = self.state.axes.take() {
                    self.read_as_said(ctx, question);
                }
            }
            ImportCommand::Cancel => self.state.axes = None,
        }
    }

    /// Changes what was said of the file that is asked about.
    fn ask_otherwise(&mut self, change: impl FnOnce(&mut Asked, &Plan)) {
        if let Some(question) = &mut self.state.axes {
            change(&mut question.asked, &question.plan);
            let read = plan(&question.contents, &question.asked);
            question.take(read);
        }
    }

    /// Takes a file of tokens for the file that is asked about.
    pub(super) fn take_tokens(&mut self, path: PathBuf) {
        match read_tokens(&path) {
            Ok(_) => self.ask_otherwise(|asked, _| asked.tokens = Some(path)),
            Err(error) => {
                if let Some(question) = &mut self.state.axes {
                    question.problem = Some(error.to_string());
                }
            }
        }
    }

    /// Shows numbers of another program in place of a model's answers.
    pub(super) fn show_import(&mut self, import: Import) {
        self.cancel_jobs();
        self.last_job += 1;
        let version = self.last_job << 24;
        self.state.gallery_open = false;
        self.state.axes = None;
        self.state.selection = Selection::default();
        self.chosen_by_hand = false;
        let of_figure = self.opened_figure.as_ref().is_some_and(|origin| {
            let first = origin.sources.first();
            first.is_some_and(|s| s.experiment == import.outcome.experiment)
        });
        if !of_figure {
            self.opened_figure = None;
        }
        let outcome = Arc::new(import.outcome);
        self.state.finished.keep(&outcome);
        self.state.imported = Some(Imported {
            outcome: Arc::clone(&outcome),
            arrays: import.arrays,
            map: 0,
            cell: None,
            version,
            sender: None,
            connected: false,
        });
        self.fill_from_import();
        self.fit_maps();
        self.settle_opened_figure(&outcome.experiment);
    }

    /// Puts the numbers where the panels of attention and traces read them.
    pub(super) fn fill_from_import(&mut self) {
        let Some(imported) = &mut self.state.imported else {
            return;
        };
        let (outcome, version) = (Arc::clone(&imported.outcome), imported.version);
        self.state.results = Results::default();
        match imported.form() {
            ImportForm::Attention => {
                let mut run = RunResult::waiting(outcome.experiment.clone(), version);
                run.finish(&outcome, outcome.fields.len());
                if let Some(attention) = &mut run.attention {
                    attention.causal = outcome.fields.iter().all(Field::is_causal);
                }
                self.state.results.run = Some(run);
                self.select_something_in_the_run();
            }
            ImportForm::Trace => {
                let mut trace = TraceResult::waiting(outcome.experiment.clone(), version);
                trace.finish(&outcome);
                self.state.results.trace = Some(trace);
                self.select_something_in_the_trace();
            }
            ImportForm::Effects => {
                let field = outcome.fields.get(imported.map);
                let strongest = field.and_then(strongest);
                imported.cell = imported.cell.or(strongest);
            }
        }
    }

    /// Takes more numbers from the running program whose numbers are shown; what was selected stays.
    pub(super) fn update_import(&mut self, import: Import) {
        let Some(imported) = &mut self.state.imported else {
            return;
        };
        imported.version += 1;
        imported.outcome = Arc::new(import.outcome);
        self.state.finished.keep(&imported.outcome);
        self.fill_from_import();
    }

    /// Takes the numbers of another program away, if there are any: a model's answers follow.
    pub(super) fn close_import(&mut self) {
        self.state.axes = None;
        if self.state.imported.take().is_some() {
            self.state.results = Results::default();
            self.state.selection = Selection::default();
        }
    }

    /// Back to the model that was open, or to the scenes.
    fn leave_import(&mut self) {
        self.close_import();
        self.state.gallery_open = true;
        if self.state.model.open.is_none() && self.state.model.opening.is_none() {
            self.open_model(BUNDLED.to_string());
        }
    }

    pub(super) fn could_not_import(&mut self, name: &str, message: String) {
        self.state.notice = Some(Notice {
            title: format!("Could not open {name}"),
            message,
            action: NoticeAction::None,
        });
    }
}

/// The cell of the largest value, in either direction.
fn strongest(field: &Field) -> Option<Cell> {
    let columns = field.axes.get(1)?.len().max(1);
    let (index, _) = field
        .values
        .iter()
        .enumerate()
        .filter(|(i, v)| v.is_finite() && field.mask[*i])
        .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?;
    Some(Cell::new(index / columns, index % columns))
}
