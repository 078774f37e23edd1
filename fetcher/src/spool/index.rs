//! What is in the spool, kept in memory.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use metrics::gauge;

use super::file;
use super::place::{EXTENSION, names};
use crate::payload::Subject;

/// One spooled response.
#[derive(Debug)]
struct Entry {
    /// None for a truncated file.
    subject: Option<Subject>,
    bytes: u64,
    /// Whether its worker has handed it to the spool, to be stored later.
    is_waiting: bool,
}

/// The spooled responses by file name; names sort by time fetched.
#[derive(Debug, Default)]
pub struct Index {
    entries: BTreeMap<String, Entry>,
    waiting: HashMap<Subject, usize>,
    /// Size of all files.
    pub bytes: u64,
    written: u64,
}

impl Index {
    /// Reads the index of a folder; everything in it is waiting.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut index = Self::default();
        for name in names(folder)? {
            let (subject, bytes) = file::subject_and_size(&folder.join(&name))?;
            index.insert(name.clone(), subject, bytes);
            index.mark_waiting(&name);
        }
        // Names given from now on must not collide with those of an earlier process.
        index.written = index.entries.len() as u64 + u64::from(std::process::id()) * 1000;
        Ok(index)
    }

    /// An unused name for a response fetched at this time (zero-padded microseconds).
    pub fn name(&mut self, fetched_at_us: &str) -> String {
        loop {
            self.written += 1;
            let name = format!("{fetched_at_us}-{:08}.{EXTENSION}", self.written);
            // An earlier process may have counted as far, and process ids recur.
            if !self.entries.contains_key(&name) {
                return name;
            }
        }
    }

    /// Adds a response that is not waiting yet.
    pub fn insert(&mut self, name: String, subject: Option<Subject>, bytes: u64) {
        self.bytes += bytes;
        self.entries.insert(name, Entry { subject, bytes, is_waiting: false });
    }

    /// Marks a response as waiting.
    pub fn set_waiting(&mut self, name: &str) {
        self.mark_waiting(name);
        self.show();
    }

    fn mark_waiting(&mut self, name: &str) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        entry.is_waiting = true;
        if let Some(subject) = entry.subject.clone() {
            *self.waiting.entry(subject).or_default() += 1;
        }
    }

    /// Removes a response.
    pub fn remove(&mut self, name: &str) {
        let Some(entry) = self.entries.remove(name) else { return };
        self.bytes -= entry.bytes;
        if entry.is_waiting {
            if let Some(subject) = entry.subject {
                let count = self.waiting.entry(subject.clone()).or_default();
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.waiting.remove(&subject);
                }
            }
            self.show();
        }
    }

    /// Whether responses about this subject are waiting.
    pub fn has_waiting(&self, subject: &Subject) -> bool {
        self.waiting.contains_key(subject)
    }

    /// The names of all that is waiting, oldest first.
    pub fn waiting(&self) -> Vec<String> {
        self.entries.iter().filter(|(_, entry)| entry.is_waiting).map(|(name, _)| name.clone()).collect()
    }

    /// The subject of a response; none if the file is truncated or no longer here.
    pub fn subject_of(&self, name: &str) -> Option<Subject> {
        self.entries.get(name)?.subject.clone()
    }

    /// Sets the gauges.
    pub fn show(&self) {
        let waiting = self.entries.values().filter(|entry| entry.is_waiting);
        let (depth, bytes) = waiting.fold((0_u64, 0), |(depth, bytes), entry| (depth + 1, bytes + entry.bytes));
        gauge!("raceday_spool_depth").set(depth as f64);
        gauge!("raceday_spool_bytes").set(bytes as f64);
    }
}

/// An index shared by threads.
#[derive(Debug)]
pub struct SharedIndex(Mutex<Index>);

impl SharedIndex {
    /// Shares an index.
    pub fn new(index: Index) -> Self {
        Self(Mutex::new(index))
    }

    /// Exclusive access.
    pub fn lock(&self) -> MutexGuard<'_, Index> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
