//! Draws that end early: the controls that traces and maps share.

use egui::{DragValue, Ui};

use super::controls::muted;
use super::theme::Theme;

/// What a person is told of the rule, and what it is counted in.
pub(crate) struct StopWords {
    /// Such as `a block's fine draws`.
    pub(crate) draws: &'static str,
    /// Such as `50 fine draws are the most`.
    pub(crate) most: String,
    /// Of the resolution, with a space in front; empty for a bare number.
    pub(crate) unit: &'static str,
    pub(crate) decimals: usize,
}

/// Sets or removes the confidence at which draws end, and the resolution that goes with it.
pub(crate) fn stop_early(
    ui: &mut Ui,
    theme: &Theme,
    words: &StopWords,
    confidence: &mut Option<f64>,
    resolution: &mut f64,
) {
    let mut on = confidence.is_some();
    let hover = format!(
        "Ends {} once the effect is known. Saves most of them where effects are clear or nothing; those effects then \
         rest on fewer draws, and their number stands beside each. Off: every effect has all its draws.",
        words.draws
    );
    if ui
        .checkbox(&mut on, "Stop early where the effect is known")
        .on_hover_text(hover)
        .changed()
    {
        *confidence = on.then_some(0.95);
    }
    let Some(confidence) = confidence else {
        return;
    };
    egui::Grid::new("stop-early")
        .num_columns(2)
        .spacing([12.0, 6.0])
        .show(ui, |ui| {
            let label = ui.label("Confidence");
            let percent = DragValue::new(confidence)
                .range(0.5..=0.999)
                .speed(0.002)
                .custom_formatter(|n, _| {
                    let digits = format!("{:.1}", 100.0 * n);
                    format!("{} %", digits.trim_end_matches(".0"))
                })
                .custom_parser(|text| {
                    let number: f64 = text.trim().trim_end_matches('%').trim().parse().ok()?;
                    Some(if number > 1.0 { number / 100.0 } else { number })
                });
            ui.add(percent)
                .labelled_by(label.id)
                .on_hover_text("That no look at an effect misleads, all looks together");
            ui.end_row();
            let label = ui.label("Known to");
            let speed = *resolution * 0.02;
            let value = DragValue::new(resolution)
                .range(0.0001..=100.0)
                .speed(speed)
                .max_decimals(words.decimals)
                .prefix("± ")
                .suffix(words.unit);
            ui.add(value)
                .labelled_by(label.id)
                .on_hover_text("A smaller difference would not show as another colour");
            ui.end_row();
        });
    let said = format!("Looked at after every ten; {}.", words.most);
    // Menus justify what stands in them.
    ui.vertical(|ui| muted(ui, theme, said));
}

/// Whether a gradient says beforehand where to look first.
pub(crate) fn estimate_first(ui: &mut Ui, estimate: &mut bool, costs: &str) {
    ui.checkbox(estimate, "Estimate all effects first")
        .on_hover_text(format!(
            "One gradient, {costs}: estimates stand hatched until they are measured, and the largest are measured \
             first. The measured numbers are the same either way."
        ));
}
