//! How the numbers of a stored tensor are written.

use crate::checkpoint;
use crate::safetensors_header::Stored;

/// The type of one stored number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElementType {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
    /// A type that is no weight and no index, such as 8-bit floats: its name and bytes for each number. Its tensors
    /// are listed and cannot be read.
    Foreign(&'static str, u64),
}

impl ElementType {
    /// As safetensors names it.
    pub(crate) fn of_safetensors(dtype: &str, stored: Stored) -> Self {
        match dtype {
            "F64" => ElementType::F64,
            "F32" => ElementType::F32,
            "F16" => ElementType::F16,
            "BF16" => ElementType::Bf16,
            "I64" => ElementType::I64,
            "I32" => ElementType::I32,
            "I16" => ElementType::I16,
            "I8" => ElementType::I8,
            "U8" => ElementType::U8,
            "BOOL" => ElementType::Bool,
            _ => ElementType::Foreign(stored.name(), stored.bytes()),
        }
    }

    /// Bytes of one number.
    pub fn bytes(self) -> u64 {
        match self {
            ElementType::F64 | ElementType::I64 => 8,
            ElementType::F32 | ElementType::I32 => 4,
            ElementType::F16 | ElementType::Bf16 | ElementType::I16 => 2,
            ElementType::I8 | ElementType::U8 | ElementType::Bool => 1,
            ElementType::Foreign(_, bytes) => bytes,
        }
    }

    /// Short name: `f32`, `bf16`, `i64`, `bool`.
    pub fn name(self) -> &'static str {
        match self {
            ElementType::F64 => "f64",
            ElementType::F32 => "f32",
            ElementType::F16 => "f16",
            ElementType::Bf16 => "bf16",
            ElementType::I64 => "i64",
            ElementType::I32 => "i32",
            ElementType::I16 => "i16",
            ElementType::I8 => "i8",
            ElementType::U8 => "u8",
            ElementType::Bool => "bool",
            ElementType::Foreign(name, _) => name,
        }
    }

    pub fn is_float(self) -> bool {
        self.float().is_some()
    }

    fn float(self) -> Option<Stored> {
        match self {
            ElementType::F64 => Some(Stored::F64),
            ElementType::F32 => Some(Stored::F32),
            ElementType::F16 => Some(Stored::F16),
            ElementType::Bf16 => Some(Stored::Bf16),
            _ => None,
        }
    }

    /// Decodes little-endian numbers behind `values`; integers are rounded to the nearest f32.
    pub(crate) fn append_floats(self, bytes: &[u8], values: &mut Vec<f32>) {
        match self.float() {
            Some(stored) => checkpoint::append(stored, bytes, &mut Vec::new(), values),
            None => self.each_integer(bytes, |value| values.push(value as f32)),
        }
    }

    /// Decodes little-endian integers behind `values`; nothing for other types.
    pub(crate) fn append_integers(self, bytes: &[u8], values: &mut Vec<i64>) {
        self.each_integer(bytes, |value| values.push(value));
    }

    fn each_integer(self, bytes: &[u8], mut take: impl FnMut(i64)) {
        match self {
            ElementType::I64 => {
                for chunk in bytes.as_chunks().0 {
                    take(i64::from_le_bytes(*chunk));
                }
            }
            ElementType::I32 => {
                for chunk in bytes.as_chunks().0 {
                    take(i64::from(i32::from_le_bytes(*chunk)));
                }
            }
            ElementType::I16 => {
                for chunk in bytes.as_chunks().0 {
                    take(i64::from(i16::from_le_bytes(*chunk)));
                }
            }
            ElementType::I8 => bytes.iter().for_each(|&byte| take(i64::from(byte as i8))),
            ElementType::U8 => bytes.iter().for_each(|&byte| take(i64::from(byte))),
            ElementType::Bool => bytes.iter().for_each(|&byte| take(i64::from(byte != 0))),
            _ => {}
        }
    }
}
