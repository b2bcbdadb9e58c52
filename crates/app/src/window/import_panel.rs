//! Where another program's numbers are from, and what they say about themselves.

use egui::{RichText, ScrollArea, Ui};

use super::controls::muted;
use super::fonts;
use super::view::View;
use crate::maps::token_text::read_number;

/// Arrays that are listed.
const MOST_ARRAYS: usize = 12;

pub(crate) fn describe(view: &View<'_>) -> String {
    match &view.state.imported {
        Some(imported) => imported.form().name().to_string(),
        None => String::new(),
    }
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let Some(imported) = &view.state.imported else {
        return;
    };
    let theme = view.theme;
    let summary = &imported.outcome.summary;
    ScrollArea::vertical().id_salt("import").show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 5.0;
        ui.spacing_mut().interact_size.y = 16.0;
        for notice in &summary.notices {
            ui.add(egui::Label::new(RichText::new(notice).color(theme.text)).wrap());
        }
        if !summary.reference.is_empty() {
            title(ui, "Reference values");
            for (name, value) in &summary.reference {
                row(ui, view, name, &read_number(*value));
            }
        }
        if let Some(answer) = &summary.answer {
            row(ui, view, "answer", &super::words::token(&answer.text));
        }
        let provenance = &imported.outcome.provenance;
        if provenance.model != whyfinder_import::MADE_ELSEWHERE {
            row(ui, view, "model", &provenance.model);
        }
        if !imported.arrays.is_empty() {
            title(ui, "Arrays of the file");
            for (name, shape, dtype) in imported.arrays.iter().take(MOST_ARRAYS) {
                row(ui, view, name, &format!("{shape:?} {dtype}"));
            }
            if imported.arrays.len() > MOST_ARRAYS {
                muted(
                    ui,
                    theme,
                    format!("and {} more", imported.arrays.len() - MOST_ARRAYS),
                );
            }
        }
        let files = &imported.settings().files;
        if !files.is_empty() {
            title(ui, if files.len() == 1 { "File" } else { "Files" });
            for file in files {
                ui.add(
                    egui::Label::new(
                        RichText::new(file.path.display().to_string()).color(theme.muted),
                    )
                    .wrap(),
                );
                let digest: String = file.digest.chars().take(16).collect();
                ui.label(
                    RichText::new(format!("BLAKE3 {digest}…"))
                        .font(fonts::mono(11.5))
                        .color(theme.muted),
                )
                .on_hover_text(&file.digest);
            }
        }
    });
}

fn title(ui: &mut Ui, words: &str) {
    ui.add_space(6.0);
    ui.label(RichText::new(words).font(fonts::semibold(12.5)));
}

fn row(ui: &mut Ui, view: &View<'_>, name: &str, value: &str) {
    ui.horizontal(|ui| {
        let width = (ui.available_width() * 0.45).min(130.0);
        ui.allocate_ui_with_layout(
            egui::vec2(width, 18.0),
            egui::Layout::left_to_right(egui::Align::Center),
            |ui| {
                ui.set_width(width);
                ui.add(
                    egui::Label::new(RichText::new(name).size(12.5).color(view.theme.muted))
                        .truncate(),
                );
            },
        );
        ui.add(
            egui::Label::new(
                RichText::new(value)
                    .font(fonts::mono(12.0))
                    .color(view.theme.text),
            )
            .truncate(),
        );
    });
}
