//! Shapes as the operators of a page.

use std::sync::Arc;

use pdf_writer::{Content, Filter, Finish, Name, Pdf, Ref, Str, TextStr};
use resvg::usvg::tiny_skia_path::Transform;
use whyfinder_paint::{Colour, Image};

use super::embedded_fonts::EmbeddedFonts;
use super::{Numbers, packed};
use crate::scene::{Scene, Shape, Stroke, Text};
use crate::typeset::PlacedGlyph;

/// What the page needs beside its content, in the order of their names.
#[derive(Debug, Default)]
pub(super) struct Resources {
    /// I0, I1, …
    pub(super) pictures: Vec<Arc<Image>>,
    /// G0, G1, …: opacities of 0 to 255.
    pub(super) opacities: Vec<u8>,
}

/// The page's operators, packed by the caller, and what they refer to.
pub(super) fn write(
    scene: &Scene,
    texts: &[&Text],
    lines: &[Vec<PlacedGlyph>],
    fonts: &EmbeddedFonts,
) -> (Vec<u8>, Resources) {
    let mut page = Page {
        content: Content::new(),
        resources: Resources::default(),
        opacity: 255,
        fonts,
    };
    // From y down to y up.
    page.content
        .transform([1.0, 0.0, 0.0, -1.0, 0.0, scene.height]);
    if let Some(ground) = scene.ground {
        page.filled(ground);
        page.content
            .rect(0.0, 0.0, scene.width, scene.height)
            .fill_nonzero();
    }
    let mut set = texts.iter().zip(lines);
    for shape in &scene.shapes {
        match shape {
            Shape::Text(_) => {
                if let Some((text, glyphs)) = set.next() {
                    page.text(text, glyphs);
                }
            }
            shape => page.shape(shape),
        }
    }
    (page.content.finish().into_vec(), page.resources)
}

struct Page<'a> {
    content: Content,
    resources: Resources,
    opacity: u8,
    fonts: &'a EmbeddedFonts,
}

impl Page<'_> {
    fn shape(&mut self, shape: &Shape) {
        match shape {
            Shape::Rect {
                x,
                y,
                width,
                height,
                fill,
            } => {
                self.filled(*fill);
                self.content.rect(*x, *y, *width, *height).fill_nonzero();
            }
            Shape::Path {
                points,
                closed,
                fill,
                stroke,
            } => {
                if let Some(fill) = fill {
                    self.filled(*fill);
                    self.outline(points, *closed);
                    self.content.fill_nonzero();
                }
                if let Some(stroke) = stroke {
                    self.stroked(*stroke);
                    self.outline(points, *closed);
                    self.content.stroke();
                }
            }
            Shape::Segments { lines, stroke } => {
                self.stroked(*stroke);
                for [from, to] in lines {
                    self.content.move_to(from[0], from[1]).line_to(to[0], to[1]);
                }
                self.content.stroke();
            }
            Shape::Image {
                x,
                y,
                width,
                height,
                image,
            } => {
                self.opaque(255);
                let name = format!("I{}", self.resources.pictures.len());
                self.resources.pictures.push(Arc::clone(image));
                self.content.save_state();
                self.content
                    .transform([*width, 0.0, 0.0, -*height, *x, y + height]);
                self.content.x_object(Name(name.as_bytes()));
                self.content.restore_state();
            }
            Shape::Text(_) => {}
        }
    }

    fn outline(&mut self, points: &[[f32; 2]], closed: bool) {
        for (i, &[x, y]) in points.iter().enumerate() {
            if i == 0 {
                self.content.move_to(x, y);
            } else {
                self.content.line_to(x, y);
            }
        }
        if closed {
            self.content.close_path();
        }
    }

    fn filled(&mut self, colour: Colour) {
        self.opaque(colour[3]);
        let [r, g, b, _] = colour.map(|c| f32::from(c) / 255.0);
        self.content.set_fill_rgb(r, g, b);
    }

    fn stroked(&mut self, stroke: Stroke) {
        self.opaque(stroke.colour[3]);
        let [r, g, b, _] = stroke.colour.map(|c| f32::from(c) / 255.0);
        self.content.set_stroke_rgb(r, g, b);
        self.content.set_line_width(stroke.width);
        let dash = stroke.dash.into_iter().filter(|d| *d > 0.0);
        self.content.set_dash_pattern(dash, 0.0);
    }

    fn opaque(&mut self, opacity: u8) {
        if self.opacity == opacity {
            return;
        }
        self.opacity = opacity;
        let known = &mut self.resources.opacities;
        let place = known.iter().position(|o| *o == opacity).unwrap_or_else(|| {
            known.push(opacity);
            known.len() - 1
        });
        self.content
            .set_parameters(Name(format!("G{place}").as_bytes()));
    }

    /// One line. Where its glyphs do not stand for all of the text, it is said beside them. Their order from left to
    /// right is left to the reader, which puts scripts from right to left in order by itself, and would do so twice.
    fn text(&mut self, text: &Text, glyphs: &[PlacedGlyph]) {
        if glyphs.is_empty() {
            return;
        }
        self.filled(text.look.colour);
        let sorted = |text: &mut dyn Iterator<Item = char>| {
            let mut all: Vec<char> = text.collect();
            all.sort_unstable();
            all
        };
        let read = sorted(&mut glyphs.iter().flat_map(|g| g.text.chars()));
        let said = read != sorted(&mut text.text.chars());
        if said {
            let mut mark = self
                .content
                .begin_marked_content_with_properties(Name(b"Span"));
            mark.properties().actual_text(TextStr(&text.text));
            mark.finish();
        }
        self.content.begin_text();
        let mut rest = glyphs;
        while let Some(first) = rest.first() {
            let run = run_length(self.fonts, rest);
            self.run(first, &rest[..run]);
            rest = &rest[run..];
        }
        self.content.end_text();
        if said {
            self.content.end_marked_content();
        }
    }

    fn run(&mut self, first: &PlacedGlyph, glyphs: &[PlacedGlyph]) {
        let Some((face, _)) = self.fonts.find(first) else {
            return;
        };
        let matrix = text_matrix(self.fonts, face, first);
        self.content
            .set_font(Name(format!("F{face}").as_bytes()), 1.0);
        self.content.set_text_matrix(row(matrix));
        let mut shown = self.content.show_positioned();
        let mut items = shown.items();
        // Where the pen stands after what was shown, in sizes along the line.
        let mut pen = 0.0;
        for glyph in glyphs {
            let (Some((_, id)), Some(at)) = (self.fonts.find(glyph), along(matrix, glyph)) else {
                continue;
            };
            let gap = (at[0] - pen) * 1000.0;
            if gap.abs() > 0.5 {
                items.adjust(-gap);
            }
            items.show(Str(&id.to_be_bytes()));
            pen = at[0] + self.fonts.faces[face].width(id) / 1000.0;
        }
    }
}

/// How many glyphs from the first on can be shown in one go: of one face, on one line, and forward.
fn run_length(fonts: &EmbeddedFonts, glyphs: &[PlacedGlyph]) -> usize {
    let Some((face, _)) = glyphs.first().and_then(|g| fonts.find(g)) else {
        return 1;
    };
    let matrix = text_matrix(fonts, face, &glyphs[0]);
    let same = |glyph: &&PlacedGlyph| {
        fonts.find(glyph).is_some_and(|(other, _)| other == face)
            && along(matrix, glyph).is_some_and(|[_, off]| off.abs() < 1e-3)
            && alike(matrix, text_matrix(fonts, face, glyph))
    };
    1 + glyphs[1..].iter().take_while(same).count()
}

fn text_matrix(fonts: &EmbeddedFonts, face: usize, glyph: &PlacedGlyph) -> Transform {
    let em = fonts.faces[face].units_per_em;
    glyph.place.pre_concat(Transform::from_scale(em, em))
}

/// Where a glyph starts, in sizes along and off the line of a matrix.
fn along(matrix: Transform, glyph: &PlacedGlyph) -> Option<[f32; 2]> {
    let back = matrix.invert()?;
    let (x, y) = (glyph.place.tx, glyph.place.ty);
    Some([
        back.sx * x + back.kx * y + back.tx,
        back.ky * x + back.sy * y + back.ty,
    ])
}

fn alike(a: Transform, b: Transform) -> bool {
    let close = |a: f32, b: f32| (a - b).abs() < 1e-4;
    close(a.sx, b.sx) && close(a.sy, b.sy) && close(a.kx, b.kx) && close(a.ky, b.ky)
}

fn row(t: Transform) -> [f32; 6] {
    [t.sx, t.ky, t.kx, t.sy, t.tx, t.ty]
}

/// A picture whose pixels stay sharp; with a mask where it is not opaque.
pub(super) fn picture(pdf: &mut Pdf, numbers: &mut Numbers, id: Ref, image: &Image) {
    let colours: Vec<u8> = image
        .pixels
        .iter()
        .flat_map(|p| [p[0], p[1], p[2]])
        .collect();
    let clear = image.pixels.iter().any(|p| p[3] < 255);
    let mask = clear.then(|| numbers.next());
    let [width, height] = [image.width, image.height].map(|n| i32::try_from(n).unwrap_or(i32::MAX));
    let bytes = packed(&colours);
    let mut writer = pdf.image_xobject(id, &bytes);
    writer.filter(Filter::FlateDecode);
    writer
        .width(width)
        .height(height)
        .bits_per_component(8)
        .interpolate(false);
    writer.color_space().device_rgb();
    if let Some(mask) = mask {
        writer.s_mask(mask);
    }
    writer.finish();
    if let Some(mask) = mask {
        let alphas: Vec<u8> = image.pixels.iter().map(|p| p[3]).collect();
        let bytes = packed(&alphas);
        let mut writer = pdf.image_xobject(mask, &bytes);
        writer.filter(Filter::FlateDecode);
        writer
            .width(width)
            .height(height)
            .bits_per_component(8)
            .interpolate(false);
        writer.color_space().device_gray();
    }
}
