//! Tokens from a side file.

use std::path::Path;

use whyfinder_experiment::OutsideFile;

use crate::ImportError;

/// Largest side file that is read, bytes.
const LARGEST: u64 = 64 << 20;

/// Tokens from a text file, one a line, or from a JSON list of texts.
///
/// # Errors
/// A sentence if the file cannot be read or holds no tokens.
pub fn read_tokens(path: &Path) -> Result<Vec<String>, ImportError> {
    let failed = |source| ImportError::File {
        path: path.to_path_buf(),
        source,
    };
    let file = OutsideFile::open(path).map_err(failed)?;
    let refused = |what: &str| {
        ImportError::refused(format!(
            "The file of tokens {what}. Path: {}",
            path.display()
        ))
    };
    if file.length() > LARGEST {
        return Err(refused("is larger than 64 MiB"));
    }
    let bytes = file.read_to_end(LARGEST).map_err(failed)?;
    let text = String::from_utf8(bytes).map_err(|_| refused("is not UTF-8 text"))?;
    let text = text.trim_start_matches('\u{feff}');
    let is_json = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let tokens: Vec<String> = match listed(text) {
        Some(tokens) => tokens,
        None if is_json => return Err(refused("is not a JSON list of texts")),
        // A line such as [CLS] begins as a list would.
        None => text.lines().map(str::to_string).collect(),
    };
    if tokens.is_empty() {
        return Err(refused("is empty"));
    }
    Ok(tokens)
}

/// A JSON list of texts, or of one such list, as a batch of one has it.
pub(crate) fn listed(text: &str) -> Option<Vec<String>> {
    if let Ok(tokens) = serde_json::from_str::<Vec<String>>(text) {
        return Some(tokens);
    }
    let mut lists = serde_json::from_str::<Vec<Vec<String>>>(text).ok()?;
    (!lists.is_empty()).then(|| lists.swap_remove(0))
}

/// A token without the marks by which vocabularies show its spaces: `Ġ` and `▁` before, `</w>` after, line feeds as `Ċ`.
pub(crate) fn plain(token: &str) -> String {
    let token = token.strip_suffix("</w>").unwrap_or(token);
    token.replace(['Ġ', '▁'], " ").replace('Ċ', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_as_lines_or_as_a_list() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            read_tokens(&path)
        };
        assert_eq!(
            at("a.txt", "The\n tower\n").ok(),
            Some(vec!["The".into(), " tower".into()])
        );
        assert_eq!(
            at("b.json", "[\"a\", \"b\"]").ok(),
            Some(vec!["a".into(), "b".into()])
        );
        assert_eq!(at("c.json", "[[\"a\"]]").ok(), Some(vec!["a".into()]));
        assert_eq!(at("f.txt", "[CLS]\nyes").map(|t| t.len()).ok(), Some(2));
        assert!(at("d.json", "[1]").is_err() && at("e.txt", "").is_err());
        assert_eq!(plain("Ġtower"), " tower");
        assert_eq!(plain("end</w>"), "end");
    }
}
