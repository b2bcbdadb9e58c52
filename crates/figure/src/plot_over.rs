//! A map over a picture, with the region that is asked about.

use whyfinder_paint::{Colour, MapArray, MapShape};

use crate::drawing::{Over, Scale};
use crate::pen::{HAIRLINE, Pen};
use crate::plot_grid::{self, Join};
use crate::scene::Stroke;

/// Regions are green wherever they are drawn.
pub(crate) const REGION: Colour = [0x1f, 0xa8, 0x45, 255];
const REACH: Colour = [0x20, 0x24, 0x2a, 255];
const TALLEST: f32 = 1.6;

pub(crate) fn size(over: &Over, room: f32) -> [f32; 2] {
    let ratio = over.picture.height.max(1) as f32 / over.picture.width.max(1) as f32;
    let width = if ratio > TALLEST {
        room * TALLEST / ratio
    } else {
        room
    };
    [width, width * ratio]
}

pub(crate) fn draw(pen: &mut Pen<'_>, over: &Over, scale: Option<&Scale>, frame: [f32; 4]) {
    let [x, y, width, height] = frame;
    let pixel = [
        width / over.picture.width.max(1) as f32,
        height / over.picture.height.max(1) as f32,
    ];
    pen.image(frame, over.picture.clone());
    if let (Some(grid), Some(scale)) = (&over.cells, scale) {
        let style = whyfinder_paint::MapStyle {
            over_picture: true,
            ..scale.style
        };
        let at = [x + over.origin[1] * pixel[0], y + over.origin[0] * pixel[1]];
        let cell = [over.cell[1] * pixel[0], over.cell[0] * pixel[1]];
        whole_cells(pen, &grid.map, &style, at, cell, frame);
        if let Some(reach) = &over.reach {
            contour(pen, reach, grid.map.shape(), at, cell, frame);
        }
    }
    if let Some([left, top, wide, tall]) = over.region {
        let region = [
            x + left * pixel[0],
            y + top * pixel[1],
            wide * pixel[0],
            tall * pixel[1],
        ];
        pen.frame(region, Stroke::new([255, 255, 255, 200], 1.8));
        pen.frame(region, Stroke::new(REGION, 1.0));
    }
    pen.frame(frame, Stroke::new(pen.theme.line(), HAIRLINE));
}

/// Cells that lie in the picture as a whole; those at its edge are cut to it.
fn whole_cells(
    pen: &mut Pen<'_>,
    map: &MapArray,
    style: &whyfinder_paint::MapStyle,
    at: [f32; 2],
    cell: [f32; 2],
    frame: [f32; 4],
) {
    let first = pen.shapes.len();
    let end = [
        at[0] + map.shape().width as f32 * cell[0],
        at[1] + map.shape().height as f32 * cell[1],
    ];
    let inside = end[0] <= frame[0] + frame[2] + 0.01 && end[1] <= frame[1] + frame[3] + 0.01;
    let join = if inside {
        Join::Picture
    } else {
        Join::Touching
    };
    plot_grid::cells(pen, map, style, at, cell, join);
    let [right, bottom] = [frame[0] + frame[2], frame[1] + frame[3]];
    for shape in &mut pen.shapes[first..] {
        if let crate::scene::Shape::Rect {
            x,
            y,
            width,
            height,
            ..
        } = shape
        {
            *width = width.min(right - *x).max(0.0);
            *height = height.min(bottom - *y).max(0.0);
        }
    }
}

/// The outline of what can reach the region; what reaches to the picture's own edge needs no line there.
fn contour(
    pen: &mut Pen<'_>,
    reach: &[bool],
    shape: MapShape,
    at: [f32; 2],
    cell: [f32; 2],
    frame: [f32; 4],
) {
    let (rows, columns) = (shape.height, shape.width);
    let inside =
        |row: usize, column: usize| reach.get(row * columns + column).copied().unwrap_or(false);
    let corner = |row: usize, column: usize| {
        [
            (at[0] + column as f32 * cell[0]).min(frame[0] + frame[2]),
            (at[1] + row as f32 * cell[1]).min(frame[1] + frame[3]),
        ]
    };
    let mut lines = Vec::new();
    // Steps in a row are one line, so that its dashes run on.
    for row in 1..rows {
        let mut start = None;
        for column in 0..=columns {
            let edge = column < columns && inside(row, column) != inside(row - 1, column);
            match (edge, start) {
                (true, None) => start = Some(column),
                (false, Some(from)) => {
                    lines.push([corner(row, from), corner(row, column)]);
                    start = None;
                }
                _ => {}
            }
        }
    }
    for column in 1..columns {
        let mut start = None;
        for row in 0..=rows {
            let edge = row < rows && inside(row, column) != inside(row, column - 1);
            match (edge, start) {
                (true, None) => start = Some(row),
                (false, Some(from)) => {
                    lines.push([corner(from, column), corner(row, column)]);
                    start = None;
                }
                _ => {}
            }
        }
    }
    pen.segments(lines, Stroke::new(REACH, 0.6).dashed(2.0, 1.5));
}
