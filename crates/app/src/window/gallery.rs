//! The scenes: experiments to look at, each with its own result in small; one click runs.

use egui::{
    Align, Layout, Margin, Rect, Response, RichText, Role, ScrollArea, Sense, Stroke, Ui,
    WidgetInfo, vec2,
};

use super::command::Command;
use super::controls::{muted, text_button};
use super::fonts;
use super::scenes::Scene;
use super::view::View;

const CARD: egui::Vec2 = egui::vec2(288.0, 206.0);
const PICTURE: f32 = 116.0;
const GAP: f32 = 14.0;

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    ui.painter()
        .rect_filled(ui.max_rect(), 0.0, view.theme.background);
    egui::Frame::new()
        .inner_margin(Margin {
            left: 24,
            right: 12,
            top: 16,
            bottom: 8,
        })
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.label(RichText::new("Scenes").font(fonts::semibold(15.0)));
                muted(
                    ui,
                    view.theme,
                    "Experiments on the bundled models. Click one to run it.",
                );
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    ui.add_space(12.0);
                    if view.state.results.run.is_some()
                        && text_button(ui, view.theme, "Close", view.theme.muted)
                            .on_hover_text("Back to the maps (Escape)")
                            .clicked()
                    {
                        view.push(Command::ShowGallery(false));
                    }
                });
            });
            ui.add_space(6.0);
            ScrollArea::vertical()
                .id_salt("gallery")
                .show(ui, |ui| cards(ui, view));
        });
}

fn cards(ui: &mut Ui, view: &mut View<'_>) {
    let room = ui.available_width() - 12.0;
    let columns = ((room + GAP) / (CARD.x + GAP)).floor().max(1.0);
    let width = ((room + GAP) / columns - GAP).min(400.0).floor();
    let count = view.scenes.len() + 1;
    ui.spacing_mut().item_spacing = vec2(GAP, GAP);
    let mut at = 0;
    while at < count {
        ui.horizontal(|ui| {
            for i in at..(at + columns as usize).min(count) {
                let size = vec2(width, CARD.y);
                match view.scenes.get(i) {
                    Some(scene) => {
                        let shown = view.state.scene == Some(i);
                        if scene_card(ui, view, scene, size, shown).clicked() {
                            view.push(Command::RunScene(i));
                        }
                    }
                    None => {
                        if own_model_card(ui, view, size).clicked() {
                            view.push(Command::ChooseModel);
                        }
                    }
                }
            }
        });
        at += columns as usize;
    }
    ui.add_space(12.0);
}

/// The frame of a card, outlined where its scene is the one on the maps.
fn card(
    ui: &mut Ui,
    view: &View<'_>,
    size: egui::Vec2,
    label: &str,
    shown: bool,
) -> (Rect, Response) {
    let theme = view.theme;
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, label));
    let stroke = if shown || response.has_focus() {
        Stroke::new(1.5, theme.selection)
    } else if response.hovered() {
        Stroke::new(1.0, theme.faint)
    } else {
        Stroke::new(1.0, theme.line)
    };
    ui.painter()
        .rect(rect, 6.0, theme.panel, stroke, egui::StrokeKind::Inside);
    (
        rect,
        response.on_hover_cursor(egui::CursorIcon::PointingHand),
    )
}

fn words(ui: &mut Ui, view: &View<'_>, rect: Rect, title: &str, sentence: &str) {
    let theme = view.theme;
    let painter = ui.painter_at(rect);
    let at = rect.left_top() + vec2(14.0, PICTURE + 12.0);
    let title = painter.layout_no_wrap(title.to_string(), fonts::semibold(13.0), theme.text);
    painter.galley(at, title, theme.text);
    let sentence = painter.layout(
        sentence.to_string(),
        fonts::text(12.5),
        theme.muted,
        rect.width() - 28.0,
    );
    painter.galley(at + vec2(0.0, 22.0), sentence, theme.muted);
}

fn scene_card(
    ui: &mut Ui,
    view: &View<'_>,
    scene: &Scene,
    size: egui::Vec2,
    shown: bool,
) -> Response {
    let label = format!("Scene: {}. {}", scene.title, scene.sentence);
    let (rect, response) = card(ui, view, size, &label, shown);
    let picture = Rect::from_min_size(rect.min, vec2(size.x, PICTURE)).shrink(1.0);
    let painter = ui.painter_at(picture);
    painter.rect_filled(
        picture,
        egui::CornerRadius {
            nw: 5,
            ne: 5,
            sw: 0,
            se: 0,
        },
        view.theme.background,
    );
    if let Some(thumbnail) = &scene.thumbnail {
        thumbnail.draw(&painter, view.theme, picture.shrink2(vec2(14.0, 12.0)));
    }
    ui.painter().hline(
        picture.x_range(),
        picture.bottom(),
        Stroke::new(1.0, view.theme.line),
    );
    words(ui, view, rect, &scene.title, &scene.sentence);
    response
}

/// The last card leads away from the bundled model.
fn own_model_card(ui: &mut Ui, view: &View<'_>, size: egui::Vec2) -> Response {
    let (rect, response) = card(ui, view, size, "Open a model of your own", false);
    let centre = egui::pos2(rect.center().x, rect.top() + PICTURE / 2.0);
    let stroke = Stroke::new(1.5, view.theme.muted);
    let painter = ui.painter();
    let folder = [
        vec2(-18.0, 12.0),
        vec2(-18.0, -12.0),
        vec2(-7.0, -12.0),
        vec2(-3.0, -8.0),
        vec2(18.0, -8.0),
        vec2(18.0, 12.0),
        vec2(-18.0, 12.0),
    ];
    painter.line(folder.iter().map(|v| centre + *v).collect(), stroke);
    words(
        ui,
        view,
        rect,
        "A model of your own",
        "Open a Hugging Face folder (GPT-2, Llama, Qwen, Pythia, Gemma families), or drop one on the window.",
    );
    response
}
