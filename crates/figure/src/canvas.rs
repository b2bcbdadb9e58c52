//! An SVG being drawn.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use whyfinder_paint::{Colour, Image, Theme};

use crate::{FigureError, fonts, raster};

/// A finished figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Svg {
    pub text: String,
    /// In user units: pixels at scale 1.
    pub width: f32,
    pub height: f32,
    /// The experiment as JSON, which the text also holds as metadata.
    pub experiment: String,
}

/// Typefaces of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    Sans,
    SansBold,
    Mono,
    MonoBold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a line of text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TextLook {
    pub(crate) face: Face,
    pub(crate) size: f32,
    pub(crate) colour: Colour,
    pub(crate) anchor: Anchor,
    /// Degrees, clockwise, about the text's anchor.
    pub(crate) turned: f32,
}

impl TextLook {
    pub(crate) fn new(face: Face, size: f32, colour: Colour) -> Self {
        Self {
            face,
            size,
            colour,
            anchor: Anchor::Start,
            turned: 0.0,
        }
    }

    pub(crate) fn anchored(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    pub(crate) fn turned(self, turned: f32) -> Self {
        Self { turned, ..self }
    }
}

/// Collects shapes; units are pixels at scale 1, y down.
#[derive(Debug)]
pub(crate) struct Canvas {
    pub(crate) theme: Theme,
    body: String,
    gradients: usize,
}

impl Canvas {
    pub(crate) fn new(theme: Theme) -> Self {
        Self {
            theme,
            body: String::new(),
            gradients: 0,
        }
    }

    pub(crate) fn rect(&mut self, x: f32, y: f32, width: f32, height: f32, fill: Colour) {
        self.push(format_args!(
            r#"<rect x="{}" y="{}" width="{}" height="{}" fill="{}"/>"#,
            Coordinate(x),
            Coordinate(y),
            Coordinate(width),
            Coordinate(height),
            hex(fill)
        ));
    }

    pub(crate) fn outline(
        &mut self,
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        stroke: Colour,
        thickness: f32,
    ) {
        self.push(format_args!(
            r#"<rect x="{}" y="{}" width="{}" height="{}" fill="none" stroke="{}" stroke-width="{}"/>"#,
            Coordinate(x),
            Coordinate(y),
            Coordinate(width),
            Coordinate(height),
            hex(stroke),
            Coordinate(thickness)
        ));
    }

    pub(crate) fn line(&mut self, from: [f32; 2], to: [f32; 2], stroke: Colour, thickness: f32) {
        self.push(format_args!(
            r#"<path d="M{} {}L{} {}" stroke="{}" stroke-width="{}"/>"#,
            Coordinate(from[0]),
            Coordinate(from[1]),
            Coordinate(to[0]),
            Coordinate(to[1]),
            hex(stroke),
            Coordinate(thickness)
        ));
    }

    /// One line of text; `y` is its baseline.
    pub(crate) fn text(&mut self, x: f32, y: f32, look: TextLook, text: &str) {
        let TextLook {
            size,
            colour,
            turned,
            ..
        } = look;
        let anchor = match look.anchor {
            Anchor::Start => "",
            Anchor::Middle => r#" text-anchor="middle""#,
            Anchor::End => r#" text-anchor="end""#,
        };
        let turn = if turned == 0.0 {
            String::new()
        } else {
            format!(
                r#" transform="rotate({} {} {})""#,
                Coordinate(turned),
                Coordinate(x),
                Coordinate(y)
            )
        };
        let content = match look.face {
            Face::Mono | Face::MonoBold => marked(x, look, text),
            Face::Sans | Face::SansBold => escaped(text),
        };
        self.push(format_args!(
            r#"<text x="{}" y="{}" {} font-size="{}" fill="{}"{anchor}{turn} xml:space="preserve">{content}</text>"#,
            Coordinate(x),
            Coordinate(y),
            look.face.attributes(),
            Coordinate(size),
            hex(colour),
        ));
    }

    /// A picture with its cells kept sharp.
    pub(crate) fn image(
        &mut self,
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        image: &Image,
    ) -> Result<(), FigureError> {
        let png = BASE64.encode(raster::image_to_png(image)?);
        self.push(format_args!(
            r#"<image x="{}" y="{}" width="{}" height="{}" preserveAspectRatio="none" style="image-rendering:pixelated" href="data:image/png;base64,{png}"/>"#,
            Coordinate(x),
            Coordinate(y),
            Coordinate(width),
            Coordinate(height)
        ));
        Ok(())
    }

    /// A rectangle that runs through colours from left to right.
    pub(crate) fn gradient(&mut self, x: f32, y: f32, width: f32, height: f32, colours: &[Colour]) {
        let id = self.gradients;
        self.gradients += 1;
        let mut stops = String::new();
        let last = colours.len().saturating_sub(1).max(1) as f32;
        for (i, &colour) in colours.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = write!(
                stops,
                r#"<stop offset="{}" stop-color="{}"/>"#,
                Coordinate(i as f32 / last),
                hex(colour)
            );
        }
        self.push(format_args!(
            r#"<linearGradient id="bar{id}">{stops}</linearGradient>"#
        ));
        self.push(format_args!(
            r##"<rect x="{}" y="{}" width="{}" height="{}" rx="1" fill="url(#bar{id})"/>"##,
            Coordinate(x),
            Coordinate(y),
            Coordinate(width),
            Coordinate(height)
        ));
    }

    /// The whole document, on the theme's ground. `title` is read aloud by screen readers; `experiment` is kept as
    /// metadata.
    pub(crate) fn finish(self, width: f32, height: f32, title: &str, experiment: &str) -> Svg {
        let (width, height) = (width.ceil(), height.ceil());
        let ground = hex(ground(self.theme));
        let title = escaped(title);
        let metadata = escaped(experiment);
        let body = self.body;
        let text = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">
<title>{title}</title>
<metadata><experiment xmlns="urn:whyfinder:experiment">{metadata}</experiment></metadata>
<rect width="{width}" height="{height}" fill="{ground}"/>
{body}</svg>
"#
        );
        Svg {
            text,
            width,
            height,
            experiment: experiment.to_string(),
        }
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.body, "{element}");
    }
}

/// What figures are drawn on: paper, or the window's background.
pub(crate) fn ground(theme: Theme) -> Colour {
    match theme {
        Theme::Dark => theme.background(),
        Theme::Light => theme.panel(),
    }
}

impl Face {
    fn attributes(self) -> &'static str {
        match self {
            Face::Sans => r#"font-family="Inter, sans-serif""#,
            Face::SansBold => r#"font-family="Inter, sans-serif" font-weight="600""#,
            Face::Mono => r#"font-family="JetBrains Mono, monospace""#,
            Face::MonoBold => r#"font-family="JetBrains Mono, monospace" font-weight="600""#,
        }
    }
}

/// Marks for white space, which the monospaced typeface lacks.
const MARKS: [char; 3] = ['␣', '⏎', '⇥'];

/// Monospaced text whose marks for white space come from the other typeface, and without ligatures, for `<|` must
/// stay what it is.
///
/// Renderers that miss one glyph set the whole line in another typeface, and shape neighbouring signs together,
/// unless each run has its own place.
fn marked(x: f32, look: TextLook, text: &str) -> String {
    let mut runs: Vec<(bool, String)> = Vec::new();
    for c in text.chars() {
        let mark = MARKS.contains(&c);
        let sign = |c: char| c.is_ascii_punctuation();
        match runs.last_mut() {
            Some((of_marks, run)) if *of_marks == mark && !(sign(c) && run.ends_with(sign)) => {
                run.push(c);
            }
            _ => runs.push((mark, c.to_string())),
        }
    }
    if let [(false, run)] = runs.as_slice() {
        return escaped(run);
    }
    let face = |mark: bool| TextLook {
        face: if mark { Face::Sans } else { look.face },
        ..look
    };
    let widths: Vec<f32> = runs
        .iter()
        .map(|(mark, run)| fonts::advance(run, face(*mark)))
        .collect();
    let mut left = match look.anchor {
        Anchor::Start => x,
        Anchor::Middle => x - widths.iter().sum::<f32>() / 2.0,
        Anchor::End => x - widths.iter().sum::<f32>(),
    };
    let mut content = String::new();
    for ((mark, run), width) in runs.iter().zip(widths) {
        // Writing to a string cannot fail.
        let _ = write!(
            content,
            r#"<tspan x="{}" text-anchor="start" {}>{}</tspan>"#,
            Coordinate(left),
            face(*mark).face.attributes(),
            escaped(run)
        );
        left += width;
    }
    content
}

/// A coordinate to a hundredth, without trailing zeros.
struct Coordinate(f32);

impl std::fmt::Display for Coordinate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hundredths = (f64::from(self.0) * 100.0).round();
        write!(f, "{}", hundredths / 100.0)
    }
}

fn hex(colour: Colour) -> String {
    format!("#{:02x}{:02x}{:02x}", colour[0], colour[1], colour[2])
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
        assert_eq!(Coordinate(1.0 / 3.0).to_string(), "0.33");
    }
}
