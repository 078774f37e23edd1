//! What all steps of the setup share.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result};
use raceday_stack::layout::{Layout, cache};

/// Paths, and the lock of the cache.
#[derive(Debug)]
pub struct Setup {
    /// The checkout.
    pub layout: Layout,
    /// The user's download cache.
    pub cache: PathBuf,
    /// The log of all steps.
    pub log: PathBuf,
    /// Allows one setup at a time; released when dropped.
    _lock: File,
}

impl Setup {
    /// Locks the cache, waiting for another setup to end.
    pub fn begin(layout: &Layout) -> Result<Self> {
        let cache = cache()?;
        for folder in [&cache, &layout.local("bin"), &layout.logs()] {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let lock = File::create(cache.join("lock"))?;
        if lock.try_lock().is_err() {
            println!("waiting for another setup to end ({} is locked)", cache.join("lock").display());
            lock.lock()?;
        }
        Ok(Self { layout: layout.clone(), cache, log: layout.local("logs/setup.log"), _lock: lock })
    }
}
