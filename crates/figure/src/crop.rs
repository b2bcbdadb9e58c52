//! A part of a map, with the labels, errors and the picture that belong to it.

use std::ops::Range;

use whyfinder_paint::{Image, MapArray, MapShape, PaintError};

use crate::FigureError;
use crate::description::Part;
use crate::drawing::{Content, Drawing, Grid, Labels, Over, Tiles};

/// Leaves the part of a drawing's map that was asked for, cut to what there is, and says so.
///
/// # Errors
/// If the drawing has no map, or the part lies beside it.
pub(crate) fn cut(drawing: &mut Drawing, part: Part) -> Result<(), FigureError> {
    let beside = |[rows, columns]: [usize; 2]| {
        FigureError::Asked(format!(
            "A part begins within the map: \"{}\" has {rows} rows and {columns} columns",
            drawing.title
        ))
    };
    let within = |shape: [usize; 2]| -> Result<[Range<usize>; 2], FigureError> {
        let [rows, columns] = [part.rows, part.columns];
        let cut = [
            rows[0]..rows[1].min(shape[0]),
            columns[0]..columns[1].min(shape[1]),
        ];
        if cut.iter().any(Range::is_empty) {
            return Err(beside(shape));
        }
        Ok(cut)
    };
    let said = match &mut drawing.content {
        Content::Grid(grid) => {
            let shape = [grid.map.shape().height, grid.map.shape().width];
            let [rows, columns] = within(shape)?;
            let said = [
                words(&grid.rows.name, &rows, shape[0]),
                words(&grid.columns.name, &columns, shape[1]),
            ];
            cut_grid(grid, &rows, &columns)?;
            said
        }
        Content::Tiles(tiles) => {
            let shape = [tiles.map.shape().rows, tiles.map.shape().columns];
            let [rows, columns] = within(shape)?;
            let said = [
                words(&tiles.rows.name, &rows, shape[0]),
                words(&tiles.columns.name, &columns, shape[1]),
            ];
            cut_tiles(tiles, &rows, &columns)?;
            said
        }
        Content::Over(over) => cut_over(over, within)?,
        Content::Lines(_) | Content::Bars(_) | Content::Shares(_) => {
            return Err(FigureError::Asked(format!(
                "Only maps and pictures have parts, not \"{}\"",
                drawing.title
            )));
        }
    };
    let said: Vec<String> = said.into_iter().filter(|w| !w.is_empty()).collect();
    if !said.is_empty() {
        drawing.details.push(format!("shown: {}", said.join(", ")));
    }
    Ok(())
}

/// `layers 3 to 7 of 12`, counted from 0 as layers and heads are; nothing where all are shown.
fn words(name: &str, part: &Range<usize>, all: usize) -> String {
    if part.len() == all {
        return String::new();
    }
    let name = if name.is_empty() { "cell" } else { name };
    let name = match name {
        "query" => "queries".to_string(),
        name => format!("{name}s"),
    };
    let (first, last) = (part.start, part.end - 1);
    format!("{name} {first} to {last} of {all}")
}

fn cut_grid(
    grid: &mut Grid,
    rows: &Range<usize>,
    columns: &Range<usize>,
) -> Result<(), PaintError> {
    let width = grid.map.shape().width;
    let kept: Vec<usize> = rows
        .clone()
        .flat_map(|row| columns.clone().map(move |column| row * width + column))
        .collect();
    let shape = MapShape::single(rows.len(), columns.len());
    grid.map = picked(&grid.map, shape, &kept)?;
    if let Some(errors) = &mut grid.errors {
        *errors = pick(errors, &kept, f32::NAN);
    }
    if let Some(counts) = &mut grid.counts {
        *counts = pick(counts, &kept, 0);
    }
    cut_labels(&mut grid.rows, rows);
    cut_labels(&mut grid.columns, columns);
    Ok(())
}

fn cut_tiles(
    tiles: &mut Tiles,
    rows: &Range<usize>,
    columns: &Range<usize>,
) -> Result<(), PaintError> {
    let shape = tiles.map.shape();
    let cells = shape.tile_cells();
    let kept: Vec<usize> = rows
        .clone()
        .flat_map(|row| {
            columns
                .clone()
                .map(move |column| row * shape.columns + column)
        })
        .flat_map(|tile| tile * cells..(tile + 1) * cells)
        .collect();
    let part = MapShape {
        rows: rows.len(),
        columns: columns.len(),
        ..shape
    };
    tiles.map = picked(&tiles.map, part, &kept)?;
    cut_labels(&mut tiles.rows, rows);
    cut_labels(&mut tiles.columns, columns);
    tiles.marked = tiles
        .marked
        .filter(|[row, column]| rows.contains(row) && columns.contains(column))
        .map(|[row, column]| [row - rows.start, column - columns.start]);
    Ok(())
}

/// Of a map over a picture its cells, of a picture alone its pixels.
fn cut_over(
    over: &mut Over,
    within: impl Fn([usize; 2]) -> Result<[Range<usize>; 2], FigureError>,
) -> Result<[String; 2], FigureError> {
    let whole = [over.picture.height as usize, over.picture.width as usize];
    let pixels = match &mut over.cells {
        None => {
            let pixels = within(whole)?;
            over.origin = [0, 1].map(|axis| -(pixels[axis].start as f32));
            pixels
        }
        Some(grid) => {
            let shape = grid.map.shape();
            let [rows, columns] = within([shape.height, shape.width])?;
            if let Some(reach) = &mut over.reach {
                let kept = rows.clone().flat_map(|row| {
                    columns
                        .clone()
                        .map(move |column| row * shape.width + column)
                });
                *reach = pick(reach, &kept.collect::<Vec<_>>(), false);
            }
            cut_grid(grid, &rows, &columns)?;
            let pixels = |axis: usize, cells: &Range<usize>| {
                let at = |cell: usize| over.origin[axis] + cell as f32 * over.cell[axis];
                let first = (at(cells.start).max(0.0) as usize).min(whole[axis] - 1);
                first..(at(cells.end).ceil() as usize).clamp(first + 1, whole[axis])
            };
            let cut = [pixels(0, &rows), pixels(1, &columns)];
            for (axis, cells) in [&rows, &columns].into_iter().enumerate() {
                over.origin[axis] += cells.start as f32 * over.cell[axis] - cut[axis].start as f32;
            }
            cut
        }
    };
    let [down, across] = &pixels;
    let picture = &over.picture;
    over.picture = Image {
        width: across.len() as u32,
        height: down.len() as u32,
        pixels: down
            .clone()
            .flat_map(|y| across.clone().map(move |x| picture.at(x as u32, y as u32)))
            .collect(),
    };
    over.region = over.region.and_then(|region| moved(region, &pixels));
    if pixels[0].len() == whole[0] && pixels[1].len() == whole[1] {
        return Ok(Default::default());
    }
    let [y, x] = [&pixels[0], &pixels[1]];
    Ok([
        format!(
            "{} × {} pixels at {}, {}",
            x.len(),
            y.len(),
            x.start,
            y.start
        ),
        format!("of {} × {}", whole[1], whole[0]),
    ])
}

/// A region on the part that is left; none where nothing of it is.
fn moved([x, y, width, height]: [f32; 4], [down, across]: &[Range<usize>; 2]) -> Option<[f32; 4]> {
    let cut = |from: f32, length: f32, part: &Range<usize>| {
        let first = (from - part.start as f32).max(0.0);
        let end = (from + length - part.start as f32).min(part.len() as f32);
        (end > first).then_some([first, end - first])
    };
    let ([x, width], [y, height]) = (cut(x, width, across)?, cut(y, height, down)?);
    Some([x, y, width, height])
}

fn picked(map: &MapArray, shape: MapShape, kept: &[usize]) -> Result<MapArray, PaintError> {
    let part = MapArray::new(shape, pick(map.values(), kept, f32::NAN))?;
    if map.flags().is_empty() {
        return Ok(part);
    }
    part.with_flags(kept.iter().map(|&i| map.flag_of(i)).collect())
}

fn pick<T: Copy>(all: &[T], kept: &[usize], missing: T) -> Vec<T> {
    kept.iter()
        .map(|&i| all.get(i).copied().unwrap_or(missing))
        .collect()
}

fn cut_labels(labels: &mut Labels, part: &Range<usize>) {
    let end = part.end.min(labels.texts.len());
    labels.texts = labels.texts[part.start.min(end)..end].to_vec();
    let place = |i: usize| i.clamp(part.start, part.end) - part.start;
    labels.marked = place(labels.marked.start)..place(labels.marked.end);
}
