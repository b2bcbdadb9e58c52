//! The few controls that egui does not have in our look.

use egui::{
    Align2, Color32, CornerRadius, Frame, Margin, Rect, Response, RichText, Role, Sense, Stroke,
    Ui, UiBuilder, WidgetInfo, WidgetText, vec2,
};

use super::fonts;
use super::theme::{CONTROL, Theme};

/// The one action that a place asks for, in the accent.
pub(crate) fn primary_button(ui: &mut Ui, theme: &Theme, label: &str) -> Response {
    let text = RichText::new(label)
        .font(fonts::medium(13.0))
        .color(theme.on_accent);
    ui.scope(|ui| {
        let widgets = &mut ui.visuals_mut().widgets;
        let rest = theme.accent;
        let hovered = theme.accent.lerp_to_gamma(theme.text, 0.18);
        for (visuals, fill) in [
            (&mut widgets.inactive, rest),
            (&mut widgets.hovered, hovered),
            (&mut widgets.active, hovered),
        ] {
            visuals.weak_bg_fill = fill;
            visuals.bg_stroke = Stroke::new(1.0, fill);
        }
        ui.add(egui::Button::new(text))
    })
    .inner
}

/// A child with a place of its own; what stands in it one below the other is `spacing` apart.
pub(crate) fn within(
    ui: &mut Ui,
    place: Rect,
    name: impl std::hash::Hash + std::fmt::Debug,
    spacing: f32,
    add: impl FnOnce(&mut Ui),
) {
    let builder = UiBuilder::new().id_salt(name).max_rect(place);
    ui.scope_builder(builder, |ui| {
        ui.spacing_mut().item_spacing.y = spacing;
        add(ui);
    });
}

/// A value in a line of words that opens something when clicked; in a column it is cut at the right edge.
pub(crate) fn quiet_button(
    ui: &mut Ui,
    theme: &Theme,
    text: impl Into<WidgetText>,
    label: &str,
) -> Response {
    let arrow = vec2(7.0, 4.0);
    let beside = 12.0 + arrow.x + 6.0;
    let (wrap, room) = match ui.layout().main_dir().is_vertical() {
        true => (egui::TextWrapMode::Truncate, ui.available_width() - beside),
        false => (egui::TextWrapMode::Extend, f32::INFINITY),
    };
    let galley = text
        .into()
        .into_galley(ui, Some(wrap), room, fonts::medium(12.5));
    let size = vec2(galley.size().x + beside, 22.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), label));
    let (fill, stroke) = if response.has_focus() {
        (theme.raised, Stroke::new(1.0, theme.selection))
    } else if response.hovered() {
        (theme.hover, Stroke::new(1.0, theme.faint))
    } else {
        (theme.raised, Stroke::new(1.0, theme.line))
    };
    ui.painter().rect(
        rect,
        CornerRadius::same(5),
        fill,
        stroke,
        egui::StrokeKind::Inside,
    );
    let at = Align2::LEFT_CENTER
        .align_size_within_rect(galley.size(), rect.shrink2(vec2(6.0, 0.0)))
        .min;
    ui.painter().galley(at, galley, theme.text);
    let tip = rect.right_center() - vec2(7.0 + arrow.x / 2.0, -arrow.y / 2.0);
    let side = vec2(arrow.x / 2.0, arrow.y);
    ui.painter().line(
        vec![tip - side, tip, tip + vec2(side.x, -side.y)],
        Stroke::new(1.2, theme.muted),
    );
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

/// A word that does something, without a frame.
pub(crate) fn text_button(ui: &mut Ui, theme: &Theme, label: &str, colour: Color32) -> Response {
    ui.scope(|ui| {
        ui.spacing_mut().button_padding = vec2(4.0, 2.0);
        let widgets = &mut ui.visuals_mut().widgets;
        widgets.inactive.weak_bg_fill = Color32::TRANSPARENT;
        widgets.inactive.bg_stroke = Stroke::NONE;
        widgets.hovered.bg_stroke = Stroke::NONE;
        widgets.hovered.weak_bg_fill = theme.hover;
        ui.add(egui::Button::new(RichText::new(label).color(colour)).min_size(vec2(0.0, 22.0)))
    })
    .inner
}

/// Muted words.
pub(crate) fn muted(ui: &mut Ui, theme: &Theme, text: impl Into<String>) -> Response {
    ui.label(RichText::new(text).size(12.5).color(theme.muted))
}

/// The one number that a panel is about, and after it how sure it is.
pub(crate) fn big_number(
    ui: &mut Ui,
    theme: &Theme,
    number: &str,
    uncertain: &str,
    colour: Color32,
) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        ui.label(
            RichText::new(number)
                .font(fonts::semibold(26.0))
                .color(colour),
        );
        ui.add(egui::Label::new(RichText::new(uncertain).size(12.5).color(theme.muted)).truncate());
    });
}

/// A number that is read, not edited.
pub(crate) fn number(ui: &mut Ui, theme: &Theme, text: impl Into<String>) -> Response {
    ui.label(
        RichText::new(text)
            .font(fonts::mono_semibold(12.0))
            .color(theme.text),
    )
}

/// A heading with what it is of, in one line that is cut at the right edge.
pub(crate) fn heading(ui: &mut Ui, theme: &Theme, title: &str, of: &str) -> Response {
    let mut job = egui::text::LayoutJob::default();
    let plain = |font, color| egui::TextFormat {
        font_id: font,
        color,
        valign: egui::Align::Center,
        ..Default::default()
    };
    job.append(title, 0.0, plain(fonts::semibold(12.5), theme.text));
    if !of.is_empty() {
        job.append(of, 8.0, plain(fonts::text(12.0), theme.muted));
    }
    ui.add(egui::Label::new(job).truncate())
}

/// The frame of bars: panel colour, no rounding.
pub(crate) fn bar_frame(theme: &Theme, margin: Margin) -> Frame {
    Frame::new().fill(theme.panel).inner_margin(margin)
}

/// A thin track with a filled part; `fraction` 0 to 1, `None` for work of unknown length.
pub(crate) fn progress(
    ui: &mut Ui,
    theme: &Theme,
    width: f32,
    fraction: Option<f32>,
    label: &str,
) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(width, CONTROL - 8.0), Sense::hover());
    let track = egui::Rect::from_center_size(rect.center(), vec2(width, 4.0));
    let shown = fraction.unwrap_or(0.0).clamp(0.0, 1.0);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ProgressIndicator, true, label);
        info.value = fraction.map(|f| f64::from(f * 100.0));
        info
    });
    ui.painter().rect_filled(track, 2.0, theme.line);
    let mut done = track;
    done.set_width(track.width() * shown);
    if shown > 0.0 {
        ui.painter().rect_filled(done, 2.0, theme.selection);
    }
    response
}

/// What a panel shows, and the one action that fills it.
pub(crate) fn empty_state(
    ui: &mut Ui,
    theme: &Theme,
    title: &str,
    sentence: &str,
    action: Option<&str>,
) -> bool {
    let mut clicked = false;
    let height = ui.available_height();
    ui.vertical_centered(|ui| {
        ui.add_space((height * 0.5 - 56.0).clamp(8.0, 220.0));
        ui.set_max_width(ui.available_width().min(300.0));
        ui.label(
            RichText::new(title)
                .font(fonts::semibold(13.0))
                .color(theme.text),
        );
        ui.add(egui::Label::new(RichText::new(sentence).color(theme.muted)).wrap());
        if let Some(action) = action {
            ui.add_space(4.0);
            clicked = ui.button(action).clicked();
        }
    });
    clicked
}

/// What failed, on what, what to do; true if the action was taken.
pub(crate) fn error_state(
    ui: &mut Ui,
    theme: &Theme,
    title: &str,
    message: &str,
    action: &str,
) -> bool {
    let mut clicked = false;
    Frame::new()
        .fill(theme.raised)
        .stroke(Stroke::new(1.0, theme.line))
        .corner_radius(6.0)
        .inner_margin(Margin::symmetric(14, 12))
        .show(ui, |ui| {
            ui.set_max_width(ui.available_width().min(460.0));
            ui.label(
                RichText::new(title)
                    .font(fonts::semibold(13.0))
                    .color(theme.helps),
            );
            ui.add(egui::Label::new(RichText::new(message).color(theme.text)).wrap());
            clicked = ui.button(action).clicked();
        });
    clicked
}
