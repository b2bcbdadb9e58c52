//! The bar at the foot: what runs, how far it is, and what it costs.

use egui::{Align, Layout, Margin, RichText, Ui};

use super::command::Command;
use super::controls::{bar_frame, muted, progress, text_button};
use super::state::Phase;
use super::view::View;
use super::{fonts, words};

/// Height of the bar, points.
pub(crate) const HEIGHT: f32 = 30.0;

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    egui::Panel::bottom("foot")
        .exact_size(HEIGHT)
        .resizable(false)
        .frame(bar_frame(view.theme, Margin::symmetric(16, 0)))
        .show(ui, |ui| {
            ui.horizontal_centered(|ui| {
                ui.spacing_mut().item_spacing.x = 14.0;
                job(ui, view);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    ui.spacing_mut().item_spacing.x = 14.0;
                    cost(ui, view);
                });
            });
        });
}

fn job(ui: &mut Ui, view: &mut View<'_>) {
    let theme = view.theme;
    if let Some(reference) = &view.state.model.opening {
        muted(ui, theme, format!("Opening {reference}"));
        return;
    }
    let Some((what, job)) = view.state.jobs.current() else {
        let words = match &view.state.said {
            Some((said, _)) => said.clone(),
            None => "Ready".to_string(),
        };
        ui.add(egui::Label::new(RichText::new(words).size(12.5).color(theme.muted)).truncate());
        return;
    };
    let what = match job.phase {
        Phase::Queued => format!("{what}, waiting"),
        Phase::Running => what.to_string(),
        Phase::Cancelling => "Cancelling".to_string(),
    };
    ui.label(RichText::new(&what).size(12.5).color(theme.text));
    let fraction = job.progress.map(|p| p.done as f32 / p.total.max(1) as f32);
    progress(ui, theme, 150.0, fraction, &format!("Progress: {what}"));
    if let Some(p) = job.progress {
        let cells = if view
            .state
            .jobs
            .trace
            .as_ref()
            .is_some_and(|t| t.id == job.id)
        {
            " cells"
        } else {
            ""
        };
        ui.label(
            RichText::new(format!("{} / {}{cells}", p.done, p.total))
                .font(fonts::mono(12.0))
                .color(theme.muted),
        );
        if let Some(left) = p.seconds_left {
            muted(ui, theme, words::time_left(left));
        }
    }
    if job.phase != Phase::Cancelling
        && text_button(ui, theme, "Cancel", theme.selection)
            .on_hover_text("Stop the run; what was measured stays (Escape)")
            .clicked()
    {
        view.push(Command::Cancel);
    }
}

/// Right to left.
fn cost(ui: &mut Ui, view: &View<'_>) {
    let theme = view.theme;
    if let Some(trace) = &view.state.results.trace {
        let s = &trace.summary;
        if trace.complete && s.passes > 0.0 && s.passes_plain > 0.0 {
            let ratio = s.passes_plain / s.passes;
            if ratio > 1.05 {
                muted(ui, theme, format!("{ratio:.1}× fewer passes than plain")).on_hover_text(
                    format!(
                        "{:.0} rows through the whole network in place of {:.0}, in {:.1} s",
                        s.passes, s.passes_plain, s.seconds
                    ),
                );
            }
        }
    }
    if let Some(model) = &view.state.model.open {
        let peak = view
            .state
            .results
            .trace
            .as_ref()
            .map_or(0, |t| t.summary.peak_bytes)
            .max(model.bytes);
        muted(ui, theme, words::bytes(peak))
            .on_hover_text("Memory for weights, caches and the batch, as estimated");
        muted(ui, theme, device_words(&model.device));
    }
}

fn device_words(device: &str) -> String {
    match device {
        "cpu" => {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            format!("CPU · {threads} threads")
        }
        other => other.to_uppercase(),
    }
}
