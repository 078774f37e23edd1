//! The format of a spooled response: one line of JSON, then the body.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::place::UNFINISHED;
use crate::payload::{Payload, Subject};

/// The first line of a file.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    kind: String,
    race_id: String,
    fetched_at: DateTime<Utc>,
    bytes: usize,
    xxh3: u64,
}

/// A payload ready to be written.
#[derive(Debug)]
pub struct Encoded {
    head: Vec<u8>,
    body: Arc<Vec<u8>>,
    /// The xxh3-64 of the body.
    pub xxh3: u64,
}

impl Encoded {
    /// Encodes a payload.
    pub fn new(payload: &Payload) -> io::Result<Self> {
        let xxh3 = xxh3_64(&payload.body);
        let head = Head {
            kind: payload.subject.kind().to_owned(),
            race_id: payload.subject.to_string(),
            fetched_at: payload.fetched_at,
            bytes: payload.body.len(),
            xxh3,
        };
        let mut head = serde_json::to_vec(&head)?;
        head.push(b'\n');
        Ok(Self { head, body: payload.body.clone(), xxh3 })
    }

    /// The size of the file.
    pub fn size(&self) -> u64 {
        (self.head.len() + self.body.len()) as u64
    }

    /// Writes the file, which gets its name only when it is complete: a killed fetcher leaves no partial file under it.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let unfinished = path.with_extension(UNFINISHED);
        let write = || {
            let mut file = File::create(&unfinished)?;
            file.write_all(&self.head)?;
            file.write_all(&self.body)?;
            fs::rename(&unfinished, path)
        };
        let written = write();
        if written.is_err() {
            fs::remove_file(&unfinished).ok();
        }
        written
    }
}

/// Reads the payload in a file; none if the file is truncated.
pub fn read(path: &Path) -> io::Result<Option<Payload>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(decoded(bytes))
}

/// Reads the subject of a file's response, none if the file is truncated, and the file's size.
pub fn subject_and_size(path: &Path) -> io::Result<(Option<Subject>, u64)> {
    let bytes = fs::metadata(path)?.len();
    Ok((read(path)?.map(|payload| payload.subject), bytes))
}

fn decoded(mut bytes: Vec<u8>) -> Option<Payload> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let head: Head = serde_json::from_slice(&bytes[..end]).ok()?;
    let body = bytes.split_off(end + 1);
    if body.len() != head.bytes || xxh3_64(&body) != head.xxh3 {
        return None;
    }
    let subject = Subject::from_columns(&head.kind, &head.race_id)?;
    Some(Payload { subject, fetched_at: head.fetched_at, body: Arc::new(body) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_an_earlier_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.payload");
        let head = r#"{"kind":"meetings","race_id":"meetings:2025-11-24","fetched_at":"2025-11-23T12:00:00Z","bytes":2,"xxh3":"#;
        fs::write(&path, format!("{head}{}}}\n{{}}", xxh3_64(b"{}"))).unwrap();
        let payload = read(&path).unwrap().unwrap();
        assert_eq!((payload.subject.to_string().as_str(), &payload.body[..]), ("meetings:2025-11-24", &b"{}"[..]));
    }
}
