//! What is shown of a text that is too long, where others begin like it.

use crate::window::words::shortened;

/// Letters that are shown of an end, at least.
const LEAST: usize = 14;

/// At most `letters` of a text: its beginning, or where one of `others` begins alike, what it differs in.
pub(super) fn excerpt(text: &str, others: &[String], letters: usize) -> String {
    let own: Vec<char> = text.chars().collect();
    let room = letters.saturating_sub(1);
    let shared = others
        .iter()
        .filter(|other| other.as_str() != text)
        .map(|other| own.iter().zip(other.chars()).take_while(|(a, b)| **a == *b))
        .map(Iterator::count)
        .max();
    let Some(shared) = shared.filter(|&n| own.len() > letters && n >= room) else {
        return shortened(text, letters);
    };
    // From the word in which they part, which a narrow row shows first; where little is left, some words before it.
    let parts = word_before(&own, shared.min(own.len() - 1));
    let from = parts.min(own.len() - room.min(LEAST));
    let from = match word_behind(&own, from) {
        // A word that is cut at its beginning is left out.
        whole if whole <= parts => whole,
        _ => from,
    };
    // Where the word itself is too long, its differing letters are not.
    let from = if shared >= from + room {
        shared.min(own.len() - room)
    } else {
        from
    };
    let rest: String = own[from..].iter().collect();
    format!("…{}", shortened(&rest, room))
}

/// Where the word begins that holds a letter.
fn word_before(text: &[char], at: usize) -> usize {
    let space = text[..at].iter().rposition(|c| !c.is_alphanumeric());
    space.map_or(0, |space| space + 1)
}

/// Where the first word begins that is whole behind a place.
fn word_behind(text: &[char], from: usize) -> usize {
    if from == 0 || !text[from - 1].is_alphanumeric() {
        return from;
    }
    let space = text[from..].iter().position(|c| !c.is_alphanumeric());
    space.map_or(text.len(), |space| from + space + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "The lighthouse of Varn stands on the island of";

    fn of(text: &str, others: &[&str]) -> String {
        let others: Vec<String> = others.iter().map(ToString::to_string).collect();
        excerpt(text, &others, 26)
    }

    #[test]
    fn a_text_without_a_double_begins_at_its_beginning() {
        assert_eq!(of("The tower", &["The tower of Varn"]), "The tower");
        assert_eq!(of(LONG, &[]), "The lighthouse of Varn st…");
        assert_eq!(of(LONG, &[LONG]), "The lighthouse of Varn st…");
        assert_eq!(
            of(LONG, &["The lighthouse of Lund stands on the island of"]),
            "The lighthouse of Varn st…"
        );
    }

    #[test]
    fn of_a_double_the_difference_is_shown() {
        let coast = "The lighthouse of Varn stands on the coast of";
        assert_eq!(of(coast, &[LONG]), "…the coast of");
        let first =
            "The lighthouse of Varn stands in the rain and in the wind beside the island of";
        let second =
            "The lighthouse of Varn stands at the shore, in rain and wind, beside the island of";
        assert_eq!(of(first, &[second]), "…in the rain and in the w…");
        assert_eq!(of(second, &[first]), "…at the shore, in rain an…");
        // One that goes on where the other ends.
        let more = format!("{LONG} the north");
        let (shown, other) = (of(&more, &[LONG]), of(LONG, &[&more]));
        assert_eq!(
            [shown.as_str(), other.as_str()],
            ["…of the north", "…the island of"]
        );
    }

    #[test]
    fn letters_are_not_cut_and_never_too_many() {
        let long: Vec<String> = (0..3)
            .map(|i| format!("{}{i}{}", "ß漢é".repeat(20), "ü".repeat(30)))
            .collect();
        for text in &long {
            let shown = excerpt(text, &long, 26);
            assert!(shown.chars().count() <= 26, "{shown}");
        }
        let shown: std::collections::BTreeSet<String> =
            long.iter().map(|t| excerpt(t, &long, 26)).collect();
        assert_eq!(shown.len(), 3, "{shown:?}");
    }
}
