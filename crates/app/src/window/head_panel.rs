//! One head: which query looks at which key.

use egui::Ui;
use whyfinder_paint::Reduction;

use super::command::Command;
use super::controls::empty_state;
use super::map_states::{LastMap, MapStates};
use super::state::State;
use super::view::View;
use crate::maps::head_view::{HeadData, head_view};
use crate::maps::look::{Cell, DataKey, Linked};
use crate::maps::tile_shelf::TileShelf;

pub(crate) fn describe(view: &View<'_>) -> (String, String) {
    let s = view.state.selection;
    match (s.layer, s.head) {
        (Some(layer), Some(head)) if view.state.results.run.is_some() => {
            let drawn = view.maps.head.drawn;
            let what = match view.maps.atlas.within {
                Reduction::MaxAbs => "max",
                Reduction::Mean => "mean",
            };
            let note = match drawn.tokens {
                1 => "query ↓ key →".to_string(),
                n => format!("{what} of {n} × {n} · query ↓ key →"),
            };
            (format!("Layer {layer} · Head {head}"), note)
        }
        _ => ("Head".to_string(), "query by key".to_string()),
    }
}

/// The selected head's weights; `None` while there is none to show.
pub(crate) fn data<'a>(
    state: &'a State,
    shelf: &'a TileShelf,
    within: Reduction,
) -> Option<HeadData<'a>> {
    let run = state.results.run.as_ref()?;
    let attention = run.attention.as_ref()?;
    let s = state.selection;
    let (layer, head) = (s.layer?, s.head?);
    Some(HeadData {
        key: DataKey::new(
            "selected head",
            (run.version << 20) | ((layer as u64) << 10) | head as u64,
        ),
        layer,
        head,
        queries: attention.queries,
        keys: attention.keys,
        weights: attention.head_weights(layer, head, shelf)?,
        within,
        tokens: &run.summary.tokens,
        subject: state.subject_tokens().map(|[a, b]| (a, b)),
        causal: attention.causal,
    })
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let state: &State = view.state;
    let within = view.maps.atlas.within;
    let linked = view.maps.linked(Some(LastMap::Head), &state.selection);
    let MapStates { tiles, head, .. } = &mut *view.maps;
    let Some(data) = data(state, tiles, within) else {
        let sentence =
            "Click a head above to see, token by token, how much each query looks at each key.";
        empty_state(ui, view.theme, "One head, close up", sentence, None);
        return;
    };
    let s = view.state.selection;
    let selected = s.query.zip(s.key).map(|(q, k)| Cell::new(q, k));
    let response = head_view(ui, view.look, head, &data, selected, linked);
    let at = response.hovered.map(|cell| Linked {
        token: Some(cell.row),
        layer: s.layer,
    });
    view.maps.point(Some(LastMap::Head), at);
    view.maps.place(LastMap::Head, response.response.rect);
    if response.response.has_focus() || response.response.clicked() {
        view.maps.last = LastMap::Head;
    }
    if let Some(cell) = response.picked {
        view.push(Command::Select(s.with_edge(cell.row, cell.col)));
    }
}
