//! Two causal traces: one above the other with one range of colours where they are alike, or one minus the other.

use egui::{Rect, Ui, pos2, vec2};
use whyfinder_experiment::{Difference, Field};

use super::Compared;
use super::comparing::Traces;
use super::comparison::{
    BAR, GAP, LINES, cannot, difference_heading, extent_of, map_bar, said, side_heading,
};
use crate::maps::look::{DataKey, Linked};
use crate::maps::signed_grid::{SignedGrids, signed_grids};
use crate::maps::trace_grid;
use crate::window::controls::within;
use crate::window::results::TraceResult;
use crate::window::view::View;
use crate::window::{trace_panel, words};

/// The halves of the room, one above the other.
fn halves(room: Rect) -> [Rect; 2] {
    let height = ((room.height() - GAP) / 2.0).floor();
    [0.0, height + GAP].map(|down| {
        Rect::from_min_size(
            pos2(room.left(), room.top() + down),
            vec2(room.width(), height),
        )
    })
}

pub(super) fn show(ui: &mut Ui, view: &mut View<'_>, compared: &Compared, traces: &Traces) {
    let room = ui.available_rect_before_wrap();
    if compared.difference {
        match &traces.differences {
            Ok(found) => {
                within(ui, room, "difference", LINES, |ui| {
                    trace_differences(ui, view, compared, traces, found);
                });
            }
            Err(sentence) => cannot(ui, view, "No difference", sentence),
        }
        return;
    }
    let alike = traces.is_alike();
    let shared = shared_range(&traces.sides).filter(|_| alike);
    for (side, place) in halves(room).into_iter().enumerate() {
        let trace = &traces.sides[side];
        within(ui, place, ("side", side), LINES, |ui| {
            side_heading(ui, view, compared, side, &trace_panel::metric_of(trace));
            let key = format!("compared-{}", compared.nodes[side]);
            let mut state = view.maps.compared.trace;
            if !alike {
                state.range = view.maps.compared.own_traces[side];
            }
            if state.range.custom.is_none() {
                state.range.custom = shared;
            }
            let before = state.range.custom;
            let selected = view.maps.compared.cell;
            let linked = Linked {
                token: selected.map(|c| c.token),
                layer: selected.map(|c| c.layer),
            };
            let look = view.look;
            let response = trace_panel::with_grid(trace, &key, |data| {
                let inside = |c: &crate::maps::TraceCell| {
                    c.token < data.tokens.len() && c.layer < data.layers
                };
                let selected = selected.filter(inside);
                trace_grid(ui, look, &mut state, data, selected, linked)
            });
            let kept = &mut view.maps.compared;
            kept.trace.view = state.view;
            if state.range.custom != before {
                let range = match alike {
                    true => &mut kept.trace.range,
                    false => &mut kept.own_traces[side],
                };
                *range = state.range;
            }
            if let Some(cell) = response.and_then(|r| r.picked) {
                kept.cell = Some(cell);
            }
        });
    }
}

/// From the lower of the two floors to the highest cell of both.
fn shared_range(sides: &[TraceResult; 2]) -> Option<[f32; 2]> {
    let ranges = sides
        .iter()
        .filter_map(|trace| trace_panel::with_grid(trace, "range", |data| data.default_range()));
    ranges.reduce(|[a, b], [c, d]| [a.min(c), b.max(d)])
}

fn trace_differences(
    ui: &mut Ui,
    view: &mut View<'_>,
    compared: &Compared,
    traces: &Traces,
    found: &[Difference],
) {
    let errors = said(found.iter().map(|d| d.errors).sum());
    difference_heading(ui, view, compared, &[traces.caution.clone(), errors]);
    let fields: Vec<&Field> = found.iter().map(|d| &d.field).collect();
    let grids: Vec<(String, &Field)> = fields
        .iter()
        .map(|&field| {
            let kind = whyfinder_experiment::TraceKind::ALL
                .into_iter()
                .find(|k| k.name() == field.name);
            (kind.map_or("", words::kind_title).to_string(), field)
        })
        .collect();
    let second = &traces.sides[1];
    let default = extent_of(fields.iter().copied());
    let room = ui.available_rect_before_wrap();
    let upper = Rect::from_min_max(room.min, pos2(room.right(), room.bottom() - BAR));
    let lower = Rect::from_min_size(
        pos2(room.left(), room.bottom() - BAR),
        vec2(room.width().min(420.0), BAR),
    );
    let unit = second.metric().unit();
    let label = format!("difference of {}", trace_panel::metric_of(second));
    within(ui, lower, "bar", LINES, |ui| {
        let range = &mut view.maps.compared.difference_range;
        map_bar(
            ui,
            view.look,
            (&label, unit),
            true,
            default,
            fields.iter().copied(),
            range,
            false,
        );
    });
    let kept = &mut view.maps.compared;
    within(ui, upper, "grids", LINES, |ui| {
        let data = SignedGrids {
            key: DataKey::new(("difference", &compared.nodes), 0),
            grids: &grids,
            tokens: &second.summary.tokens,
            subject: second.summary.subject.map(|[from, to]| (from, to)),
            unit,
            extent: kept.difference_range.extent(default),
        };
        signed_grids(ui, view.look, &mut kept.view, &mut kept.difference, &data);
    });
}
