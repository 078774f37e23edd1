//! A fetcher's folder in the spool: its lock, its files, and what dead fetchers have left in theirs.

use std::fs::{self, File};
use std::io;
use std::path::Path;

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

/// Moves what fetchers that run no more have left into `own`.
pub fn adopt(root: &Path, own: &Path) -> io::Result<()> {
    for place in fs::read_dir(root)? {
        let place = place?.path();
        if place == own || !place.is_dir() {
            continue;
        }
        let Some(_lock) = lock(&place)? else { continue };
        for (number, name) in names(&place)?.into_iter().enumerate() {
            let micros = name.split('-').next().unwrap_or_default();
            let moved = format!("{micros}-adopted-{}-{number}.{EXTENSION}", std::process::id());
            fs::rename(place.join(name), own.join(moved))?;
        }
        clear_unfinished(&place)?;
    }
    Ok(())
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
