//! The colours of effects: symmetric about zero, with the least and the largest effect marked.

use egui::{Rect, Response, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::accessible::describe;
use super::colour_bar::{self, BAR, GRIP, keyboard_steps};
use super::effect_map::EffectScale;
use super::look::MapLook;
use super::token_text::{read_number, short_number, whole};

/// What an effect bar shows.
#[derive(Clone, Copy, Debug)]
pub struct EffectBar<'a> {
    /// What the colours stand for; part of the bar's accessible name.
    pub label: &'a str,
    pub unit: &'a str,
    pub signed: bool,
    pub flipped: bool,
    /// Least and largest effect that has been measured.
    pub measured: Option<[f32; 2]>,
    /// The extent when nothing has been dragged.
    pub default: f32,
}

/// The extent that the person chose; `None` follows the data.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EffectRange {
    pub custom: Option<f32>,
}

impl EffectRange {
    /// The value of the last colour.
    pub fn extent(&self, default: f32) -> f32 {
        let extent = self.custom.unwrap_or(default);
        if extent.is_finite() && extent > 0.0 {
            extent
        } else {
            1.0
        }
    }
}

/// What a person did on an effect bar.
#[derive(Clone, Debug)]
pub struct EffectBarResponse {
    pub response: Response,
    /// Whether the range was changed in this frame.
    pub changed: bool,
}

/// Draws the bar over the width left. Either end can be dragged, or moved with the arrow keys; the other follows, for
/// the range stays symmetric. A double click follows the data again.
pub fn effect_bar(
    ui: &mut Ui,
    look: &MapLook,
    data: &EffectBar<'_>,
    range: &mut EffectRange,
) -> EffectBarResponse {
    let size = vec2(ui.available_width(), colour_bar::HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let bar = Rect::from_min_size(rect.min + vec2(0.0, 4.0), vec2(rect.width(), BAR));
    let before = *range;
    let measured = data
        .measured
        .map_or(0.0, |[low, high]| low.abs().max(high.abs()));
    let limit = data
        .default
        .max(measured)
        .max(range.custom.unwrap_or(0.0))
        .max(1e-6);
    let zero = if data.signed {
        bar.center().x
    } else {
        bar.left()
    };
    let reach = bar.right() - zero;
    let x = |value: f32| zero + (value / limit).clamp(-1.0, 1.0) * reach;
    let mut active = [false; 2];
    let ends: &[f32] = if data.signed { &[-1.0, 1.0] } else { &[1.0] };
    for (i, &sign) in ends.iter().enumerate() {
        let extent = range.extent(data.default);
        let at = pos2(x(sign * extent), bar.center().y);
        let id = response.id.with(("end", i));
        let handle = ui.interact(
            Rect::from_center_size(at, vec2(GRIP, BAR + 8.0)),
            id,
            Sense::click_and_drag(),
        );
        let mut next = extent;
        if let Some(pointer) = handle.interact_pointer_pos().filter(|_| handle.dragged()) {
            next = sign * (pointer.x - zero) / reach.max(1.0) * limit;
        }
        next += sign * keyboard_steps(ui, &handle) * limit * 0.02;
        if next != extent {
            range.custom = Some(next.clamp(limit * 0.02, limit));
        }
        if handle.double_clicked() {
            range.custom = None;
        }
        active[i] = handle.hovered() || handle.dragged() || handle.has_focus();
        if active[i] {
            ui.set_cursor_icon(egui::CursorIcon::ResizeHorizontal);
        }
        let side = if sign < 0.0 { "low" } else { "high" };
        let name = format!("{}, {side} end", data.label);
        let shown = f64::from(sign * range.extent(data.default));
        handle.widget_info(|| WidgetInfo::slider(handle.enabled(), shown, &name));
    }
    if response.double_clicked() {
        range.custom = None;
    }
    let extent = range.extent(data.default);
    let low = if data.signed { -extent } else { 0.0 };
    let label = format!("Colour range of {}", data.label);
    let scale = EffectScale {
        extent,
        signed: data.signed,
        flipped: data.flipped,
    };
    let spoken = format!(
        "{} to {} {}, {}",
        read_number(low),
        read_number(extent),
        data.unit,
        scale.polarity()
    );
    describe(&response, Role::Image, &label, &spoken);
    if ui.is_rect_visible(rect) {
        let painter = ui.painter();
        // Over pictures the middle is white; the bar shows the colours as they are there.
        let style = whyfinder_paint::MapStyle {
            theme: whyfinder_paint::Theme::Light,
            ..scale.style(look)
        };
        colour_bar::strip(painter, look, &style, bar, [x(low), x(extent)]);
        for (i, &sign) in ends.iter().enumerate() {
            let at = pos2(x(sign * extent), bar.center().y);
            let side = usize::from(sign > 0.0);
            colour_bar::grip(painter, look, at, side, active[i]);
        }
        labels(ui, look, data, rect, bar, [low, extent], &x);
    }
    EffectBarResponse {
        response,
        changed: *range != before,
    }
}

/// The least and largest effect, the ends and zero, as far as they have room beside each other.
fn labels(
    ui: &Ui,
    look: &MapLook,
    data: &EffectBar<'_>,
    rect: Rect,
    bar: Rect,
    [low, high]: [f32; 2],
    x: &impl Fn(f32) -> f32,
) {
    let painter = ui.painter();
    let y = bar.bottom() + 4.0;
    let unit = match data.unit {
        "" => String::new(),
        unit => format!(" {unit}"),
    };
    let mut taken: Vec<(f32, f32)> = Vec::new();
    let mut write = |words: String, at: f32| {
        let galley = whole(painter, &words, &look.small_font, look.muted);
        let width = galley.size().x;
        let left = (at - width / 2.0)
            .min(rect.right() - width)
            .max(rect.left());
        let free = taken
            .iter()
            .all(|&(a, b)| left + width + 6.0 <= a || left >= b + 6.0);
        if free {
            painter.galley(pos2(left, y), galley, look.muted);
            taken.push((left, left + width));
        }
        free
    };
    for (name, value) in data
        .measured
        .into_iter()
        .flat_map(|[a, b]| [("max", b), ("min", a)])
    {
        if value == 0.0 || (!data.signed && name == "min") {
            continue;
        }
        let at = x(value);
        let tick = bar.top() - 3.0..=bar.bottom() + 3.0;
        painter.vline(at, tick.clone(), Stroke::new(3.0, look.background));
        painter.vline(at, tick, Stroke::new(1.5, look.text));
        write(format!("{name} {}", short_number(value)), at);
    }
    write(short_number(low), x(low));
    write(format!("{}{unit}", short_number(high)), x(high));
    if data.signed {
        write("0".to_string(), x(0.0));
    }
}
