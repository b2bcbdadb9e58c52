//! Values as Python writes them.

/// A string literal.
pub(crate) fn text(value: &str) -> String {
    format!("\"{}\"", escaped(value))
}

/// What stands between the quotes of a string literal, also inside a docstring.
pub(crate) fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for letter in value.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Invisible letters turn the direction of the text or break lines in editors.
            c if c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c) || c == '\u{feff}' => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out
}

/// A number; NaN and infinities are those of numpy.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        "np.nan".into()
    } else if value.is_infinite() {
        if value > 0.0 { "np.inf" } else { "-np.inf" }.into()
    } else {
        format!("{value:?}")
    }
}

/// The shortest text of a float32.
pub(crate) fn number32(value: f32) -> String {
    number(value.to_string().parse().unwrap_or(f64::from(value)))
}

/// `None` or the value.
pub(crate) fn option(value: Option<String>) -> String {
    value.unwrap_or_else(|| "None".into())
}

/// A list of values that are Python already.
pub(crate) fn list(values: impl IntoIterator<Item = String>) -> String {
    let values: Vec<String> = values.into_iter().collect();
    format!("[{}]", values.join(", "))
}

/// A list of strings.
pub(crate) fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    list(values.into_iter().map(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_quotes() {
        assert_eq!(text("a\"b\\c\nd"), r#""a\"b\\c\nd""#);
        assert_eq!(text("\u{202e}x\u{0}"), "\"\\u202ex\\u0000\"");
        assert_eq!(text("日本"), "\"日本\"");
    }

    #[test]
    fn numbers_are_floats_and_short() {
        assert_eq!(number(3.0), "3.0");
        assert_eq!(number(0.01), "0.01");
        assert_eq!(number(1.25), "1.25");
        assert_eq!(number32(0.13), "0.13");
        assert_eq!(number(f64::NAN), "np.nan");
        assert_eq!(number(-0.5), "-0.5");
    }
}
