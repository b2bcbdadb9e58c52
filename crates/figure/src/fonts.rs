//! The typefaces of a figure, those of the system behind them, and how wide text is.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use resvg::usvg::{self, fontdb};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, GlyphId, MetadataProvider as _};
use whyfinder_experiment::OutsideFile;

use crate::fallback::{self, Found};
use crate::runs::runs;
use crate::scene::{Face, TextLook};
use crate::{FigureError, svg, typeset};

static BUNDLED: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    for bytes in [
        &include_bytes!("../../../assets/fonts/Inter-Regular.otf")[..],
        &include_bytes!("../../../assets/fonts/Inter-SemiBold.otf")[..],
        &include_bytes!("../../../assets/fonts/JetBrainsMono-Regular.ttf")[..],
        &include_bytes!("../../../assets/fonts/JetBrainsMono-SemiBold.ttf")[..],
        &include_bytes!("../../../assets/fonts/LiberationSerif-Regular.ttf")[..],
        &include_bytes!("../../../assets/fonts/LiberationSerif-Bold.ttf")[..],
    ] {
        fonts.load_font_data(bytes.to_vec());
    }
    // After the bundled ones, which are asked first, for the scripts that they lack.
    fonts.load_system_fonts();
    // Coloured pictures are no outlines: a PDF could not carry them as text.
    let emoji: Vec<fontdb::ID> = fonts
        .faces()
        .filter(|face| face.families.iter().any(|(name, _)| name.contains("Emoji")))
        .map(|face| face.id)
        .collect();
    for id in emoji {
        fonts.remove_face(id);
    }
    fonts.set_sans_serif_family("Inter");
    fonts.set_serif_family("Liberation Serif");
    fonts.set_monospace_family("JetBrains Mono");
    Arc::new(fonts)
});

/// Font files that were read, by path.
static FILES: LazyLock<Mutex<HashMap<String, Fonts>>> = LazyLock::new(Mutex::default);

/// Largest font file, bytes.
const LARGEST: u64 = 64 << 20;
/// Most widths that are remembered.
const REMEMBERED: usize = 50_000;

/// The typefaces of one figure.
#[derive(Clone)]
pub(crate) struct Fonts {
    database: Arc<fontdb::Database>,
    /// The family of words that are no tokens.
    family: String,
    /// What viewers without that family may take.
    instead: &'static str,
    widths: Arc<Mutex<HashMap<(Face, String), f32>>>,
    /// Which characters a face has by itself.
    covered: Arc<Mutex<HashMap<(Face, char), bool>>>,
    stand_ins: Found,
}

impl std::fmt::Debug for Fonts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fonts({})", self.family)
    }
}

impl Fonts {
    /// `sans`, `serif`, or the path of a TrueType or OpenType file.
    ///
    /// # Errors
    /// If the file cannot be read or is no font.
    pub(crate) fn named(name: &str) -> Result<Self, FigureError> {
        match name.trim() {
            "sans" | "" => {
                return Ok(Self::with(
                    &BUNDLED,
                    "Inter",
                    "Helvetica, Arial, sans-serif",
                ));
            }
            "serif" => {
                return Ok(Self::with(
                    &BUNDLED,
                    "Liberation Serif",
                    "Times New Roman, Times, serif",
                ));
            }
            _ => {}
        }
        let known = |files: &HashMap<String, Fonts>| files.get(name).cloned();
        if let Ok(files) = FILES.lock()
            && let Some(fonts) = known(&files)
        {
            return Ok(fonts);
        }
        let fonts = Self::from_file(name)?;
        if let Ok(mut files) = FILES.lock() {
            files.insert(name.to_string(), fonts.clone());
        }
        Ok(fonts)
    }

    fn from_file(path: &str) -> Result<Self, FigureError> {
        let error = |why: String| FigureError::Font {
            path: path.to_string(),
            why,
        };
        let failed = |e: std::io::Error| error(e.to_string());
        let file = OutsideFile::open(Path::new(path)).map_err(failed)?;
        if file.length() > LARGEST {
            return Err(error(format!(
                "it has more than the {} MiB that can be read",
                LARGEST >> 20
            )));
        }
        let bytes = file.read_to_end(LARGEST).map_err(failed)?;
        let mut database = (**BUNDLED).clone();
        let ids = database.load_font_source(fontdb::Source::Binary(Arc::new(bytes)));
        let mut face = ids
            .first()
            .and_then(|id| database.face(*id))
            .cloned()
            .ok_or_else(|| error("it is no TrueType or OpenType font".into()))?;
        let family = face
            .families
            .first()
            .map_or_else(|| face.post_script_name.clone(), |(name, _)| name.clone());
        // Whatever its weight, this face is the one that is meant, and none of the system's of the same name.
        let same: Vec<fontdb::ID> = database
            .faces()
            .filter(|f| f.families.iter().any(|(name, _)| *name == family))
            .map(|f| f.id)
            .collect();
        for id in same {
            database.remove_face(id);
        }
        face.weight = fontdb::Weight::NORMAL;
        face.style = fontdb::Style::Normal;
        database.push_face_info(face);
        Ok(Self::with(&Arc::new(database), &family, "sans-serif"))
    }

    fn with(database: &Arc<fontdb::Database>, family: &str, instead: &'static str) -> Self {
        Self {
            database: Arc::clone(database),
            family: family.to_string(),
            instead,
            widths: Arc::default(),
            covered: Arc::default(),
            stand_ins: Found::default(),
        }
    }

    /// Those of a test.
    #[cfg(test)]
    pub(crate) fn of(database: fontdb::Database, family: &str) -> Self {
        Self::with(&Arc::new(database), family, "sans-serif")
    }

    pub(crate) fn database(&self) -> &fontdb::Database {
        &self.database
    }

    pub(crate) fn options(&self) -> usvg::Options<'static> {
        usvg::Options {
            font_family: self.family.clone(),
            fontdb: Arc::clone(&self.database),
            font_resolver: fallback::resolver(Arc::clone(&self.stand_ins)),
            ..usvg::Options::default()
        }
    }

    /// Whether a face has a character by itself, without a typeface that stands in.
    pub(crate) fn has(&self, face: Face, c: char) -> bool {
        if c.is_ascii() {
            return true;
        }
        if let Ok(covered) = self.covered.lock()
            && let Some(&known) = covered.get(&(face, c))
        {
            return known;
        }
        let (family, weight) = match face {
            Face::Plain => (self.family.as_str(), 400),
            Face::Bold => (self.family.as_str(), 600),
            Face::Marks => ("Inter", 400),
            Face::Mono => ("JetBrains Mono", 400),
            Face::MonoBold => ("JetBrains Mono", 600),
        };
        let query = fontdb::Query {
            families: &[fontdb::Family::Name(family)],
            weight: fontdb::Weight(weight),
            ..fontdb::Query::default()
        };
        let id = self.database.query(&query);
        let has = id.is_some_and(|id| fallback::has(&self.database, id, c));
        if let Ok(mut covered) = self.covered.lock() {
            covered.insert((face, c), has);
        }
        has
    }

    /// Whether a face is bundled or the figure's own file, not one of the system's.
    pub(crate) fn is_own(&self, font: fontdb::ID) -> bool {
        let face = self.database.face(font);
        face.is_some_and(|face| matches!(face.source, fontdb::Source::Binary(_)))
    }

    /// The glyph that a font has for a character by itself.
    pub(crate) fn glyph_of(&self, font: fontdb::ID, c: char) -> Option<u16> {
        let read = |data: &[u8], index| FontRef::from_index(data, index).ok()?.charmap().map(c);
        let glyph = self.database.with_face_data(font, read).flatten()?;
        u16::try_from(glyph.to_u32()).ok()
    }

    /// How far a glyph moves what follows it, and the size of letters, both in the font's units.
    pub(crate) fn advance_and_em(&self, font: fontdb::ID, glyph: u32) -> (f32, f32) {
        let read = |data: &[u8], index| {
            let font = FontRef::from_index(data, index).ok()?;
            let em = font
                .metrics(Size::unscaled(), LocationRef::default())
                .units_per_em;
            Some(f32::from(em))
        };
        let em = self
            .database
            .with_face_data(font, read)
            .flatten()
            .unwrap_or(1000.0);
        (self.advance_of(font, glyph) * em, em)
    }

    /// How far a glyph moves what follows it, in parts of the size; 0 where the font cannot be read.
    pub(crate) fn advance_of(&self, font: fontdb::ID, glyph: u32) -> f32 {
        let read = |data: &[u8], index| {
            let font = FontRef::from_index(data, index).ok()?;
            let metrics = font.glyph_metrics(Size::new(1.0), LocationRef::default());
            metrics.advance_width(GlyphId::new(glyph))
        };
        let found = self.database.with_face_data(font, read);
        found.flatten().unwrap_or(0.0)
    }

    /// The first family of a face.
    pub(crate) fn family_of(&self, font: fontdb::ID) -> Option<String> {
        let face = self.database.face(font)?;
        face.families.first().map(|(name, _)| name.clone())
    }

    /// Attributes of an SVG text; `stand_ins` are the families that it takes other signs from.
    pub(crate) fn attributes(&self, face: Face, stand_ins: &[String]) -> String {
        let (family, instead, weight) = match face {
            Face::Plain => (self.family.as_str(), self.instead, 400),
            Face::Bold => (self.family.as_str(), self.instead, 600),
            Face::Marks => ("Inter", "sans-serif", 400),
            Face::Mono => ("JetBrains Mono", "monospace", 400),
            Face::MonoBold => ("JetBrains Mono", "monospace", 600),
        };
        let quote = |name: &str| format!("'{}', ", svg::escaped(&name.replace('\'', "")));
        let names: String = std::iter::once(family)
            .chain(stand_ins.iter().map(String::as_str))
            .map(quote)
            .collect();
        let weight = match weight {
            400 => String::new(),
            weight => format!(" font-weight=\"{weight}\""),
        };
        format!("font-family=\"{names}{instead}\"{weight}")
    }

    /// How far a line of text moves what follows it, set in the runs that it is drawn in.
    pub(crate) fn width(&self, text: &str, look: TextLook) -> f32 {
        if text.is_ascii() && matches!(look.face, Face::Plain | Face::Bold) {
            return self.width_of_run(text, look);
        }
        runs(self, text, look.face)
            .iter()
            .map(|(face, run)| {
                self.width_of_run(
                    run,
                    TextLook {
                        face: *face,
                        ..look
                    },
                )
            })
            .sum()
    }

    fn width_of_run(&self, text: &str, look: TextLook) -> f32 {
        let key = (look.face, text.to_string());
        if let Ok(widths) = self.widths.lock()
            && let Some(width) = widths.get(&key)
        {
            return width * look.size;
        }
        let width = typeset::advance(self, text, look.face);
        if let Ok(mut widths) = self.widths.lock() {
            if widths.len() >= REMEMBERED {
                widths.clear();
            }
            widths.insert(key, width);
        }
        width * look.size
    }

    /// Breaks pieces, joined by ` · `, into lines that fit into `room`; within a piece at its spaces.
    pub(crate) fn flow(&self, pieces: &[String], look: TextLook, room: f32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for piece in pieces.iter().filter(|p| !p.is_empty()) {
            if let Some(line) = lines.last_mut() {
                let longer = format!("{line} · {piece}");
                if self.width(&longer, look) <= room {
                    *line = longer;
                    continue;
                }
            }
            let mut line = String::new();
            for word in piece.split(' ') {
                let longer = if line.is_empty() {
                    word.to_string()
                } else {
                    format!("{line} {word}")
                };
                if line.is_empty() || self.width(&longer, look) <= room {
                    line = longer;
                } else {
                    lines.push(std::mem::replace(&mut line, word.to_string()));
                }
            }
            lines.push(line);
        }
        lines
    }

    /// Puts `U+` and its code in place of characters that no font has, `…` for more than two in a row, and returns those
    /// characters.
    pub(crate) fn spell_out(&self, words: Vec<&mut String>) -> Vec<char> {
        let foreign: String = {
            let mut set: Vec<char> = words
                .iter()
                .flat_map(|w| w.chars())
                .filter(|c| !c.is_ascii())
                .collect();
            set.sort_unstable();
            set.dedup();
            set.into_iter().collect()
        };
        let missing = typeset::missing(self, &foreign);
        if missing.is_empty() {
            return missing;
        }
        for word in words {
            if word.chars().any(|c| missing.contains(&c)) {
                *word = spelled(word, &missing);
            }
        }
        missing
    }
}

fn spelled(word: &str, missing: &[char]) -> String {
    const MOST_IN_A_ROW: usize = 2;
    let mut spelled = String::new();
    let mut row = 0;
    for c in word.chars() {
        if !missing.contains(&c) {
            row = 0;
            spelled.push(c);
            continue;
        }
        row += 1;
        if row <= MOST_IN_A_ROW {
            spelled.push_str(&format!("U+{:04X}", u32::from(c)));
        } else if row == MOST_IN_A_ROW + 1 {
            spelled.push('…');
        }
    }
    spelled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(face: Face, size: f32) -> TextLook {
        TextLook::new(face, size, [0, 0, 0, 255])
    }

    #[test]
    fn monospaced_text_is_as_wide_as_its_columns() {
        let fonts = Fonts::named("sans").expect("bundled");
        // JetBrains Mono advances 0.6 em.
        let width = fonts.width("aaaaa", look(Face::Mono, 10.0));
        assert!((width - 30.0).abs() < 0.01, "{width}");
        let width = fonts.width("a  ", look(Face::Mono, 10.0));
        assert!((width - 18.0).abs() < 0.01, "{width}");
    }

    #[test]
    fn typefaces_differ_and_files_are_read() {
        let width = |name: &str| {
            let fonts = Fonts::named(name).expect("a font");
            fonts.width("Causal trace", look(Face::Plain, 10.0))
        };
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../assets/fonts/Inter-Medium.otf"
        );
        assert!((width("sans") - width("serif")).abs() > 1.0);
        assert!(width(file) > 30.0);
        let bad = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for (path, said) in [(bad, "no TrueType"), ("/no/such/font.otf", "font.otf")] {
            let message = Fonts::named(path).expect_err("no font").to_string();
            assert!(message.contains(said), "{message}");
        }
    }

    #[test]
    fn pieces_flow_into_lines_that_fit() {
        let fonts = Fonts::named("sans").expect("bundled");
        let look = look(Face::Plain, 12.0);
        let pieces = [
            "probability of Brelle",
            "clean 0.931",
            "",
            "corrupted 0.042",
        ]
        .map(String::from);
        let lines = fonts.flow(&pieces, look, 210.0);
        assert_eq!(
            lines,
            ["probability of Brelle · clean 0.931", "corrupted 0.042"]
        );
        let lines = fonts.flow(&pieces[..1], look, 80.0);
        assert_eq!(lines, ["probability of", "Brelle"]);
    }

    #[test]
    fn what_no_font_has_is_spelled_out() {
        let fonts = Fonts::named("sans").expect("bundled");
        let mut word = "a\u{10ffff}ä".to_string();
        assert_eq!(fonts.spell_out(vec![&mut word]), ['\u{10ffff}']);
        assert_eq!(word, "aU+10FFFFä");
        let mut word = "\u{10ffff}\u{10ffff}\u{10ffff}\u{10ffff}b".to_string();
        fonts.spell_out(vec![&mut word]);
        assert_eq!(word, "U+10FFFFU+10FFFF…b");
    }
}
