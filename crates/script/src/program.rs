//! A script in the making: facts, imports, constants and pieces.

use std::collections::BTreeSet;

/// Lines of a piece that end in `#? NAME` are there only where the flag NAME is set.
const MARK: &str = "  #? ";

#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    /// What the docstring begins with: one sentence.
    title: String,
    /// Lines of the docstring, escaped.
    facts: Vec<String>,
    standard: BTreeSet<&'static str>,
    imports: BTreeSet<&'static str>,
    constants: Vec<String>,
    pieces: Vec<String>,
    flags: BTreeSet<&'static str>,
}

impl Program {
    pub(crate) fn new(title: String) -> Self {
        let mut program = Self {
            title,
            ..Self::default()
        };
        program.standard.insert("import argparse");
        program.standard.insert("from pathlib import Path");
        program.imports.insert("import numpy as np");
        program.imports.insert("import torch");
        program
    }

    /// Lines of the docstring; what comes from outside has to be escaped.
    pub(crate) fn facts(&mut self, lines: impl IntoIterator<Item = String>) {
        self.facts.extend(lines);
    }

    /// `import x` or `from x import y` of a package.
    pub(crate) fn import(&mut self, line: &'static str) {
        self.imports.insert(line);
    }

    pub(crate) fn flag(&mut self, name: &'static str) {
        self.flags.insert(name);
    }

    /// `NAME = value`, which is Python already.
    pub(crate) fn constant(&mut self, name: &str, value: impl AsRef<str>) {
        self.define(format!("{name} = {}", value.as_ref()));
    }

    /// As [`Program::constant`], with a comment behind it.
    pub(crate) fn noted(&mut self, name: &str, value: impl AsRef<str>, note: &str) {
        self.define(format!("{name} = {}  # {note}", value.as_ref()));
    }

    fn define(&mut self, line: String) {
        if !self.constants.contains(&line) {
            self.constants.push(line);
        }
    }

    /// Parts that are there already are not put in again.
    pub(crate) fn piece(&mut self, text: &str) {
        let piece = text.trim_end().to_string();
        if !self.pieces.contains(&piece) {
            self.pieces.push(piece);
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut out = String::from("#!/usr/bin/env python3\n");
        out.push_str(&format!("\"\"\"{}\n\n", self.title));
        for fact in &self.facts {
            out.push_str(fact.trim_end());
            out.push('\n');
        }
        out.push_str("\"\"\"\n\n");
        for lines in [&self.standard, &self.imports] {
            for line in sorted(lines) {
                out.push_str(line);
                out.push('\n');
            }
            out.push('\n');
        }
        for constant in &self.constants {
            out.push_str(constant);
            out.push('\n');
        }
        let pieces: Vec<String> = self.pieces.iter().map(|piece| self.chosen(piece)).collect();
        for part in used(&pieces) {
            out.push_str("\n\n");
            out.push_str(part);
            out.push('\n');
        }
        out
    }

    /// A piece without the lines whose flag is not set.
    fn chosen(&self, piece: &str) -> String {
        let mut out = String::new();
        for line in piece.lines() {
            let line = match line.split_once(MARK) {
                Some((_, name)) if !self.flags.contains(name.trim()) => continue,
                Some((line, _)) => line,
                None => line,
            };
            out.push_str(line);
            out.push('\n');
        }
        out
    }
}

/// The functions that are called from what stands outside functions, and that, in the order in which they come.
fn used(pieces: &[String]) -> Vec<&str> {
    let parts: Vec<&str> = pieces
        .iter()
        .flat_map(|piece| piece.trim_end().split("\n\n\n"))
        .collect();
    let name = |part: &str| -> Option<String> {
        let rest = part
            .strip_prefix("def ")
            .or_else(|| part.strip_prefix("class "))?;
        rest.split(['(', ':']).next().map(str::to_string)
    };
    let names: Vec<Option<String>> = parts.iter().map(|part| name(part)).collect();
    let mut kept: Vec<bool> = names.iter().map(Option::is_none).collect();
    let mut todo: Vec<usize> = (0..parts.len()).filter(|&i| kept[i]).collect();
    while let Some(at) = todo.pop() {
        for (i, wanted) in names.iter().enumerate() {
            if !kept[i]
                && wanted
                    .as_ref()
                    .is_some_and(|name| names_it(parts[at], name))
            {
                kept[i] = true;
                todo.push(i);
            }
        }
    }
    parts
        .into_iter()
        .zip(kept)
        .filter_map(|(part, kept)| kept.then_some(part))
        .collect()
}

/// Whether a name stands in a text as a whole word.
fn names_it(text: &str, name: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        !text[..at].ends_with(letter) && !text[at + name.len()..].starts_with(letter)
    })
}

/// `import x` before `from x import y`, as formatters have it.
fn sorted<'a>(lines: &BTreeSet<&'a str>) -> Vec<&'a str> {
    let mut lines: Vec<&str> = lines.iter().copied().collect();
    lines.sort_by_key(|line| (line.starts_with("from"), *line));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_there_only_with_their_flag() {
        let mut program = Program::new("Something.".into());
        program.flag("yes");
        program.piece("def f():\n    a()  #? yes\n    b()  #? no\n    c()\n\n\nf()\n");
        let text = program.text();
        assert!(
            text.ends_with("\n\ndef f():\n    a()\n    c()\n\n\nf()\n"),
            "{text}"
        );
        assert!(!text.contains("#?"));
    }

    #[test]
    fn functions_are_there_only_if_something_calls_them() {
        let pieces = [
            "def a():\n    b()\n\n\ndef b():\n    pass\n\n\ndef bb():\n    a()\n",
            "X = 1\n\n\nprint(a())\n",
        ]
        .map(str::to_string);
        let used: String = used(&pieces).join(" ");
        assert!(used.contains("def a") && used.contains("def b():"));
        assert!(!used.contains("bb") && used.contains("X = 1"));
    }
}
