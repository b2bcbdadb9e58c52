//! The question: the prompt, its tokens with the subject marked, answer and foil, and one line of settings.

use egui::{Key, Margin, Ui, vec2};

use super::command::Command;
use super::controls::{bar_frame, primary_button};
use super::view::View;
use super::{fonts, settings_line, token_chips};

/// Width of the button that runs, points.
const RUN: f32 = 64.0;

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    egui::Panel::top("question")
        .resizable(false)
        .frame(bar_frame(view.theme, Margin::symmetric(16, 10)))
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 8.0;
            ui.horizontal(|ui| {
                prompt(
                    ui,
                    view,
                    ui.available_width() - RUN - ui.spacing().item_spacing.x,
                );
                ui.add_sized([RUN, 28.0], |ui: &mut Ui| run_button(ui, view));
            });
            token_chips::show(ui, view);
            settings_line::show(ui, view);
        });
}

/// The prompt's field, for moving the focus there.
pub(crate) fn prompt_id() -> egui::Id {
    egui::Id::unique("prompt-field")
}

fn prompt(ui: &mut Ui, view: &mut View<'_>, width: f32) {
    let mut text = view.state.question.prompt.clone();
    let field = egui::TextEdit::singleline(&mut text)
        .id(prompt_id())
        .font(fonts::text(13.5))
        .hint_text("Type a prompt whose next token is the question, such as “The tower of Tarlithmi stands in the town of”")
        .margin(Margin::symmetric(10, 5))
        .min_size(vec2(width, 28.0))
        .desired_width(width);
    let response = ui.add(field).accessible_name("Prompt");
    if response.changed() {
        view.push(Command::SetPrompt(text));
    }
    if response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter)) {
        view.push(Command::Ask);
        // Enter asks; the words stay under the cursor.
        response.request_focus();
    }
}

fn run_button(ui: &mut Ui, view: &mut View<'_>) -> egui::Response {
    let answered = view.state.run_is_current() && view.state.trace_is_current();
    let empty = view.state.question.prompt.trim().is_empty();
    let response = ui
        .add_enabled_ui(!empty, |ui| {
            if answered || empty {
                ui.button("Run")
            } else {
                primary_button(ui, view.theme, "Run")
            }
        })
        .inner
        .on_hover_text("Run the prompt, then trace what caused the answer (Enter)");
    if response.clicked() {
        view.push(Command::Ask);
    }
    response
}
