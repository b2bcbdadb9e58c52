//! The line between two pictures that lie on each other: dragged, it shows more of one and less of the other.

use egui::{
    Color32, CursorIcon, EventFilter, Id, Key, Modifiers, Rect, Sense, Stroke, Ui, WidgetInfo,
    accesskit, vec2,
};

use super::look::MapLook;
use super::picture_frame::PictureFrame;

const GRIP: f32 = 12.0;
const KNOB: f32 = 9.0;
const STEP: f32 = 0.02;

/// Draws the divider at `share` of the frame's width (0 to 1) and gives where it is after this frame's drag or keys.
///
/// A double click puts it in the middle.
pub fn swipe_divider(
    ui: &mut Ui,
    look: &MapLook,
    id: Id,
    place: &PictureFrame,
    label: &str,
    share: f32,
) -> f32 {
    let shown = place.shown();
    let at = place.across(share.clamp(0.0, 1.0));
    let x = at.x.clamp(shown.left(), shown.right());
    let line = Rect::from_center_size(egui::pos2(x, shown.center().y), vec2(GRIP, shown.height()));
    let response = ui.interact(line, id, Sense::click_and_drag());
    let mut next = share;
    if response.dragged()
        && let Some(pointer) = response.interact_pointer_pos()
    {
        next = (pointer.x - place.frame.left()) / place.frame.width().max(1.0);
    }
    if response.double_clicked() {
        next = 0.5;
    }
    let focused = response.has_focus();
    if focused {
        ui.memory_mut(|memory| {
            memory.set_focus_lock_filter(
                response.id,
                EventFilter {
                    horizontal_arrows: true,
                    ..EventFilter::default()
                },
            );
        });
    }
    next += STEP
        * ui.input_mut(|input| {
            let mut steps = input
                .num_accesskit_action_requests(response.id, accesskit::Action::Increment)
                as f32
                - input.num_accesskit_action_requests(response.id, accesskit::Action::Decrement)
                    as f32;
            if focused {
                let mut count = |key| input.count_and_consume_key(Modifiers::NONE, key) as f32;
                steps += count(Key::ArrowRight) - count(Key::ArrowLeft);
            }
            steps
        });
    let next = next.clamp(0.0, 1.0);
    let active = response.hovered() || response.dragged() || response.has_focus();
    if active {
        ui.set_cursor_icon(CursorIcon::ResizeHorizontal);
    }
    let percent = f64::from((100.0 * next).round());
    response.widget_info(|| WidgetInfo::slider(response.enabled(), percent, label));
    let painter = ui.painter_at(shown.expand(2.0));
    let colour = if active {
        look.selection
    } else {
        Color32::WHITE
    };
    let halo = Color32::from_black_alpha(140);
    painter.vline(x, shown.y_range(), Stroke::new(3.5, halo));
    painter.vline(x, shown.y_range(), Stroke::new(1.5, colour));
    let knob = egui::pos2(x, shown.center().y);
    painter.circle(knob, KNOB + 1.0, halo, Stroke::NONE);
    painter.circle(knob, KNOB, look.panel, Stroke::new(1.5, colour));
    for side in [-1.0, 1.0] {
        let tip = knob + vec2(side * 5.5, 0.0);
        painter.line(
            vec![
                tip + vec2(-side * 3.0, -3.0),
                tip,
                tip + vec2(-side * 3.0, 3.0),
            ],
            Stroke::new(1.3, look.text),
        );
    }
    next
}
