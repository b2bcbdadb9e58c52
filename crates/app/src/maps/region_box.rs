//! The rectangle of a region on a picture: moved by dragging it, resized by its handles, or both with the keys.

use egui::{
    CursorIcon, EventFilter, Id, Key, Modifiers, Painter, Rect, Response, Role, Sense, Stroke,
    StrokeKind, Ui, Vec2, pos2, vec2,
};

use super::accessible::describe;
use super::look::MapLook;
use super::picture_frame::PictureFrame;
use super::region::{Region, Sides};

/// Side of a handle that is seen, and of the square that can be gripped, points.
const HANDLE: f32 = 7.0;
const GRIP: f32 = 13.0;
/// Regions smaller than this on screen have handles at their corners alone, points.
const ROOM_FOR_ALL: f32 = 44.0;
/// Pixels that an arrow key moves with Shift held.
const STRIDE: i64 = 8;

const CORNERS: [Sides; 4] = [
    Sides { x: -1, y: -1 },
    Sides { x: 1, y: -1 },
    Sides { x: -1, y: 1 },
    Sides { x: 1, y: 1 },
];
const EDGES: [Sides; 4] = [
    Sides { x: 0, y: -1 },
    Sides { x: 0, y: 1 },
    Sides { x: -1, y: 0 },
    Sides { x: 1, y: 0 },
];

/// What a person did to a region.
#[derive(Clone, Debug)]
pub struct RegionResponse {
    pub response: Response,
    /// The region after this frame's drag or keys, if it is another one.
    pub changed: Option<Region>,
    /// It, or one of its handles, was clicked.
    pub clicked: bool,
    /// It was clicked twice: as beside it, the whole picture is wanted.
    pub double_clicked: bool,
    /// The pointer is on it or it has the keyboard.
    pub active: bool,
}

/// Draws a region over its picture, under the accessible name `label`, and lets it be moved and resized; it stays inside the picture, on whole pixels.
///
/// Arrow keys move it by a pixel, with Shift by eight; with Ctrl they move its right and lower side.
pub fn region_box(
    ui: &mut Ui,
    look: &MapLook,
    id: Id,
    place: &PictureFrame,
    label: &str,
    region: Region,
) -> RegionResponse {
    let region = region.inside(place.size);
    let rect = place.rect(region);
    let grip = rect.intersect(place.frame.expand(GRIP / 2.0));
    let response = ui.interact(grip, id, Sense::click_and_drag());
    let mut next = dragged(ui, &response, place, region, |start, by| {
        start.moved(by, place.size)
    });
    if response.clicked() || response.drag_started() {
        response.request_focus();
    }
    let mut clicked = response.clicked();
    let mut active = response.hovered() || response.dragged() || response.has_focus();
    if response.hovered() || response.dragged() {
        ui.set_cursor_icon(CursorIcon::Move);
    }
    let edges = if rect.width().min(rect.height()) >= ROOM_FOR_ALL {
        &EDGES[..]
    } else {
        &[]
    };
    for &sides in edges.iter().chain(&CORNERS) {
        let at = handle_at(rect, sides);
        if !place.frame.expand(2.0).contains(at) {
            continue;
        }
        let square = Rect::from_center_size(at, Vec2::splat(GRIP));
        let handle = ui.interact(square, id.with(sides), Sense::click_and_drag());
        clicked |= handle.clicked();
        let resized = dragged(ui, &handle, place, region, |start, by| {
            start.resized(sides, by, place.size)
        });
        next = resized.or(next);
        if handle.hovered() || handle.dragged() {
            active = true;
            ui.set_cursor_icon(cursor(sides));
        }
    }
    next = with_keys(ui, &response, region, place.size).or(next);
    describe(&response, Role::Button, label, &region.words());
    draw(ui, look, place, region, active, edges);
    if response.has_focus() {
        let painter = ui.painter_at(place.frame.expand(2.0));
        painter.rect_stroke(
            rect.expand(4.0),
            2.0,
            Stroke::new(1.0, look.selection),
            StrokeKind::Outside,
        );
    }
    RegionResponse {
        changed: next.filter(|&r| r != region),
        clicked,
        double_clicked: response.double_clicked(),
        response,
        active,
    }
}

/// The outline alone, for a region that is shown and not edited.
pub fn region_outline(painter: &Painter, look: &MapLook, rect: Rect, strong: bool) {
    let (halo, width, colour) = if strong {
        (4.0, 2.0, look.region)
    } else {
        (2.5, 1.0, look.region.gamma_multiply(0.8))
    };
    let dark = egui::Color32::from_black_alpha(150);
    painter.rect_stroke(rect, 0.0, Stroke::new(halo, dark), StrokeKind::Middle);
    painter.rect_stroke(rect, 0.0, Stroke::new(width, colour), StrokeKind::Middle);
}

/// Outlines of attention windows: thin, for they follow the pointer.
pub fn window_outlines(
    painter: &Painter,
    look: &MapLook,
    place: &PictureFrame,
    windows: &[Region],
) {
    let dark = egui::Color32::from_black_alpha(120);
    for &window in windows {
        let rect = place.rect(window);
        painter.rect_stroke(rect, 0.0, Stroke::new(3.0, dark), StrokeKind::Middle);
        painter.rect_stroke(
            rect,
            0.0,
            Stroke::new(1.0, look.selection),
            StrokeKind::Middle,
        );
    }
}

/// The region that `change` makes of the one at the start of the drag, for the whole pixels moved since.
fn dragged(
    ui: &Ui,
    response: &Response,
    place: &PictureFrame,
    region: Region,
    change: impl Fn(Region, [i64; 2]) -> Region,
) -> Option<Region> {
    let key = response.id.with("start");
    if response.drag_started() {
        ui.data_mut(|d| d.insert_temp(key, region));
    }
    if !response.dragged() {
        return None;
    }
    let start = ui.data(|d| d.get_temp::<Region>(key)).unwrap_or(region);
    let by = response.total_drag_delta()? / place.pixel_side().max(1e-6);
    Some(change(start, [by.x.round() as i64, by.y.round() as i64]))
}

fn with_keys(ui: &Ui, response: &Response, region: Region, size: [usize; 2]) -> Option<Region> {
    if !response.has_focus() {
        return None;
    }
    ui.memory_mut(|memory| {
        memory.set_focus_lock_filter(
            response.id,
            EventFilter {
                horizontal_arrows: true,
                vertical_arrows: true,
                ..EventFilter::default()
            },
        );
    });
    let resize = Modifiers::COMMAND;
    let far = Modifiers::SHIFT;
    let mut next = region;
    ui.input_mut(|input| {
        // Those with more keys first: a plain arrow would answer for all of them.
        for (modifiers, resizes, step) in [
            (resize.plus(far), true, STRIDE),
            (resize, true, 1),
            (far, false, STRIDE),
            (Modifiers::NONE, false, 1),
        ] {
            for (key, x, y) in [
                (Key::ArrowLeft, -1, 0),
                (Key::ArrowRight, 1, 0),
                (Key::ArrowUp, 0, -1),
                (Key::ArrowDown, 0, 1),
            ] {
                let times = input.count_and_consume_key(modifiers, key) as i64;
                let by = [x * step * times, y * step * times];
                next = if resizes {
                    next.resized(Sides { x: 1, y: 1 }, by, size)
                } else {
                    next.moved(by, size)
                };
            }
        }
    });
    (next != region).then_some(next)
}

fn handle_at(rect: Rect, sides: Sides) -> egui::Pos2 {
    let at = |side: i8, low: f32, high: f32| match side {
        -1 => low,
        1 => high,
        _ => f32::midpoint(low, high),
    };
    pos2(
        at(sides.x, rect.left(), rect.right()),
        at(sides.y, rect.top(), rect.bottom()),
    )
}

fn cursor(sides: Sides) -> CursorIcon {
    match (sides.x, sides.y) {
        (0, _) => CursorIcon::ResizeVertical,
        (_, 0) => CursorIcon::ResizeHorizontal,
        (x, y) if x == y => CursorIcon::ResizeNwSe,
        _ => CursorIcon::ResizeNeSw,
    }
}

fn draw(
    ui: &Ui,
    look: &MapLook,
    place: &PictureFrame,
    region: Region,
    active: bool,
    edges: &[Sides],
) {
    let painter = ui.painter_at(place.frame.expand(HANDLE));
    let rect = place.rect(region);
    region_outline(&ui.painter_at(place.frame.expand(2.0)), look, rect, true);
    if !active {
        return;
    }
    for &sides in edges.iter().chain(&CORNERS) {
        let at = handle_at(rect, sides);
        if !place.frame.expand(2.0).contains(at) {
            continue;
        }
        let square = Rect::from_center_size(at, vec2(HANDLE, HANDLE));
        painter.rect(
            square,
            1.0,
            look.region,
            Stroke::new(1.0, egui::Color32::from_black_alpha(200)),
            StrokeKind::Outside,
        );
    }
}
