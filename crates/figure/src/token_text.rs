//! Tokens as they are read: spaces and line ends made visible, long ones shortened.

/// A token's text with leading spaces as `␣`, line ends as `⏎`, tabs as `⇥` and other control characters as their
/// pictures; `∅` if it has no text at all.
pub(crate) fn shown(token: &str) -> String {
    let body = token.trim_start_matches(' ');
    let mut text = "␣".repeat(token.len() - body.len());
    for c in body.chars() {
        text.push(match c {
            '\n' => '⏎',
            '\t' => '⇥',
            '\u{7f}' => '␡',
            c if (c as u32) < 32 => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
            c => c,
        });
    }
    if text.is_empty() { "∅".into() } else { text }
}

/// As [`shown`], cut to at most `columns` columns of a monospaced font, the last being `…`.
pub(crate) fn short(token: &str, columns: usize) -> String {
    let text = shown(token);
    if text.chars().map(columns_of).sum::<usize>() <= columns {
        return text;
    }
    let mut cut = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += columns_of(c);
        if used > columns {
            break;
        }
        cut.push(c);
    }
    cut.push('…');
    cut
}

/// Two for the wide characters of East Asian scripts and emoji, one for others.
fn columns_of(c: char) -> usize {
    match c as u32 {
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(shown("  the cat"), "␣␣the cat");
        assert_eq!(shown("\n\t\u{7}"), "⏎⇥␇");
        assert_eq!(shown(""), "∅");
        assert_eq!(shown(" "), "␣");
    }

    #[test]
    fn long_tokens_are_cut_to_columns() {
        assert_eq!(short(" internationalisation", 10), "␣internat…");
        assert_eq!(short("short", 5), "short");
        assert_eq!(short("東京都庁舎", 7), "東京都…");
        assert_eq!(short("שלום עולם", 6), "שלום …");
    }
}
