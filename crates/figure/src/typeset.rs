//! Which glyphs a line of text becomes and where they stand, as resvg draws them.

use resvg::usvg::{self, fontdb, tiny_skia_path::Transform};

use crate::fonts::Fonts;
use crate::scene::{Face, Text, TextLook};
use crate::svg;

/// A glyph with its place on the page.
#[derive(Clone, Debug)]
pub(crate) struct PlacedGlyph {
    pub(crate) font: fontdb::ID,
    pub(crate) id: u16,
    /// From the font's own units, y up, to the page.
    pub(crate) place: Transform,
    /// What it stands for.
    pub(crate) text: String,
}

/// The glyphs of each text, in the order of the texts.
pub(crate) fn glyphs(fonts: &Fonts, texts: &[&Text]) -> Vec<Vec<PlacedGlyph>> {
    let mut placed = vec![Vec::new(); texts.len()];
    let mut body = String::new();
    for (i, text) in texts.iter().enumerate() {
        body.push_str(&svg::text_element(fonts, text, Some(&format!("t{i}"))));
    }
    let Some(tree) = tree(fonts, &body) else {
        return placed;
    };
    collect(tree.root(), &mut |text| {
        let index = text
            .id()
            .strip_prefix('t')
            .and_then(|i| i.parse::<usize>().ok());
        let Some(line) = index.and_then(|i| placed.get_mut(i)) else {
            return;
        };
        let page = text.abs_transform();
        for glyph in text
            .layouted()
            .iter()
            .flat_map(|span| &span.positioned_glyphs)
        {
            line.push(PlacedGlyph {
                font: glyph.font,
                // Fonts have at most 65 535 glyphs.
                id: u16::try_from(glyph.id.0).unwrap_or(0),
                place: page.pre_concat(glyph.outline_transform()),
                text: glyph.text.clone(),
            });
        }
    });
    placed
}

/// Width of a line per point of its size, spaces at its ends included.
pub(crate) fn advance(fonts: &Fonts, text: &str, face: Face) -> f32 {
    const SIZE: f32 = 100.0;
    // A bar at both ends, for spaces at the ends move nothing else. Bars may come from a typeface that stands in, with
    // bars of another width.
    let look = TextLook::new(face, SIZE, [0, 0, 0, 255]);
    let between = Text {
        x: 0.0,
        y: 0.0,
        look,
        text: format!("|{text}|"),
    };
    let plain = svg::plain_text_element(fonts, &between);
    let mut bars: Vec<(f32, f32)> = Vec::new();
    if let Some(tree) = tree(fonts, &plain) {
        collect(tree.root(), &mut |text| {
            let glyphs = text.layouted().iter().flat_map(|s| &s.positioned_glyphs);
            for glyph in glyphs.filter(|g| g.text == "|") {
                let left = text.abs_transform().pre_concat(glyph.transform()).tx;
                bars.push((left, SIZE * fonts.advance_of(glyph.font, glyph.id.0)));
            }
        });
    }
    let first = bars.iter().copied().min_by(|a, b| a.0.total_cmp(&b.0));
    let last = bars.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0));
    match (first, last) {
        (Some(first), Some(last)) if bars.len() > 1 => (last.0 - first.0 - first.1) / SIZE,
        _ => text.chars().count() as f32 * 0.6,
    }
}

/// Characters of `text` that no font has.
pub(crate) fn missing(fonts: &Fonts, text: &str) -> Vec<char> {
    let look = TextLook::new(Face::Plain, 10.0, [0, 0, 0, 255]);
    // Each in a line of its own: neighbours must not join.
    let lines: Vec<Text> = text
        .chars()
        .map(|c| Text {
            x: 0.0,
            y: 0.0,
            look,
            text: c.to_string(),
        })
        .collect();
    let texts: Vec<&Text> = lines.iter().collect();
    let placed = glyphs(fonts, &texts);
    text.chars()
        .zip(placed)
        .filter(|(_, glyphs)| glyphs.is_empty() || glyphs.iter().any(|g| g.id == 0))
        .map(|(c, _)| c)
        .collect()
}

fn tree(fonts: &Fonts, body: &str) -> Option<usvg::Tree> {
    let document = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="1000" height="1000">{body}</svg>"#
    );
    usvg::Tree::from_str(&document, &fonts.options()).ok()
}

fn collect(group: &usvg::Group, found: &mut impl FnMut(&usvg::Text)) {
    for node in group.children() {
        match node {
            usvg::Node::Text(text) => found(text),
            usvg::Node::Group(inner) => collect(inner, found),
            _ => {}
        }
    }
}
