//! The picture, and the regions of its output that are asked about.

use egui::{Align2, Rect, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use super::command::ImageCommand;
use super::picture_choice;
use crate::maps::token_text::{shortened, whole};
use crate::window::command::Command;
use crate::window::controls::{heading, text_button};
use crate::window::fonts;
use crate::window::view::View;

const ROW: f32 = 28.0;

pub(crate) fn describe(view: &View<'_>) -> String {
    picture_choice::describe(view)
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    ScrollArea::vertical().id_salt("regions").show(ui, |ui| {
        picture_choice::show(ui, view);
        ui.add_space(4.0);
        heading(ui, view.theme, "Regions", "of the output");
        ui.spacing_mut().item_spacing.y = 2.0;
        let regions = view.state.question.images.regions.clone();
        for (index, region) in regions.iter().enumerate() {
            row(ui, view, &region.words(), index, regions.len() > 1);
        }
        if text_button(ui, view.theme, "+ Add a region", view.theme.muted)
            .accessible_name("Add a region")
            .clicked()
        {
            view.push(Command::Image(ImageCommand::AddRegion));
        }
    });
}

fn row(ui: &mut Ui, view: &mut View<'_>, words: &str, index: usize, removable: bool) {
    let theme = view.theme;
    let asked = index == view.state.question.images.region;
    let size = vec2(ui.available_width(), ROW);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response
        .widget_info(|| WidgetInfo::selected(Role::Button, true, asked, format!("Region {words}")));
    let fill = if asked {
        Some(theme.raised)
    } else if response.hovered() {
        Some(theme.hover)
    } else {
        None
    };
    if let Some(fill) = fill {
        ui.painter().rect_filled(rect, 5.0, fill);
    }
    if response.has_focus() {
        let stroke = Stroke::new(1.0, theme.selection);
        ui.painter()
            .rect_stroke(rect, 5.0, stroke, StrokeKind::Inside);
    }
    let mark = Rect::from_center_size(
        egui::pos2(rect.left() + 15.0, rect.center().y),
        vec2(9.0, 9.0),
    );
    let stroke = Stroke::new(1.5, if asked { theme.region } else { theme.faint });
    ui.painter()
        .rect_stroke(mark, 1.0, stroke, StrokeKind::Middle);
    let painter = ui.painter_at(rect);
    let room = rect.width() - 30.0 - if removable { 26.0 } else { 6.0 };
    // Of large pictures the spaces are what can be done without.
    let galley = [
        words.to_string(),
        words.replace(" × ", "×").replace(", ", ","),
    ]
    .into_iter()
    .map(|w| whole(&painter, &w, &fonts::mono(12.0), theme.text))
    .find(|galley| galley.size().x <= room)
    .unwrap_or_else(|| shortened(&painter, words, &fonts::mono(12.0), theme.text, room));
    let centre = egui::pos2(rect.left() + 30.0, rect.center().y);
    let at = Align2::LEFT_CENTER.anchor_size(centre, galley.size()).min;
    painter.galley(at, galley, theme.text);
    if removable {
        let place = Rect::from_center_size(
            egui::pos2(rect.right() - 12.0, rect.center().y),
            vec2(20.0, 20.0),
        );
        let mut child = ui.new_child(
            egui::UiBuilder::new()
                .max_rect(place)
                .id_salt(("forget", index)),
        );
        if text_button(&mut child, theme, "×", theme.muted)
            .accessible_name(format!("Remove region {words}"))
            .clicked()
        {
            view.push(Command::Image(ImageCommand::RemoveRegion(index)));
        }
    }
    if response
        .on_hover_cursor(egui::CursorIcon::PointingHand)
        .clicked()
    {
        view.push(Command::Image(ImageCommand::ShowRegion(index)));
    }
}
