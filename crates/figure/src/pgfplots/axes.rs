//! Each kind of panel as an axis.

use std::fmt::Write;

use whyfinder_paint::array::CellState;
use whyfinder_paint::{Colour, MapArray, MapStyle, colour_of, flag};

use super::Place;
use crate::drawing::{Bars, Grid, Labels, Lines, Over, Shares, Tiles};
use crate::plot_lines;
use crate::plot_over::REGION;
use crate::plot_tiles::GAP;
use crate::tables::escaped;

fn label_list(labels: &Labels) -> String {
    let list: Vec<String> = labels
        .texts
        .iter()
        .enumerate()
        .map(|(i, label)| {
            let label = escaped(label);
            if labels.marked.contains(&i) {
                format!("{{\\bfseries {label}}}")
            } else {
                format!("{{{label}}}")
            }
        })
        .collect();
    list.join(",")
}

fn every(labels: &Labels, pitch: f32, small: f32) -> Vec<usize> {
    let step = (small * 1.1 / pitch).ceil().max(1.0) as usize;
    (0..labels.texts.len()).step_by(step).collect()
}

fn ticked(labels: &Labels, at: &[usize]) -> (String, String) {
    let shown = Labels {
        texts: at.iter().map(|&i| labels.texts[i].clone()).collect(),
        marked: 0..0,
        ..labels.clone()
    };
    let places: Vec<String> = at.iter().map(usize::to_string).collect();
    (places.join(","), label_list(&shown))
}

pub(super) fn grid(text: &mut String, grid: &Grid, style: &MapStyle, place: &Place<'_>) {
    let (rows, columns) = (grid.map.shape().height, grid.map.shape().width);
    let pitch = [
        place.frame.plot[2] / columns.max(1) as f32,
        place.frame.plot[3] / rows.max(1) as f32,
    ];
    let (xticks, xlabels) = ticked(&grid.columns, &every(&grid.columns, pitch[0], place.small));
    let (yticks, ylabels) = match place.frame.labelled {
        true => ticked(&grid.rows, &every(&grid.rows, pitch[1], place.small)),
        false => ("\\empty".into(), String::new()),
    };
    let y_name = if place.frame.labelled {
        escaped(&grid.rows.name)
    } else {
        String::new()
    };
    let turned = if grid.columns.tokens {
        "x tick label style={rotate=90, anchor=east}, "
    } else {
        ""
    };
    let _ = writeln!(
        text,
        r"\begin{{axis}}[{}, y dir=reverse, xmin=-0.5, xmax={}, ymin=-0.5, ymax={}, enlargelimits=false, axis on top,
  tick style={{draw=none}}, xlabel={{{}}}, ylabel={{{}}}, {turned}
  xtick={{{xticks}}}, xticklabels={{{xlabels}}},
  ytick={{{yticks}}}, yticklabels={{{ylabels}}}]",
        place.axis(),
        columns as f32 - 0.5,
        rows as f32 - 0.5,
        escaped(&grid.columns.name),
        y_name
    );
    fills(
        text,
        &grid.map,
        style,
        [-0.5, -0.5],
        [1.0, 1.0],
        [columns as f32 - 0.5, rows as f32 - 0.5],
    );
    text.push_str("\\end{axis}\n");
}

/// Every cell as a rectangle, its value beside it.
fn fills(
    text: &mut String,
    map: &MapArray,
    style: &MapStyle,
    at: [f32; 2],
    cell: [f32; 2],
    end: [f32; 2],
) {
    let columns = map.shape().width;
    for index in 0..map.shape().cells() {
        let CellState::Value(value) = map.state(index) else {
            continue;
        };
        let (row, column) = (index / columns, index % columns);
        let (x, y) = (
            at[0] + column as f32 * cell[0],
            at[1] + row as f32 * cell[1],
        );
        let (right, bottom) = ((x + cell[0]).min(end[0]), (y + cell[1]).min(end[1]));
        let corners = format!("(axis cs:{x},{y}) rectangle (axis cs:{right},{bottom})");
        let _ = writeln!(
            text,
            "\\fill[{}] {corners}; % {value}",
            rgb("fill", colour_of(value, style))
        );
        if map.flag_of(index) & flag::NOT_SIGNIFICANT != 0 {
            let _ = writeln!(
                text,
                "\\fill[pattern=north east lines, pattern color=gray] {corners};"
            );
        }
    }
}

pub(super) fn rgb(what: &str, [r, g, b, a]: Colour) -> String {
    let opacity = if a == 255 {
        String::new()
    } else {
        format!(", fill opacity={:.3}", f32::from(a) / 255.0)
    };
    format!("{what}={{rgb,255:red,{r};green,{g};blue,{b}}}{opacity}")
}

/// The cells and the region; the picture itself cannot be written into a text.
pub(super) fn over(text: &mut String, over: &Over, style: Option<&MapStyle>, place: &Place<'_>) {
    let size = [over.picture.width as f32, over.picture.height as f32];
    let _ = writeln!(
        text,
        "% The picture under the map is not in this file; the PDF and the SVG have it.\n\
         \\begin{{axis}}[{}, y dir=reverse, xmin=0, xmax={}, ymin=0, ymax={}, enlargelimits=false, axis on top, ticks=none]",
        place.axis(),
        size[0],
        size[1]
    );
    if let (Some(grid), Some(style)) = (&over.cells, style) {
        fills(
            text,
            &grid.map,
            style,
            [over.origin[1], over.origin[0]],
            [over.cell[1], over.cell[0]],
            size,
        );
    }
    if let Some([x, y, width, height]) = over.region {
        let _ = writeln!(
            text,
            "\\draw[{}, line width=1bp] (axis cs:{x},{y}) rectangle (axis cs:{},{});",
            rgb("draw", REGION),
            x + width,
            y + height
        );
    }
    text.push_str("\\end{axis}\n");
}

pub(super) fn tiles(text: &mut String, tiles: &Tiles, style: &MapStyle, place: &Place<'_>) {
    let shape = tiles.map.shape();
    let pitch = 1.0 + GAP;
    let end = [
        shape.columns as f32 * pitch - GAP,
        shape.rows as f32 * pitch - GAP,
    ];
    let middles = |n: usize| {
        let list: Vec<String> = (0..n)
            .map(|i| (i as f32 * pitch + 0.5).to_string())
            .collect();
        list.join(",")
    };
    let _ = writeln!(
        text,
        r"\begin{{axis}}[{}, y dir=reverse, xmin=0, xmax={}, ymin=0, ymax={}, enlargelimits=false, axis line style={{draw=none}},
  tick style={{draw=none}}, xlabel={{{}}}, ylabel={{{}}},
  xtick={{{}}}, xticklabels={{{}}}, ytick={{{}}}, yticklabels={{{}}}]",
        place.axis(),
        end[0],
        end[1],
        escaped(&tiles.columns.name),
        escaped(&tiles.rows.name),
        middles(shape.columns),
        label_list(&tiles.columns),
        middles(shape.rows),
        label_list(&tiles.rows),
    );
    for index in 0..shape.tiles() {
        let Some(map) = tiles.map.tile(index) else {
            continue;
        };
        let at = [
            (index % shape.columns) as f32 * pitch,
            (index / shape.columns) as f32 * pitch,
        ];
        let cell = [
            1.0 / shape.width.max(1) as f32,
            1.0 / shape.height.max(1) as f32,
        ];
        fills(text, &map, style, at, cell, [at[0] + 1.0, at[1] + 1.0]);
    }
    text.push_str("\\end{axis}\n");
}

pub(super) fn lines(text: &mut String, lines: &Lines, place: &Place<'_>) {
    let [low, high] = plot_lines::range(lines);
    let axis = place.axis();
    let under = -4.4 * place.small / place.frame.plot[3].max(1.0);
    let [first, last] = [lines.x.first(), lines.x.last()].map(|x| x.copied().unwrap_or(0.0));
    let (x_name, y_name, small) = (escaped(&lines.x_name), escaped(&lines.y_name), place.small);
    let _ = writeln!(
        text,
        r"\begin{{axis}}[{axis}, xmin={first}, xmax={last}, ymin={low}, ymax={high}, enlargelimits=false, xlabel={{{x_name}}},
  ylabel={{{y_name}}}, ymajorgrids, axis lines=left, clip=false, legend style={{draw=none, at={{(0,{under:.3})}}, anchor=north west,
  font=\fontsize{{{small}}}{{{small}}}\selectfont, cells={{anchor=west}}}}]"
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
            "\\addplot[draw=line{i}, line width=0.9bp{dash}] coordinates {{{}}};\n\\addlegendentry{{{}}}",
            points.join(" "),
            escaped(&series.name)
        );
    }
    for level in plot_lines::levels(lines, place.frame.plot[3], place.small) {
        let _ = writeln!(
            text,
            "\\draw[gray, densely dotted] ({{rel axis cs:0,0}} |- {{axis cs:0,{value}}}) -- ({{rel axis cs:1,0}} |- {{axis cs:0,{value}}}) \
             node[right, inner sep=3pt, yshift={:.2}bp, font=\\fontsize{{{small}}}{{{small}}}\\selectfont] {{{}}};",
            -level.name_below(),
            escaped(level.name),
            value = level.value,
        );
    }
    text.push_str("\\end{axis}\n");
}

pub(super) fn bars(text: &mut String, bars: &Bars, place: &Place<'_>) {
    let mut labels: Vec<String> = Vec::new();
    let mut rows: Vec<(usize, f32)> = Vec::new();
    for (i, group) in bars.groups.iter().enumerate() {
        labels.push(format!("{{\\bfseries {}}}", escaped(&group.name)));
        rows.push((i, 0.0));
        for (label, value) in group.labels.iter().zip(&group.values) {
            labels.push(format!("{{{}}}", escaped(label)));
            rows.push((i, *value));
        }
    }
    let places: Vec<String> = (0..labels.len()).map(|i| i.to_string()).collect();
    let _ = writeln!(
        text,
        r"\begin{{axis}}[{}, xbar, bar width={:.2}bp, bar shift=0pt, y dir=reverse, ymin=-0.7, ymax={}, xmin=0, xlabel={{{}}},
  axis lines=left, ytick={{{}}}, yticklabels={{{}}}, y tick style={{draw=none}}]",
        place.axis(),
        place.small * 0.9,
        labels.len() as f32 - 0.3,
        escaped(&bars.name),
        places.join(","),
        labels.join(",")
    );
    for i in 0..bars.groups.len() {
        let [r, g, b, _] = plot_lines::colour(i);
        let points: Vec<String> = rows
            .iter()
            .enumerate()
            .filter(|(_, (group, value))| *group == i && *value > 0.0)
            .map(|(row, (_, value))| format!("({value},{row})"))
            .collect();
        let _ = writeln!(
            text,
            "\\addplot[draw=none, fill={{rgb,255:red,{r};green,{g};blue,{b}}}] coordinates {{{}}};",
            points.join(" ")
        );
    }
    text.push_str("\\end{axis}\n");
}

pub(super) fn shares(text: &mut String, shares: &Shares, place: &Place<'_>) {
    let [x, y, width, _] = place.frame.plot;
    let all: usize = shares.parts.iter().map(|p| p.count).sum();
    let thick = place.small * 1.4;
    let top = place.height - y;
    let mut left = x;
    let mut words = Vec::new();
    for part in &shares.parts {
        let share = width * part.count as f32 / all.max(1) as f32;
        let _ = writeln!(
            text,
            "\\fill[{}] ({left:.2},{:.2}) rectangle ({:.2},{top:.2});",
            rgb("fill", part.colour),
            top - thick,
            left + share
        );
        left += share;
        let sure = part
            .sure
            .map_or(String::new(), |s| format!(", {s} by more than 2 s.e."));
        words.push(format!("{} {}{sure}", part.count, part.name));
    }
    words.extend(shares.remarks.clone());
    let words: Vec<String> = words.iter().map(|w| escaped(w)).collect();
    let _ = writeln!(
        text,
        "\\node[anchor=north west, inner sep=0pt, text width={width:.2}bp, align=left] at ({x:.2},{:.2}) {{{}}};",
        top - thick - 2.0,
        words.join("\\\\ ")
    );
}
