//! A character that no font has is drawn as its code point, so that it can be looked up.

use egui::{
    Color32, ColorImage, GlyphBitmap, GlyphRasterizer, GlyphRasterizerRequest, RasterizedGlyph,
    vec2,
};

/// Hexadecimal digits, 3 x 5 pixels each, one row per three bits from the top.
const DIGITS: [u16; 16] = [
    0b111_101_101_101_111,
    0b010_110_010_010_111,
    0b111_001_111_100_111,
    0b111_001_011_001_111,
    0b101_101_111_001_001,
    0b111_100_111_001_111,
    0b111_100_111_101_111,
    0b111_001_010_010_010,
    0b111_101_111_101_111,
    0b111_101_111_001_111,
    0b111_101_111_101_101,
    0b110_101_110_101_110,
    0b111_100_100_100_111,
    0b110_101_101_101_110,
    0b111_100_110_100_111,
    0b111_100_110_100_100,
];

const WIDTH: usize = 3;
const HEIGHT: usize = 5;
/// Pixels between digits, and left and right of the whole.
const SPACE: usize = 1;

/// Draws the code in two rows of digits, asked only when neither our fonts nor the system's have the character.
pub(crate) fn rasterizer() -> GlyphRasterizer {
    GlyphRasterizer::new("whyfinder::code_point", draw)
}

fn draw(request: &GlyphRasterizerRequest<'_>) -> Option<RasterizedGlyph> {
    let code = u32::from(request.cluster.chars().next()?);
    let digits = digits(code);
    let columns = digits.len() / 2;
    // The two rows are about as high as a capital letter with its descender.
    let scale = (request.font_size_px / 12.0).round().max(1.0) as usize;
    let size = [
        (columns * (WIDTH + SPACE) - SPACE) * scale,
        (2 * HEIGHT + SPACE) * scale,
    ];
    let mut image = ColorImage::filled(size, Color32::TRANSPARENT);
    for (i, digit) in digits.iter().enumerate() {
        let left = (i % columns) * (WIDTH + SPACE);
        let top = (i / columns) * (HEIGHT + SPACE);
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                let bit = WIDTH * HEIGHT - 1 - (y * WIDTH + x);
                if DIGITS[usize::from(*digit)] >> bit & 1 == 1 {
                    fill(&mut image, [left + x, top + y], scale);
                }
            }
        }
    }
    let space = (SPACE * scale) as f32;
    Some(RasterizedGlyph {
        bitmap: GlyphBitmap {
            offset_px: vec2(space, -(size[1] as f32) + 2.0 * scale as f32),
            image,
            is_color: false,
        },
        advance_px: size[0] as f32 + 2.0 * space,
    })
}

fn fill(image: &mut ColorImage, [x, y]: [usize; 2], scale: usize) {
    for dy in 0..scale {
        for dx in 0..scale {
            image[(x * scale + dx, y * scale + dy)] = Color32::WHITE;
        }
    }
}

/// Four digits, or six beyond the basic plane.
fn digits(code: u32) -> Vec<u8> {
    let count = if code > 0xffff { 6 } else { 4 };
    (0..count)
        .rev()
        .map(|place| (code >> (4 * place) & 0xf) as u8)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_four_or_six_digits() {
        assert_eq!(digits(0x4e2d), [4, 14, 2, 13]);
        assert_eq!(digits(0xa), [0, 0, 0, 10]);
        assert_eq!(digits(0x1f600), [0, 1, 15, 6, 0, 0]);
    }

    #[test]
    fn different_characters_look_different() {
        let glyph = |cluster| {
            draw(&GlyphRasterizerRequest {
                cluster,
                family: &egui::FontFamily::Monospace,
                font_size_px: 12.0,
                subpixel_offset_px: 0.0,
            })
            .expect("a character")
        };
        let (a, b) = (glyph("中"), glyph("文"));
        assert_eq!(a.bitmap.image.size, [7, 11]);
        assert_eq!(a.bitmap.image.size, b.bitmap.image.size);
        assert_ne!(a.bitmap.image.pixels, b.bitmap.image.pixels);
        assert_eq!(glyph("😀").bitmap.image.size, [11, 11]);
    }

    #[test]
    fn no_two_digits_look_alike() {
        let mut seen = DIGITS.to_vec();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), DIGITS.len());
    }
}
