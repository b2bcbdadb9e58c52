//! Tables in Markdown.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) title: &'static str,
    /// What was done, for a reader who was not there.
    pub(crate) note: String,
    pub(crate) head: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a row, and shows it to whoever waits.
    pub(crate) fn push(&mut self, row: Vec<String>) {
        eprintln!("{}", row.join("  "));
        self.rows.push(row);
    }

    pub(crate) fn to_markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let head: Vec<String> = self.head.iter().map(|&cell| cell.to_owned()).collect();
        let mut text = format!("## {}\n\n{}\n\n", self.title, self.note);
        text.push_str(&line(&head));
        text.push_str(&line(&vec!["---".to_owned(); head.len()]));
        self.rows.iter().for_each(|row| text.push_str(&line(row)));
        text
    }
}

/// `0.123 s`, `12.3 ms`.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 100.0 => format!("{s:.0} s"),
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 0.1 => format!("{:.0} ms", s * 1e3),
        s => format!("{:.2} ms", s * 1e3),
    }
}

pub(crate) fn optional(value: Option<String>) -> String {
    value.unwrap_or_else(|| "–".to_owned())
}

/// Puts the tables between the two marks of an existing page, or makes a page of them.
pub(crate) fn save(path: &Path, tables: &str) -> Result<()> {
    const BEGIN: &str = "<!-- measured: begin -->";
    const END: &str = "<!-- measured: end -->";
    let old = std::fs::read_to_string(path).unwrap_or_default();
    let page = match (old.find(BEGIN), old.find(END)) {
        (Some(begin), Some(end)) if begin < end => {
            format!("{}{BEGIN}\n\n{tables}\n{}", &old[..begin], &old[end..])
        }
        _ => format!("# Benchmarks\n\n{BEGIN}\n\n{tables}\n{END}\n"),
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("Could not write into {}", folder.display()))?;
    file.write_all(page.as_bytes())?;
    file.persist(path)
        .with_context(|| format!("Could not write {}", path.display()))?;
    Ok(())
}
