//! Shapes as a PDF of one page: text as text in embedded subsets of its fonts, maps as cells or as one picture of
//! cells.

mod embedded_fonts;
mod page_content;

use pdf_writer::types::AssociationKind;
use pdf_writer::{Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use crate::fonts::Fonts;
use crate::scene::Scene;
use crate::{FigureError, typeset};

use embedded_fonts::EmbeddedFonts;
use page_content::Resources;

/// The name of the attachment that holds a figure's origin.
pub(crate) const ATTACHMENT: &str = "whyfinder.json";

/// Hands out the numbers of a document's objects.
#[derive(Debug)]
struct Numbers(i32);

impl Numbers {
    fn next(&mut self) -> Ref {
        self.0 += 1;
        Ref::new(self.0)
    }
}

/// The whole document, with the origin attached.
///
/// # Errors
/// If a font cannot be embedded.
pub(crate) fn document(
    scene: &Scene,
    fonts: &Fonts,
    title: &str,
    program: &str,
    origin: &str,
) -> Result<Vec<u8>, FigureError> {
    let texts = scene.texts();
    let lines = typeset::glyphs(fonts, &texts);
    let embedded = EmbeddedFonts::of(fonts, lines.iter().flatten())?;
    let (content, resources) = page_content::write(scene, &texts, &lines, &embedded);

    let mut numbers = Numbers(0);
    let mut pdf = Pdf::new();
    let [catalog, tree, page, stream, info, file, spec] = std::array::from_fn(|_| numbers.next());
    pdf.set_version(1, 7);

    let mut writer = pdf.catalog(catalog);
    writer.pages(tree);
    writer.viewer_preferences().display_doc_title(true);
    writer
        .names()
        .embedded_files()
        .names()
        .insert(Str(ATTACHMENT.as_bytes()), spec);
    writer.insert(Name(b"AF")).array().item(spec);
    writer.finish();
    pdf.pages(tree).kids([page]).count(1);

    let pictures: Vec<Ref> = resources.pictures.iter().map(|_| numbers.next()).collect();
    let states: Vec<Ref> = resources.opacities.iter().map(|_| numbers.next()).collect();
    let faces: Vec<Ref> = embedded.faces.iter().map(|_| numbers.next()).collect();
    let mut writer = pdf.page(page);
    writer.media_box(Rect::new(0.0, 0.0, scene.width, scene.height));
    writer.parent(tree);
    writer.contents(stream);
    let mut named = writer.resources();
    pairs(&mut named.x_objects(), 'I', &pictures);
    pairs(&mut named.ext_g_states(), 'G', &states);
    pairs(&mut named.fonts(), 'F', &faces);
    named.finish();
    writer.finish();

    pdf.stream(stream, &packed(&content))
        .filter(Filter::FlateDecode);
    for (&id, picture) in pictures.iter().zip(&resources.pictures) {
        page_content::picture(&mut pdf, &mut numbers, id, picture);
    }
    write_states(&mut pdf, &states, &resources);
    embedded.write(&mut pdf, &mut numbers, &faces);

    let bytes = packed(origin.as_bytes());
    let mut writer = pdf.embedded_file(file, &bytes);
    writer.filter(Filter::FlateDecode);
    writer.subtype(Name(b"application/json"));
    writer
        .params()
        .size(i32::try_from(origin.len()).unwrap_or(i32::MAX));
    writer.finish();
    let mut writer = pdf.file_spec(spec);
    writer.path(Str(ATTACHMENT.as_bytes()));
    writer.unic_file(TextStr(ATTACHMENT));
    writer.embedded_file_with_unicode(file);
    writer.association_kind(AssociationKind::Source);
    writer.description(TextStr("The experiment and the view behind this figure"));
    writer.finish();
    let mut writer = pdf.document_info(info);
    writer.title(TextStr(title));
    writer.creator(TextStr(program));
    writer.finish();
    Ok(pdf.finish())
}

fn pairs(dict: &mut pdf_writer::Dict<'_>, letter: char, refs: &[Ref]) {
    for (i, id) in refs.iter().enumerate() {
        dict.pair(Name(format!("{letter}{i}").as_bytes()), *id);
    }
}

fn write_states(pdf: &mut Pdf, states: &[Ref], resources: &Resources) {
    for (&id, &opacity) in states.iter().zip(&resources.opacities) {
        let share = f32::from(opacity) / 255.0;
        let mut state = pdf.ext_graphics(id);
        state.non_stroking_alpha(share);
        state.stroking_alpha(share);
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(bytes, 6)
}
