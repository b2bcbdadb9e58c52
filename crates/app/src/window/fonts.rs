//! The two bundled typefaces and how the window names them.

use std::sync::Arc;

use egui::{FontData, FontDefinitions, FontFamily, FontId};

macro_rules! font {
    ($file:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../assets/fonts/",
            $file
        ))
    };
}

const MEDIUM: &str = "medium";
const SEMIBOLD: &str = "semibold";
const MONO_SEMIBOLD: &str = "mono-semibold";

/// Inter and JetBrains Mono in the weights that the window uses.
///
/// Every family ends with Inter and JetBrains Mono regular, because each has signs that the other lacks; what both
/// lack comes from the system's fonts.
pub fn definitions() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let files: [(&str, &'static [u8]); 5] = [
        ("Inter", font!("Inter-Regular.otf")),
        ("Inter Medium", font!("Inter-Medium.otf")),
        ("Inter SemiBold", font!("Inter-SemiBold.otf")),
        ("JetBrains Mono", font!("JetBrainsMono-Regular.ttf")),
        (
            "JetBrains Mono SemiBold",
            font!("JetBrainsMono-SemiBold.ttf"),
        ),
    ];
    for (name, bytes) in files {
        let data = Arc::new(FontData::from_static(bytes));
        fonts.font_data.insert(name.to_string(), data);
    }
    let families = [
        (FontFamily::Proportional, "Inter"),
        (FontFamily::Name(MEDIUM.into()), "Inter Medium"),
        (FontFamily::Name(SEMIBOLD.into()), "Inter SemiBold"),
        (FontFamily::Monospace, "JetBrains Mono"),
        (
            FontFamily::Name(MONO_SEMIBOLD.into()),
            "JetBrains Mono SemiBold",
        ),
    ];
    for (family, first) in families {
        let mut chain = vec![first.to_string()];
        for other in ["Inter", "JetBrains Mono"] {
            if other != first {
                chain.push(other.to_string());
            }
        }
        fonts.families.insert(family, chain);
    }
    fonts
}

/// Running text.
pub fn text(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// Labels of controls.
pub fn medium(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(MEDIUM.into()))
}

/// Headings and the one number of the inspector.
pub fn semibold(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(SEMIBOLD.into()))
}

/// Tokens, numbers and sites.
pub fn mono(size: f32) -> FontId {
    FontId::new(size, FontFamily::Monospace)
}

/// Numbers that matter in a line of words.
pub fn mono_semibold(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(MONO_SEMIBOLD.into()))
}
