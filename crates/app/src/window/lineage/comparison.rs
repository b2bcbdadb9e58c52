//! Two runs in the middle of the window: side by side with one range of colours, or one minus the other.

use egui::{Align, Color32, Layout, Margin, Rect, RichText, ScrollArea, Ui, UiBuilder, pos2, vec2};
use whyfinder_experiment::Field;

use super::comparing::{Comparison, MapSide, Maps, Prediction, Traces};
use super::{Compared, LineageCommand};
use crate::maps::look::{DataKey, Linked};
use crate::maps::signed_grid::{SignedGrids, signed_grids};
use crate::maps::{EffectBar, EffectMap, EffectScale, effect_bar, effect_map, trace_grid};
use crate::window::command::Command;
use crate::window::controls::{empty_state, heading, muted, text_button};
use crate::window::images::round_extent;
use crate::window::results::TraceResult;
use crate::window::view::View;
use crate::window::{fonts, theme, trace_panel, words};

const HEADING: f32 = 24.0;
const BAR: f32 = 36.0;
const GAP: f32 = 14.0;
/// The line that reads out a map, and the room above it, points.
const READ: f32 = 24.0;

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let Some(compared) = view.state.lineage.compared.clone() else {
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
                Comparison::Traces(traces) => show_traces(ui, view, &compared, traces),
                Comparison::Maps(maps) => show_maps(ui, view, &compared, maps),
                Comparison::Predictions(rows) => show_predictions(ui, view, &compared, rows),
            },
        }
    });
}

fn cannot(ui: &mut Ui, view: &mut View<'_>, title: &str, sentence: &str) {
    if empty_state(
        ui,
        view.theme,
        title,
        sentence,
        Some("Close the comparison"),
    ) {
        view.push(Command::Lineage(LineageCommand::CloseComparison));
    }
}

/// What is compared, how, and the way back.
fn bar(ui: &mut Ui, view: &mut View<'_>, compared: &Compared) {
    let size = vec2(ui.available_width(), 26.0);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        let room = vec2((ui.available_width() - 250.0).max(80.0), size.y);
        ui.allocate_ui_with_layout(room, Layout::left_to_right(Align::Center), |ui| {
            ui.set_width(room.x);
            let of = match compared.difference {
                true => "the second minus the first",
                false => "one range of colours for both",
            };
            heading(ui, view.theme, "Two runs", of);
        });
        ui.spacing_mut().button_padding = vec2(8.0, 2.0);
        ui.spacing_mut().interact_size.y = 22.0;
        ui.spacing_mut().item_spacing.x = 6.0;
        for (on, label) in [(false, "Side by side"), (true, "Difference")] {
            let button = egui::Button::selectable(compared.difference == on, label);
            if ui.add(button).clicked() {
                view.push(Command::Lineage(LineageCommand::ShowDifference(on)));
            }
        }
        if text_button(ui, view.theme, "Close", view.theme.muted)
            .accessible_name("Close the comparison")
            .on_hover_text("Back to the run on screen (Escape)")
            .clicked()
        {
            view.push(Command::Lineage(LineageCommand::CloseComparison));
        }
    });
}

/// Which of the two a panel is of, as the history tells it.
fn side_heading(ui: &mut Ui, view: &View<'_>, compared: &Compared, side: usize, note: &str) {
    let size = vec2(ui.available_width(), HEADING);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        letter(ui, view, side);
        let node = view.state.lineage.node(&compared.nodes[side]);
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

fn within(
    ui: &mut Ui,
    place: Rect,
    name: impl std::hash::Hash + std::fmt::Debug,
    add: impl FnOnce(&mut Ui),
) {
    let builder = UiBuilder::new().id_salt(name).max_rect(place);
    ui.scope_builder(builder, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        add(ui);
    });
}

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

fn show_traces(ui: &mut Ui, view: &mut View<'_>, compared: &Compared, traces: &Traces) {
    let room = ui.available_rect_before_wrap();
    if compared.difference {
        match &traces.differences {
            Ok(fields) => {
                within(ui, room, "difference", |ui| {
                    trace_differences(ui, view, compared, traces, fields);
                });
            }
            Err(sentence) => cannot(ui, view, "No difference", sentence),
        }
        return;
    }
    let shared = shared_range(&traces.sides);
    for (side, place) in halves(room).into_iter().enumerate() {
        let trace = &traces.sides[side];
        within(ui, place, ("side", side), |ui| {
            side_heading(ui, view, compared, side, &trace_panel::metric_of(trace));
            let key = format!("compared-{}", compared.nodes[side]);
            let mut state = view.maps.compared.trace;
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
                kept.trace.range = state.range;
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
    fields: &[Field],
) {
    difference_heading(ui, view, compared, traces.caution.as_deref());
    let grids: Vec<(String, &Field)> = fields
        .iter()
        .map(|field| {
            let kind = whyfinder_experiment::TraceKind::ALL
                .into_iter()
                .find(|k| k.name() == field.name);
            (kind.map_or("", words::kind_title).to_string(), field)
        })
        .collect();
    let second = &traces.sides[1];
    let default = extent_of(fields.iter());
    let room = ui.available_rect_before_wrap();
    let upper = Rect::from_min_max(room.min, pos2(room.right(), room.bottom() - BAR));
    let lower = Rect::from_min_size(
        pos2(room.left(), room.bottom() - BAR),
        vec2(room.width().min(420.0), BAR),
    );
    let unit = second.metric().unit();
    let label = format!("difference of {}", trace_panel::metric_of(second));
    within(ui, lower, "bar", |ui| {
        let range = &mut view.maps.compared.difference_range;
        difference_bar(
            ui,
            view.look,
            &label,
            unit,
            default,
            fields.iter(),
            range,
            false,
        );
    });
    let kept = &mut view.maps.compared;
    within(ui, upper, "grids", |ui| {
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

fn difference_heading(ui: &mut Ui, view: &View<'_>, compared: &Compared, caution: Option<&str>) {
    let size = vec2(ui.available_width(), HEADING);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        letter(ui, view, 1);
        muted(ui, view.theme, "minus");
        letter(ui, view, 0);
        let change = |side: usize| {
            let node = view.state.lineage.node(&compared.nodes[side]);
            node.map_or(String::new(), |n| words::shortened(&n.change, 40))
        };
        let of = match caution {
            Some(caution) => format!("less {} · {caution}", change(0)),
            None => format!("less {}", change(0)),
        };
        heading(ui, view.theme, &change(1), &of);
    });
}

fn extent_of<'a>(fields: impl Iterator<Item = &'a Field>) -> f32 {
    let largest = fields
        .flat_map(|field| &field.values)
        .filter(|v| v.is_finite())
        .fold(0f32, |most, v| most.max(v.abs()));
    round_extent(largest)
}

#[allow(
    clippy::too_many_arguments,
    reason = "a bar and everything that it says"
)]
fn difference_bar<'a>(
    ui: &mut Ui,
    look: &crate::maps::MapLook,
    label: &str,
    unit: &str,
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
        signed: true,
        flipped,
        measured,
        default,
    };
    effect_bar(ui, look, &bar, range);
}

fn show_maps(ui: &mut Ui, view: &mut View<'_>, compared: &Compared, maps: &[Maps]) {
    let room = ui.available_rect_before_wrap();
    let below = Rect::from_min_size(
        pos2(room.left(), room.bottom() - BAR),
        vec2(room.width().min(420.0), BAR),
    );
    let above = Rect::from_min_max(room.min, pos2(room.right(), below.top() - 4.0));
    let rows = maps.len().max(1) as f32;
    let most = ((above.height() - (rows - 1.0) * GAP) / rows).floor();
    // No higher than a picture can use, so that what is read out stands below it.
    let width = match compared.difference {
        true => above.width(),
        false => (above.width() - GAP) / 2.0,
    };
    let aspect = maps
        .iter()
        .map(|m| m.sides[0].size)
        .fold(0f32, |most, [w, h]| most.max(h as f32 / w.max(1) as f32));
    let height = (width * aspect + HEADING + READ).ceil().min(most);
    let bottom = above.top() + rows * height + (rows - 1.0) * GAP;
    let below = below.translate(vec2(0.0, bottom + 4.0 - below.top()));
    let shown: Vec<&Field> = maps
        .iter()
        .flat_map(|m| match (&m.difference, compared.difference) {
            (Ok(field), true) => vec![field],
            (Err(_), true) => Vec::new(),
            (_, false) => m.sides.iter().map(|s| &s.field).collect(),
        })
        .collect();
    let signed = compared.difference || maps.iter().any(|m| m.sides.iter().any(|s| s.signed));
    let default = match compared.difference {
        true => extent_of(shown.iter().copied()),
        false => round_extent(outside_regions(maps)),
    };
    let flipped = view.state.images.flipped;
    let range = &mut view.maps.compared;
    let range = match compared.difference {
        true => &mut range.difference_range,
        false => &mut range.range,
    };
    let scale = EffectScale {
        extent: range.extent(default),
        signed,
        flipped,
    };
    let label = if compared.difference {
        "difference"
    } else {
        "both runs"
    };
    if !shown.is_empty() {
        let look = view.look;
        within(ui, below, "bar", |ui| {
            difference_bar(
                ui,
                look,
                label,
                "dB",
                default,
                shown.iter().copied(),
                range,
                flipped,
            );
        });
    }
    for (row, pair) in maps.iter().enumerate() {
        let top = above.top() + row as f32 * (height + GAP);
        let place = Rect::from_min_size(pos2(above.left(), top), vec2(above.width(), height));
        if compared.difference {
            within(ui, place, ("difference", row), |ui| {
                match &pair.difference {
                    Ok(field) => {
                        let caution = match (maps.len() > 1, &pair.caution) {
                            (true, Some(caution)) => Some(format!("{} · {caution}", pair.name)),
                            (true, None) => Some(pair.name.clone()),
                            (false, caution) => caution.clone(),
                        };
                        difference_heading(ui, view, compared, caution.as_deref());
                        let key = format!("{row}-difference-{:?}", compared.nodes);
                        map(
                            ui,
                            view,
                            &key,
                            &pair.sides[1],
                            field,
                            scale,
                            "Difference of effects",
                        );
                    }
                    Err(sentence) => cannot(ui, view, "No difference", sentence),
                }
            });
            continue;
        }
        let width = ((place.width() - GAP) / 2.0).floor();
        for (side, of) in pair.sides.iter().enumerate() {
            let left = place.left() + side as f32 * (width + GAP);
            let place = Rect::from_min_size(pos2(left, place.top()), vec2(width, height));
            within(ui, place, ("map", row, side), |ui| {
                let note = if maps.len() > 1 { of.name.as_str() } else { "" };
                side_heading(ui, view, compared, side, note);
                let key = format!("{row}-{}", compared.nodes[side]);
                let label = format!("Effects, run {}", ["A", "B"][side]);
                map(ui, view, &key, of, &of.field, scale, &label);
            });
        }
    }
}

/// The largest value of all maps; the region's own blocks apart, which would outshine all others.
fn outside_regions(maps: &[Maps]) -> f32 {
    let mut largest = 0f32;
    for side in maps.iter().flat_map(|m| &m.sides) {
        let cols = side.field.axes.get(1).map_or(1, |a| a.len()).max(1);
        for (i, value) in side.field.values.iter().enumerate() {
            let own = side.of_blocks
                && side.region.is_some_and(|r| {
                    crate::window::images::results::touches(r, i / cols, i % cols, side.cell)
                });
            if value.is_finite() && !own {
                largest = largest.max(value.abs());
            }
        }
    }
    largest
}

fn map(
    ui: &mut Ui,
    view: &mut View<'_>,
    key: &str,
    side: &MapSide,
    field: &Field,
    scale: EffectScale,
    label: &str,
) {
    let data = EffectMap {
        key: DataKey::new(("compared", key), 0),
        label,
        picture: side.picture.as_ref(),
        size: side.size,
        cell: side.cell,
        of_blocks: side.of_blocks,
        block: side.cell,
        values: &field.values,
        stderr: field.effect_errors(),
        count: None,
        measured: &field.mask,
        estimates: None,
        waiting: false,
        reachable: side.reachable.as_deref(),
        unit: if side.signed { "dB" } else { "" },
        scale,
        region: None,
        windows: side.region.as_slice(),
    };
    let kept = &mut view.maps.compared;
    let response = effect_map(ui, view.look, &mut kept.view, &data, kept.block);
    if let Some(cell) = response.picked {
        kept.block = Some(cell);
    }
}

fn show_predictions(ui: &mut Ui, view: &mut View<'_>, compared: &Compared, rows: &[Prediction]) {
    for side in 0..2 {
        side_heading(ui, view, compared, side, "");
    }
    let theme = view.theme;
    let most = rows
        .iter()
        .flat_map(|r| r.probability)
        .flatten()
        .fold(f32::MIN_POSITIVE, f32::max);
    let percent = |p: Option<f32>| p.map_or("–".to_string(), words::percent);
    let bar = |ui: &mut Ui, part: f32, colour: Color32| {
        let (rect, _) = ui.allocate_exact_size(vec2(160.0, 12.0), egui::Sense::hover());
        ui.painter().rect_filled(rect, 2.0, theme.raised);
        let mut filled = rect;
        filled.set_width((rect.width() * part.clamp(0.0, 1.0)).max(1.0));
        ui.painter().rect_filled(filled, 2.0, colour);
    };
    ScrollArea::vertical().show(ui, |ui| {
        egui::Grid::new("predictions")
            .spacing(vec2(18.0, 8.0))
            .show(ui, |ui| {
                let columns: &[&str] = match compared.difference {
                    true => &["Next token", "B minus A", ""],
                    false => &["Next token", "A", "", "B", ""],
                };
                for column in columns {
                    muted(ui, theme, *column);
                }
                ui.end_row();
                for row in rows {
                    let token = RichText::new(words::token(&row.token)).font(fonts::mono(12.0));
                    ui.label(token);
                    let [a, b] = row.probability;
                    if compared.difference {
                        let difference = a.zip(b).map(|(a, b)| b - a);
                        let said = difference.map_or("not in both".to_string(), |d| {
                            format!("{:+.1} points", 100.0 * d).replace('-', "−")
                        });
                        ui.label(RichText::new(said).font(fonts::mono(12.0)));
                        let d = difference.unwrap_or(0.0);
                        let colour = if d < 0.0 { theme.harms } else { theme.helps };
                        bar(ui, d.abs() / most, colour);
                    } else {
                        for p in [a, b] {
                            ui.label(RichText::new(percent(p)).font(fonts::mono(12.0)));
                            bar(ui, p.unwrap_or(0.0) / most, theme.selection);
                        }
                    }
                    ui.end_row();
                }
            });
    });
}
