//! The strip that says what could not be done, until it is read.

use egui::{Align, Layout, Margin, RichText, Ui};

use super::command::Command;
use super::controls::text_button;
use super::open_files::file_name;
use super::state::NoticeAction;
use super::view::View;
use super::{fonts, words};

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let Some(notice) = view.state.notice.clone() else {
        return;
    };
    let theme = view.theme;
    // What is offered is no trouble.
    let tone = match notice.action {
        NoticeAction::UseTruth(_) => theme.selection,
        _ => theme.helps,
    };
    egui::Panel::top("notice")
        .resizable(false)
        .frame(
            egui::Frame::new()
                .fill(theme.raised)
                .inner_margin(Margin::symmetric(16, 8)),
        )
        .show(ui, |ui| {
            let edge = ui.max_rect().expand2(egui::vec2(16.0, 8.0));
            ui.horizontal(|ui| {
                ui.label(
                    RichText::new(&notice.title)
                        .font(fonts::semibold(13.0))
                        .color(tone),
                );
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if text_button(ui, theme, "Dismiss", theme.muted).clicked() {
                        view.push(Command::DismissNotice);
                    }
                    let action = match &notice.action {
                        NoticeAction::OpenAnother if view.state.is_about_images() => {
                            Some("Open another file…".to_string())
                        }
                        NoticeAction::OpenAnother => Some("Open another folder…".to_string()),
                        NoticeAction::ChoosePicture => Some("Choose a picture…".to_string()),
                        NoticeAction::ChooseTruth => Some("Choose the truth…".to_string()),
                        NoticeAction::UseTruth(path) => {
                            let name = words::shortened(&file_name(path), 28);
                            Some(format!("Use {name} as the truth"))
                        }
                        NoticeAction::SaveElsewhere => Some("Save as…".to_string()),
                        NoticeAction::None => None,
                    };
                    if let Some(label) = action
                        && ui.button(label).clicked()
                    {
                        view.push(Command::Act(notice.action.clone()));
                    }
                });
            });
            ui.add(egui::Label::new(RichText::new(&notice.message).color(theme.text)).wrap());
            let stripe = egui::Rect::from_min_max(
                edge.left_top(),
                egui::pos2(edge.left() + 3.0, ui.min_rect().bottom() + 8.0),
            );
            ui.painter().rect_filled(stripe, 0.0, tone);
        });
}
