//! The spool: answers on disk until the database has confirmed them.
//!
//! Every answer is written here before it is staged, so that it outlives a killed fetcher (the page cache does), and
//! removed when the database has committed it. Only one that the database did not take is synced to disk, and waits.

mod adopt;
mod place;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use metrics::{counter, gauge};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use xxhash_rust::xxh3::xxh3_64;

use place::{EXTENSION, UNFINISHED, clear_unfinished, lock, names};

/// What the TAB answered, on its way to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// `event` or `meetings`.
    pub kind: Kind,
    /// The race, or `meetings:` and a date.
    pub race_id: String,
    /// Database time at which it had come in whole.
    pub fetched_at: DateTime<Utc>,
    /// As it came.
    pub body: Arc<Vec<u8>>,
}

/// What a payload is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One race.
    Event,
    /// A page of a day's meetings.
    Meetings,
}

impl Kind {
    /// The word of the staging table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Meetings => "meetings",
        }
    }
}

/// First line of a file; the body follows.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    kind: Kind,
    race_id: String,
    fetched_at: DateTime<Utc>,
    bytes: usize,
    xxh3: u64,
}

/// Why an answer could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// It holds as much as it may: what is older stays, what is newer is lost.
    #[error("the spool is full")]
    Full,
    /// The disk.
    #[error("spool: {0}")]
    Io(#[from] io::Error),
}

#[derive(Debug)]
struct Entry {
    race_id: String,
    bytes: u64,
    /// Whether its worker has given it up, so that it waits to be staged from here.
    waiting: bool,
}

#[derive(Debug, Default)]
struct Index {
    entries: BTreeMap<String, Entry>,
    waiting_by_race: HashMap<String, usize>,
    bytes: u64,
    written: u64,
}

impl Index {
    /// A name that no answer has here. Names sort by time fetched, first part.
    fn name(&mut self, fetched_at_us: &str) -> String {
        loop {
            self.written += 1;
            let name = format!("{fetched_at_us}-{:08}.{EXTENSION}", self.written);
            // An earlier life may have counted as far, and process ids come again.
            if !self.entries.contains_key(&name) {
                return name;
            }
        }
    }

    fn insert(&mut self, name: String, race_id: String, bytes: u64) {
        self.bytes += bytes;
        self.entries.insert(name, Entry { race_id, bytes, waiting: false });
    }

    fn show(&self) {
        let waiting = self.entries.values().filter(|entry| entry.waiting);
        let (depth, bytes) = waiting.fold((0_u64, 0), |(depth, bytes), entry| (depth + 1, bytes + entry.bytes));
        gauge!("raceday_spool_depth").set(depth as f64);
        gauge!("raceday_spool_bytes").set(bytes as f64);
    }
}

/// The spool of one fetcher process.
#[derive(Debug)]
pub struct Spool {
    root: PathBuf,
    folder: PathBuf,
    max_bytes: u64,
    index: Mutex<Index>,
    /// Told when something begins to wait.
    pub waits: Notify,
    // Held for the process's life; the system gives it up with the process.
    _lock: File,
}

impl Spool {
    /// Opens a place in `root` that no other fetcher uses, and takes over what dead ones have left in theirs.
    ///
    /// Places are folders `0`, `1`, ...; a fetcher holds a lock on its own.
    pub fn open(root: &Path, max_bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let mut number = 0;
        let (folder, lock) = loop {
            let folder = root.join(number.to_string());
            if let Some(lock) = lock(&folder)? {
                break (folder, lock);
            }
            number += 1;
        };
        clear_unfinished(&folder)?;
        let index = Mutex::new(read_index(&folder)?);
        let spool = Self { root: root.to_owned(), folder, max_bytes, index, waits: Notify::new(), _lock: lock };
        spool.index().show();
        spool.adopt_all()?;
        Ok(spool)
    }

    /// Writes a payload, so that it outlives this process. Fails when the spool is full, or the disk.
    pub async fn put(self: &Arc<Self>, payload: Payload) -> Result<Ticket, SpoolError> {
        let spool = self.clone();
        blocking(move || spool.write(payload)).await
    }

    fn write(self: Arc<Self>, payload: Payload) -> Result<Ticket, SpoolError> {
        let head = Head {
            kind: payload.kind,
            race_id: payload.race_id.clone(),
            fetched_at: payload.fetched_at,
            bytes: payload.body.len(),
            xxh3: xxh3_64(&payload.body),
        };
        let mut line = serde_json::to_vec(&head).map_err(io::Error::from)?;
        line.push(b'\n');
        let bytes = (line.len() + payload.body.len()) as u64;
        let name = self.reserve(&payload, bytes)?;
        let path = self.folder.join(&name);
        let unfinished = path.with_extension(UNFINISHED);
        let written = (|| {
            let mut file = File::create(&unfinished)?;
            file.write_all(&line)?;
            file.write_all(&payload.body)?;
            // Named only when whole: a killed fetcher leaves no half answer that looks like one.
            fs::rename(&unfinished, &path)
        })();
        if let Err(error) = written {
            fs::remove_file(&unfinished).ok();
            self.forget(&name);
            return Err(error.into());
        }
        Ok(Ticket { spool: self, name: Some(name), payload, xxh3: head.xxh3 })
    }

    fn reserve(&self, payload: &Payload, bytes: u64) -> Result<String, SpoolError> {
        let mut index = self.index();
        if index.bytes + bytes > self.max_bytes {
            return Err(SpoolError::Full);
        }
        let name = index.name(&format!("{:020}", payload.fetched_at.timestamp_micros()));
        index.insert(name.clone(), payload.race_id.clone(), bytes);
        Ok(name)
    }

    /// Whether answers of this race wait: a newer one must then wait behind them.
    pub fn has_waiting(&self, race_id: &str) -> bool {
        self.index().waiting_by_race.contains_key(race_id)
    }

    /// Names of what waits, oldest first.
    pub fn waiting(&self) -> Vec<String> {
        self.index().entries.iter().filter(|(_, entry)| entry.waiting).map(|(name, _)| name.clone()).collect()
    }

    /// The race that an answer is about; none when it is no longer here, empty when it is torn.
    pub fn race_of(&self, name: &str) -> Option<String> {
        self.index().entries.get(name).map(|entry| entry.race_id.clone())
    }

    /// Reads what waits. One that is torn (power failed) is put aside as `.torn` and is none.
    pub async fn read(self: &Arc<Self>, name: &str) -> io::Result<Option<Payload>> {
        let (spool, name) = (self.clone(), name.to_owned());
        blocking(move || {
            let path = spool.folder.join(&name);
            if let Some(payload) = read_payload(&path)? {
                return Ok(Some(payload));
            }
            tracing::error!(spool.file = %name, "spool.torn");
            counter!("raceday_payloads_failed_total", "reason" => "torn").increment(1);
            fs::rename(&path, path.with_extension("torn"))?;
            spool.forget(&name);
            Ok(None)
        })
        .await
    }

    /// Removes what the database has.
    pub async fn remove(self: &Arc<Self>, name: &str) -> io::Result<()> {
        let (spool, name) = (self.clone(), name.to_owned());
        blocking(move || {
            fs::remove_file(spool.folder.join(&name))?;
            spool.forget(&name);
            Ok(())
        })
        .await
    }

    /// Puts aside what the database will never take, as `.refused`, for a person to look at.
    pub async fn put_aside(self: &Arc<Self>, name: &str) -> io::Result<()> {
        let (spool, name) = (self.clone(), name.to_owned());
        blocking(move || {
            let path = spool.folder.join(&name);
            fs::rename(&path, path.with_extension("refused"))?;
            spool.forget(&name);
            Ok(())
        })
        .await
    }

    fn forget(&self, name: &str) {
        let mut index = self.index();
        let Some(entry) = index.entries.remove(name) else { return };
        index.bytes -= entry.bytes;
        if entry.waiting {
            let count = index.waiting_by_race.entry(entry.race_id.clone()).or_default();
            *count = count.saturating_sub(1);
            if *count == 0 {
                index.waiting_by_race.remove(&entry.race_id);
            }
            index.show();
        }
    }

    fn wait(&self, name: &str) {
        let mut index = self.index();
        let Some(entry) = index.entries.get_mut(name) else { return };
        entry.waiting = true;
        let race_id = entry.race_id.clone();
        *index.waiting_by_race.entry(race_id).or_default() += 1;
        index.show();
        self.waits.notify_one();
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        File::open(self.folder.join(name))?.sync_all()?;
        File::open(&self.folder)?.sync_all()
    }
}

/// A payload in the spool and in the hands of its worker. Dropped without a word it waits in the spool.
#[derive(Debug)]
pub struct Ticket {
    spool: Arc<Spool>,
    name: Option<String>,
    payload: Payload,
    xxh3: u64,
}

impl Ticket {
    /// The payload.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// The xxh3-64 of its body, as 16 hexadecimal digits.
    pub fn hash(&self) -> String {
        format!("{:016x}", self.xxh3)
    }

    /// The database has it.
    pub async fn confirm(mut self) -> io::Result<()> {
        match self.name.take() {
            Some(name) => self.spool.clone().remove(&name).await,
            None => Ok(()),
        }
    }

    /// The database does not have it, as far as is known: synced to disk, to be staged later.
    pub async fn keep(mut self) -> io::Result<()> {
        let Some(name) = self.name.take() else { return Ok(()) };
        let spool = self.spool.clone();
        blocking(move || {
            spool.wait(&name);
            spool.sync(&name)
        })
        .await
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            self.spool.wait(&name);
        }
    }
}

async fn blocking<T: Send + 'static, E: From<io::Error> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error).into()))
}

fn read_index(folder: &Path) -> io::Result<Index> {
    let mut index = Index::default();
    for name in names(folder)? {
        let (race_id, bytes) = race_and_size(&folder.join(&name))?;
        index.bytes += bytes;
        *index.waiting_by_race.entry(race_id.clone()).or_default() += 1;
        index.entries.insert(name, Entry { race_id, bytes, waiting: true });
    }
    // Later names must not collide with those of an earlier life.
    index.written = index.entries.len() as u64 + u64::from(std::process::id()) * 1000;
    Ok(index)
}

/// The race that a file's answer is about, empty when it is torn, and the file's size.
fn race_and_size(path: &Path) -> io::Result<(String, u64)> {
    let bytes = fs::metadata(path)?.len();
    let race_id = read_payload(path)?.map(|payload| payload.race_id).unwrap_or_default();
    Ok((race_id, bytes))
}

/// The payload in a file; none when it is torn.
fn read_payload(path: &Path) -> io::Result<Option<Payload>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let Ok(head) = serde_json::from_slice::<Head>(&bytes[..end]) else { return Ok(None) };
    let body = bytes.split_off(end + 1);
    if body.len() != head.bytes || xxh3_64(&body) != head.xxh3 {
        return Ok(None);
    }
    let Head { kind, race_id, fetched_at, .. } = head;
    Ok(Some(Payload { kind, race_id, fetched_at, body: Arc::new(body) }))
}

#[cfg(test)]
mod tests;
