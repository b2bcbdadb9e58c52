//! The attention atlas: every head of every layer.

use egui::Ui;

use super::command::Command;
use super::controls::{empty_state, error_state};
use super::map_states::LastMap;
use super::view::View;
use crate::maps::attention_atlas::{AtlasData, Head, atlas_switches, attention_atlas};
use crate::maps::look::DataKey;

pub(crate) fn describe(view: &View<'_>) -> String {
    match view
        .state
        .results
        .run
        .as_ref()
        .and_then(|r| r.attention.as_ref())
    {
        Some(a) => format!(
            "{} heads · {}",
            a.layers * a.heads,
            view.maps.atlas.within.words()
        ),
        None => "every head of every layer".to_string(),
    }
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    if let Some(message) = &view.state.jobs.run_failure {
        if error_state(
            ui,
            view.theme,
            "The prompt could not be run",
            message,
            "Run again",
        ) {
            view.push(Command::Ask);
        }
        return;
    }
    let Some(run) = &view.state.results.run else {
        nothing_yet(ui, view);
        return;
    };
    let Some(attention) = &run.attention else {
        nothing_yet(ui, view);
        return;
    };
    let data = AtlasData {
        key: DataKey::new("attention", run.version),
        layers: attention.layers,
        heads: attention.heads,
        queries: attention.queries,
        keys: attention.keys,
        values: &attention.weights,
        tokens: &run.summary.tokens,
        causal: true,
    };
    let s = view.state.selection;
    let selected = s
        .layer
        .zip(s.head)
        .map(|(layer, head)| Head { layer, head });
    let switches = egui::vec2(ui.available_width(), 22.0);
    let map_height = ui.available_height() - switches.y - ui.spacing().item_spacing.y;
    let response = ui
        .allocate_ui(egui::vec2(ui.available_width(), map_height), |ui| {
            attention_atlas(ui, view.look, &mut view.maps.atlas, &data, selected)
        })
        .inner;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        ui.spacing_mut().button_padding = egui::vec2(8.0, 2.0);
        ui.spacing_mut().interact_size.y = 22.0;
        atlas_switches(ui, &mut view.maps.atlas);
    });
    view.maps.place(LastMap::Atlas, response.response.rect);
    if response.response.has_focus() || response.response.clicked() {
        view.maps.last = LastMap::Atlas;
    }
    if let Some(head) = response.picked {
        view.push(Command::Select(s.with_head(head.layer, head.head)));
    }
}

fn nothing_yet(ui: &mut Ui, view: &mut View<'_>) {
    let busy = view.state.jobs.run.is_some();
    let typed = !view.state.question.prompt.trim().is_empty();
    let action = match (busy, typed) {
        (true, _) => None,
        (false, true) => Some("Run the prompt"),
        (false, false) => Some("Show the scenes"),
    };
    let sentence =
        "What each head looks at: one small picture per head, layers down, heads across.";
    if empty_state(ui, view.theme, "Attention of every head", sentence, action) {
        view.push(if typed {
            Command::Ask
        } else {
            Command::ShowGallery(true)
        });
    }
}
