//! A fetcher's folder in the spool: its lock and its files.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// An answer that waits or is on its way.
pub const EXTENSION: &str = "payload";
/// One that is not written whole.
pub const UNFINISHED: &str = "unfinished";

/// Takes a folder, made if it is not there; none when another fetcher has it.
pub fn lock(folder: &Path) -> io::Result<Option<File>> {
    fs::create_dir_all(folder)?;
    let file = File::options().create(true).append(true).open(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// The folders of all fetchers in a spool.
pub fn places(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut places = Vec::new();
    for file in fs::read_dir(root)? {
        let path = file?.path();
        // A disk's root holds other folders too, `lost+found` say.
        let number = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<u32>().ok());
        if number.is_some() && path.is_dir() {
            places.push(path);
        }
    }
    places.sort();
    Ok(places)
}

/// Removes what a killed fetcher had not written whole: no answer, and nothing that the spool counts.
pub fn clear_unfinished(folder: &Path) -> io::Result<()> {
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == UNFINISHED) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The answers in a folder, oldest first.
pub fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            names.extend(path.file_name().and_then(|name| name.to_str()).map(str::to_owned));
        }
    }
    names.sort();
    Ok(names)
}
