//! Types of numbers, and how their bytes become float32.

use half::{bf16, f16};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    F16,
    BF16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
}

impl Element {
    /// Bytes of one number.
    pub(crate) fn size(self) -> usize {
        match self {
            Element::I8 | Element::U8 | Element::Bool => 1,
            Element::F16 | Element::BF16 | Element::I16 | Element::U16 => 2,
            Element::F32 | Element::I32 | Element::U32 => 4,
            Element::F64 | Element::I64 | Element::U64 => 8,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Element::F16 => "float16",
            Element::BF16 => "bfloat16",
            Element::F32 => "float32",
            Element::F64 => "float64",
            Element::I8 => "int8",
            Element::I16 => "int16",
            Element::I32 => "int32",
            Element::I64 => "int64",
            Element::U8 => "uint8",
            Element::U16 => "uint16",
            Element::U32 => "uint32",
            Element::U64 => "uint64",
            Element::Bool => "bool",
        }
    }

    /// numpy's spelling without its byte order.
    pub(crate) fn of_numpy(spelling: &str) -> Option<Self> {
        Some(match spelling {
            "f2" => Element::F16,
            "f4" => Element::F32,
            "f8" => Element::F64,
            "i1" => Element::I8,
            "i2" => Element::I16,
            "i4" => Element::I32,
            "i8" => Element::I64,
            "u1" => Element::U8,
            "u2" => Element::U16,
            "u4" => Element::U32,
            "u8" => Element::U64,
            "b1" => Element::Bool,
            _ => return None,
        })
    }

    /// The numbers that some bytes hold; what is left over at the end is no number. NaN stays NaN.
    pub(crate) fn decode(self, bytes: &[u8], big_endian: bool) -> Vec<f32> {
        macro_rules! numbers {
            ($kind:ty, $size:literal, $into:expr) => {
                bytes
                    .chunks_exact($size)
                    .map(|chunk| {
                        let mut raw = [0u8; $size];
                        raw.copy_from_slice(chunk);
                        if big_endian {
                            raw.reverse();
                        }
                        $into(<$kind>::from_le_bytes(raw))
                    })
                    .collect()
            };
        }
        match self {
            Element::F16 => numbers!(f16, 2, |x: f16| x.to_f32()),
            Element::BF16 => numbers!(bf16, 2, |x: bf16| x.to_f32()),
            Element::F32 => numbers!(f32, 4, |x: f32| x),
            Element::F64 => numbers!(f64, 8, |x: f64| x as f32),
            Element::I8 => numbers!(i8, 1, f32::from),
            Element::I16 => numbers!(i16, 2, f32::from),
            Element::I32 => numbers!(i32, 4, |x: i32| x as f32),
            Element::I64 => numbers!(i64, 8, |x: i64| x as f32),
            Element::U8 => numbers!(u8, 1, f32::from),
            Element::U16 => numbers!(u16, 2, f32::from),
            Element::U32 => numbers!(u32, 4, |x: u32| x as f32),
            Element::U64 => numbers!(u64, 8, |x: u64| x as f32),
            Element::Bool => bytes.iter().map(|&b| f32::from(u8::from(b != 0))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_type_become_float32() {
        assert_eq!(
            Element::F16.decode(&[0x00, 0x3c, 0x00, 0x7e], false)[0],
            1.0
        );
        assert!(Element::F16.decode(&[0x00, 0x7e], false)[0].is_nan());
        assert_eq!(Element::BF16.decode(&[0x80, 0x3f], false), [1.0]);
        assert_eq!(Element::F64.decode(&1.5f64.to_be_bytes(), true), [1.5]);
        assert_eq!(Element::I64.decode(&(-3i64).to_le_bytes(), false), [-3.0]);
        assert_eq!(Element::U16.decode(&[1, 2], true), [258.0]);
        assert_eq!(Element::Bool.decode(&[0, 7], false), [0.0, 1.0]);
        assert_eq!(Element::F32.decode(&[0; 7], false).len(), 1);
    }
}
