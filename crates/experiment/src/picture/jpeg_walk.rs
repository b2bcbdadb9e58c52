//! Walks over the segments of a JPEG file.
//!
//! The decoder fills what is missing of a cut file with grey; an effect of grey pixels would be taken for one of the
//! picture, so the end is looked for here.

/// What the segments tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Jpeg {
    /// The end of the picture was reached.
    pub(super) complete: bool,
    /// Colour components: 1 grey, 3 colour, 4 CMYK.
    pub(super) components: u8,
}

pub(super) fn walk(bytes: &[u8]) -> Jpeg {
    let mut jpeg = Jpeg::default();
    // Behind the start marker.
    let mut at = 2;
    loop {
        // Data of a scan, and bytes of filling, lie before the next marker.
        let Some(found) = next_marker(bytes, at) else {
            return jpeg;
        };
        let (marker, behind) = found;
        at = behind;
        match marker {
            0xd9 => {
                jpeg.complete = jpeg.components > 0;
                return jpeg;
            }
            // Markers that stand alone.
            0x01 | 0xd0..=0xd8 => {}
            _ => {
                let Some(&[high, low, ..]) = bytes.get(at..) else {
                    return jpeg;
                };
                let length = usize::from(u16::from_be_bytes([high, low]));
                let start_of_frame =
                    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
                if start_of_frame {
                    jpeg.components = bytes.get(at + 7).copied().unwrap_or(0);
                }
                at += length.max(2);
            }
        }
    }
}

/// The next marker from `at` on, and the place behind it.
fn next_marker(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        let found = bytes.get(at..)?.iter().position(|&byte| byte == 0xff)?;
        at += found + 1;
        match *bytes.get(at)? {
            // A 255 of the data, or one of filling.
            0 => at += 1,
            0xff => {}
            marker => return Some((marker, at + 1)),
        }
    }
}
