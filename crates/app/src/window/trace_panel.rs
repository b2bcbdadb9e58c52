//! The causal trace: what restoring one place brings back.

use egui::Ui;
use whyfinder_experiment::TraceKind;

use super::command::Command;
use super::controls::{empty_state, error_state};
use super::map_states::LastMap;
use super::results::TraceResult;
use super::view::View;
use super::words;
use crate::maps::look::{DataKey, Linked};
use crate::maps::trace_grid::{self, TraceCell, TraceGrid, TracePanel, trace_grid};

/// The kind as the map names it.
fn map_kind(kind: TraceKind) -> trace_grid::TraceKind {
    match kind {
        TraceKind::Residual => trace_grid::TraceKind::Residual,
        TraceKind::Mlp => trace_grid::TraceKind::Mlp,
        TraceKind::Attention => trace_grid::TraceKind::Attention,
    }
}

fn kind_of(kind: trace_grid::TraceKind) -> TraceKind {
    match kind {
        trace_grid::TraceKind::Residual => TraceKind::Residual,
        trace_grid::TraceKind::Mlp => TraceKind::Mlp,
        trace_grid::TraceKind::Attention => TraceKind::Attention,
    }
}

/// `probability of ␣Brelle`.
pub(crate) fn metric_of(trace: &TraceResult) -> String {
    let metric = match (trace.settings(), trace.summary.metric.as_str()) {
        // Of another program, by its own name.
        (None, name) if !name.is_empty() => name.replace(['-', '_'], " "),
        (None, _) => "value".to_string(),
        (Some(_), _) => words::metric_word(trace.metric()),
    };
    let answer = trace.summary.answer.as_ref().map(|a| words::token(&a.text));
    let foil = trace.summary.foil.as_ref().map(|f| words::token(&f.text));
    match (answer, foil) {
        (Some(a), Some(f)) if trace.metric().needs_foil() => format!("{metric} of {a} over {f}"),
        (Some(a), _) => format!("{metric} of {a}"),
        (None, _) => metric,
    }
}

pub(crate) fn describe(view: &View<'_>) -> String {
    match &view.state.results.trace {
        Some(trace) => {
            let floor = trace
                .corrupted()
                .map(|c| format!(" · floor = corrupted {}", words::value(trace.metric(), c)))
                .unwrap_or_default();
            format!("{} after restoring one site{floor}", metric_of(trace))
        }
        None => "which layer, at which token, carries the answer".to_string(),
    }
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    if let Some(message) = &view.state.jobs.trace_failure {
        if error_state(
            ui,
            view.theme,
            "The trace could not be run",
            message,
            "Run again",
        ) {
            view.push(Command::Ask);
        }
        return;
    }
    let Some(trace) = &view.state.results.trace else {
        nothing_yet(ui, view);
        return;
    };
    let s = view.state.selection;
    let selected = s.token.zip(s.layer).map(|(token, layer)| TraceCell {
        kind: map_kind(s.kind),
        token,
        layer,
    });
    let linked = view.maps.linked(Some(LastMap::Trace), &s);
    let rect = ui.available_rect_before_wrap();
    let drawn = with_grid(trace, "trace", |data| {
        trace_grid(ui, view.look, &mut view.maps.trace, data, selected, linked)
    });
    let Some(response) = drawn else {
        nothing_yet(ui, view);
        return;
    };
    let at = response.hovered.map(|cell| Linked {
        token: Some(cell.token),
        layer: Some(cell.layer),
    });
    view.maps.point(Some(LastMap::Trace), at);
    view.maps.place(LastMap::Trace, rect);
    if response
        .responses
        .iter()
        .any(|r| r.has_focus() || r.clicked())
    {
        view.maps.last = LastMap::Trace;
    }
    if let Some(cell) = response.picked {
        view.push(Command::Select(s.with_cell(
            kind_of(cell.kind),
            cell.token,
            cell.layer,
        )));
    }
}

/// Hands over a trace as its grids are drawn; `of` tells its maps from those of others. `None` while there are no grids.
pub(crate) fn with_grid<T>(
    trace: &TraceResult,
    of: &str,
    draw: impl FnOnce(&TraceGrid<'_>) -> T,
) -> Option<T> {
    let settings = trace.settings();
    let note = settings.map_or(String::new(), |s| format!("window {}", s.window));
    let severed = settings
        .filter(|s| !s.severed.is_empty())
        .map(|s| {
            let names: Vec<_> = s.severed.iter().map(|k| k.name()).collect();
            format!("{} severed", names.join(", "))
        })
        .unwrap_or_default();
    let early = settings.is_some_and(|s| s.confidence.is_some());
    let panels: Vec<TracePanel<'_>> = TraceKind::ALL
        .into_iter()
        .filter_map(|kind| {
            let grid = trace.grid(kind)?;
            Some(TracePanel {
                key: DataKey::new((of, kind.name()), trace.version),
                kind: map_kind(kind),
                note: if kind == TraceKind::Residual {
                    &severed
                } else {
                    &note
                },
                values: &grid.values,
                stderr: grid.effect_errors(),
                count: grid.count.as_deref().filter(|_| early),
                measured: &grid.mask,
                estimates: trace.estimate(kind).map(|field| field.values.as_slice()),
            })
        })
        .collect();
    let layers = trace.grids.first()?.axes.get(1)?.len();
    let metric = metric_of(trace);
    let data = TraceGrid {
        panels: &panels,
        tokens: &trace.summary.tokens,
        subject: trace.summary.subject.map(|[a, b]| (a, b)),
        layers,
        metric: &metric,
        unit: trace.metric().unit(),
        clean: trace.clean().unwrap_or(f32::NAN),
        corrupted: trace.corrupted().unwrap_or(f32::NAN),
    };
    Some(draw(&data))
}

fn nothing_yet(ui: &mut Ui, view: &mut View<'_>) {
    let state = view.state;
    let title = "Where the answer comes from";
    if state.jobs.trace.is_some() {
        let sentence =
            "The clean and the corrupted run come first; cells follow as they are measured.";
        empty_state(ui, view.theme, title, sentence, None);
    } else if state.question.subject.is_none() && state.results.run.is_some() {
        let sentence = "Drag over the tokens of the cause, above. Each cell then says how much of the answer comes back \
                        when one place is restored in a run whose subject is disturbed.";
        empty_state(ui, view.theme, title, sentence, None);
    } else if state.question.prompt.trim().is_empty() {
        let sentence = "Type a prompt and mark its subject, or start from a scene. Each cell then says how much of the \
                        answer comes back when one place is restored.";
        if empty_state(ui, view.theme, title, sentence, Some("Show the scenes")) {
            view.push(Command::ShowGallery(true));
        }
    } else {
        let sentence = "Run the prompt; with a subject marked, each cell says how much of the answer comes back when one \
                        place is restored.";
        if empty_state(ui, view.theme, title, sentence, Some("Run the prompt")) {
            view.push(Command::Ask);
        }
    }
}
