//! The networks that are compared: each with what it made of the region, and how good that is.

use egui::{
    Align2, Button, Popup, Rect, RichText, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui,
    WidgetInfo, vec2,
};

use super::command::ImageCommand;
use crate::maps::token_text::shortened;
use crate::maps::{Treatment, paint_raster};
use crate::window::bundled_networks;
use crate::window::command::Command;
use crate::window::controls::text_button;
use crate::window::fonts;
use crate::window::view::View;

const ROW: f32 = 48.0;
const THUMBNAIL: f32 = 34.0;

pub(crate) fn describe(view: &View<'_>) -> String {
    match view.state.question.images.networks.len() {
        0 | 1 => String::new(),
        _ => "same region".to_string(),
    }
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    ScrollArea::vertical().id_salt("networks").show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        let networks = view.state.question.images.networks.clone();
        for (index, network) in networks.iter().enumerate() {
            row(ui, view, network, index, networks.len() > 1);
        }
        ui.add_space(2.0);
        open_more(ui, view);
    });
}

fn row(ui: &mut Ui, view: &mut View<'_>, network: &str, index: usize, removable: bool) {
    let (state, theme) = (view.state, view.theme);
    let q = &state.question.images;
    let active = index == q.active;
    let name = state.images.name(network);
    let size = vec2(ui.available_width(), ROW);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let (words, failed) = standing(view, network);
    response.widget_info(|| {
        WidgetInfo::selected(
            Role::Button,
            true,
            active,
            format!("Network {name}, {words}"),
        )
    });
    let fill = if active {
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
    let thumbnail = Rect::from_center_size(
        egui::pos2(rect.left() + 8.0 + THUMBNAIL / 2.0, rect.center().y),
        vec2(THUMBNAIL, THUMBNAIL),
    );
    thumbnail_of(ui, view, network, thumbnail);
    let left = thumbnail.right() + 10.0;
    let close = 24.0;
    let painter = ui.painter_at(Rect::from_min_max(
        egui::pos2(left, rect.top()),
        egui::pos2(
            rect.right() - if removable { close } else { 6.0 },
            rect.bottom(),
        ),
    ));
    let colour = if failed { theme.helps } else { theme.muted };
    for (text, font, colour, dy) in [
        (&name, fonts::medium(13.0), theme.text, -9.0),
        (&words, fonts::text(12.5), colour, 9.0),
    ] {
        let room = painter.clip_rect().right() - left;
        let galley = shortened(&painter, text, &font, colour, room);
        let centre = egui::pos2(left, rect.center().y + dy);
        let at = Align2::LEFT_CENTER.anchor_size(centre, galley.size()).min;
        painter.galley(at, galley, colour);
    }
    if removable {
        let place = Rect::from_center_size(
            egui::pos2(rect.right() - close / 2.0, rect.center().y),
            vec2(20.0, 20.0),
        );
        let mut child = ui.new_child(
            egui::UiBuilder::new()
                .max_rect(place)
                .id_salt(("remove", index)),
        );
        if text_button(&mut child, theme, "×", theme.muted)
            .accessible_name(format!("Remove {name}"))
            .on_hover_text(format!("Take {name} out of the comparison"))
            .clicked()
        {
            view.push(Command::Image(ImageCommand::RemoveNetwork(index)));
        }
    }
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
    let response = match failure(view, network) {
        Some(message) => response.on_hover_text(message),
        None => response.on_hover_text(network),
    };
    if response.clicked() {
        view.push(Command::Image(ImageCommand::ShowNetwork(index)));
    }
}

/// The region of the output, or the whole output, in small.
fn thumbnail_of(ui: &Ui, view: &View<'_>, network: &str, place: Rect) {
    let result = view.state.images.results.of(network);
    let painter = ui.painter_at(place);
    let Some(output) = result.and_then(|r| r.output()) else {
        painter.rect_filled(place, 3.0, view.theme.line);
        return;
    };
    let size = [output.width() as f32, output.height() as f32];
    let (centre, side) = match view.state.question.images.asked_region() {
        Some(r) => (
            vec2(
                r.x as f32 + r.width as f32 / 2.0,
                r.y as f32 + r.height as f32 / 2.0,
            ),
            (r.width.max(r.height) as f32).min(size[0].min(size[1])),
        ),
        None => (vec2(size[0], size[1]) / 2.0, size[0].min(size[1])),
    };
    let scale = place.width() / side;
    let whole = Rect::from_min_size(
        place.center() - centre * scale,
        vec2(size[0], size[1]) * scale,
    );
    paint_raster(ui, &painter, whole, output, Treatment::Plain);
}

fn failure<'a>(view: &View<'a>, network: &str) -> Option<&'a str> {
    let state: &'a crate::window::state::State = view.state;
    let result = state.images.results.of(network)?;
    result
        .restore_failure
        .as_deref()
        .or(result.map_failure.as_deref())
}

/// The line under a network's name, and whether it is bad news.
fn standing(view: &View<'_>, network: &str) -> (String, bool) {
    if failure(view, network).is_some() {
        return ("could not be run".to_string(), true);
    }
    let region = view.state.question.images.asked_region();
    let result = view.state.images.results.of(network);
    let here = region.and_then(|region| result?.psnr_in(region));
    let untouched = result
        .and_then(|r| r.map.as_ref())
        .and_then(|m| m.untouched());
    let words = match (here.or(untouched), result.and_then(|r| r.output())) {
        (Some(psnr), _) if psnr.is_infinite() => "equal to the truth here".to_string(),
        (Some(psnr), _) => format!("{psnr:.2} dB here"),
        (None, Some(_)) => "no truth given".to_string(),
        (None, None) if !view.state.images.opened.contains_key(network) => "opening…".to_string(),
        (None, None) => "waiting".to_string(),
    };
    (words, false)
}

fn open_more(ui: &mut Ui, view: &mut View<'_>) {
    let response = text_button(ui, view.theme, "+ Open another network…", view.theme.muted)
        .accessible_name("Open another network");
    Popup::menu(&response).show(|ui| {
        ui.set_min_width(220.0);
        let listed = &view.state.question.images.networks;
        let mut known = bundled_networks::all();
        for reference in view.state.images.opened.keys().chain(&view.state.recent) {
            let is_image = view.state.images.opened.contains_key(reference)
                || reference.ends_with(".pth")
                || reference.ends_with(".safetensors");
            if is_image && !known.contains(reference) {
                known.push(reference.clone());
            }
        }
        known.retain(|n| !listed.contains(n));
        for reference in known {
            let name = view.state.images.name(&reference);
            if ui
                .add(Button::new(name).truncate())
                .on_hover_text(&reference)
                .clicked()
            {
                view.push(Command::Image(ImageCommand::AddNetwork(reference)));
            }
        }
        ui.separator();
        let file = Button::new(RichText::new("Weights file…")).right_text(".pth .safetensors");
        if ui.add(file).clicked() {
            view.push(Command::Image(ImageCommand::ChooseNetwork));
        }
    });
}
