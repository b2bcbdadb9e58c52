//! A reader of simple PDFs, independent of what writes them: objects, the page's size, and its text through the fonts'
//! maps to Unicode.

use std::collections::BTreeMap;

#[derive(Debug)]
pub(crate) struct Pdf {
    objects: BTreeMap<usize, Object>,
}

#[derive(Debug)]
struct Object {
    dictionary: String,
    stream: Option<Vec<u8>>,
}

fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    bytes[from..]
        .windows(needle.len())
        .position(|w| w == needle)
        .map(|at| at + from)
}

impl Pdf {
    /// Reads the objects that the table at the file's end points to.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        assert!(bytes.starts_with(b"%PDF-1.7"));
        let mark = bytes
            .windows(9)
            .rposition(|w| w == b"startxref")
            .expect("a table");
        let tail = String::from_utf8_lossy(&bytes[mark + 9..]).into_owned();
        let table: usize = tail
            .split_whitespace()
            .next()
            .expect("its place")
            .parse()
            .expect("a number");
        let text = String::from_utf8_lossy(&bytes[table..]).into_owned();
        let mut lines = text.lines().skip(1);
        let count = lines
            .next()
            .expect("a count")
            .split_whitespace()
            .nth(1)
            .expect("two numbers");
        let count: usize = count.parse().expect("a number");
        let objects = lines
            .take(count)
            .enumerate()
            .filter(|(_, line)| line.trim_end().ends_with('n'))
            .map(|(number, line)| {
                let at: usize = line[..10].parse().expect("an offset");
                (number, object(bytes, at, number))
            })
            .collect();
        Self { objects }
    }

    fn with(&self, mark: &str) -> impl Iterator<Item = &Object> {
        self.objects
            .values()
            .filter(move |o| o.dictionary.contains(mark))
    }

    /// Width and height of the page in millimetres.
    pub(crate) fn millimetres(&self) -> [f32; 2] {
        let page = self.with("/MediaBox").next().expect("a page");
        let start = page.dictionary.find("/MediaBox").expect("found above");
        let (_, rest) = page.dictionary[start..].split_once('[').expect("an array");
        let (numbers, _) = rest.split_once(']').expect("it ends");
        let numbers: Vec<f32> = numbers
            .split_whitespace()
            .map(|n| n.parse().expect("a number"))
            .collect();
        [numbers[2], numbers[3]].map(|points| points * 25.4 / 72.0)
    }

    /// Programs of embedded fonts.
    pub(crate) fn embedded_fonts(&self) -> usize {
        self.with("/FontFile2")
            .chain(self.with("/FontFile3"))
            .count()
    }

    pub(crate) fn pictures(&self) -> usize {
        self.with("/Subtype/Image")
            .chain(self.with("/Subtype /Image"))
            .count()
    }

    /// One line per line of text.
    pub(crate) fn texts(&self) -> Vec<String> {
        let page = self.with("/MediaBox").next().expect("a page");
        let contents = reference(&page.dictionary, "/Contents").expect("contents");
        let stream = self.objects[&contents].stream.as_deref().expect("a stream");
        let fonts: BTreeMap<String, BTreeMap<u16, String>> = fonts(&page.dictionary)
            .into_iter()
            .map(|(name, number)| (name, self.to_unicode(number)))
            .collect();
        read_page(stream, &fonts)
    }

    /// The page's operators.
    pub(crate) fn content(&self) -> Vec<u8> {
        let page = self.with("/MediaBox").next().expect("a page");
        let contents = reference(&page.dictionary, "/Contents").expect("contents");
        self.objects[&contents].stream.clone().expect("a stream")
    }

    /// How much a named state covers, 0 to 1.
    pub(crate) fn opacity(&self, name: &str) -> f32 {
        let state = &self.named(name).dictionary;
        let (_, rest) = state.split_once("/ca ").expect("an opacity");
        let number = rest.split_whitespace().next().expect("a number");
        number.parse().expect("a number")
    }

    /// Columns and rows of a named picture, and its pixels with straight alpha, rows from above.
    pub(crate) fn picture(&self, name: &str) -> ([usize; 2], Vec<[u8; 4]>) {
        let picture = self.named(name);
        let side = |key: &str| reference(&picture.dictionary, key).expect("a side");
        let colours = picture.stream.as_deref().expect("a stream");
        let mask = reference(&picture.dictionary, "/SMask")
            .map(|mask| self.objects[&mask].stream.as_deref().expect("a stream"));
        let pixels = colours
            .chunks_exact(3)
            .enumerate()
            .map(|(i, c)| [c[0], c[1], c[2], mask.map_or(255, |m| m[i])])
            .collect();
        ([side("/Width"), side("/Height")], pixels)
    }

    /// What the page calls `/NAME`.
    fn named(&self, name: &str) -> &Object {
        let page = self.with("/MediaBox").next().expect("a page");
        &self.objects[&reference(&page.dictionary, name).expect("it is named")]
    }

    fn to_unicode(&self, font: usize) -> BTreeMap<u16, String> {
        let map = reference(&self.objects[&font].dictionary, "/ToUnicode").expect("a map");
        let bytes = self.objects[&map].stream.as_deref().expect("a stream");
        let text = String::from_utf8_lossy(bytes);
        text.lines()
            .filter_map(|line| {
                let line = line.trim().strip_prefix('<')?;
                let (glyph, rest) = line.split_once("> <")?;
                let code = rest.strip_suffix('>')?;
                let units: Vec<u16> = (0..code.len() / 4)
                    .map(|i| u16::from_str_radix(&code[4 * i..4 * i + 4], 16).expect("hexadecimal"))
                    .collect();
                let glyph = u16::from_str_radix(glyph, 16)
                    .ok()
                    .filter(|_| glyph.len() == 4)?;
                Some((glyph, String::from_utf16(&units).expect("UTF-16")))
            })
            .collect()
    }
}

fn object(bytes: &[u8], at: usize, number: usize) -> Object {
    assert!(
        bytes[at..].starts_with(format!("{number} 0 obj").as_bytes()),
        "object {number}"
    );
    let end = find(bytes, b"endobj", at).expect("it ends");
    let stream = find(bytes, b"stream\n", at).filter(|s| *s < end);
    let Some(start) = stream else {
        return Object {
            dictionary: String::from_utf8_lossy(&bytes[at..end]).into_owned(),
            stream: None,
        };
    };
    let dictionary = String::from_utf8_lossy(&bytes[at..start]).into_owned();
    let (_, length) = dictionary.split_once("/Length ").expect("a length");
    let length: usize = length
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .expect("digits")
        .parse()
        .expect("a number");
    let data = &bytes[start + 7..start + 7 + length];
    let data = if dictionary.contains("/FlateDecode") {
        miniz_oxide::inflate::decompress_to_vec_zlib(data).expect("it unpacks")
    } else {
        data.to_vec()
    };
    Object {
        dictionary,
        stream: Some(data),
    }
}

fn reference(dictionary: &str, key: &str) -> Option<usize> {
    let start = dictionary.find(key)? + key.len();
    dictionary[start..].split_whitespace().next()?.parse().ok()
}

fn fonts(page: &str) -> Vec<(String, usize)> {
    let start = page.find("/Font").expect("fonts");
    let (_, rest) = page[start..].split_once("<<").expect("a dictionary");
    let (inner, _) = rest.split_once(">>").expect("it ends");
    inner
        .split('/')
        .skip(1)
        .map(|entry| {
            let mut words = entry.split_whitespace();
            let name = words.next().expect("a name").to_string();
            (
                name,
                words.next().expect("a number").parse().expect("a number"),
            )
        })
        .collect()
}

/// The strings of a page between BT and ET; a text that is said beside them takes their place.
fn read_page(stream: &[u8], fonts: &BTreeMap<String, BTreeMap<u16, String>>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut said: Option<String> = None;
    let mut font = String::new();
    let mut name = String::new();
    let mut i = 0;
    while i < stream.len() {
        match stream[i] {
            b'(' => {
                let (bytes, next) = literal(stream, i);
                show(&bytes, &font, fonts, &mut line, &mut said, &name);
                i = next;
            }
            b'<' if stream.get(i + 1) == Some(&b'<') => i += 2,
            b'<' => {
                let end = find(stream, b">", i).expect("it ends");
                let digits = &stream[i + 1..end];
                let bytes: Vec<u8> = digits
                    .chunks(2)
                    .map(|pair| {
                        u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16)
                            .expect("hex")
                    })
                    .collect();
                show(&bytes, &font, fonts, &mut line, &mut said, &name);
                i = end + 1;
            }
            b'/' => {
                let end = (i + 1..stream.len())
                    .find(|&j| !(stream[j].is_ascii_alphanumeric()))
                    .unwrap_or(stream.len());
                name = String::from_utf8_lossy(&stream[i + 1..end]).into_owned();
                i = end;
            }
            c if c.is_ascii_alphabetic() => {
                let end = (i..stream.len())
                    .find(|&j| !stream[j].is_ascii_alphabetic())
                    .unwrap_or(stream.len());
                match &stream[i..end] {
                    b"Tf" => font.clone_from(&name),
                    b"ET" => lines.push(said.take().unwrap_or(std::mem::take(&mut line))),
                    b"BT" => line.clear(),
                    _ => {}
                }
                i = end;
            }
            _ => i += 1,
        }
    }
    lines
}

fn show(
    bytes: &[u8],
    font: &str,
    fonts: &BTreeMap<String, BTreeMap<u16, String>>,
    line: &mut String,
    said: &mut Option<String>,
    name: &str,
) {
    if name == "ActualText" {
        *said = Some(match bytes.strip_prefix(&[0xfe, 0xff]) {
            Some(utf16) => {
                let units: Vec<u16> = utf16
                    .chunks(2)
                    .map(|p| u16::from_be_bytes([p[0], p[1]]))
                    .collect();
                String::from_utf16(&units).expect("UTF-16")
            }
            None => bytes.iter().map(|b| char::from(*b)).collect(),
        });
        return;
    }
    for pair in bytes.chunks_exact(2) {
        let glyph = u16::from_be_bytes([pair[0], pair[1]]);
        if let Some(text) = fonts.get(font).and_then(|f| f.get(&glyph)) {
            line.push_str(text);
        }
    }
}

fn literal(stream: &[u8], start: usize) -> (Vec<u8>, usize) {
    let (mut bytes, mut depth, mut i) = (Vec::new(), 0, start);
    loop {
        match stream[i] {
            b'\\' => {
                i += 1;
                match stream[i] {
                    b'n' => bytes.push(b'\n'),
                    b'r' => bytes.push(b'\r'),
                    b't' => bytes.push(b'\t'),
                    b'b' => bytes.push(8),
                    b'f' => bytes.push(12),
                    digit @ b'0'..=b'7' => {
                        let mut value = u32::from(digit - b'0');
                        for _ in 0..2 {
                            if let Some(next @ b'0'..=b'7') = stream.get(i + 1).copied() {
                                value = value * 8 + u32::from(next - b'0');
                                i += 1;
                            }
                        }
                        bytes.push(value as u8);
                    }
                    other => bytes.push(other),
                }
            }
            b'(' => {
                if depth > 0 {
                    bytes.push(b'(');
                }
                depth += 1;
            }
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return (bytes, i + 1);
                }
                bytes.push(b')');
            }
            other => bytes.push(other),
        }
        i += 1;
    }
}
