//! A figure's numbers as tables and arrays.

use std::fmt::Write;

use whyfinder_experiment::{Axis, Field, pack_fields};
use whyfinder_paint::array::CellState;
use whyfinder_paint::{MapArray, flag};

use crate::drawing::{Content, Drawing, Grid, Labels, Tiles};
use crate::{FigureError, numbers, picture_numbers};

/// Cells of a LaTeX table; more are better read from another file.
const MOST_IN_LATEX: usize = 4_000;

/// A long table, one row per number (RFC 4180).
pub(crate) fn csv(drawings: &[Drawing]) -> String {
    let mut table = String::from("panel,title,tile,row,column,value,stderr,samples,state\n");
    for (i, drawing) in drawings.iter().enumerate() {
        let panel = format!("{},{}", i + 1, quoted(&drawing.named()));
        let mut row = |tile: &str, row: &str, column: &str, value: &str, rest: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(
                table,
                "{panel},{},{},{},{value},{rest}",
                quoted(tile),
                quoted(row),
                quoted(column)
            );
        };
        match &drawing.content {
            Content::Grid(grid) => cells(grid, &mut |r, c, v, rest| row("", r, c, v, rest)),
            Content::Over(over) => {
                if let Some(grid) = &over.cells {
                    cells(grid, &mut |r, c, v, rest| row("", r, c, v, rest));
                }
                for (channel, y, x, value) in picture_numbers::pixels(over) {
                    let [y, x, value] = [y.to_string(), x.to_string(), value.to_string()];
                    row(channel, &y, &x, &value, ",,measured");
                }
            }
            Content::Tiles(tiles) => {
                for (tile, map) in each_tile(tiles) {
                    let columns = map.shape().width;
                    for index in 0..map.shape().cells() {
                        let (r, c) = (index / columns, index % columns);
                        let (value, state) = state(&map, index);
                        row(
                            &tile,
                            &r.to_string(),
                            &c.to_string(),
                            &value,
                            &format!(",,{state}"),
                        );
                    }
                }
            }
            Content::Lines(lines) => {
                for series in &lines.series {
                    for (j, (x, value)) in lines.x.iter().zip(&series.values).enumerate() {
                        let error = series.errors.as_ref().map_or(f32::NAN, |e| e[j]);
                        let rest = format!("{},,measured", number(error));
                        row("", &series.name, &x.to_string(), &number(*value), &rest);
                    }
                }
            }
            Content::Bars(bars) => {
                for group in &bars.groups {
                    for (label, value) in group.labels.iter().zip(&group.values) {
                        row("", &group.name, label, &number(*value), ",,measured");
                    }
                }
            }
            Content::Shares(shares) => {
                for part in &shares.parts {
                    row(
                        "",
                        &part.name,
                        "blocks",
                        &part.count.to_string(),
                        ",,measured",
                    );
                    if let Some(sure) = part.sure {
                        row(
                            "",
                            &part.name,
                            "blocks beyond two standard errors",
                            &sure.to_string(),
                            ",,measured",
                        );
                    }
                }
            }
        }
    }
    table
}

fn cells(grid: &Grid, row: &mut dyn FnMut(&str, &str, &str, &str)) {
    let columns = grid.map.shape().width;
    for index in 0..grid.map.shape().cells() {
        let (value, state) = state(&grid.map, index);
        let error = grid.errors.as_ref().and_then(|e| e.get(index)).copied();
        let count = grid.counts.as_ref().and_then(|c| c.get(index));
        let rest = format!(
            "{},{},{state}",
            number(error.unwrap_or(f32::NAN)),
            count.map_or(String::new(), u32::to_string)
        );
        let label = |labels: &Labels, i: usize| labels.texts.get(i).cloned().unwrap_or_default();
        row(
            &label(&grid.rows, index / columns),
            &label(&grid.columns, index % columns),
            &value,
            &rest,
        );
    }
}

fn state(map: &MapArray, index: usize) -> (String, &'static str) {
    match map.state(index) {
        CellState::Masked => (String::new(), "masked"),
        CellState::NotMeasured => (String::new(), "not measured"),
        CellState::NotFinite => (String::new(), "not finite"),
        CellState::Value(value) if map.flag_of(index) & flag::ESTIMATE != 0 => {
            (number(value), "estimate")
        }
        CellState::Value(value) => (number(value), "measured"),
    }
}

/// The shortest text that reads back as the same float32; empty for NaN.
fn number(value: f32) -> String {
    if value.is_finite() {
        value.to_string()
    } else {
        String::new()
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_string()
    }
}

fn each_tile(tiles: &Tiles) -> impl Iterator<Item = (String, MapArray)> + '_ {
    let shape = tiles.map.shape();
    (0..shape.tiles()).filter_map(move |i| {
        let (row, column) = (i / shape.columns, i % shape.columns);
        let name = |labels: &Labels, i: usize| match labels.texts.get(i) {
            Some(text) if !labels.name.is_empty() => format!("{} {text}", labels.name),
            _ => String::new(),
        };
        let name = format!(
            "{} {}",
            name(&tiles.rows, row),
            name(&tiles.columns, column)
        );
        Some((name.trim().to_string(), tiles.map.tile(i)?))
    })
}

/// One table per panel, for `\usepackage{booktabs}`.
pub(crate) fn latex(drawings: &[Drawing]) -> String {
    let mut text =
        String::from("% Numbers of a figure by Whyfinder. Needs \\usepackage{booktabs}.\n");
    for drawing in drawings {
        let _ = writeln!(text, "\n{}", comment(&drawing.named()));
        match &drawing.content {
            Content::Grid(grid) => grid_table(&mut text, grid),
            Content::Over(over) => match &over.cells {
                Some(grid) => grid_table(&mut text, grid),
                None => text.push_str("% A picture, no table; write .csv or .npz.\n"),
            },
            Content::Tiles(tiles) => {
                if tiles.map.shape().cells() > MOST_IN_LATEX {
                    text.push_str("% Too many cells for a table; write .csv or .npz.\n");
                    continue;
                }
                for (name, map) in each_tile(tiles) {
                    let _ = writeln!(text, "{}", comment(&name));
                    let numbered = |n: usize| Labels {
                        texts: (0..n).map(|i| i.to_string()).collect(),
                        ..Labels::default()
                    };
                    let grid = Grid {
                        rows: numbered(map.shape().height),
                        columns: numbered(map.shape().width),
                        map,
                        errors: None,
                        counts: None,
                        square: true,
                    };
                    grid_table(&mut text, &grid);
                }
            }
            Content::Lines(lines) => {
                let names: Vec<String> = lines.series.iter().map(|s| escaped(&s.name)).collect();
                open(&mut text, &lines.x_name, &names);
                for (j, x) in lines.x.iter().enumerate() {
                    let values = lines.series.iter().map(|s| {
                        let error = s.errors.as_ref().map(|e| e[j]);
                        cell(s.values[j], error)
                    });
                    line(&mut text, &numbers::setting(*x as f32), values);
                }
                close(&mut text);
            }
            Content::Bars(bars) => {
                for group in &bars.groups {
                    open(&mut text, &group.name, std::slice::from_ref(&bars.name));
                    for (label, value) in group.labels.iter().zip(&group.values) {
                        line(&mut text, &escaped(label), [cell(*value, None)].into_iter());
                    }
                    close(&mut text);
                }
            }
            Content::Shares(shares) => {
                open(
                    &mut text,
                    "blocks",
                    &["number".into(), "beyond 2 s.e.".into()],
                );
                for part in &shares.parts {
                    let sure = part.sure.map_or(String::new(), |s| s.to_string());
                    line(
                        &mut text,
                        &escaped(&part.name),
                        [part.count.to_string(), sure].into_iter(),
                    );
                }
                close(&mut text);
            }
        }
    }
    text
}

fn grid_table(text: &mut String, grid: &Grid) {
    if grid.map.shape().cells() > MOST_IN_LATEX {
        text.push_str("% Too many cells for a table; write .csv or .npz.\n");
        return;
    }
    let names: Vec<String> = grid.columns.texts.iter().map(|t| escaped(t)).collect();
    open(text, &grid.rows.name, &names);
    let columns = grid.map.shape().width;
    for (row, label) in grid.rows.texts.iter().enumerate() {
        let values = (0..columns).map(|column| {
            let index = row * columns + column;
            match grid.map.state(index) {
                CellState::Value(value) => cell(
                    value,
                    grid.errors.as_ref().and_then(|e| e.get(index)).copied(),
                ),
                _ => "--".into(),
            }
        });
        line(text, &escaped(label), values);
    }
    close(text);
}

fn open(text: &mut String, corner: &str, columns: &[String]) {
    let _ = writeln!(
        text,
        "\\begin{{tabular}}{{l{}}}\n\\toprule",
        "r".repeat(columns.len())
    );
    let _ = writeln!(
        text,
        "{{}}{} & {} \\\\\n\\midrule",
        escaped(corner),
        columns.join(" & ")
    );
}

fn line(text: &mut String, label: &str, values: impl Iterator<Item = String>) {
    let values: Vec<String> = values.collect();
    // The braces keep `[` and `*` from being taken for arguments of the line's end before.
    let _ = writeln!(text, "{{}}{label} & {} \\\\", values.join(" & "));
}

fn close(text: &mut String) {
    text.push_str("\\bottomrule\n\\end{tabular}\n");
}

/// A value with its error in math mode.
fn cell(value: f32, error: Option<f32>) -> String {
    if !value.is_finite() {
        return "--".into();
    }
    let said = numbers::with_error(value, error, false);
    format!("${}$", said.replace('−', "-").replace('±', "\\pm"))
}

/// A line that TeX passes over, whatever is in the text.
pub(crate) fn comment(text: &str) -> String {
    format!("% {}", text.replace(|c: char| c.is_control(), " "))
}

/// Whether pdflatex sets a character of [`escaped`] text with its usual fonts: Latin letters and what is spelled there.
pub(crate) fn is_known_to_tex(c: char) -> bool {
    const LATIN: char = '\u{17f}';
    const SIGNS: [char; 6] = ['–', '—', '‘', '’', '•', '†'];
    c <= LATIN || SIGNS.contains(&c) || escaped(c.encode_utf8(&mut [0; 4])).is_ascii()
}

/// Text safe in LaTeX; scripts beyond Latin need LuaLaTeX or XeLaTeX and a font that has them.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '#' | '$' | '%' | '&' | '_' | '{' | '}' => {
                safe.push('\\');
                safe.push(c);
            }
            '\\' => safe.push_str("\\textbackslash{}"),
            '~' => safe.push_str("\\textasciitilde{}"),
            '^' => safe.push_str("\\textasciicircum{}"),
            '<' => safe.push_str("\\textless{}"),
            '>' => safe.push_str("\\textgreater{}"),
            '|' => safe.push_str("\\textbar{}"),
            '"' => safe.push_str("\\char34{}"),
            '␣' => safe.push_str("\\textvisiblespace{}"),
            '⏎' => safe.push_str("$\\hookleftarrow$"),
            '⇥' => safe.push_str("$\\mapsto$"),
            '∅' => safe.push_str("$\\emptyset$"),
            '±' => safe.push_str("$\\pm$"),
            '×' => safe.push_str("$\\times$"),
            '−' => safe.push_str("$-$"),
            '·' => safe.push_str("$\\cdot$"),
            'σ' => safe.push_str("$\\sigma$"),
            '…' => safe.push_str("\\dots{}"),
            '≤' => safe.push_str("$\\le$"),
            '≥' => safe.push_str("$\\ge$"),
            '“' => safe.push_str("``"),
            '”' => safe.push_str("''"),
            '\n' | '\r' | '\t' => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

/// A field per panel, `panel.1`, `panel.2`, …, and the figure's origin.
///
/// # Errors
/// If a field contradicts itself.
pub(crate) fn npz(drawings: &[Drawing], origin: &str) -> Result<Vec<u8>, FigureError> {
    let mut fields = Vec::new();
    for (i, drawing) in drawings.iter().enumerate() {
        let name = format!("panel.{}", i + 1);
        match &drawing.content {
            Content::Grid(grid) => fields.push(grid_field(&name, grid)),
            Content::Over(over) => {
                fields.extend(over.cells.as_ref().map(|grid| grid_field(&name, grid)));
                fields.extend(picture_numbers::field(&name, over)?);
            }
            Content::Tiles(tiles) => {
                let shape = tiles.map.shape();
                let axes = vec![
                    labelled(&tiles.rows, "row"),
                    labelled(&tiles.columns, "column"),
                    Axis::numbered(&tiles.inner[0], shape.height),
                    Axis::numbered(&tiles.inner[1], shape.width),
                ];
                fields.push(Field::measured(&name, axes, tiles.map.values().to_vec())?);
            }
            Content::Lines(lines) => {
                let axes = vec![
                    Axis::text(
                        "line",
                        lines.series.iter().map(|s| s.name.clone()).collect(),
                    ),
                    Axis {
                        name: lines.x_name.clone(),
                        labels: whyfinder_experiment::Labels::Number(lines.x.clone()),
                    },
                ];
                let values = lines.series.iter().flat_map(|s| s.values.clone()).collect();
                let mut field = Field::measured(&name, axes, values)?;
                if lines.series.iter().any(|s| s.errors.is_some()) {
                    let none = vec![f32::NAN; lines.x.len()];
                    let errors = lines
                        .series
                        .iter()
                        .flat_map(|s| s.errors.clone().unwrap_or_else(|| none.clone()));
                    field.stderr = Some(errors.collect());
                }
                fields.push(field);
            }
            Content::Bars(bars) => {
                for (j, group) in bars.groups.iter().enumerate() {
                    let axes = vec![Axis::text("label", group.labels.clone())];
                    let name = format!("{name}.{}", j + 1);
                    fields.push(Field::measured(&name, axes, group.values.clone())?);
                }
            }
            Content::Shares(shares) => {
                let axes = vec![Axis::text(
                    "part",
                    shares.parts.iter().map(|p| p.name.clone()).collect(),
                )];
                let values = shares.parts.iter().map(|p| p.count as f32).collect();
                fields.push(Field::measured(&name, axes, values)?);
            }
        }
    }
    let titles: Vec<&str> = drawings.iter().map(|d| d.title.as_str()).collect();
    Ok(pack_fields(
        &fields,
        &[("titles", &titles.join("\n")), ("origin", origin)],
    )?)
}

fn labelled(labels: &Labels, otherwise: &str) -> Axis {
    let name = if labels.name.is_empty() {
        otherwise
    } else {
        &labels.name
    };
    Axis::text(name, labels.texts.clone())
}

fn grid_field(name: &str, grid: &Grid) -> Field {
    let axes = vec![
        labelled(&grid.rows, "row"),
        labelled(&grid.columns, "column"),
    ];
    let mut field = Field::unmeasured(name, axes);
    field.values = grid.map.values().to_vec();
    field.mask = (0..field.values.len())
        .map(|i| {
            matches!(
                grid.map.state(i),
                CellState::Value(_) | CellState::NotFinite
            )
        })
        .collect();
    field.effect_stderr.clone_from(&grid.errors);
    field.count.clone_from(&grid.counts);
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_safe_in_csv_and_latex() {
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(
            escaped("50 % of a_b {x}\\"),
            "50 \\% of a\\_b \\{x\\}\\textbackslash{}"
        );
        assert_eq!(
            escaped("<|bos|>"),
            "\\textless{}\\textbar{}bos\\textbar{}\\textgreater{}"
        );
        assert_eq!(cell(-0.5, Some(0.02)), "$-0.500 \\pm 0.020$");
        assert_eq!(cell(f32::NAN, None), "--");
    }
}
