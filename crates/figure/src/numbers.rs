//! Numbers in captions.

/// Three decimals for what is near one, two or three digits otherwise: `0.042`, `−1.730`, `14.2`, `0.0011`, `3.1e−5`.
pub(crate) fn number(value: f32) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "not a number".into();
    }
    if size == 0.0 {
        "0".into()
    } else if !(1e-4..99_999.5).contains(&size) {
        format!("{value:.1e}")
    } else if size < 9.95e-3 {
        let digits = decimals(size, 1);
        format!("{value:.digits$}")
    } else if size < 9.9995 {
        format!("{value:.3}")
    } else if size < 999.5 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
    .replace('-', "−")
}

/// A value with its standard error, if that is known, both to the error's second digit. `+` goes before a positive
/// value where `sign` says so, as effects are written.
pub(crate) fn with_error(value: f32, stderr: Option<f32>, sign: bool) -> String {
    let plus = if sign && value > 0.0 { "+" } else { "" };
    match stderr.filter(|s| s.is_finite() && *s > 0.0) {
        Some(s) if (1e-6..1e6).contains(&s) && value.is_finite() => {
            let digits = decimals(s, 1).min(7);
            format!("{plus}{value:.digits$} ± {s:.digits$}").replace('-', "−")
        }
        _ => format!("{plus}{}", number(value)),
    }
}

/// The two ends of a range with enough decimals to tell them apart, and without a leading zero: `.04`, `.93`.
pub(crate) fn ends(low: f32, high: f32) -> [String; 2] {
    let digits = decimals(high - low, 1).clamp(0, 7);
    let digits = match digits {
        // An end of one figure would be told by that alone.
        0 if (high - low).is_finite() && low.abs().max(high.abs()) < 9.95 => 1,
        0 => 0,
        digits => digits.max(2),
    };
    [low, high].map(|value| {
        if value == 0.0 {
            return "0".to_string();
        }
        if !(1e-7..1e6).contains(&value.abs()) {
            return format!("{value:.1e}").replace('-', "−");
        }
        let text = format!("{value:.digits$}").replace('-', "−");
        match text.strip_prefix("0.") {
            Some(rest) => format!(".{rest}"),
            None => text,
        }
    })
}

/// A number without trailing zeros, for settings.
pub(crate) fn setting(value: f32) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// How many decimals show the first digit of a positive size and `more` after it.
fn decimals(size: f32, more: i32) -> usize {
    let first = f64::from(size).log10().floor();
    if first.is_finite() {
        (more - first as i32).max(0) as usize
    } else {
        0
    }
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
            (0.001_13, "0.0011"),
            (0.000_56, "0.00056"),
            (3.14e-5, "3.1e−5"),
            (12345.6, "12346"),
            (f32::NAN, "not a number"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(setting(3.0), "3");
        assert_eq!(setting(0.125), "0.125");
    }

    #[test]
    fn errors_decide_the_digits() {
        for (value, stderr, sign, text) in [
            (0.684, Some(0.0213), true, "+0.684 ± 0.021"),
            (0.042, Some(0.0113), false, "0.042 ± 0.011"),
            (0.001_131, Some(1.7e-5), false, "0.001131 ± 0.000017"),
            (-14.24, Some(3.21), true, "−14.2 ± 3.2"),
            (140.2, Some(25.0), true, "+140 ± 25"),
            (0.5, Some(f32::NAN), false, "0.500"),
            (0.5, Some(0.0), false, "0.500"),
            (0.5, None, true, "+0.500"),
        ] {
            assert_eq!(with_error(value, stderr, sign), text);
        }
    }

    #[test]
    fn ends_can_be_told_apart() {
        for (low, high, texts) in [
            (0.042, 0.931, [".04", ".93"]),
            (0.0, 1.0, ["0", "1.00"]),
            (0.001_13, 0.001_17, [".001130", ".001170"]),
            (-8.31, -0.07, ["−8.31", "−0.07"]),
            (-120.0, 340.0, ["−120", "340"]),
            (-8.37, 8.37, ["−8.4", "8.4"]),
            (f32::NAN, 1.0, ["NaN", "1"]),
        ] {
            assert_eq!(ends(low, high), texts);
        }
    }
}
