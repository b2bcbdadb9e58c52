//! Large parts of a run that has not ended, each in a file of its own in `partial-NAME.parts/`, beside the run's cells.
//!
//! A part is written once, and read when the run comes to it again; in between no memory holds it. Behind its numbers
//! stands a digest of them, of their place and of the run: a part that was cut off or is of another run is as good as
//! none.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use super::Identity;
use crate::ExperimentError;
use crate::whole_file::staged;

const ENDING: &str = "parts";
const PART: &str = "part";
/// Begins each file; its last letter is the version of the form.
const MAGIC: &[u8; 8] = b"whypart1";
/// Letters of the digest that stands for a field in a file's name.
const NAMED_BY: usize = 12;
/// Numbers that go through memory at once.
const AT_ONCE: usize = 1 << 14;

/// Where the parts of one run are.
#[derive(Clone, Debug)]
pub struct Parts {
    folder: PathBuf,
    run: [u8; 32],
}

/// The folder beside a file of cells.
pub(super) fn folder_of(cells: &Path) -> PathBuf {
    cells.with_extension(ENDING)
}

impl Parts {
    /// Those beside the file of cells that `identity` names in a folder.
    ///
    /// # Errors
    /// If a path in the experiment is not Unicode.
    pub fn of(identity: &Identity, folder: &Path) -> Result<Self, ExperimentError> {
        Ok(Self {
            folder: folder_of(&identity.path(folder)?),
            run: *blake3::hash(identity.json()?.as_bytes()).as_bytes(),
        })
    }

    fn path(&self, stage: u32, field: &str, part: usize) -> PathBuf {
        let digest = blake3::hash(format!("{stage} {field}").as_bytes()).to_hex();
        let name: String = digest.chars().take(NAMED_BY).collect();
        self.folder.join(format!("{name}-{part}.{PART}"))
    }

    fn hasher(&self, stage: u32, field: &str, part: usize) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new_keyed(&self.run);
        hasher.update(format!("{stage} {part} {field}\n").as_bytes());
        hasher
    }

    /// How many there are, whole ones or not.
    pub fn count(&self) -> usize {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        files
            .filter(|file| file.path().extension().is_some_and(|e| e == PART))
            .count()
    }

    /// The `len` numbers of a part, bit for bit; `None` where there is none of this run and length that is whole.
    pub fn read(&self, stage: u32, field: &str, part: usize, len: usize) -> Option<Vec<f32>> {
        let file = File::open(self.path(stage, field, part)).ok()?;
        let bytes = len.checked_mul(4)? as u64;
        let frame = (MAGIC.len() + blake3::OUT_LEN) as u64;
        if file.metadata().ok()?.len() != bytes.checked_add(frame)? {
            return None;
        }
        let mut file = BufReader::new(file);
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic).ok()?;
        let mut hasher = self.hasher(stage, field, part);
        let mut values = Vec::with_capacity(len);
        let mut buffer = vec![0; 4 * AT_ONCE.min(len)];
        while values.len() < len {
            let count = AT_ONCE.min(len - values.len());
            let read = &mut buffer[..4 * count];
            file.read_exact(read).ok()?;
            hasher.update(read);
            let numbers = read.chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
            values.extend(numbers.map(f32::from_le_bytes));
        }
        let mut digest = [0; blake3::OUT_LEN];
        file.read_exact(&mut digest).ok()?;
        (magic == *MAGIC && hasher.finalize() == blake3::Hash::from_bytes(digest)).then_some(values)
    }

    /// Writes a part, whole or not at all, in place of a former one; `values` one behind the other.
    ///
    /// The system may write it to the disk when it likes: if the power fails, the digest tells.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(
        &self,
        stage: u32,
        field: &str,
        part: usize,
        values: &[&[f32]],
    ) -> Result<(), ExperimentError> {
        let path = self.path(stage, field, part);
        let mut hasher = self.hasher(stage, field, part);
        let fill = |file: &mut File| -> io::Result<()> {
            file.write_all(MAGIC)?;
            let mut buffer = Vec::with_capacity(4 * AT_ONCE);
            for some in values.iter().flat_map(|v| v.chunks(AT_ONCE)) {
                buffer.clear();
                buffer.extend(some.iter().flat_map(|v| v.to_le_bytes()));
                hasher.update(&buffer);
                file.write_all(&buffer)?;
            }
            file.write_all(hasher.finalize().as_bytes())
        };
        staged(&path, "keep a part of the run", fill)?.put()
    }

    /// Takes a part away, if it is there.
    pub fn remove(&self, stage: u32, field: &str, part: usize) {
        fs::remove_file(self.path(stage, field, part)).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::identity;
    use super::*;

    #[test]
    fn parts_come_back_bit_for_bit_and_only_whole_in_their_place_and_of_their_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let parts = Parts::of(&identity(1), folder.path()).expect("a name");
        assert_eq!(parts.count(), 0);
        let many: Vec<f32> = (0..40_000).map(|i| (i as f32).sin()).collect();
        let odd = [-0.0, f32::NEG_INFINITY, f32::from_bits(0x7fc0_1234), 1e-42];
        parts.write(2, "output", 7, &[&many, &odd]).expect("writes");
        assert_eq!(parts.count(), 1);
        let len = many.len() + odd.len();
        let back = parts.read(2, "output", 7, len).expect("is there");
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(&[&many[..], &odd].concat()));
        assert_eq!(parts.read(2, "output", 7, len - 1), None);
        for (stage, field, part) in [(1, "output", 7), (2, "outpu", 7), (2, "output", 6)] {
            assert_eq!(parts.read(stage, field, part, len), None);
        }

        // Of another run, though somebody has put it there.
        let other = Parts::of(&identity(2), folder.path()).expect("a name");
        fs::create_dir(&other.folder).expect("a folder");
        let path = parts.path(2, "output", 7);
        let name = path.file_name().expect("has one");
        fs::copy(&path, other.folder.join(name)).expect("copies");
        assert_eq!(other.read(2, "output", 7, len), None);

        let whole = fs::read(&path).expect("reads");
        for at in [0, 8, whole.len() / 2, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, damaged).expect("writes");
            assert_eq!(parts.read(2, "output", 7, len), None, "byte {at}");
            fs::write(&path, &whole[..at]).expect("writes");
            assert_eq!(parts.read(2, "output", 7, len), None, "cut at {at}");
        }
        parts.write(2, "output", 7, &[&odd]).expect("writes");
        assert!(parts.read(2, "output", 7, 4).is_some(), "it is replaced");
        parts.remove(2, "output", 7);
        assert_eq!(parts.count(), 0);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_a_sentence() {
        let folder = tempfile::tempdir().expect("a folder");
        let parts = Parts::of(&identity(1), folder.path()).expect("a name");
        fs::write(&parts.folder, "").expect("writes");
        let message = parts
            .write(0, "output", 0, &[&[1.0]])
            .expect_err("a file is no folder")
            .to_string();
        assert!(
            message.starts_with("Could not keep a part of the run"),
            "{message}"
        );
    }
}
