//! Scripts are whole: whatever they call and name is in them, nothing is left of the pieces' marks, and Python, where
//! there is one, compiles them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use whyfinder_script::{Answered, Script};

use crate::language::{RUN, TRACE, all_sites};
use crate::{experiment, measured, script};

/// The pieces that scripts are made of.
fn pieces() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/script/python");
    let mut pieces: Vec<(String, String)> = std::fs::read_dir(folder)
        .expect("the pieces")
        .flatten()
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).expect("a piece");
            (entry.file_name().to_string_lossy().into_owned(), text)
        })
        .collect();
    pieces.sort();
    assert!(pieces.len() > 20);
    pieces
}

/// Names that follow `def `, at the beginning of a line.
fn defined(text: &str) -> BTreeSet<&str> {
    text.lines()
        .filter_map(|line| {
            line.strip_prefix("def ")
                .or_else(|| line.strip_prefix("class "))
        })
        .filter_map(|rest| rest.split(['(', ':']).next())
        .collect()
}

/// Code without comments and strings, roughly: enough to tell what is called.
fn bare(text: &str) -> String {
    let mut out = String::new();
    for (i, part) in text.split("\"\"\"").enumerate() {
        if i % 2 == 1 {
            continue;
        }
        let code = part
            .lines()
            .filter(|line| !line.starts_with("from ") && !line.starts_with("import "));
        for line in code {
            out.push_str(line.split("  # ").next().unwrap_or(""));
            out.push('\n');
        }
    }
    out
}

/// Words with the letters before and behind them.
fn words(text: &str) -> Vec<(char, &str, char)> {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = Vec::new();
    let (mut before, mut begin) = (' ', None);
    let mut last = ' ';
    for (at, c) in text.char_indices() {
        match (begin, inside(c)) {
            (None, true) => {
                before = last;
                begin = Some(at);
            }
            (Some(first), false) => {
                words.push((before, &text[first..at], c));
                begin = None;
            }
            _ => {}
        }
        last = c;
    }
    words
}

pub(crate) fn check(script: &Script) {
    let text = &script.text;
    assert!(text.starts_with("#!/usr/bin/env python3\n\"\"\""), "{text}");
    assert!(!text.contains("#?"), "{text}");
    assert!(
        text.ends_with("if __name__ == \"__main__\":\n    main()\n"),
        "{text}"
    );
    let code = bare(text);
    let here = defined(text);
    let pieces = pieces();
    let anywhere: BTreeSet<&str> = pieces.iter().flat_map(|(_, p)| defined(p)).collect();
    let given: BTreeSet<&str> = code
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name)
        .collect();
    for (before, word, behind) in words(&code) {
        if before == '.' {
            continue;
        }
        if behind == '(' && anywhere.contains(word) {
            assert!(
                here.contains(word),
                "{word} is called and not there:\n{text}"
            );
        }
        let loud = word.len() > 1
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        // Strings such as "RGB" are no names.
        if loud && before != '"' {
            assert!(
                given.contains(word),
                "{word} is named and not there:\n{text}"
            );
        }
    }
    // What is defined is used.
    for name in &here {
        let all = words(&code);
        let uses = all.iter().filter(|(_, word, _)| word == name).count();
        assert!(uses > 1, "{name} is there and not used:\n{text}");
    }
    for line in text.lines() {
        assert!(
            line.chars().count() <= 120 || line.contains(" = "),
            "{line}"
        );
    }
    compile(text);
}

/// With any `python3`; without one there is nothing to say.
fn compile(text: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("script.py");
    std::fs::write(&path, text).expect("written");
    let python = crate::python();
    if let Ok(done) = Command::new(python)
        .args(["-m", "py_compile"])
        .arg(&path)
        .output()
    {
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}\n{text}");
    }
}

#[test]
fn scripts_of_traces_are_whole() {
    for changes in [
        &[][..],
        &["trace.metric=logit-difference", "corruption.sd=0.5"],
        &["trace.confidence=0.9", "trace.metric=logit"],
        &[
            "trace.severed=[\"mlp\"]",
            "trace.kinds=[\"attention\"]",
            "trace.metric=log-probability",
        ],
        &["input.subject_tokens=[1, 3]"],
    ] {
        let mut changes = changes.to_vec();
        let text = if changes
            .iter()
            .any(|c| c.starts_with("input.subject_tokens"))
        {
            changes.push("input.tokens=[4, 5, 6, 7]");
            TRACE.replace("subject = \"Tarlithmi\"", "").replace(
                "prompt = \"The tower of Tarlithmi stands in the town of\"",
                "",
            )
        } else {
            TRACE.to_string()
        };
        check(&script(&experiment(&text, &changes), None).expect("a script"));
    }
}

#[test]
fn scripts_of_runs_are_whole() {
    let sites = all_sites("demo:isles");
    for changes in [
        &["run.top=0", &sites][..],
        &[&sites],
        &["run.attention=true"],
    ] {
        check(&script(&experiment(RUN, changes), None).expect("a script"));
    }
}

#[test]
fn a_script_of_a_result_says_what_was_measured_and_brings_it_along() {
    let outcome = measured(&experiment(TRACE, &["trace.kinds=[\"mlp\"]"]));
    let answered = Answered::of(&outcome);
    let script = script(&outcome.experiment, Some(&answered)).expect("a script");
    check(&script);
    for said in [
        &outcome.provenance.model_digest,
        "clean ",
        "corrupted ",
        "answer",
    ] {
        assert!(script.text.contains(said), "{said}");
    }
    let names: Vec<&str> = script
        .beside
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    assert!(names.contains(&"again.whyfinder.npz"), "{names:?}");
    assert!(names.contains(&"isles/model.safetensors"), "{names:?}");
}

#[test]
fn nothing_of_an_experiment_can_leave_its_quotes() {
    let hostile = "x\\\"\"\"\nimport os\n\u{202e}\u{2028}";
    let mut asked = experiment(RUN, &[]);
    asked.input.prompt = Some(hostile.into());
    let script = script(&asked, None).expect("a script");
    check(&script);
    assert!(!script.text.contains("\nimport os"), "{}", script.text);
}

#[test]
fn what_cannot_be_repeated_is_refused_with_the_reason() {
    let asked = experiment(RUN, &["run.sites=[\"rotary.hook_cos\"]"]);
    let message = script(&asked, None)
        .expect_err("GPT-2 rotates nothing")
        .to_string();
    assert!(message.contains("rotary.hook_cos"), "{message}");
    let asked = experiment(RUN, &["model=/no/such/folder"]);
    let message = script(&asked, None).expect_err("no model").to_string();
    assert!(message.contains("/no/such/folder"), "{message}");
}
