//! What do the axes mean? Asked where names and shapes do not tell, with the first map as it would be drawn.

use egui::{
    Align, ComboBox, Frame, Id, Layout, Margin, Modal, RichText, ScrollArea, Stroke, Ui, vec2,
};
use whyfinder_import::AxisRole;
use whyfinder_paint::{ColourMap, MapArray, MapShape, MapStyle};

use super::command::Command;
use super::controls::{muted, primary_button, text_button};
use super::fonts;
use super::imports::{AxesQuestion, ImportCommand};
use super::open_files::file_name;
use super::theme::Theme;
use super::view::View;
use crate::maps::heatmap_view::{GridFrame, HeatmapView, fit_frame};
use crate::maps::look::{DataKey, MapLook};
use crate::maps::painted_map::{self, Picture};

const SETTINGS: f32 = 330.0;
const PREVIEW: f32 = 280.0;

/// What an axis can be, in the order of the list.
const ROLES: [AxisRole; 9] = [
    AxisRole::Layer,
    AxisRole::Head,
    AxisRole::Query,
    AxisRole::Key,
    AxisRole::Token,
    AxisRole::Row,
    AxisRole::Column,
    AxisRole::Sample,
    AxisRole::Batch,
];

/// What each means, beside its name.
fn words(role: &AxisRole) -> &'static str {
    match role {
        AxisRole::Layer => "blocks of the network",
        AxisRole::Head => "heads of a layer",
        AxisRole::Query => "who looks, the destination",
        AxisRole::Key => "what is looked at, the source",
        AxisRole::Token => "positions of the prompt",
        AxisRole::Row => "down",
        AxisRole::Column => "across",
        AxisRole::Sample => "repetitions: mean and standard error",
        AxisRole::Batch => "sequences: the first is taken",
        AxisRole::Other(_) => "a map for each",
    }
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let Some(question) = &view.state.axes else {
        return;
    };
    let theme = view.theme;
    let frame = Frame::new()
        .fill(theme.panel)
        .stroke(Stroke::new(1.0, theme.faint))
        .corner_radius(6.0)
        .inner_margin(Margin::same(16));
    let mut said = Vec::new();
    let modal = Modal::new(Id::unique("axes")).frame(frame).show(ui.ctx(), |ui| {
        ui.set_width(SETTINGS + PREVIEW + 20.0);
        ui.label(
            RichText::new(format!("What is in {}?", file_name(&question.path)))
                .font(fonts::semibold(15.0)),
        );
        ui.add(
            egui::Label::new(
                RichText::new(
                    "Names and shapes do not say for sure what the axes mean. The guess is filled in; what it would look \
                     like is at the right.",
                )
                .color(theme.muted),
            )
            .wrap(),
        );
        ui.add_space(8.0);
        ui.horizontal_top(|ui| {
            ui.allocate_ui_with_layout(
                vec2(SETTINGS, PREVIEW + 44.0),
                Layout::top_down(Align::Min),
                |ui| {
                    ui.set_width(SETTINGS);
                    settings(ui, theme, question, &mut said);
                },
            );
            ui.add_space(12.0);
            ui.vertical(|ui| preview(ui, view.look, theme, question));
        });
        ui.add_space(8.0);
        foot(ui, theme, question, &mut said);
    });
    if modal.backdrop_response.clicked() {
        said.push(ImportCommand::Cancel);
    }
    view.commands.extend(said.into_iter().map(Command::Import));
}

fn settings(ui: &mut Ui, theme: &Theme, question: &AxesQuestion, said: &mut Vec<ImportCommand>) {
    ui.spacing_mut().item_spacing.y = 6.0;
    let drawable: Vec<_> = question
        .contents
        .arrays
        .iter()
        .filter(|a| a.shape.len() > 1)
        .collect();
    let chosen = question.plan.arrays.first().cloned().unwrap_or_default();
    let several = question.plan.arrays.len();
    line(ui, theme, "Array", |ui| {
        let words = if several > 1 {
            format!("{several} arrays, one a layer")
        } else {
            chosen.clone()
        };
        ComboBox::from_id_salt("array")
            .selected_text(words)
            .width(ui.available_width() - 8.0)
            .show_ui(ui, |ui| {
                for array in drawable.iter().take(200) {
                    let label = format!("{} {:?}", array.name, array.shape);
                    let here = several == 1 && array.name == chosen;
                    if ui.selectable_label(here, label).clicked() {
                        said.push(ImportCommand::Array(array.name.clone()));
                    }
                }
            })
            .response
            .on_hover_text(&chosen)
            .accessible_name("Array");
    });
    let shape = question
        .contents
        .array(&chosen)
        .map(|a| a.shape.clone())
        .unwrap_or_default();
    ScrollArea::vertical()
        .id_salt("axes")
        .max_height(PREVIEW - 90.0)
        .show(ui, |ui| {
            for (i, (role, side)) in question.plan.axes.iter().zip(&shape).enumerate() {
                line(ui, theme, &format!("Axis of {side}"), |ui| {
                    ComboBox::from_id_salt(("axis", i))
                        .selected_text(role.name())
                        .width(110.0)
                        .show_ui(ui, |ui| {
                            for other in &ROLES {
                                let label = format!("{other} · {}", words(other));
                                if ui.selectable_label(other == role, label).clicked() {
                                    said.push(ImportCommand::Axis(i, other.clone()));
                                }
                            }
                        })
                        .response
                        .accessible_name(format!("Meaning of axis {}, {side} long", i + 1));
                    ui.add(
                        egui::Label::new(RichText::new(words(role)).size(12.0).color(theme.muted))
                            .truncate(),
                    );
                });
            }
        });
    line(ui, theme, "Tokens", |ui| {
        match (&question.asked.tokens, question.plan.tokens.len()) {
            (Some(path), n) => {
                muted(ui, theme, format!("{n} from {}", file_name(path)));
                if text_button(ui, theme, "Without", theme.muted).clicked() {
                    said.push(ImportCommand::NoTokens);
                }
            }
            (None, 0) => {
                muted(ui, theme, "numbered");
            }
            (None, n) => {
                muted(ui, theme, format!("{n} in the file"));
            }
        }
        if text_button(ui, theme, "From a file…", theme.selection)
            .on_hover_text("A text file with one token a line, or a JSON list")
            .clicked()
        {
            said.push(ImportCommand::ChooseTokens);
        }
    });
}

fn line(ui: &mut Ui, theme: &Theme, name: &str, content: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.allocate_ui_with_layout(
            vec2(86.0, 24.0),
            Layout::left_to_right(Align::Center),
            |ui| {
                ui.set_width(86.0);
                muted(ui, theme, name);
            },
        );
        content(ui);
    });
}

/// The first map, as large as there is room.
fn preview(ui: &mut Ui, look: &MapLook, theme: &Theme, question: &AxesQuestion) {
    let (rect, _) = ui.allocate_exact_size(vec2(PREVIEW, PREVIEW), egui::Sense::hover());
    ui.painter().rect_filled(rect, 4.0, theme.background);
    let Some(map) = &question.preview else {
        return;
    };
    let frame = fit_frame(
        rect.shrink(8.0),
        map.rows,
        map.columns,
        PREVIEW,
        1.0,
        ui.pixels_per_point(),
    );
    let centred = frame.translate(rect.center() - frame.center());
    let grid = GridFrame {
        frame: centred,
        rows: map.rows,
        cols: map.columns,
        view: HeatmapView::default(),
    };
    let finite = map.values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| {
        (l.min(v), h.max(v))
    });
    let style = if low < 0.0 {
        MapStyle::signed(ColourMap::BlueRed, look.theme, low.abs().max(high.abs()))
    } else {
        let high = if high > low { high } else { low + 1.0 };
        look.sequential(ColourMap::Viridis, low, high)
    };
    let shape = MapShape::single(map.rows, map.columns);
    painted_map::paint(
        ui,
        look,
        &grid,
        &Picture {
            key: DataKey::new("axes preview", question.version),
            shape,
            style,
            tile_gap: None,
            build: &|| MapArray::new(shape, map.values.clone()).ok(),
        },
    );
    let first = if question.plan.axes.len() > 2 {
        "first "
    } else {
        ""
    };
    let thinned = if map.thinned { ", thinned" } else { "" };
    muted(
        ui,
        theme,
        format!("{first}map: {} ↓ {} →{thinned}", map.axes[0], map.axes[1]),
    );
}

fn foot(ui: &mut Ui, theme: &Theme, question: &AxesQuestion, said: &mut Vec<ImportCommand>) {
    ui.horizontal(|ui| {
        let words = match &question.problem {
            Some(problem) => RichText::new(problem).color(theme.helps),
            None => RichText::new(format!("Will be shown as {}.", question.plan.form.name()))
                .color(theme.muted),
        };
        let room = ui.available_width() - 150.0;
        ui.allocate_ui_with_layout(
            vec2(room, 34.0),
            Layout::left_to_right(Align::Center),
            |ui| {
                ui.set_width(room);
                ui.add(egui::Label::new(words).wrap());
            },
        );
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_enabled_ui(question.problem.is_none(), |ui| {
                if primary_button(ui, theme, "Open").clicked() {
                    said.push(ImportCommand::Confirm);
                }
            });
            if text_button(ui, theme, "Cancel", theme.muted).clicked() {
                said.push(ImportCommand::Cancel);
            }
        });
    });
}
