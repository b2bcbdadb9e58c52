//! Tokens as they are written on axes: white space made visible, shortened to the room there is.

use std::ops::Range;
use std::sync::Arc;

use egui::text::{ByteIndex, LayoutJob, LayoutSection, TextFormat, TextWrapping};
use egui::{Color32, FontId, Galley, Painter};

/// A token with its white space made visible: a space at either end as ␣, a newline as ⏎, a tab as ⇥.
///
/// Other control characters, and an empty token, are written as their code.
pub fn visible_token(token: &str) -> String {
    if token.is_empty() {
        return "∅".to_string();
    }
    let first = token.len() - token.trim_start_matches(' ').len();
    let last = token.trim_end_matches(' ').len();
    let mut shown = String::with_capacity(token.len() + 4);
    for (at, c) in token.char_indices() {
        match c {
            ' ' if at < first || at >= last => shown.push('␣'),
            '\n' => shown.push('⏎'),
            '\t' => shown.push('⇥'),
            c if c.is_control() => shown.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}

/// `text` on one line, its end replaced by … where it is wider than `width` points.
pub(crate) fn shortened(
    painter: &Painter,
    text: &str,
    font: &FontId,
    colour: Color32,
    width: f32,
) -> Arc<Galley> {
    let mut job = job(text, font, colour);
    job.wrap = TextWrapping {
        max_width: width.max(1.0),
        max_rows: 1,
        break_anywhere: true,
        overflow_character: Some('…'),
    };
    painter.layout_job(job)
}

/// Text on one line, as wide as it is.
pub(crate) fn whole(painter: &Painter, text: &str, font: &FontId, colour: Color32) -> Arc<Galley> {
    painter.layout_job(job(text, font, colour))
}

/// One line of text without ligatures: a token like `<|endoftext|>` shows the signs it has, not an arrowhead.
///
/// Signs are joined only within a section, so each sign that follows another starts its own.
fn job(text: &str, font: &FontId, colour: Color32) -> LayoutJob {
    let mut job = LayoutJob {
        break_on_newline: false,
        text: text.to_string(),
        ..LayoutJob::default()
    };
    job.wrap.max_width = f32::INFINITY;
    let format = TextFormat::simple(font.clone(), colour);
    let joins = |c: char| c.is_ascii_punctuation();
    let mut sections = Vec::new();
    let mut start = 0;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if joins(before) && joins(c) && at > start {
            sections.push(start..at);
            start = at;
        }
        before = c;
    }
    sections.push(start..text.len());
    job.sections = sections
        .into_iter()
        .map(|part| LayoutSection {
            leading_space: 0.0,
            byte_range: ByteIndex(part.start)..ByteIndex(part.end),
            format: format.clone(),
        })
        .collect();
    job
}

/// A number in the fewest characters that tell cells apart: `.31`, `-.05`, `1.0`, `12.4`, `310`, `4e6`.
pub fn short_number(value: f32) -> String {
    if value.is_nan() {
        return "–".to_string();
    }
    let size = value.abs();
    let text = if size >= 99_999.5 {
        format!("{value:.0e}")
    } else if size >= 99.95 {
        format!("{value:.0}")
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    };
    let text = if text == "-0.00" {
        "0.00".to_string()
    } else {
        text
    };
    if size >= 0.995 {
        text
    } else {
        text.replacen("0.", ".", 1)
    }
    .replace('-', "−")
}

/// A number with three or four significant digits, as a read-out: `0.684`, `−12.35`, `1.2e−5`.
pub fn read_number(value: f32) -> String {
    if value.is_nan() {
        return "not measured".to_string();
    }
    let size = value.abs();
    let text = if size == 0.0 {
        "0".to_string()
    } else if !(1e-4..1e6).contains(&size) {
        format!("{value:.2e}")
    } else if size < 0.01 {
        format!("{value:.5}")
    } else if size < 10.0 {
        format!("{value:.3}")
    } else if size < 1000.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.0}")
    };
    text.replace('-', "−")
}

/// A number with its sign always written.
pub fn signed_number(value: f32) -> String {
    let text = read_number(value);
    if value > 0.0 {
        format!("+{text}")
    } else {
        text
    }
}

/// `value ± standard error`, or the value alone where no error is known.
///
/// The error has two significant digits, and the value as many decimals.
pub fn with_error(value: f32, stderr: Option<f32>) -> String {
    error_decimals(value, stderr).map_or_else(
        || read_number(value),
        |(error, decimals)| format!("{value:.decimals$} ± {error:.decimals$}").replace('-', "−"),
    )
}

/// As [`with_error`], with the value's sign always written.
pub fn signed_with_error(value: f32, stderr: Option<f32>) -> String {
    let text = with_error(value, stderr);
    if value > 0.0 {
        format!("+{text}")
    } else {
        text
    }
}

/// A finite error beside a finite value, with the decimals that show two of its digits; `None` where plain decimals
/// would be unreadably long.
fn error_decimals(value: f32, stderr: Option<f32>) -> Option<(f32, usize)> {
    let error = stderr.filter(|e| e.is_finite() && *e > 0.0)?;
    let decimals = 1 - error.log10().floor() as i32;
    (value.is_finite() && value.abs() < 1e6 && decimals <= 6)
        .then(|| (error, decimals.max(0) as usize))
}

/// A standard error in the fewest characters, as it stands inside a cell: `±.004`, `±.02`, `±1.3`.
pub(crate) fn short_error(error: f32) -> String {
    if error < 0.0005 {
        "±.000".to_string()
    } else if error < 0.0095 {
        format!("±{error:.3}").replacen("0.", ".", 1)
    } else {
        format!("±{}", short_number(error))
    }
}

/// Whether `index` lies in the subject.
pub(crate) fn in_subject(subject: &Option<Range<usize>>, index: usize) -> bool {
    subject.as_ref().is_some_and(|s| s.contains(&index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_visible() {
        assert_eq!(visible_token(" Tower"), "␣Tower");
        assert_eq!(visible_token("New York"), "New York");
        assert_eq!(visible_token("\n\n"), "⏎⏎");
        assert_eq!(visible_token("  "), "␣␣");
        assert_eq!(visible_token(""), "∅");
        assert_eq!(visible_token("a\u{1}"), "a\\x01");
        assert_eq!(visible_token("塔 "), "塔␣");
    }

    #[test]
    fn numbers_are_short_and_keep_their_sign() {
        for (value, text) in [
            (0.312, ".31"),
            (-0.049, "−.05"),
            (-0.001, ".00"),
            (0.999, "1.00"),
            (1.0, "1.00"),
            (12.44, "12.4"),
            (99.97, "100"),
            (310.4, "310"),
            (4.2e6, "4e6"),
            (f32::NAN, "–"),
        ] {
            assert_eq!(short_number(value), text);
        }
    }

    #[test]
    fn signs_in_a_row_are_not_joined() {
        let job = job("a<|b|>", &FontId::monospace(10.0), Color32::WHITE);
        assert_eq!(job.text, "a<|b|>");
        assert_eq!(job.sections.len(), 3);
    }

    #[test]
    fn read_outs_carry_error_and_sign() {
        assert_eq!(with_error(0.6841, Some(0.0212)), "0.684 ± 0.021");
        assert_eq!(with_error(-0.0379, Some(0.00762)), "−0.0379 ± 0.0076");
        assert_eq!(with_error(1234.5, Some(25.0)), "1234 ± 25");
        assert_eq!(with_error(0.5, Some(0.0)), "0.500");
        assert_eq!(signed_with_error(0.5, Some(0.1)), "+0.50 ± 0.10");
        assert_eq!(short_error(0.0043), "±.004");
        assert_eq!(short_error(0.021), "±.02");
        assert_eq!(with_error(0.684, Some(f32::NAN)), "0.684");
        assert_eq!(with_error(f32::NAN, Some(0.1)), "not measured");
        assert_eq!(signed_number(0.5), "+0.500");
        assert_eq!(signed_number(-0.00001), "−1.00e−5");
    }
}
