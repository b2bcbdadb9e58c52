//! The prompt as the model reads it: one chip per token, dragged over to mark the subject.

use std::ops::Range;
use std::sync::Arc;

use egui::{
    Align2, CornerRadius, Id, Rect, Response, RichText, Role, ScrollArea, Sense, Stroke, Ui,
    WidgetInfo, vec2,
};

use whyfinder_worker::protocol::Tokenized;

use super::command::Command;
use super::view::View;
use super::{answer_chips, fonts, words};
use crate::maps::look::Linked;

/// Height of a chip, points.
pub(crate) const HEIGHT: f32 = 38.0;
const GAP: f32 = 4.0;

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    // The scroll bar of a long prompt lies below the chips, in room kept for it.
    let size = vec2(ui.available_width(), HEIGHT + 6.0);
    ui.allocate_ui_with_layout(size, egui::Layout::left_to_right(egui::Align::Min), |ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        let room = (ui.available_width() - answer_chips::width(ui, view)).max(120.0);
        let width = room.min(tokens_width(ui, view));
        ui.allocate_ui(vec2(width, size.y), |ui| {
            ScrollArea::horizontal()
                .id_salt("tokens")
                .max_width(width)
                .auto_shrink([false, true])
                .show(ui, |ui| {
                    ui.horizontal_top(|ui| {
                        ui.spacing_mut().item_spacing.x = GAP;
                        tokens(ui, view);
                    });
                });
        });
        answer_chips::show(ui, view);
    });
}

pub(crate) fn chip_width(ui: &Ui, token: &str) -> f32 {
    let galley = ui.painter().layout_no_wrap(
        token.to_string(),
        fonts::mono(12.5),
        egui::Color32::PLACEHOLDER,
    );
    (galley.size().x + 14.0).max(30.0).ceil()
}

fn tokens_width(ui: &Ui, view: &View<'_>) -> f32 {
    match &view.state.tokens {
        Some(t) if !t.tokens.is_empty() => *places(ui, t).last().unwrap_or(&0.0),
        _ => 520.0,
    }
}

/// Places, and the prompt (its ticket, its tokens) and scale that they are of.
type KnownPlaces = ((u64, usize, f32), Arc<Vec<f32>>);

/// Where each chip begins, and where one more would, points from the first.
fn places(ui: &Ui, tokens: &Tokenized) -> Arc<Vec<f32>> {
    let id = Id::unique("token-places");
    let key = (tokens.ticket, tokens.tokens.len(), ui.pixels_per_point());
    let known: Option<KnownPlaces> = ui.data(|d| d.get_temp(id));
    if let Some((of, places)) = known
        && of == key
    {
        return places;
    }
    let mut places = vec![0.0];
    let mut end = 0.0;
    for token in &tokens.tokens {
        end += chip_width(ui, &words::token(token)) + GAP;
        places.push(end);
    }
    let places = Arc::new(places);
    ui.data_mut(|d| d.insert_temp(id, (key, Arc::clone(&places))));
    places
}

/// Prompts of up to this many tokens have all their chips in every frame; of longer ones those in view, and some around.
const ALL_CHIPS: usize = 256;

/// The chips to be made, where the first would begin at `left`.
fn in_view(ui: &Ui, places: &[f32], left: f32) -> Range<usize> {
    let count = places.len() - 1;
    if count <= ALL_CHIPS {
        return 0..count;
    }
    let seen = ui.clip_rect().x_range();
    let first = places.partition_point(|&x| left + x < seen.min);
    let end = places.partition_point(|&x| left + x < seen.max);
    first.saturating_sub(4)..(end + 4).min(count)
}

fn tokens(ui: &mut Ui, view: &mut View<'_>) {
    let Some(tokens) = &view.state.tokens else {
        hint(
            ui,
            view,
            "The prompt appears here as tokens; drag over them to mark the subject.",
        );
        return;
    };
    if let Some(error) = &tokens.error {
        ui.label(RichText::new(error).size(12.5).color(view.theme.helps));
        return;
    }
    if tokens.tokens.is_empty() {
        hint(
            ui,
            view,
            "The prompt appears here as tokens; drag over them to mark the subject.",
        );
        return;
    }
    let subject = view.state.subject_tokens();
    let drag_id = Id::unique("subject-drag");
    let drag: Option<(usize, usize)> = ui.data(|d| d.get_temp(drag_id));
    let marked = drag.map(|(a, b)| [a.min(b), a.max(b) + 1]).or(subject);
    let mut rects = Vec::with_capacity(tokens.tokens.len());
    let mut started = None;
    let mut stopped = false;
    let mut hovered = None;
    let pointed = view.maps.linked(None, &view.state.selection).token;
    let places = places(ui, tokens);
    let (corner, height) = (ui.cursor().min, vec2(0.0, HEIGHT));
    let in_view = in_view(ui, &places, corner.x);
    let place = |i: usize| {
        Rect::from_min_max(
            corner + vec2(places[i], 0.0),
            corner + vec2(places[i + 1] - GAP, 0.0) + height,
        )
    };
    rects.extend((0..in_view.start).map(place));
    if in_view.start > 0 {
        ui.allocate_space(vec2(places[in_view.start] - GAP, HEIGHT));
    }
    for (i, token) in tokens.tokens.iter().enumerate() {
        if !in_view.contains(&i) {
            continue;
        }
        let shown = words::token(token);
        let in_subject = marked.is_some_and(|[a, b]| (a..b).contains(&i));
        let mark = match (view.state.selection.token == Some(i), pointed == Some(i)) {
            (true, _) => Mark::Selected,
            (false, true) => Mark::Pointed,
            (false, false) => Mark::None,
        };
        let id = tokens.ids.get(i).copied().unwrap_or_default();
        let response = chip(ui, view, i, &shown, id, in_subject, mark);
        if response.drag_started() {
            started = Some(i);
        }
        if response.hovered() {
            hovered = Some(i);
        }
        stopped |= response.drag_stopped();
        if response.clicked() {
            let extend = ui.input(|input| input.modifiers.shift);
            let (from, to) = match (extend, subject) {
                (true, Some([a, b])) => (a.min(i), b.max(i + 1)),
                _ => (i, i + 1),
            };
            if !extend && subject == Some([i, i + 1]) {
                view.push(Command::ClearSubject);
            } else {
                view.push(Command::MarkSubject(from, to));
            }
        }
        rects.push(response.rect);
    }
    let (count, end) = (tokens.tokens.len(), in_view.end);
    if end < count {
        ui.allocate_space(vec2(places[count] - places[end] - GAP, HEIGHT));
    }
    rects.extend((end..count).map(place));
    let at = hovered.map(|token| Linked {
        token: Some(token),
        layer: None,
    });
    view.maps.point(None, at);
    follow_drag(ui, view, drag_id, drag, &rects, started, stopped);
}

/// Follows the pointer from the chip where a drag began to the chip under it.
fn follow_drag(
    ui: &Ui,
    view: &mut View<'_>,
    id: Id,
    drag: Option<(usize, usize)>,
    rects: &[Rect],
    started: Option<usize>,
    stopped: bool,
) {
    let under = ui
        .ctx()
        .pointer_latest_pos()
        .and_then(|at| nearest(rects, at.x));
    let origin = ui
        .input(|i| i.pointer.press_origin())
        .and_then(|at| nearest(rects, at.x));
    if let (None, None, Some((a, b))) = (started, drag, whole_drag(ui, rects)) {
        view.push(Command::MarkSubject(a.min(b), a.max(b) + 1));
        return;
    }
    let now = match (started, drag) {
        (Some(i), _) => Some((origin.unwrap_or(i), under.unwrap_or(i))),
        (None, Some((from, to))) => Some((from, under.unwrap_or(to))),
        (None, None) => None,
    };
    if stopped {
        ui.data_mut(|d| d.remove::<(usize, usize)>(id));
        if let Some((a, b)) = now {
            view.push(Command::MarkSubject(a.min(b), a.max(b) + 1));
        }
    } else if let Some(now) = now {
        ui.data_mut(|d| d.insert_temp(id, now));
    }
}

/// A drag from one chip to another that began and ended since the last frame, as happens where frames are slow.
fn whole_drag(ui: &Ui, rects: &[Rect]) -> Option<(usize, usize)> {
    let mut pressed = None;
    ui.input(|i| {
        i.events.iter().find_map(|event| {
            let egui::Event::PointerButton {
                pos,
                button: egui::PointerButton::Primary,
                pressed: down,
                ..
            } = event
            else {
                return None;
            };
            let chip = rects.iter().position(|r| r.contains(*pos));
            if *down {
                pressed = chip;
                return None;
            }
            let from = pressed.take()?;
            let to = chip.or_else(|| nearest(rects, pos.x))?;
            (from != to).then_some((from, to))
        })
    })
}

/// How a token is marked beside being part of the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    None,
    /// Pointed at in another view.
    Pointed,
    Selected,
}

fn nearest(rects: &[Rect], x: f32) -> Option<usize> {
    let distance = |r: &Rect| (r.left() - x).max(x - r.right()).max(0.0);
    (0..rects.len()).min_by(|&a, &b| distance(&rects[a]).total_cmp(&distance(&rects[b])))
}

fn chip(
    ui: &mut Ui,
    view: &View<'_>,
    index: usize,
    shown: &str,
    id: u32,
    in_subject: bool,
    mark: Mark,
) -> Response {
    let theme = view.theme;
    let size = vec2(chip_width(ui, shown), HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    response.widget_info(|| {
        let subject = if in_subject { ", subject" } else { "" };
        WidgetInfo::selected(
            Role::Button,
            true,
            in_subject,
            format!("Token {index} {shown}, id {id}{subject}"),
        )
    });
    let lit = response.hovered() || response.has_focus();
    let fill = match (in_subject, lit) {
        (true, _) => theme.accent_wash,
        (false, true) => theme.hover,
        (false, false) => theme.raised,
    };
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same(5), fill);
    if in_subject {
        let line = Rect::from_min_max(rect.left_bottom() - vec2(0.0, 2.0), rect.right_bottom());
        painter
            .with_clip_rect(line.intersect(ui.clip_rect()))
            .rect_filled(rect, CornerRadius::same(5), theme.accent);
    }
    let outline = match mark {
        Mark::Selected => Some((1.5, theme.selection)),
        _ if response.has_focus() => Some((1.5, theme.selection)),
        Mark::Pointed => Some((1.0, theme.muted)),
        Mark::None => None,
    };
    if let Some((width, colour)) = outline {
        painter.rect_stroke(
            rect,
            CornerRadius::same(5),
            Stroke::new(width, colour),
            egui::StrokeKind::Inside,
        );
    }
    painter.text(
        rect.center_top() + vec2(0.0, 13.0),
        Align2::CENTER_CENTER,
        shown,
        fonts::mono(12.5),
        theme.text,
    );
    painter.text(
        rect.center_bottom() - vec2(0.0, 10.0),
        Align2::CENTER_CENTER,
        id,
        fonts::mono(10.0),
        theme.muted,
    );
    response.on_hover_cursor(egui::CursorIcon::Text)
}

fn hint(ui: &mut Ui, view: &View<'_>, words: &str) {
    ui.allocate_ui_with_layout(
        vec2(ui.available_width(), HEIGHT),
        egui::Layout::left_to_right(egui::Align::Center),
        |ui| ui.label(RichText::new(words).size(12.5).color(view.theme.muted)),
    );
}
