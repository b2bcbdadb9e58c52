//! The history at the side: a tree of runs, the latest at the top, each with what changed and its result in small.

use std::time::{SystemTime, UNIX_EPOCH};

use egui::{
    Align, Layout, Margin, Popup, Pos2, Rect, RichText, Role, ScrollArea, Sense, Shape, Stroke,
    StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

use super::comparison::paint_letter;
use super::lanes::{Place, lay_out};
use super::node::{Node, ago, seconds};
use super::{BUDGETS, RunHistoryCommand};
use crate::window::command::Command;
use crate::window::controls::{empty_state, heading, muted, quiet_button, text_button};
use crate::window::view::View;
use crate::window::{fonts, theme, words};

const ROW: f32 = 58.0;
const LANE: f32 = 14.0;
const PICTURE: egui::Vec2 = vec2(66.0, 42.0);
const DOT: f32 = 4.5;

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    if !view.state.run_history.open {
        return;
    }
    let width = if ui.ctx().content_rect().width() < 1180.0 {
        264.0
    } else {
        312.0
    };
    let frame = egui::Frame::new()
        .fill(view.theme.panel)
        .inner_margin(Margin::symmetric(0, 0));
    let panel = egui::Panel::right("history")
        .exact_size(width)
        .resizable(false);
    panel.frame(frame).show(ui, |ui| {
        let edge = ui.max_rect();
        let line = Stroke::new(1.0, view.theme.line);
        ui.painter().vline(edge.left(), edge.y_range(), line);
        ui.spacing_mut().item_spacing.y = 0.0;
        padded(ui, |ui| head(ui, view));
        trouble(ui, view);
        let foot = 40.0
            + if view.state.run_history.marked.is_empty() {
                0.0
            } else {
                40.0
            };
        let room = vec2(
            ui.available_width(),
            (ui.available_height() - foot).max(40.0),
        );
        ui.allocate_ui(room, |ui| {
            ui.set_min_size(room);
            if view.state.run_history.nodes.is_empty() {
                padded(ui, |ui| nothing_yet(ui, view));
            } else {
                tree(ui, view);
            }
        });
        marked(ui, view);
        padded(ui, |ui| room_line(ui, view));
    });
}

fn padded(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    let margin = Margin::symmetric(theme::PAD, 7);
    egui::Frame::new().inner_margin(margin).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 6.0;
        add(ui);
    });
}

fn head(ui: &mut Ui, view: &mut View<'_>) {
    let size = vec2(ui.available_width(), 24.0);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        let count = view.state.run_history.nodes.len();
        let of = match count {
            0 => String::new(),
            1 => "1 run".to_string(),
            n => format!("{n} runs"),
        };
        let room = vec2((ui.available_width() - 52.0).max(40.0), size.y);
        ui.allocate_ui_with_layout(room, Layout::left_to_right(Align::Center), |ui| {
            ui.set_width(room.x);
            heading(ui, view.theme, "History", &of);
        });
        if text_button(ui, view.theme, "Close", view.theme.muted)
            .accessible_name("Close the history")
            .clicked()
        {
            view.push(Command::RunHistory(RunHistoryCommand::Toggle));
        }
    });
}

fn trouble(ui: &mut Ui, view: &mut View<'_>) {
    let newer = view.state.run_history.newer;
    if newer > 0 {
        let runs = if newer == 1 {
            "1 run was"
        } else {
            &format!("{newer} runs were")
        };
        let sentence = format!(
            "{runs} written by a newer Whyfinder; open the history with that one to see more."
        );
        padded(ui, |ui| {
            ui.add(
                egui::Label::new(RichText::new(sentence).size(12.5).color(view.theme.muted)).wrap(),
            );
        });
    }
    let Some(sentence) = view.state.run_history.trouble.clone() else {
        return;
    };
    egui::Frame::new()
        .fill(view.theme.raised)
        .inner_margin(Margin::symmetric(theme::PAD, 8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.add(egui::Label::new(RichText::new(sentence).color(view.theme.text)).wrap());
            if text_button(ui, view.theme, "Dismiss", view.theme.muted)
                .accessible_name("Dismiss the history's message")
                .clicked()
            {
                view.push(Command::RunHistory(RunHistoryCommand::DismissTrouble));
            }
        });
}

fn nothing_yet(ui: &mut Ui, view: &mut View<'_>) {
    let sentence = "Every run that finishes stands here, below what it came from: click one to bring its question, view and \
                    result back, or set two against each other.";
    if empty_state(
        ui,
        view.theme,
        "No runs yet",
        sentence,
        Some("Show the scenes"),
    ) {
        view.push(Command::ShowGallery(true));
    }
}

fn tree(ui: &mut Ui, view: &mut View<'_>) {
    let nodes = &view.state.run_history.nodes;
    let named: Vec<(&str, Option<&str>)> = nodes
        .iter()
        .map(|n| (n.id.as_str(), n.parent.as_deref()))
        .collect();
    let places = lay_out(&named);
    let lanes = places.iter().map(|p| p.lane + 1).max().unwrap_or(1);
    let rail = lanes as f32 * LANE + 8.0;
    let now = seconds(SystemTime::now());
    ScrollArea::vertical()
        .id_salt("history")
        .auto_shrink([false, false])
        .show_rows(ui, ROW, places.len(), |ui, rows| {
            let top = ui.cursor().top() - rows.start as f32 * ROW;
            let left = ui.max_rect().left() + 10.0;
            let dot = |row: usize, lane: usize| {
                pos2(
                    left + lane as f32 * LANE + LANE / 2.0,
                    top + (row as f32 + 0.5) * ROW,
                )
            };
            for row in rows.clone() {
                run(ui, view, places[row], rail, now);
            }
            // Lines of runs that are out of view pass through it too.
            for (row, place) in places.iter().enumerate() {
                let reaches =
                    place.parent.is_some_and(|(to, _)| to >= rows.start) && row < rows.end;
                if let (true, Some((to, lane))) = (reaches, place.parent) {
                    line(ui, view, dot(row, place.lane), dot(to, lane));
                }
            }
            for row in rows {
                let place = places[row];
                bead(
                    ui,
                    view,
                    &view.state.run_history.nodes[place.node],
                    dot(row, place.lane),
                );
            }
        });
}

/// From a run down to what it came from.
fn line(ui: &Ui, view: &View<'_>, from: Pos2, to: Pos2) {
    let stroke = Stroke::new(1.5, view.theme.faint);
    let painter = ui.painter();
    if (from.x - to.x).abs() < 0.5 {
        painter.line_segment([from, to], stroke);
        return;
    }
    let bend = to.y - ROW * 0.5;
    painter.line_segment([from, pos2(from.x, bend)], stroke);
    let curve = egui::epaint::CubicBezierShape::from_points_stroke(
        [
            pos2(from.x, bend),
            pos2(from.x, to.y),
            pos2(from.x, to.y),
            to,
        ],
        false,
        egui::Color32::TRANSPARENT,
        stroke,
    );
    painter.add(Shape::CubicBezier(curve));
}

/// Filled on screen, hollow where the result is no longer kept.
fn bead(ui: &Ui, view: &View<'_>, node: &Node, at: Pos2) {
    let theme = view.theme;
    let run_history = &view.state.run_history;
    let painter = ui.painter();
    let colour = match run_history.current.as_ref() == Some(&node.id) {
        true => theme.selection,
        false => theme.muted,
    };
    painter.circle_filled(at, DOT + 2.0, theme.panel);
    if let Some(side) = run_history.marked.iter().position(|m| *m == node.id) {
        paint_letter(ui, view, Rect::from_center_size(at, vec2(16.0, 16.0)), side);
    } else if run_history.is_kept(node) {
        painter.circle_filled(at, DOT, colour);
    } else {
        painter.circle_stroke(at, DOT - 0.75, Stroke::new(1.5, colour));
    }
}

fn run(ui: &mut Ui, view: &mut View<'_>, place: Place, rail: f32, now: u64) {
    let theme = view.theme;
    let state = view.state;
    let run_history = &state.run_history;
    let node = &run_history.nodes[place.node];
    let current = run_history.current.as_ref() == Some(&node.id);
    let mark = run_history.marked.iter().position(|m| *m == node.id);
    let kept = run_history.is_kept(node);
    let loading = run_history.loading.as_ref() == Some(&node.id);
    let size = vec2(ui.available_width(), ROW);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let when = ago(node.made, now);
    let spoken = format!(
        "Run: {}, {}, {when}{}{}",
        node.change,
        node.title,
        if current { ", on screen" } else { "" },
        if kept { "" } else { ", result not kept" }
    );
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, current, &spoken));
    let ground = rect.shrink2(vec2(6.0, 1.0));
    let over = ui.rect_contains_pointer(rect);
    if current {
        ui.painter().rect_filled(ground, 5.0, theme.selection_wash);
    } else if over || response.has_focus() {
        ui.painter().rect_filled(ground, 5.0, theme.hover);
    }
    if response.has_focus() {
        let stroke = Stroke::new(1.0, theme.selection);
        ui.painter()
            .rect_stroke(ground, 5.0, stroke, StrokeKind::Inside);
    }
    let picture = Rect::from_min_size(
        pos2(rect.left() + 10.0 + rail, rect.center().y - PICTURE.y / 2.0),
        PICTURE,
    );
    ui.painter().rect_filled(picture, 4.0, theme.background);
    if let Some(thumbnail) = &node.thumbnail {
        let painter = ui.painter_at(picture);
        thumbnail.draw(&painter, theme, picture.shrink2(vec2(4.0, 4.0)));
    }
    // The actions lie over the end of the second line, so that nothing moves when they come.
    let actions = over || mark.is_some() || node.pinned;
    let from = picture.right() + 10.0;
    let text = Rect::from_min_max(
        pos2(from, rect.top() + 8.0),
        pos2(rect.right() - 12.0, rect.bottom()),
    );
    let cut = |text: &str, font: egui::FontId, colour, room: f32| {
        let mut job = egui::text::LayoutJob::simple_singleline(text.to_string(), font, colour);
        job.wrap = egui::text::TextWrapping::truncate_at_width(room.max(20.0));
        job
    };
    let change = cut(&node.change, fonts::medium(12.5), theme.text, text.width());
    let galley = ui.painter().layout_job(change);
    ui.painter().galley(text.min, galley, theme.text);
    let note = match (loading, kept) {
        (true, _) => "reading its result…".to_string(),
        (_, true) => format!("{when} · {}", node.title),
        (_, false) => format!("{when} · not kept · {}", node.title),
    };
    let room = text.width() - if actions { 92.0 } else { 0.0 };
    let note = cut(&note, fonts::text(12.0), theme.muted, room);
    let galley = ui.painter().layout_job(note);
    ui.painter()
        .galley(text.min + vec2(0.0, 21.0), galley, theme.muted);
    if actions {
        let place = Rect::from_min_max(
            pos2(text.right() - 90.0, text.top() + 17.0),
            pos2(text.right(), text.top() + 41.0),
        );
        act(
            ui,
            view,
            place,
            node.id.clone(),
            mark.is_some(),
            node.pinned,
            &node.change,
        );
    }
    let mut hover = vec![node.change.clone(), node.title.clone(), date(node.made)];
    // Words of the prompt may be cut above.
    hover.extend(node.prompt().map(|prompt| format!("“{prompt}”")));
    if !kept {
        let gone = "Its result has made room for others: click to bring the question back, and run it again.";
        hover.push(gone.to_string());
    }
    let response = response
        .on_hover_cursor(egui::CursorIcon::PointingHand)
        .on_hover_text(hover.join("\n"));
    if response.clicked() {
        view.push(Command::RunHistory(RunHistoryCommand::BringBack(
            node.id.clone(),
        )));
    }
}

fn date(made: u64) -> String {
    let at = UNIX_EPOCH + std::time::Duration::from_secs(made);
    whyfinder_experiment::date::rfc3339(at)
        .replace('T', " ")
        .replace('Z', " UTC")
}

/// What can be done with a run beside showing it.
fn act(
    ui: &mut Ui,
    view: &mut View<'_>,
    place: Rect,
    id: String,
    marked: bool,
    pinned: bool,
    change: &str,
) {
    let theme = view.theme;
    let builder = egui::UiBuilder::new()
        .id_salt(("act", &id))
        .max_rect(place)
        .layout(Layout::right_to_left(Align::Center));
    // A child of its own takes no room: the rows below stay where they are.
    let ui = &mut ui.new_child(builder);
    ui.spacing_mut().item_spacing.x = 2.0;
    let colour = |on: bool| if on { theme.selection } else { theme.muted };
    let compare = if marked {
        format!("Take “{change}” out of the comparison")
    } else {
        format!("Compare “{change}”")
    };
    if text_button(ui, theme, "Compare", colour(marked))
        .accessible_name(&compare)
        .on_hover_text("Set two runs against each other")
        .clicked()
    {
        view.push(Command::RunHistory(RunHistoryCommand::Mark(id.clone())));
    }
    let pin = if pinned {
        format!("Unpin “{change}”")
    } else {
        format!("Pin “{change}”")
    };
    if text_button(ui, theme, "Pin", colour(pinned))
        .accessible_name(&pin)
        .on_hover_text("Keep its result whatever room others need")
        .clicked()
    {
        view.push(Command::RunHistory(RunHistoryCommand::Pin(id)));
    }
}

/// The two runs that are set against each other.
fn marked(ui: &mut Ui, view: &mut View<'_>) {
    let run_history = &view.state.run_history;
    if run_history.marked.is_empty() {
        return;
    }
    let both = run_history.marked.len() == 2;
    let frame = egui::Frame::new()
        .fill(view.theme.raised)
        .inner_margin(Margin::symmetric(theme::PAD, 6));
    frame.show(ui, |ui| {
        let size = vec2(ui.available_width(), 28.0);
        ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_size(size);
            let words = if both {
                "A and B are chosen"
            } else {
                "A is chosen: choose another"
            };
            ui.label(RichText::new(words).size(12.5).color(view.theme.text));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let button = egui::Button::new("Compare").min_size(vec2(0.0, 24.0));
                let response = ui.add_enabled(both, button);
                if response.accessible_name("Compare the two runs").clicked() {
                    view.push(Command::RunHistory(RunHistoryCommand::Compare));
                }
            });
        });
    });
}

/// How much room the results take, and may.
fn room_line(ui: &mut Ui, view: &mut View<'_>) {
    let run_history = &view.state.run_history;
    let (bytes, budget) = (run_history.bytes, run_history.budget);
    let size = vec2(ui.available_width(), 24.0);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        muted(ui, view.theme, format!("{} of", words::bytes(bytes)));
        let label = format!("Room for results: {}", budget_words(budget));
        let button = quiet_button(ui, view.theme, budget_words(budget), &label);
        let button = button.on_hover_text(
            "How much room results may take on disk. The oldest make room for new ones, pinned ones stay; runs without a \
             result stay too and can be run again.",
        );
        Popup::menu(&button).show(|ui| {
            ui.set_min_width(180.0);
            for choice in BUDGETS {
                let row = egui::Button::selectable(choice == budget, budget_words(choice));
                if ui.add(row).clicked() {
                    view.push(Command::RunHistory(RunHistoryCommand::Budget(choice)));
                }
            }
            ui.separator();
            if ui
                .button("Clear the history")
                .on_hover_text("Takes every run out of it that is not pinned, with its result")
                .clicked()
            {
                view.push(Command::RunHistory(RunHistoryCommand::Clear));
            }
        });
    });
}

fn budget_words(bytes: u64) -> String {
    match bytes {
        0 => "no results".to_string(),
        bytes => whyfinder_worker::human_bytes(bytes).replace(".0 ", " "),
    }
}
