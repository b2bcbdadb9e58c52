//! The parts of fonts that a page uses.

use std::collections::BTreeMap;

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Filter, Finish, Name, Pdf, Rect, Ref, Str};
use resvg::usvg::fontdb;
use skrifa::instance::{LocationRef, Size};
use skrifa::raw::types::Tag;
use skrifa::{FontRef, MetadataProvider};
use subsetter::GlyphRemapper;

use super::{Numbers, packed};
use crate::FigureError;
use crate::fonts::Fonts;
use crate::typeset::PlacedGlyph;

const IDENTITY: SystemInfo = SystemInfo {
    registry: Str(b"Adobe"),
    ordering: Str(b"Identity"),
    supplement: 0,
};

/// All faces of a page, in the order of their names F0, F1, …
#[derive(Debug)]
pub(super) struct EmbeddedFonts {
    pub(super) faces: Vec<EmbeddedFace>,
}

#[derive(Debug)]
pub(super) struct EmbeddedFace {
    id: fontdb::ID,
    /// Old glyphs to new ones.
    glyphs: BTreeMap<u16, u16>,
    /// By new glyph, in thousandths of the size.
    widths: Vec<f32>,
    texts: BTreeMap<u16, String>,
    pub(super) units_per_em: f32,
    name: String,
    /// An OpenType font with TrueType outlines, or a bare CFF table.
    program: Vec<u8>,
    truetype: bool,
    measures: Measures,
}

#[derive(Clone, Copy, Debug)]
struct Measures {
    ascent: f32,
    descent: f32,
    cap_height: f32,
    bounds: [f32; 4],
    monospaced: bool,
}

impl EmbeddedFonts {
    pub(super) fn of<'a>(
        fonts: &Fonts,
        glyphs: impl Iterator<Item = &'a PlacedGlyph>,
    ) -> Result<Self, FigureError> {
        let mut used: Vec<(fontdb::ID, BTreeMap<u16, String>)> = Vec::new();
        for glyph in glyphs {
            let place = used.iter().position(|(id, _)| *id == glyph.font);
            let place = place.unwrap_or_else(|| {
                used.push((glyph.font, BTreeMap::new()));
                used.len() - 1
            });
            let text = used[place].1.entry(glyph.id).or_default();
            if text.is_empty() {
                text.clone_from(&glyph.text);
            }
        }
        let faces = used
            .into_iter()
            .map(|(id, glyphs)| face(fonts.database(), id, glyphs))
            .collect::<Result<_, _>>()?;
        Ok(Self { faces })
    }

    /// The face's number and the glyph's number in it.
    pub(super) fn find(&self, glyph: &PlacedGlyph) -> Option<(usize, u16)> {
        let place = self.faces.iter().position(|f| f.id == glyph.font)?;
        Some((place, *self.faces[place].glyphs.get(&glyph.id)?))
    }

    pub(super) fn write(&self, pdf: &mut Pdf, numbers: &mut Numbers, refs: &[Ref]) {
        for (face, &id) in self.faces.iter().zip(refs) {
            face.write(pdf, numbers, id);
        }
    }
}

fn face(
    database: &fontdb::Database,
    id: fontdb::ID,
    used: BTreeMap<u16, String>,
) -> Result<EmbeddedFace, FigureError> {
    let info = database.face(id);
    let name = info.map_or_else(|| "Font".to_string(), |f| f.post_script_name.clone());
    let failed =
        |why: String| FigureError::Pdf(format!("the font {name} cannot be embedded ({why})"));
    let mut remapper = GlyphRemapper::new();
    let glyphs: BTreeMap<u16, u16> = used.keys().map(|&g| (g, remapper.remap(g))).collect();
    let made = database.with_face_data(id, |data, index| -> Result<_, String> {
        let font = FontRef::from_index(data, index).map_err(|e| e.to_string())?;
        let metrics = font.metrics(Size::unscaled(), LocationRef::default());
        let advances = font.glyph_metrics(Size::unscaled(), LocationRef::default());
        let units = f32::from(metrics.units_per_em);
        let share = |units_given: f32| units_given * 1000.0 / units;
        let mut widths = vec![0.0; usize::from(remapper.num_gids())];
        for (&old, &new) in glyphs.iter().chain([(&0, &0)]) {
            widths[usize::from(new)] =
                share(advances.advance_width(u32::from(old).into()).unwrap_or(0.0));
        }
        let subset = subsetter::subset(data, index, &remapper).map_err(|e| e.to_string())?;
        let cff = FontRef::new(&subset).ok().and_then(|f| {
            f.table_data(Tag::new(b"CFF "))
                .map(|t| t.as_bytes().to_vec())
        });
        let bounds = metrics.bounds.map_or([0.0, 0.0, 1000.0, 1000.0], |b| {
            [b.x_min, b.y_min, b.x_max, b.y_max].map(share)
        });
        let measures = Measures {
            ascent: share(metrics.ascent),
            descent: share(metrics.descent),
            cap_height: share(metrics.cap_height.unwrap_or(metrics.ascent)),
            bounds,
            monospaced: metrics.is_monospace,
        };
        let truetype = cff.is_none();
        Ok((units, widths, cff.unwrap_or(subset), truetype, measures))
    });
    let (units_per_em, widths, program, truetype, measures) = made
        .ok_or_else(|| failed("its file is gone".into()))?
        .map_err(failed)?;
    let texts = used
        .into_iter()
        .filter_map(|(old, text)| Some((*glyphs.get(&old)?, text)))
        .collect();
    Ok(EmbeddedFace {
        id,
        glyphs,
        widths,
        texts,
        units_per_em,
        name,
        program,
        truetype,
        measures,
    })
}

impl EmbeddedFace {
    /// The advance of a new glyph in thousandths of the size.
    pub(super) fn width(&self, glyph: u16) -> f32 {
        self.widths.get(usize::from(glyph)).copied().unwrap_or(0.0)
    }

    fn write(&self, pdf: &mut Pdf, numbers: &mut Numbers, id: Ref) {
        let [cid, descriptor, program, unicode] = std::array::from_fn(|_| numbers.next());
        let name = format!("{}+{}", tag(&self.program), self.name);
        let base = if self.truetype {
            name.clone()
        } else {
            format!("{name}-Identity-H")
        };
        pdf.type0_font(id)
            .base_font(Name(base.as_bytes()))
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(cid)
            .to_unicode(unicode);
        let mut font = pdf.cid_font(cid);
        font.subtype(if self.truetype {
            CidFontType::Type2
        } else {
            CidFontType::Type0
        });
        font.base_font(Name(name.as_bytes()));
        font.system_info(IDENTITY);
        font.font_descriptor(descriptor);
        font.default_width(0.0);
        if self.truetype {
            font.cid_to_gid_map_predefined(Name(b"Identity"));
        }
        font.widths().consecutive(0, self.widths.iter().copied());
        font.finish();

        let Measures {
            ascent,
            descent,
            cap_height,
            bounds: [left, bottom, right, top],
            monospaced,
        } = self.measures;
        let mut flags = FontFlags::SYMBOLIC;
        flags.set(FontFlags::FIXED_PITCH, monospaced);
        let mut writer = pdf.font_descriptor(descriptor);
        writer
            .name(Name(name.as_bytes()))
            .flags(flags)
            .bbox(Rect::new(left, bottom, right, top))
            .italic_angle(0.0)
            .ascent(ascent)
            .descent(descent)
            .cap_height(cap_height)
            .stem_v(80.0);
        if self.truetype {
            writer.font_file2(program);
        } else {
            writer.font_file3(program);
        }
        writer.finish();

        let bytes = packed(&self.program);
        let mut stream = pdf.stream(program, &bytes);
        stream.filter(Filter::FlateDecode);
        if !self.truetype {
            stream.pair(Name(b"Subtype"), Name(b"CIDFontType0C"));
        }
        stream.finish();

        let mut map = UnicodeCmap::new(Name(b"Custom"), IDENTITY);
        for (&glyph, text) in &self.texts {
            if !text.is_empty() {
                map.pair_with_multiple(glyph, text.chars());
            }
        }
        let bytes = packed(&map.finish());
        pdf.cmap(unicode, &bytes).filter(Filter::FlateDecode);
    }
}

/// Six capital letters that name a subset (PDF 1.7, 9.6.4).
fn tag(program: &[u8]) -> String {
    let hash = blake3::hash(program);
    hash.as_bytes()[..6]
        .iter()
        .map(|b| char::from(b'A' + b % 26))
        .collect()
}
