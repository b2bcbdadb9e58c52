//! What differs between two questions, in words.

use std::collections::BTreeMap;

use serde_json::Value;
use whyfinder_experiment::Experiment;

use super::excerpt::excerpt;
use crate::window::words::shortened;

/// Changes that are spelled out; the rest is counted.
const MOST: usize = 3;
/// Letters of a text.
pub(super) const LETTERS: usize = 26;

/// What a run asks that its parent does not: `window 10 → 6`, `σ 25 → 50`. Runs of several networks are told by all of
/// their experiments, in the order of the networks. Texts that are cut are told apart from those of `others`.
pub fn change_words(before: &[Experiment], after: &[Experiment], others: &[&Experiment]) -> String {
    let (Some(old), Some(new)) = (before.last(), after.last()) else {
        return "First run".to_string();
    };
    let texts = texts(others.iter().copied().chain(before));
    let said = |value: &Value| said(value, &texts);
    let mut words = networks(before, after);
    words.extend(beside(before, after));
    let (old, new) = (flat(old), flat(new));
    let instrument = |of: &BTreeMap<String, Value>| of.get("instrument").cloned();
    let other_instrument = instrument(&old) != instrument(&new);
    let prompt_changed = old.get("input.prompt") != new.get("input.prompt");
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort_by_key(|key| (order(key), (*key).clone()));
    keys.dedup();
    for key in keys {
        let (a, b) = (old.get(key), new.get(key));
        if a == b || key == "schema" || key == "model" {
            continue;
        }
        // Another instrument has settings of its own, and another prompt its own positions.
        let of_settings = !key.starts_with("input.") && key != "seed" && key != "instrument";
        if other_instrument && of_settings || prompt_changed && key.starts_with("input.subject") {
            continue;
        }
        words.push(change(key, a, b, &said));
    }
    match words.len() {
        0 => "Run again".to_string(),
        n if n > MOST => {
            let rest = n - MOST + 1;
            words.truncate(MOST - 1);
            format!("{}, {rest} more changes", words.join(", "))
        }
        _ => words.join(", "),
    }
}

/// What a run is about that came from no other; told apart from `others` where it is cut.
pub fn first_words(experiment: &Experiment, others: &[&Experiment]) -> String {
    let asked = flat(experiment);
    for key in ["input.prompt", "input.truth", "input.image"] {
        if let Some(value) = asked.get(key) {
            return said(value, &texts(others.iter().copied()));
        }
    }
    "First run".to_string()
}

/// Prompts, and the names of pictures, in some experiments.
fn texts<'a>(of: impl Iterator<Item = &'a Experiment>) -> Vec<String> {
    let text = |(key, value): (String, Value)| match value {
        Value::String(text) if is_long(&key) && text.contains(' ') => Some(text),
        Value::String(path) if is_long(&key) => Some(last_part(&path).to_string()),
        _ => None,
    };
    of.flat_map(flat).filter_map(text).collect()
}

/// Networks that came and went.
fn networks(before: &[Experiment], after: &[Experiment]) -> Vec<String> {
    let names = |of: &[Experiment]| {
        let mut names: Vec<String> = Vec::new();
        for experiment in of {
            if !names.contains(&experiment.model) {
                names.push(experiment.model.clone());
            }
        }
        names
    };
    let (old, new) = (names(before), names(after));
    if old.len() == 1 && new.len() == 1 && old != new {
        return vec![format!("{} → {}", short(&old[0]), short(&new[0]))];
    }
    let came = new.iter().filter(|n| !old.contains(n));
    let went = old.iter().filter(|n| !new.contains(n));
    came.map(|n| format!("with {}", short(n)))
        .chain(went.map(|n| format!("without {}", short(n))))
        .collect()
}

/// What is measured beside the last experiment and was not before, such as the scores of a map.
fn beside(before: &[Experiment], after: &[Experiment]) -> Option<String> {
    let (_, beside) = after.split_last()?;
    let name = |e: &Experiment| e.instrument.name();
    let last = after.last().map(name);
    let came = beside
        .iter()
        .map(name)
        .find(|n| Some(*n) != last && *n != "run" && !before.iter().any(|e| name(e) == *n))?;
    Some(format!("with {}", instrument(came)))
}

/// An instrument in words.
pub fn instrument(name: &str) -> String {
    match name {
        "lam" | "rise" => name.to_uppercase(),
        name => name.replace('-', " "),
    }
}

/// The last part of a path, or of `demo:NAME`.
pub fn short(reference: &str) -> String {
    shortened(last_part(reference), LETTERS)
}

fn last_part(reference: &str) -> &str {
    reference
        .trim_end_matches(['/', '\\'])
        .rsplit(['/', '\\', ':'])
        .next()
        .unwrap_or(reference)
}

fn flat(experiment: &Experiment) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    if let Ok(Value::Object(top)) = serde_json::to_value(experiment) {
        for (key, value) in top {
            match value {
                Value::Object(section) => {
                    for (name, value) in section {
                        all.insert(format!("{key}.{name}"), value);
                    }
                }
                value => {
                    all.insert(key, value);
                }
            }
        }
    }
    all
}

/// What matters most comes first.
fn order(key: &str) -> usize {
    let first = [
        "instrument",
        "input.prompt",
        "input.truth",
        "input.image",
        "input.region",
    ];
    first.iter().position(|k| *k == key).unwrap_or(first.len())
}

fn change(
    key: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    said: &dyn Fn(&Value) -> String,
) -> String {
    let name = name(key);
    match (before, after) {
        (_, Some(Value::Bool(true))) => format!("{name} on"),
        (Some(Value::Bool(true)), _) => format!("{name} off"),
        (Some(a), Some(b)) => match (a, b) {
            (Value::String(_), Value::String(_)) if is_long(key) => format!("{name} {}", said(b)),
            (Value::Array(a), Value::Array(b)) if is_list_of_words(a, b) => {
                lists(&name, a, b, said)
            }
            _ if key == "input.region" => format!("{name} {}", region(b)),
            (Value::String(a), Value::String(b)) if key == "instrument" => {
                format!("{} → {}", instrument(a), instrument(b))
            }
            _ => format!("{name} {} → {}", said(a), said(b)),
        },
        (None, Some(b)) => format!("{name} {}", said(b)),
        (Some(_), None) => format!("no {name}"),
        (None, None) => name,
    }
}

/// Texts that are told by what they are now.
fn is_long(key: &str) -> bool {
    matches!(
        key,
        "input.prompt" | "corruption.prompt" | "input.truth" | "input.image" | "input.subject"
    )
}

fn is_list_of_words(a: &[Value], b: &[Value]) -> bool {
    a.iter().chain(b).all(Value::is_string)
}

/// `severed + mlp`, `kinds − attention`.
fn lists(name: &str, before: &[Value], after: &[Value], said: &dyn Fn(&Value) -> String) -> String {
    let came = after.iter().filter(|v| !before.contains(v));
    let went = before.iter().filter(|v| !after.contains(v));
    let changes: Vec<String> = came
        .map(|v| format!("+ {}", said(v)))
        .chain(went.map(|v| format!("− {}", said(v))))
        .collect();
    if changes.is_empty() {
        return format!("{name} in another order");
    }
    format!("{name} {}", changes.join(" "))
}

fn region(value: &Value) -> String {
    let number = |i: usize| value.get(i).and_then(Value::as_u64).unwrap_or(0);
    format!(
        "{} × {} at {}, {}",
        number(2),
        number(3),
        number(0),
        number(1)
    )
}

fn name(key: &str) -> String {
    let known = match key {
        "corruption.kind" => "corruption",
        "corruption.prompt" => "replacement",
        "corruption.scale" => "noise",
        "input.sigma" => "σ",
        "input.subject_tokens" => "subject",
        "trace.estimate" | "intervention.estimate" => "estimates first",
        "intervention.coarse" => "coarse draws",
        "intervention.fine" => "fine draws",
        "intervention.only" => "only block",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_string();
    }
    let last = key.rsplit('.').next().unwrap_or(key);
    last.replace(['-', '_'], " ")
}

/// A value in words; a text that is cut is told apart from others.
fn said(value: &Value, others: &[String]) -> String {
    match value {
        Value::Null => "none".to_string(),
        Value::Bool(on) => if *on { "on" } else { "off" }.to_string(),
        Value::Number(n) => match n.as_f64() {
            // A number that was kept in 32 bits, without the digits that it never had.
            Some(v) if n.is_f64() => format!("{}", v as f32),
            _ => n.to_string(),
        },
        Value::String(text) => match text.strip_prefix("picture:") {
            Some(name) => name.to_string(),
            None if text.contains(' ') => format!("“{}”", excerpt(text.trim(), others, LETTERS)),
            None => excerpt(last_part(text), others, LETTERS).replace('-', " "),
        },
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| said(item, others)).collect();
            items.join(", ")
        }
        Value::Object(_) => "…".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use whyfinder_experiment::parse_experiment;

    const TRACE: &str = "instrument = \"causal-trace\"\nmodel = \"demo:isles\"\n[input]\n\
        prompt = \"The tower of Varn stands\"\nsubject = \"tower of Varn\"\n";
    const MAP: &str = "instrument = \"causal-effect-map\"\nmodel = \"demo:denoise\"\n[input]\n\
        truth = \"picture:tree\"\nregion = [8, 16, 32, 24]\nsigma = 25\n";

    fn with(text: &str, set: &[&str]) -> Vec<Experiment> {
        let set: Vec<String> = set.iter().map(ToString::to_string).collect();
        vec![parse_experiment(text, &set).expect("parses")]
    }

    fn of_trace(set: &[&str]) -> String {
        change_words(&with(TRACE, &["trace.window=10"]), &with(TRACE, set), &[])
    }

    #[test]
    fn settings_are_told_by_what_they_were_and_are() {
        assert_eq!(of_trace(&["trace.window=6"]), "window 10 → 6");
        assert_eq!(
            of_trace(&["trace.window=10", "corruption.scale=2.5"]),
            "noise 3 → 2.5"
        );
        assert_eq!(of_trace(&["trace.window=10"]), "Run again");
        assert_eq!(
            of_trace(&["trace.window=10", "trace.estimate=false"]),
            "estimates first off"
        );
        assert_eq!(
            of_trace(&[
                "trace.window=10",
                "trace.kinds=[\"residual\"]",
                "trace.severed=[\"mlp\"]"
            ]),
            "kinds − mlp − attention, severed + mlp"
        );
        assert_eq!(
            of_trace(&[
                "trace.window=1",
                "seed=4",
                "corruption.samples=20",
                "corruption.scale=1"
            ]),
            "samples 10 → 20, noise 3 → 1, 2 more changes"
        );
    }

    #[test]
    fn another_prompt_is_told_by_its_words_alone() {
        let words = change_words(
            &with(TRACE, &[]),
            &with(
                TRACE,
                &[
                    "input.prompt=The lighthouse of Lund",
                    "input.subject=lighthouse",
                ],
            ),
            &[],
        );
        assert_eq!(words, "prompt “The lighthouse of Lund”");
    }

    #[test]
    fn texts_that_begin_alike_are_told_from_where_they_differ() {
        let subject = "input.subject=of";
        let of = |prompt: &str| with(TRACE, &[&format!("input.prompt={prompt}"), subject]);
        let long = "The lighthouse of Varn stands on the island of";
        let other = "The lighthouse of Varn stands on the coast of";
        assert_eq!(
            first_words(&of(long)[0], &[]),
            "“The lighthouse of Varn st…”"
        );
        assert_eq!(
            first_words(&of(other)[0], &[&of(long)[0]]),
            "“…the coast of”"
        );
        assert_eq!(
            change_words(&of(long), &of(other), &[]),
            "prompt “…the coast of”"
        );
        // Both came from a third, which is not the one that looks alike.
        assert_eq!(
            change_words(&of("The port of"), &of(other), &[&of(long)[0]]),
            "prompt “…the coast of”"
        );
        let picture = |name: &str| with(MAP, &[&format!("input.truth=/home/me/{name}")]);
        assert_eq!(
            change_words(
                &picture("series_of_2024_in_the_garden_001.png"),
                &picture("series_of_2024_in_the_garden_002.png"),
                &[]
            ),
            "truth …garden_002.png"
        );
    }

    #[test]
    fn pictures_networks_and_methods_are_told() {
        let of = |set: &[&str]| change_words(&with(MAP, &[]), &with(MAP, set), &[]);
        assert_eq!(of(&["input.sigma=50"]), "σ 25 → 50");
        assert_eq!(
            of(&["input.region=[0, 8, 16, 16]"]),
            "region 16 × 16 at 0, 8"
        );
        assert_eq!(of(&["input.truth=picture:bricks"]), "truth bricks");
        assert_eq!(
            of(&["instrument=occlusion"]),
            "causal effect map → occlusion"
        );
        assert_eq!(of(&["instrument=lam"]), "causal effect map → LAM");
        assert_eq!(of(&["model=demo:sr-local"]), "denoise → sr-local");
        let both = [with(MAP, &[]), with(MAP, &["model=demo:sr-window"])].concat();
        assert_eq!(change_words(&with(MAP, &[]), &both, &[]), "with sr-window");
        assert_eq!(
            change_words(&both, &with(MAP, &[]), &[]),
            "without sr-window"
        );
    }

    #[test]
    fn what_is_measured_beside_a_map_is_told() {
        let scored = [with(MAP, &["instrument=faithfulness"]), with(MAP, &[])].concat();
        assert_eq!(
            change_words(&with(MAP, &[]), &scored, &[]),
            "with faithfulness"
        );
        assert_eq!(change_words(&scored, &scored, &[]), "Run again");
    }

    #[test]
    fn a_first_run_is_told_by_what_it_is_about() {
        assert_eq!(
            first_words(&with(TRACE, &[])[0], &[]),
            "“The tower of Varn stands”"
        );
        assert_eq!(first_words(&with(MAP, &[])[0], &[]), "tree");
    }
}
