//! How what was measured compares with what a gradient said beforehand: one click away from the numbers.

use egui::{CollapsingHeader, Label, RichText, Ui};

use super::view::View;
use crate::maps::estimate_scatter::{EstimateScatter, estimate_scatter};

/// Height of the picture, points.
const HEIGHT: f32 = 220.0;

pub(crate) fn show(ui: &mut Ui, view: &View<'_>, scatter: &EstimateScatter<'_>) {
    let opened = CollapsingHeader::new("Estimate against measured")
        .id_salt("estimates")
        .show(ui, |ui| {
            estimate_scatter(ui, view.look, scatter, HEIGHT);
            let sentence = "Points on the line were estimated rightly. Estimates come from one gradient and only choose \
                            what is measured first.";
            ui.add(Label::new(RichText::new(sentence).color(view.theme.muted)).wrap());
        });
    if opened.header_response.clicked()
        && let Some(body) = opened.body_response
    {
        body.scroll_to_me(None);
    }
}
