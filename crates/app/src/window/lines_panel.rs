//! The selected head as lines between tokens.

use egui::Ui;

use super::command::Command;
use super::controls::empty_state;
use super::head_panel;
use super::map_states::{LastMap, MapStates};
use super::state::State;
use super::view::View;
use crate::maps::look::{Cell, Linked};
use crate::maps::token_lines::token_lines;

pub(crate) fn describe(view: &View<'_>) -> String {
    let s = view.state.selection;
    match (s.layer, s.head) {
        (Some(layer), Some(head)) if view.state.results.run.is_some() => {
            format!("layer {layer} head {head}, from the query on the left to its keys")
        }
        _ => "lines from each token to the tokens it attends to".to_string(),
    }
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let state: &State = view.state;
    let within = view.maps.atlas.within;
    let linked = view.maps.linked(Some(LastMap::Lines), &state.selection);
    let MapStates { tiles, lines, .. } = &mut *view.maps;
    let Some(data) = head_panel::data(state, tiles, within) else {
        let sentence = "Lines from each token to the tokens that the selected head looks at.";
        empty_state(ui, view.theme, "From token to token", sentence, None);
        return;
    };
    let s = view.state.selection;
    let selected = s.query.zip(s.key).map(|(q, k)| Cell::new(q, k));
    let response = token_lines(ui, view.look, lines, &data, selected, linked);
    let at = response.hovered.map(|(_, token)| Linked {
        token: Some(token),
        layer: s.layer,
    });
    view.maps.point(Some(LastMap::Lines), at);
    view.maps.place(LastMap::Lines, response.response.rect);
    if response.response.has_focus() || response.response.clicked() {
        view.maps.last = LastMap::Lines;
    }
    if let Some(cell) = response.picked {
        view.push(Command::Select(s.with_edge(cell.row, cell.col)));
    }
}
