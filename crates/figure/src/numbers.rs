//! Numbers in captions.

/// Three decimals for what is near one, three digits otherwise: `0.042`, `-1.730`, `14.2`, `3.1e-5`.
pub(crate) fn number(value: f32) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "not a number".into();
    }
    if size == 0.0 {
        "0".into()
    } else if !(5e-4..99_999.5).contains(&size) {
        format!("{value:.1e}")
    } else if size < 9.9995 {
        format!("{value:.3}")
    } else if size < 999.5 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
    .replace('-', "−")
}

/// With its sign, as effects are written.
pub(crate) fn signed(value: f32) -> String {
    let text = number(value);
    if value > 0.0 {
        format!("+{text}")
    } else {
        text
    }
}

/// A value with its standard error, if that is known.
pub(crate) fn with_error(text: String, stderr: Option<f32>) -> String {
    match stderr {
        Some(s) if s.is_finite() => format!("{text} ± {}", number(s)),
        _ => text,
    }
}

/// A number without trailing zeros, for settings.
pub(crate) fn setting(value: f32) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (value, text) in [
            (0.042, "0.042"),
            (-1.73, "−1.730"),
            (14.24, "14.2"),
            (0.0, "0"),
            (3.14e-5, "3.1e−5"),
            (12345.6, "12346"),
            (f32::NAN, "not a number"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(signed(0.684), "+0.684");
        assert_eq!(with_error("0.5".into(), Some(f32::NAN)), "0.5");
        assert_eq!(with_error("0.5".into(), Some(0.021)), "0.5 ± 0.021");
        assert_eq!(setting(3.0), "3");
        assert_eq!(setting(0.125), "0.125");
    }
}
