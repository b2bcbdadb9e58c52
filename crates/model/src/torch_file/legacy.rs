//! The layout before PyTorch 1.6: five pickles in a row (a mark, the version, the writing machine, the object, the
//! storages' keys in order), then the storages, each with its count of numbers before it.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Contents, contents, faulty, refused, short};
use crate::error::Result;
use crate::pickle::{self, Fault, Pickle, Value};
use crate::source::{OpenSource, name_of};
use crate::stored_tensor::{Content, Storage};

/// 0x1950a86a20f9469cfc6c, as the first pickle writes it.
const MARK: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const VERSION: i64 = 1001;

pub(super) fn read(file: &Arc<OpenSource>) -> Result<Contents> {
    let name = name_of(&file.path);
    // The pickles do not say where they end; what lies behind them is read again, when it is asked for.
    let mut bytes = vec![0; file.length.min(pickle::LONGEST) as usize];
    file.read_at(&mut bytes, 0)?;
    let mut at = 0;
    let mut next = || {
        let read = Pickle::read(bytes.get(at..).unwrap_or(&[])).map_err(|fault| match fault {
            Fault::Ended if file.length > pickle::LONGEST => faulty(
                file,
                &Fault::Excessive(format!("is longer than {} MiB", pickle::LONGEST >> 20)),
            ),
            Fault::Malformed(what, within) => faulty(file, &Fault::Malformed(what, at + within)),
            fault => faulty(file, &fault),
        })?;
        at += read.length;
        Ok::<_, crate::ModelError>((read, at as u64))
    };

    let (mark, _) = next()?;
    if *mark.value(mark.root) != Value::LongInteger(MARK.to_vec()) {
        return Err(refused(
            file,
            format!(
                "{name} is a Python pickle, but not one that PyTorch saved; save the weights with torch.save(model.state_dict(), ...)"
            ),
        ));
    }
    let (version, _) = next()?;
    if *version.value(version.root) != Value::Integer(VERSION) {
        return Err(refused(
            file,
            format!(
                "{name} is of an unknown version of PyTorch's old format; save it again with a current PyTorch"
            ),
        ));
    }
    // The writer's byte order and sizes: the numbers are little-endian on every machine.
    next()?;
    let (object, _) = next()?;
    let (keys, mut offset) = next()?;

    let damaged = |what: String| {
        refused(
            file,
            format!("{name} is damaged: {what}; download it again"),
        )
    };
    let Value::List(order) = keys.value(keys.root) else {
        return Err(damaged(
            "it does not list what its tensors are made of".into(),
        ));
    };
    let wanted: HashMap<&str, usize> = object
        .storages
        .iter()
        .enumerate()
        .map(|(place, storage)| (storage.key.as_str(), place))
        .collect();
    let mut found: Vec<Option<Arc<Storage>>> = vec![None; object.storages.len()];
    for &key in order {
        let place = keys.text(key).and_then(|key| wanted.get(key).copied());
        let Some((place, slot)) = place.and_then(|place| Some((place, found.get_mut(place)?)))
        else {
            return Err(damaged(
                "it brings numbers that belong to none of its tensors".into(),
            ));
        };
        let expected = &object.storages[place];
        if slot.is_some() {
            return Err(damaged(format!(
                "it brings the numbers {:?} twice",
                short(&expected.key)
            )));
        }
        let count = read_count(file, offset)?;
        if count != expected.count {
            return Err(damaged(format!(
                "{} numbers were announced for {:?} and {count} are said to be there",
                expected.count,
                short(&expected.key)
            )));
        }
        let start = offset + 8;
        let end = count
            .checked_mul(expected.element.bytes())
            .and_then(|bytes| start.checked_add(bytes))
            .filter(|&end| end <= file.length)
            .ok_or_else(|| cut_off(file))?;
        *slot = Some(Arc::new(Storage {
            content: Content::File(Arc::clone(file), start),
            element: expected.element,
            count,
            big_endian: false,
        }));
        offset = end;
    }
    let storages: Option<Vec<Arc<Storage>>> = found.into_iter().collect();
    let Some(storages) = storages else {
        return Err(damaged(
            "it lacks the numbers of some of its tensors".into(),
        ));
    };
    if offset != file.length {
        return Err(damaged(format!(
            "{} bytes follow its last tensor",
            file.length - offset
        )));
    }
    contents(file, &object, &storages, file.length)
}

fn read_count(file: &OpenSource, offset: u64) -> Result<u64> {
    let mut count = [0; 8];
    if offset.checked_add(8).is_none_or(|end| end > file.length) {
        return Err(cut_off(file));
    }
    file.read_at(&mut count, offset)?;
    Ok(u64::from_le_bytes(count))
}

fn cut_off(file: &OpenSource) -> crate::ModelError {
    refused(
        file,
        format!(
            "{} is cut off: its tensors need more than its {} bytes; download it again",
            name_of(&file.path),
            file.length
        ),
    )
}
