//! The layout since PyTorch 1.6: a zip archive of one folder, with the description in `data.pkl` and the numbers of
//! each storage in a member of its own, `data/KEY`, normally unpacked. Nothing is written anywhere: members are only
//! looked up by these names.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::{Contents, contents, faulty, refused, short};
use crate::error::{ModelError, Result};
use crate::pickle::{self, Pickle, StoredElsewhere};
use crate::source::{OpenSource, name_of};
use crate::stored_tensor::{Content, Storage};

/// Most members; a network has one for each of its tensors, and a handful more.
const MOST_MEMBERS: usize = 200_000;

/// PyTorch packs nothing; a file that was packed again shrinks by less than this, or is no weights.
const MOST_UNPACKED: u64 = 8;
/// Small files of constants shrink by more.
const ALWAYS_UNPACKED: u64 = 4 << 20;

type Archive<'a> = ZipArchive<BufReader<Reader<'a>>>;

pub(super) fn read(file: &Arc<OpenSource>) -> Result<Contents> {
    let name = name_of(&file.path);
    let mut archive = ZipArchive::new(BufReader::new(Reader { file, at: 0 }))
        .map_err(|error| broken(file, "its list of members", &error.to_string()))?;
    if archive.len() > MOST_MEMBERS {
        return Err(refused(
            file,
            format!(
                "{name} was refused: it has {} members, and weights never have more than {MOST_MEMBERS}",
                archive.len()
            ),
        ));
    }
    let folder = folder(file, &archive)?;
    let big_endian = is_big_endian(file, &mut archive, &folder)?;
    let bytes = member(
        file,
        &mut archive,
        &format!("{folder}data.pkl"),
        pickle::LONGEST,
    )?;
    let description = Pickle::read(&bytes).map_err(|fault| faulty(file, &fault))?;

    let mut taken = 0_u64;
    let mut unpacked = 0_u64;
    let limit = file
        .length
        .saturating_mul(MOST_UNPACKED)
        .max(ALWAYS_UNPACKED);
    let mut storages = Vec::with_capacity(description.storages.len());
    for wanted in &description.storages {
        let path = format!("{folder}data/{}", wanted.key);
        let (content, size) = numbers(file, &mut archive, &path, wanted)?;
        let (sum, bound) = match content {
            Content::File(..) => (&mut taken, file.length),
            Content::Unpacked(..) => (&mut unpacked, limit),
        };
        *sum = sum.saturating_add(size);
        if *sum > bound {
            return Err(refused(
                file,
                format!(
                    "{name} was refused: its members would unpack to more than {bound} bytes, out of {}",
                    file.length
                ),
            ));
        }
        storages.push(Arc::new(Storage {
            content,
            element: wanted.element,
            count: wanted.count,
            big_endian,
        }));
    }
    contents(
        file,
        &description,
        &storages,
        file.length.saturating_add(unpacked),
    )
}

/// The folder that everything lies in, with its slash.
fn folder(file: &OpenSource, archive: &Archive<'_>) -> Result<String> {
    let name = name_of(&file.path);
    let mut folders = archive
        .file_names_raw()
        .filter_map(|member| std::str::from_utf8(member).ok()?.strip_suffix("data.pkl"))
        .filter(|folder| {
            folder.is_empty() || folder.find('/').is_some_and(|at| at + 1 == folder.len())
        });
    let Some(folder) = folders.next() else {
        return Err(refused(
            file,
            format!("{name} is a zip archive, but not one that PyTorch saved: it has no data.pkl"),
        ));
    };
    if folders.next().is_some() {
        return Err(refused(
            file,
            format!("{name} was refused: it has more than one data.pkl"),
        ));
    }
    if archive
        .index_for_name(&format!("{folder}constants.pkl"))
        .is_some()
    {
        return Err(refused(
            file,
            format!(
                "{name} holds a TorchScript program, not only weights; save them in Python with torch.save(model.state_dict(), ...)"
            ),
        ));
    }
    Ok(folder.to_owned())
}

fn is_big_endian(file: &OpenSource, archive: &mut Archive<'_>, folder: &str) -> Result<bool> {
    let path = format!("{folder}byteorder");
    if archive.index_for_name(&path).is_none() {
        return Ok(false);
    }
    match member(file, archive, &path, 16)?.as_slice() {
        b"little" => Ok(false),
        b"big" => Ok(true),
        _ => Err(broken(file, "byteorder", "neither little nor big")),
    }
}

/// A whole member of at most `limit` bytes.
fn member(file: &OpenSource, archive: &mut Archive<'_>, path: &str, limit: u64) -> Result<Vec<u8>> {
    let member = archive
        .by_name(path)
        .map_err(|error| unusable(file, path, &error))?;
    let mut bytes = Vec::new();
    member
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| broken(file, path, &error.to_string()))?;
    if bytes.len() as u64 > limit {
        return Err(refused(
            file,
            format!(
                "{} was refused: its member {} has more than {limit} bytes",
                name_of(&file.path),
                short(path)
            ),
        ));
    }
    Ok(bytes)
}

/// Where the numbers of a storage are, and how many bytes they have, after their checksum was found right.
fn numbers(
    file: &Arc<OpenSource>,
    archive: &mut Archive<'_>,
    path: &str,
    wanted: &StoredElsewhere,
) -> Result<(Content, u64)> {
    let mut member = archive
        .by_name(path)
        .map_err(|error| unusable(file, path, &error))?;
    let needed = wanted.count.checked_mul(wanted.element.bytes());
    if needed != Some(member.size()) {
        return Err(broken(
            file,
            path,
            &format!(
                "it has {} bytes, where {} {} numbers were announced",
                member.size(),
                wanted.count,
                wanted.element.name()
            ),
        ));
    }
    let size = member.size();
    let failed = |error: io::Error| broken(file, path, &error.to_string());
    if member.compression() == CompressionMethod::Stored {
        let start = member.data_start().filter(|start| {
            start
                .checked_add(size)
                .is_some_and(|end| end <= file.length)
        });
        let Some(start) = start.filter(|_| member.compressed_size() == size) else {
            return Err(broken(file, path, "it reaches out of the file"));
        };
        // The checksum is compared at the end.
        io::copy(&mut member, &mut io::sink()).map_err(failed)?;
        return Ok((Content::File(Arc::clone(file), start), size));
    }
    let limit = file
        .length
        .saturating_mul(MOST_UNPACKED)
        .max(ALWAYS_UNPACKED);
    if size > limit {
        return Err(refused(
            file,
            format!(
                "{} was refused: its member {} would unpack to {size} bytes",
                name_of(&file.path),
                short(path)
            ),
        ));
    }
    let mut bytes = Vec::new();
    member
        .take(size + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 != size {
        return Err(broken(
            file,
            path,
            "it unpacks to another size than it says",
        ));
    }
    Ok((Content::Unpacked(bytes.into(), Arc::clone(file)), size))
}

fn unusable(file: &OpenSource, path: &str, error: &ZipError) -> ModelError {
    match error {
        ZipError::FileNotFound => broken(file, path, "it is not there"),
        other => broken(file, path, &other.to_string()),
    }
}

fn broken(file: &OpenSource, member: &str, why: &str) -> ModelError {
    refused(
        file,
        format!(
            "{} is damaged or cut off, in {}: {why}; download it again",
            name_of(&file.path),
            short(member)
        ),
    )
}

/// The file, read from wherever an archive wants to.
struct Reader<'a> {
    file: &'a OpenSource,
    at: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.file.length.saturating_sub(self.at);
        let count = left.min(into.len() as u64) as usize;
        if count > 0 {
            self.file
                .read_at(&mut into[..count], self.at)
                .map_err(io::Error::other)?;
            self.at += count as u64;
        }
        Ok(count)
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.file.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
