//! A figure as a LaTeX document: data as PGFPlots axes, lines and words as TikZ, all in the places of the drawn figure.

mod axes;
mod shapes;
mod words;

use std::fmt::Write;

use crate::drawing::{Content, Drawing};
use crate::scene::PanelFrame;
use crate::tables::comment;
use crate::{Figure, FigureError};

/// TeX's memory holds about as many cells.
const MOST_CELLS: usize = 20_000;

pub(crate) fn document(figure: &Figure) -> Result<String, FigureError> {
    let cells: usize = figure.drawings().iter().map(cells_of).sum();
    if cells > MOST_CELLS {
        return Err(FigureError::Asked(format!(
            "The figure has {cells} cells, more than TeX can hold ({MOST_CELLS}); write .pdf and include it, or show fewer tokens"
        )));
    }
    let scene = figure.scene();
    let mut text = preamble(figure);
    if let Some(ground) = scene.ground.filter(|_| figure.description().dark) {
        let _ = writeln!(
            text,
            "\\fill[{}] (0,0) rectangle ({:.2},{:.2});",
            rgb("fill", ground),
            scene.width,
            scene.height
        );
    }
    for (i, (drawing, frame)) in figure.drawings().iter().zip(&scene.panels).enumerate() {
        let title = comment(&format!("Panel {}: {}", i + 1, drawing.title));
        let _ = writeln!(text, "\n{title}");
        data(&mut text, drawing, frame, scene.height);
    }
    text.push_str("\n% Bars of colours, frames, ticks and legends\n");
    shapes::write(&mut text, figure);
    text.push_str("\n% Words, each with the width that it has at most\n");
    words::write(&mut text, figure);
    text.push_str("\\end{tikzpicture}\n\\end{document}\n");
    Ok(text)
}

fn preamble(figure: &Figure) -> String {
    let (width, height) = (figure.scene().width, figure.scene().height);
    format!(
        r"{}
% Compile with pdflatex; with lualatex or xelatex and a fitting font where labels are of other scripts.
% To use it inside a document, take the tikzpicture, and before it the lines from graphicx to \fitted.
\documentclass{{article}}
\usepackage[paperwidth={width:.2}bp, paperheight={height:.2}bp, margin=0pt]{{geometry}}
\pagestyle{{empty}}\setlength{{\parindent}}{{0pt}}\setlength{{\topskip}}{{0pt}}
\usepackage{{graphicx}}
\usepackage{{textcomp}}
\usepackage{{amssymb}}
\usepackage{{pgfplots}}
\pgfplotsset{{compat=1.17}}
\newsavebox\fittedbox
\newcommand\fitted[2]{{\sbox\fittedbox{{#2}}\ifdim\wd\fittedbox>#1\resizebox{{#1}}{{\height}}{{\usebox\fittedbox}}\else\usebox\fittedbox\fi}}
{}\begin{{document}}
\begin{{tikzpicture}}[x=1bp, y=1bp]
\useasboundingbox (0,0) rectangle ({width:.2},{height:.2});
",
        comment(&format!(
            "{} by {}",
            figure.heading(),
            figure.origin().program
        )),
        if figure.description().font == "serif" {
            ""
        } else {
            "\\renewcommand{\\familydefault}{\\sfdefault}\n"
        },
    )
}

fn cells_of(drawing: &Drawing) -> usize {
    match (&drawing.content, drawing.grid()) {
        (Content::Tiles(tiles), _) => tiles.map.shape().cells(),
        (_, Some(grid)) => grid.map.shape().cells(),
        _ => 0,
    }
}

/// The numbers of a panel, in the page's height.
fn data(text: &mut String, drawing: &Drawing, frame: &PanelFrame, height: f32) {
    let [x, y, width, tall] = frame.plot;
    let place = format!(
        "at={{({x:.2}bp,{:.2}bp)}}, scale only axis, width={width:.2}bp, height={tall:.2}bp, enlargelimits=false",
        height - y - tall
    );
    let style = drawing.scale.as_ref().map(|s| &s.style);
    match (&drawing.content, style) {
        (Content::Grid(grid), Some(style)) => axes::grid(text, grid, style, &place),
        (Content::Over(over), style) => axes::over(text, over, style, &place),
        (Content::Tiles(tiles), Some(style)) => axes::tiles(text, tiles, style, &place),
        (Content::Lines(lines), _) => axes::lines(text, lines, &place),
        (Content::Bars(bars), _) => {
            for group in &bars.groups {
                for (label, value) in group.labels.iter().zip(&group.values) {
                    let line = comment(&format!("{}, {label}: {value}", group.name));
                    let _ = writeln!(text, "{line}");
                }
            }
        }
        (Content::Shares(shares), _) => {
            for part in &shares.parts {
                let line = comment(&format!("{}: {}", part.name, part.count));
                let _ = writeln!(text, "{line}");
            }
        }
        (Content::Grid(_) | Content::Tiles(_), None) => {}
    }
}

/// A colour as an option of this name.
fn rgb(what: &str, [r, g, b, a]: whyfinder_paint::Colour) -> String {
    let opacity = if a == 255 {
        String::new()
    } else {
        format!(", {what} opacity={:.3}", f32::from(a) / 255.0)
    };
    format!("{what}={{rgb,255:red,{r};green,{g};blue,{b}}}{opacity}")
}
