//! The colour bar as a control: drag its ends, double-click to reset.

use egui::{
    EventFilter, Key, Modifiers, Painter, Pos2, Rect, Response, Role, Sense, Shape, Stroke,
    StrokeKind, Ui, WidgetInfo, accesskit, pos2, vec2,
};
use whyfinder_paint::{ColourMap, MapStyle, gradient_strip};

use super::accessible::describe;
use super::cell_ink::colour32;
use super::look::MapLook;
use super::token_text::{read_number, short_number, whole};

/// The range of values that a colour map spans.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ColourRange {
    /// Set by the person; `None` follows the data.
    pub custom: Option<[f32; 2]>,
}

impl ColourRange {
    /// Low and high end: the person's, or else `default`.
    pub fn ends(&self, default: [f32; 2]) -> [f32; 2] {
        self.custom.unwrap_or(default)
    }
}

/// A reference value marked on the bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark<'a> {
    pub value: f32,
    pub name: &'a str,
}

/// What a colour bar shows.
#[derive(Clone, Copy, Debug)]
pub struct ColourBar<'a> {
    /// What the colours stand for, such as `probability of ␣Brelle`; the bar's accessible name.
    pub label: &'a str,
    /// Empty for a pure number.
    pub unit: &'a str,
    /// Which way is which, such as `light = restores the answer`; empty writes nothing.
    pub polarity: &'a str,
    pub map: ColourMap,
    /// The range when nothing has been dragged.
    pub default: [f32; 2],
    /// How far the ends can be dragged.
    pub limits: [f32; 2],
    /// Reference values, such as corrupted and clean.
    pub marks: &'a [Mark<'a>],
}

/// What a person did on a colour bar.
#[derive(Clone, Debug)]
pub struct ColourBarResponse {
    /// The whole bar.
    pub response: Response,
    /// Whether the range was changed in this frame.
    pub changed: bool,
}

pub(crate) const BAR: f32 = 8.0;
pub(crate) const GRIP: f32 = 10.0;

/// Height that a colour bar takes, in points.
pub const HEIGHT: f32 = 30.0;

/// Draws the bar over the width left and lets its ends be dragged, moved with the arrow keys, or reset with a double
/// click.
///
/// The bar spans `limits`; the colours run between its two ends, and beyond them stay at the last colour, as on the
/// map. A mark at an end names that end.
pub fn colour_bar(
    ui: &mut Ui,
    look: &MapLook,
    data: &ColourBar<'_>,
    range: &mut ColourRange,
) -> ColourBarResponse {
    let size = vec2(ui.available_width(), HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let bar = Rect::from_min_size(rect.min + vec2(0.0, 4.0), vec2(rect.width(), BAR));
    let [least, most] = ordered(data.limits);
    let before = *range;
    let x = |value: f32| {
        let part = ((value - least) / (most - least)).clamp(0.0, 1.0);
        bar.left() + part * bar.width()
    };
    let to_value = |at: f32| least + (at - bar.left()) / bar.width().max(1.0) * (most - least);

    let mut ends = ordered(range.ends(data.default));
    let smallest = (most - least) * 0.01;
    let mut active = [false; 2];
    for end in 0..2 {
        let name = format!("{}, {} end", data.label, ["low", "high"][end]);
        let at = pos2(x(ends[end]), bar.center().y);
        let grip = Rect::from_center_size(at, vec2(GRIP, BAR + 8.0));
        let id = response.id.with(("end", end));
        let handle = ui.interact(grip, id, Sense::click_and_drag());
        let bounds = if end == 0 {
            [least, ends[1] - smallest]
        } else {
            [ends[0] + smallest, most]
        };
        let mut value = ends[end];
        if let Some(at) = handle.interact_pointer_pos().filter(|_| handle.dragged()) {
            value = to_value(at.x);
        }
        value += keyboard_steps(ui, &handle) * smallest;
        if value != ends[end] {
            ends[end] = value.min(bounds[1]).max(bounds[0]);
            range.custom = Some(ends);
        }
        if handle.double_clicked() {
            range.custom = None;
            ends = ordered(data.default);
        }
        active[end] = handle.hovered() || handle.dragged() || handle.has_focus();
        if active[end] {
            ui.set_cursor_icon(egui::CursorIcon::ResizeHorizontal);
        }
        let shown = f64::from(ends[end]);
        handle.widget_info(|| WidgetInfo::slider(handle.enabled(), shown, &name));
    }
    if response.double_clicked() {
        range.custom = None;
        ends = ordered(data.default);
    }

    let unit = spaced(data.unit);
    let spoken = format!("{} to {}{unit}", read_number(ends[0]), read_number(ends[1]));
    let label = format!("Colour range of {}", data.label);
    describe(&response, Role::Image, &label, &spoken);
    if ui.is_rect_visible(rect) {
        let painter = ui.painter();
        gradient(painter, look, data, bar, ends, &x);
        for (end, &value) in ends.iter().enumerate() {
            grip(
                painter,
                look,
                pos2(x(value), bar.center().y),
                end,
                active[end],
            );
        }
        marks_and_ends(painter, look, data, rect, bar, ends, &x);
    }
    ColourBarResponse {
        response,
        changed: *range != before,
    }
}

pub(crate) fn keyboard_steps(ui: &Ui, handle: &Response) -> f32 {
    if !handle.has_focus() {
        return 0.0;
    }
    ui.memory_mut(|memory| {
        memory.set_focus_lock_filter(
            handle.id,
            EventFilter {
                horizontal_arrows: true,
                ..EventFilter::default()
            },
        );
    });
    ui.input_mut(|input| {
        let mut count = |key| input.count_and_consume_key(Modifiers::NONE, key) as f32;
        let steps = count(Key::ArrowRight) - count(Key::ArrowLeft);
        steps + input.num_accesskit_action_requests(handle.id, accesskit::Action::Increment) as f32
            - input.num_accesskit_action_requests(handle.id, accesskit::Action::Decrement) as f32
    })
}

fn ordered([a, b]: [f32; 2]) -> [f32; 2] {
    let a = if a.is_finite() { a } else { 0.0 };
    let b = if b.is_finite() { b } else { a + 1.0 };
    let (low, high) = (a.min(b), a.max(b));
    if high > low {
        [low, high]
    } else {
        [low, low + low.abs().max(1.0) * 1e-3]
    }
}

fn spaced(unit: &str) -> String {
    if unit.is_empty() {
        String::new()
    } else {
        format!(" {unit}")
    }
}

fn gradient(
    painter: &Painter,
    look: &MapLook,
    data: &ColourBar<'_>,
    bar: Rect,
    [low, high]: [f32; 2],
    x: &impl Fn(f32) -> f32,
) {
    let style = look.sequential(data.map, low, high);
    strip(painter, look, &style, bar, [x(low), x(high)]);
}

/// The style's colours between two places of a bar, and its last ones beyond them.
pub(crate) fn strip(
    painter: &Painter,
    look: &MapLook,
    style: &MapStyle,
    bar: Rect,
    [from, to]: [f32; 2],
) {
    let steps = 128;
    let colours = gradient_strip(style, steps);
    let (Some(&first), Some(&last)) = (colours.first(), colours.last()) else {
        return;
    };
    let mut mesh = egui::Mesh::default();
    let fill = |mesh: &mut egui::Mesh, left: f32, right: f32, colour| {
        if right > left {
            let part = Rect::from_x_y_ranges(left..=right, bar.y_range());
            mesh.add_colored_rect(part, colour32(colour));
        }
    };
    fill(&mut mesh, bar.left(), from, first);
    for (i, &colour) in colours.iter().enumerate() {
        let at = |i: usize| from + (to - from) * i as f32 / steps as f32;
        fill(&mut mesh, at(i), at(i + 1), colour);
    }
    fill(&mut mesh, to, bar.right(), last);
    painter.add(mesh);
    painter.rect_stroke(bar, 0.0, Stroke::new(1.0, look.line), StrokeKind::Outside);
}

pub(crate) fn grip(painter: &Painter, look: &MapLook, at: Pos2, end: usize, active: bool) {
    let colour = if active { look.selection } else { look.muted };
    let side = if end == 0 { -1.0 } else { 1.0 };
    let height = BAR / 2.0 + if active { 4.0 } else { 3.0 };
    painter.vline(
        at.x,
        at.y - height..=at.y + height,
        Stroke::new(if active { 2.0 } else { 1.5 }, colour),
    );
    let tip = pos2(at.x, at.y - height);
    painter.add(Shape::convex_polygon(
        vec![tip, tip + vec2(4.0 * side, 0.0), tip + vec2(0.0, 4.0)],
        colour,
        Stroke::NONE,
    ));
}

/// Ticks of the reference values, and below the bar the values of its ends; a mark at an end lends it its name.
fn marks_and_ends(
    painter: &Painter,
    look: &MapLook,
    data: &ColourBar<'_>,
    rect: Rect,
    bar: Rect,
    ends: [f32; 2],
    x: &impl Fn(f32) -> f32,
) {
    let near = |a: f32, b: f32| (x(a) - x(b)).abs() < 1.0;
    for mark in data.marks.iter().filter(|m| m.value.is_finite()) {
        let stroke = Stroke::new(1.0, look.muted);
        painter.vline(x(mark.value), bar.bottom()..=bar.bottom() + 3.0, stroke);
    }
    let words = |end: usize, named: bool| {
        let value = ends[end];
        let name = data
            .marks
            .iter()
            .find(|m| named && near(m.value, value))
            .map_or(String::new(), |m| format!("{} ", m.name));
        let unit = if end == 1 {
            spaced(data.unit)
        } else {
            String::new()
        };
        format!("{name}{}{unit}", short_number(value))
    };
    let lay = |named: bool| {
        [0, 1].map(|end| whole(painter, &words(end, named), &look.small_font, look.muted))
    };
    let mut galleys = lay(true);
    if galleys[0].size().x + galleys[1].size().x + 8.0 > rect.width() {
        galleys = lay(false);
    }
    let widths = [galleys[0].size().x, galleys[1].size().x];
    let y = bar.bottom() + 4.0;
    let right = (x(ends[1]) - widths[1] / 2.0)
        .min(rect.right() - widths[1])
        .max(rect.left() + widths[0] + 8.0);
    let left = (x(ends[0]) - widths[0] / 2.0)
        .min(right - 8.0 - widths[0])
        .max(rect.left());
    let mut free = vec![
        (rect.left(), left - 8.0),
        (left + widths[0] + 8.0, right - 8.0),
        (right + widths[1] + 8.0, rect.right()),
    ];
    let [low, high] = galleys;
    painter.galley(pos2(left, y), low, look.muted);
    painter.galley(pos2(right, y), high, look.muted);
    let mut write = |words: &str, centre: f32| {
        let galley = whole(painter, words, &look.small_font, look.muted);
        let width = galley.size().x;
        let near = |&(a, b): &(f32, f32)| b - a >= width && (a..=b).contains(&centre);
        if let Some(i) = free.iter().position(near) {
            let (a, b) = free[i];
            let at = (centre - width / 2.0).min(b - width).max(a);
            painter.galley(pos2(at, y), galley, look.muted);
            free[i] = (a, at - 8.0);
            free.push((at + width + 8.0, b));
        }
    };
    for mark in data.marks.iter().filter(|m| m.value.is_finite()) {
        if !ends.iter().any(|&end| near(mark.value, end)) {
            let words = format!("{} {}", mark.name, short_number(mark.value));
            write(&words, x(mark.value));
        }
    }
    if !data.polarity.is_empty() {
        write(data.polarity, (left + widths[0] + right) / 2.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_never_empty_or_reversed() {
        assert_eq!(ordered([1.0, 0.0]), [0.0, 1.0]);
        assert_eq!(ordered([f32::NAN, f32::NAN]), [0.0, 1.0]);
        let [low, high] = ordered([3.0, 3.0]);
        assert!(high > low);
    }

    #[test]
    fn a_dragged_range_stands_until_it_is_reset() {
        let mut range = ColourRange::default();
        assert_eq!(range.ends([0.0, 2.0]), [0.0, 2.0]);
        range.custom = Some([0.5, 1.0]);
        assert_eq!(range.ends([0.0, 2.0]), [0.5, 1.0]);
    }
}
