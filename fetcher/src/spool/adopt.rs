//! What fetchers left that died: taken over by one that lives.

use std::sync::Arc;
use std::{fs, io, path::Path};

use super::place::{clear_unfinished, lock, names, places};
use super::{Spool, blocking, race_and_size};

impl Spool {
    /// Takes over what fetchers have left that died since; returns how many answers.
    ///
    /// As long as half of the spool is free: the rest is for this fetcher's own, and comes when there is room again.
    pub async fn adopt(self: &Arc<Self>) -> io::Result<usize> {
        let spool = self.clone();
        blocking(move || spool.adopt_all()).await
    }

    pub(super) fn adopt_all(&self) -> io::Result<usize> {
        let mut adopted = 0;
        for place in places(&self.root)?.into_iter().filter(|place| *place != self.folder) {
            // Whoever lives holds the lock of its place; this one is held while the place is emptied, so that it is once.
            let Some(_lock) = lock(&place)? else { continue };
            for name in names(&place)? {
                if self.index().bytes > self.max_bytes / 2 {
                    return Ok(adopted);
                }
                self.adopt_one(&place.join(&name), name.split('-').next().unwrap_or_default())?;
                adopted += 1;
            }
            clear_unfinished(&place)?;
        }
        Ok(adopted)
    }

    fn adopt_one(&self, path: &Path, fetched_at_us: &str) -> io::Result<()> {
        let (race_id, bytes) = race_and_size(path)?;
        let name = {
            let mut index = self.index();
            let name = index.name(fetched_at_us);
            index.insert(name.clone(), race_id, bytes);
            name
        };
        if let Err(error) = fs::rename(path, self.folder.join(&name)) {
            self.forget(&name);
            return Err(error);
        }
        self.wait(&name);
        Ok(())
    }
}
