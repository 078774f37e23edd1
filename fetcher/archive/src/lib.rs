//! Days of Raceday as files: tables as Parquet, payloads as zstd, and the manifest that describes them.
//!
//! This crate knows files and nothing else: the fetcher fills them from the database, and the simulator replays them. It
//! is a crate of its own so that neither needs the other.

pub mod folder;
pub mod manifest;
pub mod payloads;
pub mod table;

mod index;

/// Why an archive cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file cannot be written or read.
    #[error("{path}: {source}")]
    File {
        /// The file's path.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// A file's content is not what it should be.
    #[error("{path}: {reason}")]
    Content {
        /// The file's path.
        path: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Another process writes to the folder.
    #[error("{0}: another process is writing to this folder; wait until it ends, or choose another folder")]
    Locked(String),
    /// Rows that Parquet refuses.
    #[error("Parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
}

impl ArchiveError {
    /// An error about a file.
    pub fn file(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), source }
    }

    /// A file whose content is wrong.
    pub fn content(path: &std::path::Path, reason: impl Into<String>) -> Self {
        Self::Content { path: path.display().to_string(), reason: reason.into() }
    }
}
