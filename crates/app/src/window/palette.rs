//! The command palette: every command, found by a few letters.

use egui::{
    Align2, Area, Frame, Id, Key, Margin, Order, RichText, ScrollArea, Sense, Stroke, Ui, vec2,
};

use super::command::{Command, Entry, entries};
use super::fonts;
use super::fuzzy;
use super::view::View;

const WIDTH: f32 = 520.0;
const ROWS: usize = 12;

/// What is typed and which line is lit, kept while the palette is open.
#[derive(Clone, Debug, Default)]
struct Typed {
    query: String,
    row: usize,
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    if !view.state.palette_open {
        return;
    }
    let id = Id::unique("command-palette");
    let area = Area::new(id)
        .order(Order::Foreground)
        .anchor(Align2::CENTER_TOP, vec2(0.0, 52.0))
        .show(ui.ctx(), |ui| {
            Frame::new()
                .fill(view.theme.panel)
                .stroke(Stroke::new(1.0, view.theme.faint))
                .corner_radius(6.0)
                .inner_margin(Margin::same(8))
                .show(ui, |ui| {
                    ui.set_width(WIDTH);
                    content(ui, view, id);
                });
        });
    let escape = ui.input_mut(|i| i.consume_key(egui::Modifiers::NONE, Key::Escape));
    if escape || area.response.clicked_elsewhere() {
        close(ui, view, id);
    }
}

fn close(ui: &Ui, view: &mut View<'_>, id: Id) {
    ui.data_mut(|d| d.remove::<Typed>(id));
    view.push(Command::ShowPalette(false));
}

fn content(ui: &mut Ui, view: &mut View<'_>, id: Id) {
    let mut typed = ui.data(|d| d.get_temp::<Typed>(id)).unwrap_or_default();
    let (up, down, enter) = ui.input_mut(|i| {
        (
            i.consume_key(egui::Modifiers::NONE, Key::ArrowUp),
            i.consume_key(egui::Modifiers::NONE, Key::ArrowDown),
            i.consume_key(egui::Modifiers::NONE, Key::Enter),
        )
    });
    let field = egui::TextEdit::singleline(&mut typed.query)
        .hint_text("Type a few letters of a command, a head such as 5.3, or a token")
        .desired_width(f32::INFINITY)
        .margin(Margin::symmetric(8, 6));
    let response = ui.add(field).accessible_name("Find a command");
    if response.changed() {
        typed.row = 0;
    }
    response.request_focus();
    let all = entries(view.state, view.scenes);
    let found = fuzzy::ranked(&typed.query, all.iter().map(|e| e.label.as_str()));
    let last = found.len().saturating_sub(1);
    if down {
        typed.row = (typed.row + 1).min(last);
    }
    if up {
        typed.row = typed.row.saturating_sub(1);
    }
    typed.row = typed.row.min(last);
    let mut chosen = enter.then_some(typed.row);
    if found.is_empty() {
        ui.label(
            RichText::new(format!("No command has the letters “{}”.", typed.query))
                .color(view.theme.muted),
        );
        chosen = None;
    }
    let row_height = 26.0;
    ScrollArea::vertical()
        .max_height(row_height * ROWS as f32)
        .auto_shrink([false, true])
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for (n, &i) in found.iter().take(200).enumerate() {
                let lit = n == typed.row;
                let response = row(ui, view, &all[i], lit, row_height);
                if lit && (up || down) {
                    response.scroll_to_me(None);
                }
                if response.clicked() {
                    chosen = Some(n);
                }
            }
        });
    ui.data_mut(|d| d.insert_temp(id, typed));
    if let Some(entry) = chosen.and_then(|n| all.get(*found.get(n)?)) {
        close(ui, view, id);
        view.push(entry.command.clone());
    }
}

fn row(ui: &mut Ui, view: &View<'_>, entry: &Entry, lit: bool, height: f32) -> egui::Response {
    let theme = view.theme;
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
    response
        .widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, lit, &entry.label));
    if lit || response.hovered() {
        let fill = if lit {
            theme.selection_wash
        } else {
            theme.hover
        };
        ui.painter().rect_filled(rect, 4.0, fill);
    }
    let painter = ui.painter_at(rect);
    painter.text(
        rect.left_center() + vec2(8.0, 0.0),
        Align2::LEFT_CENTER,
        &entry.label,
        fonts::text(13.0),
        theme.text,
    );
    if let Some(shortcut) = &entry.shortcut {
        painter.text(
            rect.right_center() - vec2(8.0, 0.0),
            Align2::RIGHT_CENTER,
            ui.ctx().format_shortcut(shortcut),
            fonts::text(12.0),
            theme.muted,
        );
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}
