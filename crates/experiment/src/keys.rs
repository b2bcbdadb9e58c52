//! The keys an experiment may hold, and the nearest one to a key that it may not.

use toml::{Table, Value};

/// What a key holds, as far as reading `key=value` from a command line has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Text,
    TextList,
    Other,
}

use Holds::{Other, Text, TextList};

pub(crate) const INSTRUMENTS: &[&str] = &[
    "run",
    "causal-trace",
    "causal-effect-map",
    "lam",
    "gradient",
    "integrated-gradients",
    "occlusion",
    "rise",
    "receptive-field",
    "window-attention",
    "faithfulness",
    "restore",
    "import",
];

/// The instruments about a prompt; the others are about an image.
const OF_PROMPTS: &[&str] = &["run", "causal-trace", "import"];

/// What decides which keys a section may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kinds<'a> {
    pub(crate) instrument: &'a str,
    pub(crate) corruption: &'a str,
}

impl<'a> Kinds<'a> {
    pub(crate) fn of(table: &'a Table) -> Self {
        let text = |value: Option<&'a Value>| value.and_then(Value::as_str);
        Self {
            instrument: text(table.get("instrument")).unwrap_or("run"),
            corruption: text(table.get("corruption").and_then(|c| c.get("kind")))
                .unwrap_or("noise"),
        }
    }
}

const TOP: &[(&str, Holds)] = &[
    ("schema", Other),
    ("program", Text),
    ("instrument", Text),
    ("model", Text),
    ("seed", Other),
    ("input", Other),
    ("run", Other),
    ("corruption", Other),
    ("trace", Other),
    ("intervention", Other),
    ("lam", Other),
    ("gradient", Other),
    ("integrated-gradients", Other),
    ("occlusion", Other),
    ("rise", Other),
    ("receptive-field", Other),
    ("window-attention", Other),
    ("faithfulness", Other),
    ("import", Other),
];
const IMAGE: &[(&str, Holds)] = &[
    ("image", Text),
    ("truth", Text),
    ("region", Other),
    ("task", Text),
    ("sigma", Other),
    ("scale", Other),
];
const INPUT: &[(&str, Holds)] = &[
    ("prompt", Text),
    ("tokens", Other),
    ("subject", Text),
    ("subject_tokens", Other),
    ("answer", Text),
    ("foil", Text),
];
const RUN: &[(&str, Holds)] = &[("sites", TextList), ("top", Other), ("attention", Other)];
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
    ("confidence", Other),
    ("resolution", Other),
    ("estimate", Other),
    ("engine", Text),
];
const INTERVENTION: &[(&str, Holds)] = &[
    ("bank", Text),
    ("block", Other),
    ("coarse", Other),
    ("fine", Other),
    ("tolerance", Other),
    ("draws", Text),
    ("confidence", Other),
    ("resolution", Other),
    ("estimate", Other),
    ("engine", Text),
    ("compatible", TextList),
    ("mediation", Other),
    ("only", Other),
];
const LAM: &[(&str, Holds)] = &[
    ("path", Text),
    ("detector", Text),
    ("sigma", Other),
    ("fold", Other),
    ("kernel", Other),
    ("precision", Text),
];
const GRADIENT: &[(&str, Holds)] = &[("detector", Text), ("precision", Text)];
const INTEGRATED_GRADIENTS: &[(&str, Holds)] = &[
    ("baseline", Text),
    ("steps", Other),
    ("detector", Text),
    ("precision", Text),
];
const OCCLUSION: &[(&str, Holds)] = &[("block", Other), ("fill", Text), ("engine", Text)];
const RISE: &[(&str, Holds)] = &[("masks", Other), ("grid", Other), ("probability", Other)];
const RECEPTIVE_FIELD: &[(&str, Holds)] = &[("inputs", Other)];
const WINDOW_ATTENTION: &[(&str, Holds)] = &[("pixel", Other)];
const FAITHFULNESS: &[(&str, Holds)] = &[
    ("maps", TextList),
    ("baseline", Text),
    ("block", Other),
    ("steps", Other),
    ("random", Other),
];

const IMPORT: &[(&str, Holds)] = &[
    ("form", Text),
    ("recognised", Text),
    ("array", Text),
    ("axes", TextList),
    ("tokens", Text),
    ("files", Other),
];

/// The keys of a section. `None` for a section that does not exist; the keys outside all sections stand under "".
pub(crate) fn of_section(
    section: &str,
    kinds: Kinds<'_>,
) -> Option<&'static [(&'static str, Holds)]> {
    Some(match section {
        "" => TOP,
        "input" if !INSTRUMENTS.contains(&kinds.instrument) => INPUT,
        "input" if OF_PROMPTS.contains(&kinds.instrument) => INPUT,
        "input" => IMAGE,
        "run" => RUN,
        "corruption" if kinds.corruption == "replace" => REPLACE,
        "corruption" => NOISE,
        "trace" => TRACE,
        "intervention" => INTERVENTION,
        "lam" => LAM,
        "gradient" => GRADIENT,
        "integrated-gradients" => INTEGRATED_GRADIENTS,
        "occlusion" => OCCLUSION,
        "rise" => RISE,
        "receptive-field" => RECEPTIVE_FIELD,
        "window-attention" => WINDOW_ATTENTION,
        "faithfulness" => FAITHFULNESS,
        "import" => IMPORT,
        _ => return None,
    })
}

/// The sections that hold an instrument's settings, beside `input`.
pub(crate) fn settings_of(instrument: &str) -> &'static [&'static str] {
    match instrument {
        "run" => &["run"],
        "causal-trace" => &["corruption", "trace"],
        "causal-effect-map" => &["intervention"],
        "lam" => &["lam"],
        "gradient" => &["gradient"],
        "integrated-gradients" => &["integrated-gradients"],
        "occlusion" => &["occlusion"],
        "rise" => &["rise"],
        "receptive-field" => &["receptive-field"],
        "window-attention" => &["window-attention"],
        "faithfulness" => &["faithfulness"],
        "import" => &["import"],
        _ => &[],
    }
}

/// The names of all sections.
pub(crate) fn sections() -> impl Iterator<Item = &'static str> {
    TOP.iter().skip(5).map(|key| key.0)
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
