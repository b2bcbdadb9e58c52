//! Many small maps: rows are layers, columns heads.

use whyfinder_paint::{MapArray, MapStyle};

use crate::drawing::{Scale, Tiles};
use crate::pen::Pen;
use crate::plot_grid;
use crate::scene::{Anchor, Stroke};

/// Between tiles, of a tile's width.
pub(crate) const GAP: f32 = 0.08;
const WIDEST_TILE: f32 = 90.0;
/// More dots per inch than these are not kept of a tile.
const FINEST: f32 = 900.0;

pub(crate) fn left(pen: &Pen<'_>, tiles: &Tiles) -> f32 {
    let widest = tiles
        .rows
        .texts
        .iter()
        .map(|t| pen.width(t, pen.muted()))
        .fold(0.0, f32::max);
    if tiles.rows.name.is_empty() {
        return 0.0;
    }
    widest + 3.0 + pen.side_room(&tiles.rows.name)
}

pub(crate) fn size(tiles: &Tiles, room: f32) -> [f32; 2] {
    let [tile, pitch] = measures(tiles, room);
    let shape = tiles.map.shape();
    let side = |n: usize, i: usize| n.max(1) as f32 * pitch[i] - (pitch[i] - tile[i]);
    [side(shape.columns, 0), side(shape.rows, 1)]
}

pub(crate) fn below(pen: &Pen<'_>) -> f32 {
    pen.small() * 2.6 + 1.0
}

/// Width and height of a tile, and from one to the next.
fn measures(tiles: &Tiles, room: f32) -> [[f32; 2]; 2] {
    let shape = tiles.map.shape();
    let columns = shape.columns.max(1) as f32;
    let width = (room / (columns + (columns - 1.0) * GAP)).min(WIDEST_TILE);
    let height = width * shape.height.max(1) as f32 / shape.width.max(1) as f32;
    let gap = width * GAP;
    [[width, height], [width + gap, height + gap]]
}

pub(crate) fn draw(
    pen: &mut Pen<'_>,
    tiles: &Tiles,
    scale: &Scale,
    [x, y, width, height]: [f32; 4],
    room: f32,
) {
    let [tile, pitch] = measures(tiles, room);
    let shape = tiles.map.shape();
    for index in 0..shape.tiles() {
        let Some(map) = tiles.map.tile(index) else {
            continue;
        };
        let left = x + (index % shape.columns) as f32 * pitch[0];
        let top = y + (index / shape.columns) as f32 * pitch[1];
        pen.image(
            [left, top, tile[0], tile[1]],
            picture(&map, &scale.style, tile),
        );
    }
    if let Some([row, column]) = tiles.marked {
        let (left, top) = (x + column as f32 * pitch[0], y + row as f32 * pitch[1]);
        pen.frame(
            [left - 0.75, top - 0.75, tile[0] + 1.5, tile[1] + 1.5],
            Stroke::new(pen.theme.selection(), 1.0),
        );
    }
    let size = pen.small();
    let every = |pitch: f32, room: f32| (room / pitch).ceil().max(1.0) as usize;
    if !tiles.rows.name.is_empty() {
        let mut widest = 0f32;
        for (row, text) in tiles
            .rows
            .texts
            .iter()
            .enumerate()
            .step_by(every(pitch[1], size * 1.1))
        {
            let middle = y + row as f32 * pitch[1] + tile[1] / 2.0;
            let look = pen.muted().anchored(Anchor::End);
            widest = widest.max(pen.width(text, look));
            pen.text(x - 3.0, middle + size * 0.35, look, text);
        }
        pen.side_name(
            x - 3.0 - widest - pen.side_gap(),
            y + height / 2.0,
            &tiles.rows.name,
        );
    }
    let widest = tiles
        .columns
        .texts
        .iter()
        .map(|t| pen.width(t, pen.muted()))
        .fold(0.0, f32::max);
    let below = y + height + size * 1.1;
    for (column, text) in tiles
        .columns
        .texts
        .iter()
        .enumerate()
        .step_by(every(pitch[0], widest + 2.5))
    {
        let middle = x + column as f32 * pitch[0] + tile[0] / 2.0;
        let look = pen.muted().anchored(Anchor::Middle);
        pen.text(middle, below, look, text);
    }
    let name = format!(
        "{} (in each: {} down, {} across)",
        tiles.columns.name, tiles.inner[0], tiles.inner[1]
    );
    let look = pen.muted().anchored(Anchor::Middle);
    let name = if pen.width(&name, look) > width {
        tiles.columns.name.clone()
    } else {
        name
    };
    pen.text(x + width / 2.0, below + size * 1.25, look, &name);
}

/// One pixel per cell, unless cells are finer than any print.
fn picture(map: &MapArray, style: &MapStyle, tile: [f32; 2]) -> whyfinder_paint::Image {
    let shape = map.shape();
    let most = tile.map(|points| (points / 72.0 * FINEST).ceil().max(1.0) as usize);
    if shape.width > most[0] || shape.height > most[1] {
        return plot_grid::reduced(
            map,
            style,
            [shape.width.min(most[0]), shape.height.min(most[1])],
        );
    }
    plot_grid::picture(map, style)
}
