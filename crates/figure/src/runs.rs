//! A line of text cut into runs that are each set for themselves.
//!
//! Renderers that miss one glyph set the whole line in another typeface, and join neighbouring signs, unless each run
//! has its own place.

use crate::fonts::Fonts;
use crate::scene::Face;

/// Marks for white space, which most typefaces lack.
const MARKS: [char; 3] = ['␣', '⏎', '⇥'];

/// The runs of a text, left to right: marks for white space in the typeface that has them; signs of monospaced text one
/// by one, for `<|` must stay what it is; and what `face` lacks apart from what it has, so that only that looks foreign.
///
/// Where something is written from right to left the order of runs is not that of the text, so nothing is cut for being
/// foreign.
pub(crate) fn runs(fonts: &Fonts, text: &str, face: Face) -> Vec<(Face, String)> {
    let mono = matches!(face, Face::Mono | Face::MonoBold);
    let sign = |c: char| mono && c.is_ascii_punctuation();
    let cut = !text.chars().any(is_from_right_to_left);
    let mut runs: Vec<(Face, String)> = Vec::new();
    let mut foreign = false;
    for c in text.chars() {
        let of = if MARKS.contains(&c) {
            Face::Marks
        } else {
            face
        };
        let before = foreign;
        foreign = match c {
            _ if !cut => false,
            // What is put onto the letter before it stays with it.
            c if is_put_on(c) => before,
            c => of == face && !fonts.has(face, c),
        };
        match runs.last_mut() {
            Some((same, run))
                if *same == of && foreign == before && !(sign(c) && run.ends_with(sign)) =>
            {
                run.push(c);
            }
            _ => runs.push((of, c.to_string())),
        }
    }
    runs
}

/// Letters of Hebrew, Arabic and their neighbours, and what turns the direction round (Unicode's blocks that are R or
/// AL by default).
fn is_from_right_to_left(c: char) -> bool {
    matches!(u32::from(c),
        0x0590..=0x08ff | 0x200f | 0x202b | 0x202e | 0x2067 | 0xfb1d..=0xfdff | 0xfe70..=0xfeff
        | 0x1_0800..=0x1_0fff | 0x1_e800..=0x1_efff)
}

/// Combining marks, joiners and selectors of variants.
fn is_put_on(c: char) -> bool {
    matches!(u32::from(c),
        0x0300..=0x036f | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x200c | 0x200d | 0x20d0..=0x20ff
        | 0x3099 | 0x309a | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f | 0xe_0100..=0xe_01ef)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, face: Face) -> Vec<String> {
        let fonts = Fonts::named("sans").expect("bundled");
        runs(&fonts, text, face).into_iter().map(|r| r.1).collect()
    }

    #[test]
    fn only_what_a_typeface_lacks_is_set_in_another() {
        // No bundled typeface has Han characters, so this holds on every machine.
        assert_eq!(
            cut("peak at 東京, layer 2", Face::Plain),
            ["peak at ", "東京", ", layer 2"]
        );
        assert_eq!(cut("naïve Ωμέγα Жук", Face::Plain).len(), 1);
        assert_eq!(cut("東\u{fe00}a", Face::Plain), ["東\u{fe00}", "a"]);
        assert_eq!(cut("a, שלום עולם", Face::Plain).len(), 1);
    }

    #[test]
    fn signs_and_marks_stand_alone() {
        assert_eq!(cut("␣a<|b", Face::Mono), ["␣", "a<", "|b"]);
        assert_eq!(cut("a<|b", Face::Plain), ["a<|b"]);
    }
}
