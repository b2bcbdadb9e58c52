//! Words and density inside a PNG, written and read (PNG specification, 11.3.4.5 and 11.3.5.3).

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";
/// The chunk of a figure's origin.
pub(crate) const KEYWORD: &str = "whyfinder";
/// Most bytes that a text may unpack to.
const MOST: usize = 16 << 20;

/// Adds an international text chunk after the header, packed; bytes that are not a PNG come back as they were. The
/// keyword is Latin-1, 1 to 79 bytes.
pub(crate) fn with_text(png: Vec<u8>, keyword: &str, text: &str) -> Vec<u8> {
    // Keyword, end of it, compressed by zlib, no language, no translated keyword.
    let mut body = Vec::with_capacity(keyword.len() + 5 + text.len());
    body.extend_from_slice(keyword.as_bytes());
    body.extend_from_slice(&[0, 1, 0, 0, 0]);
    body.extend_from_slice(&miniz_oxide::deflate::compress_to_vec_zlib(
        text.as_bytes(),
        8,
    ));
    with_chunk(png, *b"iTXt", &body)
}

/// Says how many pixels an inch has.
pub(crate) fn with_density(png: Vec<u8>, dpi: f32) -> Vec<u8> {
    let per_metre = (f64::from(dpi) / 0.0254).round() as u32;
    let number = per_metre.to_be_bytes();
    with_chunk(png, *b"pHYs", &[&number[..], &number[..], &[1]].concat())
}

fn with_chunk(png: Vec<u8>, kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    // Signature, then the header's chunk: length, type, 13 bytes, checksum.
    let header_end = SIGNATURE.len() + 4 + 4 + 13 + 4;
    let Some((head, rest)) = png.split_at_checked(header_end) else {
        return png;
    };
    let Ok(length) = u32::try_from(body.len()) else {
        return png;
    };
    let named = [&kind, body].concat();
    let checksum = crc32(&named).to_be_bytes();
    [head, &length.to_be_bytes(), &named, &checksum, rest].concat()
}

/// The text under a keyword, packed or plain; none if there is none that can be read.
///
/// The bytes may be anything: lengths beyond the end, wrong checksums and texts that unpack to more than 16 MiB end the
/// search.
pub(crate) fn text_of(png: &[u8], keyword: &str) -> Option<String> {
    let mut rest = png.strip_prefix(SIGNATURE)?;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let named = after.get(..length.checked_add(4)?)?;
        let (checksum, next) = after.get(length + 4..)?.split_first_chunk::<4>()?;
        let (kind, body) = named.split_first_chunk::<4>()?;
        if kind == b"iTXt"
            && let Some(packed) = body
                .strip_prefix(keyword.as_bytes())
                .and_then(|b| b.strip_prefix(&[0]))
        {
            if u32::from_be_bytes(*checksum) != crc32(named) {
                return None;
            }
            return international(packed);
        }
        if kind == b"IEND" {
            return None;
        }
        rest = next;
    }
}

fn international(body: &[u8]) -> Option<String> {
    let (&[packed, method], rest) = body.split_first_chunk::<2>()?;
    let after_language = rest.iter().position(|&b| b == 0)? + 1;
    let rest = rest.get(after_language..)?;
    let text = rest.get(rest.iter().position(|&b| b == 0)? + 1..)?;
    let bytes = match (packed, method) {
        (0, _) => text.to_vec(),
        (1, 0) => miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(text, MOST).ok()?,
        _ => return None,
    };
    String::from_utf8(bytes).ok()
}

/// CRC-32 as in the PNG specification, annex D.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                0xedb8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::image_to_png;
    use whyfinder_paint::Image;

    fn picture() -> Vec<u8> {
        let image = Image {
            width: 2,
            height: 1,
            pixels: vec![[1, 2, 3, 255]; 2],
        };
        image_to_png(&image).expect("a picture")
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b"IEND"), 0xae42_6082);
    }

    #[test]
    fn what_is_not_a_png_is_left_alone() {
        assert_eq!(with_text(vec![1, 2, 3], "experiment", "{}"), [1, 2, 3]);
        assert_eq!(text_of(&[1, 2, 3], "experiment"), None);
    }

    #[test]
    fn texts_come_back_and_damaged_ones_do_not() {
        let png = with_density(with_text(picture(), KEYWORD, "東京 {\"a\": 1}"), 300.0);
        assert!(image::load_from_memory(&png).is_ok());
        assert_eq!(text_of(&png, KEYWORD).as_deref(), Some("東京 {\"a\": 1}"));
        assert_eq!(text_of(&png, "experiment"), None);
        let at = png.windows(4).position(|w| w == b"iTXt").expect("a chunk");
        let mut damaged = png.clone();
        damaged[at + 20] ^= 1;
        assert_eq!(text_of(&damaged, KEYWORD), None);
        for end in 0..png.len() {
            let _ = text_of(&png[..end], KEYWORD);
        }
    }

    #[test]
    fn a_text_that_unpacks_to_too_much_is_not_unpacked() {
        let bomb = with_text(picture(), KEYWORD, &" ".repeat(MOST + 1));
        assert!(bomb.len() < 1 << 20);
        assert_eq!(text_of(&bomb, KEYWORD), None);
    }
}
