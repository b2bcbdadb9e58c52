//! The application: draws the state, gathers commands, and applies them between frames.

use std::collections::HashMap;
use std::path::PathBuf;

use egui::{Context, Event as InputEvent, Key, Modifiers, Ui};
use whyfinder_experiment::Experiment;
use whyfinder_figure::Origin;
use whyfinder_import::Asked;
use whyfinder_worker::{JobId, Request, TileRequest};

use super::background::Background;
use super::command::{Command, SHORTCUTS};
use super::dialogs::{Answer, Dialogs, Wanted};
use super::export::ExportCommand;
use super::export::ExportSettings;
use super::export_studio::Studio;
use super::flat_fills::FlatFills;
use super::images::{ImageCommand, Pending};
use super::imports::ImportCommand;
use super::layout::{Kind, Layout};
use super::listener::Listener;
use super::map_states::MapStates;
use super::open_files::Reading;
use super::remembered::Remembered;
use super::results::{RunResult, TraceResult};
use super::run_history::{Behind, RunHistory, RunHistoryCommand, comparison, panel};
use super::saving::{RecentFile, Saving};
use super::scenes::{self, Scene};
use super::script_file::Writing;
use super::software_meshes::SoftwareMeshes;
use super::state::{Notice, NoticeAction, State};
use super::theme::Theme;
use super::undo::UndoSteps;
use super::view::View;
use super::{
    axes_dialog, drop_hint, export_panel, fonts, foot, gallery, import_bar, missing_glyph,
    notice_bar, palette, prompt_bar, top_bar,
};
use crate::maps::look::MapGpu;

/// How long typing must rest before the prompt is split into tokens, seconds.
const TYPING_REST: f64 = 0.06;
/// How long a confirmation stays at the foot, seconds.
const SAID_FOR: f64 = 4.0;
/// When to look for tiles that have been asked for, seconds.
const TILES_SOON: f32 = 0.03;
/// Events taken from the worker per frame; the rest waits for the next, so that a flood cannot stop the window.
const EVENTS_PER_FRAME: usize = 512;

/// The window's whole state with its surroundings.
#[derive(Debug)]
pub struct Application {
    pub(super) state: State,
    pub(super) background: Box<dyn Background>,
    pub(super) dialogs: Box<dyn Dialogs>,
    pub(super) undo_steps: UndoSteps,
    pub(super) layout: Layout,
    pub(super) pictures_layout: Layout,
    pub(super) import_layouts: [Layout; 3],
    pub(super) maps: MapStates,
    pub(super) scenes: Vec<Scene>,
    /// Started, but nothing has come back: what is on screen stays until then.
    pub(super) pending_run: Option<RunResult>,
    pub(super) pending_trace: Option<TraceResult>,
    pub(super) pending_images: HashMap<JobId, Pending>,
    /// What each job about a picture is to answer.
    pub(super) asked: HashMap<JobId, Experiment>,
    /// The estimate that is on its way.
    pub(super) estimating: Option<(JobId, Experiment)>,
    /// A map waits for an estimate of it: it is begun if that is short.
    pub(super) map_if_short: bool,
    /// What was asked of the person in the dialog that is open.
    pub(super) wanted: Wanted,
    pub(super) last_job: u64,
    pub(super) last_ticket: u64,
    /// The selection was made by the person, not by the window for want of one.
    pub(super) chosen_by_hand: bool,
    /// What draws and writes figures.
    pub(super) studio: Studio,
    /// The dialog for figures as it was when it was closed last.
    pub(super) last_export: Option<ExportSettings>,
    /// The Python script that is being written.
    pub(super) script: Option<Writing>,
    /// The figure that the question was brought back from.
    pub(super) opened_figure: Option<Box<Origin>>,
    /// Its answers are on their way: what they are shown by is the figure's.
    pub(super) figure_awaited: bool,
    /// What running programs send.
    pub(super) listener: Option<Listener>,
    /// A file that is being read.
    pub(super) reading: Option<Reading>,
    /// A prompt and the tokens of its subject, whose words are not known yet.
    pub(super) subject_at: Option<(String, [usize; 2])>,
    /// A file that is being written.
    pub(super) saving: Option<Saving>,
    /// What keeps the history.
    pub(super) run_history: Behind,
    gpu: Option<MapGpu>,
    flat_fills: Option<FlatFills>,
    software_meshes: Option<SoftwareMeshes>,
    clears_ground: bool,
    tokenize_at: Option<f64>,
    /// A setting is being dragged.
    pub(super) trace_when_released: bool,
    /// A region or a setting of a picture is being dragged.
    pub(super) ask_when_released: bool,
    /// What to open once the first frame is there.
    waiting_to_open: Vec<String>,
    /// What was said of files of other programs that are opened first.
    pub(super) asked_first: Asked,
}

impl Application {
    /// The application over a background and dialogs, with what was remembered, opening `open` (or the bundled
    /// model if there is nothing to open).
    pub fn new(
        creation: &eframe::CreationContext<'_>,
        background: Box<dyn Background>,
        dialogs: Box<dyn Dialogs>,
        open: Vec<String>,
    ) -> Self {
        let ctx = &creation.egui_ctx;
        ctx.set_fonts(fonts::definitions());
        ctx.add_glyph_rasterizer(missing_glyph::rasterizer());
        let remembered = Remembered::load(creation.storage);
        let mut application = Self {
            state: State {
                appearance: remembered.appearance,
                recent: remembered.recent,
                recent_files: remembered
                    .recent_files
                    .into_iter()
                    .map(|path| RecentFile {
                        path,
                        missing: false,
                    })
                    .collect(),
                run_history: RunHistory {
                    open: remembered.history_open,
                    budget: remembered.history_budget,
                    ..RunHistory::default()
                },
                gallery_open: open.is_empty(),
                ..State::default()
            },
            background,
            dialogs,
            undo_steps: UndoSteps::default(),
            layout: Layout::restored(Kind::Language, remembered.layout),
            pictures_layout: Layout::restored(Kind::Pictures, remembered.pictures_layout),
            import_layouts: Layout::of_imports(),
            maps: MapStates::default(),
            scenes: scenes::bundled(),
            pending_run: None,
            pending_trace: None,
            pending_images: HashMap::new(),
            asked: HashMap::new(),
            estimating: None,
            map_if_short: false,
            wanted: Wanted::default(),
            last_job: 0,
            last_ticket: 0,
            chosen_by_hand: false,
            studio: Studio::default(),
            last_export: None,
            script: None,
            opened_figure: None,
            figure_awaited: false,
            listener: None,
            reading: None,
            subject_at: None,
            saving: None,
            run_history: Behind::default(),
            gpu: map_gpu(creation),
            flat_fills: creation.wgpu_render_state.as_ref().and_then(FlatFills::new),
            software_meshes: creation
                .wgpu_render_state
                .as_ref()
                .and_then(SoftwareMeshes::new),
            clears_ground: false,
            tokenize_at: None,
            trace_when_released: false,
            ask_when_released: false,
            waiting_to_open: open,
            asked_first: Asked::default(),
        };
        application.wear_theme(ctx);
        if application.waiting_to_open.is_empty() {
            application.open_model(BUNDLED.to_string());
        }
        application
    }

    /// The same over a surface that is cleared to [`eframe::App::clear_color`] before each frame, as windows are.
    #[must_use]
    pub fn over_cleared_ground(mut self) -> Self {
        self.clears_ground = true;
        self
    }

    /// Leaves everything to egui's own painter from now on, to compare with what is painted beside it on software
    /// adapters.
    pub fn paint_by_egui_alone(&mut self) {
        self.flat_fills = None;
        self.software_meshes = None;
    }

    /// The same, reading the files of other programs that are opened first as they are said to be.
    #[must_use]
    pub fn reading_as(mut self, asked: Asked) -> Self {
        self.asked_first = asked;
        self
    }

    /// What the window shows, for reading.
    pub fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn wear_theme(&self, ctx: &Context) {
        Theme::of(self.state.appearance).apply(ctx);
    }

    /// Asks for the prompt's tokens once typing rests.
    pub(super) fn tokenize_soon(&mut self, ctx: &Context) {
        self.tokenize_at = Some(ctx.time() + TYPING_REST);
        ctx.request_repaint_after_secs(TYPING_REST as f32);
    }

    pub(super) fn tokenize_now(&mut self) {
        self.tokenize_at = None;
        if self.state.is_about_images() {
            return;
        }
        let Some(model) = self.state.model.open.as_ref().map(|m| m.reference.clone()) else {
            return;
        };
        self.last_ticket += 1;
        self.background.send(Request::Tokenize {
            model,
            text: self.state.question.prompt.clone(),
            ticket: self.last_ticket,
        });
    }

    /// Says something at the foot for a few seconds.
    pub(super) fn say(&mut self, ctx: &Context, words: &str) {
        self.state.said = Some((words.to_string(), ctx.time()));
        ctx.request_repaint_after_secs(SAID_FOR as f32);
    }

    fn take_dialog_answer(&mut self, ctx: &Context) {
        match self.dialogs.answer() {
            Some(Answer::Picked(path)) => match self.wanted {
                Wanted::ModelFolder | Wanted::Weights => self.open_path(ctx, &path),
                Wanted::Network => {
                    let reference = path.display().to_string();
                    self.apply_image(ctx, ImageCommand::AddNetwork(reference));
                }
                Wanted::Picture => self.apply_image(ctx, ImageCommand::OpenPicture(path)),
                Wanted::Truth => self.apply_image(ctx, ImageCommand::OpenTruth(path)),
                Wanted::Numbers => self.open_path(ctx, &path),
                Wanted::Tokens => self.take_tokens(path),
                Wanted::Font => self.take_font(ctx, &path),
                Wanted::SaveScript => self.write_script(ctx, path),
                Wanted::SaveFigure(_) => {
                    self.apply_export(ctx, ExportCommand::WriteTo(path));
                }
                Wanted::File => self.open_path(ctx, &path),
                Wanted::SaveExperiment(_) => self.save_to(ctx, &path),
            },
            Some(Answer::NoDialog) => {
                self.state.notice = Some(Notice {
                    title: "This system shows no file dialog".into(),
                    message: "Drop the model's folder on the window, or the file, or start with `whyfinder open PATH`. On Linux, \
                              xdg-desktop-portal or zenity gives the dialog."
                        .into(),
                    action: NoticeAction::None,
                });
            }
            Some(Answer::Cancelled) | None => {}
        }
    }

    fn take_dropped_files(&mut self, ctx: &Context) {
        let dropped: Vec<PathBuf> = ctx.input(|i| {
            i.raw
                .dropped_files
                .iter()
                .map(|f| f.path().to_path_buf())
                .collect()
        });
        self.open_dropped(ctx, &dropped);
    }

    fn take_keys(&mut self, ctx: &Context, commands: &mut Vec<Command>) {
        let typing = ctx.text_edit_focused();
        for (modifiers, key, command) in SHORTCUTS {
            // While a text is edited, undo is the text's own.
            let of_text = matches!(command, Command::Undo | Command::Redo);
            if (typing && of_text) || self.state.palette_open {
                continue;
            }
            if ctx.input_mut(|i| i.consume_key(modifiers, key)) {
                commands.push(command);
            }
        }
        if typing {
            return;
        }
        let copy = ctx.input_mut(|i| {
            let before = i.events.len();
            i.events.retain(|e| *e != InputEvent::Copy);
            before != i.events.len()
        });
        if copy {
            commands.push(Command::CopyPicture);
        }
        let pasted = ctx.input_mut(|i| {
            let at = i
                .events
                .iter()
                .position(|e| matches!(e, InputEvent::PasteImage(_)))?;
            Some(i.events.remove(at))
        });
        if let Some(InputEvent::PasteImage(image)) = pasted {
            commands.push(Command::Image(ImageCommand::Paste(image)));
        }
        let popup = egui::Popup::is_any_open(ctx);
        if !popup
            && !self.state.palette_open
            && ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape))
        {
            commands.push(self.escape());
        }
    }

    /// What Escape does: the nearest thing that can be ended.
    fn escape(&self) -> Command {
        if self.state.export.is_some() {
            Command::Export(ExportCommand::Close)
        } else if self.state.axes.is_some() {
            Command::Import(ImportCommand::Cancel)
        } else if self.state.run_history.compared.is_some() {
            Command::RunHistory(RunHistoryCommand::CloseComparison)
        } else if self.state.jobs.busy() {
            Command::Cancel
        } else if self.state.notice.is_some() {
            Command::DismissNotice
        } else {
            Command::ShowGallery(false)
        }
    }

    fn draw(&mut self, ui: &mut Ui) -> Vec<Command> {
        let theme = Theme::of(self.state.appearance);
        let look = theme.map_look(self.gpu.clone());
        let mut commands = Vec::new();
        let mut view = View {
            state: &self.state,
            theme: &theme,
            look: &look,
            clears_ground: self.clears_ground,
            scenes: &self.scenes,
            maps: &mut self.maps,
            commands: &mut commands,
        };
        top_bar::show(ui, &mut view);
        if view.state.imported.is_some() {
            import_bar::show(ui, &mut view);
        } else if !view.state.is_about_images() {
            prompt_bar::show(ui, &mut view);
        }
        foot::show(ui, &mut view);
        notice_bar::show(ui, &mut view);
        panel::show(ui, &mut view);
        egui::CentralPanel::no_frame().show(ui, |ui| {
            if view.state.gallery_open {
                gallery::show(ui, &mut view);
            } else if view.state.run_history.compared.is_some() {
                comparison::show(ui, &mut view);
            } else if let Some(imported) = &view.state.imported {
                self.import_layouts[imported.form() as usize].show(ui, &mut view);
            } else if view.state.is_about_images() {
                self.pictures_layout.show(ui, &mut view);
            } else {
                self.layout.show(ui, &mut view);
            }
        });
        export_panel::show(ui, &mut view);
        axes_dialog::show(ui, &mut view);
        palette::show(ui, &mut view);
        drop_hint::show(ui, &theme);
        commands
    }
}

/// The card that maps are painted on.
///
/// A driver that computes on the processor would paint them anew in every frame; there the processor paints them
/// itself, once for each change, in the same colours.
fn map_gpu(creation: &eframe::CreationContext<'_>) -> Option<MapGpu> {
    let state = creation.wgpu_render_state.as_ref()?;
    if super::is_software(state) {
        return None;
    }
    MapGpu::new(state)
}

/// The model that comes with the program.
pub const BUNDLED: &str = "demo:isles";

impl eframe::App for Application {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        let named: Vec<PathBuf> = std::mem::take(&mut self.waiting_to_open)
            .into_iter()
            .map(PathBuf::from)
            .collect();
        self.open_dropped(ctx, &named);
        self.asked_first = Asked::default();
        let mut taken = 0;
        while taken < EVENTS_PER_FRAME
            && let Some(event) = self.background.try_recv()
        {
            self.receive(ctx, event);
            taken += 1;
        }
        if taken == EVENTS_PER_FRAME {
            ctx.request_repaint();
        }
        self.take_dialog_answer(ctx);
        self.take_read_file(ctx);
        self.take_saved_file(ctx);
        self.take_history_news(ctx);
        self.take_news(ctx);
        self.take_drawn_figures(ctx);
        self.take_written_script(ctx);
        self.take_dropped_files(ctx);
        if self.tokenize_at.is_some_and(|at| ctx.time() >= at) {
            self.tokenize_now();
        }
        if self
            .state
            .said
            .as_ref()
            .is_some_and(|(_, at)| ctx.time() > at + SAID_FOR)
        {
            self.state.said = None;
        }
        if self.trace_when_released && !ctx.input(|i| i.pointer.any_down()) {
            self.trace_when_released = false;
            self.undo_steps.pause();
            self.trace_again();
        }
        if self.ask_when_released && !super::images::is_held(ctx) {
            self.ask_when_released = false;
            self.undo_steps.pause();
            self.ask_image_again();
        }
        let mut commands = Vec::new();
        self.take_keys(ctx, &mut commands);
        for command in commands {
            self.apply(ctx, command);
        }
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let commands = self.draw(ui);
        if let Some(fills) = &mut self.flat_fills {
            fills.take_over(ui.ctx());
        }
        if let Some(meshes) = &self.software_meshes {
            meshes.take_over(ui.ctx());
        }
        if !commands.is_empty() {
            // What a command changed is drawn at once, not at the next movement of the mouse.
            ui.ctx().request_repaint();
        }
        if let Some(wanted) = self.maps.tiles.take_wanted() {
            // Where events wait for a frame, the first tiles shall not.
            ui.ctx().request_repaint_after_secs(TILES_SOON);
            self.background.send(Request::Tiles(TileRequest {
                record: wanted.record,
                head: wanted.head,
                tiles: wanted.tiles,
            }));
        }
        let ctx = ui.ctx().clone();
        for command in commands {
            self.apply(&ctx, command);
        }
    }

    fn on_exit(&mut self) {
        // How the last run was looked at is worth keeping too; dropping the keeper waits until it is written.
        self.remember_view();
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        Remembered {
            appearance: self.state.appearance,
            recent: self.state.recent.clone(),
            recent_files: self
                .state
                .recent_files
                .iter()
                .map(|r| r.path.clone())
                .collect(),
            history_open: self.state.run_history.open,
            history_budget: self.state.run_history.budget,
            layout: self.layout.kept(),
            pictures_layout: self.pictures_layout.kept(),
        }
        .save(storage);
    }

    fn clear_color(&self, _visuals: &egui::Visuals) -> [f32; 4] {
        Theme::of(self.state.appearance)
            .background
            .to_normalized_gamma_f32()
    }

    fn persist_egui_memory(&self) -> bool {
        false
    }
}
