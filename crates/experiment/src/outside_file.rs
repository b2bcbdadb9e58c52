//! Files that other programs made: read within a limit, and only where they are files and stay what they were.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;
use std::time::SystemTime;

/// A file that is open, and what it was like then.
#[derive(Debug)]
pub struct OutsideFile {
    file: File,
    length: u64,
    modified: Option<SystemTime>,
}

impl OutsideFile {
    /// # Errors
    /// If it cannot be opened, or is no file: folders hold no bytes, and pipes and devices may have no end.
    pub fn open(path: &Path) -> Result<Self> {
        // Asked of the name, for opening a pipe waits until somebody writes into it.
        if !std::fs::metadata(path)?.is_file() {
            return Err(Error::new(ErrorKind::InvalidInput, "it is not a file"));
        }
        let file = File::open(path)?;
        let now = file.metadata()?;
        Ok(Self {
            length: now.len(),
            modified: now.modified().ok(),
            file,
        })
    }

    /// Bytes, when it was opened.
    pub fn length(&self) -> u64 {
        self.length
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    /// All bytes from where the file stands, at most `most`.
    ///
    /// # Errors
    /// If there are more, reading fails, or the file was written meanwhile.
    pub fn read_to_end(&self, most: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (&self.file)
            .take(most.saturating_add(1))
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            return Err(Error::new(
                ErrorKind::FileTooLarge,
                format!("it has more than {most} bytes, which are the most that are read of it"),
            ));
        }
        self.check_unchanged()?;
        Ok(bytes)
    }

    /// Whether what was read since the opening is of one content. A file that was put in this one's place does not
    /// matter, for the old one stays open.
    ///
    /// # Errors
    /// If the file was written meanwhile.
    pub fn check_unchanged(&self) -> Result<()> {
        let now = self.file.metadata()?;
        if now.len() == self.length && now.modified().ok() == self.modified {
            return Ok(());
        }
        Err(Error::other(
            "another program has written it while it was read; read it again when that is done",
        ))
    }
}

/// All bytes of a file of at most `most`.
///
/// # Errors
/// As [`OutsideFile::open`] and [`OutsideFile::read_to_end`].
pub fn read_at_most(path: &Path, most: u64) -> Result<Vec<u8>> {
    OutsideFile::open(path)?.read_to_end(most)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_not_beyond() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("five");
        std::fs::write(&path, "bytes").expect("writes");
        assert_eq!(read_at_most(&path, 5).expect("fits"), b"bytes");
        let error = read_at_most(&path, 4).expect_err("longer");
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    }

    #[test]
    fn what_is_not_a_file_is_not_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let said = |path: &Path| read_at_most(path, 5).expect_err("no file").to_string();
        assert_eq!(said(folder.path()), "it is not a file");
        #[cfg(unix)]
        {
            assert_eq!(said(Path::new("/dev/zero")), "it is not a file");
            let pipe = folder.path().join("pipe");
            let made = std::process::Command::new("mkfifo").arg(&pipe).status();
            assert!(made.expect("mkfifo").success());
            assert_eq!(said(&pipe), "it is not a file");
        }
    }

    #[test]
    fn a_file_that_is_written_while_it_is_open_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("changing");
        std::fs::write(&path, "first").expect("writes");
        let open = OutsideFile::open(&path).expect("opens");

        // Another one in its place: the one that is open stays.
        let beside = folder.path().join("beside");
        std::fs::write(&beside, "other").expect("writes");
        std::fs::rename(&beside, &path).expect("renames");
        assert_eq!(open.read_to_end(9).expect("the old one"), b"first");

        // Written over in place, to the same length.
        let open = OutsideFile::open(&path).expect("opens");
        let mut file = File::options().write(true).open(&path).expect("opens");
        file.write_all(b"third").expect("writes");
        let later = SystemTime::now() + Duration::from_secs(3);
        file.set_modified(later).expect("set");
        let error = open.read_to_end(9).expect_err("mixed").to_string();
        assert!(error.contains("while it was read"), "{error}");
    }
}
