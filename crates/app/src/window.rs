//! The window: what is shown, what is selected, and the commands that change it.
//!
//! Views read the [`state::State`] and push [`command::Command`]s; only the [`application::Application`] applies
//! them, and only it takes the worker's events. Nothing here computes: it sends experiments and draws fields.

use std::sync::Arc;
use std::time::Duration;

use whyfinder_worker::Wake;

pub mod application;
pub mod attention;
pub mod background;
pub mod command;
pub mod dialogs;
pub mod export;
pub mod fonts;
pub mod images;
pub mod imports;
pub mod layout;
pub mod question;
pub mod results;
pub mod run_history;
pub mod saving;
pub mod scenes;
pub mod selection;
pub mod state;
mod stopping;
pub mod theme;
pub mod thumbnail;

mod against_estimates;
mod answer_chips;
mod apply;
mod attention_panel;
mod axes_dialog;
mod bundled_networks;
mod controls;
mod copying;
mod drop_hint;
mod events;
mod export_panel;
mod export_studio;
mod field_panel;
mod file_menu;
mod flat_fills;
mod foot;
mod fuzzy;
mod gallery;
mod head_panel;
mod import_bar;
mod import_panel;
mod inspector_panel;
mod lines_panel;
mod listener;
mod looked;
mod map_states;
mod missing_glyph;
mod notice_bar;
mod open_figure;
mod open_files;
mod palette;
mod predictions_panel;
mod prompt_bar;
mod remembered;
mod script_file;
mod settings_line;
mod software_meshes;
mod token_chips;
mod top_bar;
mod trace_panel;
mod undo;
mod view;
mod words;

pub use application::Application;
use background::Background;
pub use state::State;

/// What the window starts with.
#[derive(Clone, Debug, Default)]
pub struct OpenArguments {
    /// Models by reference or folder, experiments and results; empty shows the scenes and opens the bundled model.
    pub open: Vec<String>,
    /// What was said of files of other programs among them.
    pub asked: whyfinder_import::Asked,
}

/// Why there is no window; each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "There is no display to open a window on: DISPLAY and WAYLAND_DISPLAY are not set, or name one that cannot be reached."
    )]
    NoDisplay,
    #[error(
        "No graphics driver that can draw the window was found. On Debian and Ubuntu, `apt install \
         mesa-vulkan-drivers libvulkan1` gives one that works without a graphics card. Details: {0}"
    )]
    NoGpu(String),
    #[error("The window could not be opened: {0}")]
    Window(String),
}

const TITLE: &str = "Whyfinder";
/// Names the folder of what is remembered.
const APP_ID: &str = "whyfinder";

const ICON: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../assets/icons/whyfinder.png"
));

/// Opens the window over the background that `spawn` makes, and stays until it is closed.
///
/// `spawn` is given what wakes the window after an event.
///
/// # Errors
/// If there is no display, or no graphics driver.
pub fn open_with(
    arguments: OpenArguments,
    spawn: impl FnOnce(Wake) -> Box<dyn Background>,
) -> Result<(), OpenError> {
    if !has_display() {
        return Err(OpenError::NoDisplay);
    }
    let icon = eframe::icon_data::from_png_bytes(ICON).unwrap_or_default();
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_icon(icon)
            .with_title(TITLE)
            .with_app_id(APP_ID)
            .with_inner_size([1440.0, 900.0])
            .with_min_inner_size([960.0, 600.0])
            .with_drag_and_drop(true),
        renderer: eframe::Renderer::Wgpu,
        // Colours are looked up, not blended: there is no banding to hide.
        dithering: false,
        ..eframe::NativeOptions::default()
    };
    eframe::run_native(
        TITLE,
        options,
        Box::new(move |creation| {
            let ctx = creation.egui_ctx.clone();
            let pause = pause_between_events(creation.wgpu_render_state.as_ref());
            let background = spawn(Arc::new(move || ctx.request_repaint_after(pause)));
            let dialogs = Box::<dialogs::Native>::default();
            let application = Application::new(creation, background, dialogs, arguments.open);
            let application = application
                .listening(&creation.egui_ctx, None)
                .reading_as(arguments.asked)
                .over_cleared_ground();
            Ok(Box::new(match eframe::storage_dir(APP_ID) {
                Some(folder) => {
                    application.keeping_history_in(&creation.egui_ctx, folder.join("history"))
                }
                None => application,
            }))
        }),
    )
    .map_err(|error| match error {
        eframe::Error::Wgpu(e) => OpenError::NoGpu(e.to_string()),
        eframe::Error::WinitEventLoop(_) | eframe::Error::Winit(_) => OpenError::NoDisplay,
        other => OpenError::Window(other.to_string()),
    })
}

/// Whether the adapter is a program: every shader takes the processor away from the worker.
fn is_software(state: &egui_wgpu::RenderState) -> bool {
    state.adapter.get_info().device_type == wgpu::DeviceType::Cpu
}

/// How long events may wait for a frame: on a software adapter, drawing at every event would slow down what is drawn.
fn pause_between_events(state: Option<&egui_wgpu::RenderState>) -> Duration {
    if state.is_some_and(is_software) {
        Duration::from_millis(120)
    } else {
        Duration::ZERO
    }
}

/// Whether a display is announced; only Linux and the BSDs can be without one.
fn has_display() -> bool {
    if cfg!(any(target_os = "windows", target_os = "macos")) {
        return true;
    }
    ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()))
}
