//! MATLAB's files of version 5, as `scipy.io.savemat` writes them, plain or compressed.
//!
//! Layout after "MAT-File Format" (The MathWorks): a header of 128 bytes, then elements of type, size and data. Written
//! here because the crate that reads them believes the sizes that a file claims.

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use crate::array::{Limits, MOST_AXES, MOST_TEXT, numbers_of, row_major, worth_of_texts};
use crate::element::Element;
use crate::{Contents, ForeignArray, ImportError};

const HEADER: usize = 128;
const COMPRESSED: u32 = 15;
const MATRIX: u32 = 14;
/// Classes of matrices.
const CHARACTERS: u32 = 4;
const NUMBERS: std::ops::RangeInclusive<u32> = 6..=15;
const IS_COMPLEX: u32 = 1 << 11;
/// Longest name that is kept, bytes; MATLAB's own limit is 63.
const LONGEST_NAME: usize = 256;
/// Most variables of one file.
const MOST_VARIABLES: usize = 10_000;
/// Bytes that a variable takes beside its numbers.
const BESIDE: usize = 1 << 16;

pub(crate) fn read(bytes: &[u8], limits: Limits) -> Result<Contents, ImportError> {
    if bytes.starts_with(b"MATLAB 7.3") || bytes.starts_with(b"\x89HDF") {
        return Err(ImportError::refused(
            "The file is a MATLAB file of version 7.3, which is HDF5 inside and not read. Save it as version 5: \
             save(..., '-v7') in MATLAB, scipy.io.savemat in Python.",
        ));
    }
    let big_endian = match bytes.get(126..128) {
        Some(b"IM") => false,
        Some(b"MI") => true,
        _ => {
            return Err(ImportError::refused(
                "The file is not a MATLAB file of version 5, or is cut short.",
            ));
        }
    };
    let mut contents = Contents::default();
    let mut taken = 0;
    let mut cursor = Cursor {
        left: &bytes[HEADER..],
        big_endian,
    };
    for _ in 0..MOST_VARIABLES {
        if cursor.left.is_empty() {
            return Ok(contents);
        }
        let element = cursor.element().ok_or_else(cut)?;
        let inflated;
        let matrix = match element.kind {
            COMPRESSED => {
                let room = limits.values.saturating_sub(taken).saturating_mul(8);
                let room = usize::try_from(room)
                    .unwrap_or(usize::MAX)
                    .saturating_add(BESIDE);
                inflated = decompress_to_vec_zlib_with_limit(element.data, room).map_err(|e| {
                    ImportError::refused(format!(
                        "A variable of the file cannot be unpacked, or needs more memory than is taken for a file ({:?}).",
                        e.status
                    ))
                })?;
                let mut inner = Cursor {
                    left: &inflated,
                    big_endian,
                };
                inner.element().ok_or_else(cut)?
            }
            _ => element,
        };
        if matrix.kind == MATRIX {
            taken += variable(matrix.data, big_endian, taken, limits, &mut contents)?;
        }
    }
    Err(ImportError::refused(
        "The file holds more variables than are read.",
    ))
}

fn cut() -> ImportError {
    ImportError::refused("The file is cut short, or is not a MATLAB file of version 5.")
}

struct Cursor<'a> {
    left: &'a [u8],
    big_endian: bool,
}

#[derive(Clone, Copy)]
struct Part<'a> {
    kind: u32,
    data: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn word(&self, at: usize) -> Option<u32> {
        let raw: [u8; 4] = self.left.get(at..at + 4)?.try_into().ok()?;
        Some(if self.big_endian {
            u32::from_be_bytes(raw)
        } else {
            u32::from_le_bytes(raw)
        })
    }

    fn element(&mut self) -> Option<Part<'a>> {
        let first = self.word(0)?;
        // An element of up to four bytes has its size in the upper half of its type.
        let (kind, data, used) = if first >> 16 != 0 {
            let size = (first >> 16) as usize;
            if size > 4 {
                return None;
            }
            (first & 0xffff, self.left.get(4..4 + size)?, 8)
        } else {
            let size = self.word(4)? as usize;
            let data = self.left.get(8..8usize.checked_add(size)?)?;
            let used = if first == COMPRESSED {
                size
            } else {
                size.next_multiple_of(8)
            };
            (first, data, 8 + used)
        };
        self.left = self.left.get(used..).unwrap_or(&[]);
        Some(Part { kind, data })
    }
}

/// Takes one variable, and says how many numbers it brought, or its text is worth.
fn variable(
    data: &[u8],
    big_endian: bool,
    taken: u64,
    limits: Limits,
    contents: &mut Contents,
) -> Result<u64, ImportError> {
    let mut parts = Cursor {
        left: data,
        big_endian,
    };
    let flags = parts.element().ok_or_else(cut)?;
    let flags = Cursor {
        left: flags.data,
        big_endian,
    }
    .word(0)
    .ok_or_else(cut)?;
    let class = flags & 0xff;
    let sides = parts.element().ok_or_else(cut)?;
    let shape: Vec<usize> = sides
        .data
        .chunks_exact(4)
        .take(MOST_AXES)
        .filter_map(|raw| {
            let raw: [u8; 4] = raw.try_into().ok()?;
            let side = if big_endian {
                i32::from_be_bytes(raw)
            } else {
                i32::from_le_bytes(raw)
            };
            usize::try_from(side).ok()
        })
        .collect();
    let name = parts.element().ok_or_else(cut)?;
    let name = &name.data[..name.data.len().min(LONGEST_NAME)];
    let name = String::from_utf8_lossy(name)
        .trim_end_matches('\0')
        .to_string();
    if flags & IS_COMPLEX != 0 {
        contents
            .unread
            .push(format!("\"{name}\" holds complex numbers"));
        return Ok(0);
    }
    if !NUMBERS.contains(&class) && class != CHARACTERS {
        contents
            .unread
            .push(format!("\"{name}\" is a structure, a cell or an object"));
        return Ok(0);
    }
    let count = numbers_of(&name, &shape, taken, limits)?;
    let stored = parts.element().ok_or_else(cut)?;
    if class == CHARACTERS {
        if stored.data.len() as u64 > MOST_TEXT {
            contents
                .unread
                .push(format!("\"{name}\" holds too much text"));
            return Ok(0);
        }
        let text = characters(stored, big_endian);
        let worth = worth_of_texts(1, text.len() as u64);
        contents.texts.insert(name, vec![text]);
        return Ok(worth);
    }
    let element = element(stored.kind).ok_or_else(|| {
        ImportError::refused(format!(
            "The variable \"{name}\" has numbers of an unknown type."
        ))
    })?;
    let bytes = stored
        .data
        .get(..count.saturating_mul(element.size()))
        .ok_or_else(cut)?;
    let values = row_major(&shape, element.decode(bytes, big_endian));
    contents.arrays.push(ForeignArray {
        name,
        shape,
        values,
        dtype: element.name(),
    });
    Ok(count as u64)
}

fn element(kind: u32) -> Option<Element> {
    Some(match kind {
        1 => Element::I8,
        2 => Element::U8,
        3 => Element::I16,
        4 => Element::U16,
        5 => Element::I32,
        6 => Element::U32,
        7 => Element::F32,
        9 => Element::F64,
        12 => Element::I64,
        13 => Element::U64,
        _ => return None,
    })
}

/// One row of characters.
fn characters(stored: Part<'_>, big_endian: bool) -> String {
    const UTF8: u32 = 16;
    match element(stored.kind) {
        Some(element) if element.size() == 2 => element
            .decode(stored.data, big_endian)
            .into_iter()
            .map(|code| char::from_u32(code as u32).unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
        Some(_) => String::from_utf8_lossy(stored.data).into_owned(),
        None if stored.kind == UTF8 => String::from_utf8_lossy(stored.data).into_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(kind: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = kind.to_le_bytes().to_vec();
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    fn file(variable: &[u8]) -> Vec<u8> {
        let mut bytes = vec![b' '; HEADER];
        bytes[124..128].copy_from_slice(&[0, 1, b'I', b'M']);
        bytes.extend(variable);
        bytes
    }

    fn matrix(shape: &[i32], numbers: &[f64]) -> Vec<u8> {
        let raw = |n: &[i32]| n.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
        let mut inner = element(6, &[6, 0, 0, 0, 0, 0, 0, 0]);
        inner.extend(element(5, &raw(shape)));
        // A name of one letter, small.
        inner.extend([1, 0, 1, 0, b'x', 0, 0, 0]);
        let numbers: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        inner.extend(element(9, &numbers));
        element(MATRIX, &inner)
    }

    #[test]
    fn a_matrix_is_turned_row_major() {
        let bytes = file(&matrix(&[2, 3], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
        let contents = read(&bytes, Limits::default()).expect("reads");
        assert_eq!(contents.arrays[0].name, "x");
        assert_eq!(contents.arrays[0].values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        for end in 0..bytes.len() {
            // A cut file is refused, or at a boundary has fewer variables; it never panics.
            let part = read(&bytes[..end], Limits::default());
            assert!(part.map_or(true, |c| c.arrays.is_empty()), "{end}");
        }
    }

    #[test]
    fn texts_take_of_the_same_memory_as_numbers() {
        let mut inner = element(6, &[CHARACTERS as u8, 0, 0, 0, 0, 0, 0, 0]);
        inner.extend(element(5, &[1, 0, 0, 0, 1, 0, 0, 0]));
        inner.extend(element(1, &[b'n'; 1000]));
        inner.extend(element(16, b"t"));
        let bytes = file(&element(MATRIX, &inner).repeat(2));
        let contents = read(&bytes, Limits { values: 40 }).expect("reads");
        let name = "n".repeat(LONGEST_NAME);
        assert_eq!(contents.text(&name), Some("t"));
        assert!(read(&bytes, Limits { values: 10 }).is_err());
    }

    #[test]
    fn sizes_that_are_only_claimed_are_refused() {
        let huge = file(&matrix(&[i32::MAX, i32::MAX], &[1.0]));
        assert!(read(&huge, Limits::default()).is_err());
        let mut small = matrix(&[1, 1], &[1.0]);
        let name = small
            .windows(5)
            .position(|w| w == [1, 0, 1, 0, b'x'])
            .expect("a small name");
        small[name + 2] = 5;
        assert!(read(&file(&small), Limits::default()).is_err());
        let longer = file(&matrix(&[2, 3], &[1.0]));
        assert!(read(&longer, Limits::default()).is_err());
        let newer = [b"MATLAB 7.3 MAT-file".as_slice(), &[0; 200]].concat();
        let message = read(&newer, Limits::default())
            .expect_err("refused")
            .to_string();
        assert!(message.contains("version 5"), "{message}");
    }
}
