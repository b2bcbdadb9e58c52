//! A map of cells with labels along two sides.

use whyfinder_paint::array::CellState;
use whyfinder_paint::{
    Colour, Image, MapArray, MapStyle, PixelRect, Theme, View, cell_number, colour_of, cpu, flag,
    looks, readable_on,
};

use crate::drawing::{Grid, Labels, Scale};
use crate::hatch;
use crate::pen::{HAIRLINE, Pen};
use crate::scene::{Anchor, Face, Stroke, TextLook};

/// Cells of at least this many points are drawn one by one.
const SINGLE_FROM: f32 = 3.0;
const MOST_SINGLE: usize = 6_000;
/// More cells than this along a side are reduced to as many.
const MOST_SIDE: usize = 2_048;
/// Square cells are no wider, points.
const WIDEST_CELL: f32 = 26.0;
/// Nor are the others.
const WIDEST_FLAT_CELL: f32 = 40.0;
/// Numbers stand in cells from this width on.
const NUMBERS_FROM: f32 = 15.0;
/// Weights below are not written into their cells.
const LEAST_WRITTEN: f32 = 0.05;

/// Width left of the cells.
pub(crate) fn left(pen: &Pen<'_>, grid: &Grid) -> f32 {
    pen.side_room(&grid.rows.name) + longest(pen, &grid.rows) + 4.5
}

/// Width and height of the cells within `room`.
pub(crate) fn size(pen: &Pen<'_>, grid: &Grid, room: f32) -> [f32; 2] {
    let (rows, columns) = (
        grid.map.shape().height.max(1) as f32,
        grid.map.shape().width.max(1) as f32,
    );
    if grid.square {
        let cell = (room / columns).min(WIDEST_CELL);
        return [columns * cell, rows * cell];
    }
    let cell = (room / columns).min(WIDEST_FLAT_CELL);
    let tallest = (room * 2.2).min(16.0 * 72.0 / 2.54);
    let row = (pen.small() * 1.45).min(tallest / rows);
    [columns * cell, rows * row]
}

/// Height below the cells.
pub(crate) fn below(pen: &Pen<'_>, grid: &Grid, width: f32) -> f32 {
    let columns = &grid.columns;
    let pitch = width / columns.texts.len().max(1) as f32;
    let labels = if lies_flat(pen, columns, pitch) {
        pen.small() * 1.3
    } else {
        longest(pen, columns) + pen.small() * 0.6
    };
    labels + pen.small() * 1.3 + 2.0
}

/// Draws cells and labels; `labelled` is whether the rows are labelled here.
pub(crate) fn draw(
    pen: &mut Pen<'_>,
    grid: &Grid,
    scale: &Scale,
    [x, y, width, height]: [f32; 4],
    labelled: bool,
) {
    let (rows, columns) = (grid.map.shape().height, grid.map.shape().width);
    let cell = [width / columns.max(1) as f32, height / rows.max(1) as f32];
    cells(pen, &grid.map, &scale.style, [x, y], cell, Join::Apart);
    if grid.square && cell[0] >= NUMBERS_FROM {
        values(pen, &grid.map, &scale.style, [x, y], cell);
    }
    if labelled {
        row_labels(pen, &grid.rows, [x, y], cell[1], height);
    }
    column_labels(pen, &grid.columns, [x, y + height], cell[0], width);
}

/// How neighbouring cells meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// A hairline apart where they are large, or as one picture where they are many.
    Apart,
    /// Edge to edge.
    Touching,
    /// As one picture, without the seams that viewers show between half-clear cells.
    Picture,
}

/// Every cell in its colour or its state's look.
pub(crate) fn cells(
    pen: &mut Pen<'_>,
    map: &MapArray,
    style: &MapStyle,
    at: [f32; 2],
    cell: [f32; 2],
    join: Join,
) {
    let (rows, columns) = (map.shape().height, map.shape().width);
    let single = join != Join::Picture
        && cell[0] >= SINGLE_FROM
        && cell[1] >= SINGLE_FROM
        && rows * columns <= MOST_SINGLE;
    if !single {
        let frame = [
            at[0],
            at[1],
            cell[0] * columns as f32,
            cell[1] * rows as f32,
        ];
        pen.image(frame, picture(map, style));
    }
    let mut hatched: Vec<(Colour, Vec<[[f32; 2]; 2]>)> = Vec::new();
    let gap = if join == Join::Apart && cell[0].min(cell[1]) >= 4.0 {
        0.35
    } else {
        0.0
    };
    for index in 0..rows * columns {
        let (row, column) = (index / columns, index % columns);
        let (left, top) = (
            at[0] + column as f32 * cell[0],
            at[1] + row as f32 * cell[1],
        );
        let [width, height] = [cell[0] - gap, cell[1] - gap];
        let state = map.state(index);
        if single {
            match state {
                CellState::Masked => {}
                CellState::NotMeasured => {
                    let [ground, dot] = looks::not_measured(pen.theme);
                    pen.rect(left, top, width, height, ground);
                    let side = width.min(height) * 0.25;
                    let (dx, dy) = ((width - side) / 2.0, (height - side) / 2.0);
                    pen.rect(left + dx, top + dy, side, side, dot);
                }
                CellState::NotFinite => not_finite(pen, [left, top, width, height]),
                CellState::Value(value) => {
                    pen.rect(left, top, width, height, colour_of(value, style))
                }
            }
        }
        if let CellState::Value(value) = state
            && map.flag_of(index) & flag::NOT_SIGNIFICANT != 0
            && rows * columns <= 4 * MOST_SINGLE
        {
            let ink = hatch_ink(colour_of(value, style));
            let apart = (cell[0].min(cell[1]) * 0.6).clamp(1.2, 5.5);
            let lines = hatch::lines([left, top, width, height], apart);
            match hatched.iter_mut().find(|(colour, _)| *colour == ink) {
                Some((_, all)) => all.extend(lines),
                None => hatched.push((ink, lines)),
            }
        }
    }
    for (ink, lines) in hatched {
        pen.segments(lines, Stroke::new(ink, 0.3));
    }
    // White cells on white paper need an edge.
    if join == Join::Apart
        && pen.theme == Theme::Light
        && !map.flags().iter().any(|f| f & flag::MASKED != 0)
    {
        let frame = [
            at[0] - gap / 2.0,
            at[1] - gap / 2.0,
            cell[0] * columns as f32,
            cell[1] * rows as f32,
        ];
        pen.frame(frame, Stroke::new(pen.theme.line(), HAIRLINE));
    }
}

/// Dark on light cells and light on dark ones, of few different colours.
fn hatch_ink(cell: Colour) -> Colour {
    let light = whyfinder_paint::cell_text::luminance(cell) > 0.3 || cell[3] < 128;
    if light {
        [70, 78, 88, 105]
    } else {
        [235, 238, 242, 130]
    }
}

fn not_finite(pen: &mut Pen<'_>, [x, y, width, height]: [f32; 4]) {
    let [first, second] = looks::not_finite(pen.theme);
    pen.rect(x, y, width, height, first);
    pen.rect(x, y, width / 2.0, height / 2.0, second);
    pen.rect(
        x + width / 2.0,
        y + height / 2.0,
        width / 2.0,
        height / 2.0,
        second,
    );
}

/// One pixel per cell, or the largest magnitude of several where there are too many.
pub(crate) fn picture(map: &MapArray, style: &MapStyle) -> Image {
    let (rows, columns) = (map.shape().height, map.shape().width);
    if rows > MOST_SIDE || columns > MOST_SIDE {
        return reduced(map, style, [columns.min(MOST_SIDE), rows.min(MOST_SIDE)]);
    }
    let table = style.colours();
    let cuts = style.cuts();
    let pixels = (0..rows * columns)
        .map(|index| match map.state(index) {
            CellState::Value(value) => table[cuts.partition_point(|&cut| cut <= value)],
            CellState::Masked => looks::BLANK,
            CellState::NotMeasured => looks::not_measured(style.theme)[0],
            CellState::NotFinite => looks::not_finite(style.theme)[0],
        })
        .collect();
    Image {
        width: columns as u32,
        height: rows as u32,
        pixels,
    }
}

/// A map in fewer pixels than it has cells; none of large magnitude is lost.
pub(crate) fn reduced(map: &MapArray, style: &MapStyle, [width, height]: [usize; 2]) -> Image {
    let target = PixelRect {
        x: 0,
        y: 0,
        width: width as u32,
        height: height as u32,
    };
    let shape = map.shape();
    let view = View {
        target,
        offset: [0.0; 2],
        cell: [
            width as f64 / shape.width as f64,
            height as f64 / shape.height as f64,
        ],
        tile_gap: 0.0,
        pixels_per_point: 1.0,
    };
    cpu::draw(map, &view, style)
}

fn values(pen: &mut Pen<'_>, map: &MapArray, style: &MapStyle, at: [f32; 2], cell: [f32; 2]) {
    let size = (cell[0] * 0.3).clamp(5.0, 8.0);
    let columns = map.shape().width;
    for index in 0..map.shape().cells() {
        let CellState::Value(value) = map.state(index) else {
            continue;
        };
        if value.abs() < LEAST_WRITTEN {
            continue;
        }
        let ink = readable_on(colour_of(value, style));
        let look = TextLook::new(Face::Mono, size, ink).anchored(Anchor::Middle);
        let x = at[0] + (index % columns) as f32 * cell[0] + cell[0] / 2.0;
        let y = at[1] + (index / columns) as f32 * cell[1] + cell[1] / 2.0 + size * 0.35;
        pen.text(x, y, look, &cell_number(value));
    }
}

fn look_of(pen: &Pen<'_>, labels: &Labels, index: usize) -> TextLook {
    if labels.tokens {
        pen.token(labels.marked.contains(&index))
    } else {
        pen.muted()
    }
}

fn longest(pen: &Pen<'_>, labels: &Labels) -> f32 {
    // Of many labels the ones of most characters are measured; fonts differ by little more.
    let mut order: Vec<usize> = (0..labels.texts.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(labels.texts[i].chars().count()));
    order
        .into_iter()
        .take(12)
        .map(|i| pen.width(&labels.texts[i], look_of(pen, labels, i)))
        .fold(0.0, f32::max)
}

fn row_labels(pen: &mut Pen<'_>, labels: &Labels, [x, y]: [f32; 2], pitch: f32, height: f32) {
    let size = pen.small();
    let step = (size * 1.05 / pitch).ceil().max(1.0) as usize;
    let mut widest = 0f32;
    for (row, text) in labels.texts.iter().enumerate() {
        let top = y + row as f32 * pitch;
        if labels.marked.contains(&row) {
            pen.rect(x - 3.0, top, 1.2, pitch - 0.35, pen.theme.accent());
        }
        if row % step != 0 {
            continue;
        }
        let look = look_of(pen, labels, row).anchored(Anchor::End);
        widest = widest.max(pen.width(text, look));
        pen.text(x - 4.5, top + pitch / 2.0 + size * 0.35, look, text);
    }
    let name = labels.name.clone();
    pen.side_name(x - 4.5 - widest - pen.side_gap(), y + height / 2.0, &name);
}

fn lies_flat(pen: &Pen<'_>, labels: &Labels, pitch: f32) -> bool {
    let numbers = labels
        .texts
        .iter()
        .all(|t| t.chars().all(|c| c.is_ascii_digit() || c == '.'));
    numbers || longest(pen, labels) + 2.0 <= pitch
}

fn column_labels(pen: &mut Pen<'_>, labels: &Labels, [x, y]: [f32; 2], pitch: f32, width: f32) {
    let size = pen.small();
    let longest = longest(pen, labels);
    let flat = lies_flat(pen, labels, pitch);
    let room = if flat { longest + 3.0 } else { size * 1.05 };
    let step = (room / pitch).ceil().max(1.0) as usize;
    for (column, text) in labels.texts.iter().enumerate().step_by(step) {
        let middle = x + (column as f32 + 0.5) * pitch;
        let look = look_of(pen, labels, column);
        if flat {
            pen.text(middle, y + size * 1.15, look.anchored(Anchor::Middle), text);
        } else {
            pen.text(
                middle + size * 0.35,
                y + 3.0,
                look.anchored(Anchor::End).turned(-90.0),
                text,
            );
        }
    }
    let below = if flat {
        size * 1.3
    } else {
        longest + size * 0.6
    };
    let look = pen.muted().anchored(Anchor::Middle);
    let name = labels.name.clone();
    pen.text(x + width / 2.0, y + below + size * 1.0, look, &name);
}
