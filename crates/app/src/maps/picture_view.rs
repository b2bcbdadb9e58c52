//! A picture with a region on it: zoomed and panned like every map, swiped against another, flipped to the difference.

use egui::{
    Align2, Color32, CursorIcon, Key, PointerButton, Rect, Response, Role, Sense, Ui, pos2, vec2,
};

use super::accessible::describe;
use super::cell_ink;
use super::grid_input::{pointer_over, zoom_with_keys, zoom_with_wheel};
use super::heatmap_view::HeatmapView;
use super::look::MapLook;
use super::picture_frame::PictureFrame;
use super::raster::Raster;
use super::raster_paint::{GAIN, Treatment, paint_raster};
use super::readout::{self, Readout};
use super::region::Region;
use super::region_box::{region_box, region_outline, window_outlines};
use super::swipe::swipe_divider;
use super::token_text::whole;

/// A picture with the word that it goes by, such as `output`.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    pub name: &'a str,
    pub picture: &'a Raster,
}

/// What a picture view shows.
#[derive(Clone, Copy, Debug)]
pub struct PictureView<'a> {
    /// The accessible name, such as `Output of sr-window`.
    pub label: &'a str,
    /// Width and height in the pixels that regions are given in; pictures of other sizes are stretched to it.
    pub size: [usize; 2],
    /// Side of the blocks of the maps beside it, so that all lie alike.
    pub block: usize,
    /// The picture itself, right of the divider.
    pub shown: Named<'a>,
    /// Left of the divider; `None` draws no divider.
    pub swiped: Option<Named<'a>>,
    /// Shown while T is held, and compared with while D is held.
    pub truth: Option<Named<'a>>,
    /// The region that is asked about, to be moved and resized.
    pub region: Option<Region>,
    /// Other regions of the list: outlines alone.
    pub others: &'a [Region],
    /// Attention windows that are looked into: outlines alone.
    pub windows: &'a [Region],
    /// Dragging beside the region draws a new one, unless the picture is zoomed in.
    pub draws_regions: bool,
}

/// What the person chose for a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PictureState {
    /// Where the divider is, as a share of the frame's width.
    pub swipe: f32,
}

impl Default for PictureState {
    fn default() -> Self {
        Self { swipe: 0.33 }
    }
}

/// What a person did on a picture.
#[derive(Clone, Debug)]
pub struct PictureResponse {
    pub response: Response,
    pub place: PictureFrame,
    /// The pixel under the pointer.
    pub hovered: Option<[usize; 2]>,
    /// The pixel that was clicked in this frame.
    pub clicked: Option<[usize; 2]>,
    /// The region after this frame's drag or keys, if it changed.
    pub region: Option<Region>,
}

/// What is held to be seen in place of the picture.
#[derive(Clone, Copy, PartialEq)]
enum Held {
    Nothing,
    Difference,
    Truth,
}

/// Draws the picture over the room left; its last line reads out the pixel pointed at.
///
/// `view` is zoom and pan, shared by all views that are linked. The wheel zooms at the pointer, a drag pans (the
/// middle button always does), a double click fits.
pub fn picture_view(
    ui: &mut Ui,
    look: &MapLook,
    view: &mut HeatmapView,
    state: &mut PictureState,
    data: &PictureView<'_>,
) -> PictureResponse {
    let size = ui.available_size().max(vec2(60.0, 24.0));
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let (space, line) = readout::split(rect);
    let place = PictureFrame::fitted(space, data.size, data.block, *view, ui.pixels_per_point());
    let id = ui.scope_id().with(("picture", data.label));
    let response = ui.interact(place.frame, id, Sense::click_and_drag());
    let drawn = input(ui, &response, view, &place, data);
    let place = PictureFrame {
        view: *view,
        ..place
    };
    let hovered = pointer_over(ui, &response).and_then(|at| place.pixel_at(at));

    let held = held(ui, data);
    pictures(ui, &place, data, state, held);
    for &other in data.others {
        let painter = ui.painter_at(place.frame.expand(2.0));
        region_outline(&painter, look, place.rect(other), false);
    }
    window_outlines(
        &ui.painter_at(place.frame.expand(2.0)),
        look,
        &place,
        data.windows,
    );
    let (mut region, mut clicked) = (None, response.clicked());
    if let Some(asked) = data.region {
        let label = "Region of the output";
        let on_it = region_box(ui, look, id.with("region"), &place, label, asked);
        region = on_it.changed;
        clicked |= on_it.clicked;
        if on_it.double_clicked {
            view.fit();
        }
    }
    if let Some(other) = data.swiped
        && held == Held::Nothing
    {
        let label = format!("Swipe between {} and {}", other.name, data.shown.name);
        state.swipe = swipe_divider(ui, look, id.with("swipe"), &place, &label, state.swipe);
    }
    names(ui, look, &place, data, state, held);
    if response.has_focus() {
        cell_ink::focus(ui.painter(), look, place.frame);
    }
    let read = hovered.map(|at| readout_of(data, at));
    let value = read
        .as_ref()
        .map_or_else(|| "no pixel pointed at".to_string(), Readout::spoken);
    describe(&response, Role::Image, data.label, &value);
    let painter = ui.painter_at(rect);
    readout::draw(&painter, look, line, read.as_ref(), &hint(data, view));
    PictureResponse {
        response,
        place,
        clicked: hovered.filter(|_| clicked),
        hovered,
        region: region.or(drawn),
    }
}

/// Zoom, pan, and the rectangle that a drag beside the region draws.
fn input(
    ui: &Ui,
    response: &Response,
    view: &mut HeatmapView,
    place: &PictureFrame,
    data: &PictureView<'_>,
) -> Option<Region> {
    let grid = place.pixels();
    let largest = place.largest_zoom();
    zoom_with_wheel(ui, response, &grid, view, largest);
    let shift = ui.input(|i| i.modifiers.shift);
    let primary = response.dragged_by(PointerButton::Primary);
    let draws = data.draws_regions && (shift || view.is_fitted());
    let mut drawn = None;
    if response.dragged_by(PointerButton::Middle) || (primary && !draws) {
        view.pan(place.frame, response.drag_delta());
        ui.set_cursor_icon(CursorIcon::Grabbing);
    } else if primary
        && let Some((from, to)) = ui.input(|i| i.pointer.press_origin().zip(i.pointer.latest_pos()))
    {
        let ends = [from, to].map(|at| place.nearest_pixel(at));
        drawn = Some(Region::between(ends[0], ends[1], place.size));
        ui.set_cursor_icon(CursorIcon::Crosshair);
    } else if response.hovered() && draws {
        ui.set_cursor_icon(CursorIcon::Crosshair);
    }
    if response.double_clicked() {
        view.fit();
    } else if response.clicked() {
        response.request_focus();
    }
    if response.has_focus() {
        zoom_with_keys(ui, &grid, view, None, largest);
    }
    drawn
}

fn held(ui: &Ui, data: &PictureView<'_>) -> Held {
    if data.truth.is_none() || ui.ctx().text_edit_focused() {
        return Held::Nothing;
    }
    ui.input(|i| {
        let free = i.modifiers.is_none();
        if free && i.key_down(Key::D) {
            Held::Difference
        } else if free && i.key_down(Key::T) {
            Held::Truth
        } else {
            Held::Nothing
        }
    })
}

fn pictures(
    ui: &Ui,
    place: &PictureFrame,
    data: &PictureView<'_>,
    state: &PictureState,
    held: Held,
) {
    let painter = ui.painter_at(place.frame);
    let content = place.content();
    match (held, data.truth, data.swiped) {
        (Held::Truth, Some(truth), _) => {
            paint_raster(ui, &painter, content, truth.picture, Treatment::Plain);
        }
        (Held::Difference, Some(truth), _) => {
            let treatment = Treatment::Difference(truth.picture);
            paint_raster(ui, &painter, content, data.shown.picture, treatment);
        }
        (_, _, Some(other)) => {
            let x = place.across(state.swipe).x;
            let left = Rect::from_min_max(place.frame.min, pos2(x, place.frame.max.y));
            let right = Rect::from_min_max(pos2(x, place.frame.min.y), place.frame.max);
            for (part, picture) in [(left, other.picture), (right, data.shown.picture)] {
                if part.is_positive() {
                    let painter = ui.painter_at(part);
                    paint_raster(ui, &painter, content, picture, Treatment::Plain);
                }
            }
        }
        _ => paint_raster(ui, &painter, content, data.shown.picture, Treatment::Plain),
    }
}

/// What is what, in the lower corners, where there is more than one picture to see.
fn names(
    ui: &Ui,
    look: &MapLook,
    place: &PictureFrame,
    data: &PictureView<'_>,
    state: &PictureState,
    held: Held,
) {
    let shown = place.shown();
    let name = |words: &str, corner: Align2, room: Rect| {
        let painter = ui.painter_at(place.frame);
        let galley = whole(&painter, words, &look.small_font, Color32::WHITE);
        let chip = galley.size() + vec2(10.0, 4.0);
        if chip.x + 8.0 > room.width() {
            return;
        }
        let chip = corner.align_size_within_rect(chip, room.shrink(6.0));
        painter.rect_filled(chip, 3.0, Color32::from_black_alpha(170));
        painter.galley(chip.min + vec2(5.0, 2.0), galley, Color32::WHITE);
    };
    match (held, data.swiped) {
        (Held::Difference, _) => {
            let truth = data.truth.map_or("", |t| t.name);
            let words = format!("|{} − {truth}| × {GAIN}", data.shown.name);
            name(&words, Align2::RIGHT_BOTTOM, shown);
        }
        (Held::Truth, _) => {
            let truth = data.truth.map_or("", |t| t.name);
            name(truth, Align2::RIGHT_BOTTOM, shown);
        }
        (Held::Nothing, Some(other)) => {
            let x = place.across(state.swipe).x;
            let (left, right) = shown.split_left_right_at_x(x.clamp(shown.left(), shown.right()));
            name(other.name, Align2::LEFT_BOTTOM, left);
            name(data.shown.name, Align2::RIGHT_BOTTOM, right);
        }
        (Held::Nothing, None) => {}
    }
}

fn hint(data: &PictureView<'_>, view: &HeatmapView) -> String {
    let mut parts = Vec::new();
    if data.truth.is_some() {
        parts.push("hold D: difference, T: truth");
    }
    if data.draws_regions && view.is_fitted() {
        parts.push("drag elsewhere: new region");
    } else {
        parts.push("double-click fits");
    }
    let words = parts.join(" · ");
    let mut letters = words.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// Colours of all pictures at one pixel.
fn readout_of(data: &PictureView<'_>, at: [usize; 2]) -> Readout {
    let of = |named: Named<'_>| {
        let scaled = |at: usize, from: usize, to: usize| at * to / from.max(1);
        let x = scaled(at[0], data.size[0], named.picture.width());
        let y = scaled(at[1], data.size[1], named.picture.height());
        let [r, g, b] = named.picture.at(x, y).unwrap_or_default();
        format!("{} {r} {g} {b}", named.name)
    };
    let rest: Vec<String> = [data.swiped, data.truth]
        .into_iter()
        .flatten()
        .map(of)
        .collect();
    Readout {
        place: format!("{}, {}", at[0], at[1]),
        value: of(data.shown),
        note: rest.join(" · "),
    }
}

/// A small copy of a picture in `place`, its middle where the shapes differ, as in lists.
pub fn picture_thumbnail(ui: &Ui, place: Rect, picture: &Raster) {
    let side = vec2(picture.width() as f32, picture.height() as f32);
    let scale = (place.size() / side).max_elem();
    let whole = Rect::from_center_size(place.center(), side * scale);
    let painter = ui.painter_at(place);
    paint_raster(ui, &painter, whole, picture, Treatment::Plain);
}
