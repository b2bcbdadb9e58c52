//! Long tables: a row for each cell, its place and its value in columns.

use crate::ImportError;

/// Largest table that is read, bytes.
const LARGEST: usize = 512 << 20;
/// Most columns of a table.
const MOST_COLUMNS: usize = 256;

/// The texts of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    /// Row-major.
    cells: Vec<String>,
}

impl Table {
    pub(crate) fn rows(&self) -> usize {
        self.cells.len() / self.columns.len().max(1)
    }

    pub(crate) fn column(&self, index: usize) -> impl Iterator<Item = &str> + Clone {
        self.cells
            .iter()
            .skip(index)
            .step_by(self.columns.len().max(1))
            .map(String::as_str)
    }

    /// The first column of one of these names.
    pub(crate) fn find(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| {
            self.columns
                .iter()
                .position(|c| c.eq_ignore_ascii_case(name))
        })
    }

    /// The numbers of a column; NaN where a cell is empty or says so.
    pub(crate) fn numbers(&self, index: usize) -> Option<Vec<f32>> {
        self.column(index).map(number).collect()
    }
}

pub(crate) fn number(text: &str) -> Option<f32> {
    match text.trim() {
        "" | "None" | "NA" | "nan" | "NaN" => Some(f32::NAN),
        text => text.parse().ok(),
    }
}

/// Reads comma-, semicolon- or tab-separated values with a line of headings (RFC 4180: quotes are doubled inside quotes,
/// and line feeds may stand there).
pub(crate) fn read(bytes: &[u8]) -> Result<Table, ImportError> {
    let refused = |what: String| ImportError::refused(format!("The table {what}."));
    if bytes.len() > LARGEST {
        return Err(refused("is larger than 512 MiB".into()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| refused("is not UTF-8 text".into()))?;
    let text = text.trim_start_matches('\u{feff}');
    let headings = text.lines().next().unwrap_or_default();
    let separator = [',', '\t', ';']
        .into_iter()
        .max_by_key(|c| (headings.matches(*c).count(), *c == ','))
        .unwrap_or(',');
    let mut table = Table::default();
    for (line, record) in Records::new(text, separator).enumerate() {
        let record = record.ok_or_else(|| refused("ends inside quotes".into()))?;
        if line == 0 {
            if record.len() > MOST_COLUMNS {
                return Err(refused(format!(
                    "has {} columns, which is too many",
                    record.len()
                )));
            }
            table.columns = record.into_iter().map(|c| c.trim().to_string()).collect();
        } else if record.len() == table.columns.len() {
            table.cells.extend(record);
        } else if record.iter().any(|cell| !cell.is_empty()) {
            return Err(refused(format!(
                "has {} columns, and its row {} has {}",
                table.columns.len(),
                line + 1,
                record.len()
            )));
        }
    }
    if table.rows() == 0 {
        return Err(refused("has no rows".into()));
    }
    Ok(table)
}

struct Records<'a> {
    left: std::iter::Peekable<std::str::Chars<'a>>,
    separator: char,
}

impl<'a> Records<'a> {
    fn new(text: &'a str, separator: char) -> Self {
        Self {
            left: text.chars().peekable(),
            separator,
        }
    }
}

impl Iterator for Records<'_> {
    /// `None` within if the text ends inside quotes.
    type Item = Option<Vec<String>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left.peek()?;
        let (mut record, mut cell) = (Vec::new(), String::new());
        let mut quoted = false;
        while let Some(c) = self.left.next() {
            match c {
                '"' if quoted && self.left.peek() == Some(&'"') => {
                    self.left.next();
                    cell.push('"');
                }
                '"' if quoted => quoted = false,
                '"' if cell.is_empty() => quoted = true,
                '\n' if !quoted => {
                    record.push(cell.trim_end_matches('\r').to_string());
                    return Some(Some(record));
                }
                c if c == self.separator && !quoted => record.push(std::mem::take(&mut cell)),
                c => cell.push(c),
            }
        }
        record.push(cell.trim_end_matches('\r').to_string());
        Some((!quoted).then_some(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_separators_and_line_ends() {
        let table =
            read(b"\xef\xbb\xbflayer,token,value\r\n0,\"a, \"\"b\"\"\n\",0.5\r\n1,c,\r\n\r\n")
                .expect("reads");
        assert_eq!(table.columns, ["layer", "token", "value"]);
        assert_eq!(table.column(1).collect::<Vec<_>>(), ["a, \"b\"\n", "c"]);
        let values = table.numbers(2).expect("numbers");
        assert!(values[0] == 0.5 && values[1].is_nan());
        assert_eq!(read(b"a\tb\n1\t2,5\n").expect("tabs").columns.len(), 2);
        for bad in ["", "a,b\n", "a,b\n1\n", "a,b\n\"1,2\n", "\u{0}"] {
            assert!(read(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
