//! Numbers inside cells: how they are written and in which colour.

use crate::Colour;

/// A value as short as it can be read inside a cell: `.31`, `-0.04`, `5.3`, `14.2`, `1.2e-3`, `0`.
pub fn cell_number(value: f32) -> String {
    let size = value.abs();
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    if size == 0.0 {
        return "0".into();
    }
    if !(0.01..9999.5).contains(&size) {
        return format!("{value:.1e}");
    }
    if size < 0.995 {
        let text = format!("{value:.2}");
        return match text.strip_prefix('0') {
            Some(rest) => rest.to_string(),
            None => text,
        };
    }
    if size < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Black or white, whichever stands out more against an opaque background: at least 4.5 to 1.
pub fn readable_on(background: Colour) -> Colour {
    let (black, white) = ([0, 0, 0, 255], [255; 4]);
    if contrast(black, background) >= contrast(white, background) {
        black
    } else {
        white
    }
}

/// Contrast ratio, 1 to 21 (WCAG 2.1).
pub fn contrast(a: Colour, b: Colour) -> f32 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Relative luminance, 0 to 1 (WCAG 2.1).
pub fn luminance(colour: Colour) -> f32 {
    let linear = |byte: u8| {
        let c = f32::from(byte) / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColourMap, Theme};

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.31, ".31"),
            (-0.04, "-0.04"),
            (0.0012, "1.2e-3"),
            (0.0, "0"),
            (-0.0, "0"),
            (0.996, "1.0"),
            (0.01, ".01"),
            (0.0099, "9.9e-3"),
            (5.31, "5.3"),
            (-14.24, "-14.2"),
            (99.97, "100"),
            (1234.4, "1234"),
            (9999.7, "1.0e4"),
            (f32::NAN, "NaN"),
            (f32::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(cell_number(value), text);
        }
    }

    #[test]
    fn text_can_be_read_on_every_colour_of_every_map() {
        for map in ColourMap::ALL {
            for theme in [Theme::Dark, Theme::Light] {
                for &colour in map.table(theme) {
                    assert!(
                        contrast(readable_on(colour), colour) >= 4.5,
                        "{map} {colour:?}"
                    );
                }
            }
        }
    }
}
