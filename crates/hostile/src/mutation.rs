//! Small changes that turn a good file into a bad one.

/// One change; places are shares of the file's length, so that each fits every file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Another byte, at `place / 2^32` of the file.
    Byte { place: u32, byte: u8 },
    /// A number of 1, 2, 4 or 8 bytes that sizes rarely have, in either order of its bytes.
    Number { place: u32, kind: u8 },
    /// Everything behind it is gone.
    Cut { place: u32 },
    /// A part is there twice.
    Twice { place: u32, length: u8 },
    /// A part is gone.
    Gone { place: u32, length: u8 },
    /// A digit of a text becomes another one.
    Digit { place: u32, digit: u8 },
}

const NUMBERS: [u64; 10] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

impl Mutation {
    /// A change that any 64 random bits make.
    pub fn of(bits: u64) -> Self {
        let place = (bits >> 32) as u32;
        let (kind, byte) = (bits as u8 % 8, (bits >> 8) as u8);
        match kind {
            0 | 1 => Mutation::Byte { place, byte },
            2 | 3 => Mutation::Number { place, kind: byte },
            4 => Mutation::Cut { place },
            5 => Mutation::Twice {
                place,
                length: byte,
            },
            6 => Mutation::Gone {
                place,
                length: byte,
            },
            _ => Mutation::Digit { place, digit: byte },
        }
    }

    pub fn apply(self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        let at = |place: u32| ((u64::from(place) * length as u64) >> 32) as usize;
        match self {
            Mutation::Byte { place, byte } => bytes[at(place)] = byte,
            Mutation::Number { place, kind } => {
                let number = NUMBERS[usize::from(kind) % NUMBERS.len()];
                let wide = 1usize << ((kind >> 5) & 3);
                let mut written = number.to_le_bytes()[..wide].to_vec();
                if kind & 16 != 0 {
                    written.reverse();
                }
                for (to, from) in bytes[at(place)..].iter_mut().zip(written) {
                    *to = from;
                }
            }
            Mutation::Cut { place } => bytes.truncate(at(place)),
            Mutation::Twice { place, length } => {
                let first = at(place);
                let end = (first + usize::from(length)).min(bytes.len());
                let part = bytes[first..end].to_vec();
                bytes.splice(first..first, part);
            }
            Mutation::Gone { place, length } => {
                let first = at(place);
                let end = (first + usize::from(length)).min(bytes.len());
                bytes.drain(first..end);
            }
            Mutation::Digit { place, digit } => {
                let first = at(place);
                let digits = bytes[first..].iter_mut().find(|b| b.is_ascii_digit());
                if let Some(there) = digits {
                    *there = b'0' + digit % 10;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_fits_every_file() {
        let mut bits = 1u64;
        for _ in 0..20_000 {
            bits = bits
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            for length in [0usize, 1, 2, 300] {
                let mut bytes = vec![b'7'; length];
                Mutation::of(bits).apply(&mut bytes);
                assert!(bytes.len() <= length + 255);
            }
        }
    }
}
