//! What a folder or file that is held over the window will do when it is dropped.

use egui::{Align2, Color32, Stroke, Ui};

use super::fonts;
use super::theme::Theme;

pub(crate) fn show(ui: &Ui, theme: &Theme) {
    if ui.input(|i| i.raw.hovered_files.is_empty()) {
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
        "Drop a model, an experiment, a result or a picture to open it",
        fonts::semibold(15.0),
        theme.text,
    );
}
