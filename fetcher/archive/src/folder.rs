//! A folder of day files. Each appears under its name whole or not at all, and so does the manifest.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};

use crate::ArchiveError;
use crate::manifest::{Entry, MANIFEST, Manifest};

/// The lock's file name.
const LOCK: &str = ".lock";
/// The ending of a file that is still being written.
const UNFINISHED: &str = ".unfinished";

/// A folder that this process may write to.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    manifest: Manifest,
    /// Released when dropped.
    _lock: File,
}

/// What a new file's rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Contents {
    /// Rows, or payloads.
    pub rows: u64,
    /// The time of the first row.
    pub min_time: Option<DateTime<Utc>>,
    /// The time of the last row.
    pub max_time: Option<DateTime<Utc>>,
    /// For payloads, the size of all bodies before compression.
    pub body_bytes: Option<u64>,
    /// Whether more may come: the day is not over.
    pub is_partial: bool,
}

impl Contents {
    /// Counts a row with its time.
    pub fn count(&mut self, time: Option<DateTime<Utc>>) {
        self.rows += 1;
        self.min_time = self.min_time.into_iter().chain(time).min();
        self.max_time = self.max_time.into_iter().chain(time).max();
    }
}

impl Folder {
    /// Opens a folder, creating it if necessary. Fails if another process has it open.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let opening = || {
            fs::create_dir_all(path)?;
            File::create(path.join(LOCK))
        };
        let lock = opening().map_err(|error| ArchiveError::file(path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), manifest: Manifest::read(path)?, _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(ArchiveError::Locked(path.display().to_string())),
            Err(fs::TryLockError::Error(error)) => Err(ArchiveError::file(path, error)),
        }
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The entry of a file that is complete and unchanged: it exists, and has the checksum in the manifest.
    pub fn complete(&self, name: &str) -> Result<Option<&Entry>, ArchiveError> {
        let Some(entry) = self.manifest.files.get(name) else { return Ok(None) };
        let path = self.path.join(name);
        match sha256_of(&path) {
            Ok(sum) => Ok((sum == entry.sha256).then_some(entry)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ArchiveError::file(&path, error)),
        }
    }

    /// Begins a file, which gets its name with [`keep`](Self::keep).
    pub fn create(&self, name: &str) -> Result<NewFile, ArchiveError> {
        let path = self.path.join(name);
        NewFile::create(&path).map_err(|error| ArchiveError::file(&path, error))
    }

    /// Gives a finished file its name, durably, and adds it to the manifest. Returns its entry.
    pub fn keep(
        &mut self,
        file: NewFile,
        name: &str,
        (table, day): (&str, NaiveDate),
        contents: Contents,
    ) -> Result<Entry, ArchiveError> {
        let path = self.path.join(name);
        let (bytes, sha256) = file.rename().map_err(|error| ArchiveError::file(&path, error))?;
        let Contents { rows, min_time, max_time, body_bytes, is_partial } = contents;
        let table = table.to_owned();
        let entry = Entry { table, day, rows, min_time, max_time, bytes, body_bytes, is_partial, sha256 };
        self.manifest.files.insert(name.to_owned(), entry.clone());
        self.write_manifest().map_err(|error| ArchiveError::file(&self.path.join(MANIFEST), error))?;
        Ok(entry)
    }

    /// The same, unless the folder has a complete file of that name with more rows: some of them have left the database since.
    pub fn keep_fuller(
        &mut self,
        file: NewFile,
        name: &str,
        of: (&str, NaiveDate),
        contents: Contents,
    ) -> Result<Entry, ArchiveError> {
        match self.complete(name)?.filter(|entry| entry.rows > contents.rows) {
            Some(entry) => Ok(entry.clone()),
            None => self.keep(file, name, of, contents),
        }
    }

    fn write_manifest(&self) -> io::Result<()> {
        let mut file = NewFile::create(&self.path.join(MANIFEST))?;
        file.write_all(&self.manifest.json()?)?;
        file.rename().map(|_| ())
    }
}

/// The SHA-256 of a file, hexadecimal.
pub fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(sum)),
            read => sum.update(&buffer[..read]),
        }
    }
}

fn hexadecimal(sum: Sha256) -> String {
    sum.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A file that is being written under another name, and is removed unless it gets its own.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    unfinished: PathBuf,
    file: File,
    sum: Sha256,
    bytes: u64,
}

impl NewFile {
    fn create(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(UNFINISHED);
        let unfinished = PathBuf::from(unfinished);
        // Replaces what a killed process left behind.
        let file = File::create(&unfinished)?;
        Ok(Self { path: path.to_owned(), unfinished, file, sum: Sha256::new(), bytes: 0 })
    }

    /// Gives the file its name once its content is on disk. Returns its size and checksum.
    fn rename(mut self) -> io::Result<(u64, String)> {
        self.file.sync_all()?;
        fs::rename(&self.unfinished, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok((self.bytes, hexadecimal(std::mem::take(&mut self.sum))))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.sum.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // After a rename there is nothing to remove.
        fs::remove_file(&self.unfinished).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "odds_history/2026-11-24.parquet";

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 24).unwrap()
    }

    #[test]
    fn a_file_appears_under_its_name_only_when_it_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(place.path()).unwrap();
        let mut abandoned = folder.create(NAME).unwrap();
        abandoned.write_all(b"half").unwrap();
        assert!(!place.path().join(NAME).exists());
        drop(abandoned);
        assert_eq!(fs::read_dir(place.path().join("odds_history")).unwrap().count(), 0);

        let mut file = folder.create(NAME).unwrap();
        file.write_all(b"abc").unwrap();
        let entry = folder.keep(file, NAME, ("odds_history", day()), Contents::default()).unwrap();
        // As `printf abc | sha256sum` prints it.
        assert_eq!(entry.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Manifest::read(place.path()).unwrap().files[NAME], entry);
        assert_eq!(fs::read(place.path().join(NAME)).unwrap(), b"abc");
    }

    #[test]
    fn a_file_that_was_changed_or_removed_is_not_complete() {
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(place.path()).unwrap();
        let mut file = folder.create(NAME).unwrap();
        file.write_all(b"abc").unwrap();
        folder.keep(file, NAME, ("odds_history", day()), Contents::default()).unwrap();
        drop(folder);
        let folder = Folder::open(place.path()).unwrap();
        assert!(folder.complete(NAME).unwrap().is_some());
        fs::write(place.path().join(NAME), b"abd").unwrap();
        assert!(folder.complete(NAME).unwrap().is_none());
        fs::remove_file(place.path().join(NAME)).unwrap();
        assert!(folder.complete(NAME).unwrap().is_none());
    }

    #[test]
    fn a_file_is_not_replaced_by_one_with_fewer_rows_if_that_is_asked_for() {
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(place.path()).unwrap();
        let contents = |rows| Contents { rows, ..Contents::default() };
        for (rows, expected) in [(2, 2), (1, 2), (3, 3)] {
            let file = folder.create(NAME).unwrap();
            let entry = folder.keep_fuller(file, NAME, ("odds_history", day()), contents(rows)).unwrap();
            assert_eq!(entry.rows, expected);
        }
        assert_eq!(folder.keep(folder.create(NAME).unwrap(), NAME, ("t", day()), contents(1)).unwrap().rows, 1);
    }

    #[test]
    fn a_folder_is_open_for_writing_once() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        let error = Folder::open(place.path()).unwrap_err().to_string();
        assert!(error.contains("another process is writing"), "{error}");
        drop(folder);
        Folder::open(place.path()).unwrap();
    }
}
