//! A figure as a LaTeX document of PGFPlots axes, in the places and sizes of the drawn figure.

mod axes;

use std::fmt::Write;

use whyfinder_paint::{MapStyle, gradient_strip};

use axes::rgb;

use crate::drawing::{Content, Drawing, Scale};
use crate::scene::PanelFrame;
use crate::tables::{comment, escaped};
use crate::{Figure, FigureError, colour_bar, layout, pen};

/// TeX's memory holds about as many cells.
const MOST_CELLS: usize = 20_000;
/// Colours of a colour map.
const STOPS: usize = 65;

pub(crate) fn document(figure: &Figure) -> Result<String, FigureError> {
    let cells: usize = figure.drawings().iter().map(cells_of).sum();
    if cells > MOST_CELLS {
        return Err(FigureError::Asked(format!(
            "The figure has {cells} cells, more than TeX can hold ({MOST_CELLS}); write .pdf and include it, or show fewer tokens"
        )));
    }
    let description = figure.description();
    let scene = figure.scene();
    let (size, width, height) = (description.size, scene.width, scene.height);
    let mut text = format!(
        r"{}
% Compile with pdflatex; with lualatex or xelatex and a fitting font where labels are of other scripts.
% To use it inside a document, take the tikzpicture and the lines from pgfplots on.
\documentclass{{article}}
\usepackage[paperwidth={width:.2}bp, paperheight={height:.2}bp, margin=0pt]{{geometry}}
\pagestyle{{empty}}\setlength{{\parindent}}{{0pt}}\setlength{{\topskip}}{{0pt}}
\usepackage{{textcomp}}
\usepackage{{amssymb}}
\usepackage{{pgfplots}}
\pgfplotsset{{compat=1.17}}
\usetikzlibrary{{patterns}}
{}\begin{{document}}
\begin{{tikzpicture}}[x=1bp, y=1bp, font=\fontsize{{{size}}}{{{:.1}}}\selectfont]
\useasboundingbox (0,0) rectangle ({width:.2},{height:.2});
",
        comment(&format!(
            "{} by {}",
            figure.heading().0,
            figure.origin().program
        )),
        if description.font == "serif" {
            ""
        } else {
            "\\renewcommand{\\familydefault}{\\sfdefault}\n"
        },
        size * 1.2,
    );
    let (heading, pieces) = figure.heading();
    if description.title {
        let _ = writeln!(
            text,
            "\\node[anchor=north west, inner sep=1pt, align=left] at (0,{height:.2}) {{\\bfseries {}\\\\ {}}};",
            escaped(heading),
            escaped(&pieces.join(" · "))
        );
    }
    for (i, (drawing, frame)) in figure.drawings().iter().zip(&scene.panels).enumerate() {
        panel(&mut text, figure, drawing, frame, i);
    }
    text.push_str("\\end{tikzpicture}\n\\end{document}\n");
    Ok(text)
}

fn cells_of(drawing: &Drawing) -> usize {
    match (&drawing.content, drawing.grid()) {
        (Content::Tiles(tiles), _) => tiles.map.shape().cells(),
        (_, Some(grid)) => grid.map.shape().cells(),
        _ => 0,
    }
}

fn panel(text: &mut String, figure: &Figure, drawing: &Drawing, frame: &PanelFrame, index: usize) {
    let height = figure.scene().height;
    let letter = layout::letter(figure.description(), figure.drawings().len(), index)
        .map_or(String::new(), |letter| format!("{letter} "));
    let _ = writeln!(
        text,
        "\n% Panel {}\n\\node[anchor=base west, inner sep=0pt, font=\\bfseries] at ({:.2},{:.2}) {{{letter}{}}};",
        index + 1,
        frame.heading[0],
        height - frame.heading[1],
        escaped(&drawing.title)
    );
    let place = Place {
        frame,
        height,
        small: pen::small(figure.description().size),
    };
    let style = drawing.scale.as_ref().map(|s| &s.style);
    if let (Some(scale), Some(bar)) = (&drawing.scale, frame.bar) {
        bar_below(text, scale, layout::hatched(drawing), bar, &place);
    }
    match (&drawing.content, style) {
        (Content::Grid(grid), Some(style)) => axes::grid(text, grid, style, &place),
        (Content::Over(over), style) => axes::over(text, over, style, &place),
        (Content::Tiles(tiles), Some(style)) => axes::tiles(text, tiles, style, &place),
        (Content::Lines(lines), _) => axes::lines(text, lines, &place),
        (Content::Bars(bars), _) => axes::bars(text, bars, &place),
        (Content::Shares(shares), _) => axes::shares(text, shares, &place),
        (Content::Grid(_) | Content::Tiles(_), None) => {}
    }
}

struct Place<'a> {
    frame: &'a PanelFrame,
    /// Of the page.
    height: f32,
    small: f32,
}

impl Place<'_> {
    /// Options that put an axis where the plot lies.
    fn axis(&self) -> String {
        let [x, y, width, height] = self.frame.plot;
        format!(
            "at={{({x:.2}bp,{:.2}bp)}}, scale only axis, width={width:.2}bp, height={height:.2}bp, \
             tick label style={{font=\\fontsize{{{1}}}{{{1}}}\\selectfont}}, label style={{font=\\fontsize{{{1}}}{{{1}}}\\selectfont}}",
            self.height - y - height,
            self.small
        )
    }
}

fn bar_below(
    text: &mut String,
    scale: &Scale,
    hatched: Option<&str>,
    [x, y, width]: [f32; 3],
    place: &Place<'_>,
) {
    let (low, high) = scale.style.ends();
    let width = width.min(colour_bar::WIDEST);
    let (small, base) = (place.small, place.height - y - place.small * 1.8);
    let _ = writeln!(
        text,
        r"\begin{{axis}}[at={{({x:.2}bp,{base:.2}bp)}}, scale only axis, width={width:.2}bp, height={small:.2}bp, ticks=none,
  xmin={low}, xmax={high}, ymin=0, ymax=1, enlargelimits=false, axis on top, clip=false]"
    );
    let flat = MapStyle {
        over_picture: false,
        ..scale.style
    };
    let step = (high - low) / STOPS as f32;
    for (i, colour) in gradient_strip(&flat, STOPS).into_iter().enumerate() {
        let from = low + i as f32 * step;
        // A little over the next one: viewers would show a gap.
        let to = if i + 1 < STOPS {
            from + 1.5 * step
        } else {
            high
        };
        let _ = writeln!(
            text,
            "\\fill[{}] (axis cs:{from},0) rectangle (axis cs:{to},1);",
            rgb("fill", colour)
        );
    }
    let said = |value: f32, anchor: &str| {
        let near = |other: f32| (other - value).abs() <= 1e-4 * (high - low);
        let name = scale
            .marks
            .iter()
            .find(|(mark, _)| near(*mark))
            .map_or("", |(_, n)| n.as_str());
        let words = format!("{} {name}", crate::numbers::number(value));
        format!(
            "\\node[anchor={anchor}, inner sep=1.5pt, font=\\fontsize{{{small}}}{{{small}}}\\selectfont] at (axis cs:{value},0) {{{}}};",
            escaped(words.trim_end())
        )
    };
    let _ = writeln!(
        text,
        "{}\n{}",
        said(low, "north west"),
        said(high, "north east")
    );
    if let Some(centre) = scale.style.centre {
        let _ = writeln!(text, "{}", said(centre, "north"));
    }
    text.push_str("\\end{axis}\n");
    let Some(room) = place.frame.words else {
        return;
    };
    words_below(text, scale, hatched, [x, base - small * 1.6, room], small);
}

fn words_below(
    text: &mut String,
    scale: &Scale,
    hatched: Option<&str>,
    [x, y, room]: [f32; 3],
    small: f32,
) {
    let mut pieces = scale.pieces();
    pieces.extend(hatched.map(|h| format!("hatched: {h}")));
    let _ = writeln!(
        text,
        "\\node[anchor=north west, inner sep=0pt, text width={room:.2}bp, align=left, font=\\fontsize{{{small}}}{{{:.1}}}\\selectfont] \
         at ({x:.2},{y:.2}) {{{}\\\\ {}}};",
        small * 1.3,
        escaped(&scale.name),
        escaped(&pieces.join(" · "))
    );
}
