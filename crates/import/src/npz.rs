//! numpy's archives of arrays.

use std::io::{Read, Seek};

use zip::ZipArchive;

use crate::array::{Limits, worth_of_texts};
use crate::npy::{self, Stored};
use crate::{Contents, ImportError};

/// Most members in one archive.
const MAX_MEMBERS: usize = 10_000;

pub(crate) fn read(from: impl Read + Seek, limits: Limits) -> Result<Contents, ImportError> {
    let mut zip = ZipArchive::new(from).map_err(|e| {
        ImportError::refused(format!(
            "The file is not a .npz archive, or is cut short ({e})."
        ))
    })?;
    if zip.len() > MAX_MEMBERS {
        return Err(ImportError::refused(format!(
            "The archive holds {} members, which is too many to be arrays.",
            zip.len()
        )));
    }
    let mut contents = Contents::default();
    let mut taken = 0;
    for index in 0..zip.len() {
        let broken = |e: String| {
            ImportError::refused(format!(
                "The member {index} of the archive cannot be opened ({e})."
            ))
        };
        let file = zip.by_index(index).map_err(|e| broken(e.to_string()))?;
        let name = file.name().map_err(|e| broken(e.to_string()))?.into_owned();
        let Some(name) = name.strip_suffix(".npy").map(str::to_string) else {
            continue;
        };
        if contents.arrays.iter().any(|a| a.name == name) || contents.texts.contains_key(&name) {
            return Err(ImportError::refused(format!(
                "The archive holds \"{name}\" twice."
            )));
        }
        match npy::read(&name, file, taken, limits)? {
            Stored::Numbers(array) => {
                taken += array.values.len() as u64;
                contents.arrays.push(array);
            }
            Stored::Texts(texts) => {
                let bytes = texts.iter().map(|text| text.len() as u64).sum();
                taken += worth_of_texts(texts.len() as u64, bytes);
                contents.texts.insert(name, texts);
            }
            Stored::Unreadable(why) => contents.unread.push(format!("\"{name}\" {why}")),
        }
    }
    Ok(contents)
}
