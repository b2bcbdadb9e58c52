//! The bar in place of the prompt while another program's numbers are shown: what they are, and the way back.

use egui::{Align, Layout, Margin, RichText, Ui};

use super::command::Command;
use super::controls::{bar_frame, text_button};
use super::fonts;
use super::imports::ImportCommand;
use super::view::View;

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let Some(imported) = &view.state.imported else {
        return;
    };
    let theme = view.theme;
    egui::Panel::top("import")
        .resizable(false)
        .frame(bar_frame(theme, Margin::symmetric(16, 8)))
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 10.0;
                let buttons = if imported.file().is_some() {
                    190.0
                } else {
                    60.0
                };
                let words = ui.available_width() - buttons;
                ui.allocate_ui_with_layout(
                    egui::vec2(words.max(80.0), 28.0),
                    Layout::left_to_right(Align::Center),
                    |ui| {
                        ui.set_width(words.max(80.0));
                        ui.label(
                            RichText::new(imported.name())
                                .font(fonts::semibold(13.5))
                                .color(theme.text),
                        );
                        let from = match (imported.sender, imported.connected) {
                            (Some(_), true) => "sending its numbers",
                            (Some(_), false) => "has ended; what it sent stays",
                            (None, _) => "computed elsewhere, no model at hand",
                        };
                        let said = format!("{from} · {}", imported.settings().recognised);
                        ui.add(
                            egui::Label::new(RichText::new(said).size(12.5).color(theme.muted))
                                .truncate(),
                        );
                    },
                );
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if text_button(ui, theme, "Close", theme.muted)
                        .on_hover_text("Back to the model")
                        .clicked()
                    {
                        view.commands.push(Command::Import(ImportCommand::Close));
                    }
                    if imported.file().is_some()
                        && text_button(ui, theme, "Read it otherwise…", theme.selection)
                            .on_hover_text("Say yourself what the axes mean and where tokens are")
                            .clicked()
                    {
                        view.commands
                            .push(Command::Import(ImportCommand::ReadOtherwise));
                    }
                });
            });
        });
}
