//! Finding the origin inside a file. Nothing in the file is believed: sizes are bounded before anything is unpacked.

use std::path::Path;

use resvg::usvg::roxmltree;
use whyfinder_experiment::read_at_most;

use super::Origin;
use crate::{FigureError, png_text};

/// Largest figure that is looked into, bytes.
const LARGEST: usize = 256 << 20;
/// Largest record, bytes.
const LARGEST_RECORD: usize = 16 << 20;
/// Most attachments of a PDF that are tried.
const MOST_ATTACHMENTS: usize = 64;
const NAMESPACE: &str = "urn:whyfinder:origin";

/// The origin inside a file, of which no more than 256 MiB are read.
///
/// # Errors
/// A sentence if the file cannot be read, is no figure of this program, or holds an origin that cannot be read.
pub fn open_origin(path: &Path) -> Result<Origin, FigureError> {
    let failed = |e: std::io::Error| {
        FigureError::Origin(format!(
            "The figure cannot be read ({e}): {}",
            path.display()
        ))
    };
    let bytes = read_at_most(path, LARGEST as u64).map_err(failed)?;
    read_origin(&bytes)?.ok_or_else(|| {
        FigureError::Origin(format!(
            "The file holds no experiment: it is no SVG, PDF or PNG that Whyfinder wrote, or what was inside has been \
             taken out. Path: {}",
            path.display()
        ))
    })
}

/// The origin inside a PNG, an SVG or a PDF; none if the bytes are no figure of this program.
///
/// # Errors
/// A sentence if there is an origin that cannot be read.
pub fn read_origin(bytes: &[u8]) -> Result<Option<Origin>, FigureError> {
    if bytes.len() > LARGEST {
        return Ok(None);
    }
    let text = if bytes.starts_with(b"\x89PNG") {
        png_text::text_of(bytes, png_text::KEYWORD)
    } else if bytes.starts_with(b"%PDF-") {
        in_pdf(bytes)
    } else {
        in_svg(bytes)
    };
    match text {
        Some(text) if text.len() <= LARGEST_RECORD => Origin::from_json(&text).map(Some),
        _ => Ok(None),
    }
}

/// Whether the first bytes of a PNG promise an origin, so that a picture is told from a figure without reading it whole.
pub fn may_hold_origin(head: &[u8]) -> bool {
    let mark = [b"iTXt", png_text::KEYWORD.as_bytes(), b"\0"].concat();
    head.windows(mark.len()).any(|w| w == mark)
}

fn in_svg(bytes: &[u8]) -> Option<String> {
    let needle = NAMESPACE.as_bytes();
    // A parser is asked only where there is something to find.
    bytes.windows(needle.len()).position(|w| w == needle)?;
    let text = std::str::from_utf8(bytes).ok()?;
    let options = roxmltree::ParsingOptions {
        allow_dtd: false,
        nodes_limit: 2_000_000,
        ..roxmltree::ParsingOptions::default()
    };
    let document = roxmltree::Document::parse_with_options(text, options).ok()?;
    let node = document
        .descendants()
        .find(|n| n.has_tag_name((NAMESPACE, "origin")))?;
    Some(node.text()?.to_string())
}

/// The first attachment that is a record of ours. Other programs may have rewritten the file, so streams are looked
/// for in the bytes themselves, not through its table of objects.
fn in_pdf(bytes: &[u8]) -> Option<String> {
    let mark = b"/EmbeddedFile";
    let mut from = 0;
    for _ in 0..MOST_ATTACHMENTS {
        let at = from
            + bytes
                .get(from..)?
                .windows(mark.len())
                .position(|w| w == mark)?;
        from = at + mark.len();
        // /EmbeddedFiles names the tree of them.
        if bytes.get(from) == Some(&b's') {
            continue;
        }
        if let Some(text) = attachment(bytes, at) {
            return Some(text);
        }
    }
    None
}

/// The text of the stream whose dictionary a mark lies in.
fn attachment(bytes: &[u8], mark: usize) -> Option<String> {
    /// How far a dictionary may reach to either side of the mark.
    const DICTIONARY: usize = 1024;
    let first = mark.saturating_sub(DICTIONARY);
    let before = bytes.get(first..mark)?;
    let start = first + before.windows(3).rposition(|w| w == b"obj")?;
    let after = bytes.get(mark..(mark + DICTIONARY).min(bytes.len()))?;
    let stream = mark + after.windows(6).position(|w| w == b"stream")?;
    let dictionary = bytes.get(start..stream)?;
    let mut data = bytes.get(stream + 6..)?;
    data = data.strip_prefix(b"\r").unwrap_or(data);
    data = data.strip_prefix(b"\n").unwrap_or(data);
    let data = match length(dictionary) {
        Some(length) if length <= data.len() => &data[..length],
        _ => &data[..data.windows(9).position(|w| w == b"endstream")?],
    };
    let has = |word: &[u8]| dictionary.windows(word.len()).any(|w| w == word);
    let text = if has(b"/FlateDecode") {
        miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(data, LARGEST_RECORD).ok()?
    } else if has(b"/Filter") {
        return None;
    } else {
        data.get(..data.len().min(LARGEST_RECORD))?.to_vec()
    };
    let text = String::from_utf8(text).ok()?;
    (text.starts_with('{') && text.contains("\"sources\"")).then_some(text)
}

/// `/Length N`, where it is a number and no reference.
fn length(dictionary: &[u8]) -> Option<usize> {
    let key = b"/Length";
    let at = dictionary.windows(key.len()).position(|w| w == key)? + key.len();
    let rest = std::str::from_utf8(dictionary.get(at..)?)
        .ok()?
        .trim_start();
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (number, rest) = rest.split_at(end);
    if rest.trim_start().starts_with("0 R") {
        return None;
    }
    number.parse().ok()
}
