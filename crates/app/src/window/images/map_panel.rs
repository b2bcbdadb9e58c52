//! How the region is asked about: the method, its settings, the task, what it would cost, and the button that runs.

use egui::{RichText, ScrollArea, Ui, vec2};
use whyfinder_worker::protocol::Estimate;

use super::command::ImageCommand;
use super::map_settings;
use super::methods::MethodName;
use crate::window::command::Command;
use crate::window::controls::{muted, primary_button};
use crate::window::state::State;
use crate::window::view::View;
use crate::window::words;

pub(crate) fn describe(view: &View<'_>) -> String {
    view.state.question.images.method.title().to_lowercase()
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    ScrollArea::vertical().id_salt("map").show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing = vec2(6.0, 8.0);
        methods(ui, view);
        parts(ui, view);
        map_settings::show(ui, view);
        ui.horizontal_wrapped(|ui| {
            run(ui, view);
            estimate(ui, view);
        });
    });
}

fn methods(ui: &mut Ui, view: &mut View<'_>) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(2.0, 2.0);
        ui.spacing_mut().button_padding = vec2(7.0, 2.0);
        ui.spacing_mut().interact_size.y = 24.0;
        let q = &view.state.question.images;
        for method in MethodName::ALL {
            let chip = egui::Button::selectable(
                q.method == method,
                RichText::new(method.short()).size(12.5),
            );
            let hover = format!("{}: {}", method.title(), method.sentence());
            let response = ui
                .add(chip)
                .accessible_name(format!("Method {}", method.short()))
                .on_hover_text(hover);
            if response.clicked() && q.method != method {
                let mut next = q.clone();
                next.method = method;
                view.commands
                    .push(Command::Image(ImageCommand::Ask(Box::new(next))));
            }
        }
    });
}

/// Which map of the method's answer is drawn, where there is more than one.
fn parts(ui: &mut Ui, view: &mut View<'_>) {
    let q = &view.state.question.images;
    let parts = q.method.parts(&q.settings);
    if parts.len() < 2 {
        return;
    }
    let shown = view.state.images.part(q);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(2.0, 2.0);
        ui.spacing_mut().button_padding = vec2(5.0, 2.0);
        ui.spacing_mut().interact_size.y = 24.0;
        muted(ui, view.theme, "Shown");
        for (i, part) in parts.iter().enumerate() {
            let words = RichText::new(part.short).size(12.5);
            let chip = egui::Button::selectable(shown == part, words);
            let response = ui
                .add(chip)
                .accessible_name(format!("Show {}", part.title))
                .on_hover_text(format!("{}: {}", part.title, part.sentence));
            if response.clicked() {
                view.commands
                    .push(Command::Image(ImageCommand::ShowPart(i)));
            }
        }
    });
}

/// Whether every network's map answers the question as it stands, or will.
fn answered(view: &View<'_>) -> bool {
    let state = view.state;
    let q = &state.question.images;
    !q.networks.is_empty()
        && q.networks.iter().all(|network| {
            let wanted = q.mapping(network, state.question.seed);
            let map = state
                .images
                .results
                .of(network)
                .and_then(|r| r.map.as_ref());
            let running = state
                .jobs
                .images
                .iter()
                .any(|j| j.network == *network && j.part == super::state::Part::Map);
            running || map.is_some_and(|m| m.complete && Some(&m.experiment) == wanted.as_ref())
        })
}

fn run(ui: &mut Ui, view: &mut View<'_>) {
    let response = if answered(view) {
        ui.button("Run")
    } else {
        primary_button(ui, view.theme, "Run")
    };
    if response
        .on_hover_text("Map the region with every network of the list (Ctrl Enter)")
        .clicked()
    {
        view.push(Command::Image(ImageCommand::Run));
    }
}

/// What the map that is asked for would cost; `None` while that is being found out.
pub(crate) fn estimate_of_asked(state: &State) -> Option<&Estimate> {
    let q = &state.question.images;
    let wanted = q
        .active_network()
        .and_then(|n| q.mapping(n, state.question.seed))?;
    let (of, estimate) = state.images.estimate.as_ref()?;
    (**of == wanted).then_some(estimate)
}

fn estimate(ui: &mut Ui, view: &View<'_>) {
    let state = view.state;
    let q = &state.question.images;
    let Some(e) = estimate_of_asked(state) else {
        return;
    };
    if e.bytes > e.budget_bytes {
        let words = format!("needs {}", words::bytes(e.bytes));
        let hover = format!(
            "More than the {} that may be used: the run would be refused",
            words::bytes(e.budget_bytes)
        );
        muted(ui, view.theme, words).on_hover_text(hover);
        return;
    }
    let words = format!("≈ {}, {}", seconds(e.seconds), words::bytes(e.bytes));
    let ratio = e.passes_plain / e.passes.max(1e-9);
    let hover = format!(
        "For {}: {:.0} full passes in place of {:.0} ({ratio:.0}× fewer); {} of {} may be used",
        state.images.name(q.active_network().unwrap_or_default()),
        e.passes,
        e.passes_plain,
        words::bytes(e.bytes),
        words::bytes(e.budget_bytes),
    );
    muted(ui, view.theme, words).on_hover_text(hover);
}

/// `0.7 s`, `38 min`.
pub(crate) fn seconds(s: f64) -> String {
    words::time_left(s).trim_end_matches(" left").to_string()
}
