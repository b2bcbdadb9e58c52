//! How a vocabulary's pieces read as text.

use std::fmt::Write;

/// How a tokenizer spells spaces and bytes inside its pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// Every character of a piece stands for one byte (GPT-2): `Ġ` is a space.
    ByteLevel,
    /// `▁` is a space, `<0x0A>` a byte (SentencePiece).
    LowLine,
    /// Pieces are plain text.
    Plain,
}

impl Spelling {
    /// Looks at the tokenizer's decoder, or its pre-tokenizer where it has none, as they stand in `tokenizer.json`.
    pub(crate) fn of(decoder: &serde_json::Value, pre_tokenizer: &serde_json::Value) -> Self {
        let described = if decoder.is_null() {
            pre_tokenizer
        } else {
            decoder
        }
        .to_string();
        if described.contains("\"ByteLevel\"") {
            Spelling::ByteLevel
        } else if described.contains("\"Metaspace\"")
            || described.contains("\"ByteFallback\"")
            || described.contains('▁')
        {
            Spelling::LowLine
        } else {
            Spelling::Plain
        }
    }

    /// A piece as text of its own: spaces kept, and bytes that are no whole character as `\xNN`.
    pub(crate) fn text(self, piece: &str) -> String {
        match self {
            Spelling::Plain => piece.to_owned(),
            Spelling::LowLine => match single_byte(piece) {
                Some(byte) => readable(&[byte]),
                None => piece.replace('▁', " "),
            },
            Spelling::ByteLevel => match piece.chars().map(byte_of).collect::<Option<Vec<u8>>>() {
                Some(bytes) => readable(&bytes),
                // An added piece is plain text.
                None => piece.to_owned(),
            },
        }
    }

    /// The piece that reads as this text, whether or not the vocabulary has it.
    pub(crate) fn piece(self, text: &str) -> String {
        match self {
            Spelling::Plain => text.to_owned(),
            Spelling::LowLine => text.replace(' ', "▁"),
            Spelling::ByteLevel => text.bytes().map(char_of).collect(),
        }
    }
}

fn single_byte(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2)
        .then(|| u8::from_str_radix(digits, 16).ok())
        .flatten()
}

fn readable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    text
}

/// Radford et al. 2019: printable bytes stand for themselves, the others for the characters from 256 on, in order.
fn char_of(byte: u8) -> char {
    if stands_for_itself(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|&other| !stands_for_itself(other)).count() as u32;
    char::from_u32(256 + before).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn byte_of(character: char) -> Option<u8> {
    let code = u32::from(character);
    match u8::try_from(code) {
        Ok(byte) => stands_for_itself(byte).then_some(byte),
        Err(_) => (0..=255)
            .filter(|&byte| !stands_for_itself(byte))
            .nth((code - 256) as usize),
    }
}

fn stands_for_itself(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_own_character_and_comes_back() {
        let mut seen = std::collections::HashSet::new();
        for byte in 0..=255 {
            assert!(seen.insert(char_of(byte)));
            assert_eq!(byte_of(char_of(byte)), Some(byte));
        }
        assert_eq!(char_of(b' '), 'Ġ');
        assert_eq!(char_of(b'\n'), 'Ċ');
        assert_eq!(byte_of('日'), None);
    }

    #[test]
    fn the_spelling_is_told_by_the_decoder() {
        let of = |decoder: &str, pre: &str| {
            let parse = |text: &str| serde_json::from_str(text).expect("JSON");
            Spelling::of(&parse(decoder), &parse(pre))
        };
        // GPT-2, Llama 3 and Qwen; Llama 2 and Gemma as published; Mistral as converted since; and no decoder at all.
        let byte_level = r#"{"type":"ByteLevel","add_prefix_space":true}"#;
        let replace = r#"{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}]}"#;
        let metaspace = r#"{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}"#;
        assert_eq!(of(byte_level, "null"), Spelling::ByteLevel);
        assert_eq!(of(replace, "null"), Spelling::LowLine);
        assert_eq!(of(metaspace, metaspace), Spelling::LowLine);
        assert_eq!(of("null", byte_level), Spelling::ByteLevel);
        assert_eq!(of("null", r#"{"type":"Whitespace"}"#), Spelling::Plain);
    }

    #[test]
    fn incomplete_characters_are_shown_as_bytes() {
        assert_eq!(Spelling::ByteLevel.text("Ġcaf"), " caf");
        let piece: String = "é".bytes().map(char_of).collect();
        assert_eq!(Spelling::ByteLevel.text(&piece), "é");
        let first: String = piece.chars().take(1).collect();
        assert_eq!(Spelling::ByteLevel.text(&first), "\\xC3");
        assert_eq!(Spelling::LowLine.text("<0xC3>"), "\\xC3");
        assert_eq!(Spelling::LowLine.text("<0x0A>"), "\n");
        assert_eq!(Spelling::LowLine.text("▁the"), " the");
        assert_eq!(Spelling::LowLine.text("<0xZZ>"), "<0xZZ>");
    }

    #[test]
    fn a_piece_reads_as_the_text_it_was_made_of() {
        for spelling in [Spelling::ByteLevel, Spelling::LowLine, Spelling::Plain] {
            for text in [" Paris", "the", " Größe", "日本"] {
                assert_eq!(spelling.text(&spelling.piece(text)), text);
            }
        }
    }
}
