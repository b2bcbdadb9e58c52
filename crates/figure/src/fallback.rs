//! Which typeface stands in for characters that the figure's own lacks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use resvg::usvg::{FontResolver, fontdb};
use skrifa::{FontRef, MetadataProvider as _};

/// What stood in before, by the typeface that lacks a character, and that character.
pub(crate) type Found = Arc<Mutex<HashMap<(fontdb::ID, char), Option<fontdb::ID>>>>;

/// Takes, of the typefaces that have a character, one like the one that lacks it: upright if that is, with serifs if
/// that has some, about as heavy.
pub(crate) fn resolver(found: Found) -> FontResolver<'static> {
    FontResolver {
        select_fallback: Box::new(move |c, used, database| {
            let base = *used.first()?;
            let key = (base, c);
            if let Ok(found) = found.lock()
                && let Some(known) = found.get(&key)
                && known.is_none_or(|id| !used.contains(&id))
            {
                return *known;
            }
            let best = alike(database, base, used, c);
            if let Ok(mut found) = found.lock() {
                found.insert(key, best);
            }
            best
        }),
        ..FontResolver::default()
    }
}

fn alike(
    database: &fontdb::Database,
    base: fontdb::ID,
    used: &[fontdb::ID],
    c: char,
) -> Option<fontdb::ID> {
    let wanted = database.face(base)?;
    let mut faces: Vec<&fontdb::FaceInfo> = database
        .faces()
        .filter(|face| !used.contains(&face.id))
        .collect();
    // Stable: among equals the bundled ones come first.
    faces.sort_by_key(|face| {
        (
            face.style != wanted.style,
            face.stretch != wanted.stretch,
            has_serifs(face) != has_serifs(wanted),
            face.monospaced && !wanted.monospaced,
            face.weight.0.abs_diff(wanted.weight.0),
        )
    });
    faces
        .into_iter()
        .find(|face| has(database, face.id, c))
        .map(|face| face.id)
}

/// Told from the family's name: few fonts say it elsewhere.
fn has_serifs(face: &fontdb::FaceInfo) -> bool {
    const SERIFS: [&str; 7] = [
        "serif", "times", "roman", "ming", "song", "batang", "garamond",
    ];
    face.families.iter().any(|(name, _)| {
        let name = name.to_lowercase();
        !name.contains("sans") && SERIFS.iter().any(|part| name.contains(part))
    })
}

/// Whether a typeface has a character.
pub(crate) fn has(database: &fontdb::Database, face: fontdb::ID, c: char) -> bool {
    database
        .with_face_data(face, |data, index| {
            FontRef::from_index(data, index).is_ok_and(|font| font.charmap().map(c).is_some())
        })
        .unwrap_or(false)
}
