//! Words as nodes: TeX's fonts are wider or narrower than the drawn ones, so each is pressed to the room that it has.

use std::fmt::Write;

use super::rgb;
use crate::Figure;
use crate::scene::{Anchor, Face};
use crate::tables::escaped;

pub(super) fn write(text: &mut String, figure: &Figure) {
    let page = figure.scene().height;
    for line in figure.scene().texts() {
        let look = line.look;
        let anchor = match look.anchor {
            Anchor::Start => "base west",
            Anchor::Middle => "base",
            Anchor::End => "base east",
        };
        let face = match look.face {
            Face::Plain | Face::Marks => "",
            Face::Bold => "\\bfseries",
            Face::Mono => "\\ttfamily",
            Face::MonoBold => "\\ttfamily\\bfseries",
        };
        let turned = if look.turned == 0.0 {
            String::new()
        } else {
            format!(", rotate={}", -look.turned)
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\\node[anchor={anchor}, inner sep=0pt{turned}, {}, font=\\fontsize{{{size}}}{{{size}}}\\selectfont{face}] \
             at ({:.2},{:.2}) {{\\fitted{{{:.2}bp}}{{{}}}}};",
            rgb("text", look.colour),
            line.x,
            page - line.y,
            figure.width_of(line),
            escaped(&line.text),
            size = look.size,
        );
    }
}
