//! Words inside a PNG: an international text chunk before the picture's data (PNG specification, 11.3.4.5).

const SIGNATURE: usize = 8;

/// Adds a text chunk after the header; bytes that are not a PNG come back as they were. The keyword is Latin-1, 1 to
/// 79 bytes.
pub(crate) fn with_text(png: Vec<u8>, keyword: &str, text: &str) -> Vec<u8> {
    // Signature, then the header's chunk: length, type, 13 bytes, checksum.
    let header_end = SIGNATURE + 4 + 4 + 13 + 4;
    let Some((head, rest)) = png.split_at_checked(header_end) else {
        return png;
    };
    // Keyword, end of it, uncompressed, no method, no language, no translated keyword.
    let mut body = Vec::with_capacity(keyword.len() + 5 + text.len());
    body.extend_from_slice(b"iTXt");
    body.extend_from_slice(keyword.as_bytes());
    body.extend_from_slice(&[0, 0, 0, 0, 0]);
    body.extend_from_slice(text.as_bytes());
    let Ok(length) = u32::try_from(body.len() - 4) else {
        return png;
    };
    let checksum = crc32(&body).to_be_bytes();
    [head, &length.to_be_bytes(), &body, &checksum, rest].concat()
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

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b"IEND"), 0xae42_6082);
    }

    #[test]
    fn what_is_not_a_png_is_left_alone() {
        assert_eq!(with_text(vec![1, 2, 3], "experiment", "{}"), [1, 2, 3]);
    }
}
