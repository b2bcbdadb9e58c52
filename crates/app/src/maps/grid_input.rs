//! Pointer and keys on a map: hover, pick, zoom, pan, walk.

use egui::{EventFilter, Key, Modifiers, PointerButton, Response, Ui, Vec2};

use super::heatmap_view::{GridFrame, HeatmapView, Walk, walk};
use super::look::Cell;

/// What the person did on a map in this frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct GridInput {
    pub(crate) hovered: Option<Cell>,
    /// Clicked, or reached with the keys.
    pub(crate) picked: Option<Cell>,
}

/// Zooming per point of wheel movement: one notch of 50 points zooms by about a third.
const ZOOM_PER_POINT: f32 = 1.0 / 180.0;

/// Reads pointer and keys over `response`, whose rectangle may be larger than the grid's frame, and moves `view`.
pub(crate) fn read(
    ui: &Ui,
    response: &Response,
    grid: &GridFrame,
    view: &mut HeatmapView,
    selected: Option<Cell>,
) -> GridInput {
    read_up_to(ui, response, grid, view, selected, grid.largest_zoom())
}

/// As [`read`], for a grid that can be zoomed to `largest`.
pub(crate) fn read_up_to(
    ui: &Ui,
    response: &Response,
    grid: &GridFrame,
    view: &mut HeatmapView,
    selected: Option<Cell>,
    largest: f32,
) -> GridInput {
    let mut input = GridInput {
        hovered: response.hover_pos().and_then(|at| grid.cell_at(at)),
        picked: None,
    };
    zoom_with_wheel(ui, response, grid, view, largest);
    if response.dragged_by(PointerButton::Primary) || response.dragged_by(PointerButton::Middle) {
        view.pan(grid.frame, response.drag_delta());
        if view.zoom > 1.0 {
            ui.set_cursor_icon(egui::CursorIcon::Grabbing);
        }
    } else if input.hovered.is_some() {
        ui.set_cursor_icon(egui::CursorIcon::PointingHand);
    }
    if response.double_clicked() {
        view.fit();
    } else if response.clicked() {
        response.request_focus();
        input.picked = if ui.input(|i| i.pointer.any_click()) {
            response
                .interact_pointer_pos()
                .and_then(|at| grid.cell_at(at))
        } else {
            // A click without a pointer comes from a key or a screen reader.
            selected.or_else(|| walk(None, Walk::First, grid.rows, grid.cols))
        };
    }
    if response.has_focus() {
        zoom_with_keys(ui, grid, view, selected, largest);
        if let Some(cell) = walked(ui, response, selected, grid.rows, grid.cols) {
            let now = GridFrame {
                view: *view,
                ..*grid
            };
            view.reveal(&now, cell);
            input.picked = Some(cell);
        }
    }
    input
}

/// Where the pointer is over a map, whatever of the map's own lies on top of it there.
pub(crate) fn pointer_over(ui: &Ui, response: &Response) -> Option<egui::Pos2> {
    let at = ui.input(|i| i.pointer.hover_pos());
    at.filter(|_| response.contains_pointer())
}

pub(crate) fn zoom_with_wheel(
    ui: &Ui,
    response: &Response,
    grid: &GridFrame,
    view: &mut HeatmapView,
    largest: f32,
) {
    let Some(at) = pointer_over(ui, response).filter(|&at| grid.frame.contains(at)) else {
        return;
    };
    let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta().y, i.zoom_delta()));
    let factor = pinch * (scroll * ZOOM_PER_POINT).exp();
    let before = *view;
    view.zoom_at(grid.frame, at, factor, largest);
    // What zooms the map must not scroll the panel around it as well.
    if *view != before {
        ui.input_mut(|i| i.smooth_scroll_delta = Vec2::ZERO);
    }
}

/// Where the arrow keys, Home and End lead from `selected` on a map that has the keyboard.
pub(crate) fn walked(
    ui: &Ui,
    response: &Response,
    selected: Option<Cell>,
    rows: usize,
    cols: usize,
) -> Option<Cell> {
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
    let mut cell = selected;
    let mut moved = false;
    ui.input_mut(|input| {
        for (modifiers, key, step) in [
            (Modifiers::NONE, Key::ArrowLeft, Walk::Left),
            (Modifiers::NONE, Key::ArrowRight, Walk::Right),
            (Modifiers::NONE, Key::ArrowUp, Walk::Up),
            (Modifiers::NONE, Key::ArrowDown, Walk::Down),
            (Modifiers::COMMAND, Key::Home, Walk::First),
            (Modifiers::COMMAND, Key::End, Walk::Last),
            (Modifiers::NONE, Key::Home, Walk::RowStart),
            (Modifiers::NONE, Key::End, Walk::RowEnd),
        ] {
            for _ in 0..input.count_and_consume_key(modifiers, key) {
                cell = walk(cell, step, rows, cols);
                moved = true;
            }
        }
    });
    cell.filter(|_| moved)
}

pub(crate) fn zoom_with_keys(
    ui: &Ui,
    grid: &GridFrame,
    view: &mut HeatmapView,
    selected: Option<Cell>,
    largest: f32,
) {
    let centre = selected
        .map(|cell| grid.rect(cell).center())
        .filter(|at| grid.frame.contains(*at))
        .unwrap_or(grid.frame.center());
    ui.input_mut(|input| {
        for (key, factor) in [(Key::Plus, 1.25), (Key::Equals, 1.25), (Key::Minus, 0.8)] {
            if input.consume_key(Modifiers::NONE, key) {
                view.zoom_at(grid.frame, centre, factor, largest);
            }
        }
        if input.consume_key(Modifiers::NONE, Key::F) {
            view.fit();
        }
    });
}
