//! numpy's `.npy`, of every plain type and both orders.
//!
//! The reader of the experiment room takes the few types that results are written in, from bytes that are already in
//! memory; here a member of an archive is unpacked, and no further than the limits go.

use std::io::Read;

use crate::array::{Limits, MOST_AXES, MOST_TEXT, numbers_of, row_major, worth_of_texts};
use crate::element::Element;
use crate::{ForeignArray, ImportError};

/// Longest header that is read, bytes; numpy's own limit is 10000.
const MAX_HEADER: usize = 16 << 10;

/// What one `.npy` holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stored {
    Numbers(ForeignArray),
    Texts(Vec<String>),
    /// What cannot be read, in words that complete "The array ...".
    Unreadable(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Header {
    descr: String,
    column_major: bool,
    shape: Vec<usize>,
}

/// Reads one array. Its size is checked before any of it is taken, and it must be all there.
///
/// # Errors
/// A sentence if the array would not fit, is malformed or cut short.
pub(crate) fn read(
    name: &str,
    mut from: impl Read,
    taken: u64,
    limits: Limits,
) -> Result<Stored, ImportError> {
    let broken = |what: &str| ImportError::refused(format!("The array \"{name}\" {what}."));
    let header = header(&mut from).map_err(|what| broken(&what))?;
    let (big_endian, kind) = match header.descr.as_bytes() {
        [b'>', ..] => (true, &header.descr[1..]),
        [b'<' | b'|' | b'=', ..] => (false, &header.descr[1..]),
        _ => (false, header.descr.as_str()),
    };
    if let Some(element) = Element::of_numpy(kind) {
        let count = numbers_of(name, &header.shape, taken, limits)?;
        let mut values =
            numbers(&mut from, count as u64, element, big_endian).map_err(|what| broken(&what))?;
        if header.column_major {
            values = row_major(&header.shape, values);
        }
        return Ok(Stored::Numbers(ForeignArray {
            name: name.to_string(),
            shape: header.shape,
            values,
            dtype: element.name(),
        }));
    }
    let width = |letter: char| {
        kind.strip_prefix(letter)
            .and_then(|n| n.parse::<u64>().ok())
    };
    let count = header
        .shape
        .iter()
        .try_fold(1u64, |n, &side| n.checked_mul(side as u64));
    let (size, is_unicode) = match (width('U'), width('S')) {
        (Some(n), _) => (n.saturating_mul(4), true),
        (_, Some(n)) => (n, false),
        _ => {
            return Ok(Stored::Unreadable(match kind.chars().next() {
                Some('O') => {
                    "holds Python objects, which are not read because reading them would run code; \
                              save plain numbers"
                        .into()
                }
                Some('c') => "holds complex numbers".into(),
                Some('[') => "is structured; plain numbers are needed".into(),
                _ => format!("has the type {kind}, which is not read"),
            }));
        }
    };
    let total = count.and_then(|n| Some((n, n.checked_mul(size)?)));
    let fits = |&(n, bytes): &(u64, u64)| {
        size > 0
            && bytes <= MOST_TEXT
            && worth_of_texts(n, bytes).saturating_add(taken) <= limits.values
    };
    let Some((_, total)) = total.filter(fits) else {
        return Ok(Stored::Unreadable(
            "holds no text, or too much of it".into(),
        ));
    };
    let bytes = exactly(&mut from, total).map_err(|what| broken(&what))?;
    let texts = bytes
        .chunks_exact(size as usize)
        .map(|chunk| {
            let text: String = if is_unicode {
                let code = |c: &[u8]| {
                    let raw = [c[0], c[1], c[2], c[3]];
                    let code = if big_endian {
                        u32::from_be_bytes(raw)
                    } else {
                        u32::from_le_bytes(raw)
                    };
                    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
                };
                chunk.chunks_exact(4).map(code).collect()
            } else {
                String::from_utf8_lossy(chunk).into_owned()
            };
            text.trim_end_matches('\0').to_string()
        })
        .collect();
    Ok(Stored::Texts(texts))
}

/// Bytes that are decoded at once, a whole number of elements of any type.
const AT_ONCE: u64 = 1 << 20;

/// So many numbers and no more, decoded as they come: neither is the claim believed before the bytes are there, nor do the
/// bytes of all of them lie beside their values.
fn numbers(
    from: &mut impl Read,
    count: u64,
    element: Element,
    big_endian: bool,
) -> Result<Vec<f32>, String> {
    let claimed = count * element.size() as u64;
    let mut values = Vec::new();
    let mut bytes = Vec::new();
    let mut done = 0;
    loop {
        // One more than is claimed, to see whether there is more.
        let wanted = AT_ONCE.min(claimed + 1 - done);
        bytes.clear();
        from.take(wanted)
            .read_to_end(&mut bytes)
            .map_err(|e| format!("cannot be read ({e})"))?;
        done += bytes.len() as u64;
        if done > claimed {
            return Err(format!(
                "holds more than the {claimed} bytes that it claims"
            ));
        }
        values.extend(element.decode(&bytes, big_endian));
        if (bytes.len() as u64) < wanted {
            break;
        }
    }
    match done == claimed {
        true => Ok(values),
        false => Err(format!("claims {claimed} bytes of values but holds {done}")),
    }
}

/// So many bytes and no more: the claim is believed only as far as bytes come.
fn exactly(from: &mut impl Read, count: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    from.take(count + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| format!("cannot be read ({e})"))?;
    match (bytes.len() as u64).cmp(&count) {
        std::cmp::Ordering::Equal => Ok(bytes),
        std::cmp::Ordering::Less => Err(format!(
            "claims {count} bytes of values but holds {}",
            bytes.len()
        )),
        std::cmp::Ordering::Greater => {
            Err(format!("holds more than the {count} bytes that it claims"))
        }
    }
}

fn header(from: &mut impl Read) -> Result<Header, String> {
    let short = || "is not in numpy's format, or is cut short".to_string();
    let mut start = [0u8; 10];
    from.read_exact(&mut start).map_err(|_| short())?;
    if start[..6] != *b"\x93NUMPY" {
        return Err(short());
    }
    let mut length = usize::from(u16::from_le_bytes([start[8], start[9]]));
    if start[6] > 1 {
        let mut rest = [0u8; 2];
        from.read_exact(&mut rest).map_err(|_| short())?;
        length |= usize::from(u16::from_le_bytes(rest)) << 16;
    }
    if length > MAX_HEADER {
        return Err(format!("has a header of {length} bytes, which is too long"));
    }
    let mut text = vec![0u8; length];
    from.read_exact(&mut text).map_err(|_| short())?;
    parse(&String::from_utf8_lossy(&text)).ok_or_else(|| "has an unreadable header".into())
}

/// The header is the text of a Python dictionary of three keys; nothing else of Python is understood.
fn parse(text: &str) -> Option<Header> {
    let after = |key: &str| {
        let at = ['\'', '"']
            .iter()
            .find_map(|quote| text.find(&format!("{quote}{key}{quote}")))?;
        Some(
            text.get(at + key.len() + 2..)?
                .trim_start()
                .strip_prefix(':')?
                .trim_start(),
        )
    };
    let descr = after("descr")?;
    let descr = match descr.chars().next()? {
        quote @ ('\'' | '"') => descr[1..].split(quote).next()?.to_string(),
        '[' => "[".to_string(),
        _ => return None,
    };
    let column_major = after("fortran_order")?.starts_with("True");
    let (shape, _) = after("shape")?.strip_prefix('(')?.split_once(')')?;
    let shape = shape
        .split(',')
        .map(str::trim)
        .filter(|side| !side.is_empty())
        .map(|side| side.trim_end_matches('L').parse::<usize>().ok())
        .collect::<Option<Vec<_>>>()?;
    (shape.len() <= MOST_AXES).then_some(Header {
        descr,
        column_major,
        shape,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn stored(bytes: &[u8]) -> Result<Stored, ImportError> {
        read("a", bytes, 0, Limits::default())
    }

    #[test]
    fn numbers_texts_and_what_cannot_be_read() {
        let bytes = npy(">i2", "True", "(2, 2)", &[0, 1, 0, 2, 0, 3, 0, 4]);
        let Ok(Stored::Numbers(array)) = stored(&bytes) else {
            panic!("numbers");
        };
        assert_eq!(array.values, [1.0, 3.0, 2.0, 4.0]);
        assert_eq!(
            (array.shape.as_slice(), array.dtype),
            (&[2, 2][..], "int16")
        );
        let text: Vec<u8> = "ab\0é"
            .chars()
            .flat_map(|c| (c as u32).to_le_bytes())
            .collect();
        let texts = stored(&npy("<U2", "False", "(2,)", &text)).expect("reads");
        assert_eq!(texts, Stored::Texts(vec!["ab".into(), "\0é".into()]));
        let object = stored(&npy("|O", "False", "(2,)", b"pickle")).expect("said");
        assert!(matches!(object, Stored::Unreadable(why) if why.contains("Python objects")));
    }

    #[test]
    fn texts_take_of_the_same_memory_as_numbers() {
        let texts = npy("|S1", "False", "(4,)", b"abcd");
        let within = |values| read("a", &texts[..], 20, Limits { values });
        assert!(matches!(within(100), Ok(Stored::Texts(t)) if t.len() == 4));
        assert!(matches!(within(60), Ok(Stored::Unreadable(_))));
    }

    #[test]
    fn claims_are_not_believed() {
        for shape in [
            "(4611686018427387904, 4)",
            "(0, 4611686018427387904)",
            "(-1,)",
            "(1000,)",
            "(3,)",
        ] {
            assert!(
                stored(&npy("<f4", "False", shape, &[0; 16])).is_err(),
                "{shape}"
            );
        }
        let whole = npy("<f4", "False", "(2, 2)", &[0; 16]);
        for end in 0..whole.len() {
            assert!(stored(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn an_array_that_is_decoded_in_pieces_comes_whole() {
        let numbers: Vec<f64> = (0..300_001).map(f64::from).collect();
        let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_be_bytes()).collect();
        assert!(bytes.len() as u64 > 2 * AT_ONCE);
        let whole = npy(">f8", "False", "(300001,)", &bytes);
        let Ok(Stored::Numbers(array)) = stored(&whole) else {
            panic!("numbers");
        };
        assert_eq!(array.values.len(), 300_001);
        assert!(array.values.iter().enumerate().all(|(i, &x)| x == i as f32));
        assert!(stored(&whole[..whole.len() - 1]).is_err());
        assert!(
            stored(&[&whole[..], &[0]].concat()).is_err(),
            "one byte more"
        );
    }
}
