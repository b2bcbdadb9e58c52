//! The bar at the top: name, model, scenes, command search, theme.

use egui::{Align, Button, Layout, Margin, Popup, RichText, Ui, vec2};
use whyfinder_worker::ImageNetwork;

use super::command::Command;
use super::controls::{bar_frame, text_button};
use super::export::ExportCommand;
use super::imports::ImportCommand;
use super::run_history::RunHistoryCommand;
use super::state::State;
use super::view::View;
use super::{file_menu, fonts, words};

/// Height of the bar, points.
pub(crate) const HEIGHT: f32 = 44.0;

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    egui::Panel::top("top-bar")
        .exact_size(HEIGHT)
        .resizable(false)
        .frame(bar_frame(view.theme, Margin::symmetric(16, 0)))
        .show(ui, |ui| {
            ui.horizontal_centered(|ui| {
                ui.spacing_mut().item_spacing.x = 10.0;
                name(ui, view);
                let right = 152.0 + search_width(ui);
                let [_, file] = file_menu::names(view.state);
                let beside = [file.as_str(), "Scenes", "History"].map(|t| width_of(ui, t));
                let beside: f32 = beside.iter().sum();
                model_button(ui, view, ui.available_width() - right - beside);
                file_menu::show(ui, view);
                scenes_button(ui, view);
                history_button(ui, view);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let other = view.state.appearance.other();
                    if text_button(ui, view.theme, other.name(), view.theme.muted)
                        .on_hover_text("Switch between the dark and the light theme")
                        .clicked()
                    {
                        view.push(Command::ToggleAppearance);
                    }
                    if text_button(ui, view.theme, "Export", view.theme.muted)
                        .on_hover_text("A figure for a paper of what has been measured (Ctrl E)")
                        .clicked()
                    {
                        view.push(Command::Export(ExportCommand::Open));
                    }
                    search(ui, view);
                });
            });
        });
}

/// Of a button with a word on it, and of the gap before it.
fn width_of(ui: &Ui, word: &str) -> f32 {
    let font = egui::TextStyle::Button.resolve(ui.style());
    let text = egui::text::LayoutJob::simple_singleline(word.into(), font, egui::Color32::WHITE);
    let spacing = ui.spacing();
    let around = 2.0 * spacing.button_padding.x + spacing.item_spacing.x;
    ui.painter().layout_job(text).size().x + around
}

fn name(ui: &mut Ui, view: &View<'_>) {
    let mut job = egui::text::LayoutJob::default();
    let format = |color| egui::TextFormat::simple(fonts::semibold(14.5), color);
    job.append("why", 0.0, format(view.theme.text));
    job.append("finder", 0.0, format(view.theme.accent));
    ui.label(job);
}

fn model_button(ui: &mut Ui, view: &mut View<'_>, room: f32) {
    let room = room.max(100.0);
    let mut job = model_words(view, true);
    let padding = 2.0 * ui.spacing().button_padding.x;
    if ui.painter().layout_job(job.clone()).size().x + padding > room {
        // Sizes are told when the pointer rests on it; how well the numbers agree stays in sight.
        job = model_words(view, false);
    }
    let label = describe_model(view.state);
    let button = Button::new(job).wrap_mode(egui::TextWrapMode::Truncate);
    let response = ui
        .scope(|ui| {
            ui.set_max_width(room);
            ui.add(button)
        })
        .inner;
    let response = response.accessible_name(label);
    let response = match &view.state.model.open {
        Some(m) => response.on_hover_ui(|ui| model_details(ui, m)),
        None => response,
    };
    Popup::menu(&response).show(|ui| model_menu(ui, view));
}

/// The model's name, its sizes where there is room for them, and its parity.
fn model_words(view: &View<'_>, sizes_too: bool) -> egui::text::LayoutJob {
    let theme = view.theme;
    let mut job = egui::text::LayoutJob::default();
    let mut add = |text: &str, font, color, space| {
        job.append(text, space, egui::TextFormat::simple(font, color));
    };
    match (&view.state.model.opening, &view.state.model.open) {
        (Some(reference), _) => {
            add(short_name(reference), fonts::medium(13.0), theme.text, 0.0);
            add("opening…", fonts::text(12.5), theme.muted, 8.0);
        }
        (None, Some(m)) => {
            add(title(m), fonts::medium(13.0), theme.text, 0.0);
            let sizes = match &m.image {
                Some(image) => image_sizes(m, image),
                None => format!(
                    "{} · {} layers × {} heads · {}",
                    m.family, m.layers, m.heads, m.dtype
                ),
            };
            if sizes_too {
                add(&sizes, fonts::text(12.5), theme.muted, 8.0);
            }
            if let Some(parity) = m.parity {
                let (badge, good) = parity_badge(parity);
                let color = if good { theme.good } else { theme.harms };
                add(&badge, fonts::text(12.5), color, 8.0);
            }
        }
        (None, None) => add("Open a model…", fonts::medium(13.0), theme.text, 0.0),
    }
    job
}

fn model_menu(ui: &mut Ui, view: &mut View<'_>) {
    ui.set_min_width(300.0);
    let open = Button::new("Open a model folder…").right_text("Ctrl Shift O");
    if ui.add(open).clicked() {
        view.push(Command::ChooseModel);
    }
    let weights = Button::new("Open a weights file…").right_text(".pth .safetensors");
    if ui.add(weights).clicked() {
        view.push(Command::ChooseWeights);
    }
    let numbers = Button::new("Open another program's numbers…").right_text(".npz .npy .mat");
    if ui.add(numbers).clicked() {
        view.push(Command::Import(ImportCommand::Choose));
    }
    let mut known: Vec<String> = vec!["demo:isles".to_string()];
    known.extend(super::bundled_networks::all());
    let recent: Vec<String> = view
        .state
        .recent
        .iter()
        .filter(|r| !known.contains(r))
        .cloned()
        .collect();
    known.extend(recent);
    ui.separator();
    ui.label(
        RichText::new("Bundled and recent models")
            .small()
            .color(view.theme.muted),
    );
    let current = view.state.model_reference().map(str::to_string);
    for reference in known {
        let selected = current.as_deref() == Some(&reference);
        let row = Button::selectable(selected, short_name(&reference)).truncate();
        if ui.add(row).on_hover_text(&reference).clicked() {
            view.push(Command::OpenModel(reference));
        }
    }
}

fn model_details(ui: &mut Ui, m: &whyfinder_worker::protocol::OpenedModel) {
    ui.label(RichText::new(&m.reference).font(fonts::mono(11.5)));
    let sides = match &m.image {
        Some(image) => {
            let colours = if image.channels == 1 {
                "grey"
            } else {
                "colour"
            };
            match image.scale {
                0 | 1 => format!("{colours} pictures of any size"),
                scale => format!("{colours} pictures of any size, enlarged ×{scale}"),
            }
        }
        None => format!(
            "{} layers, {} heads ({} key-value), width {}, {} tokens, prompts up to {}",
            m.layers, m.heads, m.kv_heads, m.d_model, m.vocab, m.max_positions
        ),
    };
    let lines = [
        format!(
            "{} · {} parameters, {}",
            m.architecture,
            words::parameters(m.parameters),
            words::bytes(m.bytes)
        ),
        sides,
    ];
    for line in lines {
        ui.label(line);
    }
    if let Some(parity) = m.parity {
        ui.label(format!(
            "Worst difference of a logit from the reference implementation: {}",
            short_power(parity)
        ));
    }
}

/// `SwinIR ×4 · 0.3 M · f32`.
fn image_sizes(m: &whyfinder_worker::protocol::OpenedModel, image: &ImageNetwork) -> String {
    let scale = match image.scale {
        0 | 1 => String::new(),
        scale => format!(" ×{scale}"),
    };
    let parameters = words::parameters(m.parameters);
    format!("{}{scale} · {parameters} · {}", m.family, m.dtype)
}

fn scenes_button(ui: &mut Ui, view: &mut View<'_>) {
    let open = view.state.gallery_open;
    let button = Button::new("Scenes").selected(open);
    if ui
        .add(button)
        .on_hover_text("Experiments to look at, on the bundled model")
        .clicked()
    {
        view.push(Command::ShowGallery(!open));
    }
}

fn history_button(ui: &mut Ui, view: &mut View<'_>) {
    let button = Button::new("History").selected(view.state.run_history.open);
    let hover = "Every finished run, and what it came from (Ctrl H)";
    if ui.add(button).on_hover_text(hover).clicked() {
        view.push(Command::RunHistory(RunHistoryCommand::Toggle));
    }
}

fn search_width(ui: &Ui) -> f32 {
    if ui.ctx().content_rect().width() < 1180.0 {
        200.0
    } else {
        280.0
    }
}

fn search(ui: &mut Ui, view: &mut View<'_>) {
    let words = if search_width(ui) < 250.0 {
        "Search commands…"
    } else if view.state.is_about_images() {
        "Search commands, networks…"
    } else {
        "Search commands, tokens, heads…"
    };
    let button = Button::new(RichText::new(words).color(view.theme.muted))
        .right_text(
            RichText::new("Ctrl K")
                .font(fonts::text(12.0))
                .color(view.theme.muted),
        )
        .min_size(vec2(search_width(ui), super::theme::CONTROL));
    if ui.add(button).accessible_name("Search commands").clicked() {
        view.push(Command::ShowPalette(true));
    }
}

fn describe_model(state: &State) -> String {
    match (&state.model.opening, &state.model.open) {
        (Some(reference), _) => format!("Model {reference}, opening"),
        (None, Some(m)) => format!("Model {}", title(m)),
        (None, None) => "Model: none open".to_string(),
    }
}

/// Bundled models keep the word that opens them.
fn title(model: &whyfinder_worker::protocol::OpenedModel) -> &str {
    if model.reference.starts_with("demo:") {
        &model.reference
    } else {
        &model.name
    }
}

/// The last part of a path; names stay whole.
fn short_name(reference: &str) -> &str {
    let trimmed = reference.trim_end_matches(['/', '\\']);
    if trimmed.starts_with(['/', '.', '~']) || trimmed.contains('\\') {
        trimmed.rsplit(['/', '\\']).next().unwrap_or(trimmed)
    } else {
        trimmed
    }
}

/// `3e-6`.
/// Worst difference of a logit that still counts as the same numbers, for f32.
const SAME_NUMBERS: f32 = 1e-4;

/// The badge's words, and whether they are good news. NaN is not.
fn parity_badge(parity: f32) -> (String, bool) {
    if parity <= SAME_NUMBERS {
        (format!("parity {} ✓", short_power(parity)), true)
    } else {
        (format!("differs by {}", short_power(parity)), false)
    }
}

fn short_power(v: f32) -> String {
    format!("{v:.0e}").replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_differences_get_a_tick() {
        assert_eq!(parity_badge(3e-6), ("parity 3e−6 ✓".to_string(), true));
        assert!(!parity_badge(20.0).1);
        assert!(!parity_badge(f32::NAN).1);
    }

    #[test]
    fn folders_are_named_by_their_last_part() {
        assert_eq!(short_name("/home/a/gpt2/"), "gpt2");
        assert_eq!(short_name("demo:isles"), "demo:isles");
        assert_eq!(short_name("EleutherAI/pythia-70m"), "EleutherAI/pythia-70m");
        assert_eq!(short_name(r"C:\models\qwen"), "qwen");
    }
}
