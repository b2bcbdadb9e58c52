//! Colours, type and spacing of the window, light and dark.

use std::collections::BTreeMap;

use egui::{Color32, CornerRadius, Margin, Shadow, Stroke, Style, TextStyle, Visuals, vec2};
use serde::{Deserialize, Serialize};

use super::fonts;
use crate::maps::look::{MapGpu, MapLook};

/// Which of the two palettes is worn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Appearance {
    #[default]
    Dark,
    Light,
}

impl Appearance {
    /// The palette that is not worn.
    pub fn other(self) -> Self {
        match self {
            Appearance::Dark => Appearance::Light,
            Appearance::Light => Appearance::Dark,
        }
    }

    /// As written on the button that puts it on.
    pub fn name(self) -> &'static str {
        match self {
            Appearance::Dark => "Dark",
            Appearance::Light => "Light",
        }
    }
}

/// Height of ordinary controls, points.
pub const CONTROL: f32 = 26.0;
/// Inner padding of bars and panels, points.
pub const PAD: i8 = 14;

/// Every colour that the window uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Theme {
    pub appearance: Appearance,
    /// Behind views.
    pub background: Color32,
    /// Bars and side panels.
    pub panel: Color32,
    /// Chips, fields, selected rows.
    pub raised: Color32,
    /// A raised thing under the pointer.
    pub hover: Color32,
    pub line: Color32,
    pub text: Color32,
    pub muted: Color32,
    /// For decoration only.
    pub faint: Color32,
    /// The subject and the primary action.
    pub accent: Color32,
    /// Text on a fill of the accent.
    pub on_accent: Color32,
    /// Behind tokens of the subject.
    pub accent_wash: Color32,
    /// The one selected cell, edge or token.
    pub selection: Color32,
    /// Behind selected text and rows.
    pub selection_wash: Color32,
    pub good: Color32,
    pub helps: Color32,
    pub harms: Color32,
    /// The outline of a region, over pictures of every colour.
    pub region: Color32,
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const DARK: Theme = Theme {
    appearance: Appearance::Dark,
    background: rgb(0x121417),
    panel: rgb(0x191c21),
    raised: rgb(0x21252c),
    hover: rgb(0x2a2f38),
    line: rgb(0x2b3038),
    text: rgb(0xe8eaed),
    muted: rgb(0x98a1ad),
    faint: rgb(0x636c78),
    accent: rgb(0xf2b35c),
    on_accent: rgb(0x1b1408),
    accent_wash: rgb(0x4a3c28),
    selection: rgb(0x7cc4ff),
    selection_wash: rgb(0x24384a),
    good: rgb(0x7bd88f),
    helps: rgb(0xe5604d),
    harms: rgb(0x5aa2ff),
    region: rgb(0x6ff286),
};

const LIGHT: Theme = Theme {
    appearance: Appearance::Light,
    background: rgb(0xf4f5f7),
    panel: rgb(0xffffff),
    raised: rgb(0xf0f2f5),
    hover: rgb(0xe4e8ed),
    line: rgb(0xdfe3e8),
    text: rgb(0x1b1f24),
    muted: rgb(0x5b6570),
    faint: rgb(0x8b95a1),
    accent: rgb(0xb86e00),
    on_accent: rgb(0xffffff),
    accent_wash: rgb(0xeadcc6),
    selection: rgb(0x0a66c2),
    selection_wash: rgb(0xd6e6f7),
    good: rgb(0x1a7f37),
    helps: rgb(0xb2182b),
    harms: rgb(0x2166ac),
    region: rgb(0x4ce06c),
};

impl Theme {
    /// The colours of a palette.
    pub fn of(appearance: Appearance) -> Self {
        match appearance {
            Appearance::Dark => DARK,
            Appearance::Light => LIGHT,
        }
    }

    /// What the maps take from the theme.
    pub fn map_look(&self, gpu: Option<MapGpu>) -> MapLook {
        MapLook {
            theme: match self.appearance {
                Appearance::Dark => whyfinder_paint::Theme::Dark,
                Appearance::Light => whyfinder_paint::Theme::Light,
            },
            background: self.background,
            panel: self.panel,
            raised: self.raised,
            line: self.line,
            text: self.text,
            muted: self.muted,
            faint: self.faint,
            accent: self.accent,
            selection: self.selection,
            helps: self.helps,
            harms: self.harms,
            region: self.region,
            text_font: fonts::text(13.0),
            heading_font: fonts::semibold(12.5),
            mono_font: fonts::mono(11.5),
            small_font: fonts::mono(10.5),
            gpu,
        }
    }

    /// Puts this theme on every widget of the context.
    pub fn apply(&self, ctx: &egui::Context) {
        let base = match self.appearance {
            Appearance::Dark => egui::Theme::Dark,
            Appearance::Light => egui::Theme::Light,
        };
        ctx.set_theme(base);
        ctx.set_style_of(base, self.style());
    }

    fn style(&self) -> Style {
        let mut style = Style {
            text_styles: BTreeMap::from([
                (TextStyle::Small, fonts::text(11.5)),
                (TextStyle::Body, fonts::text(13.0)),
                (TextStyle::Button, fonts::text(13.0)),
                (TextStyle::Heading, fonts::semibold(12.5)),
                (TextStyle::Monospace, fonts::mono(12.0)),
            ]),
            visuals: self.visuals(),
            animation_time: 0.0,
            ..Style::default()
        };
        let spacing = &mut style.spacing;
        spacing.item_spacing = vec2(8.0, 8.0);
        spacing.button_padding = vec2(10.0, 4.0);
        spacing.interact_size = vec2(CONTROL, CONTROL);
        spacing.menu_margin = Margin::same(6);
        spacing.window_margin = Margin::same(12);
        spacing.icon_width = 16.0;
        spacing.icon_width_inner = 8.0;
        spacing.icon_spacing = 6.0;
        spacing.tooltip_width = 320.0;
        spacing.scroll = egui::style::ScrollStyle::solid();
        spacing.scroll.bar_width = 6.0;
        spacing.scroll.bar_inner_margin = 4.0;
        spacing.scroll.bar_outer_margin = 2.0;
        style.interaction.selectable_labels = false;
        style.interaction.tooltip_delay = 0.35;
        style
    }

    fn visuals(&self) -> Visuals {
        let mut v = match self.appearance {
            Appearance::Dark => Visuals::dark(),
            Appearance::Light => Visuals::light(),
        };
        v.weak_text_color = Some(self.muted);
        v.selection.bg_fill = self.selection_wash;
        v.selection.stroke = Stroke::new(1.0, self.selection);
        v.hyperlink_color = self.selection;
        v.faint_bg_color = self.raised;
        v.extreme_bg_color = self.background;
        v.text_edit_bg_color = Some(self.raised);
        v.code_bg_color = self.raised;
        v.warn_fg_color = self.accent;
        v.error_fg_color = self.helps;
        v.window_fill = self.panel;
        v.panel_fill = self.panel;
        v.window_stroke = Stroke::new(1.0, self.line);
        v.window_corner_radius = CornerRadius::same(6);
        v.menu_corner_radius = CornerRadius::same(6);
        v.window_shadow = Shadow::NONE;
        v.popup_shadow = Shadow::NONE;
        v.text_cursor.stroke = Stroke::new(1.5, self.selection);
        v.slider_trailing_fill = true;
        v.button_frame = true;
        v.interact_cursor = Some(egui::CursorIcon::PointingHand);
        let corner_radius = CornerRadius::same(5);
        let widget = |fill: Color32, stroke: Color32, text: Color32| egui::style::WidgetVisuals {
            bg_fill: fill,
            weak_bg_fill: fill,
            bg_stroke: Stroke::new(1.0, stroke),
            corner_radius,
            fg_stroke: Stroke::new(1.0, text),
            expansion: 0.0,
        };
        v.widgets.noninteractive = widget(self.panel, self.line, self.text);
        v.widgets.inactive = widget(self.raised, self.line, self.text);
        v.widgets.hovered = widget(self.hover, self.faint, self.text);
        v.widgets.active = widget(self.hover, self.selection, self.text);
        v.widgets.open = widget(self.hover, self.faint, self.text);
        v
    }
}

/// Space around the content of a panel.
pub fn panel_margin() -> Margin {
    Margin::symmetric(PAD, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(c: Color32) -> f64 {
        let lin = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 {
                v / 12.92
            } else {
                ((v + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * lin(c.r()) + 0.7152 * lin(c.g()) + 0.0722 * lin(c.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn words_can_be_read_on_everything_they_stand_on() {
        for appearance in [Appearance::Dark, Appearance::Light] {
            let t = Theme::of(appearance);
            for behind in [t.background, t.panel, t.raised] {
                for words in [t.text, t.muted] {
                    let ratio = contrast(words, behind);
                    assert!(
                        ratio >= 4.5,
                        "{appearance:?}: {words:?} on {behind:?} is {ratio:.2}"
                    );
                }
            }
            assert!(contrast(t.on_accent, t.accent) >= 3.9, "{appearance:?}");
            assert!(contrast(t.text, t.accent_wash) >= 4.5, "{appearance:?}");
            assert!(contrast(t.text, t.selection_wash) >= 4.5, "{appearance:?}");
        }
    }
}
