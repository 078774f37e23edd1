//! Fetcher.
