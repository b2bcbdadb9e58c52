//! Numbers that a running program sends, a frame at a time.
//!
//! A frame is the length of a header (four bytes, little-endian), the header (JSON), and as many bytes of numbers (float32,
//! little-endian) as its `payload` says. Every frame is answered with a frame without numbers: `{"ok": true}`, or
//! `{"error": "…"}` with a sentence. Headers:
//!
//! - `{"do": "hello"}`: answered with the program and the version of this protocol.
//! - `{"do": "begin", "manifest": {…}, "arrays": {"values": [9, 12]}}`: numbers to come, all unknown; `manifest` as in files.
//! - `{"do": "cells", "array": "values", "at": [0, 5], "payload": 8}`: the numbers of single cells, row-major; or, with
//!   `"from": 12` in place of `at`, of the cells from there on.
//! - `{"do": "open", "path": "/…/attention.npz"}`: a file to be opened.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::array::numbers_of;
use crate::known::own;
use crate::manifest::Manifest;
use crate::read::finish;
use crate::{Asked, Contents, ForeignArray, Import, ImportError, Limits};

/// The version of the protocol.
pub const PROTOCOL: u32 = 1;
/// Longest header, bytes.
const MAX_HEADER: u32 = 1 << 20;
/// Most bytes of numbers in one frame.
const MAX_PAYLOAD: u64 = 64 << 20;
/// Most numbers of one sender.
const LIMITS: Limits = Limits { values: 1 << 26 };
/// Most arrays of one sender.
const MOST_ARRAYS: usize = 64;

/// What a running program says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Message {
    Hello,
    Begin {
        manifest: Box<Manifest>,
        arrays: BTreeMap<String, Vec<usize>>,
    },
    Cells {
        array: String,
        #[serde(default)]
        at: Vec<usize>,
        #[serde(default)]
        from: Option<usize>,
    },
    Open {
        path: PathBuf,
    },
}

#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    payload: u64,
    #[serde(flatten)]
    message: Message,
}

/// What a frame leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Nothing,
    /// Numbers are to come.
    Begun,
    /// Some came.
    Changed,
    /// [`Sender::to_open`] names a file.
    Open,
}

#[derive(Serialize)]
struct Reply<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ok: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<u32>,
}

/// One running program, and the numbers that have come from it.
#[derive(Debug, Default)]
pub struct Sender {
    contents: Contents,
    manifest: Manifest,
    file: Option<PathBuf>,
}

impl Sender {
    /// Waits for a frame, answers it, and says what it led to; `None` when the program is gone, or has sent what is no
    /// frame, after which nothing can be read.
    pub fn listen(&mut self, mut stream: impl Read + Write) -> Option<Heard> {
        let (header, payload) = match frame(&mut stream) {
            Ok(frame) => frame,
            Err(why) => {
                if let Some(why) = why {
                    // The program may be gone already.
                    answer(&mut stream, &error(&why)).ok();
                }
                return None;
            }
        };
        let is_hello = header == Message::Hello;
        let heard = self.take(header, &payload);
        let reply = match &heard {
            Ok(_) if is_hello => Reply {
                ok: Some(true),
                error: None,
                program: Some(concat!("whyfinder ", env!("CARGO_PKG_VERSION"))),
                protocol: Some(PROTOCOL),
            },
            Ok(_) => Reply {
                ok: Some(true),
                error: None,
                program: None,
                protocol: None,
            },
            Err(why) => error(why),
        };
        answer(&mut stream, &reply).ok()?;
        Some(heard.unwrap_or(Heard::Nothing))
    }

    fn take(&mut self, message: Message, payload: &[u8]) -> Result<Heard, String> {
        match message {
            Message::Hello => Ok(Heard::Nothing),
            Message::Begin { manifest, arrays } => {
                let begun = begin(&arrays).map_err(|e| e.to_string())?;
                // Whether it can be drawn is said now, not when the numbers are there.
                own::draft(&begun, &manifest).map_err(|e| e.to_string())?;
                self.contents = begun;
                self.manifest = *manifest;
                Ok(Heard::Begun)
            }
            Message::Cells { array, at, from } => {
                let numbers: Vec<f32> = payload
                    .chunks_exact(4)
                    .map(|raw| f32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]))
                    .collect();
                let name = array;
                let array = self
                    .contents
                    .arrays
                    .iter_mut()
                    .find(|a| a.name == name)
                    .ok_or_else(|| format!("No array \"{name}\" was begun."))?;
                let cells = array.values.len();
                let outside = |cell: usize| {
                    format!("The cell {cell} is outside of \"{name}\", which has {cells}.")
                };
                match from {
                    Some(from) => {
                        let end = from.saturating_add(numbers.len());
                        array
                            .values
                            .get_mut(from..end)
                            .ok_or_else(|| outside(end.saturating_sub(1)))?
                            .copy_from_slice(&numbers);
                    }
                    None => {
                        if at.len() != numbers.len() {
                            return Err(format!(
                                "{} cells are named, and {} numbers came.",
                                at.len(),
                                numbers.len()
                            ));
                        }
                        if let Some(&cell) = at.iter().find(|&&cell| cell >= cells) {
                            return Err(outside(cell));
                        }
                        for (cell, number) in at.into_iter().zip(numbers) {
                            array.values[cell] = number;
                        }
                    }
                }
                Ok(Heard::Changed)
            }
            Message::Open { path } => {
                if !path.is_file() {
                    return Err(format!("There is no file {}.", path.display()));
                }
                self.file = Some(path);
                Ok(Heard::Open)
            }
        }
    }

    /// The file that is to be opened; once.
    pub fn to_open(&mut self) -> Option<PathBuf> {
        self.file.take()
    }

    /// The numbers that have come so far, as an import is.
    ///
    /// # Errors
    /// A sentence if nothing was begun.
    pub fn import(&self) -> Result<Import, ImportError> {
        let draft = own::draft(&self.contents, &self.manifest)?;
        finish(draft, &self.contents, Path::new(""), &Asked::default())
    }
}

fn begin(arrays: &BTreeMap<String, Vec<usize>>) -> Result<Contents, ImportError> {
    if arrays.is_empty() || arrays.len() > MOST_ARRAYS {
        return Err(ImportError::refused(format!(
            "{} arrays were begun; from 1 to {MOST_ARRAYS} can be.",
            arrays.len()
        )));
    }
    let mut contents = Contents::default();
    let mut taken = 0;
    for (name, shape) in arrays {
        let count = numbers_of(name, shape, taken, LIMITS)?;
        if count == 0 {
            return Err(ImportError::refused(format!(
                "The array \"{name}\" has no cells."
            )));
        }
        taken += count as u64;
        contents.arrays.push(ForeignArray {
            name: name.clone(),
            shape: shape.clone(),
            values: vec![f32::NAN; count],
            dtype: "float32",
        });
    }
    Ok(contents)
}

/// A header and its numbers; the error is a sentence for the program, or none if it is gone.
fn frame(stream: &mut impl Read) -> Result<(Message, Vec<u8>), Option<String>> {
    let mut length = [0u8; 4];
    stream.read_exact(&mut length).map_err(|_| None)?;
    let length = u32::from_le_bytes(length);
    if length == 0 || length > MAX_HEADER {
        return Err(Some(format!("A header of {length} bytes is no header.")));
    }
    let text = exactly(stream, u64::from(length)).ok_or(None)?;
    let header: Header = serde_json::from_slice(&text).map_err(|e| {
        let why: String = e.to_string().chars().take(200).collect();
        Some(format!("The header cannot be understood: {why}."))
    })?;
    if header.payload > MAX_PAYLOAD || !header.payload.is_multiple_of(4) {
        return Err(Some(format!(
            "A frame holds float32 numbers in at most {MAX_PAYLOAD} bytes, not {}.",
            header.payload
        )));
    }
    let payload = exactly(stream, header.payload).ok_or(None)?;
    Ok((header.message, payload))
}

/// So many bytes, taken as they come; `None` if the stream ends before.
fn exactly(stream: &mut impl Read, count: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(count).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 == count).then_some(bytes)
}

fn error(why: &str) -> Reply<'_> {
    Reply {
        ok: None,
        error: Some(why),
        program: None,
        protocol: None,
    }
}

fn answer(stream: &mut impl Write, reply: &Reply<'_>) -> std::io::Result<()> {
    let text = serde_json::to_vec(reply).map_err(std::io::Error::other)?;
    let mut bytes = (text.len() as u32).to_le_bytes().to_vec();
    bytes.extend(text);
    stream.write_all(&bytes)?;
    stream.flush()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    /// What was sent, and what came back.
    struct Line {
        sent: Cursor<Vec<u8>>,
        back: Vec<u8>,
    }

    impl Read for Line {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.sent.read(into)
        }
    }

    impl Write for Line {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.back.write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn framed(header: &str, numbers: &[f32]) -> Vec<u8> {
        let mut bytes = (header.len() as u32).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(numbers.iter().flat_map(|n| n.to_le_bytes()));
        bytes
    }

    fn say(sender: &mut Sender, bytes: Vec<u8>) -> (Option<Heard>, String) {
        let mut line = Line {
            sent: Cursor::new(bytes),
            back: Vec::new(),
        };
        let heard = sender.listen(&mut line);
        let back = line.back.get(4..).unwrap_or(&[]);
        (heard, String::from_utf8_lossy(back).into_owned())
    }

    const BEGIN: &str = r#"{"do": "begin", "arrays": {"values": [2, 3]}, "manifest": {"axes": ["token", "layer"], "kind": "effects", "title": "effect of patching"}}"#;

    #[test]
    fn numbers_come_cell_by_cell() {
        let mut sender = Sender::default();
        let (heard, back) = say(&mut sender, framed(r#"{"do": "hello"}"#, &[]));
        assert_eq!(heard, Some(Heard::Nothing));
        assert!(back.contains("\"protocol\":1"), "{back}");
        assert_eq!(say(&mut sender, framed(BEGIN, &[])).0, Some(Heard::Begun));
        let empty = sender.import().expect("begun").outcome;
        assert_eq!(empty.fields[0].mask, [false; 6]);
        let cells = r#"{"do": "cells", "array": "values", "at": [4, 1], "payload": 8}"#;
        assert_eq!(
            say(&mut sender, framed(cells, &[0.5, -0.25])).0,
            Some(Heard::Changed)
        );
        let some = sender.import().expect("begun").outcome;
        assert_eq!(
            some.fields[0].mask,
            [false, true, false, false, true, false]
        );
        assert_eq!(
            (some.fields[0].values[4], some.fields[0].values[1]),
            (0.5, -0.25)
        );
        let row = r#"{"do": "cells", "array": "values", "from": 3, "payload": 12}"#;
        say(&mut sender, framed(row, &[1.0, 2.0, 3.0]));
        let more = sender.import().expect("begun").outcome;
        assert_eq!(more.fields[0].values[3..], [1.0, 2.0, 3.0]);
        assert_eq!(more.fields[0].name, "effect of patching");
    }

    #[test]
    fn what_cannot_be_meant_is_answered_with_a_sentence() {
        let mut sender = Sender::default();
        say(&mut sender, framed(BEGIN, &[]));
        for (header, numbers, part) in [
            (
                r#"{"do": "cells", "array": "values", "at": [6], "payload": 4}"#,
                vec![1.0],
                "outside",
            ),
            (
                r#"{"do": "cells", "array": "values", "at": [1], "payload": 0}"#,
                vec![],
                "1 cells are named",
            ),
            (
                r#"{"do": "cells", "array": "v", "at": [], "payload": 0}"#,
                vec![],
                "begun",
            ),
            (
                r#"{"do": "cells", "array": "values", "from": 18446744073709551615, "payload": 4}"#,
                vec![1.0],
                "outside",
            ),
            (
                r#"{"do": "begin", "arrays": {"values": [100000, 100000]}, "manifest": {"axes": ["row", "column"]}}"#,
                vec![],
                "memory",
            ),
            (
                r#"{"do": "begin", "arrays": {"values": [4]}, "manifest": {"axes": ["row", "column"]}}"#,
                vec![],
                "axes",
            ),
            (
                r#"{"do": "open", "path": "/nowhere.npz"}"#,
                vec![],
                "no file",
            ),
        ] {
            let (heard, back) = say(&mut sender, framed(header, &numbers));
            assert_eq!(heard, Some(Heard::Nothing), "{header}");
            assert!(
                back.contains("error") && back.contains(part),
                "{header}: {back}"
            );
        }
        // What was begun is still there.
        assert!(sender.import().is_ok());
        for garbage in [
            b"\xff\xff\xff\xff".to_vec(),
            b"GET / HTTP/1.1\r\n".to_vec(),
            framed("{}", &[]),
            vec![1, 0],
        ] {
            assert_eq!(say(&mut sender, garbage).0, None);
        }
        let much = format!(
            r#"{{"do": "cells", "array": "values", "payload": {}}}"#,
            u64::MAX
        );
        assert_eq!(say(&mut sender, framed(&much, &[])).0, None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), header in ".{0,80}") {
            let mut sender = Sender::default();
            say(&mut sender, bytes.clone());
            say(&mut sender, framed(&header, &[]));
            say(&mut sender, [framed(BEGIN, &[]), bytes].concat());
        }
    }
}
