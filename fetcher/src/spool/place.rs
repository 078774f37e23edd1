//! A fetcher's folder in the spool: its lock and its files.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The extension of a complete file.
pub const EXTENSION: &str = "payload";
/// The extension of a file that is still being written.
pub const UNFINISHED: &str = "unfinished";

/// Creates a folder if necessary and locks it; none while another fetcher holds its lock.
pub fn lock(folder: &Path) -> io::Result<Option<File>> {
    fs::create_dir_all(folder)?;
    let file = File::options().create(true).append(true).open(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Locks the first folder in `root` that no other fetcher uses.
pub fn lock_first_free(root: &Path) -> io::Result<(PathBuf, File)> {
    let mut number = 0;
    loop {
        let folder = root.join(number.to_string());
        if let Some(lock) = lock(&folder)? {
            return Ok((folder, lock));
        }
        number += 1;
    }
}

/// The folders of all fetchers in a spool.
pub fn places(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut places = Vec::new();
    for file in fs::read_dir(root)? {
        let path = file?.path();
        // The root of a disk also contains other folders, such as `lost+found`.
        let number = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<u32>().ok());
        if number.is_some() && path.is_dir() {
            places.push(path);
        }
    }
    places.sort();
    Ok(places)
}

/// Removes files that a killed fetcher had not finished writing; the spool does not count them.
pub fn clear_unfinished(folder: &Path) -> io::Result<()> {
    for path in files(folder, UNFINISHED)? {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// The names of the complete files in a folder, oldest first.
pub fn names(folder: &Path) -> io::Result<Vec<String>> {
    let files = files(folder, EXTENSION)?;
    let mut names: Vec<_> = files.iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}

fn files(folder: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    Ok(files)
}
