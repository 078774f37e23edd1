//! Where in a day's file the payloads of each race begin: a skippable frame at the end, which `zstd -d` passes over.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The first of the sixteen numbers by which zstd recognises a skippable frame.
const SKIPPABLE: u32 = 0x184D_2A50;
/// The last bytes of a file with an index.
const TRAILER: [u8; 4] = *b"RDIX";
/// Length and mark, after the index.
const TRAILER_BYTES: u32 = 8;
/// No day has an index of this size.
const INDEX_MAX: u64 = 64 * 1024 * 1024;

/// The payloads of one race, or of one meetings list: a zstd frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// `event` or `meetings`.
    pub kind: String,
    /// The race's id, or the list's key.
    pub race_id: String,
    /// Where the frame begins in the file.
    pub offset: u64,
    /// How many payloads it holds.
    pub payloads: u64,
    /// When the first was fetched.
    pub first_at: DateTime<Utc>,
    /// When the last was fetched.
    pub last_at: DateTime<Utc>,
}

/// Writes the index behind the frames.
pub fn write(target: &mut impl Write, frames: &[Frame]) -> io::Result<()> {
    let json = serde_json::to_vec(frames)?;
    let length = u32::try_from(json.len()).map_err(io::Error::other)?;
    target.write_all(&SKIPPABLE.to_le_bytes())?;
    target.write_all(&(length + TRAILER_BYTES).to_le_bytes())?;
    target.write_all(&json)?;
    target.write_all(&length.to_le_bytes())?;
    target.write_all(&TRAILER)
}

/// Reads a file's index; `None` if it has none, because it is truncated or something else.
pub fn read(file: &mut File) -> io::Result<Option<Vec<Frame>>> {
    let size = file.seek(SeekFrom::End(0))?;
    let Some(end) = size.checked_sub(u64::from(TRAILER_BYTES)) else { return Ok(None) };
    let mut trailer = [0; TRAILER_BYTES as usize];
    file.seek(SeekFrom::Start(end))?;
    file.read_exact(&mut trailer)?;
    let [a, b, c, d, mark @ ..] = trailer;
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    if mark != TRAILER || length > end.min(INDEX_MAX) {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(end - length))?;
    let mut json = Vec::new();
    file.take(length).read_to_end(&mut json)?;
    Ok(serde_json::from_slice(&json).ok())
}
