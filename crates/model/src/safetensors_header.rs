//! What a safetensors file says it holds, checked against what it can hold.
//!
//! Layout: 8 bytes little-endian length of the header, the header in JSON, then the tensors' bytes without gaps.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{ModelError, Result};
use crate::source::{OpenSource, name_of};

/// The format's own bound.
const LONGEST_HEADER: u64 = 100_000_000;

/// How a tensor is stored; the numbers that weights come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stored {
    F64,
    F32,
    F16,
    Bf16,
    /// Buffers such as masks; never a weight.
    Other(&'static str, u64),
}

impl Stored {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "F64" => Stored::F64,
            "F32" => Stored::F32,
            "F16" => Stored::F16,
            "BF16" => Stored::Bf16,
            "BOOL" => Stored::Other("booleans", 1),
            "U8" => Stored::Other("8-bit integers", 1),
            "I8" => Stored::Other("8-bit integers", 1),
            "F8_E4M3" | "F8_E5M2" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => {
                Stored::Other("8-bit floating point", 1)
            }
            "I16" | "U16" => Stored::Other("16-bit integers", 2),
            "I32" | "U32" => Stored::Other("32-bit integers", 4),
            "I64" | "U64" => Stored::Other("64-bit integers", 8),
            "C64" => Stored::Other("complex numbers", 8),
            _ => return None,
        })
    }

    pub(crate) fn bytes(self) -> u64 {
        match self {
            Stored::F64 => 8,
            Stored::F32 => 4,
            Stored::F16 | Stored::Bf16 => 2,
            Stored::Other(_, bytes) => bytes,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Stored::F64 => "f64",
            Stored::F32 => "f32",
            Stored::F16 => "f16",
            Stored::Bf16 => "bf16",
            Stored::Other(name, _) => name,
        }
    }
}

/// Where a tensor lies.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) stored: Stored,
    /// The format's own name of the type, such as `I64`.
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    /// From the start of the file, bytes.
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

impl Entry {
    pub(crate) fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

#[derive(Deserialize)]
struct Raw {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// Reads and checks the header: afterwards every tensor lies inside the file, none overlaps another, and each has as
/// many bytes as its shape needs.
pub(crate) fn read(file: &OpenSource) -> Result<BTreeMap<String, Entry>> {
    let name = name_of(&file.path).into_owned();
    let refuse = |what: String| ModelError::file(&file.path, what);
    let mut length = [0; 8];
    if file.length < 8 {
        return Err(refuse(format!(
            "{name} has only {} bytes and is no safetensors file; download it again",
            file.length
        )));
    }
    file.read_at(&mut length, 0)?;
    if length.starts_with(b"PK\x03\x04") || length[0] == 0x80 {
        return Err(refuse(format!(
            "{name} is a PyTorch file under a safetensors name; convert it to safetensors"
        )));
    }
    let header_bytes = u64::from_le_bytes(length);
    if header_bytes > LONGEST_HEADER {
        return Err(refuse(format!(
            "{name} is no safetensors file, or is damaged: its header would have {header_bytes} bytes, and the format allows {LONGEST_HEADER}"
        )));
    }
    let data_start = 8 + header_bytes;
    if data_start > file.length {
        return Err(refuse(format!(
            "{name} is cut off: its header has {header_bytes} bytes and the whole file {}; download it again",
            file.length
        )));
    }
    let mut header = vec![0; header_bytes as usize];
    file.read_at(&mut header, 8)?;
    let damaged = |why: String| refuse(format!("The header of {name} is damaged: {why}"));
    let raw: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&header).map_err(|error| damaged(error.to_string()))?;

    let mut entries = BTreeMap::new();
    for (tensor, value) in raw {
        if tensor == "__metadata__" {
            continue;
        }
        let raw: Raw = serde_json::from_value(value)
            .map_err(|error| damaged(format!("tensor \"{tensor}\": {error}")))?;
        let stored = Stored::named(&raw.dtype).ok_or_else(|| {
            damaged(format!(
                "tensor \"{tensor}\" has the unknown type {:?}",
                raw.dtype
            ))
        })?;
        let [start, end] = raw.data_offsets;
        let needed = raw
            .shape
            .iter()
            .try_fold(stored.bytes(), |product, &size| product.checked_mul(size));
        if end.checked_sub(start) != needed || needed.is_none() {
            return Err(damaged(format!(
                "tensor \"{tensor}\" of shape {:?} does not fill its bytes {start} to {end}",
                raw.shape
            )));
        }
        entries.insert(
            tensor,
            Entry {
                stored,
                dtype: raw.dtype,
                shape: raw.shape.iter().map(|&size| size as usize).collect(),
                offset: start,
                bytes: end - start,
            },
        );
    }

    let mut order: Vec<&Entry> = entries.values().collect();
    order.sort_by_key(|entry| (entry.offset, entry.bytes));
    let mut reached = 0;
    for entry in order {
        if entry.offset != reached {
            return Err(damaged(format!(
                "its tensors overlap or leave a gap at byte {reached} of the data"
            )));
        }
        reached += entry.bytes;
    }
    let held = file.length - data_start;
    if reached > held {
        return Err(refuse(format!(
            "{name} is cut off: its tensors need {reached} bytes and {held} are there; download it again"
        )));
    }
    if reached < held {
        return Err(refuse(format!(
            "{name} is damaged: {} bytes follow its last tensor",
            held - reached
        )));
    }
    for entry in entries.values_mut() {
        entry.offset += data_start;
    }
    Ok(entries)
}
