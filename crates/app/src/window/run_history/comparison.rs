//! Two runs in the middle of the window: side by side with one range of colours, or one minus the other.

use egui::{Align, Color32, Layout, Margin, Rect, Ui, vec2};
use whyfinder_experiment::{DifferenceErrors, Field};

use super::comparing::Comparison;
use super::{
    Compared, RunHistoryCommand, comparison_maps, comparison_predictions, comparison_traces,
};
use crate::maps::{EffectBar, effect_bar};
use crate::window::command::Command;
use crate::window::controls::{empty_state, heading, muted, text_button};
use crate::window::images::round_extent;
use crate::window::view::View;
use crate::window::{fonts, theme, words};

pub(super) const HEADING: f32 = 24.0;
pub(super) const BAR: f32 = 36.0;
pub(super) const GAP: f32 = 14.0;
/// Between a heading and what it stands over.
pub(super) const LINES: f32 = 2.0;

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let Some(compared) = view.state.run_history.compared.clone() else {
        return;
    };
    ui.painter()
        .rect_filled(ui.max_rect(), 0.0, view.theme.background);
    let pad = Margin::same(theme::PAD);
    egui::Frame::new().inner_margin(pad).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 8.0;
        bar(ui, view, &compared);
        match &compared.what {
            None => {
                muted(ui, view.theme, "The results are read from the disk.");
            }
            Some(Err(sentence)) => cannot(ui, view, "The runs cannot be compared", sentence),
            Some(Ok(comparison)) => match comparison.as_ref() {
                Comparison::Nothing(sentence) => {
                    cannot(ui, view, "Nothing to lay side by side", sentence);
                }
                Comparison::Traces(traces) => comparison_traces::show(ui, view, &compared, traces),
                Comparison::Maps(maps) => comparison_maps::show(ui, view, &compared, maps),
                Comparison::Predictions(rows) => {
                    comparison_predictions::show(ui, view, &compared, rows)
                }
            },
        }
    });
}

pub(super) fn cannot(ui: &mut Ui, view: &mut View<'_>, title: &str, sentence: &str) {
    if empty_state(
        ui,
        view.theme,
        title,
        sentence,
        Some("Close the comparison"),
    ) {
        view.push(Command::RunHistory(RunHistoryCommand::CloseComparison));
    }
}

/// What is compared, how, and the way back.
fn bar(ui: &mut Ui, view: &mut View<'_>, compared: &Compared) {
    let size = vec2(ui.available_width(), 26.0);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        let room = vec2((ui.available_width() - 250.0).max(80.0), size.y);
        ui.allocate_ui_with_layout(room, Layout::left_to_right(Align::Center), |ui| {
            ui.set_width(room.x);
            let tokens =
                matches!(&compared.what, Some(Ok(c)) if matches!(**c, Comparison::Predictions(_)));
            let alike = matches!(&compared.what, Some(Ok(c)) if c.is_alike());
            let of = match (compared.difference, tokens, alike) {
                (true, ..) => "the second minus the first",
                (false, true, _) => "their next tokens, on one scale",
                (false, false, true) => "one range of colours for both",
                (false, false, false) => "unlike numbers, each with its own range of colours",
            };
            heading(ui, view.theme, "Two runs", of);
        });
        ui.spacing_mut().button_padding = vec2(8.0, 2.0);
        ui.spacing_mut().interact_size.y = 22.0;
        ui.spacing_mut().item_spacing.x = 6.0;
        for (on, label) in [(false, "Side by side"), (true, "Difference")] {
            let button = egui::Button::selectable(compared.difference == on, label);
            if ui.add(button).clicked() {
                view.push(Command::RunHistory(RunHistoryCommand::ShowDifference(on)));
            }
        }
        if text_button(ui, view.theme, "Close", view.theme.muted)
            .accessible_name("Close the comparison")
            .on_hover_text("Back to the run on screen (Escape)")
            .clicked()
        {
            view.push(Command::RunHistory(RunHistoryCommand::CloseComparison));
        }
    });
}

/// Which of the two a panel is of, as the history tells it.
pub(super) fn side_heading(
    ui: &mut Ui,
    view: &View<'_>,
    compared: &Compared,
    side: usize,
    note: &str,
) {
    let size = vec2(ui.available_width(), HEADING);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        letter(ui, view, side);
        let node = view.state.run_history.node(&compared.nodes[side]);
        let (change, title) = node.map_or(("", ""), |n| (n.change.as_str(), n.title.as_str()));
        let of = if note.is_empty() {
            title.to_string()
        } else {
            format!("{title} · {note}")
        };
        heading(ui, view.theme, change, &of);
    });
}

/// `A` or `B` in a small square.
pub(super) fn letter(ui: &mut Ui, view: &View<'_>, side: usize) {
    let (rect, _) = ui.allocate_exact_size(vec2(18.0, 18.0), egui::Sense::hover());
    paint_letter(ui, view, rect, side);
}

pub(super) fn paint_letter(ui: &Ui, view: &View<'_>, rect: Rect, side: usize) {
    let theme = view.theme;
    ui.painter().rect_filled(rect, 4.0, theme.selection);
    let ink = match theme.appearance {
        theme::Appearance::Dark => theme.background,
        theme::Appearance::Light => Color32::WHITE,
    };
    let text = ["A", "B"][side.min(1)];
    let at = rect.center();
    ui.painter().text(
        at,
        egui::Align2::CENTER_CENTER,
        text,
        fonts::semibold(11.5),
        ink,
    );
}

/// How sure a difference is; nothing of numbers without errors.
pub(super) fn said(errors: DifferenceErrors) -> Option<String> {
    (errors.of > 0).then(|| errors.to_string())
}

pub(super) fn difference_heading(
    ui: &mut Ui,
    view: &View<'_>,
    compared: &Compared,
    notes: &[Option<String>],
) {
    let size = vec2(ui.available_width(), HEADING);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        letter(ui, view, 1);
        muted(ui, view.theme, "minus");
        letter(ui, view, 0);
        let change = |side: usize| {
            let node = view.state.run_history.node(&compared.nodes[side]);
            node.map_or(String::new(), |n| words::shortened(&n.change, 40))
        };
        let less = format!("less {}", change(0));
        let notes = notes.iter().flatten().map(String::as_str);
        let of: Vec<&str> = std::iter::once(less.as_str()).chain(notes).collect();
        let of = of.join(" · ");
        heading(ui, view.theme, &change(1), &of);
    });
}

pub(super) fn extent_of<'a>(fields: impl Iterator<Item = &'a Field>) -> f32 {
    let largest = fields
        .flat_map(|field| &field.values)
        .filter(|v| v.is_finite())
        .fold(0f32, |most, v| most.max(v.abs()));
    round_extent(largest)
}

/// The colour bar of some maps; `signed` where their values lie on both sides of zero.
#[allow(
    clippy::too_many_arguments,
    reason = "a bar and everything that it says"
)]
pub(super) fn map_bar<'a>(
    ui: &mut Ui,
    look: &crate::maps::MapLook,
    (label, unit): (&str, &str),
    signed: bool,
    default: f32,
    fields: impl Iterator<Item = &'a Field>,
    range: &mut crate::maps::EffectRange,
    flipped: bool,
) {
    let measured = fields
        .flat_map(|field| &field.values)
        .filter(|v| v.is_finite())
        .fold(None, |range: Option<[f32; 2]>, &v| {
            Some(range.map_or([v, v], |[l, h]| [l.min(v), h.max(v)]))
        });
    let bar = EffectBar {
        label,
        unit,
        signed,
        flipped,
        measured,
        default,
    };
    effect_bar(ui, look, &bar, range);
}
