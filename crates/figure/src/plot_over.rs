//! A map over a picture, with the region that is asked about.

use whyfinder_paint::{Colour, Edge, MapArray, MapShape, edges_of};

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
    if let Some(grid) = &over.cells {
        let at = [x + over.origin[1] * pixel[0], y + over.origin[0] * pixel[1]];
        let cell = [over.cell[1] * pixel[0], over.cell[0] * pixel[1]];
        if let Some(scale) = scale {
            let style = whyfinder_paint::MapStyle {
                over_picture: true,
                ..scale.style
            };
            whole_cells(pen, &grid.map, &style, at, cell, frame);
        }
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
    let corner = |[column, row]: [usize; 2]| {
        [
            (at[0] + column as f32 * cell[0]).min(frame[0] + frame[2]),
            (at[1] + row as f32 * cell[1]).min(frame[1] + frame[3]),
        ]
    };
    let at_the_border = |edge: &Edge| {
        let along = |side: usize, end: usize| {
            edge.from[side] == edge.to[side] && [0, end].contains(&edge.from[side])
        };
        along(0, columns) || along(1, rows)
    };
    let lines = edges_of(reach, columns)
        .iter()
        .filter(|edge| !at_the_border(edge))
        .map(|edge| [corner(edge.from), corner(edge.to)])
        .collect();
    pen.segments(lines, Stroke::new(REACH, 0.6).dashed(2.0, 1.5));
}
