//! The parts of fonts that an SVG uses, inside the SVG, so that a browser shows what the preview shows.
//!
//! Typefaces of the system are inside too, but for those whose licence forbids it and those that join letters or move
//! marks: without the rules for that their letters would fall apart. These are only named.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use resvg::usvg::fontdb;
use skrifa::FontRef;
use skrifa::raw::TableProvider as _;
use skrifa::raw::types::Tag;
use subsetter::GlyphRemapper;

use crate::fonts::Fonts;
use crate::scene::Scene;
use crate::typeset::{self, PlacedGlyph};

/// Parts of an em that letters are moved together or apart at most; what is moved further is no kerning.
const MOST_KERNED: f32 = 0.35;

/// What a document's text takes of one face.
#[derive(Debug, Default)]
struct Used {
    /// Which glyph stands for a character.
    glyphs: BTreeMap<char, u16>,
    /// How far the second of two characters is moved, in the font's units.
    kerning: BTreeMap<(char, char), i16>,
    /// Glyphs stand that no character has by itself.
    shaped: bool,
}

/// What an SVG says of its fonts.
#[derive(Debug, Default)]
pub(crate) struct SvgFonts {
    /// `@font-face` rules; faces that cannot be taken apart are left to their names.
    pub(crate) rules: String,
    /// For each text of the scene, the families of the system that stand in.
    pub(crate) stand_ins: Vec<Vec<String>>,
    /// Families of the system that are not inside.
    pub(crate) only_named: Vec<String>,
}

pub(crate) fn fonts_of(scene: &Scene, fonts: &Fonts) -> SvgFonts {
    let texts = scene.texts();
    let mut faces: Vec<(fontdb::ID, Used)> = Vec::new();
    let mut stand_ins = Vec::new();
    for line in typeset::glyphs(fonts, &texts) {
        take(fonts, &line, &mut faces);
        let mut families: Vec<String> = Vec::new();
        for glyph in line.iter().filter(|glyph| !fonts.is_own(glyph.font)) {
            let family = fonts.family_of(glyph.font);
            families.extend(family.filter(|family| !families.contains(family)));
        }
        stand_ins.push(families);
    }
    let (mut rules, mut only_named) = (String::new(), Vec::new());
    for (id, used) in &faces {
        let Some(face) = fonts.database().face(*id) else {
            continue;
        };
        let Some((family, _)) = face.families.first() else {
            continue;
        };
        let is_own = fonts.is_own(*id);
        let subset = |data: &[u8], index| {
            let may = is_own || !used.shaped && may_be_embedded(data, index);
            may.then(|| subset(data, index, used))?
        };
        let Some(bytes) = fonts.database().with_face_data(*id, subset).flatten() else {
            if !is_own && !only_named.contains(family) {
                only_named.push(family.clone());
            }
            continue;
        };
        let alone = fonts
            .database()
            .faces()
            .filter(|f| f.families.iter().any(|(name, _)| name == family))
            .count()
            == 1;
        // The only face of its family stands for all weights: nothing shall be thickened in its place.
        let weight = match alone {
            true => "1 1000".to_string(),
            false => face.weight.0.to_string(),
        };
        let kind = if bytes.starts_with(b"OTTO") {
            "otf"
        } else {
            "ttf"
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            rules,
            "@font-face{{font-family:'{}';font-weight:{weight};src:url(data:font/{kind};base64,{})}}",
            family.replace(['\'', '\\', '<', '&', '\n'], ""),
            BASE64.encode(bytes)
        );
    }
    SvgFonts {
        rules,
        stand_ins,
        only_named,
    }
}

/// Whether a font says that parts of it may be put into documents that can be edited (`fsType` of the OpenType
/// specification's `OS/2`).
fn may_be_embedded(data: &[u8], index: u32) -> bool {
    const USAGE: u16 = 0x000f;
    const EDITABLE: u16 = 0x0008;
    const NO_PARTS: u16 = 0x0100;
    const BITMAPS_ONLY: u16 = 0x0200;
    let kind = FontRef::from_index(data, index).and_then(|font| Ok(font.os2()?.fs_type()));
    kind.is_ok_and(|kind| {
        [0, EDITABLE].contains(&(kind & USAGE)) && kind & (NO_PARTS | BITMAPS_ONLY) == 0
    })
}

/// Notes the glyphs of one line.
fn take(fonts: &Fonts, line: &[PlacedGlyph], faces: &mut Vec<(fontdb::ID, Used)>) {
    let one = |glyph: &PlacedGlyph| {
        let mut signs = glyph.text.chars();
        signs.next().filter(|_| signs.next().is_none())
    };
    for (i, glyph) in line.iter().enumerate() {
        let place = faces.iter().position(|(id, _)| *id == glyph.font);
        let place = place.unwrap_or_else(|| {
            faces.push((glyph.font, Used::default()));
            faces.len() - 1
        });
        let used = &mut faces[place].1;
        let is_own = fonts.is_own(glyph.font);
        let Some(sign) = one(glyph) else {
            used.shaped = true;
            // Several letters in one glyph are shown one by one.
            for sign in glyph.text.chars() {
                if let Some(id) = fonts.glyph_of(glyph.font, sign) {
                    used.glyphs.entry(sign).or_insert(id);
                }
            }
            continue;
        };
        used.glyphs.entry(sign).or_insert(glyph.id);
        if !is_own {
            used.shaped |= fonts.glyph_of(glyph.font, sign) != Some(glyph.id);
            continue;
        }
        let next = line.get(i + 1).filter(|next| next.font == glyph.font);
        let Some((next, second)) = next.and_then(|next| Some((next, one(next)?))) else {
            continue;
        };
        let Some(back) = glyph.place.invert() else {
            continue;
        };
        let (x, y) = (next.place.tx, next.place.ty);
        let along = back.sx * x + back.kx * y + back.tx;
        let off = back.ky * x + back.sy * y + back.ty;
        let (advance, em) = fonts.advance_and_em(glyph.font, u32::from(glyph.id));
        let moved = along - advance;
        if off.abs() < 1.0 && moved.abs() < MOST_KERNED * em {
            used.kerning
                .entry((sign, second))
                .or_insert(moved.round() as i16);
        }
    }
}

/// A font of only these glyphs that can stand by itself: what is left for a PDF, with a map of characters, the measures
/// of the whole font, and the kerning of the pairs that occur.
fn subset(data: &[u8], index: u32, used: &Used) -> Option<Vec<u8>> {
    let whole = FontRef::from_index(data, index).ok()?;
    let mut remapper = GlyphRemapper::new();
    let glyphs: BTreeMap<char, u16> = used
        .glyphs
        .iter()
        .map(|(&sign, &id)| (sign, remapper.remap(id)))
        .collect();
    let bytes = subsetter::subset(data, index, &remapper).ok()?;
    let part = FontRef::new(&bytes).ok()?;
    let mut tables: BTreeMap<Tag, Vec<u8>> = BTreeMap::new();
    for record in part.table_directory().table_records() {
        let tag = record.tag();
        tables.insert(tag, part.table_data(tag)?.as_bytes().to_vec());
    }
    // Without it a browser takes none.
    whole.os2().ok()?;
    let measures = Tag::new(b"OS/2");
    tables.insert(measures, whole.table_data(measures)?.as_bytes().to_vec());
    tables.insert(Tag::new(b"cmap"), characters(&glyphs));
    let pairs: BTreeMap<(u16, u16), i16> = used
        .kerning
        .iter()
        .filter(|(_, moved)| **moved != 0)
        .filter_map(|((a, b), &moved)| Some(((*glyphs.get(a)?, *glyphs.get(b)?), moved)))
        .collect();
    if !pairs.is_empty() {
        tables.insert(Tag::new(b"kern"), kerning(&pairs));
    }
    Some(file(bytes.get(..4)?, &tables))
}

fn put16(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend((number as u16).to_be_bytes());
}

fn put32(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend((number as u32).to_be_bytes());
}

/// Search range, entry selector and range shift, as tables of `n` entries of this size begin.
fn put_search(bytes: &mut Vec<u8>, n: usize, size: usize) {
    let log = n.max(1).ilog2() as usize;
    let range = (1 << log) * size;
    put16(bytes, range);
    put16(bytes, log);
    put16(bytes, n * size - range);
}

/// Format 12 of the OpenType specification's `cmap`.
fn characters(glyphs: &BTreeMap<char, u16>) -> Vec<u8> {
    let mut table = Vec::new();
    for number in [0, 1, 3, 10] {
        put16(&mut table, number);
    }
    put32(&mut table, 12);
    put16(&mut table, 12);
    put16(&mut table, 0);
    put32(&mut table, 16 + 12 * glyphs.len());
    put32(&mut table, 0);
    put32(&mut table, glyphs.len());
    for (&sign, &glyph) in glyphs {
        put32(&mut table, sign as usize);
        put32(&mut table, sign as usize);
        put32(&mut table, usize::from(glyph));
    }
    table
}

/// Format 0 of the OpenType specification's `kern`.
fn kerning(pairs: &BTreeMap<(u16, u16), i16>) -> Vec<u8> {
    // The table's length is told in sixteen bits.
    let n = pairs.len().min(10_000);
    let mut table = Vec::new();
    for number in [0, 1, 0, 14 + 6 * n, 1, n] {
        put16(&mut table, number);
    }
    put_search(&mut table, n, 6);
    for (&(first, second), moved) in pairs.iter().take(n) {
        put16(&mut table, usize::from(first));
        put16(&mut table, usize::from(second));
        table.extend(moved.to_be_bytes());
    }
    table
}

/// A font file of these tables.
fn file(flavour: &[u8], tables: &BTreeMap<Tag, Vec<u8>>) -> Vec<u8> {
    let sum = |bytes: &[u8]| {
        bytes.chunks(4).fold(0u32, |sum, word| {
            let mut whole = [0; 4];
            whole[..word.len()].copy_from_slice(word);
            sum.wrapping_add(u32::from_be_bytes(whole))
        })
    };
    let mut head = flavour.to_vec();
    put16(&mut head, tables.len());
    put_search(&mut head, tables.len(), 16);
    let mut body: Vec<u8> = Vec::new();
    let first = 12 + 16 * tables.len();
    for (tag, table) in tables {
        let mut table = table.clone();
        if *tag == Tag::new(b"head") && table.len() >= 12 {
            // The sum over the whole file, which no reader asks for.
            table[8..12].fill(0);
        }
        head.extend(tag.to_be_bytes());
        put32(&mut head, sum(&table) as usize);
        put32(&mut head, first + body.len());
        put32(&mut head, table.len());
        body.extend(&table);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    head.extend(body);
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Anchor, Face, Shape, Text, TextLook};
    use crate::svg;
    use resvg::{tiny_skia, usvg};

    const INK: [u8; 4] = [0, 0, 0, 255];

    fn scene() -> Scene {
        let line = |y: f32, face: Face, text: &str| {
            Shape::Text(Text {
                x: 150.0,
                y,
                look: TextLook::new(face, 12.0, INK).anchored(Anchor::Middle),
                text: text.into(),
            })
        };
        Scene {
            width: 300.0,
            height: 110.0,
            ground: Some([255; 4]),
            shapes: vec![
                line(20.0, Face::Bold, "AVATAR To We: effect −0.31 ± 0.02"),
                line(
                    40.0,
                    Face::Plain,
                    "Tower, Yes; |effect| < 2 s.e. · Ωμέγα Łódź",
                ),
                line(60.0, Face::Mono, "␣Tower <|bos|> fi != =>"),
                line(80.0, Face::MonoBold, "␣vane*"),
                line(100.0, Face::Plain, "office, 3 × 3"),
            ],
            panels: Vec::new(),
        }
    }

    /// The fonts of a document and no others, by the names that its rules give them.
    fn inside(document: &str) -> fontdb::Database {
        let mut database = fontdb::Database::new();
        for rule in document.split("@font-face{font-family:'").skip(1) {
            let (family, rest) = rule.split_once('\'').expect("a name");
            let (_, rest) = rest.split_once("font-weight:").expect("a weight");
            let (weight, rest) = rest.split_once(';').expect("it ends");
            let (_, rest) = rest.split_once("base64,").expect("a font");
            let (data, _) = rest.split_once(')').expect("it ends");
            let data = BASE64.decode(data).expect("base 64");
            let source = fontdb::Source::Binary(std::sync::Arc::new(data));
            for id in database.load_font_source(source) {
                let mut face = database.face(id).expect("loaded").clone();
                database.remove_face(id);
                face.families[0].0 = family.to_string();
                face.weight = fontdb::Weight(weight.parse().unwrap_or(400));
                database.push_face_info(face);
            }
        }
        database
    }

    fn drawn(document: &str, options: &usvg::Options<'_>) -> tiny_skia::Pixmap {
        let tree = usvg::Tree::from_str(document, options).expect("an SVG");
        let mut pixels = tiny_skia::Pixmap::new(1200, 440).expect("a picture");
        let whole = tiny_skia::Transform::from_scale(
            1200.0 / tree.size().width(),
            440.0 / tree.size().height(),
        );
        resvg::render(&tree, whole, &mut pixels.as_mut());
        pixels
    }

    #[test]
    fn a_renderer_with_no_other_fonts_draws_the_same() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../assets/fonts/Inter-Medium.otf"
        );
        for name in ["sans", "serif", file] {
            let fonts = Fonts::named(name).expect("a font");
            let document = svg::document(&scene(), &fonts, "", "", true).expect("written");
            let alone = inside(&document);
            assert!(alone.len() >= 3, "{}", alone.len());
            assert!(document.len() < 60_000, "{} bytes", document.len());
            let expected = drawn(&document, &fonts.options());
            let options = usvg::Options {
                fontdb: std::sync::Arc::new(alone),
                ..usvg::Options::default()
            };
            let found = drawn(&document, &options);
            let apart = expected.data().iter().zip(found.data());
            let apart = apart.filter(|(a, b)| a.abs_diff(**b) > 40).count();
            let share = apart as f32 / expected.data().len() as f32;
            assert!(share < 2e-3, "{name}: {share} of the picture differs");
        }
    }

    /// Inter with one typeface of the system behind it, whose file may say what may be done with it.
    fn with_one_of_the_system(folder: &std::path::Path, kind: u16) -> Fonts {
        let file = |name: &str| {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/fonts/");
            std::fs::read(format!("{folder}{name}")).expect("bundled")
        };
        let mut database = fontdb::Database::new();
        database.load_font_data(file("Inter-Regular.otf"));
        let mut bytes = file("JetBrainsMono-Regular.ttf");
        let font = FontRef::new(&bytes).expect("a font");
        let records = font.table_directory().table_records();
        let record = records.iter().find(|r| r.tag() == Tag::new(b"OS/2"));
        let at = record.expect("it has one").offset() as usize + 8;
        bytes[at..at + 2].copy_from_slice(&kind.to_be_bytes());
        let path = folder.join("system.ttf");
        std::fs::write(&path, bytes).expect("writes");
        database.load_font_file(&path).expect("a font");
        Fonts::of(database, "Inter")
    }

    fn only(text: &str) -> Scene {
        Scene {
            shapes: vec![Shape::Text(Text {
                x: 10.0,
                y: 20.0,
                look: TextLook::new(Face::Plain, 12.0, INK),
                text: text.into(),
            })],
            ..scene()
        }
    }

    #[test]
    fn a_typeface_of_the_system_is_inside_where_it_may_be() {
        let folder = tempfile::tempdir().expect("a folder");
        // A sign that Inter lacks, as it is and where two become another glyph.
        for (kind, text, inside_too) in [
            (0x0000, "box \u{256c}", true),
            (0x0008, "box \u{256c}", true),
            (0x0002, "box \u{256c}", false),
            (0x0004, "box \u{256c}", false),
            (0x0100, "box \u{256c}", false),
            (0x0208, "box \u{256c}", false),
        ] {
            let fonts = with_one_of_the_system(folder.path(), kind);
            let scene = only(text);
            let found = fonts_of(&scene, &fonts);
            assert_eq!(found.stand_ins, [["JetBrains Mono".to_string()]]);
            assert_eq!(found.only_named.is_empty(), inside_too, "{kind:#x}");
            let document = svg::document(&scene, &fonts, "", "", true).expect("written");
            assert!(
                document.contains("'Inter', 'JetBrains Mono', "),
                "{document:.2000}"
            );
            let has = inside(&document);
            let signs = has
                .faces()
                .filter(|face| crate::fallback::has(&has, face.id, '\u{256c}'));
            assert_eq!(signs.count(), usize::from(inside_too), "{kind:#x}");
        }
    }
}
