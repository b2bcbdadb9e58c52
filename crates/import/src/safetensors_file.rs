//! safetensors: named arrays with texts beside them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::array::{Limits, numbers_of};
use crate::element::Element;
use crate::{Contents, ForeignArray, ImportError};

/// Longest header that is read, bytes.
const MAX_HEADER: u64 = 16 << 20;

/// Names, shapes and texts of a file, and where its numbers begin.
///
/// # Errors
/// A sentence if the header is malformed.
pub(crate) fn header(mut file: impl Read) -> Result<(Metadata, u64), ImportError> {
    let broken = |what: String| {
        ImportError::refused(format!(
            "The file is not in the safetensors format: {what}."
        ))
    };
    let mut length = [0u8; 8];
    file.read_exact(&mut length)
        .map_err(|_| broken("it is cut short".into()))?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER {
        return Err(broken(format!("its header would have {length} bytes")));
    }
    let mut text = Vec::new();
    file.by_ref()
        .take(length)
        .read_to_end(&mut text)
        .map_err(|e| broken(e.to_string()))?;
    if text.len() as u64 != length {
        return Err(broken("its header is cut short".into()));
    }
    let metadata = serde_json::from_slice(&text).map_err(|e| broken(e.to_string()))?;
    Ok((metadata, 8 + length))
}

pub(crate) fn read(mut file: &File, limits: Limits) -> Result<Contents, ImportError> {
    let size = file.metadata().map(|m| m.len()).unwrap_or(0);
    let (metadata, start) = header(file)?;
    let mut contents = Contents::default();
    for (key, text) in metadata.metadata().iter().flatten() {
        contents.metadata.insert(key.clone(), text.clone());
    }
    let mut taken = 0;
    for name in metadata.offset_keys() {
        let Some(info) = metadata.info(&name) else {
            continue;
        };
        let Some(element) = element(info.dtype) else {
            contents.unread.push(format!(
                "\"{name}\" has the type {:?}, which is not read",
                info.dtype
            ));
            continue;
        };
        let count = numbers_of(&name, &info.shape, taken, limits)?;
        let (from, end) = info.data_offsets;
        let bytes = end.saturating_sub(from) as u64;
        let broken = |what: &str| ImportError::refused(format!("The array \"{name}\" {what}."));
        if bytes != count as u64 * element.size() as u64 {
            return Err(broken("does not have the size that its shape asks for"));
        }
        if start.saturating_add(end as u64) > size {
            return Err(broken("is cut short"));
        }
        let mut raw = Vec::new();
        file.seek(SeekFrom::Start(start + from as u64))
            .and_then(|_| file.by_ref().take(bytes).read_to_end(&mut raw))
            .map_err(|e| broken(&format!("cannot be read ({e})")))?;
        if raw.len() as u64 != bytes {
            return Err(broken("is cut short"));
        }
        taken += count as u64;
        contents.arrays.push(ForeignArray {
            name,
            shape: info.shape.clone(),
            values: element.decode(&raw, false),
            dtype: element.name(),
        });
    }
    Ok(contents)
}

fn element(dtype: Dtype) -> Option<Element> {
    Some(match dtype {
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::BF16,
        Dtype::F32 => Element::F32,
        Dtype::F64 => Element::F64,
        Dtype::I8 => Element::I8,
        Dtype::I16 => Element::I16,
        Dtype::I32 => Element::I32,
        Dtype::I64 => Element::I64,
        Dtype::U8 => Element::U8,
        Dtype::U16 => Element::U16,
        Dtype::U32 => Element::U32,
        Dtype::U64 => Element::U64,
        Dtype::BOOL => Element::Bool,
        _ => return None,
    })
}
