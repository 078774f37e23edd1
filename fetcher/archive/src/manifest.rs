//! The manifest of a folder: what each file holds, and its checksum.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::ArchiveError;

/// The manifest's file name.
pub const MANIFEST: &str = "manifest.json";
/// The version of the format that this program writes and reads.
const FORMAT: u32 = 1;

/// What a folder holds. Equal rows give an equal manifest: it names no time of export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format.
    pub format: u32,
    /// Each file by its path below the folder, with `/`.
    pub files: BTreeMap<String, Entry>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The table.
    pub table: String,
    /// The UTC day.
    pub day: NaiveDate,
    /// Rows, or payloads.
    pub rows: u64,
    /// The time of the first row; none if there is no row.
    pub min_time: Option<DateTime<Utc>>,
    /// The time of the last row.
    pub max_time: Option<DateTime<Utc>>,
    /// The size of the file.
    pub bytes: u64,
    /// For payloads, the size of all bodies before compression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<u64>,
    /// Whether the day was not over when the file was written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_partial: bool,
    /// The file's SHA-256, hexadecimal.
    pub sha256: String,
}

impl Default for Manifest {
    fn default() -> Self {
        Self { format: FORMAT, files: BTreeMap::new() }
    }
}

impl Manifest {
    /// Reads a folder's manifest; an empty one if there is none.
    pub fn read(folder: &Path) -> Result<Self, ArchiveError> {
        let path = folder.join(MANIFEST);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(ArchiveError::file(&path, error)),
        };
        let manifest: Self = serde_json::from_slice(&text)
            .map_err(|error| ArchiveError::content(&path, format!("not a manifest: {error}")))?;
        if manifest.format != FORMAT {
            let reason = format!("format {}, but this program reads format {FORMAT}: use a newer one", manifest.format);
            return Err(ArchiveError::content(&path, reason));
        }
        match manifest.files.keys().find(|name| !is_below(name)) {
            Some(name) => Err(ArchiveError::content(&path, format!("{name:?} is not a file of this folder"))),
            None => Ok(manifest),
        }
    }

    /// The JSON text, one line per value.
    pub fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// Whether a path stays below the folder it is joined to: a manifest may come from anyone.
fn is_below(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_that_names_files_elsewhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["../../etc/passwd", "/etc/passwd", ""] {
            let entry = r#"{"table":"t","day":"2026-11-24","rows":0,"bytes":0,"sha256":""}"#;
            fs::write(folder.path().join(MANIFEST), format!(r#"{{"format":1,"files":{{"{name}":{entry}}}}}"#)).unwrap();
            let error = Manifest::read(folder.path()).unwrap_err().to_string();
            assert!(error.contains("not a file of this folder"), "{error}");
        }
    }

    #[test]
    fn a_manifest_of_a_later_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MANIFEST), r#"{"format":2,"files":{}}"#).unwrap();
        let error = Manifest::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("use a newer one"), "{error}");
        assert_eq!(Manifest::read(&folder.path().join("none")).unwrap(), Manifest::default());
    }
}
