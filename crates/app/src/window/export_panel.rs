//! The dialog that makes a figure: what it shows at the left, the file itself at the right.

use egui::{
    Align, Button, Checkbox, Context, CornerRadius, DragValue, Frame, Id, Layout, Margin, Modal,
    RichText, ScrollArea, Stroke, TextEdit, TextureHandle, TextureOptions, Ui, vec2,
};
use whyfinder_figure::{Description, Format, Length, Panel, View};
use whyfinder_paint::ColourMap;

use super::command::Command;
use super::controls::{muted, primary_button, text_button};
use super::export::{Choice, DrawnFigure, Export, ExportCommand};
use super::export_studio::PREVIEW;
use super::fonts;
use super::theme::Theme;
use super::view::View as WindowView;

const SETTINGS: f32 = 300.0;

pub(crate) fn show(ui: &mut Ui, view: &mut WindowView<'_>) {
    let Some(export) = &view.state.export else {
        return;
    };
    let theme = view.theme;
    let frame = Frame::new()
        .fill(theme.panel)
        .stroke(Stroke::new(1.0, theme.faint))
        .corner_radius(6.0)
        .inner_margin(Margin::same(16));
    let room = ui.ctx().content_rect().size() - vec2(64.0, 64.0);
    let size = vec2((SETTINGS + PREVIEW + 90.0).min(room.x), room.y.min(760.0));
    let mut said = Vec::new();
    let modal = Modal::new(Id::unique("export"))
        .frame(frame)
        .show(ui.ctx(), |ui| {
            ui.set_min_size(size);
            ui.set_max_size(size);
            title(ui, theme, &mut said);
            ui.add_space(8.0);
            ui.horizontal_top(|ui| {
                ui.allocate_ui_with_layout(
                    vec2(SETTINGS, ui.available_height()),
                    Layout::top_down(Align::Min),
                    |ui| {
                        ui.set_width(SETTINGS);
                        settings(ui, theme, export, &mut said);
                    },
                );
                ui.add_space(12.0);
                preview(ui, theme, export);
            });
        });
    if modal.backdrop_response.clicked() {
        said.push(ExportCommand::Close);
    }
    view.commands.extend(said.into_iter().map(Command::Export));
}

fn title(ui: &mut Ui, theme: &Theme, said: &mut Vec<ExportCommand>) {
    ui.horizontal(|ui| {
        ui.label(RichText::new("Export a figure").font(fonts::semibold(15.0)));
        muted(ui, theme, "The preview is the file itself.");
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if text_button(ui, theme, "Close", theme.muted).clicked() {
                said.push(ExportCommand::Close);
            }
        });
    });
}

fn settings(ui: &mut Ui, theme: &Theme, export: &Export, said: &mut Vec<ExportCommand>) {
    let before = export.description.clone();
    let mut d = before.clone();
    let foot = 118.0;
    ScrollArea::vertical()
        .id_salt("export settings")
        .max_height(ui.available_height() - foot)
        .auto_shrink([false, false])
        .show(ui, |ui| {
            ui.set_width(SETTINGS - 14.0);
            ui.spacing_mut().item_spacing.y = 4.0;
            heading(ui, "Panels");
            panels(ui, export, &mut d);
            only_in_view(ui, export, said);
            heading(ui, "Size on paper");
            width(ui, export, &mut d, said);
            row(ui, "Letters", |ui| {
                let range = Description::SIZES;
                let drag = DragValue::new(&mut d.size)
                    .range(range)
                    .speed(0.05)
                    .fixed_decimals(1)
                    .suffix(" pt");
                ui.add(drag).accessible_name("Size of letters");
            });
            heading(ui, "Look");
            font(ui, theme, &mut d, said);
            row(ui, "Colours", |ui| colours(ui, &mut d));
            row(ui, "Ground", |ui| {
                chip(ui, !d.dark && !d.transparent, "Paper")
                    .then(|| (d.dark, d.transparent) = (false, false));
                chip(ui, d.dark && !d.transparent, "Dark")
                    .then(|| (d.dark, d.transparent) = (true, false));
                chip(ui, d.transparent, "None").then(|| (d.dark, d.transparent) = (false, true));
            });
            row(ui, "Columns", |ui| {
                chip(ui, d.columns.is_none(), "Fit").then(|| d.columns = None);
                for n in 1..=4 {
                    chip(ui, d.columns == Some(n), &n.to_string()).then(|| d.columns = Some(n));
                }
            });
            ui.checkbox(&mut d.title, "Headings");
            ui.checkbox(&mut d.letters, "Letters of panels");
        });
    file(ui, theme, export, said);
    if d != before {
        said.push(ExportCommand::Describe(Box::new(d)));
    }
}

/// The format, and the one action.
fn file(ui: &mut Ui, theme: &Theme, export: &Export, said: &mut Vec<ExportCommand>) {
    heading(ui, "File");
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
        for format in Format::ALL {
            chip(ui, export.format == format, format.words())
                .then(|| said.push(ExportCommand::Format(format)));
        }
    });
    ui.add_space(6.0);
    ui.horizontal(|ui| {
        let write = format!("Write {}…", export.format.words());
        if primary_button(ui, theme, &write).clicked() {
            said.push(ExportCommand::Write);
        }
        if export.format == Format::Png {
            let mut dpi = export.dpi;
            let drag = DragValue::new(&mut dpi)
                .range(36.0..=2400.0)
                .speed(2.0)
                .fixed_decimals(0)
                .suffix(" dpi");
            if ui.add(drag).accessible_name("Dots per inch").changed() {
                said.push(ExportCommand::Dpi(dpi));
            }
        }
        let script = ui
            .button("Python script…")
            .on_hover_text("The experiment in plain PyTorch, for reviewers");
        if script.clicked() {
            said.push(ExportCommand::Script);
        }
    });
}

fn heading(ui: &mut Ui, words: &str) {
    ui.add_space(8.0);
    ui.label(RichText::new(words).font(fonts::semibold(12.5)));
}

fn row(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui)) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let name = RichText::new(name).size(12.5);
        ui.allocate_ui_with_layout(
            vec2(76.0, 22.0),
            Layout::left_to_right(Align::Center),
            |ui| {
                ui.set_min_width(76.0);
                ui.label(name);
            },
        );
        add(ui);
    });
}

fn chip(ui: &mut Ui, on: bool, words: &str) -> bool {
    ui.add(Button::selectable(on, words)).clicked()
}

/// A box per view; panels stand in the order in which they were ticked. Each that is ticked has its colours.
fn panels(ui: &mut Ui, export: &Export, d: &mut Description) {
    let shown_elsewhere: Vec<Choice> = d
        .panels
        .iter()
        .map(Choice::of)
        .filter(|choice| !export.available.contains(choice))
        .collect();
    let several = d.panels.len() > 1;
    for choice in export.available.iter().chain(&shown_elsewhere) {
        let place = d.panels.iter().position(|p| Choice::of(p) == *choice);
        let mut on = place.is_some();
        let label = export.label(choice);
        ui.horizontal(|ui| {
            if ui.checkbox(&mut on, &label).changed() {
                match place {
                    Some(place) if d.panels.len() > 1 => {
                        d.panels.remove(place);
                    }
                    Some(_) => {}
                    None => d.panels.push(choice.panel()),
                }
            } else if let Some(panel) = place.and_then(|place| d.panels.get_mut(place))
                && several
                && has_colours(&choice.view)
            {
                panel_colours(ui, &label, panel);
            }
        });
    }
}

/// Figures show maps whole, unless this is ticked.
fn only_in_view(ui: &mut Ui, export: &Export, said: &mut Vec<ExportCommand>) {
    ui.add_space(4.0);
    let mut only = export.only_in_view;
    let words = "Only what is in view";
    let response = ui
        .add_enabled(export.zoomed, Checkbox::new(&mut only, words))
        .on_hover_text("Of maps that are zoomed, the cells that the window shows now")
        .on_disabled_hover_text("Every map here is shown whole; zoom into one to draw a part");
    if response.changed() {
        said.push(ExportCommand::OnlyInView(only));
    }
}

/// Whether a view's values are told by colours.
fn has_colours(view: &View) -> bool {
    !matches!(view, View::Lines(_) | View::Predictions | View::Counts)
}

/// The colours of one panel.
fn panel_colours(ui: &mut Ui, label: &str, panel: &mut Panel) {
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let words = panel.map.as_deref().unwrap_or("own colours");
        let words = RichText::new(words).size(11.5);
        let combo = egui::ComboBox::from_id_salt(("colours of", label))
            .width(104.0)
            .selected_text(words)
            .show_ui(ui, |ui| {
                let mut choose = |ui: &mut Ui, name: Option<&str>, words: &str| {
                    if ui
                        .selectable_label(panel.map.as_deref() == name, words)
                        .clicked()
                    {
                        panel.map = name.map(str::to_string);
                    }
                };
                choose(ui, None, "own colours");
                for map in ColourMap::ALL {
                    choose(ui, Some(map.name()), map.name());
                }
            });
        combo
            .response
            .accessible_name(format!("Colours of {label}"));
    });
}

fn width(ui: &mut Ui, export: &Export, d: &mut Description, said: &mut Vec<ExportCommand>) {
    row(ui, "Width", |ui| {
        for (words, length) in [("Single", Length::SINGLE), ("Double", Length::DOUBLE)] {
            if chip(ui, d.width == length && export.width.is_empty(), words) {
                said.push(ExportCommand::Width(String::new()));
                d.width = length;
            }
        }
        let mut typed = if export.width.is_empty() {
            d.width.to_string()
        } else {
            export.width.clone()
        };
        let field = TextEdit::singleline(&mut typed).desired_width(70.0);
        if ui
            .add(field)
            .accessible_name("Width of the figure")
            .changed()
        {
            said.push(ExportCommand::Width(typed));
        }
    });
}

fn font(ui: &mut Ui, theme: &Theme, d: &mut Description, said: &mut Vec<ExportCommand>) {
    row(ui, "Typeface", |ui| {
        chip(ui, d.font == "sans", "Sans").then(|| d.font = "sans".into());
        chip(ui, d.font == "serif", "Serif").then(|| d.font = "serif".into());
        let own = !matches!(d.font.as_str(), "sans" | "serif");
        if chip(ui, own, "A file…") {
            said.push(ExportCommand::ChooseFont);
        }
        if own {
            muted(ui, theme, super::words::shortened(&d.font, 28));
        }
    });
}

/// One colour map for all panels, or each its own.
fn colours(ui: &mut Ui, d: &mut Description) {
    let current = d.panels.first().and_then(|p| p.map.clone());
    let same = d.panels.iter().all(|p| p.map == current);
    let words = match &current {
        _ if !same => "as each panel says".to_string(),
        Some(name) => name.clone(),
        None => "each its own".to_string(),
    };
    egui::ComboBox::from_id_salt("export colours")
        .selected_text(words)
        .show_ui(ui, |ui| {
            let mut choose = |ui: &mut Ui, name: Option<String>, words: &str| {
                if ui
                    .selectable_label(same && current == name, words)
                    .clicked()
                {
                    for panel in &mut d.panels {
                        panel.map.clone_from(&name);
                    }
                }
            };
            choose(ui, None, "each its own");
            for map in ColourMap::ALL {
                choose(ui, Some(map.name().to_string()), map.name());
            }
        });
}

fn preview(ui: &mut Ui, theme: &Theme, export: &Export) {
    Frame::new()
        .fill(theme.background)
        .corner_radius(CornerRadius::same(4))
        .inner_margin(Margin::same(12))
        .show(ui, |ui| {
            let room = ui.available_size();
            ui.set_min_size(room);
            match export.drawn.as_ref().map(|d| (&d.outcome, d.version)) {
                None => {
                    muted(ui, theme, "Drawing…");
                }
                Some((Err(message), _)) => {
                    ui.add(egui::Label::new(RichText::new(message).color(theme.helps)).wrap());
                }
                Some((Ok(figure), version)) => {
                    ui.vertical(|ui| drawn(ui, theme, export.format, figure, version));
                }
            }
        });
}

fn drawn(ui: &mut Ui, theme: &Theme, format: Format, figure: &DrawnFigure, version: u64) {
    let [width, height] = figure.cm;
    muted(ui, theme, format!("{width:.1} × {height:.1} cm on paper"));
    let of_format = figure.of_formats.iter().filter(|(of, _)| *of == format);
    let of_format = of_format.map(|(_, notice)| notice);
    for notice in figure.notices.iter().chain(of_format) {
        ui.add(egui::Label::new(RichText::new(notice).size(12.0).color(theme.accent)).wrap());
    }
    let texture = texture(ui.ctx(), figure, version);
    let scale = 1.0 / ui.ctx().pixels_per_point();
    let size = texture.size_vec2() * scale;
    let fitted = size * (ui.available_width() / size.x).min(1.0);
    ScrollArea::vertical()
        .id_salt("export preview")
        .auto_shrink([false, false])
        .show(ui, |ui| {
            let image = egui::Image::new((texture.id(), fitted));
            ui.add(image).accessible_name("Preview of the figure");
        });
}

/// The preview's texture, uploaded once for each drawing.
fn texture(ctx: &Context, figure: &DrawnFigure, version: u64) -> TextureHandle {
    let id = Id::unique("export texture");
    let kept = ctx.data(|d| d.get_temp::<(u64, TextureHandle)>(id));
    if let Some((of, texture)) = kept
        && of == version
    {
        return texture;
    }
    let texture = ctx.load_texture("figure", figure.image.clone(), TextureOptions::LINEAR);
    ctx.data_mut(|d| d.insert_temp(id, (version, texture.clone())));
    texture
}
