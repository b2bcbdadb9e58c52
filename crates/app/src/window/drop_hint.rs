//! What a folder or file that is held over the window will do when it is dropped.

use std::path::PathBuf;

use egui::{Align2, Color32, Stroke, Ui};

use super::fonts;
use super::open_files::Dropped;
use super::theme::Theme;

pub(crate) fn show(ui: &Ui, theme: &Theme) {
    let paths: Vec<PathBuf> = ui.input(|i| {
        let hovered = i.raw.hovered_files.iter();
        hovered
            .map(|f| f.path.clone().unwrap_or_default())
            .collect()
    });
    if paths.is_empty() {
        return;
    }
    let id = egui::Id::unique("drop-hint");
    let painter = ui
        .ctx()
        .layer_painter(egui::LayerId::new(egui::Order::Tooltip, id));
    let window = ui.ctx().content_rect();
    let veil = Color32::from_rgba_unmultiplied(
        theme.background.r(),
        theme.background.g(),
        theme.background.b(),
        220,
    );
    painter.rect_filled(window, 0.0, veil);
    painter.rect_stroke(
        window.shrink(12.0),
        6.0,
        Stroke::new(1.5, theme.selection),
        egui::StrokeKind::Inside,
    );
    painter.text(
        window.center(),
        Align2::CENTER_CENTER,
        words(&paths),
        fonts::semibold(15.0),
        theme.text,
    );
}

fn words(paths: &[PathBuf]) -> String {
    let dropped = Dropped::of(paths);
    match (dropped.networks.len(), dropped.pictures.len()) {
        (2.., _) => format!("Drop to compare {} networks", dropped.networks.len()),
        (_, 2..) => "Drop: the first picture is the input, the second may be its truth".to_string(),
        _ => "Drop a model, an experiment, a result, a picture or arrays to open it".to_string(),
    }
}
