//! The spool: responses on disk until the database has confirmed them.
//!
//! Every response is written here before it is stored, so that it survives a killed fetcher (the page cache does), and
//! removed once the database has committed it. Only a response that the database did not take is synced to disk, and
//! waits here. See docs/decisions/spool.md.

mod adopt;
mod file;
mod index;
mod place;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use metrics::counter;
use tokio::sync::Notify;

use self::adopt::adopt;
use self::file::Encoded;
use self::index::{Index, SharedIndex};
use self::place::{clear_unfinished, lock_first_free};
use crate::payload::{Payload, Subject};

/// Why a response could not be spooled.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The size limit is reached: older responses stay, newer ones are not taken.
    #[error("the spool is full")]
    Full,
    /// The disk failed.
    #[error("spool: {0}")]
    Io(#[from] io::Error),
}

/// The spool of one fetcher process.
#[derive(Debug)]
pub struct Spool {
    root: PathBuf,
    folder: PathBuf,
    max_bytes: u64,
    index: SharedIndex,
    /// Notified when a response begins to wait.
    pub waits: Notify,
    // Held for the life of the process; the system releases it with the process.
    _lock: File,
}

impl Spool {
    /// Opens a place in `root` that no other fetcher uses, and adopts what dead fetchers have left in theirs.
    ///
    /// Places are folders `0`, `1`, ...; each fetcher holds a lock on its place.
    pub fn open(root: &Path, max_bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let (folder, lock) = lock_first_free(root)?;
        clear_unfinished(&folder)?;
        let index = SharedIndex::new(Index::read(&folder)?);
        index.lock().show();
        let spool = Self { root: root.to_owned(), folder, max_bytes, index, waits: Notify::new(), _lock: lock };
        spool.adopt_now()?;
        Ok(spool)
    }

    /// Writes a payload so that it survives this process. Fails when the spool is full or the disk fails.
    pub async fn put(self: &Arc<Self>, payload: Payload) -> Result<Ticket, SpoolError> {
        let spool = self.clone();
        blocking(move || spool.write(&payload)).await
    }

    fn write(self: Arc<Self>, payload: &Payload) -> Result<Ticket, SpoolError> {
        let encoded = Encoded::new(payload)?;
        let name = self.reserve(payload, encoded.size())?;
        if let Err(error) = encoded.write(&self.folder.join(&name)) {
            self.index.lock().remove(&name);
            return Err(error.into());
        }
        Ok(Ticket { spool: self, name: Some(name), xxh3: encoded.xxh3 })
    }

    fn reserve(&self, payload: &Payload, bytes: u64) -> Result<String, SpoolError> {
        let mut index = self.index.lock();
        if index.bytes + bytes > self.max_bytes {
            return Err(SpoolError::Full);
        }
        let name = index.name(&format!("{:020}", payload.fetched_at.timestamp_micros()));
        index.insert(name.clone(), Some(payload.subject.clone()), bytes);
        Ok(name)
    }

    /// Adopts what dead fetchers have left since the last call; returns how many responses.
    ///
    /// Stops when the spool is half full: the other half is for this fetcher's own responses.
    pub async fn adopt(self: &Arc<Self>) -> io::Result<usize> {
        let spool = self.clone();
        blocking(move || spool.adopt_now()).await
    }

    fn adopt_now(&self) -> io::Result<usize> {
        let adopted = adopt(&self.root, &self.folder, &self.index, self.max_bytes / 2)?;
        if adopted > 0 {
            self.waits.notify_one();
        }
        Ok(adopted)
    }

    /// Whether responses about this subject are waiting: a newer one must then wait behind them.
    pub fn has_waiting(&self, subject: &Subject) -> bool {
        self.index.lock().has_waiting(subject)
    }

    /// The names of all that is waiting, oldest first.
    pub fn waiting(&self) -> Vec<String> {
        self.index.lock().waiting()
    }

    /// The subject of a response; none if its file is truncated or no longer here.
    pub fn subject_of(&self, name: &str) -> Option<Subject> {
        self.index.lock().subject_of(name)
    }

    /// Reads a response. A truncated file (after a power failure) is quarantined as `.torn`, and none is returned.
    pub async fn read(self: &Arc<Self>, name: &str) -> io::Result<Option<Payload>> {
        let (spool, name) = (self.clone(), name.to_owned());
        blocking(move || {
            let payload = file::read(&spool.folder.join(&name))?;
            if payload.is_none() {
                tracing::error!(spool.file = %name, "truncated spool file quarantined");
                counter!("raceday_payloads_failed_total", "reason" => "torn").increment(1);
                spool.rename(&name, "torn")?;
            }
            Ok(payload)
        })
        .await
    }

    /// Removes a response that the database has committed.
    pub async fn remove(self: &Arc<Self>, name: &str) -> io::Result<()> {
        let (spool, name) = (self.clone(), name.to_owned());
        blocking(move || {
            fs::remove_file(spool.folder.join(&name))?;
            spool.index.lock().remove(&name);
            Ok(())
        })
        .await
    }

    /// Renames a response that the database will never take to `.refused`, for an operator to inspect.
    pub async fn quarantine(self: &Arc<Self>, name: &str) -> io::Result<()> {
        let (spool, name) = (self.clone(), name.to_owned());
        blocking(move || spool.rename(&name, "refused")).await
    }

    fn rename(&self, name: &str, extension: &str) -> io::Result<()> {
        let path = self.folder.join(name);
        fs::rename(&path, path.with_extension(extension))?;
        self.index.lock().remove(name);
        Ok(())
    }

    fn set_waiting(&self, name: &str) {
        self.index.lock().set_waiting(name);
        self.waits.notify_one();
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        File::open(self.folder.join(name))?.sync_all()?;
        File::open(&self.folder)?.sync_all()
    }
}

/// A spooled response that its worker is still storing. If dropped unresolved, it waits in the spool.
#[derive(Debug)]
pub struct Ticket {
    spool: Arc<Spool>,
    name: Option<String>,
    xxh3: u64,
}

impl Ticket {
    /// The xxh3-64 of the body, as 16 hexadecimal digits.
    pub fn hash(&self) -> String {
        format!("{:016x}", self.xxh3)
    }

    /// Removes the response, which the database has committed.
    pub async fn confirm(mut self) -> io::Result<()> {
        match self.name.take() {
            Some(name) => self.spool.clone().remove(&name).await,
            None => Ok(()),
        }
    }

    /// Keeps the response, which the database may not have, to be stored later, and syncs it to disk.
    pub async fn keep(mut self) -> io::Result<()> {
        let Some(name) = self.name.take() else { return Ok(()) };
        let spool = self.spool.clone();
        blocking(move || {
            spool.set_waiting(&name);
            spool.sync(&name)
        })
        .await
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            self.spool.set_waiting(&name);
        }
    }
}

async fn blocking<T: Send + 'static, E: From<io::Error> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error).into()))
}

#[cfg(test)]
mod tests;
