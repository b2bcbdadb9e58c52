//! The keys an experiment may hold, and the nearest one to a key that it may not.

/// What a key holds, as far as reading `key=value` from a command line has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Text,
    TextList,
    Other,
}

use Holds::{Other, Text, TextList};

pub(crate) const INSTRUMENTS: &[&str] = &["run", "causal-trace"];

const TOP: &[(&str, Holds)] = &[
    ("instrument", Text),
    ("model", Text),
    ("seed", Other),
    ("input", Other),
    ("run", Other),
    ("corruption", Other),
    ("trace", Other),
];
const INPUT: &[(&str, Holds)] = &[
    ("prompt", Text),
    ("tokens", Other),
    ("subject", Text),
    ("subject_tokens", Other),
    ("answer", Text),
    ("foil", Text),
];
const RUN: &[(&str, Holds)] = &[("sites", TextList), ("top", Other)];
const NOISE: &[(&str, Holds)] = &[
    ("kind", Text),
    ("scale", Other),
    ("samples", Other),
    ("sd", Other),
    ("file", Text),
];
const REPLACE: &[(&str, Holds)] = &[("kind", Text), ("prompt", Text)];
const TRACE: &[(&str, Holds)] = &[
    ("kinds", TextList),
    ("window", Other),
    ("metric", Text),
    ("severed", TextList),
    ("engine", Text),
];

/// The keys of a section; `kind` is the corruption's kind. `None` for a section that does not exist; the keys outside
/// all sections stand under "".
pub(crate) fn of_section(section: &str, kind: &str) -> Option<&'static [(&'static str, Holds)]> {
    match (section, kind) {
        ("", _) => Some(TOP),
        ("input", _) => Some(INPUT),
        ("run", _) => Some(RUN),
        ("corruption", "replace") => Some(REPLACE),
        ("corruption", _) => Some(NOISE),
        ("trace", _) => Some(TRACE),
        _ => None,
    }
}

/// The known name with the fewest edits to `name`, if it is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|k| (edits(name, k), k))
        .filter(|(n, k)| *n <= (k.chars().count() / 2).clamp(1, 3))
        .min_by_key(|(n, _)| *n)
        .map(|(_, k)| k)
}

/// Levenshtein distance in characters.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_found_and_a_far_one_is_not_offered() {
        let keys = || INPUT.iter().map(|k| k.0);
        assert_eq!(nearest("promt", keys()), Some("prompt"));
        assert_eq!(nearest("foils", keys()), Some("foil"));
        assert_eq!(nearest("temperature", keys()), None);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
    }
}
