//! The bundled typefaces, those of the system behind them, and how wide text is.

use std::sync::{Arc, LazyLock};

use resvg::usvg::{self, fontdb};
use whyfinder_paint::Theme;

use crate::canvas::{Canvas, TextLook};

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    for bytes in [
        &include_bytes!("../../../assets/fonts/Inter-Regular.otf")[..],
        &include_bytes!("../../../assets/fonts/Inter-SemiBold.otf")[..],
        &include_bytes!("../../../assets/fonts/JetBrainsMono-Regular.ttf")[..],
        &include_bytes!("../../../assets/fonts/JetBrainsMono-SemiBold.ttf")[..],
    ] {
        fonts.load_font_data(bytes.to_vec());
    }
    // After the bundled ones, which are asked first, for the scripts that they lack.
    fonts.load_system_fonts();
    fonts.set_sans_serif_family("Inter");
    fonts.set_monospace_family("JetBrains Mono");
    Arc::new(fonts)
});

pub(crate) fn options() -> usvg::Options<'static> {
    usvg::Options {
        font_family: "Inter".into(),
        fontdb: Arc::clone(&FONTS),
        ..usvg::Options::default()
    }
}

/// Width of a line of text.
pub(crate) fn width(text: &str, look: TextLook) -> f32 {
    let mut canvas = Canvas::new(Theme::Light);
    let upright = TextLook {
        turned: 0.0,
        anchor: crate::canvas::Anchor::Start,
        ..look
    };
    canvas.text(0.0, 100.0, upright, text);
    let svg = canvas.finish(10.0, 10.0, "", "");
    let right = usvg::Tree::from_str(&svg.text, &options())
        .ok()
        .and_then(|tree| text_right(tree.root()));
    right.unwrap_or(text.chars().count() as f32 * look.size * 0.6)
}

/// How far a run of text moves what follows it.
pub(crate) fn advance(text: &str, look: TextLook) -> f32 {
    let framed = |inner: &str| width(&format!("n{inner}n"), look);
    framed(text) - framed("")
}

fn text_right(group: &usvg::Group) -> Option<f32> {
    group.children().iter().find_map(|node| match node {
        usvg::Node::Text(text) => Some(text.abs_bounding_box().right()),
        usvg::Node::Group(inner) => text_right(inner),
        _ => None,
    })
}

/// Joins pieces by ` · ` into as few lines as fit into `room`; a piece that is too long has a line of its own.
pub(crate) fn flow(pieces: &[String], look: TextLook, room: f32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces.iter().filter(|p| !p.is_empty()) {
        if let Some(line) = lines.last_mut() {
            let longer = format!("{line} · {piece}");
            if width(&longer, look) <= room {
                *line = longer;
                continue;
            }
        }
        lines.push(piece.clone());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::Face;

    #[test]
    fn monospaced_text_is_as_wide_as_its_columns() {
        let look = TextLook::new(Face::Mono, 10.0, [0, 0, 0, 255]);
        let (five, ten) = (width("aaaaa", look), width("aaaaaaaaaa", look));
        // JetBrains Mono advances 0.6 em; the box may leave out the side bearings.
        assert!((ten - five - 30.0).abs() < 0.5, "{five} {ten}");
    }

    #[test]
    fn pieces_flow_into_lines_that_fit() {
        let look = TextLook::new(Face::Sans, 12.0, [0, 0, 0, 255]);
        let pieces = [
            "probability of Brelle",
            "clean 0.931",
            "",
            "corrupted 0.042",
        ]
        .map(String::from);
        let lines = flow(&pieces, look, 200.0);
        assert_eq!(
            lines,
            ["probability of Brelle · clean 0.931", "corrupted 0.042"]
        );
        assert!(lines.iter().all(|l| width(l, look) <= 200.0));
    }
}
