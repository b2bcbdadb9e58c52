//! Shapes as SVG, text as text.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use whyfinder_paint::Colour;

use crate::fonts::Fonts;
use crate::runs::runs;
use crate::scene::{Anchor, Face, Scene, Shape, Stroke, Text, TextLook};
use crate::svg_fonts::{self, SvgFonts};
use crate::{FigureError, raster};

/// The whole document. `title` is read aloud by screen readers; `origin` is kept as metadata; with `embedded` the parts
/// of the figure's own fonts that it uses are inside.
///
/// # Errors
/// If a picture cannot be packed.
pub(crate) fn document(
    scene: &Scene,
    fonts: &Fonts,
    title: &str,
    origin: &str,
    embedded: bool,
) -> Result<String, FigureError> {
    let of_texts = match embedded {
        true => svg_fonts::fonts_of(scene, fonts),
        false => SvgFonts::default(),
    };
    let style = match of_texts.rules.as_str() {
        "" => String::new(),
        rules => format!("<style>\n{rules}</style>\n"),
    };
    let mut body = String::new();
    if let Some(ground) = scene.ground {
        let ground = Shape::Rect {
            x: 0.0,
            y: 0.0,
            width: scene.width,
            height: scene.height,
            fill: ground,
        };
        shape(&mut body, fonts, &ground, &[])?;
    }
    let mut stand_ins = of_texts.stand_ins.iter();
    for s in &scene.shapes {
        let of_text = matches!(s, Shape::Text(_)).then(|| stand_ins.next());
        shape(
            &mut body,
            fonts,
            s,
            of_text.flatten().map_or(&[], Vec::as_slice),
        )?;
    }
    let millimetres = |points: f32| Coordinate(points * 25.4 / 72.0);
    Ok(format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{}mm" height="{}mm" viewBox="0 0 {} {}" role="img">
<title>{}</title>
<metadata><origin xmlns="urn:whyfinder:origin">{}</origin></metadata>
{style}{body}</svg>
"#,
        millimetres(scene.width),
        millimetres(scene.height),
        Coordinate(scene.width),
        Coordinate(scene.height),
        escaped(title),
        escaped(origin),
    ))
}

/// `stand_ins`: families of the system that the shape's text takes signs from.
fn shape(
    body: &mut String,
    fonts: &Fonts,
    shape: &Shape,
    stand_ins: &[String],
) -> Result<(), FigureError> {
    // Writing to a string cannot fail.
    let _ = match shape {
        Shape::Rect {
            x,
            y,
            width,
            height,
            fill,
        } => writeln!(
            body,
            r#"<rect x="{}" y="{}" width="{}" height="{}"{}/>"#,
            Coordinate(*x),
            Coordinate(*y),
            Coordinate(*width),
            Coordinate(*height),
            painted("fill", *fill)
        ),
        Shape::Path {
            points,
            closed,
            fill,
            stroke,
        } => {
            let mut data = String::new();
            for (i, [x, y]) in points.iter().enumerate() {
                let _ = write!(
                    data,
                    "{}{} {}",
                    if i == 0 { "M" } else { "L" },
                    Coordinate(*x),
                    Coordinate(*y)
                );
            }
            if *closed {
                data.push('Z');
            }
            let fill = fill.map_or(r#" fill="none""#.to_string(), |f| painted("fill", f));
            let stroke = stroke.map_or(String::new(), stroked);
            writeln!(body, r#"<path d="{data}"{fill}{stroke}/>"#)
        }
        Shape::Segments { lines, stroke } => {
            let mut data = String::new();
            for [[x, y], [to_x, to_y]] in lines {
                let _ = write!(
                    data,
                    "M{} {}L{} {}",
                    Coordinate(*x),
                    Coordinate(*y),
                    Coordinate(*to_x),
                    Coordinate(*to_y)
                );
            }
            writeln!(
                body,
                r#"<path d="{data}" fill="none"{}/>"#,
                stroked(*stroke)
            )
        }
        Shape::Text(text) => {
            let content = marked(fonts, text, stand_ins);
            writeln!(body, "{}", element(fonts, text, None, stand_ins, &content))
        }
        Shape::Image {
            x,
            y,
            width,
            height,
            image,
        } => writeln!(
            body,
            r#"<image x="{}" y="{}" width="{}" height="{}" preserveAspectRatio="none" style="image-rendering:pixelated" href="data:image/png;base64,{}"/>"#,
            Coordinate(*x),
            Coordinate(*y),
            Coordinate(*width),
            Coordinate(*height),
            BASE64.encode(raster::image_to_png(image)?)
        ),
    };
    Ok(())
}

fn painted(what: &str, colour: Colour) -> String {
    let [r, g, b, a] = colour;
    let opacity = if a == 255 {
        String::new()
    } else {
        format!(r#" {what}-opacity="{:.3}""#, f32::from(a) / 255.0)
    };
    format!(r##" {what}="#{r:02x}{g:02x}{b:02x}"{opacity}"##)
}

fn stroked(stroke: Stroke) -> String {
    let dash = if stroke.dash == [0.0; 2] {
        String::new()
    } else {
        let [on, off] = stroke.dash.map(Coordinate);
        format!(r#" stroke-dasharray="{on} {off}""#)
    };
    format!(
        r#"{} stroke-width="{}"{dash}"#,
        painted("stroke", stroke.colour),
        Coordinate(stroke.width)
    )
}

/// One line of text as an element.
pub(crate) fn text_element(fonts: &Fonts, text: &Text, id: Option<&str>) -> String {
    element(fonts, text, id, &[], &marked(fonts, text, &[]))
}

/// As [`text_element`], in one run.
pub(crate) fn plain_text_element(fonts: &Fonts, text: &Text) -> String {
    element(fonts, text, None, &[], &escaped(&text.text))
}

fn element(
    fonts: &Fonts,
    text: &Text,
    id: Option<&str>,
    stand_ins: &[String],
    content: &str,
) -> String {
    let Text { x, y, look, .. } = text;
    let anchor = match look.anchor {
        Anchor::Start => "",
        Anchor::Middle => r#" text-anchor="middle""#,
        Anchor::End => r#" text-anchor="end""#,
    };
    let turn = if look.turned == 0.0 {
        String::new()
    } else {
        format!(
            r#" transform="rotate({} {} {})""#,
            Coordinate(look.turned),
            Coordinate(*x),
            Coordinate(*y)
        )
    };
    let id = id.map_or(String::new(), |id| format!(r#" id="{id}""#));
    format!(
        r#"<text{id} x="{}" y="{}" {} font-size="{}"{}{anchor}{turn} xml:space="preserve">{content}</text>"#,
        Coordinate(*x),
        Coordinate(*y),
        fonts.attributes(look.face, stand_ins),
        Coordinate(look.size),
        painted("fill", look.colour),
    )
}

/// The text in its runs, each with its own place where there is more than one.
fn marked(fonts: &Fonts, line: &Text, stand_ins: &[String]) -> String {
    let Text { x, look, text, .. } = line;
    let runs = runs(fonts, text, look.face);
    if let [(face, run)] = runs.as_slice()
        && *face == look.face
    {
        return escaped(run);
    }
    let of = |face: Face| TextLook { face, ..*look };
    let widths: Vec<f32> = runs
        .iter()
        .map(|(face, run)| fonts.width(run, of(*face)))
        .collect();
    let mut left = match look.anchor {
        Anchor::Start => *x,
        Anchor::Middle => x - widths.iter().sum::<f32>() / 2.0,
        Anchor::End => x - widths.iter().sum::<f32>(),
    };
    let mut content = String::new();
    for ((face, run), width) in runs.iter().zip(widths) {
        // Writing to a string cannot fail.
        let _ = write!(
            content,
            r#"<tspan x="{}" text-anchor="start" {}>{}</tspan>"#,
            Coordinate(left),
            fonts.attributes(*face, stand_ins),
            escaped(run)
        );
        left += width;
    }
    content
}

/// A coordinate to a thousandth of a point, without trailing zeros.
struct Coordinate(f32);

impl std::fmt::Display for Coordinate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let thousandths = (f64::from(self.0) * 1000.0).round();
        write!(f, "{}", thousandths / 1000.0)
    }
}

/// Text safe inside elements and attributes; characters that XML 1.0 does not know become `�`.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\t' | '\n' | '\r' => safe.push(c),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_is_harmless() {
        assert_eq!(
            escaped("<a & \"b\">\u{1}"),
            "&lt;a &amp; &quot;b&quot;&gt;\u{fffd}"
        );
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!(Coordinate(12.0).to_string(), "12");
        assert_eq!(Coordinate(1.0 / 3.0).to_string(), "0.333");
    }
}
