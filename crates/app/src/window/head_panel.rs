//! One head: which query looks at which key.

use egui::Ui;

use super::command::Command;
use super::controls::empty_state;
use super::map_states::LastMap;
use super::view::View;
use crate::maps::head_view::{HeadData, head_view};
use crate::maps::look::{Cell, DataKey, Linked};

pub(crate) fn describe(view: &View<'_>) -> (String, String) {
    let s = view.state.selection;
    match (s.layer, s.head) {
        (Some(layer), Some(head)) if view.state.results.run.is_some() => (
            format!("Layer {layer} · Head {head}"),
            "query ↓ key →".to_string(),
        ),
        _ => ("Head".to_string(), "query by key".to_string()),
    }
}

/// The selected head's weights; `None` while there is none to show.
pub(crate) fn data<'a>(view: &View<'a>) -> Option<HeadData<'a>> {
    let state: &'a super::state::State = view.state;
    let run = state.results.run.as_ref()?;
    let attention = run.attention.as_ref()?;
    let s = state.selection;
    let (layer, head) = (s.layer?, s.head?);
    Some(HeadData {
        key: DataKey::new(
            "selected head",
            (run.version << 16) | ((layer as u64) << 8) | head as u64,
        ),
        layer,
        head,
        queries: attention.queries,
        keys: attention.keys,
        values: attention.head(layer, head)?,
        tokens: &run.summary.tokens,
        subject: state.subject_tokens().map(|[a, b]| (a, b)),
        causal: true,
    })
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let Some(data) = data(view) else {
        let sentence =
            "Click a head above to see, token by token, how much each query looks at each key.";
        empty_state(ui, view.theme, "One head, close up", sentence, None);
        return;
    };
    let s = view.state.selection;
    let selected = s.query.zip(s.key).map(|(q, k)| Cell::new(q, k));
    let linked = view.maps.linked(Some(LastMap::Head), &s);
    let response = head_view(ui, view.look, &mut view.maps.head, &data, selected, linked);
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
