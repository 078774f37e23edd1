//! A day's payloads as one file: a zstd frame per race, in it one line of JSON and the body for each payload, oldest first.
//!
//! The bodies of a race differ in a few numbers. The window of a frame reaches back over several of them, so that each is
//! stored as its differences from the one before.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use zstd::stream::{read::Decoder, write::Encoder};

use crate::ArchiveError;
use crate::folder::Contents;
use crate::index;

pub use crate::index::Frame;

/// 8 MB: 12 of the largest bodies, and 40 of the usual ones. Whoever reads the file needs as much memory.
const WINDOW_LOG: u32 = 23;
const LEVEL: i32 = 6;
/// No line of JSON is longer.
const HEAD_MAX: u64 = 64 * 1024;
/// PostgreSQL stores no value that is longer.
const BODY_MAX: u64 = 1024 * 1024 * 1024;

/// A staged payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// `event` or `meetings`.
    pub kind: String,
    /// The race's id, or the list's key.
    pub race_id: String,
    /// When it was fetched.
    pub fetched_at: DateTime<Utc>,
    /// Whether it was staged as bytes, not as text.
    pub is_raw: bool,
    /// The body.
    pub body: Vec<u8>,
}

/// The line before a body.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    kind: String,
    race_id: String,
    fetched_at: DateTime<Utc>,
    bytes: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    raw: bool,
}

/// A file that knows how far it is written.
struct Counted<W> {
    target: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.target.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}

/// What a file is written through: between two races, nothing is compressed.
enum State<W: Write> {
    Between(Counted<W>),
    Within(Box<Encoder<'static, Counted<W>>>),
    /// After an error.
    Broken,
}

/// Writes a day's payloads.
pub struct PayloadWriter<W: Write> {
    state: State<W>,
    frames: Vec<Frame>,
    /// The subjects that have a frame.
    known: HashSet<(String, String)>,
    contents: Contents,
}

impl<W: Write> PayloadWriter<W> {
    /// A file without payloads yet.
    pub fn new(target: W) -> Self {
        let contents = Contents { body_bytes: Some(0), ..Contents::default() };
        Self {
            state: State::Between(Counted { target, bytes: 0 }),
            frames: Vec::new(),
            known: HashSet::new(),
            contents,
        }
    }

    /// Adds a payload. Those of a race come one after another, oldest first.
    pub fn push(&mut self, payload: &Payload) -> io::Result<()> {
        let Payload { kind, race_id, fetched_at, is_raw, body } = payload;
        match self.frames.last_mut() {
            Some(frame) if frame.race_id == *race_id && frame.kind == *kind && frame.last_at <= *fetched_at => {
                frame.last_at = *fetched_at;
                frame.payloads += 1;
            }
            _ if !self.known.insert((race_id.clone(), kind.clone())) => {
                return Err(io::Error::other(format!("the payload of {race_id} at {fetched_at} is out of order")));
            }
            _ => self.begin_frame(payload)?,
        }
        let State::Within(encoder) = &mut self.state else { return Err(broken()) };
        let head = Head {
            kind: kind.clone(),
            race_id: race_id.clone(),
            fetched_at: *fetched_at,
            bytes: body.len() as u64,
            raw: *is_raw,
        };
        serde_json::to_writer(&mut **encoder, &head)?;
        encoder.write_all(b"\n")?;
        encoder.write_all(body)?;
        encoder.write_all(b"\n")?;
        self.contents.count(Some(*fetched_at));
        self.contents.body_bytes = self.contents.body_bytes.map(|bytes| bytes + body.len() as u64);
        Ok(())
    }

    fn begin_frame(&mut self, payload: &Payload) -> io::Result<()> {
        let target = self.end_frame()?;
        self.frames.push(Frame {
            kind: payload.kind.clone(),
            race_id: payload.race_id.clone(),
            offset: target.bytes,
            payloads: 1,
            first_at: payload.fetched_at,
            last_at: payload.fetched_at,
        });
        let mut encoder = Encoder::new(target, LEVEL)?;
        encoder.window_log(WINDOW_LOG)?;
        encoder.long_distance_matching(true)?;
        encoder.include_checksum(true)?;
        self.state = State::Within(Box::new(encoder));
        Ok(())
    }

    fn end_frame(&mut self) -> io::Result<Counted<W>> {
        match std::mem::replace(&mut self.state, State::Broken) {
            State::Between(target) => Ok(target),
            State::Within(encoder) => encoder.finish(),
            State::Broken => Err(broken()),
        }
    }

    /// Ends the file; returns what it was written to, and what it holds.
    pub fn finish(mut self) -> io::Result<(W, Contents)> {
        let mut target = self.end_frame()?;
        index::write(&mut target, &self.frames)?;
        Ok((target.target, self.contents))
    }
}

fn broken() -> io::Error {
    io::Error::other("writing has failed before")
}

/// Reads payloads in the order in which they were written. After an error there is no more.
pub struct PayloadReader {
    input: BufReader<Decoder<'static, BufReader<File>>>,
    path: String,
    is_over: bool,
}

impl std::fmt::Debug for PayloadReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PayloadReader").field("path", &self.path).finish_non_exhaustive()
    }
}

impl PayloadReader {
    /// All payloads of a file.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let opening = || Decoder::new(File::open(path)?);
        opening().map(|decoder| Self::of(decoder, path)).map_err(|error| ArchiveError::file(path, error))
    }

    /// The payloads of one frame of a file.
    pub fn open_frame(path: &Path, frame: &Frame) -> Result<Self, ArchiveError> {
        let opening = || {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(frame.offset))?;
            Ok(Decoder::new(file)?.single_frame())
        };
        opening().map(|decoder| Self::of(decoder, path)).map_err(|error| ArchiveError::file(path, error))
    }

    fn of(decoder: Decoder<'static, BufReader<File>>, path: &Path) -> Self {
        Self { input: BufReader::new(decoder), path: path.display().to_string(), is_over: false }
    }

    fn read(&mut self) -> io::Result<Option<Payload>> {
        let mut line = Vec::new();
        if self.input.by_ref().take(HEAD_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let head: Head = serde_json::from_slice(&line)?;
        if head.bytes > BODY_MAX {
            return Err(io::Error::other(format!("a body of {} bytes", head.bytes)));
        }
        let mut body = Vec::new();
        self.input.by_ref().take(head.bytes).read_to_end(&mut body)?;
        let mut end = [0];
        self.input.read_exact(&mut end)?;
        if body.len() as u64 != head.bytes || end != *b"\n" {
            return Err(io::Error::other("a body has another length than its line says"));
        }
        let Head { kind, race_id, fetched_at, raw, .. } = head;
        Ok(Some(Payload { kind, race_id, fetched_at, is_raw: raw, body }))
    }
}

impl Iterator for PayloadReader {
    type Item = Result<Payload, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let read = self.read();
        self.is_over = !matches!(read, Ok(Some(_)));
        read.map_err(|error| ArchiveError::Content {
            path: self.path.clone(),
            reason: format!("not a complete file of payloads: {error}; restore it from its backup"),
        })
        .transpose()
    }
}

/// The frames of a file.
pub fn frames(path: &Path) -> Result<Vec<Frame>, ArchiveError> {
    let mut file = File::open(path).map_err(|error| ArchiveError::file(path, error))?;
    match index::read(&mut file) {
        Ok(Some(frames)) => Ok(frames),
        Ok(None) => {
            Err(ArchiveError::content(path, "has no index of its races: it is truncated, or not a file of payloads"))
        }
        Err(error) => Err(ArchiveError::file(path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(race_id: &str, second: i64, body: &[u8]) -> Payload {
        let fetched_at = DateTime::from_timestamp(1_764_000_000 + second, 123_456_000).unwrap();
        Payload { kind: "event".into(), race_id: race_id.into(), fetched_at, is_raw: false, body: body.to_vec() }
    }

    /// Two races: `a` with three bodies that resemble each other, `b` with bytes that are not text.
    fn payloads() -> Vec<Payload> {
        let number = |n: u64, odds: u64| n * 2_654_435_761 % 1_000_003 + if n.is_multiple_of(50) { odds } else { 0 };
        let body = |odds| (0..20_000).flat_map(|n| [number(n, odds).to_string(), ",".into()]).collect::<String>();
        let mut payloads: Vec<_> =
            (0..3_i64).map(|n| payload("a", 15 * n, body(n.unsigned_abs()).as_bytes())).collect();
        payloads.push(Payload { is_raw: true, ..payload("b", 0, b"\xff\0{}\n") });
        payloads
    }

    fn file(payloads: &[Payload]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = PayloadWriter::new(file.reopen().unwrap());
        for payload in payloads {
            writer.push(payload).unwrap();
        }
        let (_, contents) = writer.finish().unwrap();
        assert_eq!(contents.rows, payloads.len() as u64);
        assert_eq!(contents.max_time, payloads.iter().map(|payload| payload.fetched_at).max());
        file
    }

    fn read(path: &Path) -> Result<Vec<Payload>, ArchiveError> {
        PayloadReader::open(path)?.collect()
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let payloads = payloads();
        let file = file(&payloads);
        assert_eq!(read(file.path()).unwrap(), payloads);
        let frames = frames(file.path()).unwrap();
        assert_eq!(
            frames.iter().map(|frame| (frame.race_id.as_str(), frame.payloads)).collect::<Vec<_>>(),
            [("a", 3), ("b", 1)]
        );
        let last: Vec<_> = PayloadReader::open_frame(file.path(), &frames[1]).unwrap().map(Result::unwrap).collect();
        assert_eq!(last, payloads[3..]);
        assert!(read(self::file(&[]).path()).unwrap().is_empty());
    }

    #[test]
    fn a_body_is_stored_as_its_differences_from_the_one_before() {
        let all = payloads();
        let size = |payloads: &[Payload]| file(payloads).path().metadata().unwrap().len();
        let (one, two) = (size(&all[..1]), size(&all[..2]));
        assert!(two < one + one / 4, "{one} bytes with one body, {two} with two");
    }

    #[test]
    fn a_truncated_or_foreign_file_is_an_error() {
        let bytes = std::fs::read(file(&payloads()).path()).unwrap();
        for bytes in [&bytes[..bytes.len() / 2], &bytes[..bytes.len() - 300], b"{}\n", b"\x28\xb5\x2f\xfd"] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), bytes).unwrap();
            read(file.path()).unwrap_err();
            frames(file.path()).unwrap_err();
        }
    }

    #[test]
    fn payloads_out_of_order_are_refused() {
        let mut writer = PayloadWriter::new(Vec::new());
        writer.push(&payload("b", 15, b"")).unwrap();
        writer.push(&payload("b", 0, b"")).unwrap_err();
        writer.push(&payload("a", 0, b"")).unwrap();
        writer.push(&payload("b", 30, b"")).unwrap_err();
    }
}
