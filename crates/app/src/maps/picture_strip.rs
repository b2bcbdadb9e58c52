//! Small pictures in a row, each with a line below: interventions tried and what they caused; windows of attention.

use egui::{Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, pos2, vec2};
use whyfinder_paint::{ColourMap, MapArray, MapShape};

use super::accessible::describe;
use super::heatmap_view::{GridFrame, HeatmapView};
use super::look::{Cell, DataKey, MapLook};
use super::painted_map::{self, Picture};
use super::raster::Raster;
use super::raster_paint::{Treatment, paint_raster};
use super::token_text::shortened;

/// A small picture with its line.
#[derive(Clone, Copy, Debug)]
pub struct SmallPicture<'a> {
    /// The accessible name, such as `Worst intervention`.
    pub label: &'a str,
    /// What stands below, such as `24.90`.
    pub caption: &'a str,
    pub picture: &'a Raster,
}

/// A small map of weights with its line.
#[derive(Clone, Copy, Debug)]
pub struct SmallWeights<'a> {
    pub key: DataKey,
    pub label: &'a str,
    pub caption: &'a str,
    pub rows: usize,
    pub cols: usize,
    /// Row-major, 0 or more.
    pub weights: &'a [f32],
    /// The cell whose weights they are, if it is among them.
    pub mark: Option<Cell>,
}

const GAP: f32 = 8.0;
const CAPTION: f32 = 18.0;
/// Sides of small pictures, points.
const LARGEST: f32 = 104.0;
const SMALLEST: f32 = 30.0;

/// Squares for `count` pictures over the width left, in as many rows as they need; `name` tells strips apart.
fn squares(ui: &mut Ui, name: &str, count: usize, at_least: usize) -> Vec<(Rect, Response)> {
    let width = ui.available_width();
    let columns = count.max(at_least).max(1);
    let side = |columns: usize| {
        ((width - GAP * (columns - 1) as f32) / columns as f32)
            .floor()
            .min(LARGEST)
    };
    let mut columns = columns;
    while columns > 1 && side(columns) < SMALLEST {
        columns -= 1;
    }
    let side = side(columns);
    let rows = count.div_ceil(columns);
    let height = rows as f32 * (side + CAPTION + 4.0);
    let (rect, _) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    (0..count)
        .map(|i| {
            let (row, column) = (i / columns, i % columns);
            let min = rect.min
                + vec2(
                    column as f32 * (side + GAP),
                    row as f32 * (side + CAPTION + 4.0),
                );
            let square = Rect::from_min_size(min, vec2(side, side));
            let id = ui.scope_id().with(("small", name, i));
            (square, ui.interact(square, id, Sense::click()))
        })
        .collect()
}

fn caption(ui: &Ui, look: &MapLook, square: Rect, words: &str) {
    let painter = ui.painter();
    let galley = shortened(
        painter,
        words,
        &look.small_font,
        look.muted,
        square.width() + GAP,
    );
    painter.galley(
        pos2(square.left(), square.bottom() + 3.0),
        galley,
        look.muted,
    );
}

fn frame(ui: &Ui, look: &MapLook, square: Rect, response: &Response, selected: bool) {
    let stroke = if selected || response.has_focus() {
        Stroke::new(2.0, look.selection)
    } else if response.hovered() {
        Stroke::new(1.0, look.text)
    } else {
        Stroke::new(1.0, look.line)
    };
    ui.painter()
        .rect_stroke(square, 2.0, stroke, StrokeKind::Outside);
}

/// Draws the pictures in a row over the width left, as if there were at least `at_least` of them; gives the one clicked.
pub fn picture_strip(
    ui: &mut Ui,
    look: &MapLook,
    pictures: &[SmallPicture<'_>],
    at_least: usize,
    selected: Option<usize>,
) -> Option<usize> {
    let mut picked = None;
    let name = pictures.first().map_or("", |p| p.label);
    let places = squares(ui, name, pictures.len(), at_least);
    for (i, (small, (square, response))) in pictures.iter().zip(places).enumerate() {
        describe(&response, Role::Button, small.label, small.caption);
        let size = vec2(small.picture.width() as f32, small.picture.height() as f32);
        let scale = (square.size() / size).max_elem();
        let whole = Rect::from_center_size(square.center(), size * scale);
        let painter = ui.painter_at(square);
        paint_raster(ui, &painter, whole, small.picture, Treatment::Plain);
        frame(ui, look, square, &response, selected == Some(i));
        caption(ui, look, square, small.caption);
        if response.clicked() {
            picked = Some(i);
        }
    }
    picked
}

/// Draws maps of weights in a row over the width left; all share one range, from none to the largest weight.
pub fn weights_strip(
    ui: &mut Ui,
    look: &MapLook,
    maps: &[SmallWeights<'_>],
    at_least: usize,
) -> Option<usize> {
    let most = maps
        .iter()
        .flat_map(|m| m.weights.iter().copied())
        .filter(|v| v.is_finite())
        .fold(0.0f32, f32::max);
    let style = look.sequential(ColourMap::Magma, 0.0, most.max(f32::MIN_POSITIVE));
    let mut picked = None;
    let name = maps.first().map_or("", |m| m.label);
    let places = squares(ui, name, maps.len(), at_least);
    for (i, (small, (square, response))) in maps.iter().zip(places).enumerate() {
        describe(&response, Role::Button, small.label, small.caption);
        let shape = MapShape::single(small.rows, small.cols);
        if shape.cells() == small.weights.len() {
            let grid = GridFrame {
                frame: square,
                rows: small.rows,
                cols: small.cols,
                view: HeatmapView::default(),
            };
            let weights = small.weights;
            let picture = Picture {
                key: DataKey {
                    id: small.key.id.with(("weights", i)),
                    version: small.key.version,
                },
                shape,
                style,
                tile_gap: None,
                build: &|| MapArray::new(shape, weights.to_vec()).ok(),
            };
            painted_map::paint(ui, look, &grid, &picture);
            if let Some(cell) = small.mark {
                let stroke = Stroke::new(1.0, look.selection);
                let around = grid.rect(cell).expand(0.5);
                ui.painter_at(square)
                    .rect_stroke(around, 0.0, stroke, StrokeKind::Outside);
            }
        }
        frame(ui, look, square, &response, false);
        caption(ui, look, square, small.caption);
        if response.clicked() {
            picked = Some(i);
        }
    }
    picked
}
