//! The data of each kind of panel as an axis.

use std::collections::BTreeMap;
use std::fmt::Write;

use whyfinder_paint::array::CellState;
use whyfinder_paint::{Colour, MapArray, MapStyle, colour_of};

use super::rgb;
use crate::drawing::{Grid, Lines, Over, Tiles};
use crate::plot_lines;
use crate::plot_tiles::GAP;
use crate::tables::comment;

/// Of more cells, those of one colour are painted at once, which takes TeX a tenth of the memory.
const MOST_SINGLE: usize = 1_000;
/// A path of many more fills TeX's memory while it is built.
const MOST_AT_ONCE: usize = 100;

/// A rectangle in the axis with the value that its colour stands for.
struct Cell {
    colour: Colour,
    corners: String,
    value: f32,
}

pub(super) fn grid(text: &mut String, grid: &Grid, style: &MapStyle, place: &str) {
    let (rows, columns) = (grid.map.shape().height, grid.map.shape().width);
    let end = [columns as f32 - 0.5, rows as f32 - 0.5];
    begin(text, place, [-0.5, -0.5], end);
    let cells = cells(&grid.map, style, [-0.5, -0.5], [1.0, 1.0], end);
    fill(text, cells.collect());
    text.push_str("\\end{axis}\n");
}

/// The cells; the picture itself cannot be written into a text.
pub(super) fn over(text: &mut String, over: &Over, style: Option<&MapStyle>, place: &str) {
    text.push_str(
        "% The picture under the map is not in this file; the PDF and the SVG have it.\n",
    );
    let (Some(grid), Some(style)) = (&over.cells, style) else {
        return;
    };
    let size = [over.picture.width as f32, over.picture.height as f32];
    begin(text, place, [0.0, 0.0], size);
    let at = [over.origin[1], over.origin[0]];
    let cell = [over.cell[1], over.cell[0]];
    fill(text, cells(&grid.map, style, at, cell, size).collect());
    text.push_str("\\end{axis}\n");
}

pub(super) fn tiles(text: &mut String, tiles: &Tiles, style: &MapStyle, place: &str) {
    let shape = tiles.map.shape();
    let pitch = 1.0 + GAP;
    let end = [
        shape.columns as f32 * pitch - GAP,
        shape.rows as f32 * pitch - GAP,
    ];
    begin(text, place, [0.0, 0.0], end);
    let cell = [shape.width, shape.height].map(|n| 1.0 / n.max(1) as f32);
    let mut all = Vec::new();
    for index in 0..shape.tiles() {
        let Some(map) = tiles.map.tile(index) else {
            continue;
        };
        let at = [index % shape.columns, index / shape.columns].map(|i| i as f32 * pitch);
        all.extend(cells(&map, style, at, cell, at.map(|from| from + 1.0)));
    }
    fill(text, all);
    text.push_str("\\end{axis}\n");
}

/// An axis of nothing but data, from the upper left to the lower right.
fn begin(text: &mut String, place: &str, from: [f32; 2], end: [f32; 2]) {
    let _ = writeln!(
        text,
        "\\begin{{axis}}[{place}, hide axis, y dir=reverse, xmin={}, xmax={}, ymin={}, ymax={}]",
        from[0], end[0], from[1], end[1]
    );
}

fn cells<'a>(
    map: &'a MapArray,
    style: &'a MapStyle,
    at: [f32; 2],
    cell: [f32; 2],
    end: [f32; 2],
) -> impl Iterator<Item = Cell> + 'a {
    let columns = map.shape().width;
    (0..map.shape().cells()).filter_map(move |index| {
        let CellState::Value(value) = map.state(index) else {
            return None;
        };
        let (row, column) = (index / columns, index % columns);
        let (x, y) = (
            at[0] + column as f32 * cell[0],
            at[1] + row as f32 * cell[1],
        );
        let (right, bottom) = ((x + cell[0]).min(end[0]), (y + cell[1]).min(end[1]));
        Some(Cell {
            colour: colour_of(value, style),
            corners: format!("(axis cs:{x},{y}) rectangle (axis cs:{right},{bottom})"),
            value,
        })
    })
}

/// Every cell on a line with its value.
fn fill(text: &mut String, cells: Vec<Cell>) {
    if cells.len() <= MOST_SINGLE {
        for cell in cells {
            let colour = rgb("fill", cell.colour);
            let _ = writeln!(text, "\\fill[{colour}] {}; % {}", cell.corners, cell.value);
        }
        return;
    }
    let mut colours: BTreeMap<Colour, Vec<Cell>> = BTreeMap::new();
    for cell in cells {
        colours.entry(cell.colour).or_default().push(cell);
    }
    for (colour, cells) in colours {
        for some in cells.chunks(MOST_AT_ONCE) {
            let _ = writeln!(text, "\\fill[{}]", rgb("fill", colour));
            for cell in some {
                let _ = writeln!(text, "  {} % {}", cell.corners, cell.value);
            }
            text.push_str("  ;\n");
        }
    }
}

pub(super) fn lines(text: &mut String, lines: &Lines, place: &str) {
    let [low, high] = plot_lines::range(lines);
    let [first, last] = [lines.x.first(), lines.x.last()].map(|x| x.copied().unwrap_or(0.0));
    let levels = plot_lines::ticks([low, high], plot_lines::LEVELS);
    let levels: Vec<String> = levels.iter().map(|(value, _)| value.to_string()).collect();
    let _ = writeln!(
        text,
        r"\begin{{axis}}[{place}, xmin={first}, xmax={last}, ymin={low}, ymax={high}, axis lines=left, axis line style={{-}},
  xtick=\empty, ytick={{{}}}, yticklabels=\empty, tick style={{draw=none}}, ymajorgrids, clip=false]",
        levels.join(",")
    );
    for (i, series) in lines.series.iter().enumerate() {
        let [r, g, b, _] = plot_lines::colour(i);
        let _ = writeln!(text, "\\definecolor{{line{i}}}{{RGB}}{{{r},{g},{b}}}");
        if let Some(errors) = &series.errors {
            let known: Vec<(f64, f32, f32)> = lines
                .x
                .iter()
                .zip(&series.values)
                .zip(errors)
                .filter(|((_, v), e)| v.is_finite() && e.is_finite())
                .map(|((x, v), e)| (*x, *v, *e))
                .collect();
            let upper = known.iter().map(|(x, v, e)| format!("({x},{})", v + e));
            let lower = known
                .iter()
                .rev()
                .map(|(x, v, e)| format!("({x},{})", v - e));
            let points: Vec<String> = upper.chain(lower).collect();
            let _ = writeln!(
                text,
                "\\addplot[draw=none, fill=line{i}, fill opacity=0.18, forget plot] coordinates {{{}}} -- cycle;",
                points.join(" ")
            );
        }
        let [on, off] = plot_lines::dash(i);
        let dash = if on > 0.0 {
            format!(", dash pattern=on {on}bp off {off}bp")
        } else {
            String::new()
        };
        let points: Vec<String> = lines
            .x
            .iter()
            .zip(&series.values)
            .filter(|(_, v)| v.is_finite())
            .map(|(x, v)| format!("({x},{v})"))
            .collect();
        let _ = writeln!(
            text,
            "\\addplot[draw=line{i}, line width=0.9bp{dash}] coordinates {{{}}}; {}",
            points.join(" "),
            comment(&series.name)
        );
    }
    for (name, value) in &lines.references {
        let _ = writeln!(
            text,
            "\\draw[gray, densely dotted] ({{rel axis cs:0,0}} |- {{axis cs:0,{value}}}) -- ({{rel axis cs:1,0}} |- {{axis cs:0,{value}}}); {}",
            comment(name)
        );
    }
    text.push_str("\\end{axis}\n");
}
