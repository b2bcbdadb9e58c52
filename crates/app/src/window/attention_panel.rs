//! The attention atlas: every head of every layer.

use egui::Ui;

use super::command::Command;
use super::controls::{empty_state, error_state};
use super::map_states::LastMap;
use super::view::View;
use crate::maps::attention_atlas::{AtlasData, Head, atlas_switches, attention_atlas};
use crate::maps::look::{DataKey, Linked};

pub(crate) fn describe(view: &View<'_>) -> String {
    match view
        .state
        .results
        .run
        .as_ref()
        .and_then(|r| r.attention.as_ref())
    {
        Some(a) => format!("{} heads", a.layers * a.heads),
        None => "every head of every layer".to_string(),
    }
}

/// Room for [`switches`] in the panel's heading; none while there is nothing to switch.
pub(crate) fn switches_width(view: &View<'_>) -> f32 {
    let attention = view
        .state
        .results
        .run
        .as_ref()
        .and_then(|r| r.attention.as_ref());
    if attention.is_some() { 148.0 } else { 0.0 }
}

/// What a pixel shows that covers several weights, and whether heads share a range.
pub(crate) fn switches(ui: &mut Ui, view: &mut View<'_>) {
    ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
        let spacing = ui.spacing_mut();
        spacing.item_spacing.x = 2.0;
        spacing.button_padding = egui::vec2(6.0, 1.0);
        spacing.interact_size.y = 20.0;
        ui.style_mut().override_font_id = Some(super::fonts::text(12.0));
        atlas_switches(ui, &mut view.maps.atlas);
    });
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
        weights: attention.atlas_weights(),
        tokens: &run.summary.tokens,
        causal: attention.causal,
    };
    let s = view.state.selection;
    let selected = s
        .layer
        .zip(s.head)
        .map(|(layer, head)| Head { layer, head });
    let response = attention_atlas(ui, view.look, &mut view.maps.atlas, &data, selected);
    let at = response.hovered.map(|head| Linked {
        token: None,
        layer: Some(head.layer),
    });
    view.maps.point(Some(LastMap::Atlas), at);
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
