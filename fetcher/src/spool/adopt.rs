//! Adopts responses left behind by dead fetchers.

use std::{fs, io, path::Path};

use super::file;
use super::index::SharedIndex;
use super::place::{clear_unfinished, lock, names, places};

/// Moves the responses of dead fetchers in `root` into the folder `own` and returns how many it moved.
///
/// Stops when the index holds `until_bytes`: the rest is adopted when there is room again.
pub fn adopt(root: &Path, own: &Path, index: &SharedIndex, until_bytes: u64) -> io::Result<usize> {
    let mut adopted = 0;
    for place in places(root)?.into_iter().filter(|place| place != own) {
        // A living fetcher holds the lock of its place; holding it here ensures that only one fetcher empties the place.
        let Some(_lock) = lock(&place)? else { continue };
        for name in names(&place)? {
            if index.lock().bytes > until_bytes {
                return Ok(adopted);
            }
            adopt_file(&place.join(&name), name.split('-').next().unwrap_or_default(), own, index)?;
            adopted += 1;
        }
        clear_unfinished(&place)?;
    }
    Ok(adopted)
}

fn adopt_file(path: &Path, fetched_at_us: &str, own: &Path, index: &SharedIndex) -> io::Result<()> {
    let (subject, bytes) = file::subject_and_size(path)?;
    let name = {
        let mut index = index.lock();
        let name = index.name(fetched_at_us);
        index.insert(name.clone(), subject, bytes);
        name
    };
    if let Err(error) = fs::rename(path, own.join(&name)) {
        index.lock().remove(&name);
        return Err(error);
    }
    index.lock().set_waiting(&name);
    Ok(())
}
