//! The bar at the foot: what runs, how far it is, and what it costs.

use egui::{Align, Layout, Margin, RichText, Ui};
use whyfinder_experiment::outcome::Summary;
use whyfinder_worker::JobId;

use super::command::Command;
use super::controls::{bar_frame, muted, progress, text_button};
use super::images::state::Part;
use super::state::{Phase, State};
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
        let cells = counted(view, job.id);
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

/// What a job's progress counts.
fn counted(view: &View<'_>, job: JobId) -> &'static str {
    let jobs = &view.state.jobs;
    let image = jobs.images.iter().find(|j| j.job.id == job);
    let blocks = {
        let q = &view.state.question.images;
        q.settings.block(q.method).is_some()
    };
    match image {
        Some(image) if image.part == Part::Map && blocks => " blocks",
        Some(image) if image.part == Part::Restore => " tiles",
        Some(_) => "",
        None if jobs.trace.as_ref().is_some_and(|t| t.id == job) => " cells",
        None => "",
    }
}

/// The finished map or trace that is on screen.
fn measured<'a>(view: &View<'a>) -> Option<&'a Summary> {
    let state: &'a State = view.state;
    if state.is_about_images() {
        let active = state.question.images.active_network()?;
        let map = state.images.results.of(active)?.map.as_ref()?;
        return map.complete.then_some(&map.summary);
    }
    let trace = state.results.trace.as_ref()?;
    trace.complete.then_some(&trace.summary)
}

/// Right to left.
fn cost(ui: &mut Ui, view: &View<'_>) {
    let theme = view.theme;
    if let Some(s) = measured(view)
        && s.passes > 0.0
        && s.passes_plain > 1.05 * s.passes
    {
        let ratio = times(s.passes_plain / s.passes);
        muted(ui, theme, format!("{ratio} fewer passes than plain")).on_hover_text(format!(
            "{:.0} rows through the whole network in place of {:.0}, in {:.1} s",
            s.passes, s.passes_plain, s.seconds
        ));
    }
    if let Some(model) = &view.state.model.open {
        let peak = measured(view).map_or(0, |s| s.peak_bytes).max(model.bytes);
        muted(ui, theme, words::bytes(peak))
            .on_hover_text("Memory for weights, caches and the batch, as estimated");
        muted(ui, theme, device_words(&model.device));
    }
}

/// `9.4×`, `31×`.
fn times(ratio: f64) -> String {
    if ratio < 99.95 {
        format!("{ratio:.1}×")
    } else {
        format!("{ratio:.0}×")
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
